"""The three parts: what every split has to hold, whatever the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couloir.data.loading import load
from couloir.data.splits import split_rows
from couloir.errors import InputError
from couloir.kinds import parse_split


def classes_of_sizes(sizes: list[int], seed: int = 0):
    target = np.repeat(np.arange(len(sizes)), sizes)
    np.random.default_rng(seed).shuffle(target)
    return load((np.arange(len(target), dtype=float)[:, None], target), task="classification")


@pytest.mark.parametrize(
    ("text", "fractions"),
    [
        ("70/15/15", (0.7, 0.15, 0.15)),
        ("80/10/10", (0.8, 0.1, 0.1)),
        ("33.4/33.3/33.3", (0.334, 0.333, 0.333)),
        ("85/15/0", (0.85, 0.15, 0)),
    ],
)
def test_a_split_is_read(text, fractions):
    assert parse_split(text) == pytest.approx(fractions, abs=1e-15)


@pytest.mark.parametrize(
    "text",
    [
        "70/15",
        "70/15/20",
        "100/0/0",
        "a/b/c",
        "",
        "85/0/15",
        "0/85/15",
        "80/30/-10",
        "-10/60/50",
        "nan/50/50",
    ],
)
def test_a_wrong_split_is_refused(text):
    with pytest.raises(InputError, match="sum 100"):
        parse_split(text)


@given(
    sizes=st.lists(st.integers(5, 60), min_size=2, max_size=7),
    percent=st.sampled_from([(70, 15, 15), (80, 10, 10), (50, 25, 25), (34, 33, 33), (98, 1, 1)]),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=40, deadline=None)
def test_parts_share_no_row_and_cover_all_with_every_class_in_its_share(sizes, percent, seed):
    data = classes_of_sizes(sizes)
    fractions = tuple(part / 100 for part in percent)
    split = split_rows(data, fractions, seed)
    parts = (split.train, split.validation, split.test)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(data)))
    for part, fraction in zip(parts, fractions, strict=True):
        assert (np.diff(part) > 0).all()
        counts = np.bincount(data.target[part], minlength=len(sizes))
        assert (counts >= 1).all()
        # At least one row of each class is put in each part, which may move two rows more.
        assert (np.abs(counts - np.array(sizes) * fraction) < 3.0).all()


@given(sizes=st.lists(st.integers(40, 300), min_size=2, max_size=6), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_balance_is_as_exact_as_whole_rows_allow(sizes, seed):
    split = split_rows(classes_of_sizes(sizes), seed=seed)
    total = sum(sizes)
    assert abs(len(split.test) - 0.15 * total) <= 0.5
    assert abs(len(split.validation) - 0.15 * total) <= 1.0
    data = classes_of_sizes(sizes)
    test_counts = np.bincount(data.target[split.test])
    assert (np.abs(test_counts - np.array(sizes) * 0.15) <= 1.0).all()
    validation_counts = np.bincount(data.target[split.validation])
    assert (np.abs(validation_counts - np.array(sizes) * 0.15) <= 1.5).all()


def test_the_seed_decides_and_nothing_else():
    data = load("digits")
    first, again, other = split_rows(data, seed=3), split_rows(data, seed=3), split_rows(data, seed=4)
    for part in ("train", "validation", "test"):
        assert np.array_equal(getattr(first, part), getattr(again, part))
        assert not np.array_equal(getattr(first, part), getattr(other, part))


def test_rows_are_chosen_evenly_over_seeds():
    data = classes_of_sizes([20, 20])
    tested = np.zeros(40)
    for seed in range(400):
        tested[split_rows(data, seed=seed).test] += 1
    # 400 draws with probability 0.15: mean 60, standard deviation 7.1.
    assert abs(tested.mean() - 60) < 1e-9
    assert tested.min() > 60 - 5 * 7.1
    assert tested.max() < 60 + 5 * 7.1


def test_regression_is_divided_by_size_alone():
    target = np.linspace(0, 1, 1000) ** 2
    split = split_rows(load((target[:, None], target)), (0.6, 0.3, 0.1))
    assert split.sizes == {"train": 600, "validation": 300, "test": 100}


@pytest.mark.parametrize(
    "fractions", [(1, 0, 0), (0.85, 0, 0.15), (0, 0.85, 0.15), (0.9, 0.2, -0.1), (0.5, 0.5)]
)
def test_only_the_test_part_may_be_empty(fractions):
    with pytest.raises(InputError, match=r"only the last may be 0: .*\(0.85, 0.15, 0\) to test nothing"):
        split_rows(load("iris"), fractions)


@given(
    sizes=st.lists(st.integers(5, 60), min_size=2, max_size=7),
    percent=st.sampled_from([85, 80, 50, 98]),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=20, deadline=None)
def test_without_a_test_part_every_row_is_learnt_from_or_chosen_by(sizes, percent, seed):
    data = classes_of_sizes(sizes)
    split = split_rows(data, (percent / 100, 1 - percent / 100, 0), seed)
    assert split.test.size == 0
    assert np.array_equal(np.sort(np.concatenate([split.train, split.validation])), np.arange(len(data)))
    counts = np.bincount(data.target[split.validation], minlength=len(sizes))
    assert (counts >= 1).all()
    assert (np.abs(counts - np.array(sizes) * (1 - percent / 100)) < 2.0).all()


@pytest.mark.parametrize("role", ["groups", "times"])
def test_groups_and_times_need_no_third_part_without_a_test(role):
    # Two groups, two times: enough for two parts, too few for three.
    halves = np.repeat([0, 1], 10)
    data = replace(load((np.arange(20.0)[:, None], np.arange(20.0))), **{role: halves})
    split = split_rows(data, (0.5, 0.5, 0))
    assert split.sizes == {"train": 10, "validation": 10, "test": 0}
    assert len(set(halves[split.train])) == len(set(halves[split.validation])) == 1
    with pytest.raises(InputError):
        split_rows(data, (0.4, 0.3, 0.3))


def test_the_sources_own_test_rows_are_left_alone_where_nothing_is_tested():
    data = load("digits")
    own = np.arange(1500, 1797)
    split = split_rows(replace(data, test_rows=own), (0.8, 0.2, 0))
    assert split.test.size == 0
    assert np.array_equal(np.sort(np.concatenate([split.train, split.validation])), np.arange(1500))


def test_the_sources_own_test_rows_are_the_test():
    data = load("digits")
    own = np.arange(1500, 1797)
    split = split_rows(replace(data, test_rows=own), (0.7, 0.2, 0.1))
    assert np.array_equal(split.test, own)
    assert split.sizes["validation"] == pytest.approx(1500 * 2 / 9, abs=1)
    assert np.array_equal(np.sort(np.concatenate([split.train, split.validation])), np.arange(1500))


def test_a_class_that_cannot_be_in_every_part_is_refused():
    data = classes_of_sizes([30, 30, 5])
    rare = np.flatnonzero(data.target == 2)
    with pytest.raises(InputError, match=r"Class '2'.*5 rows.*train part"):
        split_rows(replace(data, test_rows=rare))


def test_a_class_that_the_sources_test_rows_lack_is_refused():
    data = classes_of_sizes([30, 30, 9])
    own = np.flatnonzero(data.target < 2)[:20]
    with pytest.raises(InputError, match=r"Class '2'.*9 rows.*test part"):
        split_rows(replace(data, test_rows=own))


@pytest.mark.parametrize(("own", "part"), [(11, "validation"), (12, "train")])
def test_too_few_rows_for_a_part_are_refused(own, part):
    target = np.linspace(0, 1, 12)
    data = replace(load((target[:, None], target)), test_rows=np.arange(own))
    with pytest.raises(InputError, match=f"The {part} part of 12 rows would be empty"):
        split_rows(data)


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.5, 0.5, 0.5), (1.0, 0.0, 0.0), (0.9, 0.2, -0.1)])
def test_wrong_fractions_are_refused(fractions):
    with pytest.raises(InputError, match="sum 1"):
        split_rows(load("iris"), fractions)
