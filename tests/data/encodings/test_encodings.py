"""What holds for every encoding; an entry of `ENCODINGS` without a column here fails."""

from __future__ import annotations

import datetime
import json

import numpy as np
import polars as pl
import pytest

from couloir.data.columns import column_kind
from couloir.data.encodings import ENCODINGS
from couloir.data.loading import load
from couloir.data.preparation import Preparation

ROWS = 6000
LEVELS = ["never", "seldom", "often", "always"]


def columns() -> dict[str, pl.Series]:
    """A column of each kind, with gaps."""
    random = np.random.default_rng(0)
    start = datetime.datetime(2020, 1, 1)
    values = {
        "numeric": random.normal(3, 2, ROWS).tolist(),
        "boolean": (random.random(ROWS) < 0.3).tolist(),
        "date": [start + datetime.timedelta(hours=int(hour)) for hour in random.integers(0, 20_000, ROWS)],
        "ordered": [LEVELS[i] for i in random.integers(0, 4, ROWS)],
        "categorical": [f"colour {i}" for i in random.integers(0, 9, ROWS)],
        "hashed": [f"town {i}" for i in random.integers(0, 280, ROWS)],
    }
    gaps = random.random(ROWS) < 0.1
    return {
        kind: pl.Series(
            kind,
            [None if gap else cell for gap, cell in zip(gaps, cells, strict=True)],
            dtype=pl.Enum(LEVELS) if kind == "ordered" else None,
        )
        for kind, cells in values.items()
    }


COLUMNS = columns()


@pytest.mark.parametrize("kind", ENCODINGS)
def test_every_encoding_names_its_features_folds_its_scale_and_comes_back_from_json(kind):
    assert column_kind(COLUMNS[kind]) == kind
    frame = pl.DataFrame([COLUMNS[kind], pl.Series("target", np.arange(ROWS) / 7)])
    data = load(frame, target="target")
    preparation = Preparation.fit(data, np.arange(0, ROWS, 2))
    (column,) = preparation.columns
    assert type(column) is ENCODINGS[kind]
    inputs = preparation.inputs(data.features, np.float64)
    names = preparation.feature_names
    assert inputs.shape[1] == len(names) == len(set(names)) == column.stop - column.start
    assert np.array_equal(inputs[:, names.index(f"{kind} missing")], COLUMNS[kind].is_null())
    again = Preparation.from_json(json.loads(json.dumps(preparation.to_json())))
    assert again == preparation
    assert np.array_equal(again.inputs(data.features, np.float64), inputs)
    random = np.random.default_rng(1)
    weight, bias = random.normal(size=(5, len(names))), random.normal(size=5)
    folded, shifted = preparation.folded(weight, bias)
    found = preparation.unscaled(data.features) @ folded.T + shifted
    np.testing.assert_allclose(found, inputs @ weight.T + bias, rtol=1e-9, atol=1e-9)
