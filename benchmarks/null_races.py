"""How often a race declares a difference between equals: one rule raced against itself under eight names.

    python benchmarks/null_races.py [--races 200] [--out null_races.json]

Every race has data, splits, batch orders and initial weights of its own; the eight networks of a replicate
differ by their initial weights alone. The bar: of 200 races, at most 21 declare one difference or more. That
is what a test at the level 0.05 exceeds with a chance of 0.0005; for another number of races the bar is the
one that has the same chance. Beside it, what comparing with an ordinary paired t test would have declared,
with and without a correction for the number of pairs. The exit code is 1 when the bar is missed.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _shared import machine, table, write_json
from scipy import stats

import couloir
from couloir.data.dataset import Dataset
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.selection.comparison.paired import holm
from couloir.selection.comparison.race import Race, run_race
from couloir.selection.problem import Conditions, prepare

NAMES = tuple("abcdefgh")
REPLICATES, LEVEL, RATE = 10, 0.05, 0.1
MEMBERS = [
    Member(
        replace(RULES["sgd"], name=name, defaults={"learning_rate": RATE}),
        learning_rate=RATE,
        hidden=(4,),
        activation="tanh",
        batch_size=21,
        epochs=3,
        restart=number,
    )
    for number, name in enumerate(NAMES)
]
"""The same rule eight times; the same objects for every race, so that programs are compiled once."""


class Declared(NamedTuple):
    """Whether a race of equals declared a difference, and whether other tests on its scores would have."""

    ours: bool
    plain: bool
    plain_with_holm: bool


def sample(seed: int, apart: float = 1.2) -> Dataset:
    """120 rows of two classes, 60 each, in four columns; their means are so far apart in the first."""
    random = np.random.default_rng(seed)
    classes = np.arange(120) % 2
    inputs = random.normal(size=(120, 4))
    inputs[:, 0] += apart * classes
    return couloir.load((inputs, classes), task="classification")


def null_race(seed: int, members: Sequence[Member] = MEMBERS, apart: float = 1.2) -> Race:
    """One race, as `couloir.race` runs it up to the test, on a sample of its own."""
    # Replicates have seed + 1 … seed + S: races a thousand apart share none.
    conditions = Conditions(seed=1000 * seed)
    problem = prepare(sample(seed, apart), conditions)
    return run_race(problem, members, conditions, "log_loss", 1, REPLICATES)


def declared(race: Race) -> Declared:
    """What was said of the rules of a race."""
    scores = [curves.best("log_loss") for curves in race.at_tuned.values()]
    plain = [stats.ttest_rel(one, other).pvalue for one, other in itertools.combinations(scores, 2)]
    return Declared(
        any(pair.different for pair in race.pairs()),
        bool(min(plain) < LEVEL),
        bool(holm(plain).min() < LEVEL),
    )


def most_allowed(races: int) -> int:
    """So many of the races may declare a difference: 21 of 200, and as improbable a number of others."""
    return int(stats.binom.isf(stats.binom.sf(21, 200, LEVEL), races, LEVEL))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--races", type=int, default=200, help="how many races")
    parser.add_argument("--out", type=Path, default=Path("null_races.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    found = [declared(null_race(seed)) for seed in range(options.races)]
    seconds = round(time.perf_counter() - began, 1)
    counts = dict(zip(Declared._fields, (sum(each) for each in zip(*found, strict=True)), strict=True))
    allowed = most_allowed(options.races)
    passed = counts["ours"] <= allowed
    rows = [
        ["couloir (corrected t, Holm)", str(counts["ours"]), str(allowed), "pass" if passed else "FAIL"],
        ["paired t, Holm", str(counts["plain_with_holm"]), "", ""],
        ["paired t", str(counts["plain"]), "", ""],
    ]
    print(table([f"of {options.races} races of equals declare a difference", "races", "at most", ""], rows))
    results = {
        "machine": machine(),
        "races": options.races,
        "declared": counts,
        "at_most": allowed,
        "passed": passed,
        "seconds": seconds,
    }
    write_json(options.out, results)
    print(f"\n{seconds:.0f} s. Written to {options.out}.")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
