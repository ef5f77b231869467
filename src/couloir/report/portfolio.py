"""The page of a portfolio: what was tried, what mattered, what the average gained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from couloir import figures, options
from couloir import text as words
from couloir.engine.metrics import DEFAULT_METRIC, METRICS, metrics_of
from couloir.figures import Chart, Run, scores
from couloir.figures.settings import (
    NETWORK,
    Setting,
    Value,
    in_words,
    judged_on,
    label,
    lag_words,
    mattered,
    network,
    networks,
    roles,
    settings,
    varied,
)
from couloir.report import distilled, folds, gained, summary, tables
from couloir.text import count, number

if TYPE_CHECKING:
    from couloir.runs.records import TrainRecord


def charts(run: Run[TrainRecord]) -> list[Chart]:
    """The figures of the page."""
    answers = [figures.confusion(run)] if run.record.test else []
    return [
        figures.settings_tried(run),
        *folds.charts(run),
        figures.learning_curves(run),
        figures.generalisation_gap(run),
        *(answers if run.record.data.is_classification else [figures.predicted_against_true(run)]),
        figures.importance(run),
    ]


def tabulate(run: Run[TrainRecord]) -> dict[str, Any]:
    """Every table of the page: heads and cells as text."""
    found, record = settings(run), run.record
    return leaderboard(record, found) | {
        "mattered": mattered_table(record, found),
        "mistakes": tables.mistakes(record, judged_on(record)),
        "folds": folds.table(record),
    }


def summarise(run: Run[TrainRecord]) -> dict[str, Any]:
    """Every sentence and fact of the page that is not a table or a figure."""
    record, found = run.record, settings(run)
    return summary.common(record) | {
        "lead": _lead(record),
        "facts": _facts(record),
        "choice": _choice(record),
        "gained": gained.sentences(record),
        "consists": gained.consists(record),
        "distilled": distilled.sentences(record),
        "mattered": mattered_words(record, found),
        "part": judged_on(record),
        "in_time": folds.in_time(record),
    }


# Sentences ------------------------------------------------------------------------------------------------


def _lead(record: TrainRecord) -> str:
    crossed, rest = record.cross_validation, record.data.split.train
    many = record.n_members > 1
    text = f"{count(record.n_members, 'setting')} of encoding, network and training "
    text += f"{'were' if many else 'was'} tried on {count(rest, 'row')} to predict "
    text += words.short(record.data.target)
    if crossed:
        text += f", each in {count(crossed.folds, 'fold')}: "
        text += f"{count(crossed.folds * record.n_members, 'network')}, trained together as one population"
    text += f". {f'The best by {judged_on(record)} scores' if many else 'It'} has "
    text += in_words(_winner(record))
    kept = record.headline
    if kept.name == "ensemble":
        shares = record.ensemble or []
        text += f"; what is kept is the average of {count(len(shares), 'setting')}"
        text += f", {count(kept.networks, 'network')} in all" if kept.networks > len(shares) else ""
    elif kept.name == "distilled":
        text += f"; what is kept is one network, trained to the answers of {distilled.teacher_words(record)}"
    return f"{text}."


def _winner(record: TrainRecord) -> dict[str, Any]:
    return record.winner.hyperparameters


def _facts(record: TrainRecord) -> list[tuple[str, str, str]]:
    """(what, value, detail) of the few facts under the title."""
    kept, winner, metric = record.headline, record.winner, record.metric
    own = summary.judged(record)
    alone = f"the winner alone {words.metric(metric, record.validation[metric])}"
    judged = alone if kept.name == "ensemble" else "chosen by this"
    if kept.name == "distilled" and kept.validation is None:
        judged = "of those whose answers it was trained to"
    rate = f"{count(kept.networks, 'network')}, rate {number(winner.learning_rate)}"
    held = ("Kept", network(_winner(record)), rate)
    if kept.name in ("ensemble", "distilled"):
        held = ("Kept", summary.named(record, kept), count(kept.networks, "network"))
    total, training = (f"{number(record.seconds[stage])}\u202fs" for stage in ("total", "train"))
    return [
        summary.test_fact(record),
        (
            f"{judged_on(record).capitalize()} {scores.metric_name(metric)}",
            words.metric(metric, own[metric]),
            judged,
        ),
        held,
        ("Settings", f"{record.n_members:,}", summary.fates(record)),
        ("Time", total, f"{training} of it training"),
    ]


def _choice(record: TrainRecord) -> list[str]:
    """How the choice was made, so that a reader can trust the test score."""
    said = ["A setting is a way of reading the numbers, a network and a way of training it."]
    said += [_trained_words(record), _ranked_words(record), *distilled.how(record)]
    if refit := record.winner.refit_epochs:
        said.append(f"The winner was then trained on all of these rows for {count(refit, 'epoch')}.")
    return [*filter(None, said), *summary.test_words(record)]


def _trained_words(record: TrainRecord) -> str:
    crossed, split = record.cross_validation, record.data.split
    end = "to the end of its schedule"
    if crossed is None:
        return (
            f"Each was trained {end} on the {split.train:,} training rows and scored on the "
            f"{count(split.validation, 'validation row')}: these told none when to stop."
        )
    apart = " outside the test part" if record.test else ""
    return (
        f"The {split.train + split.validation:,} rows{apart} were divided into "
        f"{count(crossed.folds, 'fold')}. Each setting was trained {end} once for each fold, on the other "
        "folds, and answered the rows of that one: no network was stopped by rows that it is judged on."
    )


def _ranked_words(record: TrainRecord) -> str:
    if record.n_members == 1:
        return ""
    name = scores.metric_name(record.metric)
    mean = "mean " if record.cross_validation else ""
    said = f"The winner has the {scores.superlative(record.metric)} {mean}{judged_on(record)} {name}"
    if any(each.name == "ensemble" for each in record.finalists):
        said += ", and the average was chosen on the same answers: both numbers are a little flattering. "
        it = "It goes before the winner" if record.distilled else "It is kept"
        return said + f"{it} unless they tell, by two standard errors, that the winner is better."
    return f"{said}; as the best of {record.n_members:,} that number is a little flattering."


def mattered_words(record: TrainRecord, found: Sequence[Setting]) -> str:
    """How far the best setting falls behind where a hyperparameter has another value, farthest first."""
    metric = record.metric
    behind: dict[tuple[float, float], list[str]] = {}
    for name, values in mattered(found, metric).items():
        scored = [each.best for each in values if each.best is not None]
        if len(scored) > 1 and scored[1] != scored[0]:
            behind.setdefault((METRICS[metric].sign * scored[1], scored[1]), []).append(label(name))
    best = found[0].score
    if not behind or best is None:
        return ""
    lags = [
        (names, lag_words(metric, best, second))
        for (_, second), names in sorted(behind.items(), reverse=True)
    ]
    return _lag_sentence(lags)


def _lag_sentence(lags: Sequence[tuple[list[str], str]]) -> str:
    """How far the best settings with other values lie behind, by the names that they lie so far behind in."""
    (names, lag), *others = lags
    if not others and len(names) > 2:
        # The next best differs in all of them from the best: none of them can be singled out.
        told = f"The next best setting differs from the best in {words.joined(names, 12)} at once, and lies "
        return f"{told}{lag} behind: no single one of these decided."
    text = f"The best setting with another {either(names)} lies {lag} behind the best of all"
    return f"{text}{''.join(f'; with another {either(names)}, {lag}' for names, lag in others)}."


def either(names: Sequence[str]) -> str:
    """Names of which any will do: "a, b or c"."""
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


# Tables ---------------------------------------------------------------------------------------------------


def mattered_table(record: TrainRecord, found: Sequence[Setting]) -> dict[str, Any]:
    """For each hyperparameter that varies its best value, and with others the best score and its lag."""
    metric, items = record.metric, []
    for name, values in mattered(found, metric).items():
        first, *others = values
        behind = [_behind(each, first.best, metric) for each in others]
        items.append(tables.row([words.heading(label(name)), words.setting(first.value), "; ".join(behind)]))
    score = f"{judged_on(record)} {words.short_metric(metric)}"
    return {"heads": ["", "best", f"other values: best {score}, and how far behind"], "items_": items}


def _behind(value: Value, best: float | None, metric: str) -> str:
    said = words.setting(value.value).replace(" ", "\u00a0")
    if value.best is None or best is None:
        return f"{said}:\u00a0diverged"
    score = words.metric(metric, value.best).replace(" ", "\u00a0")
    return f"{said}:\u00a0{score} ({lag_words(metric, best, value.best)})"


def leaderboard(record: TrainRecord, found: Sequence[Setting]) -> dict[str, Any]:
    """The best setting of each network and all settings: heads and cells as text, and what all share."""
    rows = [each.row for each in found]
    names = varied(rows)
    columns, colours = _columns(record, names), roles(found)
    best = [group[0] for group in networks(found).values()]
    shown = found[: tables.MOST_MEMBERS]
    constant = [name for name in tables.hyperparameters(rows[0], but=()) if name not in names]
    return {
        "heads": [head for _, head in columns],
        "best": [_cells(each, columns, colours) for each in best],
        "all": [_cells(each, columns, colours) for each in shown],
        "all_heading": f"All {count(len(found), 'setting')}"
        if len(shown) == len(found)
        else f"The best {len(shown)} of {len(found):,} settings",
        "more": len(shown) < len(found),
        "alike": tables.alike(rows, [name for name in constant if name not in NETWORK]),
    }


def _columns(record: TrainRecord, names: Iterable[str]) -> list[tuple[str, str]]:
    """(column of the leaderboard, heading); the metric that chose comes first."""
    part = judged_on(record)
    known = sorted(metrics_of(record.data.task), key=lambda name: name != record.metric)
    loss = METRICS[DEFAULT_METRIC[record.data.task]]
    return [
        ("network", "network"),
        *((name, options.label(name)) for name in names if name not in NETWORK),
        *((METRICS[name].column("validation"), f"{part} {words.short_metric(name)}") for name in known),
        *([("weight", "in the average")] if record.ensemble else []),
        (loss.column("training"), f"training {words.short_metric(loss.name)}"),
        ("status", "outcome"),
    ]


def _cells(setting: Setting, columns: Iterable[tuple[str, str]], colours: dict[str, str]) -> dict[str, Any]:
    row = setting.row
    own = {
        "network": setting.network,
        "weight": words.percent(setting.weight) if setting.weight else "",
        "status": tables.outcome(row),
    }
    cells = [
        {"text": own.get(name) if name in own else tables.cell(row, name), "kind": name}
        for name, _ in columns
    ]
    return {"role": colours[setting.network], "diverged": row["status"] == "diverged", "cells": cells}
