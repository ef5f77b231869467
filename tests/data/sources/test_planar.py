"""Sets of the plane: their figures without noise, their noise, and that a seed is all they depend on."""

from __future__ import annotations

import numpy as np
import pytest

from couloir.data.sources.planar import PLANAR, planar
from couloir.errors import InputError


def rows(name, noise=0.0, seed=0, count=300):
    data = planar(name, count, noise, seed)
    return data.features.to_numpy(), data.target


def on_moons(places, labels):
    shift = np.array([0.5, 0.25])
    upper, lower = places + shift, shift - places
    half = np.where((labels == "A")[:, None], upper, lower)
    np.testing.assert_allclose(np.hypot(*half.T), 1, atol=1e-12)
    assert (half[:, 1] >= 0).all()


def on_circles(places, labels):
    np.testing.assert_allclose(np.hypot(*places.T), np.where(labels == "A", 0.4, 1.0), atol=1e-12)


def on_spirals(places, labels):
    along = (np.hypot(*places.T) - 0.08) / 1.1
    angle = 3.5 * np.pi * along + np.pi * (labels == "B")
    np.testing.assert_allclose(np.cos(angle - np.arctan2(places[:, 1], places[:, 0])), 1, atol=1e-9)


def on_xor(places, labels):
    np.testing.assert_array_equal(np.prod(np.sign(places), axis=1) > 0, labels == "A")
    assert np.abs(places).min() >= 0.12


def on_gaussians(places, labels):
    centres = np.array([places[labels == label].mean(axis=0) for label in "ABC"])
    np.testing.assert_allclose(np.hypot(*centres.T), 0.75, atol=0.05)
    spread = [places[labels == label].std(axis=0) for label in "ABC"]
    np.testing.assert_allclose(spread, 0.12, atol=0.03)


def on_plane(places, values):
    np.testing.assert_allclose(values, 0.7 * places[:, 0] + 0.4 * places[:, 1], atol=1e-12)


def on_hills(places, values):
    hill = np.exp(-((places[:, 0] - 0.45) ** 2 + (places[:, 1] - 0.4) ** 2) / 0.18)
    hollow = np.exp(-((places[:, 0] + 0.4) ** 2 + (places[:, 1] + 0.45) ** 2) / 0.18)
    np.testing.assert_allclose(values, hill - hollow, atol=1e-12)


FIGURES = {
    "moons": on_moons,
    "circles": on_circles,
    "spirals": on_spirals,
    "xor": on_xor,
    "gaussians": on_gaussians,
    "plane": on_plane,
    "hills": on_hills,
}


@pytest.mark.parametrize("name", PLANAR)
def test_a_set_without_noise_lies_on_its_figure(name):
    FIGURES[name](*rows(name))


@pytest.mark.parametrize("name", PLANAR)
def test_the_noise_is_what_was_asked_for_and_scaled_alone(name):
    still, still_target = rows(name, count=4000)
    noisy, target = rows(name, 0.3, count=4000)
    half, half_target = rows(name, 0.15, count=4000)
    if PLANAR[name].task == "classification":
        np.testing.assert_array_equal(target, still_target)
        away, half_away = noisy - still, half - still
    else:
        np.testing.assert_array_equal(noisy, still)
        away, half_away = target - still_target, half_target - still_target
    assert abs(away.std() - 0.3) < 0.01
    assert abs(away.mean()) < 0.02
    np.testing.assert_allclose(half_away, away / 2, atol=1e-12)


@pytest.mark.parametrize("name", PLANAR)
def test_a_seed_is_all_that_a_set_depends_on(name):
    again, other = planar(name, 100, 0.1, 7), planar(name, 100, 0.1, 8)
    assert planar(name, 100, 0.1, 7).fingerprint == again.fingerprint != other.fingerprint
    assert again.task == PLANAR[name].task
    if again.classes:
        counts = np.unique(again.target, return_counts=True)[1]
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "moon"}, "did you mean 'moons'"),
        ({"rows": 3}, "3 rows"),
        ({"rows": 10**9}, "give 10 to"),
        ({"noise": -1.0}, "at least 0"),
        ({"noise": float("nan")}, "at least 0"),
    ],
)
def test_a_mistake_is_one_sentence(given, sentence):
    with pytest.raises(InputError, match=sentence):
        planar(**{"name": "moons", **given})
