"""The page of a search: its sentences and tables."""

from __future__ import annotations

from typing import Any

from couloir import figures
from couloir import text as words
from couloir.figures import Chart, TableRun, scores
from couloir.figures.search.parameters import heading, varied
from couloir.figures.search.trials import COMPLETE, SearchRun, complete, folds_of, trials
from couloir.report import folds, summary
from couloir.report.tables import row
from couloir.runs.records import SearchRecord
from couloir.runs.records.searched import Searched
from couloir.text import count, number, percent, setting

MOST_TRIALS = 200


def charts(run: SearchRun) -> list[Chart]:
    """The figures of the page."""
    return [
        *folds.charts(run),
        figures.search_history(run),
        figures.parameter_importance(run),
        figures.search_slices(run),
        figures.best_trials(run),
        figures.search_rungs(run),
        figures.search_curves(run),
        *([figures.reliability(run)] if run.record.test else []),
    ]


def summarise(run: TableRun[SearchRecord]) -> dict[str, Any]:
    """Every sentence and fact of the page that is not a table or a figure."""
    record = run.record
    return summary.common(record) | {
        "lead": _lead(record),
        "facts": _facts(record),
        "choice": _choice(record),
        "space": record.search.space,
        "stages": _stages(record.search),
        "ensemble": _ensemble_words(record),
        "in_time": folds.in_time(record),
    }


def _stages(looked: Searched) -> list[tuple[str, str]]:
    """What the search itself took, summed over its generations."""
    training = sum(cost.seconds for cost in looked.costs)
    compiling = sum(cost.compile_seconds for cost in looked.costs)
    return summary.stage_seconds({"training": training, "compiling": compiling})


def _lead(record: SearchRecord) -> str:
    looked, winner = record.search, record.winner
    said = f"{count(looked.trials, 'combination')} of hyperparameters "
    said += f"{'was' if looked.trials == 1 else 'were'} tried to predict {words.short(record.data.target)}, "
    said += f"in {count(looked.generations, 'generation')}. "
    said += f"The best single network was trained with {winner.optimizer} at a learning rate of "
    said += f"{number(winner.learning_rate)}."
    if summary.subject(record) != "the winner":
        said += f" What is kept is {summary.subject(record)}."
    return said


def _facts(record: SearchRecord) -> list[tuple[str, str, str]]:
    metric, looked = record.metric, record.search
    name, on = scores.metric_name(metric), looked.evaluation
    judged = f"Validation {name}" if on == "validation" else f"{name.capitalize()}, {on}"
    return [
        summary.test_fact(record),
        (judged, words.metric(metric, looked.best_value), "the best trial was chosen by this"),
        ("Best trial", record.winner.optimizer, f"learning rate {number(record.winner.learning_rate)}"),
        ("Trials", f"{looked.trials:,}", summary.fates(record)),
        ("Time", f"{number(record.seconds['total'])}\u202fs", ""),
    ]


def _choice(record: SearchRecord) -> list[str]:
    """How the choice was made, so that a reader can trust the test score."""
    looked, on = record.search, record.search.evaluation
    place = "on the validation rows" if on == "validation" else f"on average over {on}"
    said = f"The best trial has the {scores.superlative(record.metric)} {scores.metric_name(record.metric)} "
    said += f"{place}; as the best of {looked.trials:,} that number is a little flattering."
    several = [_finalist_words(record)] if len(record.finalists) > 1 else []
    return [said, *several, *summary.test_words(record)]


def _finalist_words(record: SearchRecord) -> str:
    """The models, and their validation scores, by which the one that is kept was chosen."""
    metric, kept = record.metric, record.headline
    known = [
        f"{summary.finalist_name(entry)}, {words.metric(metric, entry.validation[metric])}"
        for entry in record.finalists
        if entry.validation
    ]
    models, name = count(len(record.finalists), "model"), summary.finalist_name(kept)
    said = f"{models} were tested; which of them is kept was fixed before: the {name}."
    if record.test is None:
        said = f"{models} came of it; kept is the {name}."
    if len(known) > 1:
        said += f" Where they were chosen, their {scores.metric_name(metric)} was: {'; '.join(known)}."
    if kept.name == "ensemble":
        said += " An ensemble is kept unless these rows tell, by two standard errors, that the winner alone "
        said += "is better: as the best of many, it is flattered by them more."
    return said


def _ensemble_words(record: SearchRecord) -> str:
    shares = record.ensemble or []
    if not shares:
        return ""
    heaviest = max(shares, key=lambda share: share.weight)
    if len(shares) == 1:
        return f"Trial {heaviest.member} is averaged with no other: none helped where they were chosen."
    what = "probabilities" if record.data.is_classification else "predictions"
    said = f"The ensemble averages the {what} of {count(len(shares), 'trial')}, added one at a time where "
    said += "they helped most on the rows they were chosen by, out of random halves of the best "
    said += "(Caruana et al. 2004). "
    return f"{said}Trial {heaviest.member} has the largest say, {percent(heaviest.weight)}."


def tabulate(run: TableRun[SearchRecord]) -> dict[str, Any]:
    """The ensemble's members and the trials: heads and rows as text."""
    return {"ensemble": _ensemble(run.record), "folds": folds.table(run.record), **_trials(run)}


def _ensemble(record: SearchRecord) -> dict[str, Any]:
    shares = [(share, share.parameters or {}) for share in record.ensemble or []]
    names = list(dict.fromkeys(name for _, parameters in shares for name in parameters))
    items = [
        row([str(share.member), percent(share.weight), *(setting(parameters.get(name)) for name in names)])
        for share, parameters in sorted(shares, key=lambda entry: -entry[0].weight)
    ]
    return {"heads": ["trial", "weight", *map(heading, names)], "items_": items}


def _trials(run: TableRun[SearchRecord]) -> dict[str, Any]:
    """The best trials first, then those that left or diverged."""
    rows, metric = complete(run), run.record.metric
    chosen = {entry["number"] for entry in rows}
    everything = rows + [entry for entry in trials(run) if entry["number"] not in chosen]
    names = varied(everything)
    heads = ["trial", scores.metric_name(metric), *map(heading, names), "best epoch", "outcome"]
    items = []
    for entry in everything:
        cells = [str(entry["number"]), words.metric(metric, entry["value"])]
        cells += [setting(entry.get(name)) for name in (*names, "best_epoch")]
        cells += [_outcome(entry, folds_of(run.record))]
        items.append(row(cells, quiet=entry["status"] not in COMPLETE))
    more = len(items) > MOST_TRIALS
    shown = f"The best {MOST_TRIALS} of " if more else "All "
    return {
        "trials": {"heads": heads, "items_": items[:MOST_TRIALS]},
        "best": {"heads": heads, "items_": items[:10]},
        "trials_heading": shown + count(len(items), "trial"),
        "more": more,
    }


def _outcome(entry: dict[str, Any], folds: int) -> str:
    if entry["status"] in ("diverged", "finished"):
        return summary.FATES[entry["status"]]
    what = "left at a rung" if entry["status"] == "left" else "stopped"
    # In folds the number is a sum over folds that may have ended at different epochs.
    return f"{what}, epoch {setting(entry['epochs_run'])}" if folds == 1 else what
