"""NumPy's .npz files."""

from __future__ import annotations

import numpy as np

from couloir.data.loading import load


def test_an_npz_file(tmp_path):
    features, target = np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3
    np.savez(tmp_path / "a.npz", X=features, y=target)
    data = load(tmp_path / "a.npz")
    assert np.array_equal(data.features, features)
    assert (data.name, data.classes) == ("a", (0, 1, 2))
    assert data.fingerprint == load((features, target)).fingerprint
