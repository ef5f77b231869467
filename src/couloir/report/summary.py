"""The page's sentences: what was trained on what, how well it does, how it was chosen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from couloir import text as words
from couloir.figures import Run, scores
from couloir.report import folds
from couloir.text import count, number, percent

STATUS_NOTES = {
    "interrupted": "This run was interrupted. What follows holds for what had been learnt until then.",
    "out of time": "This run reached its time limit. What follows holds for what had been learnt until then.",
}
REFIT_DIVERGED = "Trained anew with more rows the winner diverged: kept are the networks that were judged."
MOST_CLASSES_LISTED = 12


def summarise(run: Run) -> dict[str, Any]:
    """Every sentence and fact of a training's page that is not a table of members or a figure."""
    record = run.record
    return common(record) | {
        "lead": _lead(record),
        "facts": _facts(record),
        "choice": _choice(record),
        "stopping": folds.stopping_words(run),
        "in_time": (record.get("cross_validation") or {}).get("kind") == "in time",
    }


def common(record: dict[str, Any]) -> dict[str, Any]:
    """The sentences and facts that the pages of all kinds of run have."""
    return {
        "name": words.short(record["data"]["name"], 80),
        "status": status_words(record),
        "created": moment(record.get("created")),
        "scores": scores_table(record),
        "verdict": verdict(record),
        "data": data_facts(record["data"]),
        "warnings": record["data"].get("warnings") or [],
        "winner": winner_facts(record["winner"]),
        "command": record.get("command", ""),
        "seconds": stage_seconds(record.get("seconds", {})),
        "versions": list(record.get("versions", {}).items()),
        "machine": machine(record),
    }


def status_words(record: dict[str, Any]) -> str:
    """What a reader should know before all else: that the run was cut short, that its refit failed."""
    notes = [STATUS_NOTES.get(record.get("status", ""), "")]
    notes += [REFIT_DIVERGED] if record.get("refit_diverged") else []
    return " ".join(filter(None, notes))


def headline_metric(record: dict[str, Any]) -> str:
    """The score that stands first: accuracy for classes, R² for numbers."""
    return "accuracy" if record["data"]["task"] == "classification" else "r2"


def moment(created: str | None) -> str:
    """When the run was made, in words."""
    if not created:
        return ""
    then = datetime.fromisoformat(created)
    return f"{then.day} {then:%B %Y, %H:%M} {then.tzname() or ''}".strip()


def _lead(record: dict[str, Any]) -> str:
    data, winner = record["data"], record["winner"]
    target = words.short(data["target"])
    networks = count(record["n_members"], "network")
    text = f"{networks} {'was' if record['n_members'] == 1 else 'were trained together, as one population,'} "
    text = text.replace("was ", "was trained ") if record["n_members"] == 1 else text
    text += f"on {count(data['split']['train'], 'row')} to predict {target}. "
    validated = record.get("cross_validation")
    where = f"on average over {validated['folds']} folds" if validated else "on validation"
    text += f"The best {where} was trained with {winner['optimizer']} "
    return text + f"at a learning rate of {number(winner['learning_rate'])}."


def _interval(record: dict[str, Any], name: str) -> list[float] | None:
    return ((record.get("test") or {}).get("intervals") or {}).get(name)


def scores_table(record: dict[str, Any]) -> dict[str, Any]:
    """The table of test scores: the models that were tested, the kept one first, then what they must beat."""
    test, first = record.get("test") or {}, headline_metric(record)
    others = ("log_loss", "balanced_accuracy") if first == "accuracy" else ("mae", "mse")
    names = [first, *(name for name in others if name in test)]
    rows = _finalists(record)
    for key in ("linear", "baseline"):
        if record.get(key):
            rows.append((record[key]["name"], record[key]["test"]))
    table = [
        {
            "name": name,
            "values": [words.metric(metric, scores.get(metric)) for metric in names],
            "intervals": [_range(record, metric) if place == 0 else "" for metric in names],
            # The bar shows the headline score between 0 and 1; a negative R² has none.
            "bar": f"{100 * min(1.0, max(0.0, scores.get(first) or 0.0)):.2f}",
        }
        for place, (name, scores) in enumerate(rows)
    ]
    return {"metrics": [words.METRIC_NAMES[name] for name in names], "rows": table}


def finalist_name(entry: dict[str, Any]) -> str:
    """A tested model in words: "winner", "winner, refitted", "ensemble of 5"."""
    if entry["name"] == "ensemble":
        return f"ensemble of {entry.get('networks') or entry.get('members') or 'several'}"
    several = entry.get("networks") or 1
    if entry["name"] == "winner" and several > 1:
        return f"winner, average of {several}"  # one network of each fold
    return {"refitted": "winner, refitted"}.get(entry["name"], str(entry["name"]))


def _finalists(record: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(name, test scores) of the models tested, the one that is kept first; a lone one is the winner."""
    entries = record.get("finalists") or []
    if len(entries) < 2:
        return [("winner", record.get("test") or {})]
    ordered = sorted(entries, key=lambda entry: not entry.get("headline"))
    return [(finalist_name(entry), entry.get("test") or {}) for entry in ordered]


def subject(record: dict[str, Any]) -> str:
    """The tested model that is kept, as the subject of a sentence."""
    kept = next((entry for entry in record.get("finalists") or [] if entry.get("headline")), None)
    return f"the {finalist_name(kept)} networks" if kept and kept["name"] == "ensemble" else "the winner"


def _range(record: dict[str, Any], name: str) -> str:
    bounds = _interval(record, name)
    return f"{words.metric(name, bounds[0])} to {words.metric(name, bounds[1])}" if bounds else ""


def verdict(record: dict[str, Any]) -> list[str]:
    """What the test scores say: against nothing learnt, against a linear model, with the interval."""
    test, first, who = record.get("test") or {}, headline_metric(record), subject(record)
    if test.get(first) is None:
        return ["The test part was not scored."]
    rows = record["data"]["split"]["test"]
    interval = _range(record, first)
    within = f" (95\u202f% interval {interval})" if interval else ""
    if first == "accuracy":
        sentences = [
            f"On {count(rows, 'test row')} that no choice ever saw, {who} is right in "
            f"{percent(test[first])}{within}."
        ]
    else:
        sentences = [
            f"On {count(rows, 'test row')} that no choice ever saw, {who} explains "
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
            text += f" against {words.metric(first, score)}."
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
    score = words.metric(first, (record.get("test") or {}).get(first))
    layers = "-".join(str(width) for width in winner["hidden"])
    detail = f"learning rate {number(winner['learning_rate'])}" + (f", hidden {layers}" if layers else "")
    seconds = record.get("seconds", {})
    training = f"{number(seconds['train'])}\u202fs of it training" if "train" in seconds else ""
    return [
        (f"Test {words.METRIC_NAMES[first]}", score, _range(record, first)),
        _chosen_by(record, metric),
        ("Winner", winner["optimizer"], detail),
        ("Members", f"{record['n_members']:,}", ", ".join(fates)),
        ("Time", f"{number(seconds.get('total') or sum(seconds.values()))}\u202fs", training),
    ]


def _chosen_by(record: dict[str, Any], metric: str) -> tuple[str, str, str]:
    """The fact of the score that the winner was chosen by."""
    name, validated = words.METRIC_NAMES[metric], record.get("cross_validation") or {}
    found = (validated.get("scores") or {}).get(metric)
    if found:
        spread = f"mean of {validated['folds']} folds, spread {words.metric(metric, found.get('spread'))}"
        return (f"Held-out {name}", words.metric(metric, found["mean"]), spread)
    return (f"Validation {name}", words.metric(metric, record["validation"].get(metric)), "chosen by this")


def data_facts(data: dict[str, Any]) -> list[tuple[str, str]]:
    """What the data are: rows and their parts, columns, target, classes, what is missing."""
    kinds = [f"{n:,} {words.short(kind)}" for kind, n in (data.get("column_kinds") or {}).items()]
    split = data["split"]
    purposes = {"train": "to train", "validation": "to validate", "test": "to test"}
    parts = ", ".join(f"{split[part]:,} {purpose}" for part, purpose in purposes.items() if split.get(part))
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


def winner_facts(winner: dict[str, Any]) -> list[tuple[str, str]]:
    """The winner's hyperparameters in words."""
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
    if record.get("cross_validation"):
        return [folds.choice_words(record), *test_words(record)]
    highest = scores.superlative(record["metric"])
    validation = count(data["split"]["validation"], "validation row")
    text = f"Each member learnt from the {data['split']['train']:,} training rows alone. "
    if record["n_members"] == 1:
        text += f"How long to train was decided by the {highest} {metric} on the {validation}. "
    else:
        text += f"The winner is the one with the {highest} {metric} on the {validation}, at its own best "
        text += f"epoch; as the best of {record['n_members']:,} that number is a little flattering. "
    sentences = [text.strip(), *test_words(record)]
    if refit := record["winner"].get("refit_epochs"):
        sentences.append(
            f"After the choice the winner was trained anew on training and validation rows together, for "
            f"{count(refit, 'epoch')}; the test score is that network's, the curves are those before."
        )
    return sentences


def test_words(record: dict[str, Any]) -> list[str]:
    """That the test part was scored once, for a list fixed before; and how often by other runs."""
    several = len(record.get("finalists") or []) > 1
    fixed = "models and baselines" if several else "winner and baselines"
    text = f"The {count(record['data']['split']['test'], 'test row')} took no part in any choice: {fixed} "
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
    return sentences


def stage_seconds(seconds: dict[str, float]) -> list[tuple[str, str]]:
    """Stage and duration, the total last; a stage that took no time at all did not happen."""
    stages = [(stage, value) for stage, value in seconds.items() if value > 0 and stage != "total"]
    if "total" in seconds:
        stages.append(("total", seconds["total"]))
    return [
        (stage, f"{value:.1f}\u202fs" if value >= 0.05 else "under 0.1\u202fs") for stage, value in stages
    ]


def machine(record: dict[str, Any]) -> str:
    """Seed, device and throughput."""
    rate = (record.get("throughput") or {}).get("member_samples_per_second")
    text = f"Run seed {record['seed']}, on {record.get('device', 'an unknown device')}."
    if rate:
        text += f" Throughput: {number(float(f'{rate:.3g}'))} member-samples per second."
    return text
