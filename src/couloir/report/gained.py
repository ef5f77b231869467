"""What the average of a portfolio gained over its winner, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from couloir import text as words
from couloir.engine.metrics import DEFAULT_METRIC
from couloir.figures import scores
from couloir.figures.settings import judged_on
from couloir.text import count, number

if TYPE_CHECKING:
    from couloir.runs.records import LearnedRecord, TrainRecord
    from couloir.runs.records.learned import Finalist


def finalist(record: LearnedRecord, name: str) -> Finalist | None:
    """A finalist by its name, if there is one of it."""
    return next((each for each in record.finalists if each.name == name), None)


def change_words(winner: float, average: float) -> str:
    """By how much the average's loss differs from the winner's: "7.4 % less"."""
    if winner == average or winner <= 0:
        return "the same" if winner == average else "no less"
    share = average / winner - 1
    if share > 1:
        return f"{number(1 + share, 2)} times as much"
    return f"{number(100 * abs(share), 2)}\u202f% {'less' if share < 0 else 'more'}"


def pairs(record: TrainRecord) -> list[tuple[str, float, float]]:
    """(where, the winner's loss, the average's): on the rows they were chosen by, on the test part."""
    winner, average = finalist(record, "winner"), finalist(record, "ensemble")
    if winner is None or average is None or len(record.ensemble or []) < 2:
        return []
    loss, part = DEFAULT_METRIC[record.data.task], judged_on(record)
    found = []
    if winner.validation and average.validation:
        found.append((f"on the {part} rows", winner.validation[loss], average.validation[loss]))
    if winner.test and average.test:
        found.append(("on the test rows", winner.test[loss], average.test[loss]))
    return found


def sentences(record: TrainRecord) -> list[str]:
    """The scores of winner and average; nothing where there is no average."""
    shares = record.ensemble or []
    if not shares or record.n_members == 1:
        return []
    if len(shares) == 1:
        alone = (
            "the winner" if shares[0].member == record.winner.member else "another setting than the winner"
        )
        part = judged_on(record)
        return [f"Nothing: no second setting helped on the {part} answers, so it would be {alone} alone."]
    name = scores.metric_name(DEFAULT_METRIC[record.data.task])
    said = [
        f"{where[0].upper()}{where[1:]} the winner alone has a {name} of {number(winner)}, the average "
        f"{number(average)}: {change_words(winner, average)}."
        for where, winner, average in pairs(record)
    ]
    return [*said, *_doubt(record)]


def consists(record: TrainRecord) -> list[str]:
    """What the average consists of, in sentences; nothing where there is none of several settings."""
    return [_members(record), *_networks(record)] if pairs(record) else []


def _doubt(record: TrainRecord) -> list[str]:
    """Where the two parts of the rows disagree, that few rows decide little."""
    found = pairs(record)
    if len(found) < 2 or (found[0][2] < found[0][1]) == (found[1][2] < found[1][1]):
        return []
    return [f"With {count(record.data.split.test, 'test row')} such a difference may be chance."]


def _members(record: TrainRecord) -> str:
    shares = sorted(record.ensemble or [], key=lambda share: -share.weight)
    what = "probabilities" if record.data.is_classification else "predictions"
    most, least = (words.share(round(each.weight, 3)) for each in (shares[0], shares[-1]))
    return (
        f"The average weighs the {what} of {count(len(shares), 'setting')}, from {most} down to {least}, "
        "added one at a time where they helped most (Caruana et al. 2004)."
    )


def _networks(record: TrainRecord) -> list[str]:
    """That a setting is a network of each fold, and what that means for its scores."""
    winner, average, crossed = (
        finalist(record, "winner"),
        finalist(record, "ensemble"),
        record.cross_validation,
    )
    if crossed is None or winner is None or average is None:
        return []
    return [
        f"On new rows the winner alone is {count(winner.networks, 'network')} already, one of each fold, "
        f"whose answers are averaged; the average of settings is {average.networks}. Held out, a row is "
        "answered by the one network of each setting that has not seen it."
    ]
