"""The page of a race: its sentences and tables."""

from __future__ import annotations

from typing import Any

from couloir import figures
from couloir import text as words
from couloir.figures import Chart, TableRun, scores
from couloir.figures.comparison.race import mean_of
from couloir.report import summary
from couloir.report.tables import row
from couloir.text import count, number


def charts(run: TableRun) -> list[Chart]:
    """The figures of the page."""
    return [
        figures.race_standing(run),
        figures.race_pairs(run),
        figures.race_curves(run),
        figures.race_steps(run),
        figures.race_rates(run),
    ]


def summarise(run: TableRun) -> dict[str, Any]:
    """Every sentence and fact of the page that is not a table or a figure."""
    record = run.record
    return summary.common(record) | {
        "lead": _lead(record),
        "facts": _facts(record),
        "verdicts": record.get("verdicts") or [],
        "test": summary.test_words(record),
        "method": _method(record),
        "share": record["metric"] in words.SHARES,
    }


def _lead(record: dict[str, Any]) -> str:
    standing, data = record["standing"], record["data"]
    rules = count(len(standing), "update rule")
    text = f"{rules} {'was' if len(standing) == 1 else 'raced'} on the same network and the same batches to "
    text = text.replace(" was on ", " was tried on ")
    text += f"predict {words.short(data['target'])}, "
    text += f"each at its own tuned learning rate, over {count(record['replicates'], 'replicate')}. "
    best = standing[0]
    score = mean_of(best["best"], record["metric"])
    if score is None:
        return f"{text}All of them diverged."
    metric = scores.metric_name(record["metric"])
    shown = words.metric(record["metric"], score)
    return f"{text}{best['rule']} comes first, with a mean validation {metric} of {shown}."


def _facts(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    first, metric, best = summary.headline_metric(record), record["metric"], record["standing"][0]
    score = words.metric(first, (record.get("test") or {}).get(first))
    seconds = record.get("seconds", {})
    rules = len(record["standing"])
    each = (
        f"{count(rules, 'rule')}, {record['rates_per_rule']} rates and {record['replicates']} replicates each"
    )
    mean = words.metric(metric, mean_of(best["best"], metric))
    return [
        ("First", best["rule"], f"learning rate {number(best['learning_rate'])}"),
        (f"Its validation {scores.metric_name(metric)}", mean, "mean of its best scores"),
        (f"Test {words.METRIC_NAMES[first]}", score, "of one winner, scored once"),
        ("Trainings", f"{record['n_trainings']:,}", each),
        ("Time", f"{number(seconds.get('total') or sum(seconds.values()))}\u202fs", ""),
    ]


def _method(record: dict[str, Any]) -> list[str]:
    """How the race was run, in paragraphs, so that a reader can trust it."""
    several = len(record["standing"]) > 1 and record["replicates"] > 1
    return [_tuning_words(record), _racing_words(record), _testing_words(record) if several else ""]


def _tuning_words(record: dict[str, Any]) -> str:
    best = f"{scores.superlative(record['metric'])} {scores.metric_name(record['metric'])}"
    return (
        f"Each rule was first given the same budget for its learning rate: {record['rates_per_rule']} rates "
        "over four decades around the customary one, each trained once and compared on validation rows. "
        f"The rate with the {best} went into the race."
    )


def _racing_words(record: dict[str, Any]) -> str:
    steps = record["epochs"] * record["steps_per_epoch"]
    split = record.get("replicate_sizes") or record["data"]["split"]
    sizes = f"{split['train']:,} to train, {split['validation']:,} to validate"
    if record.get("one_division"):
        division = f"All replicates divide the rows by time in the same way ({sizes}); each has"
    else:
        division = f"A replicate has its own division of the rows ({sizes}),"
    return (
        f"Then every rule trained the same network for {count(record['epochs'], 'epoch')} ({steps:,} steps), "
        f"{count(record['replicates'], 'time')} over. {division} its own order of batches and its own "
        "initial weights, and within it all rules get the same: rules are compared in pairs. A rule's score "
        "in a replicate is that of its best epoch."
    )


def _testing_words(record: dict[str, Any]) -> str:
    if record.get("one_division"):
        alike = (
            "Replicates share their rows, so what is found holds for these rows, and not surely for others. "
        )
    else:
        alike = "Replicates share most of their rows, so their scores are more alike than independent ones. "
    return (
        f"{alike}The paired t test is corrected for that (Nadeau and Bengio 2003), and Holm's procedure "
        "(1979) keeps the chance of even one false verdict among all pairs at 5\u202f%. The intervals are "
        "corrected in the same way."
    )


def tabulate(run: TableRun) -> dict[str, Any]:
    """The standing and the pairs: heads and rows as text."""
    return {"standing": _standing(run.record), "pairs": _pairs(run.record)}


def _standing(record: dict[str, Any]) -> dict[str, Any]:
    metric, standing = record["metric"], record["standing"]
    others = [name for name in (standing[0]["best"] or {}) if name != metric]
    heads = ["rule", "learning rate", f"best {scores.metric_name(metric)}", "95 % interval"]
    heads += [f"best {scores.metric_name(name)}" for name in others]
    heads += [
        "last epoch",
        "customary rate",
        "at that rate",
        "good range",
        "steps to target",
        "s",
        "diverged",
    ]
    items = [
        row(_standing_cells(record, entry, metric, others), True, not entry["best"]) for entry in standing
    ]
    return {"heads": heads, "items_": items}


def _standing_cells(
    record: dict[str, Any], entry: dict[str, Any], metric: str, others: list[str]
) -> list[str]:
    best = (entry["best"] or {}).get(metric) or {}
    cells = [
        entry["rule"],
        number(entry["learning_rate"]),
        words.metric(metric, mean_of(entry["best"], metric)),
    ]
    cells.append(_range(metric, best))
    cells += [words.metric(name, mean_of(entry["best"], name)) for name in others]
    cells.append(words.metric(metric, mean_of(entry.get("final"), metric)))
    cells.append(number(entry["customary_rate"]))
    cells.append(words.metric(metric, mean_of(entry.get("customary_best"), metric)))
    good = entry.get("good_range")
    cells.append(f"{number(good[0])} to {number(good[1])}" if good else "–")
    cells.append(number(entry.get("steps_to_target")))
    cells.append(number(entry.get("seconds_to_target")))
    return [*cells, f"{entry['diverged']} of {record['replicates']}"]


def _range(metric: str, found: dict[str, Any]) -> str:
    if not (scores.finite(found.get("low")) and scores.finite(found.get("high"))):
        return "–"
    return f"{words.metric(metric, found['low'])} to {words.metric(metric, found['high'])}"


def _pairs(record: dict[str, Any]) -> dict[str, Any]:
    heads = ["better", "than", "by", "95 % interval", "p", "after Holm", "verdict"]
    return {
        "heads": heads,
        "items_": [_pair_row(pair, record["metric"]) for pair in record.get("pairs") or []],
    }


def _pair_row(pair: dict[str, Any], metric: str) -> dict[str, Any]:
    if pair["different"] is None:
        return row([pair["first"], pair["second"], "–", "–", "–", "–", "not tested"], True, True)
    # The first of a pair is the better one: sizes are shown, as the head says "better … by".
    sign = -1 if pair["difference"] < 0 else 1
    ends = sorted((sign * pair["low"], sign * pair["high"]))
    cells = [
        words.metric(metric, abs(pair["difference"])),
        _range(metric, dict(zip(("low", "high"), ends, strict=True))),
    ]
    shown = [scores.p_value(pair[key]).removeprefix("p = ").removeprefix("p ") for key in ("p", "p_adjusted")]
    verdict = "really better" if pair["different"] else "cannot be told apart"
    return row([pair["first"], pair["second"], *cells, *shown, verdict], True, not pair["different"])
