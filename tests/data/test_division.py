"""Rows divided by groups or along time, against scikit-learn's splitters and by their properties."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, TimeSeriesSplit

from couloir.data.loading import load
from couloir.data.splits import fold_rows, replicate_rows, split_rows
from couloir.errors import InputError
from divisions import check_cover, check_fold, classes_of_sizes, group_sets, grouped, timed, values_of

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**40)


# --- groups -------------------------------------------------------------------------------------------


@given(sizes=st.lists(st.integers(1, 12), min_size=8, max_size=20), folds=st.integers(2, 5), seed=seeds)
@few
def test_no_group_is_in_two_parts_of_a_fold(sizes, folds, seed):
    data = grouped(values_of(max(sum(sizes), 10)), [*sizes, 10])
    rows = np.arange(len(data))
    # One of two folds may know one large group only, which cannot be divided.
    found = fold_rows(data, rows, folds, seed, inner=None if folds == 2 else 0.15)
    check_cover(found, rows)
    for fold in found:
        learnt, stopping, held_out = group_sets(data, [fold.train, fold.stopping, fold.held_out])
        assert learnt.isdisjoint(stopping)
        assert held_out.isdisjoint(learnt | stopping)
    counts = [len(fold.held_out) for fold in found]
    # A group goes to the shortest fold, so that no two differ by more than the largest group.
    assert max(counts) - min(counts) <= np.bincount(data.groups).max()


def test_folds_of_groups_and_classes_are_as_balanced_as_scikit_learns():
    random = np.random.default_rng(4)
    data = grouped(classes_of_sizes([60, 90]), random.integers(2, 9, 60).tolist())
    rows, labels = np.arange(len(data)), data.target
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=0)

    def spread(blocks: list[np.ndarray]) -> float:
        return float(np.ptp([np.bincount(labels[block]) for block in blocks], axis=0).mean())

    ours = [spread([fold.held_out for fold in fold_rows(data, rows, 5, seed)]) for seed in range(5)]
    theirs = spread([held for _, held in splitter.split(labels, labels, data.groups)])
    drawn = [
        spread(
            [
                held
                for _, held in GroupKFold(5, shuffle=True, random_state=seed).split(rows, None, data.groups)
            ]
        )
        for seed in range(5)
    ]
    assert max(ours) <= theirs + 2
    assert max(ours) < min(drawn)


@given(
    sizes=st.lists(st.integers(1, 15), min_size=10, max_size=25),
    percent=st.sampled_from([(70, 15, 15), (50, 25, 25), (60, 10, 30)]),
    seed=seeds,
)
@few
def test_parts_of_groups_are_within_half_a_group_of_their_shares(sizes, percent, seed):
    data = grouped(values_of(sum(sizes)), sizes)
    largest = np.bincount(data.groups).max()
    split = split_rows(data, tuple(part / 100 for part in percent), seed)
    parts = [split.train, split.validation, split.test]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(data)))
    train, validation, test = group_sets(data, parts)
    assert train.isdisjoint(validation)
    assert test.isdisjoint(train | validation)
    # Of the rows that are divided at each turn; at least one group is taken, whatever its size.
    for part, share, total in (
        (split.test, percent[2] / 100, len(data)),
        (split.validation, percent[1] / (percent[0] + percent[1]), len(data) - len(split.test)),
    ):
        assert abs(len(part) - share * total) <= largest / 2 or len(np.unique(data.groups[part])) == 1


def test_the_groups_taken_for_few_groups_are_nearly_the_best_of_all_subsets():
    random = np.random.default_rng(2)
    excess = []
    for seed in range(12):
        data = grouped(classes_of_sizes([24, 36]), random.integers(3, 10, 30).tolist())
        labels, groups = data.target, data.groups
        totals, count = np.bincount(labels), groups.max() + 1
        tallies = np.array([np.bincount(labels[groups == group], minlength=2) for group in range(count)])

        def distance(held: np.ndarray, totals=totals) -> float:
            return float(np.sum((held - 0.3 * totals) ** 2 / totals))

        _, validation = replicate_rows(data, np.arange(60), 0.3, seed)
        subsets = np.array(list(product([0, 1], repeat=count)))
        excess.append(
            distance(np.bincount(labels[validation], minlength=2))
            - min(distance(held) for held in subsets @ tallies)
        )
    # A distance of 0.6 is one of three rows in each of the two classes.
    assert min(excess) >= -1e-12
    assert np.mean(excess) < 0.3


@given(seed=seeds)
@few
def test_every_class_is_learnt_from_where_groups_are_of_one_class(seed):
    data = classes_of_sizes([20, 20, 20])
    groups = np.empty(60, int)
    for label in range(3):
        groups[data.target == label] = np.repeat(np.arange(4), 5) + 4 * label
    data = replace(data, groups=groups, group_name="patient")
    split = split_rows(data, seed=seed)
    assert [len(np.unique(groups[part])) for part in (split.train, split.validation, split.test)] == [6, 3, 3]
    for part in (split.train, split.validation, split.test):
        assert np.unique(data.target[part]).tolist() == [0, 1, 2]


def test_a_class_with_one_group_is_learnt_from():
    data = classes_of_sizes([30, 6])
    groups = np.where(data.target == 1, 99, np.arange(36) % 6)
    data = replace(data, groups=groups, group_name="patient")
    for seed in range(20):
        assert (data.target[split_rows(data, seed=seed).train] == 1).sum() == 6
    with pytest.raises(InputError, match=r"Class '1' of 'target' has 6 rows and none in what fold \d learns"):
        fold_rows(data, np.arange(36), 3)


def test_no_class_is_taken_whole_for_the_share_of_the_others():
    data = classes_of_sizes([100, 3])
    groups = np.arange(103) % 10
    groups[data.target == 1] = 0
    data = replace(data, groups=groups, group_name="patient")
    for seed in range(20):
        train, validation = replicate_rows(data, np.arange(103), 0.3, seed)
        assert (data.target[train] == 1).sum() == 3
        assert abs(len(validation) - 0.3 * 103) <= 10


def test_where_each_group_is_too_large_the_smallest_is_taken_that_leaves_all_classes():
    target = np.repeat([0, 1, 0, 0], [9, 3, 20, 24])
    data = load((np.arange(56.0)[:, None], target), task="classification")
    data = replace(data, groups=np.repeat([0, 1, 2], [12, 20, 24]), group_name="patient")
    for seed in range(5):
        _, validation = replicate_rows(data, np.arange(56), 0.1, seed)
        assert np.array_equal(validation, np.arange(12, 32))


def test_a_large_group_does_not_keep_out_small_ones_that_fit():
    data = replace(values_of(100), groups=np.maximum(np.arange(100) - 24, 0), group_name="patient")
    for seed in range(20):
        _, validation = replicate_rows(data, np.arange(100), 0.15, seed)
        assert len(validation) == 15


def test_folds_of_groups_without_classes_are_as_even_as_their_sizes_allow():
    data = grouped(values_of(100), [37, 20, 14, 9, 9, 5, 3, 2, 1])
    for seed in range(5):
        lengths = sorted(len(fold.held_out) for fold in fold_rows(data, np.arange(100), 3, seed))
        # The largest goes alone as long as it can: 37, and 63 for two.
        assert lengths == [31, 32, 37]


def test_groups_hold_where_the_source_sets_test_rows_aside():
    data = grouped(values_of(60), [4] * 15)
    own = np.arange(0, 60, 5)
    split = split_rows(replace(data, test_rows=own), seed=1)
    assert np.array_equal(split.test, own)
    train, validation = group_sets(data, [split.train, split.validation])
    assert train.isdisjoint(validation)


def test_too_few_groups_are_refused():
    data = grouped(values_of(30), [15, 15])
    with pytest.raises(InputError, match=r"30 rows .* 2 groups in 'patient', too few for 3 parts.* 3 groups"):
        split_rows(data)
    with pytest.raises(InputError, match=r"2 groups in 'patient', too few for 3 folds"):
        fold_rows(data, np.arange(30), 3)
    with pytest.raises(
        InputError, match=r"15 rows .* 1 group in 'patient', too few for fold 1 to stop by one"
    ):
        fold_rows(data, np.arange(30), 2)
    assert [len(fold.train) for fold in fold_rows(data, np.arange(30), 2, inner=None)] == [15, 15]


# --- times --------------------------------------------------------------------------------------------


@given(
    days=st.lists(st.integers(0, 40), min_size=60, max_size=120).filter(lambda days: len(set(days)) >= 8),
    folds=st.integers(2, 5),
    seed=seeds,
)
@few
def test_time_goes_forward_in_every_division(days, folds, seed):
    data = timed(values_of(len(days)), np.array(days))
    times, rows = data.times, np.arange(len(days))
    split = split_rows(data, seed=seed)
    assert times[split.train].max() < times[split.validation].min()
    assert times[split.validation].max() < times[split.test].min()
    assert sum(split.sizes.values()) == len(days)
    found = fold_rows(data, rows, folds, seed)
    for fold in found:
        check_fold(fold, rows)
        assert times[fold.train].max() < times[fold.stopping].min()
        assert times[fold.stopping].max() < times[fold.held_out].min()
        before = np.concatenate([fold.train, fold.stopping])
        assert np.array_equal(np.sort(before), np.flatnonzero(times < times[fold.held_out].min()))
    for earlier, later in pairwise(found):
        assert times[earlier.held_out].max() < times[later.held_out].min()
    held = np.concatenate([fold.held_out for fold in found])
    assert np.array_equal(np.sort(held), np.flatnonzero(times >= times[found[0].held_out].min()))


@given(rows=st.integers(30, 80), folds=st.integers(2, 6), seed=seeds)
@few
def test_with_different_times_the_windows_are_scikit_learns(rows, folds, seed):
    times = np.random.default_rng(seed).permutation(rows) / 7
    found = fold_rows(timed(values_of(rows), times), np.arange(rows), folds, inner=None)
    order = np.argsort(times)
    for fold, (before, held_out) in zip(found, TimeSeriesSplit(folds).split(order), strict=True):
        assert np.array_equal(fold.train, np.sort(order[before]))
        assert np.array_equal(fold.held_out, np.sort(order[held_out]))


def test_a_border_is_the_change_of_time_nearest_to_the_share():
    # 20 rows: the test part's wanted border is at 17, between the changes at 15 and 18; of the 18 rows
    # before, the validation part's is at 18·70/85 = 14.8, next to the change at 15.
    times = np.repeat([1, 2, 3, 4], [8, 7, 3, 2])
    split = split_rows(timed(values_of(20), times))
    assert split.sizes == {"train": 15, "validation": 3, "test": 2}
    assert np.array_equal(split.test, [18, 19])


def test_a_border_leaves_times_enough_for_the_others():
    times = np.repeat([1, 2, 3], [2, 1, 27])
    assert split_rows(timed(values_of(30), times)).sizes == {"train": 2, "validation": 1, "test": 27}
    found = fold_rows(timed(values_of(30), times), np.arange(30), 2, inner=None)
    assert [len(fold.held_out) for fold in found] == [1, 27]


def test_times_close_together_are_told_apart():
    times = np.int64(2**60) + np.arange(40)[::-1]
    split = split_rows(timed(values_of(40), times))
    assert np.array_equal(split.test, np.arange(6))


def test_too_few_times_are_refused():
    data = timed(values_of(30), np.repeat([1.0, 2.0, 3.0], 10))
    with pytest.raises(InputError, match=r"30 rows .* 3 different times in 'day', and 5 are needed"):
        fold_rows(data, np.arange(30), 3)
    with pytest.raises(InputError, match=r"3 different times in 'day', and 4 are needed"):
        fold_rows(data, np.arange(30), 3, inner=None)
    with pytest.raises(InputError, match=r"2 different times in 'day', and 3 are needed"):
        split_rows(timed(values_of(30), np.repeat([1.0, 2.0], 15)))


def test_a_class_that_comes_late_is_refused():
    data = load((np.arange(40.0)[:, None], np.repeat([0, 1], [30, 10])), task="classification")
    data = timed(data, np.arange(40))
    with pytest.raises(InputError, match=r"Class '1' of 'target' has 10 rows and none in what fold 1 learns"):
        fold_rows(data, np.arange(40), 3)
    with pytest.raises(InputError, match=r"Class '1' .* none in the train part"):
        split_rows(timed(data, np.arange(40)), (0.5, 0.25, 0.25))
    assert split_rows(data, (0.8, 0.1, 0.1)).sizes["train"] == 32
