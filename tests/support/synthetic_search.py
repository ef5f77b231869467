"""Made-up searches with known numbers, for the tests of figures and pages: nothing is trained here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

from couloir.engine.metrics import DEFAULT_METRIC, METRICS
from couloir.runs.records import SearchRecord, learned, searched
from synthetic_race import EPOCHS, RIVALS, SCORES, SyntheticTables, data_of, winner_of
from synthetic_run import FLOORS, HOSTILE, RATES, recorded

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
        "rung_value": None,
        "best_epoch": None if diverged else 18,
        "epochs_run": 4 if diverged else EPOCHS,
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
                trial |= {"rung_value": trial["value"], "value": None}
            rows.append({"generation": generation, "epoch": epoch, "entered": len(alive), "kept": len(kept)})
            rows[-1]["cut"] = kept[-1]["value"]
            alive = kept
    return rows


def _history(best: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for trial in best:
        for epoch in range(1, trial["epochs_run"] + 1):
            training = trial["value"] * (0.4 + 12 * math.exp(-0.3 * epoch))
            validation = training + 0.5 * trial["value"] + 0.004 * abs(epoch - 18) * trial["value"]
            row = {"member": trial["number"], "epoch": epoch, "training_loss": training}
            rows.append(row | {"validation_loss": validation})
    return rows


def _share(trial: dict[str, Any], weight: float) -> learned.Share:
    parameters = {name: trial[name] for name in ("optimizer", "learning_rate", "layers", "width")}
    return learned.Share(member=trial["number"], weight=weight, parameters=parameters)


def _finalists(task: str, best: float) -> list[learned.Finalist]:
    """The average, which is kept and a little better, the winner, and the winner refitted."""
    (test, _), loss = SCORES[task], DEFAULT_METRIC[task]
    better = {name: value * (1.01 if METRICS[name].more_is_better else 0.95) for name, value in test.items()}
    return [
        learned.Finalist(
            name="ensemble", headline=True, networks=3, validation={loss: 0.9 * best}, test=better
        ),
        learned.Finalist(name="winner", headline=False, validation={loss: best}, test=test),
        learned.Finalist(name="refitted", headline=False, test=test),
    ]


def _calibration() -> learned.Calibration:
    def bins(off: float) -> list[learned.Bin]:
        found = ((0.55, 9), (0.75, 20), (0.97, 241))
        return [learned.Bin(confidence=c, accuracy=c - off, count=n) for c, n in found]

    return learned.Calibration(
        temperature=1.31,
        validation_error=0.021,
        test_error=0.034,
        test_error_scaled=0.012,
        reliability=bins(0.06),
        reliability_scaled=bins(0.01),
    )


def _searched(
    trials: list[dict[str, Any]], best: dict[str, Any], loss: str, halving: bool
) -> searched.Searched:
    generations, command = 1 + trials[-1]["generation"], "couloir search digits --trials 192 --seed 0"
    return searched.Searched(
        generations=generations,
        trials=len(trials),
        asked=searched.AskedOfSearch(
            halving=halving, ensemble=3, generation=32, command=command, trials=len(trials)
        ),
        evaluation="validation",
        metric=loss,
        best_value=best["value"],
        best_trial=best["number"],
        rungs=list(RUNGS) if halving else [],
        costs=[
            searched.Cost(
                generation=number, trials=32, seconds=30.4 / generations, compile_seconds=9.1 / generations
            )
            for number in range(generations)
        ],
        space=SPACE,
    )


def search(
    n_trials: int = 192, task: str = "classification", scale: float = 1.0, halving: bool = True
) -> SyntheticTables[SearchRecord]:
    """A search of so many trials in generations of 32, with rungs or without."""
    generator = np.random.default_rng(3)
    trials = [_trial(number, generator, scale) for number in range(n_trials)]
    rungs = _halve(trials) if halving else []
    alive = sorted((t for t in trials if t["status"] == "finished"), key=lambda t: t["value"])
    best, loss, finalists = alive[0], DEFAULT_METRIC[task], _finalists(task, alive[0]["value"])
    statuses = [trial["status"] for trial in trials]
    record = recorded(
        SearchRecord,
        data_of(task),
        winner_of(task, best["optimizer"], best["learning_rate"], best["number"]),
        command="couloir search digits --trials 192 --seed 0",
        n_members=n_trials,
        counts={status: statuses.count(status) for status in ("finished", "stopped", "left", "diverged")},
        validation={loss: best["value"]},
        test=learned.Test(scores=finalists[0].test, intervals=SCORES[task][1]),
        **RIVALS[task],
        search=_searched(trials, best, loss, halving),
        finalists=finalists,
        ensemble=[_share(*each) for each in zip(alive, (0.5, 0.3, 0.2), strict=False)],
        calibration=_calibration() if task == "classification" else None,
        importance_of_parameters=[
            searched.ParameterImportance(name=name, share=share)
            for name, share in (
                ("rate", 0.46),
                ("optimizer", 0.31),
                ("width", 0.11),
                ("l2", 0.09),
                ("dropout", 0.02),
                ("activation", 0.01),
            )
        ],
    )
    tables = {
        "trials": pl.DataFrame(trials, infer_schema_length=None),
        "rungs": pl.DataFrame(rungs, infer_schema_length=None),
    }
    history = pl.DataFrame(_history(alive[:5]), infer_schema_length=None)
    return SyntheticTables(record, tables, history)


def hostile_search() -> SyntheticTables[SearchRecord]:
    """Markup in every name that comes from outside."""
    run = search(64)
    names, record = {rule: f"{HOSTILE}{rule}" for rule in RATES}, run.record
    run.tables["trials"] = run.tables["trials"].with_columns(
        pl.col("optimizer").replace(names), activation=pl.lit(HOSTILE) + pl.col("activation")
    )
    record.winner.hyperparameters["optimizer"] = names["adam"]
    record.data.name, record.data.target, record.data.warnings = HOSTILE, HOSTILE, [HOSTILE]
    record.search.space = HOSTILE
    for share in record.ensemble:
        share.parameters["optimizer"] = HOSTILE
    record.importance_of_parameters.append(searched.ParameterImportance(name=HOSTILE, share=0.005))
    record.command = f"couloir search '{HOSTILE}'"
    return run
