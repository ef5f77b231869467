"""What one network keeps of the several whose answers it was trained to, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from couloir import text as words
from couloir.engine.metrics import DEFAULT_METRIC
from couloir.figures import scores
from couloir.report import summary
from couloir.report.gained import change_words, finalist
from couloir.text import count, number

if TYPE_CHECKING:
    from couloir.runs.records import TrainRecord
    from couloir.runs.records.learned import Finalist

MISSING = {
    "one network": "Nothing was distilled: what is kept is one network already.",
    "diverged": "The network that was to be distilled diverged: what would be kept without it is.",
}


def teacher_words(record: TrainRecord) -> str:
    """Whose answers the distilled network was trained to: "the average of 7 settings, 35 networks"."""
    teacher = finalist(record, record.distilled.teacher) if record.distilled else None
    if teacher is None:
        return "several networks"
    if teacher.name == "winner":
        return f"the winner's {count(teacher.networks, 'network')}"
    networks, named = count(teacher.networks, "network"), summary.named(record, teacher)
    return f"the average of {networks}" if named.startswith("ensemble") else f"the {named}, {networks}"


def how(record: TrainRecord) -> list[str]:
    """How it was trained; nothing where none was."""
    told = record.distilled
    if told is None:
        return []
    setting = "the setting of the best in it" if told.teacher == "ensemble" else "the winner's setting"
    known = ", each row's by networks that had not seen it," if record.cross_validation else ""
    return [
        f"What is kept is one network that was trained to the answers of {teacher_words(record)}: it has "
        f"{setting}, and learnt for {count(told.epochs, 'epoch')} from targets that are to "
        f"{words.share(told.share)} these answers{known} and else the truth (Hinton et al. 2015)."
    ]


def sentences(record: TrainRecord) -> list[str]:
    """Its score beside those of winner and teacher, what it keeps, size and time; or why there is none."""
    if record.undistilled:
        return [MISSING[record.undistilled]]
    small, told = finalist(record, "distilled"), record.distilled
    teacher = finalist(record, told.teacher) if told else None
    if small is None or teacher is None:
        return []
    return [*_score_words(record, teacher, small), *_cost_words(teacher, small)]


def _score_words(record: TrainRecord, teacher: Finalist, small: Finalist) -> list[str]:
    loss, winner = DEFAULT_METRIC[record.data.task], finalist(record, "winner")
    if not small.test or not teacher.test:
        return []
    taught, own = teacher.test[loss], small.test[loss]
    text = f"On the test rows its {scores.metric_name(loss)} is {number(own)}"
    if winner is None or not winner.test or teacher.name == "winner":
        return [f"{text}, and {number(taught)} that of {teacher_words(record)}: {change_words(taught, own)}."]
    alone = winner.test[loss]
    text += f", {number(taught)} that of {teacher_words(record)}, {number(alone)} that of the winner alone"
    return [f"{text}: {_kept_words(alone, taught, own)}."]


def _kept_words(winner: float, average: float, own: float) -> str:
    """How much of what the average gained over the winner is kept, in losses."""
    if average >= winner:
        return f"the average gained nothing there, and this is {change_words(average, own)}"
    share = (winner - own) / (winner - average)
    if share <= 0:
        return "nothing is kept of the average's gain"
    kept = "all" if share >= 1 else f"{number(100 * share, 2)}\u202f%"
    return f"it keeps {kept} of the average's gain"


def _cost_words(teacher: Finalist, small: Finalist) -> list[str]:
    """Size and time beside those of the teacher."""
    (_, size, took), (_, large, long) = summary.costs(small), summary.costs(teacher)
    if not size or not large:
        return []
    time = f", and {took} a row in place of {long}" if took and long else ""
    return [f"It takes {size} on disk in place of {large}{time}."]
