"""The page of a race: its sentences and tables."""

from __future__ import annotations

from typing import Any

from couloir import figures
from couloir import text as words
from couloir.figures import Chart, TableRun, scores
from couloir.report import summary
from couloir.report.tables import row
from couloir.runs.records import RaceRecord
from couloir.runs.records.learned import Interval, Pair, Standing
from couloir.text import count, number


def charts(run: TableRun[RaceRecord]) -> list[Chart]:
    """The figures of the page."""
    first = [figures.race_standing(run), figures.race_pairs(run), figures.race_curves(run)]
    return [*first, figures.race_steps(run), figures.race_rates(run)]


def summarise(run: TableRun[RaceRecord]) -> dict[str, Any]:
    """Every sentence and fact of the page that is not a table or a figure."""
    record = run.record
    return summary.common(record) | {
        "lead": _lead(record),
        "facts": _facts(record),
        "verdicts": record.verdicts,
        "test": summary.test_words(record),
        "method": _method(record),
        "share": record.metric in words.SHARES,
    }


def _lead(record: RaceRecord) -> str:
    best, metric, rules = record.standing[0], record.metric, len(record.standing)
    text = f"{count(rules, 'update rule')} {'was tried' if rules == 1 else 'raced'} on the same network and "
    text += f"the same batches to predict {words.short(record.data.target)}, "
    text += f"each at its own tuned learning rate, over {count(record.replicates, 'replicate')}. "
    if best.best is None:
        return f"{text}All of them diverged."
    text += f"{best.rule} comes first, with a mean validation {scores.metric_name(metric)} of "
    return f"{text}{words.metric(metric, best.best[metric].mean)}."


def _facts(record: RaceRecord) -> list[tuple[str, str, str]]:
    metric, best, (test, score, _) = record.metric, record.standing[0], summary.test_fact(record)
    each = f"{count(len(record.standing), 'rule')}, {record.rates_per_rule} rates and "
    each += f"{record.replicates} replicates each"
    return [
        ("First", best.rule, f"learning rate {number(best.learning_rate)}"),
        (f"Its validation {scores.metric_name(metric)}", _mean(best.best, metric), "mean of its best scores"),
        (test, score, "of one winner, scored once"),
        ("Trainings", f"{record.n_trainings:,}", each),
        ("Time", f"{number(record.seconds['total'])}\u202fs", ""),
    ]


def _method(record: RaceRecord) -> list[str]:
    """How the race was run, in paragraphs, so that a reader can trust it."""
    several = len(record.standing) > 1 and record.replicates > 1
    return [_tuning_words(record), _racing_words(record), _testing_words(record) if several else ""]


def _tuning_words(record: RaceRecord) -> str:
    best = f"{scores.superlative(record.metric)} {scores.metric_name(record.metric)}"
    return (
        f"Each rule was first given the same budget for its learning rate: {record.rates_per_rule} rates "
        "over four decades around the customary one, each trained once and compared on validation rows. "
        f"The rate with the {best} went into the race."
    )


def _racing_words(record: RaceRecord) -> str:
    steps, split = record.epochs * record.steps_per_epoch, record.replicate_sizes
    sizes = f"{split.train:,} to train, {split.validation:,} to validate"
    if record.one_division:
        division = f"All replicates divide the rows by time in the same way ({sizes}); each has"
    else:
        division = f"A replicate has its own division of the rows ({sizes}),"
    return (
        f"Then every rule trained the same network for {count(record.epochs, 'epoch')} ({steps:,} steps), "
        f"{count(record.replicates, 'time')} over. {division} its own order of batches and its own "
        "initial weights, and within it all rules get the same: rules are compared in pairs. A rule's score "
        "in a replicate is that of its best epoch."
    )


def _testing_words(record: RaceRecord) -> str:
    alike = "Replicates share most of their rows, so their scores are more alike than independent ones. "
    if record.one_division:
        alike = "Replicates share their rows, so what is found holds for these rows, and not surely for "
        alike += "others. "
    return (
        f"{alike}The paired t test is corrected for that (Nadeau and Bengio 2003), and Holm's procedure "
        "(1979) keeps the chance of even one false verdict among all pairs at 5\u202f%. The intervals are "
        "corrected in the same way."
    )


def tabulate(run: TableRun[RaceRecord]) -> dict[str, Any]:
    """The standing and the pairs: heads and rows as text."""
    record = run.record
    heads = ["better", "than", "by", "95 % interval", "p", "after Holm", "verdict"]
    pairs = {"heads": heads, "items_": [_pair_row(pair, record.metric) for pair in record.pairs]}
    return {"standing": _standing(record), "pairs": pairs}


def _standing(record: RaceRecord) -> dict[str, Any]:
    metric, standing = record.metric, record.standing
    others = [name for name in standing[0].best or {} if name != metric]
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
    items = [row(_standing_cells(record, entry, metric, others), True, not entry.best) for entry in standing]
    return {"heads": heads, "items_": items}


def _standing_cells(record: RaceRecord, entry: Standing, metric: str, others: list[str]) -> list[str]:
    best, good = entry.best, entry.good_range
    return [
        entry.rule,
        number(entry.learning_rate),
        _mean(best, metric),
        _range(metric, best[metric].low, best[metric].high) if best else "–",
        *(_mean(best, name) for name in others),
        _mean(entry.final, metric),
        number(entry.customary_rate),
        _mean(entry.customary_best, metric),
        f"{number(good[0])} to {number(good[1])}" if good else "–",
        number(entry.steps_to_target),
        number(entry.seconds_to_target),
        f"{entry.diverged} of {record.replicates}",
    ]


def _mean(found: dict[str, Interval] | None, metric: str) -> str:
    return words.metric(metric, found[metric].mean) if found else "–"


def _range(metric: str, low: float | None, high: float | None) -> str:
    return "–" if low is None else f"{words.metric(metric, low)} to {words.metric(metric, high)}"


def _pair_row(pair: Pair, metric: str) -> dict[str, Any]:
    if pair.difference is None or pair.low is None or pair.high is None:
        return row([pair.first, pair.second, "–", "–", "–", "–", "not tested"], True, True)
    # The first of a pair is the better one: sizes are shown, as the head says "better … by".
    ends = sorted((pair.low, pair.high) if pair.difference >= 0 else (-pair.low, -pair.high))
    cells = [words.metric(metric, abs(pair.difference)), _range(metric, *ends)]
    shown = [scores.p_value(p).removeprefix("p = ").removeprefix("p ") for p in (pair.p, pair.p_adjusted)]
    verdict = "really better" if pair.different else "cannot be told apart"
    return row([pair.first, pair.second, *cells, *shown, verdict], True, not pair.different)
