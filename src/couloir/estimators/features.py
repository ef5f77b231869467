"""What callers of an estimator hand over as X and y, read as scikit-learn reads it.

Arrays, lists, sparse matrices and frames of numbers go through scikit-learn's own checks, NaN allowed as
missing. A pandas or Polars frame with any other column (categories, texts, dates) is a table, whose
columns are read as `couloir.load` reads them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from couloir.data.columns import column_kind, type_column
from couloir.data.dataset import Dataset
from couloir.data.loading import load_features
from couloir.data.preparation import Preparation
from couloir.data.sources.frames import frame_row, is_frame, is_pandas, polars_frame
from couloir.engine.machine import usable_memory
from couloir.errors import InputError
from couloir.text import quoted

Features = Any
"""Raw rows: a number array [sample, feature], or a Polars frame with typed columns."""


def is_table(features: Any) -> bool:
    """Whether X is a pandas or Polars frame with a column that is neither of numbers nor of truth values."""
    if not is_frame(features):
        return False
    if isinstance(features, pl.DataFrame):
        return not all(dtype.is_numeric() or dtype == pl.Boolean for dtype in features.dtypes)
    return not all(getattr(dtype, "kind", "O") in "biuf" for dtype in features.dtypes)


def read_features(estimator: Any, features: Any, preparation: Preparation | None) -> Features:
    """X, checked; sets the estimator's numbers and names of features where there is no preparation yet.

    Args:
        estimator: whose X it is.
        features: what was handed over.
        preparation: what the estimator was trained with; None: this is what it is trained on.

    Raises:
        ValueError: what scikit-learn raises for X that cannot be used; an InputError for a table.
    """
    from sklearn.utils.validation import validate_data

    reset = preparation is None
    if is_frame(features) and not (is_pandas(features) or isinstance(features, pl.DataFrame)):
        features = polars_frame(features)  # scikit-learn knows neither lazy frames nor Arrow tables
    if is_table(features) if preparation is None else preparation.tabular:
        return _read_table(estimator, features, preparation)
    array = validate_data(
        estimator,
        features,
        reset=reset,
        accept_sparse="csr",
        dtype=(np.float64, np.float32),
        ensure_all_finite="allow-nan",
        ensure_min_samples=2 if reset else 1,
    )
    return dense(array)


def _read_table(estimator: Any, features: Any, preparation: Preparation | None) -> pl.DataFrame:
    from sklearn.utils.validation import _check_feature_names, _check_n_features

    if not is_frame(features):
        raise InputError(
            f"{type(estimator).__name__} was trained on a frame with named columns, and this X is a "
            f"{type(features).__name__}: give a pandas or Polars frame."
        )
    reset = preparation is None
    _check_feature_names(estimator, features, reset=reset)
    _check_n_features(estimator, features, reset=reset)
    frame = polars_frame(features)
    if preparation is not None:
        return pl.DataFrame(load_features(frame, preparation)[0])
    if frame.height < 2:
        raise InputError(f"X has {frame.height} rows, too few to learn from: give at least 2.")
    return pl.DataFrame([type_column(column, (), frame_row) for column in frame.get_columns()])


def dense(array: Any) -> np.ndarray:
    """A sparse matrix as an array, if the machine can hold it; an array as it is.

    Raises:
        InputError: it would not fit into memory.
    """
    if not hasattr(array, "toarray"):
        return array
    needed = 3 * 8 * array.shape[0] * array.shape[1]  # the array, its prepared rows, and room to work
    available = usable_memory()
    if available is not None and needed > 0.9 * available:
        raise InputError(
            f"The sparse X of shape {array.shape} needs about {needed / 2**30:.1f} GiB as an array and the "
            f"machine has {available / 2**30:.1f}: reduce its features first, as with TruncatedSVD."
        )
    return array.toarray()


def fit_preparations(
    features: Features, encodings: Iterable[str], names: Any, classes: Any, responses: np.ndarray
) -> dict[str, Preparation]:
    """The preparations of raw rows in some encodings, fitted to them; targets are left as they are.

    Args:
        features: raw rows, all of them to learn from.
        encodings: names in `couloir.data.encodings.ENCODINGS`.
        names: names of the columns of an array, or None.
        classes: class labels, or None for regression.
        responses: the rows' targets [sample, response], as `target.responses_of` has them.

    Raises:
        InputError: no column varies in these rows.
    """
    if isinstance(features, pl.DataFrame):
        columns = tuple(features.columns)
    elif names is not None:
        columns = tuple(map(str, names))
    else:
        columns = tuple(f"x{number}" for number in range(features.shape[1]))
    target = np.zeros(len(features))
    dataset = Dataset("X", features, target, "y", "regression", fingerprint="", column_names=columns)
    rows = np.arange(len(features))
    found = {name: Preparation.fit(dataset, rows, name, responses) for name in encodings}
    if isinstance(features, pl.DataFrame):  # Of columns left out, those of one value have nothing to say.
        left_out = next(iter(found.values())).left_out  # the same in each encoding
        texts = [quoted(name) for name in left_out if column_kind(features[name]) == "text"]
        if texts:
            warnings.warn(
                f"Not learnt from, for they hold too many different texts: {', '.join(texts)}.",
                UserWarning,
                stacklevel=4,
            )
    if classes is None:
        return found
    labels = tuple(np.asarray(classes).tolist())
    return {name: replace(each, task="classification", classes=labels) for name, each in found.items()}


def read_labels(estimator: Any, target: Any) -> np.ndarray:
    """Class labels [sample], checked as scikit-learn does."""
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_y

    _refuse_none(estimator, target)
    labels = _check_y(target, multi_output=False, y_numeric=False, estimator=estimator)
    check_classification_targets(labels)
    return labels


def read_values(estimator: Any, target: Any) -> np.ndarray:
    """Target values [sample] or [sample, output] as float64, checked as scikit-learn does."""
    from sklearn.utils.validation import _check_y, column_or_1d

    _refuse_none(estimator, target)
    values = _check_y(target, multi_output=True, y_numeric=True, estimator=estimator)
    if values.ndim == 2 and values.shape[1] == 1:
        values = column_or_1d(values, warn=True)
    return values.astype(np.float64)


def _refuse_none(estimator: Any, target: Any) -> None:
    if target is None:
        raise InputError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None: "
            "give one target for each row."
        )
