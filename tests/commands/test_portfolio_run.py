"""A real portfolio, as small as one can be with a rung: what it records for its page."""

from __future__ import annotations

import numpy as np
import pytest

import couloir
from couloir import report
from couloir.commands import train as training
from couloir.commands.stages import Stages
from couloir.engine.outcomes import Rung
from couloir.engine.training import train_population
from couloir.figures.settings import settings
from couloir.selection.choosing import choose_trained
from couloir.selection.members import Options
from couloir.selection.problem import Conditions
from pages import Page


@pytest.fixture(scope="module")
def run():
    """Four settings in two folds, of which the worse half leaves, which the plan itself asks of nobody."""
    conditions = Conditions(members=4, cv=2, seed=1, plan="portfolio")
    planned = training.plan_run(couloir.load("iris"), conditions, Options(), Stages())
    trained = train_population(
        planned.members,
        planned.problem.trained_on(planned.members),
        seed=1,
        patience=None,
        metric=planned.metric,
        rungs=(Rung(20, 1 / 2),),
        to_the_end=planned.conditions.to_the_end,
        machine=planned.conditions.machine,
    )
    found = training.tested(choose_trained(planned, trained, "couloir train iris"))
    found.record.seconds = {"train": 1.0, "total": 2.0}
    return found


def test_the_rung_leaves_its_score_in_every_fold(run):
    folds = run.tables["folds"]
    assert run.record.plan == "portfolio"
    assert run.record.rungs
    left = folds["status"] == "left"
    assert left.any()
    assert folds.filter(left)["score_at_rung"].is_not_null().all()
    assert folds.filter(~left)["score_at_rung"].is_null().all()
    assert folds.filter(left)["log_loss"].is_null().all()
    # Of the first fold the history has the same score.
    first = folds.filter(left, fold=0).row(0, named=True)
    history = run.history.filter(member=first["member"]).sort("epoch")
    assert history["epoch"][-1] == run.record.rungs[0].epoch
    np.testing.assert_allclose(first["score_at_rung"], history["validation_loss"][-1])


def test_finalists_know_their_size_and_time(run):
    by_name = {each.name: each for each in run.record.finalists}
    folds = run.record.cross_validation.folds
    # Piecewise inputs are as many as a fold's rows make them.
    assert by_name["winner"].parameters == pytest.approx(folds * run.record.winner.n_parameters, rel=0.02)
    sizes = dict(run.leaderboard.select("member", "n_parameters").rows())
    shares = run.record.ensemble
    expected = folds * sum(sizes[share.member] for share in shares)
    assert by_name["ensemble"].parameters == pytest.approx(expected, rel=0.02)
    layers = [layer for network in run.model.all_networks() for layer in network.layers]
    assert run.record.headline.parameters == sum(weight.size + bias.size for weight, bias in layers)
    assert all(each.microseconds > 0 for each in run.record.finalists)


def test_its_page_is_whole(run):
    page = Page(report.render(run))
    assert {"tried", "folds", "learning-curves", "gap"} <= set(page.figures)
    assert f"After epoch {run.record.rungs[0].epoch} the worse" in page.text
    found = settings(run)
    assert sum(each.weight for each in found) == pytest.approx(1)
    assert sum(each.left for each in found) == run.record.counts["left"]
