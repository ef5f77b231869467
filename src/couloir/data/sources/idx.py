"""Folders of IDX files, the form that MNIST and its relatives come in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from couloir.data.columns import quoted
from couloir.data.dataset import Dataset
from couloir.data.sources.files import read_idx
from couloir.data.sources.frames import raw_arrays
from couloir.errors import InputError

IDX_PARTS = ("train", "t10k")
"""Training and test part, as the files' names begin."""


def idx_folder(folder: Path) -> Dataset:
    """Images and labels of a folder of IDX files; the t10k files, where there are any, are the test."""
    parts = {part: _idx_part(folder, part) for part in IDX_PARTS}
    if parts["train"] is None:
        raise InputError(
            f"The folder {quoted(folder.name)} holds no IDX files: it needs train-images-idx3-ubyte and "
            "train-labels-idx1-ubyte (gzipped or not), as MNIST has them."
        )
    images, labels = parts["train"]
    test_rows = None
    if parts["t10k"] is not None:
        more, more_labels = parts["t10k"]
        if more.shape[1:] != images.shape[1:]:
            raise InputError(
                f"The test images of {quoted(folder.name)} are {more.shape[1]}x{more.shape[2]} and the "
                f"training images {images.shape[1]}x{images.shape[2]}: give images of one size."
            )
        test_rows = np.arange(len(images), len(images) + len(more))
        images, labels = np.concatenate([images, more]), np.concatenate([labels, more_labels])
    raw = raw_arrays(images, pl.Series(labels), "label", folder.resolve().name)
    return replace(raw, target=labels, test_rows=test_rows)


def _idx_part(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Images and labels of one part, or None where there are neither."""
    images, labels = _idx_file(folder, f"{part}-images", 3), _idx_file(folder, f"{part}-labels", 1)
    if images is None and labels is None:
        return None
    if images is None or labels is None:
        lacking, present = ("images", labels) if images is None else ("labels", images)
        raise InputError(
            f"The folder {quoted(folder.name)} has {quoted(present.name if present else '')} but no {part} "
            f"{lacking}: add {part}-{lacking}-idx{3 if images is None else 1}-ubyte."
        )
    pixels, classes = read_idx(images), read_idx(labels)
    if pixels.ndim != 3 or classes.ndim != 1:
        wrong, axes, needed = (images, pixels.ndim, 3) if pixels.ndim != 3 else (labels, classes.ndim, 1)
        raise InputError(
            f"The IDX file {quoted(wrong.name)} holds an array with {axes} axes where {needed} are needed: "
            "it is another file under this name."
        )
    if len(pixels) != len(classes):
        raise InputError(
            f"The {part} part of {quoted(folder.name)} has {len(pixels)} images and {len(classes)} labels: "
            "give files that belong together."
        )
    return pixels, classes


def _idx_file(folder: Path, stem: str, axes: int) -> Path | None:
    """The file of this name, written with a hyphen or a point, gzipped or not."""
    names = [f"{stem}{mark}idx{axes}-ubyte{ending}" for mark in "-." for ending in ("", ".gz")]
    return next((folder / name for name in names if (folder / name).is_file()), None)
