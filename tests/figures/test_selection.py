"""The figures of races, searches and folds draw the numbers given, and their sentences say what these say."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import polars as pl
import pytest

from couloir import figures
from couloir import text as words
from couloir.figures import scores, theme
from couloir.figures.comparison import pairs
from couloir.figures.search.parameters import varied
from couloir.figures.training.folds import strip
from couloir.runs.records.learned import Bin, FoldScores, FoldSizes
from synthetic_folds import folded
from synthetic_race import STEPS, hostile_race, race
from synthetic_run import HOSTILE, digits
from synthetic_search import hostile_search, search

RACE = (
    figures.race_standing,
    figures.race_curves,
    figures.race_rates,
    figures.race_steps,
    figures.race_pairs,
)
SEARCH = (
    figures.search_history,
    figures.parameter_importance,
    figures.search_slices,
    figures.best_trials,
    figures.search_rungs,
    figures.search_curves,
    figures.reliability,
)
FOLDS = (figures.fold_strip, figures.fold_scores)


CASES = [(race, draw) for draw in RACE] + [(search, draw) for draw in SEARCH]
CASES += [(folded, draw) for draw in FOLDS]


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


def named(chart: figures.Chart, name: str):
    (trace,) = [trace for trace in chart.figure.data if trace.name == name]
    return trace


def numbers(value):
    """Every number a figure draws, outside axis settings."""
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, dict) or name in ("x", "y", "z", "base", "array", "arrayminus"):
                yield from numbers(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, int | float):
        yield value


@pytest.mark.parametrize(("make", "draw"), CASES, ids=lambda item: item.__name__)
def test_every_figure_is_finite_and_has_words(make, draw):
    chart = draw(make())
    drawn = [number for trace in chart.figure.data for number in numbers(trace.to_plotly_json())]
    assert drawn
    assert all(math.isfinite(number) for number in drawn)
    assert chart.figure.layout.title.text == chart.title
    assert chart.sentence.endswith(".")
    assert any(character.isdigit() for character in chart.alt)
    for bad in ("nan", "None", "inf,", "  ", "–."):
        assert bad not in chart.sentence + chart.alt


@pytest.mark.parametrize(("make", "draw"), CASES, ids=lambda item: item.__name__)
def test_every_colour_has_a_dark_partner(make, draw):
    dark = theme.dark_colours()

    def colours(value, key=""):
        if isinstance(value, dict):
            for name, item in value.items():
                yield from colours(item, name)
        elif isinstance(value, list):
            for item in value:
                yield from colours(item, key)
        elif isinstance(value, str) and key.lower().endswith(("color", "colorscale")):
            yield value

    found = set(colours(json.loads(draw(make()).figure.to_json())))
    assert found
    assert found <= set(dark)


@pytest.mark.parametrize(
    ("make", "draw"),
    [(hostile_race, draw) for draw in RACE] + [(hostile_search, draw) for draw in SEARCH],
    ids=lambda item: item.__name__,
)
def test_names_are_never_markup_in_a_figure(make, draw):
    text = draw(make()).figure.to_json().encode().decode("unicode_escape")
    assert "<script" not in text
    assert "<img" not in text


# The race --------------------------------------------------------------------------------------------------


def test_standing_draws_means_intervals_and_the_customary_rate():
    run = race()
    chart = figures.race_standing(run)
    for place, entry in enumerate(run.record.standing):
        for kind, found, symbol in (
            ("tuned rate", entry.best, "circle"),
            ("customary rate", entry.customary_best, "circle-open"),
        ):
            trace, score = named(chart, f"{entry.rule}, {kind}"), found["log_loss"]
            assert list(trace.x) == [score.mean]
            assert trace.x[0] + trace.error_x.array[0] == pytest.approx(score.high)
            assert trace.x[0] - trace.error_x.arrayminus[0] == pytest.approx(score.low)
            assert trace.marker.symbol == symbol
            assert trace.marker.color == theme.rule_style(entry.rule).colour
            assert abs(trace.y[0] - place) < 0.25
    first = run.record.standing[0].best["log_loss"]
    said = f"adam has the lowest mean validation log loss, {words.number(first.mean)} (95 % interval "
    said += f"{words.number(first.low)} to {words.number(first.high)} over 10 replicates). Next are adamw"
    assert plain(chart.sentence).startswith(said)
    assert "diverged" not in chart.sentence


def test_tuning_is_said_to_help_the_rule_that_gains_most():
    run = race(("adam", "sgd"))
    for entry, tuned, customary in zip(run.record.standing, (0.1, 0.2), (0.15, 0.19), strict=True):
        entry.best["log_loss"].mean = tuned
        entry.customary_best["log_loss"].mean = customary
    text = figures.race_standing(run).sentence
    assert "Tuning the learning rate helps adam most: from 0.15 at its customary 0.003 to 0.1 at" in text
    run.record.standing[0].customary_best["log_loss"].mean = 0.1
    assert "Tuning" not in figures.race_standing(run).sentence  # no rule is bettered by it


def test_curves_draw_the_mean_and_the_ends_of_the_replicates():
    run = race(lost={"sgd": 2, "adagrad": 10})
    chart = figures.race_curves(run)
    tuned = run.tables["curves"].filter(pl.col("rate") == "tuned")
    for rule in run.tables["curves"]["rule"].unique():
        if rule == "adagrad":
            continue
        lost = 2 if rule == "sgd" else 0
        whole = tuned.filter((pl.col("rule") == rule) & (pl.col("replicate") >= lost))
        table = whole.sort("replicate", "epoch")["validation_loss"].to_numpy().reshape(10 - lost, -1)
        np.testing.assert_allclose(named(chart, rule).y, table.mean(axis=0))
        ends = [trace for trace in chart.figure.data if trace.name.startswith(f"{rule}:")]
        if rule not in [entry.rule for entry in run.record.standing][:3]:
            assert not ends
            continue
        assert list(named(chart, f"{rule}: lowest").y) == list(table.min(axis=0))
        assert list(named(chart, f"{rule}: highest").y) == list(table.max(axis=0))
        assert {trace.legendgroup for trace in ends} == {rule}
    assert not [trace for trace in chart.figure.data if "adagrad" in trace.name]
    assert "Drawn from the replicates that did not diverge: sgd (8 replicates)." in chart.sentence
    assert "adagrad diverged in every replicate and has no line." in chart.sentence


def test_rates_draw_every_training_of_the_tuning():
    run = race()
    chart = figures.race_rates(run)
    for entry in run.record.standing:
        rule = entry.rule
        table = run.tables["tuning"].filter(pl.col("rule") == rule).sort("learning_rate")
        alive = table.filter(pl.col("status") != "diverged")
        assert list(named(chart, rule).x) == alive["learning_rate"].to_list()
        assert list(named(chart, rule).y) == alive["best_loss"].to_list()
        good = alive.filter(pl.col("best_loss") <= 1.1 * alive["best_loss"].min())
        assert list(named(chart, f"{rule}: good range").x) == good["learning_rate"].to_list()
        lost = table.filter(pl.col("status") == "diverged")["learning_rate"].to_list()
        if lost:
            assert list(named(chart, f"{rule}: diverged").x) == lost
    total = run.tables["tuning"].filter(pl.col("status") == "diverged").height
    assert f"{total} of 96 trainings diverged (×)." in chart.sentence
    assert (
        "adadelta has its best rate at the highest tried: still higher ones may be better." in chart.sentence
    )


def test_rules_with_one_good_rate_each_are_said_to_have_no_second():
    run = race(("adam", "sgd"))
    for entry in run.record.standing:
        entry.good_range = (entry.learning_rate, entry.learning_rate)
    text = plain(figures.race_rates(run).sentence)
    assert text.startswith("No rule has a second rate within 10 % of its best.")


def test_a_rule_that_diverged_at_every_rate_is_still_shown():
    run = race(("adam", "sgd"))
    lost = pl.col("rule") == "sgd"
    status = pl.when(lost).then(pl.lit("diverged")).otherwise("status")
    run.tables["tuning"] = run.tables["tuning"].with_columns(status=status)
    run.record.standing, run.record.left_out = run.record.standing[:1], ["sgd"]
    chart = figures.race_rates(run)
    assert len(named(chart, "sgd: diverged").x) == 12
    assert "sgd diverged at every rate and did not race." in chart.sentence


def test_a_replicate_cut_short_is_not_averaged():
    run = race(("adam",), replicates=3)
    cut = (pl.col("replicate") == 1) & (pl.col("epoch") > 9)
    run.tables["curves"] = run.tables["curves"].filter(~cut)
    chart = figures.race_curves(run)
    assert len(named(chart, "adam").x) == 30
    mine = run.tables["curves"].filter((pl.col("rate") == "tuned") & (pl.col("replicate") != 1))
    expected = mine.group_by("epoch").agg(pl.col("validation_loss").mean()).sort("epoch")["validation_loss"]
    np.testing.assert_allclose(named(chart, "adam").y, expected)


def test_losses_left_outside_the_drawing_are_counted():
    run = race(("adam",))
    values = [0.1 + 0.001 * n for n in range(40)] + [500.0, 900.0]
    rows = [{"rule": "adam", "learning_rate": 0.001 * (n + 1), "best_loss": v} for n, v in enumerate(values)]
    run.tables["tuning"] = pl.DataFrame(rows).with_columns(status=pl.lit("finished"))
    chart = figures.race_rates(run)
    assert plain(chart.sentence).endswith("2 losses above 0.14 lie outside the drawing.")
    assert chart.figure.layout.yaxis.range[1] < 1


def test_steps_are_drawn_fewest_first_and_those_that_do_not_arrive_are_named():
    run = race()
    chart = figures.race_steps(run)
    reached = {e.rule: e.steps_to_target for e in run.record.standing if e.steps_to_target}
    assert 0 < len(reached) < 8
    bars = {trace.name: trace.x[0] for trace in chart.figure.data}
    assert bars == reached
    assert list(bars.values()) == sorted(bars.values())
    curves = run.tables["curves"].filter(
        (pl.col("rate") == "tuned")
        & (pl.col("rule") == "adam")
        & (pl.col("validation_loss") <= run.record.target.value)
    )
    arrivals = curves.group_by("replicate").agg(pl.col("epoch").min())["epoch"].to_numpy() * STEPS
    assert bars["adam"] == np.median(arrivals)
    absent = [note.text for note in chart.figure.layout.annotations]
    assert len(absent) == 8 - len(reached)
    assert all(text.startswith("not reached (") for text in absent)
    assert f"adam is there first, after {words.number(reached['adam'])} steps" in chart.sentence


def cells(chart: figures.Chart) -> dict[tuple[int, int], tuple[str, str]]:
    """(row, column) → (verdict, text) of the matrix."""
    return {
        (row, column): (trace.name, trace.text[row][column])
        for trace in chart.figure.data
        for row, line in enumerate(trace.z)
        for column, value in enumerate(line)
        if value is not None
    }


def test_pairs_show_each_difference_once_above_the_diagonal():
    run = race()
    found = cells(figures.race_pairs(run))
    rules = [entry.rule for entry in run.record.standing]
    assert len(found) == 28
    for pair in run.record.pairs:
        row, column = rules.index(pair.first), rules.index(pair.second)
        verdict, text = found[row, column]
        assert verdict == ("real" if pair.different else "open")
        assert float(f"0{text}" if text.startswith(".") else text) == pytest.approx(
            abs(pair.difference), rel=0.05
        )
    real = sum(pair.different for pair in run.record.pairs)
    assert f"In {real} of 28 pairs" in figures.race_pairs(run).sentence


def test_a_pair_that_goes_against_the_standing_is_marked_as_such():
    run = race(("adam", "sgd"))
    pair = run.record.pairs[0]
    pair.first, pair.second = pair.second, pair.first
    verdict, text = cells(figures.race_pairs(run))[0, 1]
    assert (verdict, text[0]) == ("reversed", "−")


@pytest.mark.parametrize(
    ("value", "metric", "shown"),
    [
        (-0.0212, "log_loss", ".021"),
        (1.26, "log_loss", "1.3"),
        (-312_000.0, "mse", "312k"),
        (2.5e6, "mse", "2.5M"),
        (-0.0131, "accuracy", "1.3"),
        (0.0, "log_loss", "0"),
        (None, "log_loss", "?"),
    ],
)
def test_differences_are_short_enough_for_a_phone(value, metric, shown):
    assert pairs.difference(value, metric) == shown
    assert len(shown) <= 5


def test_a_race_of_one_rule_has_no_pairs():
    run = race(("adam",))
    assert figures.race_pairs(run).figure is None
    assert "no pair to compare" in figures.race_pairs(run).sentence
    assert "Next" not in figures.race_standing(run).sentence
    assert "first" not in figures.race_curves(run).sentence


def test_one_replicate_has_no_interval_and_no_verdict():
    run = race(("adam", "sgd"), replicates=1)
    chart = figures.race_standing(run)
    assert "without a second there is no interval" in chart.sentence
    assert named(chart, "adam, tuned rate").error_x.array is None
    assert figures.race_pairs(run).sentence == (
        "One replicate tells no difference from chance: no pair was tested."
    )
    assert "median" not in figures.race_steps(run).sentence
    assert not [trace for trace in figures.race_curves(run).figure.data if "lowest" in trace.name]


def test_where_all_but_one_diverged_that_one_is_drawn():
    run = race(("adam", "sgd", "momentum"), lost={"sgd": 10, "momentum": 10})
    chart = figures.race_standing(run)
    assert [trace.name for trace in chart.figure.data if "tuned" in trace.name and ", " in trace.name] == [
        "adam, tuned rate"
    ]
    assert [note.text for note in chart.figure.layout.annotations] == ["diverged in 10 replicates"] * 2
    assert "sgd in all 10" in chart.sentence
    assert "momentum in all 10" in chart.sentence
    text = figures.race_pairs(run).sentence
    assert text == "3 pairs (?) were not tested, as a rule diverged."
    assert (
        "sgd and momentum diverged in every replicate and have no line" in figures.race_curves(run).sentence
    )


def test_where_all_diverged_there_is_nothing_to_draw():
    run = race(("adam", "sgd"), lost={"adam": 10, "sgd": 10})
    for draw in (figures.race_standing, figures.race_curves):
        assert draw(run).figure is None
        assert draw(run).sentence == "No rule can be drawn: all of them diverged."


def test_a_target_that_nobody_reaches_is_said():
    run = race(("adam", "sgd"))
    for entry in run.record.standing:
        entry.steps_to_target, entry.seconds_to_target, entry.reached = None, None, 1
    chart = figures.race_steps(run)
    assert chart.figure is None
    assert "no rule reaches the target, a validation log loss of" in chart.sentence
    run.record.target.value = None
    assert "there is no target" in figures.race_steps(run).sentence


def test_a_race_by_accuracy_is_drawn_in_per_cent_and_highest_is_best():
    run = race()
    run.record.metric = "accuracy"
    chart = figures.race_standing(run)
    assert chart.figure.layout.xaxis.tickformat.endswith("%")
    assert "adam has the highest mean validation accuracy" in chart.sentence
    assert named(chart, "adam, tuned rate").x[0] == run.record.standing[0].best["accuracy"].mean


def test_a_regression_names_the_targets_unit():
    chart = figures.race_standing(race(task="regression", scale=4e5))
    assert chart.figure.layout.xaxis.title.text == "best validation MSE (price²)"


# The search ------------------------------------------------------------------------------------------------


def test_history_draws_every_trial_and_the_best_so_far():
    run = search()
    chart = figures.search_history(run)
    table = run.tables["trials"]
    assert list(named(chart, "left at a rung").x) == table.filter(status="left")["number"].to_list()
    done = table.filter(status="finished").sort("number")
    assert list(named(chart, "trained to its end").y) == done["value"].to_list()
    assert list(named(chart, "diverged").x) == table.filter(status="diverged")["number"].to_list()
    line = named(chart, "best so far")
    lowest = done.with_columns(best=pl.col("value").cum_min()).filter(pl.col("value") == pl.col("best"))
    assert list(line.x) == [*lowest["number"], 191]
    assert list(line.y) == [*lowest["value"], lowest["value"].min()]
    assert line.line.shape == "hv"
    best = done.sort("value").row(0, named=True)
    assert f"The best of 192 trials is number {best['number']}" in chart.sentence


def test_trials_that_left_stand_at_their_last_score_or_at_the_edge():
    run = search()
    left = run.tables["trials"].filter(status="left")
    marks = named(figures.search_history(run), "left at a rung")
    assert list(marks.y) == left["rung_value"].to_list()
    run.tables["trials"] = run.tables["trials"].with_columns(rung_value=pl.lit(None))
    chart = figures.search_history(run)
    marks = named(chart, "left at a rung")
    assert list(marks.x) == left["number"].to_list()
    assert min(marks.y) == max(marks.y) > max(named(chart, "trained to its end").y)


def test_a_search_by_accuracy_climbs():
    run = search(40, halving=False)
    run.record.metric = "accuracy"
    run.tables["trials"] = run.tables["trials"].with_columns(value=1 - pl.col("value"))
    line = named(figures.search_history(run), "best so far")
    assert list(line.y) == sorted(line.y)
    assert line.y[-1] == run.tables["trials"]["value"].max()


def test_history_says_when_more_trials_promise_little_or_much():
    run = search(100, halving=False)
    late = pl.when(pl.col("number") == 97).then(0.001).otherwise(0.5)
    run.tables["trials"] = run.tables["trials"].with_columns(value=late, status=pl.lit("finished"))
    assert "It came late: more trials may gain more." in figures.search_history(run).sentence
    early = pl.when(pl.col("number") == 3).then(0.001).otherwise(0.5)
    run.tables["trials"] = run.tables["trials"].with_columns(value=early)
    assert "The last 96 trials did not better it" in figures.search_history(run).sentence


def test_importance_is_drawn_largest_first():
    run = search()
    chart = figures.parameter_importance(run)
    entries = sorted(run.record.importance_of_parameters, key=lambda entry: -entry.share)
    assert list(chart.figure.data[0].x) == [entry.share for entry in entries]
    assert plain(chart.sentence) == (
        "Most depended on rate: 46.0 % of the spread in scores, then on rule (31.0 %). "
        "Below 2 % stands activation."
    )
    run.record.importance_of_parameters = []
    assert figures.parameter_importance(run).figure is None


def test_slices_draw_every_trial_that_can_be_chosen_at_its_value():
    run = search()
    chart = figures.search_slices(run)
    done = run.tables["trials"].filter(status="finished").sort("value", descending=True)
    rate = named(chart, "rate")
    assert list(rate.x) == done["rate"].to_list()
    assert list(rate.y) == done["value"].to_list()
    width = named(chart, "width")
    places = {value: place for place, value in enumerate(sorted(done["width"].unique()))}
    assert all(
        abs(x - places[value]) <= 0.25 for x, value in zip(width.x, done["width"].to_list(), strict=True)
    )
    assert width.x[-1] == places[done["width"][-1]]  # the best trial stands on its value
    assert width.marker.color[-1] == theme.colour("wrong")
    assert "noise" not in [trace.name for trace in chart.figure.data]  # the same in all trials
    assert "learning rate" not in [trace.name for trace in chart.figure.data]  # searched as `rate`
    medians = [trace for trace in chart.figure.data if trace.name == "median" and trace.xaxis == width.xaxis]
    expected = done.group_by("width").agg(pl.col("value").median()).sort("width")["value"].to_list()
    assert list(medians[0].y) == pytest.approx(expected)


def test_best_trials_are_paths_through_their_values():
    run = search()
    chart = figures.best_trials(run)
    best = run.tables["trials"].filter(status="finished").sort("value").head(12)
    assert {trace.name for trace in chart.figure.data} == {f"trial {n}" for n in best["number"]}
    first = named(chart, f"trial {best['number'][0]}")
    assert first is chart.figure.data[-1]  # on top of the others
    lowest, highest = best["rate"].min(), best["rate"].max()
    where = list(first.customdata).index(f"rate {words.number(best['rate'][0])}")
    expected = math.log(best["rate"][0] / lowest) / math.log(highest / lowest)
    if highest / lowest <= 20:
        expected = (best["rate"][0] - lowest) / (highest - lowest)
    assert first.x[where] == pytest.approx(expected)
    assert all(0 <= x <= 1 for trace in chart.figure.data for x in trace.x)


def test_numbers_that_rules_read_are_shown_where_they_were_searched():
    rows = [
        {"optimizer": "adam", "epsilon": 1e-8, "beta1": 0.9},
        {"optimizer": "adam", "epsilon": 1e-8, "beta1": 0.8},
        {"optimizer": "adagrad", "epsilon": 1e-7, "beta1": None},
    ]
    assert varied(rows) == ["optimizer", "beta1"]  # the rules' own ε is none of the search's


def test_rungs_are_summed_over_the_generations():
    run = search()
    chart = figures.search_rungs(run)
    table = run.tables["rungs"].group_by("epoch").sum().sort("epoch")
    assert list(named(chart, "went on").x) == table["kept"].to_list()
    assert list(named(chart, "left").x) == (table["entered"] - table["kept"]).to_list()
    ran = run.tables["trials"]["epochs_run"].sum()
    assert f"ran {ran:,} epochs" in chart.sentence
    without = figures.search_rungs(search(40, halving=False))
    assert without.figure is None
    assert "no rungs" in without.sentence


def test_epochs_of_a_search_in_folds_are_counted_per_fold():
    run = search()
    run.record.cross_validation = folded().record.cross_validation
    ran, share = run.tables["trials"]["epochs_run"].sum(), words.percent(0.449 / 5)
    run.tables["trials"] = run.tables["trials"].with_columns(epochs_run=5 * pl.col("epochs_run"))
    text = figures.search_rungs(run).sentence
    assert f"ran {5 * ran:,} epochs, 44.9" in text
    assert share not in text


def test_curves_of_the_best_trials_are_those_of_the_table():
    run = search()
    chart = figures.search_curves(run)
    table = run.history
    best = run.tables["trials"].filter(status="finished").sort("value").row(0, named=True)
    mine = table.filter(member=best["number"]).sort("epoch")
    name = f"{best['number']}: {best['optimizer']}"
    assert list(named(chart, name).y) == mine["validation_loss"].to_list()
    assert list(named(chart, f"{name}, training").y) == mine["training_loss"].to_list()
    assert list(named(chart, f"{name}, kept").x) == [best["best_epoch"]]
    assert "was kept at epoch 18" in chart.sentence
    assert "it stopped 12 epochs later" in chart.sentence


def test_reliability_before_and_after_temperature():
    run = search()
    calibration = run.record.calibration
    bins = calibration.reliability
    chart = figures.reliability(run)
    assert list(named(chart, "before temperature").x) == [b.confidence for b in bins]
    assert list(named(chart, "before temperature").y) == [b.accuracy for b in bins]
    assert plain(chart.sentence) == (
        "On the test part confidence is off by 3.4 % on average (expected calibration error). "
        "On validation it was too sure: a temperature of 1.31 serves best. "
        "On the test part it brings the error down to 1.2 %."
    )
    calibration.reliability_scaled = [Bin(confidence=0.9, accuracy=0.91, count=270)]
    after = named(figures.reliability(run), "after temperature")
    assert (list(after.x), list(after.y)) == ([0.9], [0.91])
    calibration.temperature, calibration.test_error_scaled = 0.7, 0.05
    text = plain(figures.reliability(run).sentence)
    assert "too little sure" in text
    assert "does not help here: the error goes up to 5.0 %" in text
    calibration.temperature = 1.0
    as_it_is = figures.reliability(run)
    assert "does not tell that any temperature" in plain(as_it_is.sentence)
    assert [trace.name for trace in as_it_is.figure.data] == ["honest", "the model"]
    regression = figures.reliability(search(40, task="regression"))
    assert regression.sentence == "Left out: numbers are predicted, not classes."


def test_a_search_of_which_nothing_came_leaves_its_figures_out():
    run = search(40)
    run.tables["trials"] = run.tables["trials"].with_columns(status=pl.lit("diverged"), value=None)
    for draw in (figures.search_history, figures.search_slices, figures.best_trials, figures.search_curves):
        chart = draw(run)
        assert chart.figure is None
        assert chart.sentence.endswith(".")


def test_what_a_search_does_not_know_is_left_out():
    run = search(40, halving=False)
    run.record.importance_of_parameters, run.record.calibration, run.history = [], None, run.history.clear()
    for draw in (
        figures.parameter_importance,
        figures.search_rungs,
        figures.search_curves,
        figures.reliability,
    ):
        assert draw(run).figure is None


# Axes ------------------------------------------------------------------------------------------------------


def test_the_good_values_fill_the_axis_and_the_rest_is_counted():
    values = [0.1 + 0.001 * n for n in range(50)] + [80.0] * 5
    settings, ends, beyond = scores.clipped("log_loss", values)
    assert beyond == 5
    assert ends[0] < 0.1 < 0.149 < ends[1] < 1
    assert settings["range"] == ends
    settings, ends, beyond = scores.clipped("accuracy", [0.9 + 0.001 * n for n in range(50)] + [0.1] * 5)
    assert beyond == 5
    assert 0.5 < ends[0] < 0.9 < 0.949 < ends[1]
    assert scores.clipped("log_loss", [0.1, 0.2, 0.9])[2] == 0  # of a few values none is left out
    assert scores.clipped("mse", [3.0])[1][0] < 3 < scores.clipped("mse", [3.0])[1][1]
    assert scores.clipped("r2", [0.5, 0.5])[2] == 0


# Folds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["stratified", "in time"])
def test_the_pieces_of_a_strip_cover_its_rows_once(kind):
    sizes = folded(kind).record.cross_validation.sizes
    pieces = strip(sizes, kind == "in time")
    for fold, size in enumerate(sizes):
        rows = np.zeros(size.total, int)
        found = dict.fromkeys(("train", "stopping", "held_out"), 0)
        for part, _, start, n in (piece for piece in pieces if piece[1] == fold):
            rows[start : start + n] += 1
            found[part] += n
        assert (rows == 1).all()
        assert FoldSizes(**found) == size
    held = [(start, start + n) for part, _, start, n in pieces if part == "held_out"]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(held))
    if kind == "in time":
        last = {fold: start + n for part, fold, start, n in pieces if part == "stopping"}
        assert [start for start, _ in held] == list(last.values())


def test_the_strip_draws_the_test_part_beyond_the_folds():
    run = folded()
    chart = figures.fold_strip(run)
    test = named(chart, "test part")
    assert set(test.x) == {run.record.data.split.test}
    assert min(test.base) > 1527
    text = chart.sentence
    assert text.startswith("5 folds, stratified: each fold has the classes in the shares of the whole.")
    assert "A fold holds out 305 to 306 rows" in text
    assert "not which" not in figures.fold_strip(folded("in time")).sentence


def test_fold_scores_draw_every_fold_its_mean_and_spread():
    nested = {"log_loss": FoldScores(mean=0.073, spread=0.01, values=[0.06, 0.07, 0.09, 0.07, 0.075])}
    run = folded(nested=nested)
    chart = figures.fold_scores(run)
    found = run.record.cross_validation.scores["log_loss"]
    assert list(named(chart, "winner").x) == found.values
    assert list(named(chart, "nested").x) == nested["log_loss"].values
    area, line = chart.figure.layout.shapes[:2]
    assert (line.x0, line.x1) == (found.mean, found.mean)
    assert area.x0 == pytest.approx(found.mean - found.spread)
    assert area.x1 == pytest.approx(found.mean + found.spread)
    assert "from 0.06 in the best to 0.08 in the worst" in chart.sentence
    assert "made anew inside each fold, the mean is 0.073" in chart.sentence


def test_a_spread_larger_than_its_mean_ends_where_the_logarithmic_axis_does():
    values = [0.0006, 0.03, 0.05, 0.07, 0.125]
    nested = {"log_loss": FoldScores(mean=0.05, spread=0.055, values=values)}
    figure = figures.fold_scores(folded(nested=nested)).figure
    assert figure.layout.xaxis.type == "log"
    low, high = (10**end for end in figure.layout.xaxis.range)
    assert 0.0006 / 2 < low < 0.0006
    assert 0.125 < high < 0.25
    areas = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert [areas[1].x0, areas[1].x1] == pytest.approx([low, 0.105])


def test_a_run_without_folds_leaves_them_out():
    run = digits(rates=1)
    for draw in FOLDS:
        assert draw(run).figure is None


def test_hostile_names_stay_short_on_axes():
    chart = figures.race_standing(hostile_race())
    assert all(len(text) <= 18 + 30 for text in chart.figure.layout.yaxis.ticktext)
    assert HOSTILE not in "".join(chart.figure.layout.yaxis.ticktext)


def test_one_perfect_replicate_does_not_leave_the_others_outside_the_axis() -> None:
    usual = [0.05 * 1.05**n for n in range(60)]
    settings, (low, high), outside = scores.clipped("log_loss", [*usual, *(1e-6 / n for n in range(1, 6))])
    assert settings["type"] == "log"
    assert low < min(usual)
    assert high > 0.5
    assert outside < 0.4 * 65
