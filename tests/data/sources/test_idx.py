"""IDX files, as MNIST has them."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from couloir.data.loading import load
from sources import idx_bytes


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_of_idx_files(tmp_path, mark, packed):
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 4), dtype=np.uint8)
    labels = (np.arange(40) % 4).astype(np.uint8)
    for part, rows in (("train", slice(0, 30)), ("t10k", slice(30, 40))):
        for what, axes, array in (("images", 3, images[rows]), ("labels", 1, labels[rows])):
            data = gzip.compress(idx_bytes(array)) if packed else idx_bytes(array)
            (tmp_path / f"{part}-{what}{mark}idx{axes}-ubyte{'.gz' * packed}").write_bytes(data)
    data = load(tmp_path)
    assert np.array_equal(data.features, images.reshape(40, 12))
    assert np.array_equal(data.target, labels)
    assert data.test_rows.tolist() == list(range(30, 40))
    assert (data.image_shape, data.pixel_maximum, data.name) == ((3, 4), 255.0, tmp_path.name)


def test_idx_files_of_floats(tmp_path):
    images = np.random.default_rng(0).uniform(size=(30, 2, 2)).astype(np.float32)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(images, 13))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(30) % 2))
    data = load(tmp_path)
    assert np.array_equal(data.features, images.reshape(30, 4))
    assert data.test_rows is None


def test_mnist(shared_data):
    data = load(shared_data / "mnist")
    with gzip.open(shared_data / "mnist/train-images-idx3-ubyte.gz") as stream:
        first = stream.read(16 + 784)[16:]
    assert data.features.shape == (70000, 784)
    assert data.features.dtype == np.uint8
    assert data.features[0].tobytes() == first
    assert data.test_rows.tolist() == list(range(60000, 70000))
    # Counts of the digits as LeCun's page and every later table of MNIST have them: 6,903 zeros, 7,877 ones.
    assert np.bincount(data.target)[:2].tolist() == [6903, 7877]
