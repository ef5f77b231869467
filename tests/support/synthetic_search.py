"""Made-up searches with known numbers, for the tests of figures and pages: nothing is trained here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

from synthetic_race import EPOCHS, SyntheticTables, _frame
from synthetic_run import FLOORS, HOSTILE, RATES

RUNGS = (5, 15)
SPACE = 'optimizer = ["adam", "adamw"]\nrate = { low = 0.003, high = 10.0, log = true }\nepochs = 30\n'


def _trial(number: int, generator: np.random.Generator, scale: float) -> dict[str, Any]:
    rule = str(generator.choice(list(RATES)))
    rate = 10 ** generator.uniform(-2.5, 1)
    layers, width = int(generator.integers(1, 4)), int(generator.choice([16, 32, 64, 128, 256]))
    l2, dropout = 10 ** generator.uniform(-7, -1), round(float(generator.choice([0, 0.1, 0.2, 0.3])), 1)
    off = math.log10(rate)
    value = 0.06 * FLOORS[rule] * (1 + 0.8 * off**2 + 0.4 * math.log2(256 / width) / 4 + l2 * 20)
    value *= scale * (1 + 0.1 * abs(generator.standard_normal()))
    diverged = off > 0.8 and rule in ("sgd", "momentum", "nesterov")
    status = "diverged" if diverged else "finished"
    return {
        "number": number,
        "generation": number // 32,
        "status": status,
        "value": None if diverged else value,
        "best_epoch": None if diverged else 18,
        "epochs_run": 4 if diverged else EPOCHS,
        "seconds": 0.02,
        "n_parameters": 65 * width,
        "optimizer": rule,
        "rate": rate,
        "learning_rate": RATES[rule] * rate,
        "schedule": str(generator.choice(["constant", "cosine", "one_cycle"])),
        "batch_size": int(generator.choice([32, 64, 128])),
        "layers": layers,
        "width": width,
        "activation": str(generator.choice(["relu", "tanh", "silu"])),
        "l2": l2,
        "dropout": dropout,
        "noise": 0.0,
    }


def _halve(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave the worse half at each rung, generation by generation; the rows of the table of rungs."""
    rows = []
    for generation in sorted({trial["generation"] for trial in trials}):
        alive = [t for t in trials if t["generation"] == generation and t["status"] == "finished"]
        for epoch in RUNGS:
            order = sorted(alive, key=lambda trial: trial["value"])
            kept = order[: max(1, len(order) // 2)]
            for trial in order[len(kept) :]:
                trial |= {"status": "left", "epochs_run": epoch, "best_epoch": epoch}
            rows.append({"generation": generation, "epoch": epoch, "entered": len(alive), "kept": len(kept)})
            rows[-1]["cut"] = len(alive) - len(kept)
            alive = kept
    return rows


def _history(best: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for trial in best:
        for epoch in range(1, trial["epochs_run"] + 1):
            training = trial["value"] * (0.4 + 12 * math.exp(-0.3 * epoch))
            validation = training + 0.5 * trial["value"] + 0.004 * abs(epoch - 18) * trial["value"]
            row = {"trial": trial["number"], "epoch": epoch, "training_loss": training}
            rows.append(row | {"validation_loss": validation})
    return rows


def search(
    n_trials: int = 192, task: str = "classification", scale: float = 1.0, halving: bool = True
) -> Any:
    """A search of so many trials in generations of 32, with rungs or without."""
    generator = np.random.default_rng(3)
    trials = [_trial(number, generator, scale) for number in range(n_trials)]
    rungs = _halve(trials) if halving else []
    alive = sorted((t for t in trials if t["status"] == "finished"), key=lambda t: t["value"])
    classes = task == "classification"
    loss = "log_loss" if classes else "mse"
    record = _frame(task, scale)
    best, test = alive[0], record["test"]
    record["winner"] |= {"optimizer": best["optimizer"], "learning_rate": best["learning_rate"]}
    better = {
        name: value * (1.01 if name in ("accuracy", "r2") else 0.95)
        for name, value in test.items()
        if name != "intervals"
    }
    counts = {s: sum(t["status"] == s for t in trials) for s in ("finished", "stopped", "left", "diverged")}
    record |= {
        "kind": "search",
        "command": "couloir search digits --trials 192 --seed 0",
        "metric": loss,
        "validation": {loss: best["value"]},
        "test": better | {"intervals": test["intervals"]},
        "search": {
            "generations": 1 + trials[-1]["generation"],
            "trials": n_trials,
            "counts": counts,
            "blocks": 8,
            "evaluation": "validation",
            "metric": loss,
            "rungs": [{"epoch": epoch, "kept share": 0.5} for epoch in RUNGS] if halving else [],
            "seconds_by_stage": {"ask": 1.2, "compile": 9.1, "train": 30.4, "tell": 0.2},
            "space": SPACE,
        },
        "finalists": [
            {
                "name": "ensemble",
                "validation": {loss: 0.9 * best["value"]},
                "test": better | {"intervals": test["intervals"]},
                "headline": True,
                "members": 3,
            },
            {
                "name": "winner",
                "validation": {loss: best["value"]},
                "test": test,
                "headline": False,
                "members": 1,
            },
            {"name": "refitted", "validation": {}, "test": dict(test), "headline": False, "members": 1},
        ],
        "ensemble": [
            {
                "trial": trial["number"],
                "weight": weight,
                "parameters": {k: trial[k] for k in ("optimizer", "learning_rate", "layers", "width")},
            }
            for trial, weight in zip(alive, (0.5, 0.3, 0.2), strict=False)
        ],
        "calibration": {
            "temperature": 1.31,
            "validation_error": 0.021,
            "test_error": 0.034,
            "test_error_scaled": 0.012,
            "reliability": [
                {"confidence": c, "accuracy": c - 0.06, "count": n}
                for c, n in ((0.55, 9), (0.75, 20), (0.97, 241))
            ],
        }
        if classes
        else None,
        "importance_of_parameters": [
            {"name": name, "share": share}
            for name, share in (
                ("rate", 0.46),
                ("optimizer", 0.31),
                ("width", 0.11),
                ("l2", 0.09),
                ("dropout", 0.02),
                ("activation", 0.01),
            )
        ],
    }
    tables = {
        "trials": pl.DataFrame(trials, infer_schema_length=None),
        "rungs": pl.DataFrame(rungs, infer_schema_length=None),
        "history": pl.DataFrame(_history(alive[:5]), infer_schema_length=None),
    }
    return SyntheticTables(record, tables)


def hostile_search() -> SyntheticTables:
    """Markup in every name that comes from outside."""
    run = search(64)
    names = {rule: f"{HOSTILE}{rule}" for rule in RATES}
    run.tables["trials"] = run.tables["trials"].with_columns(
        pl.col("optimizer").replace(names), activation=pl.lit(HOSTILE) + pl.col("activation")
    )
    run.record["winner"]["optimizer"] = names["adam"]
    run.record["data"] |= {"name": HOSTILE, "target": HOSTILE, "warnings": [HOSTILE]}
    run.record["search"]["space"] = HOSTILE
    for entry in run.record["ensemble"]:
        entry["parameters"]["optimizer"] = HOSTILE
    run.record["importance_of_parameters"].append({"name": HOSTILE, "share": 0.005})
    run.record["command"] = f"couloir search '{HOSTILE}'"
    return run
