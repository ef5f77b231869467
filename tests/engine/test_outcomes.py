"""Who is in training, who leaves at a rung, and where the rungs are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.outcomes import (
    Outcome,
    Rung,
    Status,
    eligible,
    halving,
    leader,
    mean_curve,
    ranking,
    thin_out,
)


def outcome(score: float, status: Status = "training", metric: str = "log_loss") -> Outcome:
    scored = math.isfinite(score)
    history = [{metric: score}] if scored else []
    return Outcome(Member(RULES["sgd"], 0.1), status, int(scored), score, history, history)


def statuses(fold: list[Outcome]) -> list[str]:
    return [each.status for each in fold]


@pytest.mark.parametrize(
    ("epochs", "keep", "rungs", "expected"),
    [
        (90, 1 / 3, 2, [10, 30]),
        (96, 1 / 4, 2, [6, 24]),
        (100, 1 / 3, 2, [11, 33]),
        (81, 1 / 3, 4, [1, 3, 9, 27]),
        (64, 1 / 2, 3, [8, 16, 32]),
        (4, 1 / 3, 3, [1]),  # 4/27 and 4/9 round to no epoch at all
        (1, 1 / 3, 2, []),
    ],
)
def test_where_the_rungs_are(epochs: int, keep: float, rungs: int, expected: list[int]) -> None:
    assert [rung.epoch for rung in halving(epochs, keep, rungs)] == expected
    assert {rung.keep for rung in halving(epochs, keep, rungs)} <= {keep}


def test_the_worse_leave() -> None:
    fold = [outcome(score) for score in (0.5, 0.1, 0.4, 0.2, 0.3, 0.6)]
    result = thin_out([fold], Rung(3, 1 / 3), "log_loss")
    assert statuses(fold) == ["left", "training", "left", "training", "left", "left"]
    assert (result.epoch, result.entered, result.kept, result.cut) == (3, 6, 2, 0.2)


def test_where_more_is_better_the_lower_leave() -> None:
    fold = [outcome(score, metric="accuracy") for score in (0.5, 0.9, 0.7)]
    result = thin_out([fold], Rung(3, 0.5), "accuracy")
    assert statuses(fold) == ["left", "training", "training"]
    assert result.cut == 0.7


def test_members_are_judged_by_their_mean_over_the_folds() -> None:
    folds = [[outcome(0.1), outcome(0.3)], [outcome(0.9), outcome(0.3)]]
    thin_out(folds, Rung(1, 0.5), "log_loss")
    assert [statuses(fold) for fold in folds] == [["left", "training"], ["left", "training"]]


def test_those_that_stopped_compete_and_keep_their_status() -> None:
    fold = [outcome(0.1, "stopped"), outcome(0.2), outcome(0.3, "stopped"), outcome(0.4)]
    result = thin_out([fold], Rung(5, 0.5), "log_loss")
    assert statuses(fold) == ["stopped", "training", "stopped", "left"]
    assert (result.entered, result.kept) == (4, 2)


def test_those_that_diverged_or_left_before_do_not_compete() -> None:
    fold = [outcome(0.1, "diverged"), outcome(0.05, "left"), outcome(0.3), outcome(0.4)]
    result = thin_out([fold], Rung(5, 0.5), "log_loss")
    assert statuses(fold) == ["diverged", "left", "training", "left"]
    assert (result.entered, result.kept, result.cut) == (2, 1, 0.3)


def test_at_least_one_stays_and_a_whole_share_is_not_rounded_up() -> None:
    assert thin_out([[outcome(0.1), outcome(0.2)]], Rung(1, 0.01), "log_loss").kept == 1
    thirds = [outcome(0.1 * n) for n in range(9)]
    assert thin_out([thirds], Rung(1, 1 / 3), "log_loss").kept == 3


def test_where_nobody_is_in_training_nothing_happens() -> None:
    assert thin_out([[outcome(0.1, "stopped"), outcome(0.2, "finished")]], Rung(1, 0.5), "log_loss") is None


def test_members_without_a_score_are_the_first_to_leave() -> None:
    fold = [outcome(math.nan), outcome(0.9)]
    assert thin_out([fold], Rung(1, 0.5), "log_loss").cut == 0.9
    assert statuses(fold) == ["left", "training"]
    assert thin_out([[outcome(math.nan)]], Rung(1, 0.5), "log_loss").cut is None


# Ranks ----------------------------------------------------------------------------------------------------


def scored(accuracy: float, loss: float, status: Status = "finished") -> Outcome:
    history = [{"accuracy": 0.0, "log_loss": 9.0}, {"accuracy": accuracy, "log_loss": loss}]
    return Outcome(Member(RULES["sgd"], 0.1), status, 2, accuracy, history, history)


def test_equal_scores_are_ranked_by_the_default_metric_and_who_may_not_be_chosen_comes_last() -> None:
    none = Outcome(Member(RULES["sgd"], 0.1), "finished")
    outcomes = [scored(0.9, 0.5), scored(1.0, 0.0, "diverged"), none, scored(0.9, 0.4), scored(0.8, 0.1)]
    assert ranking(outcomes, "accuracy") == [3, 0, 4, 1, 2]
    assert eligible(outcomes, "accuracy") == [3, 0, 4]
    assert leader(outcomes, "accuracy") is outcomes[3]
    assert ranking(outcomes, "log_loss") == [4, 3, 0, 1, 2]
    assert eligible(outcomes[1:3], "accuracy") == []
    assert leader(outcomes[1:3], "accuracy") is None


def test_a_fold_that_has_ended_goes_on_with_its_last_score() -> None:
    def fold(*losses: float) -> Outcome:
        own = [{"log_loss": loss} for loss in losses]
        return Outcome(Member(RULES["sgd"], 0.1), validation=own, training=[{"log_loss": 1.0} for _ in own])

    folds = [fold(4.0, 2.0), fold(2.0, 1.0, 0.5, 0.0)]
    np.testing.assert_array_equal(mean_curve(folds, "validation", "log_loss"), [3.0, 1.5, 1.25, 1.0])
    np.testing.assert_array_equal(mean_curve(folds, "training", "log_loss"), [1.0] * 4)
