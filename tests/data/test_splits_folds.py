"""Folds and replicates, against scikit-learn's splitters and by their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, StratifiedKFold

from couloir.data.splits import fold_rows, replicate_rows
from couloir.errors import InputError
from divisions import check_cover, classes_of_sizes, group_sets, grouped, same, timed, values_of

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**40)


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
