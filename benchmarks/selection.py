"""How fast configurations are cross-validated: this engine against GridSearchCV, and with halving.

    python benchmarks/selection.py [--quick] [--without torch,pytabkit] [--out selection.json]

The work: digits, {SGD, Adam} × 10 learning rates × 5 folds, 30 epochs, one hidden layer of 32, batch 32,
no early stopping, pixels in [0, 1], float32. Both have the same rows (all but our test part) in the same
folds. GridSearchCV runs on all cores. Then 1,000 trainings of ours, eight rules × 25 rates × 5 folds, with
GridSearchCV's time per training of the first work; and the same with successive halving.

Every figure comes from a process of its own, started for it, in one run of this script, in turns; of the
turns the best counts, since other work on the machine only ever adds time. "Training" is what
GridSearchCV.fit does: all fits, and scoring what each fold held out; compiling stands apart. "Process" is
the whole of it, from starting Python to the scores; cold: with an empty compilation cache; warm: once more.

Every turn has a run seed of its own: another test part, other folds, other initial weights, for both. The
scores of a turn are means over its folds; standard errors are those of the mean over the turns, and of the
paired differences. (The folds of one turn share their initial weights, so that an error taken over folds
would leave out what the initial weights do, which at low rates is nearly everything.)

Beside it, where they can be imported: a PyTorch loop in an Optuna study, on one core, its time divided by
the number of cores, as if it filled them; and pytabkit's RealMLP, which trains folds as one program.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from _shared import machine, table, write_json

TASKS = Path(__file__).with_name("selection_tasks.py")
NARROW = ("sgd", "adam")
LEARNT = 0.9
"""Accuracy above which a configuration counts as one that has learnt, on the mean of both programs."""

PEERS = {"torch": ("optuna_torch", ("optuna", "torch")), "pytabkit": ("pytabkit_folds", ("pytabkit",))}
PEER_NAMES = {"torch": "Optuna + PyTorch loop", "pytabkit": "pytabkit RealMLP, folds as one"}

Runs = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    rates: int = 10
    wide_rates: int = 25
    epochs: int = 30
    folds: int = 5
    rounds: int = 5
    peer_trials: int = 4


QUICK = Scale(rates=2, wide_rates=3, epochs=6, folds=3, rounds=2, peer_trials=1)


# Running the tasks --------------------------------------------------------------------------------------


def run_task(name: str, work: Mapping[str, Any], home: Path) -> dict[str, Any]:
    """A task in a new process whose compilation cache is in `home`; with the seconds of the whole process.

    Raises:
        RuntimeError: the process failed; with the end of what it said.
    """
    home.mkdir(parents=True, exist_ok=True)
    file = home / "work.json"
    file.write_text(json.dumps(work))
    # Bytecode of installed packages is there on every machine where a program has run before.
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "COULOIR_HOME": str(home), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, str(TASKS), name, str(file)]
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"The task {name} failed: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"{name}: {found['seconds']:.2f} s, process {seconds:.2f} s", file=sys.stderr, flush=True)
    return {**found, "process_seconds": seconds}


def write_rows(path: Path, folds: int, seed: int) -> int:
    """Write the rows that are no test rows and the fold that holds each out; returns how many there are."""
    import couloir
    from couloir.data.splits import fold_rows, split_rows

    data = couloir.load("digits")
    split = split_rows(data, seed=seed)
    rest = np.sort(np.concatenate([split.train, split.validation]))
    fold_of_row = np.full(len(rest), -1)
    for number, fold in enumerate(fold_rows(data, rest, folds, seed, inner=None)):
        fold_of_row[np.searchsorted(rest, fold.held_out)] = number
    np.savez(path, rest=rest, fold_of_row=fold_of_row)
    return len(rest)


def works(scale: Scale, rows: Path, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The narrow work of a turn, which both do, and the wide one."""
    from couloir.engine.optimizers import RULES

    shared = {
        "seed": seed,
        "folds": scale.folds,
        "epochs": scale.epochs,
        "hidden": [32],
        "batch": 32,
        "rows": str(rows),
        "cores": machine()["cores"],
        "peer_trials": scale.peer_trials,
    }

    def rates(count: int) -> list[float]:
        return [float(f"{rate:.3g}") for rate in np.logspace(-4, -1, count)]

    narrow = {**shared, "rules": list(NARROW), "rates": rates(scale.rates)}
    return narrow, {**shared, "rules": list(RULES), "rates": rates(scale.wide_rates)}


def measure(scale: Scale, without: Sequence[str] = ()) -> dict[str, Any]:
    """All tasks, in turns, and what they come to."""
    about = machine()
    runs: Runs = {}
    with tempfile.TemporaryDirectory(prefix="couloir-selection-") as name:
        folder = Path(name)
        for seed in range(scale.rounds):
            rows = write_rows(folder / f"rows-{seed}.npz", scale.folds, seed)
            narrow, wide = works(scale, folder / f"rows-{seed}.npz", seed)
            for what, task, work, home in turn(narrow, wide):
                runs.setdefault(what, []).append(run_task(task, work, folder / f"{home}-{seed}"))
        for peer, (task, needs) in PEERS.items():
            if peer not in without and all(find_spec(package) for package in needs):
                runs[peer] = [run_task(task, narrow, folder / peer)]
    return {
        "machine": about,
        "rows": rows,
        "work": {key: narrow[key] for key in ("rules", "rates", "folds", "epochs", "hidden", "batch")},
        "wide": {key: wide[key] for key in ("rules", "rates")},
        "runs": runs,
        "scores": compared(runs),
        "halving": halved(runs),
        "bars": bars(runs),
    }


def turn(narrow: dict[str, Any], wide: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], str]]:
    """One turn: what is run, as which task, on which work, in which home; a second run finds it warm."""
    yield "sklearn", "sklearn_grid", narrow, "sklearn"
    yield "cold", "couloir_cv", narrow, "narrow"
    yield "warm", "couloir_cv", narrow, "narrow"
    yield "wide cold", "couloir_cv", wide, "wide"
    yield "wide warm", "couloir_cv", wide, "wide"
    for what in ("full cold", "full warm"):
        yield what, "couloir_halving", {**wide, "halving": False}, "full"
    for what in ("halved cold", "halved warm"):
        yield what, "couloir_halving", {**wide, "halving": True}, "halved"


# What the runs come to ----------------------------------------------------------------------------------


def best(runs: Runs, names: Sequence[str], figure: str) -> float:
    """The least of a figure over all runs of these names."""
    return min(float(run[figure]) for name in names for run in runs[name])


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of some values."""
    return statistics.stdev(values) / math.sqrt(len(values))


Configuration = tuple[str, float]


def means(runs: Sequence[Mapping[str, Any]]) -> dict[Configuration, list[float]]:
    """Mean over the folds [turn] by rule and rate, of the configurations that never diverged."""
    found: dict[Configuration, list[float]] = {}
    for run in runs:
        for each in run["configurations"]:
            if None not in each["scores"]:
                found.setdefault((each["rule"], each["rate"]), []).append(statistics.fmean(each["scores"]))
    return {key: values for key, values in found.items() if len(values) == len(runs)}


def compared(runs: Runs) -> dict[str, Any]:
    """Mean scores of ours and of scikit-learn's, configuration by configuration."""
    ours, theirs = means(runs["warm"]), means(runs["sklearn"])
    both = [key for key in ours if key in theirs]
    # At the lowest rates nothing is learnt, and what is compared is how the initial weights are drawn.
    learnt = [key for key in both if statistics.fmean(ours[key] + theirs[key]) > LEARNT] or both
    overall, of_learnt = (
        [
            [statistics.fmean(turn) for turn in zip(*(of[key] for key in keys), strict=True)]
            for of in (ours, theirs)
        ]
        for keys in (both, learnt)
    )
    best_of_ours, best_of_theirs = (
        max(of, key=lambda key: statistics.fmean(of[key])) for of in (ours, theirs)
    )
    return {
        "configurations": [
            {"rule": rule, "rate": rate, **versus(ours[rule, rate], theirs[rule, rate])}
            for rule, rate in both
        ],
        "best": versus(ours[best_of_ours], theirs[best_of_theirs]),
        "best_configurations": {"ours": best_of_ours, "sklearn": best_of_theirs},
        "mean": versus(*overall),
        "mean_of_learnt": versus(*of_learnt),
    }


def versus(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Two means with their standard errors, and the mean of the paired differences with its own."""
    differences = [mine - other for mine, other in zip(ours, theirs, strict=True)]
    found = {}
    for name, values in (("ours", ours), ("theirs", theirs), ("difference", differences)):
        found |= {name: statistics.fmean(values), f"{name}_error": standard_error(values)}
    return found


def halved(runs: Runs) -> dict[str, Any]:
    """What halving saves, and what its winner is worth beside that of the full run."""
    winners = {
        name: [run["configurations"][run["winner"]] for run in runs[f"{name} warm"]]
        for name in ("full", "halved")
    }
    seconds = {
        f"{name} {figure}": best(runs, [f"{name} warm"], figure)
        for name in winners
        for figure in ("seconds", "process_seconds")
    }
    names = [[(each["rule"], each["rate"]) for each in found] for found in winners.values()]
    same = [short == full for full, short in zip(*names, strict=True)]
    scores = {name: [statistics.fmean(each["scores"]) for each in found] for name, found in winners.items()}
    return {
        "seconds": seconds,
        "share_of_training": seconds["halved seconds"] / seconds["full seconds"],
        "share_of_process": seconds["halved process_seconds"] / seconds["full process_seconds"],
        "rungs": runs["halved warm"][0]["rungs"],
        "winners": winners,
        "same_winner": sum(same),
        "turns": len(same),
        **versus(scores["halved"], scores["full"]),
    }


def per_training(runs: Runs, names: Sequence[str], figure: str = "seconds") -> float:
    """The best seconds of a figure for each training."""
    return best(runs, names, figure) / runs[names[0]][0]["trainings"]


def bars(runs: Runs) -> list[dict[str, Any]]:
    """What was to be reached, with what was reached."""
    process, ours, wide = "process_seconds", ("cold", "warm"), ("wide cold", "wide warm")
    scores, halving = compared(runs), halved(runs)
    theirs = per_training(runs, ["sklearn"])
    narrow = f"{runs['sklearn'][0]['trainings']} trainings"
    more = f"{runs['wide cold'][0]['trainings']:,} trainings"

    def whole(name: str) -> float:
        return best(runs, ["sklearn"], process) / best(runs, [name], process)

    return [
        _bar(f"{narrow}: training alone, times GridSearchCV", theirs / per_training(runs, ours), 15),
        _bar(f"{narrow}: whole process, warm, times GridSearchCV's", whole("warm"), 5),
        _bar(f"{narrow}: whole process, cold, times GridSearchCV's", whole("cold"), 3),
        _bar(
            "best configuration's accuracy above scikit-learn's, at least −1 standard error",
            scores["best"]["difference"],
            -scores["best"]["difference_error"],
        ),
        _bar(
            "mean accuracy of all configurations above scikit-learn's, at least −1 standard error",
            scores["mean"]["difference"],
            -scores["mean"]["difference_error"],
        ),
        _bar(f"{more}: per training, times GridSearchCV", theirs / per_training(runs, wide), 20),
        _bar(
            f"{more}: whole warm process per training, times GridSearchCV",
            theirs / per_training(runs, ["wide warm"], process),
            12,
        ),
        _bar(
            f"{more}: whole cold process per training, times GridSearchCV",
            theirs / per_training(runs, ["wide cold"], process),
            12,
        ),
        _bar("halving: times as fast as without, training alone", 1 / halving["share_of_training"], 3),
        _bar(
            "halving: its winner's accuracy above the full run's, at least −1 standard error",
            halving["difference"],
            -halving["difference_error"],
        ),
    ]


def _bar(name: str, reached: float, at_least: float) -> dict[str, Any]:
    return {"bar": name, "at_least": at_least or 0.0, "reached": reached, "passed": reached >= at_least}


# Showing it ---------------------------------------------------------------------------------------------


def report(results: dict[str, Any]) -> str:
    """The tables."""
    about, work = results["machine"], results["work"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    load = "unknown" if about["load_at_start"] is None else f"{about['load_at_start']:.1f}"
    return "\n".join(
        [
            f"{about['processor']}, {about['cores']} cores, load at the start {load}; {versions}",
            f"digits: {results['rows']:,} rows in {work['folds']} folds, {work['epochs']} epochs, hidden "
            f"{work['hidden']}, batch {work['batch']}",
            "",
            _time_table(results["runs"], about["cores"]),
            "",
            _score_table(results["scores"]),
            "",
            _halving_text(results["halving"]),
            "",
            _bar_table(results["bars"]),
        ]
    )


def _time_table(runs: Runs, cores: int) -> str:
    theirs = per_training(runs, ["sklearn"])
    lines = [
        ("GridSearchCV", ["sklearn"], 1),
        ("couloir, cold", ["cold"], 1),
        ("couloir, warm", ["warm"], 1),
        ("couloir, cold", ["wide cold"], 1),
        ("couloir, warm", ["wide warm"], 1),
        (f"{PEER_NAMES['torch']} / {cores}", ["torch"], cores),
        (PEER_NAMES["pytabkit"], ["pytabkit"], 1),
    ]
    rows = []
    for who, names, share in lines:
        if names[0] not in runs:
            continue
        each, run = per_training(runs, names) / share, runs[names[0]][0]
        whole = per_training(runs, names, "process_seconds") / share
        rows.append(
            [
                who,
                f"{run['trainings']:,}",
                f"{best(runs, names, 'seconds') / share:.2f}",
                f"{best(runs, names, 'compile_seconds'):.2f}" if "compile_seconds" in run else "–",
                f"{best(runs, names, 'process_seconds') / share:.2f}",
                f"{1000 * each:.2f}",
                f"{theirs / each:.1f}",
                f"{1000 * whole:.2f}",
                f"{theirs / whole:.1f}",
                str(run.get("diverged", "–")),
            ]
        )
    heading = ["who", "trainings", "training s", "compile s", "process s", "ms each", "×GridSearchCV"]
    heading += ["ms each, process", "×GridSearchCV", "diverged"]
    fits = best(runs, ["sklearn"], "seconds_in_fits")
    return (
        f"{table(heading, rows)}\nOf GridSearchCV's seconds {fits:.2f} were spent in fits and scores: the "
        "rest is starting workers and waiting for them. Both columns of ratios are to its training."
    )


def _score_table(scores: dict[str, Any]) -> str:
    named = [(f"{row['rule']}, {row['rate']:g}", row) for row in scores["configurations"]]
    named += [("best of each", scores["best"]), ("mean of all", scores["mean"])]
    named += [(f"mean of those above {LEARNT}", scores["mean_of_learnt"])]
    rows = [
        [
            name,
            f"{row['ours']:.4f} ± {row['ours_error']:.4f}",
            f"{row['theirs']:.4f} ± {row['theirs_error']:.4f}",
            f"{row['difference']:+.4f} ± {row['difference_error']:.4f}",
        ]
        for name, row in named
    ]
    heading = ["accuracy, mean ± standard error", "couloir", "scikit-learn", "paired difference"]
    configurations = scores["configurations"]
    distance = statistics.fmean(abs(row["difference"]) for row in configurations)
    inside = sum(abs(row["difference"]) <= row["difference_error"] for row in configurations)
    below = sum(row["difference"] < -row["difference_error"] for row in configurations)
    return (
        f"{table(heading, rows)}\nOf {len(configurations)} configurations {inside} are within one standard "
        f"error and {below} below by more; the mean distance is {distance:.4f}."
    )


def _halving_text(halving: dict[str, Any]) -> str:
    rungs = ", ".join(
        f"{rung['kept']} of {rung['entered']} kept after epoch {rung['epoch']}" for rung in halving["rungs"]
    )
    return (
        f"Halving: {rungs}; {halving['share_of_training']:.2f} of the training time, "
        f"{halving['share_of_process']:.2f} of the warm process's; the same winner in "
        f"{halving['same_winner']} of {halving['turns']} turns, its accuracy {halving['ours']:.4f}, "
        f"{halving['difference']:+.4f} ± {halving['difference_error']:.4f} from the full run's winner."
    )


def _bar_table(reached: Sequence[dict[str, Any]]) -> str:
    rows = [
        [
            bar["bar"],
            f"≥ {bar['at_least']:.3g}",
            f"{bar['reached']:.3g}",
            "pass" if bar["passed"] else "MISS",
        ]
        for bar in reached
    ]
    return table(["bar", "wanted", "reached", "passed"], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rates, folds and epochs: under a minute")
    parser.add_argument("--without", default="", help="peers to leave out: torch, pytabkit")
    parser.add_argument("--out", type=Path, default=Path("selection.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    without = [name for name in options.without.split(",") if name]
    unknown = [name for name in without if name not in PEERS]
    if unknown:
        parser.error(f"there is no peer '{unknown[0]}' to leave out: the choices are {', '.join(PEERS)}")
    results = measure(QUICK if options.quick else Scale(), without)
    print(report(results))
    write_json(options.out, results)
    print(f"\nWritten to {options.out}.")


if __name__ == "__main__":
    main()
