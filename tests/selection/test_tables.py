"""The tables beside run.json, on outcomes made up for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import couloir
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.outcomes import Outcome, Trained
from couloir.selection.cross_validation import CrossValidation
from couloir.selection.tables import fold_leaderboard, history, leaderboard

NAN = float("nan")


def outcome(rate: float, losses: list[float], best: int, status: Any, hidden: tuple[int, ...]) -> Outcome:
    training = [{"log_loss": loss / 2, "accuracy": 1.0, "balanced_accuracy": 1.0} for loss in losses]
    validation = [{"log_loss": loss, "accuracy": 0.75, "balanced_accuracy": 0.5} for loss in losses]
    member = Member(RULES["sgd"], rate, hidden=hidden)
    return Outcome(member, status, best, losses[best - 1] if best else NAN, training, validation)


OUTCOMES = [
    outcome(0.1, [0.9, 0.8], 2, "finished", (4, 3)),
    outcome(0.2, [0.9, 0.6, 0.7], 2, "stopped", ()),
    outcome(9.0, [0.1, NAN], 1, "diverged", (4, 3)),
]


def test_a_row_for_every_member_best_first() -> None:
    board = leaderboard(OUTCOMES, "log_loss", lambda member: member.design.size(5, 2).parameters)
    assert board["rank"].to_list() == [1, 2, 3]
    assert board["member"].to_list() == [1, 0, 2]
    assert board["learning_rate"].to_list() == [0.2, 0.1, 9.0]
    assert board["hidden"].to_list() == ["none", "4-3", "4-3"]
    assert board["n_parameters"].to_list() == [12, 24 + 15 + 8, 47]
    assert board["validation_loss"].to_list() == [0.6, 0.8, 0.1]
    assert board["training_loss"].to_list() == [0.3, 0.4, 0.05]
    assert board["validation_accuracy"].to_list() == [0.75] * 3
    assert board["validation_balanced_accuracy"].to_list() == [0.5] * 3
    assert board["best_epoch"].to_list() == [2, 2, 1]
    assert board["epochs_run"].to_list() == [3, 2, 2]
    assert board["status"].to_list() == ["stopped", "finished", "diverged"]
    assert board["diverged_epoch"].to_list() == [None, None, 2]


def test_a_row_for_every_epoch_without_what_is_not_finite() -> None:
    found = history(Trained([OUTCOMES], "log_loss", 1, 1.0, 1.0))
    assert found["member"].to_list() == [0, 0, 1, 1, 1, 2, 2]
    assert found["epoch"].to_list() == [1, 2, 1, 2, 3, 1, 2]
    assert found["validation_loss"].to_list() == [0.9, 0.8, 0.9, 0.6, 0.7, 0.1, None]
    assert found["training_loss"].to_list() == [0.45, 0.4, 0.45, 0.3, 0.35, 0.05, None]
    assert found["validation_accuracy"].to_list() == [0.75] * 7


@pytest.fixture(scope="module")
def crossed() -> CrossValidation:
    options = {"optimizer": "adam", "learning_rate": [0.003, 0.03], "hidden": 5, "epochs": 3}
    return couloir.cross_validate(couloir.load("wine"), cv=3, **options)


def test_in_folds_a_row_is_their_mean(crossed: CrossValidation) -> None:
    board, table = fold_leaderboard(crossed), crossed.table()
    assert board["member"].to_list() == crossed.ranking
    for row in board.iter_rows(named=True):
        own = table.filter(member=row["member"])
        outcomes = [fold[row["member"]] for fold in crossed.trained.folds]
        assert row["validation_loss"] == pytest.approx(own["log_loss"].mean(), rel=1e-12)
        assert row["validation_accuracy"] == pytest.approx(own["accuracy"].mean(), rel=1e-12)
        best = [each.training[each.best_epoch - 1]["log_loss"] for each in outcomes]
        assert row["training_loss"] == pytest.approx(np.mean(best), rel=1e-12)
        assert row["best_epoch"] == sorted(own["best_epoch"])[1]
        assert row["epochs_run"] == own["epochs_run"].max()
        assert row["n_parameters"] == 13 * 5 + 5 + 5 * 3 + 3


@pytest.mark.slow
def test_an_estimator_s_leaderboard_is_a_run_s() -> None:
    data = couloir.load("wine")
    options = {"optimizer": "adam", "hidden": 4, "epochs": 2}
    estimator = couloir.CouloirClassifier(random_state=0, **options)
    estimator.fit(np.asarray(data.features), np.asarray(data.target))
    assert estimator.leaderboard_.columns == couloir.train(data, **options).leaderboard.columns
