"""The data sets that scikit-learn ships, without a download.

The files are read directly: importing scikit-learn takes seconds, reading them takes milliseconds.
A test holds the result against scikit-learn's own loaders.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from couloir.data.sources.frames import frame_row
from couloir.data.sources.raw import Arrays, Table
from couloir.errors import InputError

_MEASURES = (
    "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave points",
    "symmetry", "fractal dimension",
)  # fmt: skip


class _Contents(NamedTuple):
    """Where a set lies and what its columns and classes are called."""

    file: str
    target_name: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]


_CONTENTS = {
    "iris": _Contents(
        "iris.csv", "species", ("setosa", "versicolor", "virginica"),
        ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"),
    ),
    "wine": _Contents(
        "wine_data.csv", "cultivar", ("class_0", "class_1", "class_2"),
        ("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids",
         "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue",
         "od280/od315_of_diluted_wines", "proline"),
    ),
    "breast_cancer": _Contents(
        "breast_cancer.csv", "diagnosis", ("malignant", "benign"),
        tuple(form.format(measure) for form in ("mean {}", "{} error", "worst {}") for measure in _MEASURES),
    ),
    "diabetes": _Contents(
        "diabetes_data_raw.csv.gz", "progression", (),
        ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
    ),
}  # fmt: skip

BUNDLED = ("digits", *_CONTENTS)
"""The names that `load` understands."""


def bundled(name: str) -> Table | Arrays:
    """The set of this name.

    digits: 1,797 images of 8×8 pixels from 0 to 16. iris, wine, breast_cancer: tables with three, three
    and two classes. diabetes: a table in its original units, progression to be predicted.
    """
    if name == "digits":
        values = _numbers("digits.csv.gz")
        images, labels = values[:, :-1].astype(np.uint8).reshape(-1, 8, 8), values[:, -1].astype(np.int64)
        return Arrays(images, labels, "digit", name, pixel_maximum=16.0)
    contents = _CONTENTS[name]
    if name == "diabetes":
        values, target = _numbers(contents.file, " "), _numbers("diabetes_target.csv.gz")[:, 0]
    else:
        values = _numbers(contents.file, skip=1)
        values, target = values[:, :-1], np.array(contents.labels)[values[:, -1].astype(int)]
    frame = pl.DataFrame(values, schema=list(contents.columns))
    return Table(frame, frame_row, name, target=target, target_name=contents.target_name)


def _numbers(file: str, separator: str = ",", skip: int = 0) -> np.ndarray:
    """A file of numbers that scikit-learn ships, [row, column]."""
    # find_spec on the top package does not import it.
    package = importlib.util.find_spec("sklearn")
    path = Path(package.origin).parent / "datasets" / "data" / file if package and package.origin else None
    if path is None or not path.is_file():
        raise InputError(f"The bundled sets need scikit-learn's data file {file}, which is not installed.")
    frame = pl.read_csv(path, separator=separator, has_header=False, skip_rows=skip, infer_schema_length=None)
    return frame.cast(pl.Float64).to_numpy()
