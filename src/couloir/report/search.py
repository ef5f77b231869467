"""The page of a search: its sentences and tables."""

from __future__ import annotations

from typing import Any

from couloir import figures
from couloir import text as words
from couloir.figures import Chart, TableRun, scores
from couloir.figures.search.parameters import heading, text, varied
from couloir.figures.search.trials import COMPLETE, complete, folds_of, trials
from couloir.report import folds, summary
from couloir.report.tables import row
from couloir.text import count, number, percent

MOST_TRIALS = 200


def charts(run: TableRun) -> list[Chart]:
    """The figures of the page."""
    divided = (
        [figures.fold_strip(run), figures.fold_scores(run)] if run.record.get("cross_validation") else []
    )
    return [
        *divided,
        figures.search_history(run),
        figures.parameter_importance(run),
        figures.search_slices(run),
        figures.best_trials(run),
        figures.search_rungs(run),
        figures.search_curves(run),
        figures.reliability(run),
    ]


def summarise(run: TableRun) -> dict[str, Any]:
    """Every sentence and fact of the page that is not a table or a figure."""
    record = run.record
    return summary.common(record) | {
        "lead": _lead(record),
        "facts": _facts(record),
        "choice": _choice(record),
        "space": record["search"].get("space") or "",
        "stages": _stages(record["search"]),
        "ensemble": _ensemble_words(record),
        "in_time": (record.get("cross_validation") or {}).get("kind") == "in time",
    }


def _counts(record: dict[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = record["search"].get("counts") or record.get("counts") or {}
    return counts


def _stages(looked: dict[str, Any]) -> list[tuple[str, str]]:
    """What the search itself took: by stage, or summed over its generations."""
    stages = looked.get("seconds_by_stage")
    if not stages:
        costs = looked.get("costs") or []
        stages = {
            "training": sum(cost["seconds"] for cost in costs),
            "compiling": sum(cost["compile_seconds"] for cost in costs),
        }
    return summary.stage_seconds(stages)


def _lead(record: dict[str, Any]) -> str:
    looked, data, winner = record["search"], record["data"], record["winner"]
    said = f"{count(looked['trials'], 'combination')} of hyperparameters "
    said += "was " if looked["trials"] == 1 else "were "
    said += (
        f"tried to predict {words.short(data['target'])}, in {count(looked['generations'], 'generation')}. "
    )
    said += f"The best single network was trained with {winner['optimizer']} at a learning rate of "
    said += f"{number(winner['learning_rate'])}."
    if summary.subject(record) != "the winner":
        said += f" What is kept is {summary.subject(record)}."
    return said


def _facts(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    first, metric, looked = summary.headline_metric(record), record["metric"], record["search"]
    test = record.get("test") or {}
    bounds = (test.get("intervals") or {}).get(first)
    interval = f"{words.metric(first, bounds[0])} to {words.metric(first, bounds[1])}" if bounds else ""
    names = {
        "finished": "ran to the end",
        "stopped": "stopped early",
        "left": "left at a rung",
        "diverged": "diverged",
    }
    fates = [f"{_counts(record)[key]:,} {name}" for key, name in names.items() if _counts(record).get(key)]
    best = looked.get("best_value", (record.get("validation") or {}).get(metric))
    validation = words.metric(metric, best)
    on = str(looked.get("evaluation") or "validation")
    where = (
        f"Validation {scores.metric_name(metric)}"
        if on == "validation"
        else f"{scores.metric_name(metric).capitalize()}, {on}"
    )
    seconds = record.get("seconds", {})
    return [
        (f"Test {words.METRIC_NAMES[first]}", words.metric(first, test.get(first)), interval),
        (where, validation, "the best trial was chosen by this"),
        (
            "Best trial",
            record["winner"]["optimizer"],
            f"learning rate {number(record['winner']['learning_rate'])}",
        ),
        ("Trials", f"{looked['trials']:,}", ", ".join(fates)),
        ("Time", f"{number(seconds.get('total') or sum(seconds.values()))}\u202fs", ""),
    ]


def _choice(record: dict[str, Any]) -> list[str]:
    """How the choice was made, so that a reader can trust the test score."""
    looked, metric = record["search"], scores.metric_name(record["metric"])
    on = str(looked.get("evaluation") or "validation")
    place = "on the validation rows" if on == "validation" else f"on average over {on}"
    said = f"The best trial has the {scores.superlative(record['metric'])} {metric} {place}; as the best of "
    said += f"{looked['trials']:,} that number is a little flattering."
    sentences = [said]
    entries = record.get("finalists") or []
    if len(entries) > 1:
        kept = next((entry for entry in entries if entry.get("headline")), entries[0])
        sentences.append(_finalist_words(record, kept))
    return [*sentences, *summary.test_words(record)]


def _finalist_words(record: dict[str, Any], kept: dict[str, Any]) -> str:
    """Which models were tested, and their validation scores, by which the one that is kept was chosen."""
    metric = record["metric"]
    known = [
        f"{summary.finalist_name(entry)}, {words.metric(metric, entry['validation'][metric])}"
        for entry in record["finalists"]
        if scores.finite((entry.get("validation") or {}).get(metric))
    ]
    said = f"{count(len(record['finalists']), 'model')} were tested; which of them is kept "
    said += f"was fixed before: the {summary.finalist_name(kept)}."
    if len(known) > 1:
        said += f" Where they were chosen, their {scores.metric_name(metric)} was: {'; '.join(known)}."
    if kept.get("name") == "ensemble":
        said += " An ensemble is kept unless these rows tell, by two standard errors, that the winner alone "
        said += "is better: as the best of many, it is flattered by them more."
    return said


def _ensemble_words(record: dict[str, Any]) -> str:
    members = record.get("ensemble") or []
    if not members:
        return ""
    what = "predictions" if record["data"]["task"] == "regression" else "probabilities"
    heaviest = max(members, key=lambda member: member["weight"])
    if len(members) == 1:
        return f"Trial {heaviest['trial']} is averaged with no other: none helped where they were chosen."
    said = (
        f"The ensemble averages the {what} of {count(len(members), 'trial')}, added one at a time where they "
    )
    said += "helped most on the rows they were chosen by, out of random halves of the best "
    said += "(Caruana et al. 2004). "
    return f"{said}Trial {heaviest['trial']} has the largest say, {percent(heaviest['weight'])}."


def tabulate(run: TableRun) -> dict[str, Any]:
    """The ensemble's members and the trials: heads and rows as text."""
    return {"ensemble": _ensemble(run.record), "folds": folds.table(run.record), **_trials(run)}


def _ensemble(record: dict[str, Any]) -> dict[str, Any]:
    members = record.get("ensemble") or []
    names = list(dict.fromkeys(name for member in members for name in member.get("parameters") or {}))
    items = [
        row(
            [
                str(member["trial"]),
                percent(member["weight"]),
                *(text((member.get("parameters") or {}).get(name)) for name in names),
            ]
        )
        for member in sorted(members, key=lambda member: -member["weight"])
    ]
    return {"heads": ["trial", "weight", *map(heading, names)], "items_": items}


def _trials(run: TableRun) -> dict[str, Any]:
    """The best trials first, then those that left or diverged."""
    rows, metric = complete(run), run.record["metric"]
    chosen = {entry_["number"] for entry_ in rows}
    everything = rows + [entry_ for entry_ in trials(run) if entry_["number"] not in chosen]
    names = varied(everything)
    heads = ["trial", scores.metric_name(metric), *map(heading, names), "best epoch", "outcome"]
    items = [
        row(
            [
                str(entry["number"]),
                words.metric(metric, entry["value"]),
                *(text(entry.get(name)) for name in names),
                text(entry.get("best_epoch")),
                _outcome(entry, folds_of(run)),
            ],
            quiet=entry["status"] not in COMPLETE,
        )
        for entry in everything
    ]
    more = len(items) > MOST_TRIALS
    shown = f"The best {MOST_TRIALS} of " if more else "All "
    return {
        "trials": {"heads": heads, "items_": items[:MOST_TRIALS]},
        "best": {"heads": heads, "items_": items[:10]},
        "trials_heading": shown + count(len(items), "trial"),
        "more": more,
    }


def _outcome(entry: dict[str, Any], folds: int) -> str:
    if entry["status"] == "diverged":
        return "diverged"
    if entry["status"] == "finished":
        return "ran to the end"
    what = "left at a rung" if entry["status"] == "left" else "stopped"
    # In folds the number is a sum over folds that may have ended at different epochs.
    return f"{what}, epoch {text(entry.get('epochs_run'))}" if folds == 1 else what
