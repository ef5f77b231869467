"""The page of a training: its figures, sentences and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from couloir import figures
from couloir import text as words
from couloir.figures import Chart, Run, scores
from couloir.report import folds, summary, tables
from couloir.text import count, number

if TYPE_CHECKING:
    from couloir.runs.records import TrainRecord


def charts(run: Run[TrainRecord]) -> list[Chart]:
    """The figures of the page."""
    return [
        *folds.charts(run),
        figures.learning_curves(run),
        figures.curves_by_rule(run),
        figures.learning_rate_response(run),
        figures.generalisation_gap(run),
        *_answers(run),
        figures.importance(run),
    ]


def _answers(run: Run[TrainRecord]) -> list[Chart]:
    """What was predicted: classes of the test rows, if there are any; values of the validation rows."""
    if not run.record.data.is_classification:
        return [figures.predicted_against_true(run)]
    return [figures.confusion(run)] if run.record.test else []


def tabulate(run: Run[TrainRecord]) -> dict[str, Any]:
    """Every table of the page: heads and cells as text."""
    more = {"mistakes": tables.mistakes(run.record), "folds": folds.table(run.record)}
    return tables.leaderboard(run) | more


def summarise(run: Run[TrainRecord]) -> dict[str, Any]:
    """Every sentence and fact of the page that is not a table or a figure."""
    record = run.record
    return summary.common(record) | {
        "lead": _lead(record),
        "facts": _facts(record),
        "choice": _choice(record),
        "stopping": folds.stopping_words(run),
        "in_time": folds.in_time(record),
    }


def _lead(record: TrainRecord) -> str:
    winner, validated = record.winner, record.cross_validation
    several = "were trained together, as one population,"
    text = f"{count(record.n_members, 'network')} {'was trained' if record.n_members == 1 else several} "
    text += f"on {count(record.data.split.train, 'row')} to predict {words.short(record.data.target)}. "
    where = f"on average over {validated.folds} folds" if validated else "on validation"
    text += f"The best {where} was trained with {winner.optimizer} "
    return text + f"at a learning rate of {number(winner.learning_rate)}."


def _facts(record: TrainRecord) -> list[tuple[str, str, str]]:
    """(what, value, detail) of the few facts under the title."""
    winner = record.winner
    layers = "-".join(str(width) for width in winner.hidden)
    network = f", {winner.kind}hidden {layers}" if layers else ""
    detail = f"learning rate {number(winner.learning_rate)}{network}"
    total, training = (f"{number(record.seconds[stage])}\u202fs" for stage in ("total", "train"))
    return [
        summary.test_fact(record),
        _chosen_by(record),
        ("Winner", winner.optimizer, detail),
        ("Members", f"{record.n_members:,}", summary.fates(record)),
        ("Time", total, f"{training} of it training"),
    ]


def _chosen_by(record: TrainRecord) -> tuple[str, str, str]:
    """The fact of the score that the winner was chosen by."""
    metric, validated = record.metric, record.cross_validation
    name = scores.metric_name(metric)
    if not validated:
        return (f"Validation {name}", words.metric(metric, record.validation[metric]), "chosen by this")
    found = validated.scores[metric]
    spread = f"mean of {validated.folds} folds, spread {words.metric(metric, found.spread)}"
    return (f"Held-out {name}", words.metric(metric, found.mean), spread)


def _choice(record: TrainRecord) -> list[str]:
    """How the choice was made, so that a reader can trust the test score."""
    if record.cross_validation:
        return [folds.choice_words(record, record.cross_validation), *summary.test_words(record)]
    best = f"{scores.superlative(record.metric)} {scores.metric_name(record.metric)}"
    validation = count(record.data.split.validation, "validation row")
    text = f"Each member learnt from the {record.data.split.train:,} training rows alone. "
    if record.n_members == 1:
        text += f"How long to train was decided by the {best} on the {validation}."
    else:
        text += f"The winner is the one with the {best} on the {validation}, at its own best "
        text += f"epoch; as the best of {record.n_members:,} that number is a little flattering."
    sentences = [text, *summary.test_words(record)]
    if refit := record.winner.refit_epochs:
        kept = "the test score is that network's, " if folds.is_tested_again(record) else ""
        sentences.append(
            "After the choice the winner was trained anew on training and validation rows together, for "
            f"{count(refit, 'epoch')}; {kept}the curves are those before."
        )
    return sentences
