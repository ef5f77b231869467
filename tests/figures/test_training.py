"""The figures draw the numbers of the run's tables, and their sentences say what these numbers say."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import polars as pl
import pytest

from couloir import figures
from couloir import text as words
from couloir.figures import theme
from couloir.runs.records.learned import Importance
from synthetic_run import HOSTILE, SyntheticRun, digits, hostile, prices

CLASSIFICATION = (
    figures.learning_curves,
    figures.curves_by_rule,
    figures.learning_rate_response,
    figures.generalisation_gap,
    figures.confusion,
)
REGRESSION = (*CLASSIFICATION[:4], figures.predicted_against_true, figures.importance)
CASES = [(digits, draw) for draw in CLASSIFICATION] + [(prices, draw) for draw in REGRESSION]


def named(chart: figures.Chart, name: str) -> list:
    return [trace for trace in chart.figure.data if trace.name == name]


def column(run: SyntheticRun, member: int, name: str) -> list[float]:
    return run.history.filter(pl.col("member") == member).sort("epoch")[name].to_list()


def test_learning_curves_draw_the_winners_history():
    run = digits()
    winner = run.record.winner
    chart = figures.learning_curves(run)
    for part in ("training", "validation"):
        (trace,) = named(chart, part)
        assert list(trace.y) == column(run, winner.member, f"{part}_loss")
        assert list(trace.x) == column(run, winner.member, "epoch")
    (line,) = chart.figure.layout.shapes
    assert line.x0 == line.x1 == winner.best_epoch
    assert chart.figure.layout.annotations[0].text == f"kept: epoch {winner.best_epoch}"
    assert f"at epoch {winner.best_epoch}, whose weights were kept" in chart.sentence
    assert "10 further epochs did not better it" in chart.sentence


def test_learning_curves_ask_for_more_epochs_where_the_last_was_best():
    run = digits()
    member = run.record.winner.member
    falling = pl.DataFrame(
        {"member": [member] * 3, "epoch": [1, 2, 3], "training_loss": [3.0, 2.0, 1.0]}
    ).with_columns(
        validation_loss=pl.col("training_loss") + 0.5, training_accuracy=0.9, validation_accuracy=0.8
    )
    run.history, run.record.winner.best_epoch = falling, 3
    chart = figures.learning_curves(run)
    assert chart.sentence == (
        "Validation log loss fell from 3.5 after epoch 1 to 1.5 at epoch 3, whose weights were kept; "
        "that was the last epoch, so longer training may help. "
        "There it lies 0.5 above the training loss of 1."
    )


def test_each_rule_is_drawn_by_its_best_member():
    run = digits()
    chart = figures.curves_by_rule(run)
    for rule in run.leaderboard["optimizer"].unique():
        board = run.leaderboard.filter((pl.col("optimizer") == rule) & (pl.col("status") != "diverged"))
        best = board.sort("validation_loss").row(0, named=True)
        line, kept = named(chart, rule)
        assert list(line.y) == column(run, best["member"], "validation_loss")
        assert (kept.x[0], kept.y[0]) == (best["best_epoch"], best["validation_loss"])
        assert (line.line.color, line.line.dash) == (kept.line.color, kept.line.dash)


def test_response_draws_the_best_loss_at_each_rate_and_marks_divergence():
    run = digits()
    chart = figures.learning_rate_response(run)
    alive = run.leaderboard.filter(pl.col("status") != "diverged")
    for rule in run.leaderboard["optimizer"].unique():
        lowest = alive.filter(pl.col("optimizer") == rule).group_by("learning_rate")
        table = lowest.agg(pl.col("validation_loss").min()).sort("learning_rate")
        (trace,) = named(chart, rule)
        assert list(trace.x) == table["learning_rate"].to_list()
        assert list(trace.y) == table["validation_loss"].to_list()
    crosses = {trace.name: trace for trace in chart.figure.data if trace.name.endswith(": diverged")}
    assert set(crosses) == {f"{rule}: diverged" for rule in ("sgd", "momentum", "nesterov")}
    highest = max(max(trace.y) for trace in chart.figure.data if trace.name not in crosses)
    for trace in crosses.values():
        rule = trace.name.removesuffix(": diverged")
        lost = run.leaderboard.filter((pl.col("optimizer") == rule) & (pl.col("status") == "diverged"))
        assert sorted(trace.x) == sorted(lost["learning_rate"])
        assert min(trace.y) > highest
    assert chart.figure.layout.xaxis.type == "log"


def response_of(points: list[tuple[str, float, float | None]]) -> figures.Chart:
    """The response of a run whose leaderboard holds just these (rule, rate, loss or None: diverged)."""
    run = digits()
    board = pl.DataFrame(points, schema=["optimizer", "learning_rate", "validation_loss"], orient="row")
    status = (
        pl.when(pl.col("validation_loss").is_null()).then(pl.lit("diverged")).otherwise(pl.lit("stopped"))
    )
    run.leaderboard = board.with_columns(status=status)
    return figures.learning_rate_response(run)


def test_response_says_where_a_rule_is_best_forgiving_cut_off_and_lost():
    points = [("adam", 0.001, 0.2), ("adam", 0.01, 0.1), ("adam", 0.1, 0.109), ("adam", 1.0, 0.9)]
    points += [("sgd", 0.01, 0.8), ("sgd", 0.1, 0.3), ("sgd", 1.0, None), ("sgd", 10.0, None)]
    points += [("rmsprop", 0.001, 0.3), ("rmsprop", 0.01, 0.4), ("rmsprop", 0.1, None)]
    text = response_of(points).sentence.replace("\u202f", " ")
    assert text == (
        "adam does best, at a learning rate of 0.01 (loss 0.1), and stays within 10 % of that "
        "from 0.01 to 0.1. Most forgiving is adam: from 0.01 to 0.1 it stays within 50 % of the lowest loss. "
        "rmsprop has its best rate at the lowest tried: still lower ones may be better. "
        "3 members diverged (×): sgd from 1 up and rmsprop at 0.1."
    )


def test_response_takes_the_best_over_the_rest_and_counts_the_diverged():
    chart = response_of([("adam", 0.1, 0.4), ("adam", 0.1, 0.3), ("adam", 0.1, None), ("adam", 0.2, 0.5)])
    (trace,) = chart.figure.data
    assert list(trace.y) == [0.3, 0.5]
    assert list(trace.customdata) == ["<br>1 of 3 diverged", ""]


def test_response_is_left_out_where_only_one_rate_was_tried():
    chart = response_of([("adam", 0.1, 0.4), ("sgd", 0.1, 0.3)])
    assert chart.figure is None
    assert chart.sentence == "Left out: all members have the same learning rate, 0.1."


def test_charts_say_so_where_every_member_diverged():
    assert "diverged" in response_of([("adam", 0.1, None), ("adam", 0.2, None)]).sentence
    run = digits()
    run.leaderboard = run.leaderboard.filter(pl.col("status") == "diverged")
    for draw in (figures.curves_by_rule, figures.generalisation_gap):
        assert draw(run).figure is None


def test_gap_draws_every_member_that_can_be_chosen_once():
    run = digits()
    chart = figures.generalisation_gap(run)
    drawn = [
        point
        for trace in chart.figure.data
        if trace.name != "no gap"
        for point in zip(trace.x, trace.y, strict=True)
    ]
    alive = run.leaderboard.filter(pl.col("status") != "diverged")
    assert sorted(drawn) == sorted(alive.select("training_loss", "validation_loss").rows())
    above = (alive["validation_loss"] > alive["training_loss"]).sum()
    assert f"{above} of {len(alive)} members lie above the line" in chart.sentence


def test_confusion_draws_counts_and_row_shares():
    run = digits()
    matrix = np.array(run.record.test.confusion)
    chart = figures.confusion(run)
    shares = np.zeros(matrix.shape)
    for trace in chart.figure.data:
        shares += np.array([[cell or 0.0 for cell in row] for row in trace.z])
    np.testing.assert_allclose(shares, matrix / matrix.sum(axis=1, keepdims=True))
    texts = [
        [a or b for a, b in zip(*rows, strict=True)]
        for rows in zip(*(t.text for t in chart.figure.data), strict=True)
    ]
    assert texts == [[str(count) if count else "" for count in row] for row in matrix.tolist()]
    assert f"{np.trace(matrix)} of {matrix.sum()} test rows" in chart.sentence
    assert "8 taken for 1, 3 times" in chart.sentence


def test_a_class_without_test_rows_divides_nothing_by_zero():
    run = digits()
    run.record.data.classes = ["a", "b"]
    run.record.test.confusion = [[3, 0], [0, 0]]
    assert figures.confusion(run).sentence.endswith("There is no mistake.")


def test_predictions_are_drawn_and_measured():
    run = prices()
    chart = figures.predicted_against_true(run)
    (trace,) = named(chart, "validation row")
    assert list(trace.x) == run.predictions["true"].to_list()
    assert list(trace.y) == run.predictions["predicted"].to_list()
    middle = (run.predictions["predicted"] - run.predictions["true"]).abs().median()
    assert f"within {words.number(middle)} of the truth" in chart.sentence


def test_many_predictions_are_thinned_and_that_is_said():
    chart = figures.predicted_against_true(prices(rows=4500))
    (trace,) = named(chart, "validation row")
    assert list(trace.customdata) == list(range(0, 4500, 3))
    assert "Drawn are 1,500 of 4,500 rows" in chart.sentence


def test_importance_is_drawn_largest_first():
    run = prices()
    chart = figures.importance(run)
    entries = sorted(run.record.importance, key=lambda entry: -entry.increase)
    (trace,) = chart.figure.data
    assert list(trace.x) == [entry.increase for entry in entries]
    assert list(trace.error_x.array) == [entry.spread for entry in entries]
    assert list(chart.figure.layout.yaxis.ticktext) == [entry.column for entry in entries]
    assert figures.importance(digits()).figure is None
    assert "nearest" not in chart.sentence
    run.record.importance.append(Importance(column="(the nearest rows)", increase=0.5, spread=0.1))
    assert "With (the nearest rows) all is shuffled that" in figures.importance(run).sentence


@pytest.mark.parametrize(("make", "draw"), CASES, ids=lambda item: item.__name__)
def test_every_figure_has_titles_a_sentence_and_words_for_the_blind(make, draw):
    chart = draw(make())
    layout = chart.figure.layout
    assert layout.title.text
    assert layout.xaxis.title.text
    assert layout.yaxis.title.text or draw is figures.importance
    assert chart.sentence.endswith(".")
    assert any(character.isdigit() for character in chart.alt)
    assert "nan" not in (chart.sentence + chart.alt).lower().replace("nannan", "")


@pytest.mark.parametrize(("make", "draw"), CASES, ids=lambda item: item.__name__)
def test_every_colour_has_a_dark_partner(make, draw):
    content = json.loads(draw(make()).figure.to_json())
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

    found = set(colours(content))
    assert found
    assert found <= set(dark)


def test_a_figure_is_recoloured_but_not_its_words():
    run = digits()
    run.record.data.classes = [theme.colour("ink"), *run.record.data.classes[1:]]
    figure = figures.recoloured(figures.confusion(run).figure)
    assert figure.layout.xaxis.ticktext[0] == theme.colour("ink")
    assert figure.layout.template.layout.paper_bgcolor == theme.PALETTE["paper"][1]


def test_names_from_the_data_are_never_markup_in_a_figure():
    run = hostile()
    for draw in (*CLASSIFICATION, figures.importance):
        text = draw(run).figure.to_json().encode().decode("unicode_escape")
        assert "<script" not in text
        assert "<img" not in text
    assert words.plain("<b>&", 40) == "&lt;b&gt;&amp;"
    assert len(words.short(HOSTILE)) == 40


def test_a_choice_by_another_metric_is_not_called_a_lowest_loss():
    run = digits()
    run.record.metric = "accuracy"
    epoch = run.record.winner.best_epoch
    text = figures.learning_curves(run).sentence
    assert text.startswith(f"The weights of epoch {epoch} were kept, for their validation accuracy; ")
    assert "fell" not in text
    assert figures.curves_by_rule(run).sentence.startswith("At the epochs kept, adam has the lowest")


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ([[3, 0], [0, 4]], "There is no mistake."),
        ([[3, 0], [1, 4]], "The one mistake is b taken for a."),
        ([[3, 1], [1, 4]], "No mistake is made twice; one of them is a taken for b."),
        ([[3, 1], [2, 4]], "The commonest mistake is b taken for a, 2 times."),
    ],
)
def test_mistakes_are_counted_in_words(matrix, said):
    run = digits()
    run.record.data.classes = ["a", "b"]
    run.record.test.confusion = matrix
    assert said in figures.confusion(run).sentence


def test_few_rates_and_few_epochs_get_a_tick_each():
    chart = response_of([("adam", 0.001, 0.4), ("adam", 0.003, 0.3)])
    assert list(chart.figure.layout.xaxis.tickvals) == [0.001, 0.003]
    assert list(chart.figure.layout.xaxis.ticktext) == ["0.001", "0.003"]
    run = digits()
    run.history = run.history.filter(pl.col("epoch") <= 4)
    assert figures.learning_curves(run).figure.layout.xaxis.dtick == 1


# The colours of the rules --------------------------------------------------------------------------------

RULES = ("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw")

# Machado, Oliveira & Fernandes (2009), severity 1, on linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}


def linear(hexadecimal: str) -> np.ndarray:
    value = np.array([int(hexadecimal[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def luminance(colour: np.ndarray) -> float:
    return float(colour @ [0.2126, 0.7152, 0.0722])


def lab(colour: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* for white D65."""
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.072175],
            [0.0193339, 0.119192, 0.9503041],
        ]
    )
    x, y, z = (to_xyz @ np.clip(colour, 0, 1)) / [0.95047, 1.0, 1.08883]
    f = [math.cbrt(v) if v > 216 / 24389 else (24389 / 27 * v + 16) / 116 for v in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("side", [0, 1], ids=["light", "dark"])
def test_rule_colours_differ_for_every_eye_and_stand_out_from_the_paper(side):
    colours = {rule: linear(theme.PALETTE[rule][side]) for rule in RULES}
    paper = luminance(linear(theme.PALETTE["paper"][side]))
    for rule, colour in colours.items():
        brighter, darker = sorted((luminance(colour), paper), reverse=True)
        assert (brighter + 0.05) / (darker + 0.05) >= 3, rule  # WCAG 2.2, 1.4.11
    for vision, matrix in VISIONS.items():
        seen = {rule: lab(np.array(matrix) @ colour) for rule, colour in colours.items()}
        for one, other in itertools.combinations(RULES, 2):
            # A difference of 2.3 is just noticed; lines that cross need far more.
            assert np.linalg.norm(seen[one] - seen[other]) > 20, (vision, one, other)


def test_text_can_be_read_on_the_paper():
    for side in (0, 1):
        paper = luminance(linear(theme.PALETTE["paper"][side]))
        for role in ("ink", "quiet"):
            brighter, darker = sorted((luminance(linear(theme.PALETTE[role][side])), paper), reverse=True)
            assert (brighter + 0.05) / (darker + 0.05) >= 4.5  # WCAG 2.2, 1.4.3


def test_styles_are_distinct_and_fixed():
    lights = [pair[0] for pair in theme.PALETTE.values()]
    assert len(set(lights)) == len(lights)
    assert len({theme.rule_style(rule).symbol for rule in RULES}) == len(RULES)
    assert theme.rule_style("lion") == theme.rule_style("lion")
    assert theme.rule_style("lion").colour not in {theme.rule_style(rule).colour for rule in RULES}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.07123, "0.0712"),
        (1257, "1,257"),
        (0, "0"),
        (-1.5, "−1.5"),
        (0.0001, "0.0001"),
        (0.00003, "3×10⁻⁵"),
        (0.9999, "1"),
        (99.96, "100"),
        (1.5e12, "1.5×10¹²"),
        (float("inf"), "∞"),
        (None, "–"),
    ],
)
def test_numbers_are_written_for_people(value, text):
    assert words.number(value) == text


def test_lists_are_written_for_people():
    assert words.joined(["a"]) == "a"
    assert words.joined(["a", "b", "c"]) == "a, b and c"
    assert words.joined(list("abcdefgh"), limit=4) == "a, b, c and 5 others"
    assert words.count(1, "row") == "1 row"
    assert words.count(1257, "row") == "1,257 rows"
