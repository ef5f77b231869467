"""Data whose rows of one part are absurd: what is fitted elsewhere must not notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl


def poisoned(data: Any, rows: np.ndarray) -> Any:
    """The data with other labels and absurd features in the rows named."""
    target, labels = data.target.copy(), list(data.classes)
    target[rows] = [labels[(labels.index(label) + 1) % len(labels)] for label in target[rows]]
    marked = np.zeros(len(data), bool)
    marked[rows] = True
    features = data.features
    if isinstance(features, pl.DataFrame):
        mask = pl.Series(marked)
        features = features.select(
            pl.when(mask).then(pl.col(name) * 1000 - 7).otherwise(pl.col(name)).alias(name)
            for name in features.columns
        )
    else:
        features = np.where(marked[:, None], features * 1000 - 7, features)
    return replace(data, target=target, features=features)
