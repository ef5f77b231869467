"""From raw columns to the numbers that a network reads, and from its outputs back.

Everything here is fitted on the rows it is given, the training part, and on no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from couloir.data.columns import MANY_CATEGORIES, column_kind, levels_of, numbers_of, quoted
from couloir.data.dataset import Dataset, Task
from couloir.data.dates import part_features, part_names, varying_parts
from couloir.data.hashing import HASHED_FEATURES, hashed_codes
from couloir.errors import InputError

FARTHEST = 1e4
"""Scales that a number may lie from zero where its scale is folded into weights: four digits are lost."""

LEAST_SCALE = 1e-100
"""A smaller scale is not folded into weights: they could overflow."""

RUN = 64
"""Rows whose numbers are computed in one run where there are many: NumPy is slow at few numbers a row."""


@dataclass(frozen=True)
class ColumnPreparation:
    """How one raw column becomes features.

    A number x becomes (x - mean) / scale, and a missing one is taken as `fill` first; where training
    rows had any missing, a second feature is 1 where it is missing and 0 elsewhere. A number beyond
    those of the training rows is taken as the nearest of them: a network is not to be trusted out there,
    and one mistyped cell can cost more than all other rows together. A category becomes one feature for
    each category, 1 for its own and 0 for the others; all are 0 for a category that was not seen in
    training. A text of very many values lights a few features of a fixed number (`couloir.data.hashing`).

    A date is a number, days since 1970, and has further features for what repeats (`couloir.data.dates`).

    An ordered category is a number too, its rank among the levels that were declared: a trend along the
    order can be learnt from few rows, and holds for a level between that no training row has. Where at
    most 50 levels were seen in training, and more than two, each has a feature of its own besides, for
    steps are seldom equal, and a declared order need not matter. A text that is no level counts as missing.

    Attributes:
        name: the raw column.
        kind: numeric, boolean, date, ordered, categorical or hashed.
        index: its place among the raw columns.
        start: the first of its features.
        stop: one past its last feature.
        fill: median of the training rows, in the column's own units.
        low: the smallest value of the training rows, and
        high: the largest, in the column's own units.
        mean: of the filled training rows.
        scale: their standard deviation (divisor n); where it is 0 the feature is always 0, for nothing
            has been learnt about other values.
        marker: whether there is a feature for "missing".
        categories: the texts seen in training, sorted (of an ordered column in its order) that have
            features.
        parts: what of a date has features besides its days.
        levels: all texts that an ordered column can take, in their order.
    """

    name: str
    kind: str
    index: int = 0
    start: int = 0
    stop: int = 0
    fill: float = 0.0
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    scale: float = 1.0
    marker: bool = False
    categories: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether its first feature is a number that is standardised."""
        return self.kind not in ("categorical", "hashed")

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of its features, in order: "age", "age missing", "sex=female", "day", "day Monday"."""
        own = tuple(f"{self.name}={category}" for category in self.categories)
        if self.kind == "hashed":
            own = tuple(f"{self.name} #{number}" for number in range(HASHED_FEATURES))
        elif self.is_number:
            own = (self.name, *(f"{self.name} {part}" for part in part_names(self.parts)), *own)
        return (*own, f"{self.name} missing") if self.marker else own

    def numbers(self, column: pl.Series) -> np.ndarray:
        """The raw cells of a numeric, boolean, date or ordered column [sample], missing as NaN."""
        if self.kind == "ordered":
            return _places(column, self._level_type)
        return numbers_of(column)

    @cached_property
    def _category_type(self) -> pl.Enum:
        return pl.Enum(self.categories)

    @cached_property
    def _level_type(self) -> pl.Enum:
        return pl.Enum(self.levels)

    def places(self, column: pl.Series) -> np.ndarray:
        """Where each cell stands among the categories [sample], NaN where it is missing or none of them."""
        return _places(column, self._category_type)

    @cached_property
    def codes(self) -> np.ndarray:
        """The features of each category [category, feature]: its own one, or those that its hash picks."""
        if self.kind == "hashed":
            return hashed_codes(self.categories)
        return np.eye(len(self.categories), dtype=np.uint8)


@dataclass(frozen=True)
class Preparation:
    """The fitted preparation of a data set; `fit` makes one, `inputs` and `targets` apply it.

    Attributes:
        columns: one for each raw column that is used; empty for images.
        left_out: raw columns that are not used (constant, empty, or free text), in order.
        task: classification or regression.
        target_name: the target's column name.
        classes: class labels, sorted, for classification.
        target_mean: of the training rows, for regression.
        target_scale: their standard deviation.
        tabular: whether new data are tables with named columns, or arrays.
        width: number of raw columns (for an array or image: its second axis).
        image_shape: (height, width) of an image, or None.
        pixel_maximum: what a pixel is divided by.
        missing_tokens: texts to read as missing in new data.
        also_read: name and kind of raw columns that are left out here and that another network of the same
            average uses: a column can be free text among all rows and categories among those of a fold.
    """

    columns: tuple[ColumnPreparation, ...]
    left_out: tuple[str, ...]
    task: Task
    target_name: str
    classes: tuple[str | int | float | bool, ...] | None
    target_mean: float
    target_scale: float
    tabular: bool
    width: int
    image_shape: tuple[int, int] | None = None
    pixel_maximum: float | None = None
    missing_tokens: tuple[str, ...] = ()
    also_read: tuple[tuple[str, str], ...] = ()

    @classmethod
    def fit(cls, dataset: Dataset, rows: np.ndarray) -> Preparation:
        """Fit to the rows given; no other row is looked at.

        Raises:
            InputError: no column is left that says anything about a row.
        """
        columns = () if dataset.image_shape else _fit_columns(dataset, rows)
        used = {column.name for column in columns}
        mean, scale = _fit_target(dataset, rows)
        return cls(
            columns=columns,
            left_out=() if dataset.image_shape else tuple(n for n in dataset.column_names if n not in used),
            task=dataset.task,
            target_name=dataset.target_name,
            classes=dataset.classes,
            target_mean=mean,
            target_scale=scale,
            tabular=isinstance(dataset.features, pl.DataFrame),
            width=len(dataset.column_names),
            image_shape=dataset.image_shape,
            pixel_maximum=dataset.pixel_maximum,
            missing_tokens=tuple(dataset.missing_tokens),
        )

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in order; pixels are named by row and column, counted from 0."""
        if self.image_shape:
            height, width = self.image_shape
            return tuple(f"pixel {i},{j}" for i in range(height) for j in range(width))
        return tuple(name for column in self.columns for name in column.feature_names)

    @cached_property
    def feature_slices(self) -> dict[str, slice]:
        """For each raw column that is used, which features it became."""
        if self.image_shape:
            return {name: slice(i, i + 1) for i, name in enumerate(self.feature_names)}
        return {column.name: slice(column.start, column.stop) for column in self.columns}

    @property
    def raw_kinds(self) -> dict[str, str]:
        """Name and kind of each raw column that new data must have; empty for arrays and images."""
        own = {column.name: column.kind for column in self.columns} if self.tabular else {}
        return own | dict(self.also_read)

    def inputs(self, features: pl.DataFrame | np.ndarray, dtype: Any = np.float32) -> np.ndarray:
        """The features of these raw rows, [sample, feature].

        Args:
            features: raw rows as `Dataset.features` or `load_features` give them.
            dtype: type of the result; computed in float64 (images: in that type) and rounded once.
        """
        if self.image_shape:
            return np.divide(_pixels(features), self.pixel_maximum or 1.0, dtype=dtype)
        return self._laid_out(features, dtype, standardised=True, gaps=True)

    def unscaled(self, features: pl.DataFrame | np.ndarray, gaps: bool = True) -> np.ndarray:
        """What a network takes whose first layer is `folded`: [sample, feature], float64.

        These are the features before they are standardised, pixels before they are divided. Where numbers
        lie so far from zero, counted in their scale, that folding would cost digits, they are the inputs.

        Args:
            features: raw rows.
            gaps: whether numbers are looked for that are missing where no training row had any missing;
                else they stay NaN.
        """
        if self.image_shape:
            return _pixels(features).astype(np.float64)
        return self._laid_out(features, np.float64, standardised=not self._foldable, gaps=gaps)

    def folded(self, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first layer that does with `unscaled` what this one does with `inputs`.

        W (x - m) / s + b = (W / s) x + (b - W (m / s)), with W [output, feature] and b [output].
        """
        if self.image_shape:
            return np.asarray(weight, np.float64) / (self.pixel_maximum or 1.0), bias
        if not self._foldable:
            return weight, bias
        mean, scale = np.zeros(len(self.feature_names)), np.ones(len(self.feature_names))
        mean[self._scaling["positions"]], scale[self._scaling["positions"]] = self._scaling["runs"][1][1:]
        weight = np.asarray(weight, np.float64)
        return weight / scale, bias - weight @ (mean / scale)

    @cached_property
    def _foldable(self) -> bool:
        """Whether no number lies farther from zero than `FARTHEST` scales, nor has next to no scale."""
        scales = ((column, column.scale or np.inf) for column in self.columns if column.is_number)
        return all(
            max(abs(column.low), abs(column.high)) <= FARTHEST * scale and scale >= LEAST_SCALE
            for column, scale in scales
        )

    def _laid_out(
        self, features: pl.DataFrame | np.ndarray, dtype: Any, standardised: bool, gaps: bool
    ) -> np.ndarray:
        """The features of raw rows that are no images; numbers may stay as they are, and gaps NaN."""
        if isinstance(features, pl.DataFrame) != self.tabular:
            wanted = "a table with named columns" if self.tabular else "an array of numbers [sample, feature]"
            raise InputError(f"The model was trained on {wanted}: give new rows in the same form.")
        numbers, absent = self._numbers(features, standardised, gaps or len(self._scaling["marked"]) > 0)
        if self._scaling["whole"]:
            return numbers.astype(dtype, copy=False)
        result = np.zeros((len(features), len(self.feature_names)), dtype)
        result[:, self._scaling["positions"]] = numbers
        if absent is not None:
            result[:, self._scaling["markers"]] = absent[:, self._scaling["marked"]]
        if isinstance(features, pl.DataFrame):
            for column in self.columns:
                if column.categories:
                    _write_categories(column, features[column.name], result)
                elif column.parts:
                    parts = part_features(column.numbers(features[column.name]), column.parts)
                    result[:, column.start + 1 : column.start + 1 + parts.shape[1]] = parts
        return result

    def widened(self, features: pl.DataFrame | np.ndarray) -> Preparation:
        """The same, but numbers may also lie between those of these rows: they are learnt from as well.

        All else is as it was fitted, for networks that have learnt with it go on with it.
        """
        values = self._raw_numbers(features)
        known = ~np.isnan(values)
        low = np.min(values, axis=0, initial=np.inf, where=known).tolist()
        high = np.max(values, axis=0, initial=-np.inf, where=known).tolist()
        columns = list(self.columns)
        numeric = [place for place, column in enumerate(columns) if column.is_number]
        for place, least, most in zip(numeric, low, high, strict=True):
            column = columns[place]
            columns[place] = replace(column, low=min(column.low, least), high=max(column.high, most))
        return replace(self, columns=tuple(columns))

    def targets(self, target: Any, dtype: Any = np.float32) -> np.ndarray:
        """What the network is to give out for these targets.

        Returns:
            Class numbers [sample] as int32, or (target - mean) / scale as [sample, 1] of `dtype`.

        Raises:
            InputError: a label is not among the classes.
        """
        target = np.asarray(target)
        if self.classes is None:
            scaled = (target.astype(np.float64) - self.target_mean) / self.target_scale
            return scaled.reshape(-1, 1).astype(dtype)
        numbers = {label: number for number, label in enumerate(self.classes)}
        labels, inverse = np.unique(target, return_inverse=True)
        unknown = [label for label in labels.tolist() if label not in numbers]
        if unknown:
            raise InputError(
                f"Class {quoted(unknown[0])} of '{self.target_name}' was not in the training data: "
                f"the classes are {', '.join(map(str, self.classes[:20]))}."
            )
        return np.array([numbers[label] for label in labels.tolist()], np.int32)[inverse]

    def restore(self, outputs: Any) -> np.ndarray:
        """Standardised predictions in the target's own units, float64, in the shape they came in."""
        return np.asarray(outputs, np.float64) * self.target_scale + self.target_mean

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values; `from_json` gives an equal preparation back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Preparation:
        """The preparation that `to_json` described, after a passage through JSON text or not."""
        columns = [_column_from_json(column) for column in values["columns"]]
        lists = {
            key: tuple(values[key]) if values[key] is not None else None
            for key in ("left_out", "classes", "image_shape", "missing_tokens")
        }
        also = tuple((name, kind) for name, kind in values.get("also_read", ()))
        return cls(**{**values, **lists, "columns": tuple(columns), "also_read": also})

    @cached_property
    def _scaling(self) -> dict[str, Any]:
        """The numeric columns' constants as arrays, so that an array is prepared in one operation."""
        numeric = [column for column in self.columns if column.is_number]
        marked = [place for place, column in enumerate(numeric) if column.marker]
        constants = (
            np.array([column.high for column in numeric]),
            np.array([column.mean for column in numeric]),
            np.array([column.scale or np.inf for column in numeric]),
        )
        return {
            "numeric": numeric,
            # Whether the numbers are all the features there are, and in their order.
            "whole": len(numeric) == len(self.feature_names),
            "positions": np.array([column.start for column in numeric], int),
            "fill": np.array([column.fill for column in numeric]),
            "low": np.array([column.low for column in numeric]),
            "runs": {rows: tuple(np.tile(each, rows) for each in constants) for rows in (1, RUN)},
            "marked": np.array(marked, int),
            "markers": np.array([numeric[place].stop - 1 for place in marked], int),
        }

    def _numbers(
        self, features: pl.DataFrame | np.ndarray, standardised: bool, gaps: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The numbers [sample, numeric column], and where they are missing, if any are."""
        scaling, raw = self._scaling, self._raw_numbers(features)
        # In place from here on: over wide rows each copy costs as much as the arithmetic.
        values, absent = np.maximum(raw, scaling["low"], order="C"), None
        if gaps and _any_missing(values):
            absent = np.isnan(values)
            np.maximum(np.where(absent, scaling["fill"], raw), scaling["low"], out=values)
        rows = RUN if len(values) % RUN == 0 else 1
        run = values.reshape(len(values) // rows, rows * values.shape[1])
        high, mean, scale = scaling["runs"][rows]
        np.minimum(run, high, out=run)
        if standardised:
            run -= mean
            run /= scale
        return values, absent

    def _raw_numbers(self, features: pl.DataFrame | np.ndarray) -> np.ndarray:
        """The numbers in their columns' own units [sample, numeric column], missing as NaN."""
        numeric = self._scaling["numeric"]
        if not isinstance(features, pl.DataFrame):
            return self._array_columns(features, [column.index for column in numeric])
        cells = [column.numbers(features[column.name]) for column in numeric]
        return np.stack(cells, axis=1) if cells else np.empty((len(features), 0))

    def _array_columns(self, features: np.ndarray, wanted: Sequence[int]) -> np.ndarray:
        """The used columns of an array as float64."""
        if features.ndim != 2 or features.shape[1] != self.width:
            raise InputError(
                f"The model was trained on {self.width} features a row, and these rows have the shape "
                f"{features.shape}: give an array [sample, {self.width}]."
            )
        return np.asarray(features if len(wanted) == self.width else features[:, wanted], np.float64)


def _pixels(features: Any) -> np.ndarray:
    """Images, or their pixels, as [sample, pixel]."""
    array = np.asarray(features)
    return array.reshape(len(array), -1)


def _any_missing(values: np.ndarray) -> bool:
    """Whether some are NaN: the sum of their squares tells, several times sooner than a look at each."""
    flat = values.reshape(-1)
    return bool(np.isnan(np.dot(flat, flat)))


def _column_from_json(values: dict[str, Any]) -> ColumnPreparation:
    """A column's preparation from plain values, lists as tuples."""
    # Preparations written before dates had parts and categories levels lack the last two.
    lists = {key: tuple(values.get(key, ())) for key in ("categories", "parts", "levels")}
    return ColumnPreparation(**{**values, **lists})


def _fit_columns(dataset: Dataset, rows: np.ndarray) -> tuple[ColumnPreparation, ...]:
    """The preparation of each column worth keeping."""
    features, names = dataset.rows(rows), dataset.column_names
    if isinstance(features, pl.DataFrame):
        columns = _fit_table(features, names)
    else:
        columns = _fit_numbers(features.astype(np.float64), names, ["numeric"] * len(names))
    if not columns:
        raise InputError(
            f"No column of '{dataset.name}' is left to learn from: each is constant, empty or free text "
            "in the training rows."
        )
    return _place(columns, names)


def _fit_table(features: pl.DataFrame, names: Sequence[str]) -> list[ColumnPreparation]:
    """The preparation of each column of a table worth keeping, without its place among the features."""
    kinds = {name: column_kind(features[name]) for name in names}
    numeric = [name for name in names if kinds[name] in ("numeric", "boolean", "date", "ordered")]
    fitted: dict[str, ColumnPreparation] = {}
    if numeric:
        values = np.stack([numbers_of(features[name]) for name in numeric], axis=1)
        found = _fit_numbers(values, numeric, [kinds[name] for name in numeric])
        fitted = {column.name: _with_parts(column, features[column.name]) for column in found}
    for name in names:
        if kinds[name] in ("categorical", "hashed"):
            column = _fit_categories(features[name], kinds[name])
            fitted |= {name: column} if column is not None else {}
    return [fitted[name] for name in names if name in fitted]


def _with_parts(column: ColumnPreparation, raw: pl.Series) -> ColumnPreparation:
    """A number's preparation with what a date or an ordered category has besides."""
    if column.kind == "date":
        return replace(column, parts=varying_parts(numbers_of(raw)))
    if column.kind != "ordered":
        return column
    levels = tuple(levels_of(raw))
    seen = raw.drop_nulls().unique().sort().cast(pl.String).to_list()
    # Of two levels the rank says all.
    own = tuple(seen) if 2 < len(seen) <= MANY_CATEGORIES else ()
    return replace(column, levels=levels, categories=own)


def _fit_numbers(values: np.ndarray, names: Sequence[str], kinds: Sequence[str]) -> list[ColumnPreparation]:
    """Median, mean and standard deviation of each column that varies, [sample, column] at once."""
    absent = np.isnan(values)
    known = np.flatnonzero(~absent.all(axis=0))
    values, absent = values[:, known], absent[:, known]
    fill = np.zeros(len(known))
    gaps = np.flatnonzero(absent.any(axis=0))
    whole = np.setdiff1d(np.arange(len(known)), gaps)
    # nanmedian is several times slower than median: only the columns with gaps go through it.
    fill[gaps] = np.nanmedian(values[:, gaps], axis=0) if len(gaps) else 0.0
    fill[whole] = np.median(values[:, whole], axis=0) if len(whole) else 0.0
    filled = np.where(absent, fill, values)
    mean, scale = filled.mean(axis=0), filled.std(axis=0)
    low, high = filled.min(axis=0), filled.max(axis=0)
    # The deviation of equal numbers can be a rounding error instead of 0.
    scale = np.where(high > low, scale, 0.0)
    columns = []
    for i, raw in enumerate(known.tolist()):
        marker = bool(absent[:, i].any())
        if scale[i] > 0 or marker:
            columns.append(
                ColumnPreparation(
                    names[raw],
                    kinds[raw],
                    fill=float(fill[i]),
                    low=float(low[i]),
                    high=float(high[i]),
                    mean=float(mean[i]),
                    scale=float(scale[i]),
                    marker=marker,
                )
            )
    return columns


def _fit_categories(texts: pl.Series, kind: str) -> ColumnPreparation | None:
    """The categories of a column, or None where it holds one value in every row."""
    categories = tuple(texts.drop_nulls().unique().sort().to_list())
    marker = texts.null_count() > 0
    if len(categories) + marker < 2:
        return None
    return ColumnPreparation(str(texts.name), kind, marker=marker, categories=categories)


def _place(columns: Sequence[ColumnPreparation], names: Sequence[str]) -> tuple[ColumnPreparation, ...]:
    """The columns with their features laid side by side."""
    placed, start = [], 0
    index = {name: number for number, name in enumerate(names)}
    for column in columns:
        stop = start + len(column.feature_names)
        placed.append(replace(column, index=index[column.name], start=start, stop=stop))
        start = stop
    return tuple(placed)


def _fit_target(dataset: Dataset, rows: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of a regression target; 0 and 1 for classes or a constant."""
    if dataset.task == "classification":
        return 0.0, 1.0
    values = dataset.target[rows].astype(np.float64)
    scale = float(values.std())
    return float(values.mean()), scale if scale > 0 else 1.0


def _write_categories(column: ColumnPreparation, cells: pl.Series, result: np.ndarray) -> None:
    """Write the features of a column's categories into the result, which holds zeros."""
    numbers = column.places(cells)
    seen = np.flatnonzero(~np.isnan(numbers))
    start, places = column.start + column.is_number, numbers[seen].astype(int)
    if column.kind == "hashed":
        result[seen, start : start + HASHED_FEATURES] = column.codes[places]
    else:
        result[seen, start + places] = 1
    if column.marker and not column.is_number:
        result[cells.is_null().to_numpy(), column.stop - 1] = 1


def _places(cells: pl.Series, texts: pl.Enum) -> np.ndarray:
    """Where each cell stands among the texts [sample], NaN for a cell that is missing or not among them."""
    written = cells if cells.dtype == pl.String else cells.cast(pl.String)
    return written.cast(texts, strict=False).to_physical().cast(pl.Float64).to_numpy()
