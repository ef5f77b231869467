"""A real portfolio, as small as one can be: what it records for its page."""

from __future__ import annotations

import pytest

import couloir
from couloir import report
from couloir.figures.settings import settings
from pages import Page


@pytest.fixture(scope="module")
def run():
    """Four settings in two folds."""
    return couloir.train("iris", members=4, cv=2, seed=1)


def test_every_setting_runs_to_the_end_of_its_schedule_in_every_fold(run):
    assert run.record.plan == "portfolio"
    folds = run.tables["folds"].join(run.leaderboard.select("member", "epochs"), on="member")
    assert set(folds["status"]) == {"finished"}
    assert (folds["epochs_run"] == folds["epochs"]).all()
    assert folds["log_loss"].is_not_null().all()


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
    assert sum(each.weight for each in settings(run)) == pytest.approx(1)
