"""IDX files and folders of them, the form that MNIST and its relatives come in."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from couloir.data.sources.files import read_bytes
from couloir.data.sources.raw import Arrays
from couloir.errors import InputError
from couloir.text import quoted

IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""The third byte of an IDX file and the type that it stands for (LeCun, the MNIST page)."""

AXES = {"images": 3, "labels": 1}
"""What a folder has files of, and the axes of their arrays."""


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file, gzipped or not.

    Raises:
        InputError: a wrong magic number, or more or fewer bytes than the header promises.
    """
    data = read_bytes(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES or not 1 <= data[3] <= 4:
        raise InputError(
            f"The file {quoted(path.name)} does not start with an IDX magic number (it starts with "
            f"0x{data[:4].hex() or '(nothing)'}): it is another kind of file."
        )
    start = 4 + 4 * data[3]
    dtype = np.dtype(IDX_TYPES[data[2]])
    shape = struct.unpack(f">{data[3]}I", data[4:start]) if len(data) >= start else (0,)
    promised = start + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if len(data) != promised or len(data) < start:
        more = "longer" if len(data) > promised else "shorter"
        raise InputError(
            f"The IDX file {quoted(path.name)} is {more} than its header promises "
            f"({len(data)} bytes for {promised}): download or copy it again."
        )
    array = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return array if dtype.itemsize == 1 else array.astype(dtype.newbyteorder("="))


def read_idx_folder(folder: Path) -> Arrays:
    """Images and labels of a folder of IDX files; the t10k files, where there are any, are the test."""
    train, test = _idx_part(folder, "train"), _idx_part(folder, "t10k")
    if train is None:
        raise InputError(
            f"The folder {quoted(folder.name)} holds no IDX files: it needs train-images-idx3-ubyte and "
            "train-labels-idx1-ubyte (gzipped or not), as MNIST has them."
        )
    name = folder.resolve().name
    if test is None:
        return Arrays(*train, "label", name)
    (images, labels), (more, more_labels) = train, test
    if more.shape[1:] != images.shape[1:]:
        raise InputError(
            f"The test images of {quoted(folder.name)} are {more.shape[1]}x{more.shape[2]} and the "
            f"training images {images.shape[1]}x{images.shape[2]}: give images of one size."
        )
    test_rows = np.arange(len(images), len(images) + len(more))
    images, labels = np.concatenate([images, more]), np.concatenate([labels, more_labels])
    return Arrays(images, labels, "label", name, test_rows=test_rows)


def _idx_part(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Images and labels of one part (train, or t10k, the test's), or None where there are neither."""
    files = {what: _idx_file(folder, f"{part}-{what}", axes) for what, axes in AXES.items()}
    present = [file.name for file in files.values() if file is not None]
    if not present:
        return None
    arrays = []
    for what, file in files.items():
        if file is None:
            raise InputError(
                f"The folder {quoted(folder.name)} has {quoted(present[0])} but no {part} {what}: "
                f"add {part}-{what}-idx{AXES[what]}-ubyte."
            )
        array = read_idx(file)
        if array.ndim != AXES[what]:
            raise InputError(
                f"The IDX file {quoted(file.name)} holds an array with {array.ndim} axes where {AXES[what]} "
                "are needed: it is another file under this name."
            )
        arrays.append(array)
    images, labels = arrays
    if len(images) != len(labels):
        raise InputError(
            f"The {part} part of {quoted(folder.name)} has {len(images)} images and {len(labels)} labels: "
            "give files that belong together."
        )
    return images, labels


def _idx_file(folder: Path, stem: str, axes: int) -> Path | None:
    """The file of this name, written with a hyphen or a point, gzipped or not."""
    names = [f"{stem}{mark}idx{axes}-ubyte{ending}" for mark in "-." for ending in ("", ".gz")]
    return next((folder / name for name in names if (folder / name).is_file()), None)
