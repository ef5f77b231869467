"""The words for cross-validation and for early stopping on the page of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from couloir import figures
from couloir import text as words
from couloir.figures import Chart, Run, reading, scores
from couloir.report.tables import row
from couloir.text import count, number

if TYPE_CHECKING:
    from couloir.runs.records import LearnedRecord, TrainRecord
    from couloir.runs.records.learned import CrossValidation, FoldScores, Stopping


def in_time(record: LearnedRecord) -> bool:
    """Whether the run has folds that follow time."""
    return record.cross_validation is not None and record.cross_validation.kind == "in time"


def charts(run: Run[Any]) -> list[Chart]:
    """The figures of the folds, where the run has some."""
    return [figures.fold_strip(run), figures.fold_scores(run)] if run.record.cross_validation else []


def choice_words(record: TrainRecord, validated: CrossValidation) -> str:
    """How the winner was chosen by cross-validation."""
    metric, rest = validated.metric, record.data.split.train + record.data.split.validation
    apart = " outside the test part" if record.test else ""
    text = f"The {rest:,} rows{apart} were divided into {count(validated.folds, 'fold')}. "
    if record.n_members == 1:
        text += "The network was trained once for each fold, on the other folds, and scored on that one"
    else:
        text += "Each member was trained once for each fold, on the other folds, and scored on that one; "
        text += f"the winner has the {scores.superlative(metric)} mean {scores.metric_name(metric)}"
    if refit := record.winner.refit_epochs:
        text += f". It was then trained on all {rest:,} rows for {count(refit, 'epoch')}, the median of its "
        text += "best epochs over the folds"
        text += "; the test score is that network's" if is_tested_again(record) else ""
    return f"{text}."


def is_tested_again(record: LearnedRecord) -> bool:
    """Whether the test score is that of the winner trained again."""
    return record.test is not None and record.headline.name == "refitted"


def table(record: LearnedRecord) -> dict[str, Any] | None:
    """Heads and rows of the table of every fold's scores; None where the run has no folds."""
    validated = record.cross_validation
    if not validated:
        return None
    names = sorted(validated.scores, key=lambda name: name != validated.metric)
    means = {"mean ± spread": validated.scores} | ({"nested": validated.nested} if validated.nested else {})
    rows = [[head, *(_mean_words(found[name], name) for name in names)] for head, found in means.items()]
    for fold in range(validated.folds):
        cells = [words.metric(name, validated.scores[name].values[fold]) for name in names]
        rows.append([f"fold {fold + 1}", *cells])
    heads = ["", *(scores.metric_name(name) for name in names)]
    return {"heads": heads, "items_": [row(cells) for cells in rows]}


def _mean_words(found: FoldScores, name: str) -> str:
    return f"{words.metric(name, found.mean)} ± {words.metric(name, found.spread)}"


def stopping_words(run: Run[TrainRecord]) -> str:
    """Where the winner's training stopped, the gap there, and what further epochs gave; "" where unknown."""
    stopping = run.record.stopping
    if stopping is None:
        return ""
    best, stop, last = stopping.best_epoch, stopping.stop_epoch, stopping.last_epoch
    if stop is None:
        return (
            f"Early stopping (patience {count(stopping.patience, 'epoch')}) never set in: the best epoch, "
            f"{best}, lies within so many of the last, {last}."
        )
    text = f"Early stopping sets in at epoch {stop}, {count(stop - best, 'epoch')} after the best, {best}"
    text += f"{_gap_words(run, stop)}."
    return text + (_compared_words(run, stopping, last - stop) if stopping.compared else "")


def _gap_words(run: Run[TrainRecord], epoch: int) -> str:
    """The gap between the two losses at an epoch, from the history."""
    points = reading.curve(run, run.record.winner.member, "training_loss", "validation_loss")
    gap = next(validation - training for at, training, validation in points if at == epoch)
    where = "above" if gap >= 0 else "below"
    return f"; validation {reading.loss_name(run)} stands {number(abs(gap))} {where} the training loss there"


def _compared_words(run: Run[TrainRecord], stopping: Stopping, further: int) -> str:
    """What training on without stopping gave; the epochs after the stop were really run."""
    if not further:
        return ""
    metric, before, after = run.record.metric, stopping.score_at_stop, stopping.score_at_last
    name = scores.metric_name(metric)
    text = f" Without stopping, {count(further, 'more epoch')} to epoch {stopping.last_epoch} "
    if before == after:
        return f"{text}would have left validation {name} at {words.metric(metric, before)}."
    better = scores.best(metric, (before, after)) == after
    text += f"would have taken validation {name} from {words.metric(metric, before)} to "
    text += f"{words.metric(metric, after)}: "
    return text + ("the stop came too early here." if better else "the stop was right.")
