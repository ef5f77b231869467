"""What is drawn on the device: the generator against published numbers and JAX's, draws against SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32
from scipy import special, stats

from couloir.engine.randomness import (
    key_of,
    quantiles,
    shares,
    standard_normal,
    threefry,
    uniform,
    words,
)

SHAPE = (400, 500)


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_known_answers(
    key: tuple[int, int], counter: tuple[int, int], expected: tuple[int, int]
) -> None:
    """Those that Salmon et al. publish with their library, Random123, for 20 rounds."""
    pair = tuple(jnp.uint32(word) for word in key), tuple(jnp.asarray([word], jnp.uint32) for word in counter)
    assert [int(word[0]) for word in threefry(*pair)] == list(expected)


def test_threefry_is_jax_s_own() -> None:
    random = np.random.default_rng(0)
    key, counter = (random.integers(0, 2**32, size, np.uint32) for size in (2, 2000))
    both = threefry((key[0], key[1]), (jnp.asarray(counter[:1000]), jnp.asarray(counter[1000:])))
    np.testing.assert_array_equal(np.concatenate(both), threefry_2x32(key, counter))


@pytest.mark.slow
def test_an_element_s_word_is_its_place_s() -> None:
    """In one dimension as in three, and in a batch of keys as alone."""
    key = jax.random.fold_in(key_of(7), 3)
    flat = np.asarray(words(key, (60,)))
    np.testing.assert_array_equal(words(key, (3, 4, 5)), flat.reshape(3, 4, 5))
    places = np.concatenate([np.arange(60), np.zeros(60)]).astype(np.uint32)
    np.testing.assert_array_equal(flat, threefry_2x32(jax.random.key_data(key), places)[:60])
    keys = jax.random.split(key_of(0), 5)
    together = jax.vmap(lambda each: words(each, (6, 7)))(keys)
    np.testing.assert_array_equal(together[3], words(keys[3], (6, 7)))


def test_a_key_is_threefry_s_whatever_jax_is_set_to() -> None:
    plain = words(key_of(5), (10,))
    with jax.default_prng_impl("rbg"):
        np.testing.assert_array_equal(words(key_of(5), (10,)), plain)


def test_uniform_numbers_fill_the_open_interval_evenly() -> None:
    drawn = np.asarray(uniform(key_of(2), SHAPE, jnp.float32), float)
    assert stats.kstest(drawn.ravel(), stats.uniform(-1, 2).cdf).pvalue > 1e-4
    assert np.abs(drawn).max() < 1
    # Odd multiples of 2⁻²³: symmetric around 0, which is not among them.
    odd = drawn * 2**23
    np.testing.assert_array_equal(odd % 2, 1)


def test_standard_normal_numbers_are_the_quantiles_of_the_uniform_ones() -> None:
    share = np.asarray(uniform(key_of(5), SHAPE, jnp.float32), float)
    drawn = standard_normal(key_of(5), SHAPE, jnp.float32)
    np.testing.assert_allclose(drawn, np.sqrt(2) * special.erfinv(share), rtol=1e-6)


def test_the_transform_holds_to_the_ends_of_the_interval() -> None:
    """The largest and smallest words, and those around the middle and the seam of the two polynomials."""
    seam = int((1 + np.sqrt(1 - np.exp(-5))) / 2 * 2**32)
    ends = [0, 2**32 - 1, 2**31 - 1, 2**31, *range(seam - 2**12, seam + 2**12, 2**9)]
    share = shares(jnp.asarray(ends, jnp.uint32), jnp.float32)
    drawn = np.asarray(quantiles(share), float)
    np.testing.assert_allclose(drawn, np.sqrt(2) * special.erfinv(np.asarray(share, float)), rtol=1e-6)
    assert drawn[1] == -drawn[0] == pytest.approx(5.29, abs=0.01)


def test_standard_normal_has_the_distribution_of_a_normal() -> None:
    drawn = np.asarray(standard_normal(key_of(6), SHAPE, jnp.float32), float)
    count = drawn.size
    assert abs(drawn.mean()) < 5 / np.sqrt(count)
    assert abs(drawn.var() - 1) < 5 * np.sqrt(2 / count)
    assert stats.kstest(drawn.ravel(), stats.norm.cdf).pvalue > 1e-4
    for axis in (0, 1):
        beside = np.corrcoef(drawn.ravel(), np.roll(drawn, 1, axis).ravel())[0, 1]
        assert abs(beside) < 5 / np.sqrt(count)


@pytest.mark.slow
def test_both_precisions_draw_the_same_numbers() -> None:
    """But for rounding: in double precision nothing is left of single precision's."""
    single = standard_normal(key_of(1), SHAPE, jnp.float32)
    assert single.dtype == np.float32
    with jax.enable_x64(True):
        double = np.asarray(standard_normal(key_of(1), SHAPE, jnp.float64))
        some = np.asarray(standard_normal(key_of(1), (1, 7), jnp.float64))
    assert double.dtype == np.float64
    np.testing.assert_allclose(single, double, rtol=1e-6)
    np.testing.assert_allclose(some, double[:1, :7], rtol=1e-14)


def test_another_key_draws_anew() -> None:
    one, other = (np.asarray(standard_normal(key_of(seed), SHAPE, jnp.float32)) for seed in (1, 2))
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(one.size)
