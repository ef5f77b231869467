"""From raw columns to the numbers that a network reads, and from its outputs back.

Everything here is fitted on the rows it is given, the training part, and on no others. How each column
becomes features stands in `couloir.data.encodings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from couloir.data.dataset import Dataset, Task
from couloir.data.encodings import ENCODINGS, as_tuple, column_from_json, fit_columns
from couloir.data.encodings.column import ColumnPreparation
from couloir.data.encodings.neighbours import COMPARED_AS, Compared, Neighbours
from couloir.data.encodings.rows import Columns, Pixels
from couloir.data.encodings.target import responses_of
from couloir.errors import InputError, listed
from couloir.text import quoted


@dataclass(frozen=True)
class Preparation:
    """The fitted preparation of a data set; `fit` makes one, `inputs` and `targets` apply it.

    Attributes:
        columns: one for each raw column that is used; empty for images.
        left_out: raw columns that are not used (constant, empty, or free text), in order.
        task: classification or regression.
        target_name: the target's column name.
        classes: class labels, sorted, for classification.
        target_mean: of the training rows, for regression; 0 for classes.
        target_scale: their standard deviation; 1 for classes, or where it is 0.
        tabular: whether new data are tables with named columns, or arrays.
        width: number of raw columns (for an array or image: its second axis).
        image_shape: (height, width) of an image, or None.
        pixel_maximum: what a pixel is divided by.
        missing_tokens: texts to read as missing in new data.
        also_read: name and kind of raw columns that are left out here and that another network of the same
            average uses: a column can be free text among all rows and categories among those of a fold.
        encoding: how columns of a table are read: a name in `couloir.data.encodings.ENCODINGS`.
        compared: the columns again, as rows are compared by; empty where they are not compared.
        neighbours: the training rows that others are compared with, if the encoding asks for them.
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
    encoding: str = "standard"
    compared: tuple[ColumnPreparation, ...] = ()
    neighbours: Neighbours | None = None

    @classmethod
    def fit(
        cls,
        dataset: Dataset,
        rows: np.ndarray,
        encoding: str = "standard",
        responses: np.ndarray | None = None,
    ) -> Preparation:
        """Fit to the rows given; no other row is looked at.

        Args:
            dataset: what is to be prepared.
            rows: the numbers of the rows to fit to.
            encoding: how columns of a table are read: a name in `couloir.data.encodings.ENCODINGS`.
            responses: of these rows [sample, response]; None: their targets, as `responses` has them.

        Raises:
            InputError: no column is left that says anything about a row, there is no such encoding, or it is
                one for columns and the rows are images.
        """
        if dataset.image_shape and encoding != "standard":
            raise InputError(
                f"The encoding '{encoding}' is for the columns of a table, and the rows of '{dataset.name}' "
                "are images: give the encoding 'standard'."
            )
        names = () if dataset.image_shape else dataset.column_names
        columns: tuple[ColumnPreparation, ...] = ()
        if not dataset.image_shape:
            if responses is None:
                responses = responses_of(dataset.target[rows], dataset.classes)
            columns = fit_columns(dataset.rows(rows), names, encoding, responses)
        if not columns and not dataset.image_shape:
            raise InputError(
                f"No column of '{dataset.name}' is left to learn from: each is constant, empty or free "
                "text in the training rows."
            )
        used = {column.name for column in columns}
        mean, scale = _mean_and_scale(dataset, rows)
        fitted = cls(
            columns=columns,
            left_out=tuple(name for name in names if name not in used),
            task=dataset.task,
            target_name=dataset.target_name,
            classes=dataset.classes,
            target_mean=mean,
            target_scale=scale,
            tabular=isinstance(dataset.features, pl.DataFrame),
            width=len(dataset.column_names),
            image_shape=dataset.image_shape,
            pixel_maximum=dataset.pixel_maximum,
            missing_tokens=dataset.missing_tokens,
            encoding=encoding,
        )
        if responses is None or not ENCODINGS[encoding].neighbours:
            return fitted
        return fitted._comparing(dataset, rows, responses)

    def _comparing(self, dataset: Dataset, rows: np.ndarray, responses: np.ndarray) -> Preparation:
        """The same with these rows to compare others with."""
        features, groups = dataset.rows(rows), None if dataset.groups is None else dataset.groups[rows]
        compared = fit_columns(features, dataset.column_names, COMPARED_AS, responses)
        read = replace(self, columns=compared).inputs(features)
        return replace(self, compared=compared, neighbours=Neighbours.fit(read, responses, groups))

    @cached_property
    def _rows(self) -> Pixels | Columns | Compared:
        """What makes features of whole rows."""
        if self.image_shape:
            return Pixels(self.image_shape, self.pixel_maximum or 1.0)
        columns = Columns(self.columns, self.tabular, self.width)
        if self.neighbours is None:
            return columns
        return Compared(columns, Columns(self.compared, self.tabular, self.width), self.neighbours)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in order; pixels are named by row and column, counted from 0."""
        return self._rows.feature_names

    @property
    def feature_slices(self) -> dict[str, slice]:
        """For each raw column that is used, which features it became."""
        return self._rows.feature_slices

    @property
    def raw_kinds(self) -> dict[str, str]:
        """Name and kind of each raw column that new data must have; empty for arrays and images."""
        own = {column.name: column.kind for column in self.columns} if self.tabular else {}
        return own | dict(self.also_read)

    def inputs(self, features: pl.DataFrame | np.ndarray, dtype: Any = np.float32) -> np.ndarray:
        """The features of these raw rows, [sample, feature]; of rows that are learnt from: `training_inputs`.

        Args:
            features: raw rows as `Dataset.features` or `load_features` give them.
            dtype: type of the result; computed in float64 (images: in that type) and rounded once.
        """
        return self._rows.inputs(features, dtype)

    def training_inputs(
        self,
        features: pl.DataFrame | np.ndarray,
        responses: np.ndarray,
        dtype: Any = np.float32,
        groups: np.ndarray | None = None,
    ) -> np.ndarray:
        """The features of raw rows that a network learns from, [sample, feature].

        They differ from `inputs` where an encoding reads categories, or what is near, by the targets of the
        rows it was fitted to, which these are, in their order: then no row's features are made of its own
        target, nor of its group's, but of other training rows'.

        Args:
            features: raw rows.
            responses: of the same rows [sample, response]: their targets, as `responses` has them.
            dtype: type of the result.
            groups: number of each row's group [sample], or None.
        """
        if isinstance(self._rows, Pixels):
            return self._rows.inputs(features, dtype)
        return self._rows.training_inputs(features, responses, dtype, groups)

    def responses(self, target: Any) -> np.ndarray:
        """Targets as numbers whose means say something, [sample, response]."""
        return responses_of(target, self.classes)

    def unscaled(self, features: pl.DataFrame | np.ndarray, gaps: bool = True) -> np.ndarray:
        """What a network takes whose first layer is `folded`: [sample, feature], float64.

        These are the features before they are standardised, pixels before they are divided. Where numbers
        lie so far from zero, counted in their scale, that folding would cost digits, they are the inputs.

        Args:
            features: raw rows.
            gaps: whether numbers are looked for that are missing where no training row had any missing;
                else they stay NaN.
        """
        return self._rows.unscaled(features, gaps)

    def folded(self, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first layer that does with `unscaled` what this one does with `inputs`.

        W (x - m) / s + b = (W / s) x + (b - W (m / s)), with W [output, feature] and b [output].
        """
        return self._rows.folded(weight, bias)

    def widened(self, features: pl.DataFrame | np.ndarray) -> Preparation:
        """The same, but numbers may also lie between those of these rows: they are learnt from as well.

        All else is as it was fitted, for networks that have learnt with it go on with it.
        """
        assert not isinstance(self._rows, Pixels), "an image's pixels have no ends to widen"
        values = self._rows.raw_numbers(features)
        low = np.fmin.reduce(values, axis=0, initial=np.inf).tolist()
        high = np.fmax.reduce(values, axis=0, initial=-np.inf).tolist()
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
                f"the classes are {listed([*map(str, self.classes)])}."
            )
        return np.array([numbers[label] for label in labels.tolist()], np.int32)[inverse]

    def restore(self, outputs: Any) -> np.ndarray:
        """Standardised predictions in the target's own units, float64, in the shape they came in."""
        return np.asarray(outputs, np.float64) * self.target_scale + self.target_mean

    def to_json(self) -> dict[str, Any]:
        """Everything but `arrays` as plain JSON values; `from_json` gives an equal preparation back."""
        values = asdict(replace(self, neighbours=None))
        del values["neighbours"]
        return values

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What is not for JSON: the rows that others are compared with."""
        return {} if self.neighbours is None else self.neighbours.arrays()

    @classmethod
    def from_json(cls, values: dict[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> Preparation:
        """The preparation that `to_json` described, after a passage through JSON text or not.

        Args:
            values: what `to_json` gave.
            arrays: what `arrays` gave.
        """
        plain = {key: as_tuple(value) for key, value in values.items()}
        for part in ("columns", "compared"):
            plain[part] = tuple(column_from_json(column) for column in values.get(part, ()))
        return cls(**plain, neighbours=Neighbours(**arrays) if arrays else None)


def _mean_and_scale(dataset: Dataset, rows: np.ndarray) -> tuple[float, float]:
    """What regression targets are standardised by: mean and standard deviation, or 1 where that is 0."""
    if dataset.task == "classification":
        return 0.0, 1.0
    values = dataset.target[rows].astype(np.float64)
    return float(values.mean()), float(values.std()) or 1.0
