"""The tables of a search: its trials, its rungs, the curves of the best."""

from __future__ import annotations

from typing import Any

import polars as pl

from couloir.selection.candidates import median_epochs
from couloir.selection.evaluation import or_none
from couloir.selection.search.loop import Search
from couloir.selection.tables import described

NAMES_OF_A_SPACE = ("rate", "layers", "width")

SHOWN = 10
"""Trials whose curves are kept in the history."""


def trials_table(search: Search) -> pl.DataFrame:
    """One row a trial: what it was, how it ended, what it took."""
    rows = []
    for trial in search.study.trials:
        member = described(search.member(trial.number))
        member.pop("restart")
        best = trial.attributes["best_epochs"]
        rows.append(
            {
                "number": trial.number,
                "generation": trial.generation,
                "status": trial.status,
                "value": trial.value,
                "rung_value": trial.rungs[-1][1] if trial.rungs else None,
                "best_epoch": median_epochs(best) if any(best) else None,
                "epochs_run": trial.attributes["epochs_run"],
                "n_parameters": trial.attributes["n_parameters"],
                **member,
                **{name: value for name, value in trial.parameters.items() if name in NAMES_OF_A_SPACE},
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def rungs_table(search: Search) -> pl.DataFrame:
    """One row a generation and rung: how many came to it and were kept, and the last one's score."""
    schema = {"generation": pl.Int64, "epoch": pl.Int64, "entered": pl.Int64, "kept": pl.Int64}
    return pl.DataFrame(search.rungs, schema={**schema, "cut": pl.Float64})


def history(search: Search) -> pl.DataFrame:
    """Training and validation loss by epoch of the best trials, averaged over the folds."""
    columns: dict[str, list[Any]] = {"member": [], "epoch": [], "training_loss": [], "validation_loss": []}
    for each in search.pool.trials[:SHOWN]:
        count = each.curves.shape[1]
        columns["member"] += [each.number] * count
        columns["epoch"] += range(1, count + 1)
        for name, values in zip(("training_loss", "validation_loss"), each.curves, strict=True):
            columns[name] += map(or_none, values)
    return pl.DataFrame(columns)
