"""Searches where there is nothing to find: does the interval that is reported cover chance?

    python benchmarks/null_searches.py [--searches 200] [--seed 0] [--out null.json]

Each search gets features drawn from normal distributions, and two classes of equal size in an order that
has nothing to do with them. However much is tried and chosen, the test accuracy of what comes out has the
mean 1/2. A search reports one with its 95 % interval (Wilson 1927); of 200 such intervals, 91 to 98 % should
cover 1/2: the exact interval itself covers in about 94 % with 100 test rows, and the share in 200 searches
has a standard error of 1.6 %. An interval that the search's choices had leaked into would cover less.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _shared import machine, table, write_json

LEAST, MOST = 0.91, 0.98
ROWS, COLUMNS = 250, 5
SPLIT = (0.4, 0.2, 0.4)

SPACE = """\
optimizer = "adam"
rate = { low = 1.0, high = 100.0, log = true }
schedule = "constant"
batch_size = 25
layers = 1
width = 8
activation = "relu"
dropout = 0.0
noise = 0.0
epochs = 2
"""
"""Two epochs of tiny networks: all searches are one program."""

SETTINGS: dict[str, Any] = {
    "trials": 16,
    "generation": 8,
    "validation": True,
    "split": SPLIT,
    "metric": "accuracy",  # so that the choice is made by what would leak
}


def random_labels(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features [sample, feature], and classes of equal size that have nothing to do with them [sample]."""
    generator = np.random.default_rng([seed, 0x0])
    return generator.normal(size=(ROWS, COLUMNS)), generator.permutation(np.arange(ROWS) % 2)


def one_search(seed: int, folder: Path) -> dict[str, Any]:
    """A search on labels of its own: what it says of its accuracy, where it chose and where it tested."""
    import couloir

    space = folder / "space.toml"
    space.write_text(SPACE, "utf-8")
    data = couloir.load(random_labels(seed))
    record = couloir.search(data, space=space, seed=seed, out=folder / "runs", **SETTINGS).record
    low, high = record.test.intervals["accuracy"]
    return {
        "seed": seed,
        "headline": record.headline.name,
        "validation": record.validation["accuracy"],
        "test": record.test.scores["accuracy"],
        "low": low,
        "high": high,
        "covers": low <= 0.5 <= high,
    }


def measured(searches: int, seed: int, folder: Path) -> dict[str, Any]:
    """What came of so many searches."""
    began = time.perf_counter()
    each = [one_search(seed + number, folder) for number in range(searches)]
    headlines = sorted({found["headline"] for found in each})
    return {
        "searches": searches,
        "covered": float(np.mean([found["covers"] for found in each])),
        "validation": float(np.mean([found["validation"] for found in each])),
        "test": float(np.mean([found["test"] for found in each])),
        "headlines": {name: sum(found["headline"] == name for found in each) for name in headlines},
        "seconds": time.perf_counter() - began,
        "each": each,
    }


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--searches", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first search; the others follow")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        results = measured(given.searches, given.seed, Path(folder))
    within = LEAST <= results["covered"] <= MOST
    rows = [
        ("searches", str(results["searches"])),
        ("mean accuracy of the winner on validation", f"{results['validation']:.3f}"),
        ("mean accuracy on the test part", f"{results['test']:.3f}"),
        ("intervals that cover 0.5", f"{results['covered']:.1%}"),
        *((f"headline: {name}", str(count)) for name, count in results["headlines"].items()),
        ("seconds", f"{results['seconds']:.0f}"),
    ]
    print(table(("random labels", ""), rows))
    print(f"\nbar: {LEAST:.0%} to {MOST:.0%} of 200 cover 0.5: {'met' if within else 'not met'}")
    if given.out:
        write_json(given.out, {"machine": machine(), **results})
    return results


if __name__ == "__main__":
    main()
