"""What a portfolio tried: who its settings are, how far each lies behind, and how they are drawn."""

from __future__ import annotations

import itertools

import polars as pl
import pytest

from couloir import figures
from couloir.figures import settings, theme
from synthetic_portfolio import AVERAGE, EPOCHS, SETTINGS, WEIGHTS, portfolio
from synthetic_run import digits


@pytest.fixture(scope="module")
def run():
    return portfolio()


@pytest.fixture(scope="module")
def found(run):
    return settings.settings(run)


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


def dots(chart) -> list[tuple[float, int, str]]:
    """(score, line, text beside it) of every setting that has a place on the axis."""
    traces = [trace for trace in chart.figure.data if trace.mode == "markers+text"]
    return [dot for trace in traces for dot in zip(trace.x, trace.y, trace.text, strict=True)]


def test_settings_stand_best_first_then_those_that_diverged(found):
    assert [each.row["member"] for each in found] == [0, 1, 2, 4, 3, 5]
    assert [each.score for each in found] == pytest.approx([0.11, 0.121, 0.22, 0.3, 0.34, None])
    assert {each.row["member"]: each.weight for each in found if each.weight} == WEIGHTS
    assert found[0].folds == [0.10, 0.12]
    assert found[5].folds == []


def test_with_a_validation_part_there_are_no_folds():
    found = settings.settings(portfolio(folds=False))
    assert [each.score for each in found] == pytest.approx([0.11, 0.121, 0.22, 0.3, 0.34, None])
    assert not any(each.folds for each in found)


def test_a_network_is_its_encoding_its_units_and_its_activation(run, found):
    names = [
        "standard · 256-256 silu",
        "piecewise · 128-128 silu",
        "robust · 64 silu",
        "robust · no hidden layer",
    ]
    assert list(settings.networks(found)) == names
    assert settings.network(run.record.winner.hyperparameters) == names[0]
    assert settings.in_words(run.record.winner.hyperparameters) == "encoding standard with 256-256 silu units"
    assert settings.in_words({"encoding": "robust", "hidden": [], "activation": "silu"}).endswith(
        "no hidden layer"
    )


def test_networks_have_colours_of_the_palette_that_next_ones_do_not_share(found):
    roles = list(settings.roles(found).values())
    assert len(set(roles)) == len(roles)
    assert set(settings.ROLES) <= set(theme.PALETTE)
    assert len(set(settings.ROLES)) == len(settings.ROLES) == len(settings.SYMBOLS)


def test_settings_of_one_network_are_told_apart_with_few_words(found):
    labels = settings.labels(found)
    assert [labels[member] for member in (0, 2)] == ["rate 0.01, no dropout", "rate 0.02, dropout 0.3"]
    run = portfolio()
    alike = pl.when(pl.col("member") == 2)
    run.leaderboard = run.leaderboard.with_columns(
        learning_rate=alike.then(0.01).otherwise("learning_rate"),
        dropout=alike.then(0.0).otherwise("dropout"),
        epochs=alike.then(60).otherwise("epochs"),
    )
    labels = settings.labels(settings.settings(run))
    assert labels[0] == f"rate 0.01, no dropout, {EPOCHS} epochs"
    assert labels[2] == "rate 0.01, no dropout, 60 epochs"
    assert labels[3] == "rate 0.02, dropout 0.3"  # of a network in which none is like it


def test_what_mattered_is_the_best_score_with_each_value(found):
    mattered = settings.mattered(found, "log_loss")
    assert list(mattered) == ["encoding", "hidden", "dropout", "learning_rate"]
    assert [each.value for each in mattered["encoding"]] == ["standard", "piecewise", "robust"]
    assert [each.best for each in mattered["encoding"]] == pytest.approx([0.11, 0.121, 0.3])
    assert [each.best for each in mattered["hidden"]] == pytest.approx([0.11, 0.121, 0.3, None])
    assert [(each.value, each.best) for each in mattered["learning_rate"]] == [
        (0.01, pytest.approx(0.11)),
        (0.02, pytest.approx(0.22)),
    ]


@pytest.mark.parametrize(
    ("metric", "best", "other", "said"),
    [
        ("log_loss", 0.11, 0.121, "10 %"),
        ("mse", 2.0, 2.0148, "0.74 %"),
        ("log_loss", 0.001, 0.037, "37-fold"),
        ("log_loss", 0.0, 0.1, "–"),
        ("accuracy", 0.97, 0.955, "1.5 points"),
        ("r2", 0.9, 0.88, "0.02"),
    ],
)
def test_a_lag_is_a_share_of_a_loss_and_a_difference_of_what_is_none(metric, best, other, said):
    assert plain(settings.lag_words(metric, best, other)) == said


def test_every_setting_is_drawn_at_its_score_and_marked_by_what_became_of_it(run):
    chart = figures.settings_tried(run)
    drawn = dots(chart)
    assert [score for score, *_ in drawn] == pytest.approx([0.11, 0.22, 0.121, 0.34, 0.3])
    assert [plain(text) for *_, text in drawn] == ["62.5 %", "", "37.5 %", "", ""]
    (lost,) = [trace for trace in chart.figure.data if trace.name == "diverged"]
    assert (lost.marker.symbol, list(lost.customdata)) == ("x-thin", ["diverged"])
    # A line for each setting, and one for the name of each network above its own.
    lines = [line for _, line, *_ in drawn] + list(lost.y)
    assert sorted(lines) == [1, 2, 4, 5, 7, 9]
    assert chart.figure.layout.xaxis.title.text == "held-out log loss (nats)"


def test_a_line_runs_from_the_best_fold_to_the_worst(run):
    chart = figures.settings_tried(run)
    ends = [tuple(trace.x) for trace in chart.figure.data if trace.mode == "lines"]
    of_two = [0.10, 0.12, None, 0.20, 0.24, None], [0.12, 0.122, None, 0.32, 0.36, None]
    assert list(itertools.chain(*ends)) == [*of_two[0], *of_two[1], 0.3, 0.3, None]
    without = figures.settings_tried(portfolio(folds=False))
    assert not [trace for trace in without.figure.data if trace.mode == "lines"]
    assert without.figure.layout.xaxis.title.text == "validation log loss (nats)"


def test_the_average_stands_as_a_line_where_it_has_several_settings(run):
    lines = [shape.x0 for shape in figures.settings_tried(run).figure.layout.shapes]
    assert lines == [AVERAGE]
    alone = figures.settings_tried(portfolio(weights={0: 1.0}))
    assert not alone.figure.layout.shapes


def test_the_sentence_says_who_is_best_and_what_became_of_the_others(run):
    chart = figures.settings_tried(run)
    text = plain(chart.sentence)
    assert text.startswith("Best is standard · 256-256 silu, rate 0.01, no dropout: held-out log loss 0.11;")
    assert "the next setting lies 10 % behind" in text
    assert "2 settings make the average, of 2 networks." in text
    assert text.endswith("1 diverged (×).")
    assert f"Dot chart of {len(SETTINGS)} settings" in chart.alt


def test_however_good_the_best_is_it_has_a_place_on_the_axis():
    run = portfolio(folds=False)
    best = pl.when(pl.col("member") == 0).then(1e-7).otherwise("validation_loss")
    run.leaderboard = run.leaderboard.with_columns(validation_loss=best)
    chart = figures.settings_tried(run)
    assert dots(chart)[0][0] == 1e-7
    low, high = chart.figure.layout.xaxis.range
    assert chart.figure.layout.xaxis.type == "log"
    assert 10**low < 1e-7 < 0.22 < 10**high


def test_a_portfolio_of_which_all_diverged_is_not_drawn():
    run = portfolio()
    lost = pl.lit("diverged").alias("status")
    run.leaderboard = run.leaderboard.with_columns(lost, validation_loss=pl.lit(None))
    assert figures.settings_tried(run).figure is None


def test_the_winners_curve_is_kept_to_its_end_whatever_was_lower_before(run):
    chart = figures.learning_curves(run)
    assert chart.title == "Learning curves of the winner: standard · 256-256 silu"
    assert [trace.name for trace in chart.figure.data] == ["training", "held-out"]
    text = plain(chart.sentence)
    assert text.startswith("In the first fold held-out log loss went from")
    assert f"to 0.1 after the last, {EPOCHS}, whose weights are kept." in text
    assert "It had been lower at epoch 20, 0.05;" in text
    assert "longer training may help" not in text
    assert figures.learning_curves(digits()).title.startswith("Learning curves of the winner: adam at")


def test_the_gap_is_drawn_by_network(run):
    chart = figures.generalisation_gap(run)
    names = [trace.name for trace in chart.figure.data if trace.showlegend]
    assert names == ["standard · 256-256 silu", "piecewise · 128-128 silu", "robust · 64 silu"]
    assert "5 of 5 settings lie above the line" in chart.sentence
    assert "held-out loss" in chart.sentence
