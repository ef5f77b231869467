"""What a run came to, and runs side by side, as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from couloir import text as words
from couloir.engine.metrics import DEFAULT_METRIC, HEADLINE_METRIC, METRICS
from couloir.errors import InputError
from couloir.report.summary import untested_words
from couloir.runs.records import LearnedRecord, RaceRecord, SearchRecord, read_record
from couloir.runs.stored import tables_of
from couloir.studio.rooms.runs.listing import interval_words, readable_row, reading

if TYPE_CHECKING:
    import polars as pl

    from couloir.runs.records.learned import Interval

MOST_POINTS = 400
"""Points of a curve that are sent; longer ones are thinned out evenly."""

SHOWN_TRIALS = 10


def result(folder: Path) -> dict[str, Any]:
    """What a run came to: its row, all test scores with intervals, board, and curves of the best by rule.

    Raises:
        InputError: the folder is broken, or the run has no model.
    """
    with reading(folder):
        record = learned(folder)
        usual = HEADLINE_METRIC[record.data.task]
        return _scored_row(folder, record) | {
            "rivals": [
                {"name": each.name, "text": words.metric(usual, each.test[usual])} for each in record.rivals
            ],
            "untested": " ".join(untested_words(record)) if record.test is None else None,
            "verdicts": record.verdicts if isinstance(record, RaceRecord) else [],
            "board": _board(record, folder),
            "curves": _curves_by_rule(record, folder),
        }


def compared(folder: Path) -> dict[str, Any]:
    """What a run contributes to a comparison: scores with intervals, the winner's curves and rates."""
    with reading(folder):
        record = learned(folder)
        own = _table(folder, "history").filter(member=record.winner.member)
        return _scored_row(folder, record) | {
            "seed": record.seed,
            "fractions": record.fractions,
            "loss": words.METRIC_NAMES[DEFAULT_METRIC[record.data.task]],
            "curve": _curve("validation", own["epoch"], own["validation_loss"]),
            "response": _response(record, _table(folder, "leaderboard")),
        }


def learned(folder: Path) -> LearnedRecord:
    """The record of a run that ended in a model; an InputError where it has none, or the folder is broken."""
    record = read_record(folder)
    if not isinstance(record, LearnedRecord):
        raise InputError(f"The run '{folder.name}' is a {record.kind}: look at its page.")
    return record


def _scored_row(folder: Path, record: LearnedRecord) -> dict[str, Any]:
    """A run's row, and every metric on the test part, if there is one, with its 95 % interval."""
    test = record.test
    if test is None:
        return readable_row(folder, record) | {"scores": []}
    scores = [
        {
            "metric": metric,
            "name": words.METRIC_NAMES[metric],
            "value": test.scores[metric],
            "low": low,
            "high": high,
            "text": words.metric(metric, test.scores[metric]),
            "interval_text": interval_words(metric, low, high),
        }
        for metric, (low, high) in test.intervals.items()
    ]
    return readable_row(folder, record) | {"scores": scores}


def _table(folder: Path, name: str) -> pl.DataFrame:
    return tables_of(folder, [name])[name]


# Boards: heads, and rows of cells {text, value} ------------------------------------------------------------

Board = dict[str, Any]


def _cell(text: Any, value: Any = None) -> dict[str, Any]:
    return {"text": str(text), "value": value}


def _amount(value: float | None, more: str = "") -> dict[str, Any]:
    return _cell(words.number(value) + more, value)


def _score(metric: str, value: float | None) -> dict[str, Any]:
    return _cell(words.metric(metric, value), value)


def _interval(metric: str, found: Interval | None) -> str:
    if found is None or found.low is None or found.high is None:
        return "–"
    return interval_words(metric, found.low, found.high)


def _epoch(value: float | None) -> dict[str, Any]:
    return _cell("–" if value is None else f"{value:g}", value)


def _board(record: LearnedRecord, folder: Path) -> Board:
    """The rules, or of a search the trials."""
    if isinstance(record, RaceRecord):
        return _standing_board(record)
    if isinstance(record, SearchRecord):
        return _trials_board(record.metric, folder)
    return _rules_board(record.metric, folder)


def _rules_board(metric: str, folder: Path) -> Board:
    """The best member of each rule, best first."""
    rows = []
    for (rule,), part in _table(folder, "leaderboard").group_by(["optimizer"], maintain_order=True):
        best = part.row(0, named=True)
        lost = part.filter(status="diverged").height
        score = _score(metric, best[METRICS[metric].column("validation")])
        ending = _cell(best["hidden"]), _cell(best["status"]), _cell(f"{lost} of {part.height}", lost)
        rows.append([_cell(rule), _amount(best["learning_rate"]), score, _epoch(best["best_epoch"]), *ending])
    heads = ["rule", "rate", words.METRIC_NAMES[metric], "epoch", "units", "ended", "diverged"]
    return {"title": "The best of every rule", "heads": heads, "rows": rows}


def _standing_board(record: RaceRecord) -> Board:
    """Rules by their mean best score over the replicates."""
    metric, count, rows = record.metric, record.replicates, []
    for entry in record.standing:
        best = entry.best[metric] if entry.best else None
        edge = f" ({entry.at_edge} tried)" if entry.at_edge else ""
        scores = _score(metric, best.mean if best else None), _cell(_interval(metric, best))
        ending = _amount(entry.steps_to_target), _cell(f"{entry.diverged} of {count}", entry.diverged)
        rows.append([_cell(entry.rule), _amount(entry.learning_rate, edge), *scores, *ending])
    name = f"mean best {words.METRIC_NAMES[metric]}"
    heads = ["rule", "rate", name, "95 % interval", "steps to target", "diverged"]
    return {"title": f"Rules over {words.count(count, 'replicate')}", "heads": heads, "rows": rows}


def _trials_board(metric: str, folder: Path) -> Board:
    """The best trials, best first."""
    heads = ["rule", "trial", "rate", words.METRIC_NAMES[metric], "network", "activation", "batch", "epoch"]
    rows = [
        [
            _cell(row["optimizer"]),
            _cell(row["number"], row["number"]),
            _amount(row["learning_rate"]),
            _score(metric, row["value"]),
            _cell(row["hidden"]),
            _cell(row["activation"]),
            _cell(row["batch_size"], row["batch_size"]),
            _epoch(row["best_epoch"]),
        ]
        for row in _table(folder, "leaderboard").head(SHOWN_TRIALS).iter_rows(named=True)
    ]
    return {"title": "The best trials", "heads": heads, "rows": rows}


# Curves ---------------------------------------------------------------------------------------------------


def _curves_by_rule(record: LearnedRecord, folder: Path) -> dict[str, Any]:
    """The validation score by epoch of every rule's best member, of a race the mean over the replicates."""
    metric = record.metric
    if isinstance(record, RaceRecord):
        curves = _mean_curves(_table(folder, "curves"), METRICS[metric].column("validation"))
    else:
        history = _table(folder, "history")
        if METRICS[metric].column("validation") not in history.columns:  # a search keeps the losses alone
            metric = DEFAULT_METRIC[record.data.task]
        curves = _best_curves(_table(folder, "leaderboard"), history, METRICS[metric].column("validation"))
    return {"metric": metric, "name": words.METRIC_NAMES[metric], "curves": curves}


def _mean_curves(curves: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    """Of a race: the mean over the replicates at each rule's best rate."""
    import polars as pl

    tuned = curves.filter(pl.col("rate") == "tuned").group_by("rule", "epoch", maintain_order=True)
    mean = tuned.agg(pl.col(column).mean()).sort("epoch")
    parts = mean.group_by(["rule"], maintain_order=True)
    return [_curve(str(rule), part["epoch"], part[column]) for (rule,), part in parts]


def _best_curves(board: pl.DataFrame, history: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    """Of a training or a search: each rule's best member."""
    number = "number" if "number" in board.columns else "member"
    curves = []
    for (rule,), part in board.group_by(["optimizer"], maintain_order=True):
        own = history.filter(member=part[number][0])
        if own.height:
            curves.append(_curve(str(rule), own["epoch"], own[column]))
    return curves


def _curve(name: str, epochs: pl.Series, values: pl.Series) -> dict[str, Any]:
    import numpy as np

    count = len(epochs)
    shown = np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(int))
    return {"name": name, "epochs": epochs.gather(shown).to_list(), "values": values.gather(shown).to_list()}


# Side by side ---------------------------------------------------------------------------------------------


def _response(record: LearnedRecord, board: pl.DataFrame) -> dict[str, Any]:
    """The winner's rule: the best score that was had at every learning rate."""
    import polars as pl

    rule, metric = record.winner.optimizer, record.metric
    score = "value" if isinstance(record, SearchRecord) else METRICS[metric].column("validation")
    best = pl.col(score).max() if METRICS[metric].more_is_better else pl.col(score).min()
    kept = board.filter(pl.col(score).is_not_null(), pl.col("status") != "diverged", optimizer=rule)
    found = kept.group_by("learning_rate").agg(best).sort("learning_rate")
    return {
        "metric": metric,
        "name": words.METRIC_NAMES[metric],
        "rule": rule,
        "rates": found["learning_rate"].to_list(),
        "values": found[score].to_list(),
    }


def cautions(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What to beware of when runs are set side by side, in sentences."""
    fingerprints = {each["fingerprint"] for each in found}
    divisions = {(each["seed"], each["fractions"]) for each in found}
    if len(fingerprints) > 1:
        yield (
            "These runs are about different data, as their fingerprints say: their scores are not comparable."
        )
    elif len(divisions) > 1:
        judged = "tested" if any(each["scores"] for each in found) else "judged"
        on = f"{judged} on different rows"
        yield f"These runs divide the data differently, by seed or split: they are {on}."
    if untested := [each["name"] for each in found if not each["scores"]]:
        was = "was" if len(untested) == 1 else "were"
        yield f"{words.joined(untested)} {was} not tested: scores that a choice was made by flatter."
    if len({each["metric"] for each in found}) > 1:
        yield "These runs chose by different metrics: validation scores are not comparable."
    times = max((each["times_scored"] or 0 for each in found), default=0)
    if len(fingerprints) == 1 and times > 1:
        yield (
            f"Their test part had been scored {times} times when the last of them looked at it: "
            "the more often, the less a difference on it says."
        )
