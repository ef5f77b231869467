"""The page's sentences: what was trained on what, how well it does, how it was chosen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from couloir.figures import Run, words
from couloir.figures.words import count, number, percent

STATUS_NOTES = {
    "interrupted": "This run was interrupted. What follows holds for what had been learnt until then.",
    "out of time": "This run reached its time limit. What follows holds for what had been learnt until then.",
}
MOST_CLASSES_LISTED = 12


def summarise(run: Run) -> dict[str, Any]:
    """Every sentence and fact of the page that is not a table of members or a figure."""
    record = run.record
    return {
        "name": words.short(record["data"]["name"], 80),
        "status": STATUS_NOTES.get(record["status"], ""),
        "created": _moment(record.get("created")),
        "lead": _lead(record),
        "scores": _scores(record),
        "verdict": _verdict(record),
        "facts": _facts(record),
        "data": _data(record["data"]),
        "warnings": record["data"].get("warnings") or [],
        "winner": _winner(record["winner"]),
        "choice": _choice(record),
        "command": record.get("command", ""),
        "seconds": _seconds(record.get("seconds", {})),
        "versions": list(record.get("versions", {}).items()),
        "machine": _machine(record),
    }


def headline_metric(record: dict[str, Any]) -> str:
    """The score that stands first: accuracy for classes, R² for numbers."""
    return "accuracy" if record["data"]["task"] == "classification" else "r2"


def _moment(created: str | None) -> str:
    if not created:
        return ""
    moment = datetime.fromisoformat(created)
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()


def _lead(record: dict[str, Any]) -> str:
    data, winner = record["data"], record["winner"]
    target = words.short(data["target"])
    networks = count(record["n_members"], "network")
    text = f"{networks} {'was' if record['n_members'] == 1 else 'were trained together, as one population,'} "
    text = text.replace("was ", "was trained ") if record["n_members"] == 1 else text
    text += f"on {count(data['split']['train'], 'row')} to predict {target}. "
    text += f"The best on validation was trained with {winner['optimizer']} "
    return text + f"at a learning rate of {number(winner['learning_rate'])}."


def _interval(record: dict[str, Any], name: str) -> list[float] | None:
    return ((record["test"] or {}).get("intervals") or {}).get(name)


def _scores(record: dict[str, Any]) -> dict[str, Any]:
    """The table of test scores: the winner, the linear model, the baseline."""
    test, first = record["test"] or {}, headline_metric(record)
    others = ("log_loss", "balanced_accuracy") if first == "accuracy" else ("mae", "mse")
    names = [first, *(name for name in others if name in test)]
    rows = [("winner", test)]
    for key in ("linear", "baseline"):
        if record.get(key):
            rows.append((record[key]["name"], record[key]["test"]))
    table = [
        {
            "name": name,
            "values": [words.metric(metric, scores.get(metric)) for metric in names],
            "intervals": [_range(record, metric) if name == "winner" else "" for metric in names],
            # The bar shows the headline score between 0 and 1; a negative R² has none.
            "bar": f"{100 * min(1.0, max(0.0, scores.get(first) or 0.0)):.2f}",
        }
        for name, scores in rows
    ]
    return {"metrics": [words.METRIC_NAMES[name] for name in names], "rows": table}


def _range(record: dict[str, Any], name: str) -> str:
    bounds = _interval(record, name)
    return f"{words.metric(name, bounds[0])} to {words.metric(name, bounds[1])}" if bounds else ""


def _verdict(record: dict[str, Any]) -> list[str]:
    """What the test scores say: against nothing learnt, against a linear model, with the interval."""
    test, first = record["test"] or {}, headline_metric(record)
    if test.get(first) is None:
        return ["The test part was not scored."]
    rows = record["data"]["split"]["test"]
    interval = _range(record, first)
    within = f" (95\u202f% interval {interval})" if interval else ""
    if first == "accuracy":
        sentences = [
            f"On {count(rows, 'test row')} that no choice ever saw, the winner is right in "
            f"{percent(test[first])}{within}."
        ]
    else:
        sentences = [
            f"On {count(rows, 'test row')} that no choice ever saw, the winner explains "
            f"{percent(test[first])} of the variance: R² is {number(test[first])}{within}. "
            f"Its predictions are off by {number(test.get('mae'))} on average."
        ]
    return [*sentences, *_comparisons(record, first)]


def _comparisons(record: dict[str, Any], first: str) -> list[str]:
    sentences, score = [], record["test"][first]
    bounds = _interval(record, first)
    linear = (record.get("linear") or {}).get("test", {}).get(first)
    if linear is not None:
        text = f"{record['linear']['name'].capitalize()} reaches {words.metric(first, linear)}"
        if bounds and linear < bounds[0]:
            text += ", which lies below that interval: the network does better here."
        elif bounds and linear > bounds[1]:
            text += ", which lies above that interval: it does better here, and is simpler."
        elif bounds:
            text += f", inside that interval: {count(record['data']['split']['test'], 'test row')} "
            text += "hardly tell the two apart."
        else:
            text += f" against the winner's {words.metric(first, score)}."
        sentences.append(text)
    baseline = (record.get("baseline") or {}).get("test", {}).get(first)
    if baseline is not None:
        what = {
            "majority class": "Always answering with the commonest class",
            "mean": "Always answering with the mean",
        }
        name = record["baseline"]["name"]
        sentences.append(f"{what.get(name, name.capitalize())} reaches {words.metric(first, baseline)}.")
    return sentences


def _facts(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(what, value, detail) of the few facts under the title."""
    counts, winner, first = record["counts"], record["winner"], headline_metric(record)
    names = {"finished": "ran to the end", "stopped": "stopped early", "diverged": "diverged"}
    fates = [f"{counts[key]:,} {name}" for key, name in names.items() if counts.get(key)]
    metric = record["metric"]
    score = words.metric(first, (record["test"] or {}).get(first))
    validation = words.metric(metric, record["validation"].get(metric))
    layers = "-".join(str(width) for width in winner["hidden"])
    detail = f"learning rate {number(winner['learning_rate'])}" + (f", hidden {layers}" if layers else "")
    seconds = record.get("seconds", {})
    training = f"{number(seconds['train'])}\u202fs of it training" if "train" in seconds else ""
    return [
        (f"Test {words.METRIC_NAMES[first]}", score, _range(record, first)),
        (f"Validation {words.METRIC_NAMES[metric]}", validation, "chosen by this"),
        ("Winner", winner["optimizer"], detail),
        ("Members", f"{record['n_members']:,}", ", ".join(fates)),
        ("Time", f"{number(seconds.get('total') or sum(seconds.values()))}\u202fs", training),
    ]


def _data(data: dict[str, Any]) -> list[tuple[str, str]]:
    kinds = [f"{n:,} {words.short(kind)}" for kind, n in (data.get("column_kinds") or {}).items()]
    split = data["split"]
    parts = f"{split['train']:,} to train, {split['validation']:,} to validate, {split['test']:,} to test"
    facts = [
        ("Rows", f"{data['rows']:,}: {parts}"),
        ("Columns", f"{data['columns']:,}" + (f": {words.joined(kinds)}" if kinds else "")),
        ("Target", f"{words.short(data['target'])}, {data['task']}"),
    ]
    if data.get("image_shape"):
        height, width = data["image_shape"]
        facts.insert(2, ("Images", f"{height} × {width} pixels, one a row"))
    if data.get("class_counts"):
        facts.append(("Classes", _classes(data["classes"], data["class_counts"])))
    if data.get("target_mean") is not None:
        low, mean, high = (number(data[f"target_{what}"]) for what in ("minimum", "mean", "maximum"))
        facts.append(("Its values", f"from {low} to {high}, mean {mean}"))
    missing = data.get("missing") or 0
    facts.append(("Missing", count(missing, "cell") if missing else "none"))
    facts.append(("Fingerprint", str(data["fingerprint"])[:16]))
    return facts


def _classes(labels: list[Any], counts: list[int]) -> str:
    pairs = list(zip(labels, counts, strict=True))
    # No line breaks between a class and its count.
    listed = [f"{words.short(label, 24)}\u00a0({n:,})" for label, n in pairs[:MOST_CLASSES_LISTED]]
    rest = len(pairs) - len(listed)
    return f"{len(pairs)}: {', '.join(listed)}" + (f" and {rest} more" if rest else "")


def _winner(winner: dict[str, Any]) -> list[tuple[str, str]]:
    layers = " → ".join(str(width) for width in winner["hidden"]) or "none"
    facts = [
        ("Hidden layers", f"{layers}, {winner['activation']}"),
        ("Parameters", f"{winner['n_parameters']:,}"),
        ("Update rule", winner["optimizer"]),
        ("Learning rate", f"{number(winner['learning_rate'])}, {winner['schedule']} schedule"),
    ]
    if winner.get("momentum") is not None:
        facts.append(("Momentum", number(winner["momentum"])))
    facts += [
        ("Loss", words.LOSS_NAMES.get(winner["loss"], winner["loss"])),
        ("Batch", count(winner["batch_size"], "row")),
        ("Epochs", f"up to {winner['epochs']:,}; the weights of epoch {winner['best_epoch']} were kept"),
    ]
    penalties = {"l1": "L1", "l2": "L2", "dropout": "dropout", "noise": "input noise"}
    used = [f"{name} {number(winner[key])}" for key, name in penalties.items() if winner.get(key)]
    facts.append(("Regularization", words.joined(used) if used else "early stopping alone"))
    return facts


def _choice(record: dict[str, Any]) -> list[str]:
    """How the choice was made, so that a reader can trust the test score."""
    data, metric = record["data"], words.METRIC_NAMES[record["metric"]]
    highest = "highest" if record["metric"] in words.HIGHER_IS_BETTER else "lowest"
    validation = count(data["split"]["validation"], "validation row")
    text = f"Each member learnt from the {data['split']['train']:,} training rows alone. "
    if record["n_members"] == 1:
        text += f"How long to train was decided by the {highest} {metric} on the {validation}. "
    else:
        text += f"The winner is the one with the {highest} {metric} on the {validation}, at its own best "
        text += f"epoch; as the best of {record['n_members']:,} that number is a little flattering. "
    text += (
        f"The {count(data['split']['test'], 'test row')} took no part in any choice: winner and baselines "
    )
    text += "were fixed first, then scored there once."
    sentences = [text]
    times = (record.get("ledger") or {}).get("times_scored")
    if times == 1:
        sentences.append("No other run has scored this test part before.")
    elif times:
        sentences.append(
            f"Over all runs this test part has been scored {times:,} times. "
            "If those scores guided you, take this one as slightly flattering too."
        )
    if refit := record["winner"].get("refit_epochs"):
        sentences.append(
            f"After the choice the winner was trained anew on training and validation rows together, for "
            f"{count(refit, 'epoch')}; the test score is that network's, the curves are those before."
        )
    return sentences


def _seconds(seconds: dict[str, float]) -> list[tuple[str, str]]:
    """Stage and duration, the total last; a stage that took no time at all did not happen."""
    stages = [(stage, value) for stage, value in seconds.items() if value > 0 and stage != "total"]
    if "total" in seconds:
        stages.append(("total", seconds["total"]))
    return [
        (stage, f"{value:.1f}\u202fs" if value >= 0.05 else "under 0.1\u202fs") for stage, value in stages
    ]


def _machine(record: dict[str, Any]) -> str:
    rate = (record.get("throughput") or {}).get("member_samples_per_second")
    text = f"Run seed {record['seed']}, on {record.get('device', 'an unknown device')}."
    if rate:
        text += f" Throughput: {number(float(f'{rate:.3g}'))} member-samples per second."
    return text
