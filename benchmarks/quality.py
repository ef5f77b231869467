"""How good the chosen models are on real data, against the bars they were meant to reach.

    python benchmarks/quality.py [--only mnist,digits] [--out quality.json]

Every line trains with `couloir.train` and its defaults, save what the line says, and reads the test
score of the run. The exit code is 1 when a bar is missed. MNIST and the tables are read from
../shared/data beside the project; a line whose data are not there is named as left out.

Titanic's rival is scikit-learn's logistic regression on the same test rows. It is fitted on the training
AND validation rows, as someone would who has no members to choose among; by default ours learns from the
training rows alone, and with --cv from the folds of the same rows as the rival.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from _shared import SHARED_DATA, machine, table, write_json

import couloir

if TYPE_CHECKING:
    from couloir.data.dataset import Dataset

TABLES = SHARED_DATA / "tables"


class Figure(NamedTuple):
    """One figure with its bar; `parts` are the single runs behind a mean."""

    what: str
    at_least: float
    reached: float
    parts: list[float]

    @property
    def passed(self) -> bool:
        """Whether the bar is reached."""
        return self.reached >= self.at_least


def mnist() -> list[Figure]:
    """784-15-10, at most 15 epochs, and the defaults: tested on MNIST's own 10,000 test images."""
    data = couloir.load(SHARED_DATA / "mnist")
    run, default = couloir.train(data, hidden=15, batch_size=128, epochs=15), couloir.train(data)
    return [
        _one("MNIST 784-15-10, 15 epochs: test accuracy", 0.945, run.test["accuracy"]),
        _one("MNIST, defaults: test accuracy", 0.990, default.test["accuracy"]),
    ]


def digits() -> list[Figure]:
    """The defaults on scikit-learn's digits, five seeds."""
    data = couloir.load("digits")
    scores = [couloir.train(data, seed=seed).test["accuracy"] for seed in range(5)]
    return [_mean("digits, defaults, 5 seeds: mean test accuracy", 0.982, scores)]


TITANIC_SEEDS = 60
TITANIC_OPTIONS: dict[str, dict[str, Any]] = {
    # As a table of 891 rows wants (`small_tables.py`): a penalty, an average, and rows in folds.
    "--l2 0.01 --cv 5 --ensemble 10": {"l2": 0.01, "cv": 5, "ensemble": 10},
    # As the rival has it: fitted on every row but the test part's, when all is chosen.
    "--l2 0.01 --cv 5 --refit": {"l2": 0.01, "cv": 5, "refit": True},
    "defaults": {},
}


def titanic() -> list[Figure]:
    """Survival without `alive`, which is the target in words; and the rival on the same test rows.

    The bar speaks of ten seeds. With 134 test rows their mean has a standard error of 0.01, as wide as what
    the bar is to tell apart, so sixty are run, and the first ten stand beside them.
    """
    data = couloir.load(TABLES / "titanic.csv", target="survived", drop=["alive"])
    rivals = [logistic_regression_accuracy(data, seed) for seed in range(TITANIC_SEEDS)]
    lines = []
    for how, options in TITANIC_OPTIONS.items():
        scores = [couloir.train(data, seed=seed, **options).test["accuracy"] for seed in range(TITANIC_SEEDS)]
        ahead = [ours - theirs for ours, theirs in zip(scores, rivals, strict=True)]
        for count in (10, TITANIC_SEEDS):
            what = f"titanic, {how}, {count} seeds: mean"
            lines.append(_mean(f"{what} test accuracy", 0.82, scores[:count]))
            lines.append(_mean(f"{what} accuracy above logistic regression's", -0.01, ahead[:count]))
    return lines


def diamonds() -> list[Figure]:
    """Prices of 53,940 diamonds: two hidden layers and a rate that falls, as a table of this size wants."""
    data = couloir.load(TABLES / "diamonds.csv", target="price")
    run = couloir.train(data, hidden=(64, 64), schedule="cosine", epochs=40)
    return [_one("diamonds, --hidden 64,64 --schedule cosine --epochs 40: test R²", 0.978, run.test["r2"])]


def mpg() -> list[Figure]:
    """Miles per gallon beside a free-text column: it runs, and is better than the mean."""
    data = couloir.load(TABLES / "mpg.csv", target="mpg")
    return [_one("mpg with its free-text name: test R²", 0.0, couloir.train(data).test["r2"])]


LINES: dict[str, Callable[[], list[Figure]]] = {
    "mnist": mnist,
    "digits": digits,
    "titanic": titanic,
    "diamonds": diamonds,
    "mpg": mpg,
}
NEEDS = {name: TABLES / f"{name}.csv" for name in ("titanic", "diamonds", "mpg")} | {
    "mnist": SHARED_DATA / "mnist"
}


def _one(what: str, at_least: float, reached: float) -> Figure:
    return Figure(what, at_least, float(reached), [float(reached)])


def _mean(what: str, at_least: float, scores: Sequence[float]) -> Figure:
    return Figure(what, at_least, statistics.fmean(scores), [float(score) for score in scores])


def logistic_regression_accuracy(data: Dataset, seed: int) -> float:
    """Test accuracy of scikit-learn's logistic regression on the split that a run of this seed has.

    Numbers: median for what is missing, standardised. All else: one column per value, missing being one.
    """
    from sklearn.linear_model import LogisticRegression

    from couloir.data.splits import split_rows

    split = split_rows(data, seed=seed)
    fitted = np.concatenate([split.train, split.validation])
    inputs = _sklearn_inputs(data, fitted)
    model = LogisticRegression(max_iter=2000).fit(inputs[fitted], data.target[fitted])
    return float(model.score(inputs[split.test], data.target[split.test]))


def _sklearn_inputs(data: Dataset, fitted: np.ndarray) -> np.ndarray:
    """A table's rows as numbers, by scikit-learn's own preparation fitted on the rows named."""
    import polars as pl
    import polars.selectors as columns
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = data.features
    assert isinstance(frame, pl.DataFrame)
    numbers = frame.select(columns.numeric().cast(pl.Float64)).to_numpy()
    words = frame.select((~columns.numeric()).cast(pl.String).fill_null("missing")).to_numpy()
    scale = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(numbers[fitted])
    encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(words[fitted])
    return np.hstack([scale.transform(numbers), encode.transform(words)])


def measure(names: Sequence[str]) -> dict[str, Any]:
    """Run the lines named, and say of each what it reached."""
    figures, left_out = [], []
    for name in names:
        if name in NEEDS and not NEEDS[name].exists():
            left_out.append(name)
            continue
        began = time.perf_counter()
        for figure in LINES[name]():
            seconds = round(time.perf_counter() - began, 1)
            figures.append({**figure._asdict(), "passed": figure.passed, "seconds": seconds})
            print(
                f"{name}: {figure.what} {figure.reached:.4f} after {seconds} s", file=sys.stderr, flush=True
            )
    return {"machine": machine(), "figures": figures, "left_out": left_out}


def report(results: dict[str, Any]) -> str:
    """The table."""
    rows = [
        [
            figure["what"],
            f"{figure['at_least']:.3f}",
            f"{figure['reached']:.4f}",
            f"{min(figure['parts']):.4f}",
            "pass" if figure["passed"] else "FAIL",
            f"{figure['seconds']:.0f}",
        ]
        for figure in results["figures"]
    ]
    text = table(["what", "at least", "reached", "worst run", "", "seconds"], rows)
    missing = ", ".join(results["left_out"])
    return f"{text}\n\nLeft out, since their data are not here: {missing}." if missing else text


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default=",".join(LINES), help=f"of {', '.join(LINES)}, with commas")
    parser.add_argument("--out", type=Path, default=Path("quality.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    names = options.only.split(",")
    unknown = [name for name in names if name not in LINES]
    if unknown:
        parser.error(f"there is no line '{unknown[0]}': the choices are {', '.join(LINES)}")
    with tempfile.TemporaryDirectory(prefix="couloir-quality-") as home:
        # The test ledger counts what a person's own runs have looked at: a benchmark is none of them.
        os.environ["COULOIR_HOME"] = home
        results = measure(names)
    print(report(results))
    write_json(options.out, results)
    print(f"\nWritten to {options.out}.")
    return 0 if all(figure["passed"] for figure in results["figures"]) else 1


if __name__ == "__main__":
    sys.exit(main())
