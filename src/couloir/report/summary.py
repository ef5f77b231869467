"""The page's sentences: what was trained on what, how well it does, how it was chosen."""

from __future__ import annotations

from datetime import datetime
from itertools import compress
from typing import TYPE_CHECKING, Any

from couloir import options
from couloir import text as words
from couloir.engine.metrics import HEADLINE_METRIC
from couloir.figures.settings import is_portfolio
from couloir.runs.records import LearnedRecord
from couloir.text import count, number, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from couloir.runs.records import Record
    from couloir.runs.records.common import Data, Scores
    from couloir.runs.records.learned import Finalist, Test, Winner

STATUS_NOTES = {
    "interrupted": "This run was interrupted. What follows holds for what had been learnt until then.",
    "out of time": "This run reached its time limit. What follows holds for what had been learnt until then.",
}
FATES = {
    "finished": "ran to the end",
    "stopped": "stopped early",
    "left": "left at a rung",
    "diverged": "diverged",
}
"""How a training ended, in words."""
REFIT_DIVERGED = "Trained anew with more rows the winner diverged: kept are the networks that were judged."
MOST_CLASSES_LISTED = 12

BYTES = 4
"""That a number of a model takes on disk."""


def common(record: LearnedRecord) -> dict[str, Any]:
    """The sentences and facts that the pages of all runs that end in a model have."""
    notes = [STATUS_NOTES.get(record.status, ""), REFIT_DIVERGED if record.refit_diverged else ""]
    return frame(record) | {
        "name": words.short(record.about, 80),
        "status": " ".join(filter(None, notes)),
        "scores": scores_table(record),
        "verdict": verdict(record),
        "data": data_facts(record.data),
        "warnings": record.data.warnings,
        "winner": winner_facts(record.winner, to_the_end=is_portfolio(record)),
    }


def frame(record: Record) -> dict[str, Any]:
    """When and how it was run: what the pages of all kinds of run have."""
    then = datetime.fromisoformat(record.created)
    return {
        "created": f"{then.day} {then:%B %Y, %H:%M} {then.tzname() or ''}".strip(),
        "command": record.command,
        "seconds": stage_seconds(record.seconds),
        "versions": list(record.versions.items()),
        "machine": machine(record),
    }


def test_fact(record: LearnedRecord) -> tuple[str, str, str]:
    """The fact of the score that stands first: its name, its value, its interval."""
    first = HEADLINE_METRIC[record.data.task]
    name = f"Test {words.METRIC_NAMES[first]}"
    if record.test is None:
        return (name, "–", "nothing was tested")
    return (name, words.metric(first, record.test.scores[first]), _range(record.test, first))


def fates(record: LearnedRecord) -> str:
    """How many members ended in which way."""
    ended = [(record.counts.get(key), name) for key, name in FATES.items()]
    return ", ".join(f"{number:,} {name}" for number, name in ended if number)


def scores_table(record: LearnedRecord) -> dict[str, Any]:
    """The table of test scores: the models that were tested, the kept one first, then what they must beat.

    Where nothing was tested, of the scores that they were chosen by; what was trained again has none.
    """
    test, first = record.test, HEADLINE_METRIC[record.data.task]
    names = [first, *(("log_loss", "balanced_accuracy") if first == "accuracy" else ("mae", "mse"))]
    models = sorted(record.finalists, key=lambda finalist: not finalist.headline)
    known = [(named(record, each), each.test if test else each.validation, costs(each)) for each in models]
    known += [(rival.name, rival.test, ["", "", ""]) for rival in record.rivals]
    rows = [(name, scores, cost) for name, scores, cost in known if scores is not None]
    told = [bool(any(column)) for column in zip(*(cost for _, _, cost in rows), strict=True)]
    table = [
        {
            "name": name,
            "values": [words.metric(metric, scores[metric]) for metric in names],
            "intervals": [_range(test, metric) if test and place == 0 else "" for metric in names],
            # The bar shows the headline score between 0 and 1; a negative R² has none.
            "bar": f"{100 * min(1.0, max(0.0, scores[first])):.2f}",
            "costs": list(compress(cost, told)),
        }
        for place, (name, scores, cost) in enumerate(rows)
    ]
    return {
        "costs": list(compress(("networks", "size", "time a row"), told)),
        "metrics": [words.METRIC_NAMES[name] for name in names],
        "rows": table,
        "tested": test is not None,
    }


def costs(finalist: Finalist) -> list[str]:
    """How many networks a model is, its size on disk, the time of an answer; empty where it is not known."""
    if finalist.parameters is None:
        return ["", "", ""]
    took = finalist.microseconds
    size = words.size(BYTES * finalist.parameters)
    return [str(finalist.networks), size, f"{number(took, 2)}\u202fµs" if took else ""]


def named(record: LearnedRecord, finalist: Finalist) -> str:
    """A tested model in words; of a portfolio by its settings: "average of 3 settings", "winner alone"."""
    if not is_portfolio(record) or finalist.name in ("refitted", "distilled"):
        return finalist_name(finalist)
    members = len(record.ensemble or [])
    return f"average of {count(members, 'setting')}" if finalist.name == "ensemble" else "winner alone"


def finalist_name(finalist: Finalist) -> str:
    """A tested model in words: "winner", "winner, refitted", "ensemble of 5"."""
    if finalist.name == "ensemble":
        return f"ensemble of {finalist.networks}"
    if finalist.name == "refitted":
        return "winner, refitted"
    if finalist.name == "distilled":
        return "distilled network"
    # One network of each fold.
    return f"winner, average of {finalist.networks}" if finalist.networks > 1 else "winner"


def subject(record: LearnedRecord) -> str:
    """The tested model that is kept, as the subject of a sentence."""
    kept = record.headline
    if kept.name == "distilled":
        return "the distilled network"
    if is_portfolio(record) and kept.name == "ensemble":
        return f"the {named(record, kept)}"
    return f"the {finalist_name(kept)} networks" if kept.name == "ensemble" else "the winner"


def judged(record: LearnedRecord) -> Scores:
    """The scores that the kept model was chosen by: its own, or else those of what it was made from."""
    told = getattr(record, "distilled", None)
    names = [record.headline.name, told.teacher if told else None]
    known = [each.validation for name in names for each in record.finalists if each.name == name]
    return next(filter(None, known), record.validation)


def _range(test: Test, name: str) -> str:
    low, high = test.intervals[name]
    return f"{words.metric(name, low)} to {words.metric(name, high)}"


def verdict(record: LearnedRecord) -> list[str]:
    """What the test scores say: against nothing learnt, against a linear model, with the interval."""
    if record.test is None:
        return untested_words(record)
    first = HEADLINE_METRIC[record.data.task]
    within = f" (95\u202f% interval {_range(record.test, first)})"
    text = f"On {count(record.data.split.test, 'test row')} that no choice ever saw, {subject(record)} "
    text += _score_words(record, record.test.scores, within)
    return [text, *_comparisons(record, record.test, first)]


def _score_words(record: LearnedRecord, scores: Scores, within: str = "") -> str:
    """What a model does, going on after its name; `within` stands behind the score."""
    if record.data.is_classification:
        return f"is right in {percent(scores['accuracy'])}{within}."
    text = f"explains {percent(scores['r2'])} of the variance: R² is {number(scores['r2'])}{within}. "
    return text + f"Its predictions are off by {number(scores['mae'])} on average."


def untested_words(record: LearnedRecord) -> list[str]:
    """That nothing was tested, what the model does where it was chosen, and what that is worth."""
    said = ["Nothing was tested: the split leaves no row for it."]
    if own := record.data.test_rows:
        left = "row that the data bring was" if own == 1 else "rows that the data bring were"
        said.append(f"The {own:,} test {left} left alone.")
    crossed, validation = record.cross_validation, record.data.split.validation
    where = f"In {crossed.folds} folds" if crossed else f"On {count(validation, 'validation row')}"
    who = subject(record)
    if record.headline.validation is None:
        who = "the winner, before it was trained again with more rows,"
        who = "what it was distilled from" if record.headline.name == "distilled" else who
    said.append(f"{where} {who} {_score_words(record, judged(record))}")
    return [*said, "The choice was made by such scores, so they flatter: expect less on new rows."]


def _comparisons(record: LearnedRecord, test: Test, first: str) -> list[str]:
    low, high = test.intervals[first]
    beaten = record.rivals[0]
    linear, baseline = (rival.test[first] for rival in record.rivals)
    text = f"{beaten.name.capitalize()} reaches {words.metric(first, linear)}"
    if linear < low:
        text += ", which lies below that interval: the network does better here."
    elif linear > high:
        text += ", which lies above that interval: it does better here, and is simpler."
    else:
        text += f", inside that interval: {count(record.data.split.test, 'test row')} "
        text += "hardly tell the two apart."
    what = "the commonest class" if record.data.is_classification else "the mean"
    return [text, f"Always answering with {what} reaches {words.metric(first, baseline)}."]


def data_facts(data: Data) -> list[tuple[str, str]]:
    """What the data are: rows and their parts, columns, target, classes, what is missing."""
    kinds = words.joined([f"{n:,} {words.short(kind)}" for kind, n in data.column_kinds.items()])
    split = ((data.split.train, "train"), (data.split.validation, "validate"), (data.split.test, "test"))
    parts = [f"{rows:,} to {purpose}" for rows, purpose in split if rows]
    if data.test_rows and not data.split.test:
        parts.append(f"{data.test_rows:,} left alone")
    facts = [
        ("Rows", f"{data.rows:,}: {', '.join(parts)}"),
        ("Columns", f"{data.columns:,}: {kinds}"),
        ("Target", f"{words.short(data.target)}, {data.task}"),
    ]
    if data.image_shape:
        height, width = data.image_shape
        facts.insert(2, ("Images", f"{height} × {width} pixels, one a row"))
    if data.classes and data.class_counts:
        facts.append(("Classes", _classes(data.classes, data.class_counts)))
    if data.target_mean is not None:
        ends = number(data.target_minimum), number(data.target_maximum)
        facts.append(("Its values", f"from {ends[0]} to {ends[1]}, mean {number(data.target_mean)}"))
    facts.append(("Missing", count(data.missing, "cell") if data.missing else "none"))
    facts.append(("Fingerprint", data.fingerprint[:16]))
    return facts


def _classes(labels: Sequence[Any], counts: Sequence[int]) -> str:
    pairs = list(zip(labels, counts, strict=True))
    # No line breaks between a class and its count.
    listed = [f"{words.short(label, 24)}\u00a0({n:,})" for label, n in pairs[:MOST_CLASSES_LISTED]]
    rest = len(pairs) - len(listed)
    return f"{len(pairs)}: {', '.join(listed)}" + (f" and {rest} more" if rest else "")


PENALTIES = ("l1", "l2", "dropout", "noise")
TOLD = ("optimizer", "learning_rate", "schedule", "hidden", "activation", "loss", "batch_size", "epochs")
"""Hyperparameters that the winner's facts have a phrase for; others stand there by their names."""


def winner_facts(winner: Winner, to_the_end: bool = False) -> list[tuple[str, str]]:
    """The winner's hyperparameters in words; `to_the_end`: of a training that nothing stops."""
    known = winner.hyperparameters
    layers = " → ".join(str(width) for width in winner.hidden) or "none"
    used = [f"{options.label(name)} {number(known[name])}" for name in PENALTIES if known[name]]
    others = [name for name, value in known.items() if name not in (*TOLD, *PENALTIES) and value]
    kept = f"up to {known['epochs']:,}; the weights of epoch {winner.best_epoch} were kept"
    nothing = "early stopping alone"
    if to_the_end:
        nothing = "weight decay alone" if known["weight_decay"] else "none"
    return [
        ("Hidden layers", f"{layers}, {known['activation']}"),
        ("Parameters", f"{winner.n_parameters:,}"),
        ("Update rule", winner.optimizer),
        ("Learning rate", f"{number(winner.learning_rate)}, {known['schedule']} schedule"),
        *((words.heading(options.label(name)), words.setting(known[name])) for name in others),
        ("Loss", words.setting(known["loss"])),
        ("Batch", count(known["batch_size"], "row")),
        ("Epochs", f"{known['epochs']:,}, to the end of the schedule" if to_the_end else kept),
        ("Regularization", words.joined(used) if used else nothing),
    ]


def test_words(record: LearnedRecord) -> list[str]:
    """That the test part was scored once, for a list fixed before; and how often by other runs.

    Nothing where nothing was tested: the verdict says that.
    """
    if record.test is None:
        return []
    fixed = "models and baselines" if len(record.finalists) > 1 else "winner and baselines"
    text = f"The {count(record.data.split.test, 'test row')} took no part in any choice: {fixed} "
    text += "were fixed first, then scored there once."
    times = record.times_scored
    if times is None:
        return [text]
    if times == 1:
        return [text, "No other run has scored this test part before."]
    guided = "If those scores guided you, take this one as slightly flattering too."
    return [text, f"Over all runs this test part has been scored {times:,} times. {guided}"]


def stage_seconds(seconds: dict[str, float]) -> list[tuple[str, str]]:
    """Stage and duration, the total last; a stage that took no time at all did not happen."""
    stages = [(stage, value) for stage, value in seconds.items() if value > 0 and stage != "total"]
    if "total" in seconds:
        stages.append(("total", seconds["total"]))
    return [(stage, f"{took:.1f}\u202fs" if took >= 0.05 else "under 0.1\u202fs") for stage, took in stages]


def machine(record: Record) -> str:
    """Seed, device and throughput."""
    text = f"Run seed {record.seed}, on {record.device}."
    if isinstance(record, LearnedRecord):
        rate = number(float(f"{record.throughput.member_samples_per_second:.3g}"))
        text += f" Throughput: {rate} member-samples per second."
    return text
