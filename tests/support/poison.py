"""Data whose rows of one part are absurd: what is fitted elsewhere must not notice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from couloir.data.dataset import Fold, Split
from couloir.selection import problem


def hold_division(patch: pytest.MonkeyPatch, split: Split, folds: Sequence[Fold] = ()) -> None:
    """From now on rows are divided in this way, whatever the data.

    Rows are divided class by class, so that poisoned labels would move them; and no verb takes a division.
    """
    patch.setattr(problem, "split_rows", lambda *_: split)
    patch.setattr(problem, "fold_rows", lambda *_: list(folds))


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
