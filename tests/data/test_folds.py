"""Folds, replicates, and parts of bound rows, against scikit-learn's splitters and by their properties."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

from couloir.data.dataset import Dataset, Fold
from couloir.data.loading import load
from couloir.data.splits import fold_rows, replicate_rows, split_rows
from couloir.errors import InputError

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**40)


def values_of(rows: int) -> Dataset:
    """A regression data set."""
    target = np.random.default_rng(0).normal(size=rows)
    return load((target[:, None], target))


def classes_of_sizes(sizes: list[int]) -> Dataset:
    """A classification data set with so many rows of each class, in a random order."""
    target = np.repeat(np.arange(len(sizes)), sizes)
    np.random.default_rng(0).shuffle(target)
    return load((np.arange(len(target), dtype=float)[:, None], target), task="classification")


def grouped(data: Dataset, sizes: list[int]) -> Dataset:
    """The data set with groups of the sizes given, up to its last row."""
    groups = np.repeat(np.arange(len(sizes)), sizes)[: len(data)]
    return replace(data, groups=np.random.default_rng(1).permutation(groups), group_name="patient")


def timed(data: Dataset, times: np.ndarray) -> Dataset:
    return replace(data, times=np.asarray(times), time_name="day")


def check_fold(fold: Fold, rows: np.ndarray) -> None:
    """Sorted row numbers among the rows, none of them twice."""
    parts = (fold.train, fold.stopping, fold.held_out)
    together = np.concatenate(parts)
    assert len(np.unique(together)) == len(together)
    assert np.isin(together, rows).all()
    assert all((np.diff(part) > 0).all() for part in parts)
    assert all(part.dtype.kind == "i" for part in parts)


def check_cover(folds: list[Fold], rows: np.ndarray) -> None:
    """Each fold uses all rows, and each row is held out once."""
    for fold in folds:
        check_fold(fold, rows)
        used = np.concatenate([fold.train, fold.stopping, fold.held_out])
        assert np.array_equal(np.sort(used), rows)
    assert np.array_equal(np.sort(np.concatenate([fold.held_out for fold in folds])), rows)


def same(first: list[Fold], second: list[Fold]) -> bool:
    names = ("train", "stopping", "held_out")
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for a, b in zip(first, second, strict=True)
        for name in names
    )


# --- folds by class or at random ----------------------------------------------------------------------


@given(
    sizes=st.lists(st.integers(7, 40), min_size=2, max_size=5),
    folds=st.integers(2, 7),
    left_out=st.integers(0, 3),
    seed=seeds,
)
@few
def test_folds_of_classes_hold_each_row_out_once_and_are_as_equal_as_scikit_learns(
    sizes, folds, left_out, seed
):
    data = classes_of_sizes([size + 3 for size in sizes])
    rows = np.arange(left_out, len(data))
    found = fold_rows(data, rows, folds, seed)
    check_cover(found, rows)
    lengths = [len(fold.held_out) for fold in found]
    assert max(lengths) - min(lengths) <= 1
    labels = data.target[rows]
    splitter = StratifiedKFold(folds, shuffle=True, random_state=3)
    expected = sorted(np.bincount(labels[held]).tolist() for _, held in splitter.split(labels, labels))
    counts = [np.bincount(data.target[fold.held_out], minlength=len(sizes)) for fold in found]
    assert sorted(count.tolist() for count in counts) == expected
    assert (np.ptp(counts, axis=0) <= 1).all()


@given(rows=st.integers(20, 90), folds=st.integers(2, 9), seed=seeds)
@few
def test_folds_of_numbers_are_as_long_as_scikit_learns(rows, folds, seed):
    data = values_of(rows)
    found = fold_rows(data, np.arange(rows), folds, seed)
    check_cover(found, np.arange(rows))
    expected = [len(held) for _, held in KFold(folds).split(np.zeros(rows))]
    assert [len(fold.held_out) for fold in found] == expected


@given(
    sizes=st.lists(st.integers(5, 40), min_size=2, max_size=5),
    inner=st.sampled_from([0.1, 0.15, 0.3]),
    seed=seeds,
)
@few
def test_rows_to_stop_by_are_the_share_asked_for_of_each_class(sizes, inner, seed):
    data = classes_of_sizes(sizes)
    for fold in fold_rows(data, np.arange(len(data)), 4, seed, inner):
        stopping = np.bincount(data.target[fold.stopping], minlength=len(sizes))
        train = np.bincount(data.target[fold.train], minlength=len(sizes))
        assert (train >= 1).all()
        assert (stopping >= 1).all()
        # To within one row by rounding the running sum; one row at least may be one more.
        assert (np.abs(stopping - inner * (train + stopping)) <= 1).all()


def test_a_class_with_one_row_left_to_a_fold_is_learnt_from():
    data = classes_of_sizes([20, 20, 3])
    rows = np.sort(np.concatenate([np.flatnonzero(data.target < 2), np.flatnonzero(data.target == 2)[:2]]))
    for fold in fold_rows(data, rows, 2):
        assert (data.target[fold.train] == 2).sum() == 1


def test_without_an_inner_part_everything_else_is_learnt_from():
    data = classes_of_sizes([20, 30])
    rows = np.arange(50)
    without, with_inner = fold_rows(data, rows, 5, 3, inner=None), fold_rows(data, rows, 5, 3)
    check_cover(without, rows)
    for plain, fold in zip(without, with_inner, strict=True):
        assert len(plain.stopping) == 0
        assert np.array_equal(plain.held_out, fold.held_out)
        assert np.array_equal(plain.train, np.sort(np.concatenate([fold.train, fold.stopping])))


@pytest.mark.parametrize("kind", ["classes", "numbers", "groups"])
def test_the_seed_decides_the_folds_and_the_order_of_rows_does_not(kind):
    data = values_of(60) if kind == "numbers" else classes_of_sizes([30, 30])
    data = grouped(data, [3] * 20) if kind == "groups" else data
    rows = np.arange(5, 60)
    first = fold_rows(data, rows, 5, seed=1)
    assert same(first, fold_rows(data, rows[::-1], 5, seed=1))
    assert not same(first, fold_rows(data, rows, 5, seed=2))


def test_a_large_seed_is_taken():
    assert len(fold_rows(values_of(20), np.arange(20), 2, seed=2**63)) == 2


# --- groups -------------------------------------------------------------------------------------------


def group_sets(data: Dataset, parts: list[np.ndarray]) -> list[set[int]]:
    assert data.groups is not None
    return [set(data.groups[part].tolist()) for part in parts]


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


# --- replicates ---------------------------------------------------------------------------------------


@given(
    sizes=st.lists(st.integers(6, 40), min_size=2, max_size=4),
    share=st.sampled_from([0.1, 0.18, 0.4]),
    seed=seeds,
)
@few
def test_a_replicate_is_a_stratified_division_of_the_rows_given(sizes, share, seed):
    data = classes_of_sizes(sizes)
    rows = np.sort(np.concatenate([np.flatnonzero(data.target == label)[1:] for label in range(len(sizes))]))
    train, validation = replicate_rows(data, rows, share, seed)
    assert np.array_equal(np.sort(np.concatenate([train, validation])), rows)
    counts = np.bincount(data.target[validation], minlength=len(sizes))
    assert (np.abs(counts - share * (np.array(sizes) - 1)) <= 1).all()
    again = replicate_rows(data, rows[::-1], share, seed)
    assert np.array_equal(train, again[0])
    assert np.array_equal(validation, again[1])


def test_replicates_differ_and_choose_all_rows_alike():
    data = values_of(40)
    rows, chosen = np.arange(10, 40), np.zeros(40)
    divisions = set()
    for seed in range(400):
        _, validation = replicate_rows(data, rows, 0.2, seed)
        chosen[validation] += 1
        divisions.add(tuple(validation.tolist()))
    # 6 of 30 rows each time: mean 80, standard deviation 8.
    assert len(divisions) == 400
    assert (chosen[:10] == 0).all()
    assert (np.abs(chosen[10:] - 80) < 5 * 8).all()


def test_replicates_of_groups_differ_and_those_in_time_do_not():
    data = grouped(classes_of_sizes([40, 40]), [4] * 20)
    rows, found = np.arange(80), set()
    for seed in range(10):
        train, validation = replicate_rows(data, rows, 0.2, seed)
        learnt, kept = group_sets(data, [train, validation])
        assert learnt.isdisjoint(kept)
        found.add(tuple(sorted(kept)))
    assert len(found) > 5
    data = timed(values_of(50), np.arange(50))
    for seed in range(2):
        train, validation = replicate_rows(data, np.arange(50), 0.2, seed)
        assert np.array_equal(validation, np.arange(40, 50))
        assert np.array_equal(train, np.arange(40))


# --- what cannot be divided ---------------------------------------------------------------------------


@pytest.mark.parametrize("folds", [1, 0, -3, 2.5, 5.0, "5", True, None])
def test_a_number_of_folds_that_is_none_is_refused(folds):
    with pytest.raises(InputError, match="not a whole number of at least 2"):
        fold_rows(values_of(20), np.arange(20), folds)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_outside_of_0_and_1_is_refused(share):
    with pytest.raises(InputError, match=r"The inner share .* is not between 0 and 1"):
        fold_rows(values_of(20), np.arange(20), 2, inner=share)
    with pytest.raises(InputError, match=r"The validation share .* is not between 0 and 1"):
        replicate_rows(values_of(20), np.arange(20), share, 0)


def test_a_class_with_fewer_rows_than_folds_is_refused():
    data = classes_of_sizes([20, 4])
    with pytest.raises(InputError, match=r"Class '1' of 'target' has 4 rows .* 5 folds .* at most 4 folds"):
        fold_rows(data, np.arange(24), 5)
    with pytest.raises(InputError, match=r"Class '1' of 'target' has 4 rows .* 5 folds"):
        fold_rows(grouped(data, [2] * 12), np.arange(24), 5)
    assert len(fold_rows(data, np.arange(24), 4)) == 4


def test_too_few_rows_are_refused():
    data = values_of(20)
    with pytest.raises(InputError, match="There are 3 rows for 4 folds"):
        fold_rows(data, np.arange(3), 4)
    with pytest.raises(InputError, match=r"Fold 1 of the 2 rows would have none to stop by"):
        fold_rows(data, np.arange(2), 2)
    with pytest.raises(InputError, match=r"The validation part of 1 rows would be empty"):
        replicate_rows(data, np.arange(1), 0.5, 0)
