"""Predicting against scikit-learn's MLP: one row, and many.

    python benchmarks/prediction.py [--quick] [--rows 100000] [--out prediction.json]

Both have the same weights, and their answers are compared first. Ours gets raw rows, which it prepares
(gaps looked for, clipped, standardised; pixels divided by 255); scikit-learn's MLP gets prepared ones,
since it prepares nothing.
A line of its own has the estimator, `CouloirClassifier`, whose `predict_proba` checks its rows as
scikit-learn's does. The last line is a table with numbers, texts and gaps in a pandas frame: there
scikit-learn's rival is the pipeline that such a table needs (imputer, scaler, one-hot encoder, MLP), and
ours reads the frame as well.

Each figure comes from rounds in which the two take turns, so that what else the machine does falls on both:
medians for one row, the best round for many. Bars: one row in at most twice the MLP's time, many in at most
the same. The table has no bar. The exit code is 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from _shared import machine, table, write_json

from couloir.data.loading import load, load_features
from couloir.data.preparation import Preparation
from couloir.model.predictor import Model

SLOWEST_ROW = 2.0
LEAST_SPEED = 1.0
FITTED_ROWS = 2000
TOLERANCE = 1e-9
PAUSE = 0.1
"""Seconds of rest before many rows are predicted."""


@dataclass(frozen=True)
class Case:
    """A network: inputs, hidden layers, classes (0: a value), activation.

    With pixels its rows are images; with a scaler the rival has to standardise them as well.
    """

    name: str
    inputs: int
    hidden: tuple[int, ...]
    classes: int
    activation: str = "relu"
    pixels: bool = False
    scaler: bool = False


CASES = (
    Case("values 10-100-1", 10, (100,), 0),
    Case("classes 20-100-2", 20, (100,), 2),
    Case("digits 64-100-10", 64, (100,), 10),
    Case("tanh 64-100-10", 64, (100,), 10, "tanh"),
    Case("MNIST 784-100-10", 784, (100,), 10, pixels=True),
    Case("784 columns 784-100-10", 784, (100,), 10),
    Case("the same, scaled by both", 784, (100,), 10, scaler=True),
    Case("deep 50-256-256-5", 50, (256, 256), 5),
    Case("wide 784-512-512-10", 784, (512, 512), 10, pixels=True),
)


@dataclass
class Line:
    """What one case took, in seconds; ours and the rival's."""

    name: str
    barred: bool
    row: tuple[float, float]
    batch: tuple[float, float]

    @property
    def row_ratio(self) -> float:
        """Our time for one row over the rival's."""
        return self.row[0] / self.row[1]

    @property
    def speed(self) -> float:
        """The rival's time for many rows over ours."""
        return self.batch[1] / self.batch[0]

    @property
    def passed(self) -> bool:
        """Whether both bars are reached, where there are any."""
        return not self.barred or (self.row_ratio <= SLOWEST_ROW and self.speed >= LEAST_SPEED)


def in_turn(
    ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int, pause: float = 0.0
) -> list[tuple[float, float]]:
    """Seconds of both in each round, after one that does not count.

    Args:
        ours, theirs: what is timed.
        rounds: how often.
        pause: seconds of rest before each. The linear algebra library's threads go on spinning for a while
            when a product is done, and what one has left behind is not to fall on the other.
    """
    found = []
    for number in range(rounds + 1):
        seconds = []
        for each in (ours, theirs):
            time.sleep(pause)
            began = time.perf_counter()
            each()
            seconds.append(time.perf_counter() - began)
        if number:
            found.append((seconds[0], seconds[1]))
    return found


def rival(case: Case, model: Model, inputs: np.ndarray, target: np.ndarray) -> Any:
    """scikit-learn's MLP with our weights."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kind = MLPClassifier if case.classes else MLPRegressor
    mlp = kind(hidden_layer_sizes=case.hidden, activation=case.activation, max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged: its weights are replaced
        mlp.fit(inputs, target)
    mlp.coefs_ = [weight.T.copy() for weight, _ in model.layers]
    mlp.intercepts_ = [bias.copy() for _, bias in model.layers]
    if case.classes == 2:  # it has one logistic output where we have a softmax of two
        weight, bias = model.layers[-1]
        mlp.coefs_[-1] = (weight[1] - weight[0])[:, None]
        mlp.intercepts_[-1] = bias[1:] - bias[:1]
    return mlp


def scaled(mlp: Any, raw: np.ndarray) -> Any:
    """The MLP behind the scaler that it needs for these rows."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler().fit(raw[:FITTED_ROWS]), mlp)


def network(preparation: Preparation, hidden: tuple[int, ...], activation: str) -> Model:
    """One with random weights."""
    random = np.random.default_rng(1)
    widths = (len(preparation.feature_names), *hidden, len(preparation.classes or (0,)))
    layers = tuple(
        (random.normal(size=(b, a), scale=a**-0.5), random.normal(size=b)) for a, b in pairwise(widths)
    )
    return Model(layers, activation, preparation)


def agree(ours: np.ndarray, theirs: np.ndarray, name: str) -> None:
    """Raise where the two do not compute the same."""
    if not np.allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE):
        raise RuntimeError(f"{name}: the two do not answer the same, so their times cannot be compared.")


def arrays(case: Case, rows: int, rounds: int) -> Line:
    """One network against the MLP."""
    random = np.random.default_rng(0)
    raw = random.normal(3, 2, size=(rows, case.inputs))
    if case.pixels:
        side = int(case.inputs**0.5)
        raw = random.integers(0, 256, size=(rows, side, side), dtype=np.uint8)
    target = random.integers(0, case.classes, rows) if case.classes else random.normal(size=rows)
    data = load((raw[:FITTED_ROWS], target[:FITTED_ROWS]))
    preparation = Preparation.fit(data, np.arange(len(data)))
    model = network(preparation, case.hidden, case.activation)
    ready = preparation.inputs(raw, np.float64)
    mlp = rival(case, model, ready[:FITTED_ROWS], target[:FITTED_ROWS])
    if case.scaler:
        mlp, ready = scaled(mlp, raw), raw
    answer = mlp.predict_proba if case.classes else mlp.predict
    theirs = answer(ready[:100])
    agree(model.answers(raw[:100]), theirs if case.classes else preparation.restore(theirs), case.name)
    one = in_turn(lambda: model.answers(raw[:1]), lambda: answer(ready[:1]), 40 * rounds)
    many = in_turn(lambda: model.answers(raw), lambda: answer(ready), rounds, PAUSE)
    return Line(case.name, True, _middle(one), _best(many))


def estimator(rows: int, rounds: int) -> Line:
    """A fitted `CouloirClassifier` against the MLP with its weights."""
    from couloir import CouloirClassifier

    random = np.random.default_rng(0)
    raw, target = random.normal(3, 2, size=(rows, 64)), random.integers(0, 10, rows)
    case = Case("estimator 64-100-10", 64, (100,), 10)
    ours = CouloirClassifier(optimizer="adam", learning_rate=0.001, hidden=case.hidden, epochs=1)
    ours.fit(raw[:FITTED_ROWS], target[:FITTED_ROWS])
    ready = ours.model_.preparation.inputs(raw, np.float64)
    mlp = rival(case, ours.model_, ready[:FITTED_ROWS], target[:FITTED_ROWS])
    agree(ours.predict_proba(raw[:100]), mlp.predict_proba(ready[:100]), case.name)
    one = in_turn(lambda: ours.predict_proba(raw[:1]), lambda: mlp.predict_proba(ready[:1]), 40 * rounds)
    many = in_turn(lambda: ours.predict_proba(raw), lambda: mlp.predict_proba(ready), rounds, PAUSE)
    return Line(case.name, True, _middle(one), _best(many))


def frames(rows: int, rounds: int) -> Line:
    """A table with numbers, texts and gaps against the pipeline that it needs."""
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    random = np.random.default_rng(0)
    numbers = {
        f"n{i}": np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows)) for i in range(5)
    }
    texts = {f"c{i}": random.choice(["red", "green", "blue", "grey"], rows) for i in range(3)}
    frame = pd.DataFrame(numbers | texts)
    target = random.integers(0, 2, rows)
    data = load((frame[:FITTED_ROWS], target[:FITTED_ROWS]))
    model = network(Preparation.fit(data, np.arange(len(data))), (100,), "relu")
    scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    columns = make_column_transformer((scaled, list(numbers)), (OneHotEncoder(), list(texts)))
    pipeline = make_pipeline(columns, MLPClassifier(max_iter=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.fit(frame[:FITTED_ROWS], target[:FITTED_ROWS])
    first = frame[:1]
    preparation = model.preparation
    one = in_turn(
        lambda: model.answers(load_features(first, preparation)[0]),
        lambda: pipeline.predict_proba(first),
        10 * rounds,
    )
    many = in_turn(
        lambda: model.answers(load_features(frame, preparation)[0]),
        lambda: pipeline.predict_proba(frame),
        rounds,
        PAUSE,
    )
    return Line("a pandas table, read and prepared", False, _middle(one), _best(many))


def _middle(rounds: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(ours for ours, _ in rounds), statistics.median(theirs for _, theirs in rounds)


def _best(rounds: list[tuple[float, float]]) -> tuple[float, float]:
    return min(ours for ours, _ in rounds), min(theirs for _, theirs in rounds)


def measure(cases: Sequence[Case], rows: int, rounds: int) -> dict[str, Any]:
    """All lines, with the machine."""
    facts = machine()
    lines = [
        *(arrays(case, rows, rounds) for case in cases),
        estimator(rows, rounds),
        frames(rows, rounds),
    ]
    return {
        "machine": facts,
        "rows": rows,
        "lines": [
            {
                "name": line.name,
                "row_microseconds": [1e6 * seconds for seconds in line.row],
                "row_ratio": line.row_ratio,
                "batch_milliseconds": [1e3 * seconds for seconds in line.batch],
                "batch_speed": line.speed,
                "barred": line.barred,
                "passed": line.passed,
            }
            for line in lines
        ],
    }


def report(results: dict[str, Any]) -> str:
    """The table."""
    heading = ["what", "row µs", "theirs", "ratio", f"{results['rows']:,} rows ms", "theirs", "speed", ""]
    rows = [
        [
            line["name"],
            *(f"{each:.0f}" for each in line["row_microseconds"]),
            f"{line['row_ratio']:.2f}",
            *(f"{each:.0f}" for each in line["batch_milliseconds"]),
            f"{line['batch_speed']:.2f}",
            "" if not line["barred"] else "pass" if line["passed"] else "FAIL",
        ]
        for line in results["lines"]
    ]
    return table(heading, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two small cases, to see that it runs")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the batch")
    parser.add_argument("--out", type=Path, default=Path("prediction.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    if options.rows < FITTED_ROWS:
        parser.error(f"--rows is {options.rows}, and {FITTED_ROWS} are needed to fit")
    cases, rounds = (CASES[:2], 2) if options.quick else (CASES, 15)
    results = measure(cases, options.rows, rounds)
    print(report(results))
    write_json(options.out, results)
    print(f"\nWritten to {options.out}.")
    return 0 if all(line["passed"] for line in results["lines"]) else 1


if __name__ == "__main__":
    sys.exit(main())
