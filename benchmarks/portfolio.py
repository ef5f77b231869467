"""How the portfolio of `couloir.selection.portfolio` was found: settings that complement one another.

    python benchmarks/portfolio.py learn [--only phoneme,adult] [--seeds 0] [--rows 500] [--library FOLDER]
    python benchmarks/portfolio.py choose [--library FOLDER] [--most 12] [--write]

`learn` trains every candidate setting on the training rows of the tables of `tables.py`, in five folds, and
keeps the out-of-fold answers; it goes on where it stopped. With --rows it learns from some of these rows,
so that the portfolio is one for small tables, too. The rows that judge in `tables.py` are not read.

`choose` adds settings one at a time: each time the one that lowers the error of the average of those chosen
most for the processor time it costs, compiling included where its network is a new one. The error is a
geometric mean over the tables. The average's weights are chosen by one half of the out-of-fold answers and
its error is that on the other half, both ways, so that what merely fits a table's rows is not rewarded. Of as
many as `train` takes each is then exchanged for what does better with the others in as little time. With
--leave-out it tells what a table gains by having been looked at, by leaving each out in turn.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tables import Source, sources, split

from couloir.data.dataset import Dataset, Split
from couloir.data.loading import load
from couloir.data.splits import fold_rows
from couloir.engine.training import train_population
from couloir.model.predictor import from_network
from couloir.options import FOLDS
from couloir.selection import ensemble, portfolio
from couloir.selection.portfolio import EFFORTS
from couloir.selection.problem import Conditions, Problem

Setting = Mapping[str, Any]

NETWORKS: Sequence[Setting] = (
    {"encoding": "piecewise", "hidden": [128, 128], "activation": "silu"},
    {"encoding": "standard", "hidden": [256, 256], "activation": "silu"},
    {"encoding": "piecewise", "hidden": [128, 128], "activation": "relu"},
    {"encoding": "robust", "hidden": [256, 256], "activation": "silu"},
    {"encoding": "piecewise", "hidden": [64, 64], "activation": "silu"},
    {"encoding": "piecewise+neighbours", "hidden": [64, 64], "activation": "silu"},
    {"encoding": "robust+neighbours", "hidden": [256, 256], "activation": "silu"},
)
"""Encodings and architectures that are tried: a program each."""

TRAININGS: Mapping[str, Setting] = {
    "a": {"learning_rate": 0.01, "epochs": 20, "weight_decay": 0.01, "beta2": 0.95},
    "b": {"learning_rate": 0.003, "epochs": 20, "weight_decay": 1.0},
    "c": {"learning_rate": 0.01, "epochs": 20, "weight_decay": 1.0},
    "d": {"learning_rate": 0.004, "epochs": 30, "weight_decay": 0.3, "dropout": 0.2, "schedule": "cosine"},
    "e": {"learning_rate": 0.01, "epochs": 30, "weight_decay": 0.3, "dropout": 0.1},
    "f": {"learning_rate": 0.005, "epochs": 12, "weight_decay": 1.0, "beta2": 0.95},
    "g": {"learning_rate": 0.02, "epochs": 20, "weight_decay": 1.0, "dropout": 0.3},
    "h": {"learning_rate": 0.006, "epochs": 40, "weight_decay": 1.0, "dropout": 0.3},
    "i": {"learning_rate": 0.01, "epochs": 12, "weight_decay": 0.1, "beta2": 0.95},
}
"""How each of them is trained, by AdamW; one cycle of the rate where nothing else is said."""


def candidates() -> dict[str, Setting]:
    """Every candidate setting, by name."""
    found = {}
    for network, (letter, training) in itertools.product(NETWORKS, TRAININGS.items()):
        hidden = "-".join(map(str, network["hidden"]))
        name = f"{network['encoding']} {hidden} {network['activation']} {letter}"
        found[name] = {**network, "schedule": "one_cycle", **training}
    return found


# Learning -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answered:
    """The out-of-fold answers of settings on the training rows of a table."""

    truth: np.ndarray
    answers: dict[str, np.ndarray]
    seconds: dict[str, float]

    def error(self, answers: np.ndarray, some: slice | np.ndarray = slice(None)) -> float:
        """Log loss of probabilities, or the root of the mean squared error, on some rows."""
        if answers.ndim == 2:
            return float(ensemble.log_loss_of(answers, self.truth[some]))
        return float(np.sqrt(ensemble.mse_of(answers, self.truth[some])))


def training_rows(source: Source, seed: int, most: int | None) -> Dataset:
    """The rows of a table that are learnt from in `tables.py`, or some of them, and no others."""
    import polars as pl

    frame = pl.read_csv(source.path, infer_schema_length=None)
    train, _ = split(frame[source.target].to_numpy(), source.task, seed)
    if most is not None:
        train = np.random.default_rng(seed).permutation(train)[:most]
    return load(frame[np.sort(train)], target=source.target, task=source.task)


def problem_of(dataset: Dataset) -> Problem:
    """All rows in folds, with nothing to test."""
    everything = np.arange(len(dataset))
    folds = fold_rows(dataset, everything, FOLDS, 0, None)
    conditions = Conditions(plan=portfolio.PORTFOLIO, patience=None, cv=FOLDS)
    return Problem(dataset, Split(everything, everything[:0], everything[:0]), tuple(folds), conditions, [])


def learn(dataset: Dataset, settings: Mapping[str, Setting], known: Answered | None) -> Answered:
    """The answers of every setting that is not known yet, those of one network at a time."""
    problem = problem_of(dataset)
    truth = problem.truth(problem.judged_rows)
    found = known or Answered(truth, {}, {})
    task, rows = problem.data.task, problem.least_rows
    new = {name: each for name, each in settings.items() if name not in found.answers}
    for _, group in itertools.groupby(new, key=network):
        names = list(group)
        members = [portfolio.member(new[name], task, rows) for name in names]
        began = time.process_time()
        trained = train_population(members, problem.trained_on(members), to_the_end=True)
        seconds = max(time.process_time() - began - COMPILING, 0.1) / len(names)
        for number, name in enumerate(names):
            outcomes = [fold[number] for fold in trained.folds]
            if not all(outcome.eligible for outcome in outcomes):
                continue
            parts = problem.encoded(members[number].encoding)
            models = [
                from_network(outcome.network, outcome.member.design, part.preparation)
                for outcome, part in zip(outcomes, parts, strict=True)
            ]
            found.answers[name] = problem.answers(models).astype(np.float32)
            found.seconds[name] = seconds
    return found


def stored(path: Path) -> Answered | None:
    """What has been learnt of a table, if anything has."""
    if not path.exists():
        return None
    arrays = np.load(path)
    names = [str(name) for name in arrays["names"]]
    answers = {name: arrays[f"answers {number}"] for number, name in enumerate(names)}
    return Answered(arrays["truth"], answers, dict(zip(names, arrays["seconds"].tolist(), strict=True)))


def store(path: Path, found: Answered) -> None:
    """Keep what has been learnt of a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    answers = {f"answers {number}": each for number, each in enumerate(found.answers.values())}
    seconds = [found.seconds[name] for name in found.answers]
    np.savez(path, truth=found.truth, names=list(found.answers), seconds=seconds, **answers)


BUDGET = 17.0
"""Processor seconds that the settings of `train` may take, on average over the tables."""

LEAST_GAIN = 0.001
"""Of the error, for which settings are exchanged once more."""

COMPILING = 3.0
"""Processor seconds that a program takes to compile (two AVX-512 cores, five folds)."""


# Choosing -------------------------------------------------------------------------------------------------


def averaged_error(table: Answered, names: Sequence[str]) -> float:
    """The error of the average of some settings, whose weights other rows have chosen."""
    answers = np.stack([table.answers[name] for name in names]).astype(np.float64)
    score = ensemble.log_loss_of if answers.ndim == 3 else ensemble.mse_of
    order = np.random.default_rng(0).permutation(len(table.truth))
    halves = order[::2], order[1::2]
    errors = []
    for chosen, judged in (halves, halves[::-1]):
        weights = ensemble.select(answers[:, chosen], table.truth[chosen], score, 20)
        errors.append(table.error(np.tensordot(weights, answers[:, judged], axes=1), judged))
    return float(np.mean(errors))


def chosen(
    tables: Mapping[str, Answered], names: Sequence[str], most: int, begun: Sequence[str] = ()
) -> Iterator[tuple[str, float]]:
    """Settings in the order in which they help, after those begun with, each with the error up to it.

    The error is the geometric mean over the tables of that in the best single setting's.
    """
    best = {name: min(table.error(table.answers[each]) for each in names) for name, table in tables.items()}
    seconds = {name: np.mean([table.seconds[name] for table in tables.values()]) for name in names}

    def error(some: Sequence[str]) -> float:
        ratios = [np.log(averaged_error(table, some) / best[name]) for name, table in tables.items()]
        return float(np.mean(ratios))

    def cost(name: str, kept: Sequence[str]) -> float:
        return float(seconds[name] + COMPILING * (network(name) not in map(network, kept)))

    kept = list(begun)
    reached = error(kept) if kept else 0.0
    for _ in range(min(most, len(names)) - len(kept)):
        tried = {name: error([*kept, name]) for name in names if name not in kept}
        # The first is the best of all: without it there is nothing to help.
        gains = {name: (reached - found) / (cost(name, kept) if kept else 1) for name, found in tried.items()}
        kept.append(max(gains, key=lambda name: gains[name]))
        reached = tried[kept[-1]]
        yield kept[-1], float(np.exp(reached))


def seconds_of(tables: Mapping[str, Answered], some: Sequence[str]) -> float:
    """Processor seconds that settings take on a table, on average, compiling included."""
    training = sum(np.mean([table.seconds[name] for table in tables.values()]) for name in some)
    return float(training + COMPILING * len(set(map(network, some))))


def exchanged(
    tables: Mapping[str, Answered], names: Sequence[str], kept: Sequence[str], budget: float
) -> list[str]:
    """The settings with each in turn exchanged for the best within a budget, until that helps no more.

    One by one settings are chosen for what they add to those before; here for what all make together.
    """

    def error(some: Sequence[str]) -> float:
        return float(np.mean([np.log(averaged_error(table, some)) for table in tables.values()]))

    found, reached = list(kept), error(kept)
    while True:
        before = reached
        for place in range(len(found)):
            others = [[*found[:place], name, *found[place + 1 :]] for name in names if name not in found]
            tried = [(error(some), some) for some in others if seconds_of(tables, some) <= budget]
            best = min(tried, default=(reached, found))
            if best[0] < reached:
                reached, found = best
        if before - reached < LEAST_GAIN:
            return found


def network(name: str) -> str:
    """What of a setting's name is its network's: settings of one network share a program."""
    return name.rpartition(" ")[0]


def written(settings: Sequence[Setting]) -> str:
    """The settings as `portfolio.toml` holds them."""
    lines = [
        "# Settings that complement one another over many tables, the most useful first. Found by",
        "# `benchmarks/portfolio.py` from out-of-fold answers on training rows alone; do not edit by hand.",
        "# `epochs` are meant for some 3,000 rows; see `couloir.selection.portfolio` for how they are sized.",
    ]
    for setting in settings:
        lines += ["", "[[setting]]"]
        lines += [f"{name} = {_toml(value)}" for name, value in setting.items()]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Learn, or choose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["learn", "choose"])
    parser.add_argument("--only", help="tables, with commas between")
    parser.add_argument("--rows", type=int, help="learn from so many rows of each table")
    parser.add_argument("--seeds", default="0", help="outer splits, with commas between")
    parser.add_argument("--library", type=Path, default=Path("portfolio-library"))
    parser.add_argument("--most", type=int, default=12)
    parser.add_argument("--write", action="store_true", help="write portfolio.toml")
    parser.add_argument("--leave-out", action="store_true", help="tell what each table gains by being seen")
    options = parser.parse_args(arguments)
    wanted = sources()
    names = options.only.split(",") if options.only else list(wanted)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    of_rows = "" if options.rows is None else f"-{options.rows}"
    places = {
        (name, seed): options.library / f"{name}-{seed}{of_rows}.npz" for name in names for seed in seeds
    }
    if options.what == "learn":
        for (name, seed), path in places.items():
            found = learn(training_rows(wanted[name], seed, options.rows), candidates(), stored(path))
            store(path, found)
            best = min(found.answers, key=lambda each: found.error(found.answers[each]))
            print(f"{name} {seed}: best {best}, {found.error(found.answers[best]):.5g}", flush=True)
        return 0
    known = {path.stem: found for path in sorted(options.library.glob("*.npz")) if (found := stored(path))}
    return _choose(known, options.most, options.write, options.leave_out)


def _choose(known: Mapping[str, Answered], most: int, write: bool, leave_out: bool) -> int:
    """Print the portfolio, and what each table's would be without it; write it where that is wanted."""
    settings = candidates()
    everywhere = [name for name in settings if all(name in table.answers for table in known.values())]
    together = EFFORTS["normal"].settings
    first = [name for name, _ in chosen(known, everywhere, together)]
    first = exchanged(known, everywhere, first, BUDGET)
    kept: list[str] = []
    for name, error in itertools.chain(
        chosen(known, first, together), chosen(known, everywhere, most, begun=first)
    ):
        kept.append(name)
        seconds = np.mean([table.seconds[name] for table in known.values()])
        print(f"{len(kept):3d}  {error:.4f}  {name}  {seconds:.1f} s", flush=True)
    for left_out, table in known.items() if leave_out else ():
        others = {name: each for name, each in known.items() if name != left_out}
        without = [name for name, _ in chosen(others, everywhere, most)] if others else kept
        ratio = averaged_error(table, without) / averaged_error(table, kept)
        print(f"{left_out}: {ratio:.3f} of its error by a portfolio that has not seen it")
    if write:
        where = Path(portfolio.__file__).with_suffix(".toml")
        where.write_text(written([settings[name] for name in kept]), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
