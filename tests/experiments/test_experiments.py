"""The book's experiments: numbers against closed forms and plain loops, charts against the numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.linear_model import LinearRegression

from couloir.data.loading import load
from couloir.engine.architectures.mlp import MLP, Layer
from couloir.engine.training import train_population
from couloir.errors import InputError
from couloir.experiments import regularizers, widths
from couloir.experiments.dropping import DropoutDraws, draw_dropout
from couloir.experiments.momentum import MomentumGrid, momentum_grid, spectral_radius
from couloir.experiments.noise import batch_paths, escapes, gradient_cloud
from couloir.experiments.overfitting import Overfitting, overfit
from couloir.experiments.regularizers import Regularizers, compare_regularizers
from couloir.experiments.sparse import SparseRace, SparseRows, log_losses, sparse_race
from couloir.experiments.stall import effective_steps
from couloir.experiments.widths import WidthLosses, losses_of_widths, teacher_rows
from couloir.experiments.wild import REACH, WildCurve, answers, calm, law
from couloir.figures import theme
from couloir.figures.chart import Chart
from couloir.figures.experiments.dropping import dropped_network
from couloir.figures.experiments.momentum import momentum_in_bowl
from couloir.figures.experiments.noise import batch_comparison, escape_shares, gradient_clouds
from couloir.figures.experiments.overfitting import polynomial_fits
from couloir.figures.experiments.regularizers import regularizers_compared
from couloir.figures.experiments.sparse import sparse_rules
from couloir.figures.experiments.stall import effective_step_sizes
from couloir.figures.experiments.widths import losses_by_width
from couloir.figures.experiments.wild import calmed_curve
from couloir.figures.training.stopping import stopped_curves
from couloir.model.predictor import from_network
from couloir.runs.records import TrainRecord
from couloir.runs.records.learned import BestOfAll, Stopping
from couloir.selection.problem import Conditions, prepare
from couloir.surfaces.functions import surface
from synthetic_run import SyntheticRun, digits

# Overfitting ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def overfitted() -> Overfitting:
    return overfit()


def test_the_polynomial_through_all_points_has_no_training_error(overfitted: Overfitting) -> None:
    assert overfitted.fit(10).training < 1e-20
    np.testing.assert_allclose(overfitted.fit(10).values(overfitted.x), overfitted.y, atol=1e-12)


def test_the_line_is_scikit_learns(overfitted: Overfitting) -> None:
    line, x = LinearRegression().fit(overfitted.x[:, None], overfitted.y), overfitted.fresh_x[:, None]
    np.testing.assert_allclose(overfitted.fit(1).values(x[:, 0]), line.predict(x), rtol=1e-12)
    expected = sklearn_metrics.mean_squared_error(overfitted.fresh_y, line.predict(x))
    assert overfitted.fit(1).fresh == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("degree", [3, 7, 10])
def test_a_fit_is_the_one_in_powers_of_x(overfitted: Overfitting, degree: int) -> None:
    powers = np.polyfit(overfitted.x, overfitted.y, degree)
    np.testing.assert_allclose(
        overfitted.fit(degree).values(overfitted.fresh_x), np.polyval(powers, overfitted.fresh_x), atol=1e-8
    )


def test_a_higher_degree_never_fits_worse_but_the_highest_does_worst_on_fresh_points(
    overfitted: Overfitting,
) -> None:
    training = [fit.training for fit in overfitted.fits]
    assert training == sorted(training, reverse=True)
    assert max(overfitted.fits, key=lambda fit: fit.fresh).degree == 10


def test_overfit_is_a_law_with_noise_and_a_seed() -> None:
    found, again = overfit(slope=2.0, intercept=-1.0, noise=0.3, fresh=4000, seed=5), overfit(seed=5)
    rest = found.fresh_y - (2.0 * found.fresh_x - 1.0)
    assert abs(rest.mean()) < 4 * 0.3 / math.sqrt(4000)
    assert rest.std() == pytest.approx(0.3, rel=0.05)
    np.testing.assert_array_equal(again.y, overfit(seed=5).y)
    assert not np.array_equal(again.y, overfit(seed=6).y)


def test_overfit_says_what_cannot_be_fitted(overfitted: Overfitting) -> None:
    with pytest.raises(InputError, match="degree 11 is not settled by 11 points"):
        overfit(degrees=[11])
    with pytest.raises(InputError, match="too few"):
        overfit(points=1)
    with pytest.raises(InputError, match="the degrees are 1, 2"):
        overfitted.fit(12)


# The wild curve ---------------------------------------------------------------------------------------------

LINE = {"hidden": (), "points": 9, "epochs": 500, "learning_rate": 0.05, "precision": "float64"}


def line_slope(found: WildCurve) -> np.ndarray:
    """The slope of every straight line, per unit of the scaled input."""
    return (found.curves[:, -1] - found.curves[:, 0]) / (2 * REACH)


def moments(found: WildCurve) -> tuple[float, float]:
    """Variance of the scaled inputs, and their covariance with the targets."""
    x, y = REACH * (found.x - found.x.mean()), found.y - found.y.mean()
    return float(np.mean(x**2)), float(np.mean(x * y))


def test_a_line_under_l2_is_the_ridge_regression() -> None:
    # min (y − wx − b)² + ½λw² over w: w = 2c/(2v + λ).
    found = calm("l2", (0.0, 0.5, 4.0), **LINE)
    variance, covariance = moments(found)
    exact = 2 * covariance / (2 * variance + found.strengths)
    np.testing.assert_allclose(line_slope(found), exact, rtol=1e-6)
    np.testing.assert_allclose(found.norm, np.abs(exact), rtol=1e-6)
    np.testing.assert_allclose(found.variation, np.abs(exact) * 2 * REACH, rtol=1e-6)
    residual = (found.y - found.y.mean()) - np.outer(exact, REACH * (found.x - found.x.mean()))
    np.testing.assert_allclose(found.training, np.mean(residual**2, axis=1), rtol=1e-6)


def test_a_line_under_l1_is_soft_thresholded() -> None:
    # min (y − wx − b)² + λ|w| over w: w = sign(c) max(|c| − λ/2, 0)/v.
    found = calm("l1", (0.0, 0.1, 0.4), **LINE)
    variance, covariance = moments(found)
    exact = np.sign(covariance) * (np.abs(covariance) - found.strengths / 2) / variance
    assert np.all(np.abs(covariance) > found.strengths / 2)
    np.testing.assert_allclose(line_slope(found), exact, rtol=1e-6)
    np.testing.assert_allclose(found.absolute, np.abs(exact), rtol=1e-6)


@pytest.fixture(scope="module")
def calmed() -> WildCurve:
    return calm("l2", (0.1, 0.0, 0.001), hidden=(16,), epochs=300, points=10)


def test_the_wild_curve_calms_down_as_the_penalty_grows(calmed: WildCurve) -> None:
    np.testing.assert_array_equal(calmed.strengths, [0.0, 0.001, 0.1])
    assert np.all(np.diff(calmed.norm) < 0)
    assert np.all(np.diff(calmed.variation) < 0)
    assert np.all(np.diff(calmed.training) > 0)
    expected = np.mean((calmed.curves - law(calmed.grid)) ** 2, axis=1)
    np.testing.assert_allclose(calmed.truth, expected, rtol=1e-12)


def test_answers_of_a_network_are_those_of_the_model() -> None:
    random = np.random.default_rng(0)
    units = [1, 5, 4, 1]
    network = tuple(
        Layer(random.normal(size=(below, above)), random.normal(size=below))
        for above, below in pairwise(units)
    )
    x = np.linspace(-1, 1, 7)
    model = from_network(network, MLP(activation="tanh"), None)  # type: ignore[arg-type]
    np.testing.assert_allclose(
        answers(network, x, "tanh"), model.outputs(REACH * x[:, None])[:, 0], rtol=1e-12, atol=1e-14
    )


def test_the_wild_curve_says_what_cannot_be_used() -> None:
    with pytest.raises(InputError, match="did you mean 'l2'"):
        calm("l22")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="0 or more"):
        calm("l2", (-1.0, 0.0))


# Widths -----------------------------------------------------------------------------------------------------


class Listening:
    """`train_population`, which keeps what it was given and what came of it, with the last weights."""

    def __init__(self) -> None:
        self.last: list[dict[int, Any]] = []

    def __call__(self, members: Any, data: Any, *, on_epoch: Any = None, **settings: Any) -> Any:
        self.members, self.data, self.settings = members, data, settings

        def listen(progress: Any) -> Any:
            if progress.epoch == progress.epochs:
                self.last = [progress.networks(fold) for fold in range(len(progress.folds))]
            return on_epoch(progress) if on_epoch else None

        self.trained = train_population(members, data, on_epoch=listen, **settings)
        return self.trained


@pytest.fixture(scope="module")
def listened_students() -> tuple[WidthLosses, Listening]:
    listening = Listening()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(widths, "train_population", listening)
        return losses_of_widths((8, 1), 6, teacher=2, rows=64, epochs=60), listening


@pytest.fixture(scope="module")
def students(listened_students: tuple[WidthLosses, Listening]) -> WidthLosses:
    return listened_students[0]


def test_a_student_as_wide_as_the_teacher_can_have_loss_0() -> None:
    inputs, targets = teacher_rows(3, 50, 4)
    random = np.random.default_rng([4, 3, 50])
    random.standard_normal((50, 2))
    offsets = random.uniform(-2, 2, 3)
    hidden = np.tanh(
        np.stack(
            [
                3 * (np.cos(k * np.pi / 3) * inputs[:, 0] + np.sin(k * np.pi / 3) * inputs[:, 1]) + offsets[k]
                for k in range(3)
            ],
            axis=1,
        )
    )
    columns = np.column_stack([hidden, np.ones(50)])
    solution = np.linalg.lstsq(columns, targets[:, 0], rcond=None)[0]
    np.testing.assert_allclose(columns @ solution, targets[:, 0], atol=1e-10)
    assert np.all(np.abs(solution[:3]) > 0.1)
    assert targets.var() == pytest.approx(1.0)


@pytest.mark.slow
def test_wider_students_end_lower_and_shares_count_the_good(students: WidthLosses) -> None:
    np.testing.assert_array_equal(students.widths, [1, 8])
    assert students.losses.shape == (2, 6)
    assert students.medians[1] < 0.3 * students.medians[0]
    one = replace(students, losses=np.array([[0.5, np.nan], [0.001, 0.02]]))
    np.testing.assert_allclose(one.shares, [0.0, 0.5])
    np.testing.assert_allclose(one.medians, [0.5, 0.0105])


def test_losses_are_those_of_the_networks_over_all_rows(
    listened_students: tuple[WidthLosses, Listening],
) -> None:
    found, listening = listened_students
    inputs, targets = teacher_rows(2, 64, 0)
    np.testing.assert_array_equal(listening.data.train.inputs, inputs)
    assert [member.restart for member in listening.members] == [0, 1, 2, 3, 4, 5] * 2
    for number, member in enumerate(listening.members):
        model = from_network(listening.last[0][number], MLP(activation="tanh"), None)  # type: ignore[arg-type]
        expected = sklearn_metrics.mean_squared_error(targets, model.outputs(inputs))
        assert found.losses[number // 6, number % 6] == pytest.approx(expected, rel=1e-9)
        assert member.hidden == (int(found.widths[number // 6]),)


def test_widths_say_what_cannot_be_used() -> None:
    with pytest.raises(InputError, match="1 or more"):
        losses_of_widths((0, 2))


# Sparse features --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sparse() -> SparseRace:
    return sparse_race(
        ("sgd", "adagrad", "rmsprop"), rates=7, rows=1500, frequent=4, rare=50, chance=0.02, epochs=4
    )


def test_log_losses_are_scikit_learns() -> None:
    random = np.random.default_rng(1)
    rows = SparseRows(
        random.normal(size=(30, 4)), random.integers(0, 2, 30), random.integers(0, 2, 30), frequent=2
    )
    network = (Layer(random.normal(size=(2, 4)), random.normal(size=2)),)
    outputs = rows.inputs @ network[0].weight.T + network[0].bias
    chances = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    expected = sklearn_metrics.log_loss(rows.targets, chances)
    assert log_losses(network, rows).mean() == pytest.approx(expected, rel=1e-12)


def test_adaptive_rules_do_best_on_rare_features(sparse: SparseRace) -> None:
    by_rule = {entry.rule: entry for entry in sparse.entries}
    assert [entry.rare_loss for entry in sparse.entries] == sorted(e.rare_loss for e in sparse.entries)
    assert {rule for rule, entry in by_rule.items() if entry.adaptive} == {"adagrad", "rmsprop"}
    assert max(by_rule["adagrad"].rare_loss, by_rule["rmsprop"].rare_loss) < by_rule["sgd"].rare_loss
    assert sparse.floor < min(entry.rare_loss for entry in sparse.entries)
    expected = 1 - (1 - 0.02) ** 50
    assert sparse.share == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 1500))


def test_a_rules_rate_is_its_best_on_validation_and_the_whole_is_its_parts(sparse: SparseRace) -> None:
    for entry in sparse.entries:
        best = int(np.nanargmin(entry.losses))
        assert entry.learning_rate == entry.rates[best]
        assert (entry.at_edge == "") == (0 < best < len(entry.rates) - 1)
        mixed = sparse.share * entry.rare_loss + (1 - sparse.share) * entry.common_loss
        assert entry.loss == pytest.approx(mixed, rel=1e-9)


def test_sparse_says_what_cannot_be_used() -> None:
    with pytest.raises(InputError, match="did you mean 'adagrad'"):
        sparse_race(("adagard",))
    with pytest.raises(InputError, match="2 or more"):
        sparse_race(rates=1)
    with pytest.raises(InputError, match="rare feature"):
        sparse_race(("sgd",), rates=2, rows=20, chance=0.0)


# Regularizers -----------------------------------------------------------------------------------------------

SMALL: dict[str, Any] = {"split": (0.3, 0.3, 0.4), "hidden": (16,), "epochs": 40, "learning_rate": 0.02}


@pytest.fixture(scope="module")
def listened_regularizers() -> tuple[Regularizers, Listening]:
    listening, strengths = Listening(), {"l2": (0.01, 0.5), "noise": (0.7,)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regularizers, "train_population", listening)
        return compare_regularizers(load("diabetes"), seeds=2, strengths=strengths, **SMALL), listening


@pytest.fixture(scope="module")
def regularized(listened_regularizers: tuple[Regularizers, Listening]) -> Regularizers:
    return listened_regularizers[0]


@pytest.mark.slow
def test_treatments_are_scored_on_the_weights_they_end_with(
    listened_regularizers: tuple[Regularizers, Listening],
) -> None:
    found, listening = listened_regularizers
    assert [(m.l2, m.noise) for m in listening.members] == [(0, 0), (0.01, 0), (0.5, 0), (0, 0.7)]
    assert listening.settings["patience"] is None
    dataset = load("diabetes")
    for seed, outcomes in enumerate(listening.trained.folds):
        problem = prepare(dataset, Conditions(seed, SMALL["split"]))

        def error(network: Any, rows: np.ndarray, problem: Any = problem) -> float:
            model = from_network(network, MLP(), problem.preparation)
            return sklearn_metrics.mean_squared_error(dataset.target[rows], model.predict(dataset.rows(rows)))

        split, last = problem.split, listening.last[seed]
        errors = [error(last[number], split.validation) for number in range(4)]
        chosen = {"none": 0, "l2": 1 + int(np.argmin(errors[1:3])), "noise": 3}
        for name, number in chosen.items():
            treatment = found.treatment(name)
            assert treatment.test[seed] == pytest.approx(error(last[number], split.test), rel=1e-9)
            assert treatment.training[seed] == pytest.approx(error(last[number], split.train), rel=1e-9)
            assert treatment.validation[seed] == pytest.approx(errors[number], rel=1e-9)
        assert found.treatment("l2").strengths[seed] == listening.members[chosen["l2"]].l2
        stopped = found.treatment("early_stopping")
        curve = [scores["mse"] for scores in outcomes[0].validation]
        assert stopped.strengths[seed] == 1 + np.argmin(curve)
        assert stopped.validation[seed] == pytest.approx(min(curve), rel=1e-4)  # measured in float32
        assert stopped.test[seed] == pytest.approx(error(outcomes[0].network, split.test), rel=1e-9)


def test_treatments_have_every_seed_and_early_stopping_is_no_worse_where_it_chooses(
    regularized: Regularizers,
) -> None:
    assert [treatment.name for treatment in regularized.treatments] == [
        "none",
        "l2",
        "noise",
        "early_stopping",
    ]
    assert all(len(treatment.test) == 2 for treatment in regularized.treatments)
    assert sum(regularized.sizes.values()) == 442
    none, stopped = regularized.treatment("none"), regularized.treatment("early_stopping")
    assert np.all(stopped.validation <= none.validation * (1 + 1e-5))
    assert np.all(none.training < none.test)


def test_regularizers_say_what_cannot_be_used(regularized: Regularizers) -> None:
    with pytest.raises(InputError, match="did you mean 'dropout'"):
        compare_regularizers(load("iris"), strengths={"dropuot": (0.1,)})
    with pytest.raises(InputError, match="seeds 0"):
        compare_regularizers(load("iris"), seeds=0)
    with pytest.raises(InputError, match="treatment"):
        regularized.treatment("l3")


# Dropout ----------------------------------------------------------------------------------------------------


def test_dropout_draws_are_those_of_the_networks() -> None:
    found = draw_dropout((3, 40, 30, 2), 0.3, 60, seed=2)
    assert [layer.shape for layer in found.kept] == [(60, 40), (60, 30)]
    share = np.mean(np.concatenate(found.kept, axis=1))
    assert share == pytest.approx(0.7, abs=4 * math.sqrt(0.3 * 0.7 / 4200))
    assert found.scale == pytest.approx(1 / 0.7, rel=1e-4)
    assert not np.array_equal(found.kept[0][0], found.kept[0][1])
    assert found.total == 3 * 40 + 40 * 30 + 30 * 2
    for draw in range(3):
        alive = found.alive(draw)
        count = sum(
            bool(alive[layer][a] and alive[layer + 1][b])
            for layer in range(3)
            for a in range(found.widths[layer])
            for b in range(found.widths[layer + 1])
        )
        assert found.connections[draw] == count


def test_without_dropout_everything_stays_on() -> None:
    found = draw_dropout((2, 5, 1), 0.0, 3)
    assert all(layer.all() for layer in found.kept)
    assert found.scale == 1.0
    assert list(found.connections) == [found.total] * 3
    with pytest.raises(InputError, match="no hidden layer"):
        draw_dropout((2, 1))
    with pytest.raises(InputError, match="cannot be drawn"):
        draw_dropout((2, 5, 1), 1.0)


# Momentum in a ravine ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ravine() -> MomentumGrid:
    return momentum_grid(20.0, (0.5, 1.0, 1.9, 2.1, 2.9, 3.1, 3.7, 3.9), (0.9, 0.0, 0.5), steps=60)


@pytest.mark.parametrize("momentum", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("eigenvalue", [1.0, 20.0])
def test_the_spectral_radius_is_that_of_the_matrix_and_1_at_the_critical_rate(
    momentum: float, eigenvalue: float
) -> None:
    for rate in (0.01, 0.08, 0.3):
        matrix = np.array([[1 - rate * eigenvalue, -rate * momentum], [eigenvalue, momentum]])
        expected = max(abs(np.linalg.eigvals(matrix)))
        assert spectral_radius(rate, momentum, eigenvalue) == pytest.approx(expected, rel=1e-9)
    critical = 2 * (1 + momentum) / eigenvalue
    assert spectral_radius(0.999 * critical, momentum, eigenvalue) < 1
    assert spectral_radius(1.001 * critical, momentum, eigenvalue) > 1


def test_paths_are_those_of_a_plain_loop_and_diverge_where_the_closed_form_says(ravine: MomentumGrid) -> None:
    np.testing.assert_allclose(ravine.critical, 2 * (1 + np.array([0.0, 0.5, 0.9])) / 20)
    curvature = np.array([1.0, 20.0])
    for i, beta in enumerate(ravine.momenta):
        for j, rate in enumerate(ravine.rates):
            point, velocity = ravine.points[i, j, 0], np.zeros(2)
            for step in range(60):
                if np.max(np.abs(point)) > 1e5:  # further out the runners are stopped
                    break
                velocity = beta * velocity + curvature * point
                point = point - rate * velocity
                np.testing.assert_allclose(ravine.points[i, j, step + 1], point, rtol=1e-9, atol=1e-12)
            assert (ravine.losses[i, j, -1] > ravine.losses[i, j, 0]) == (rate > ravine.critical[i])
            assert (ravine.factors[i, j] > 1) == (rate > ravine.critical[i])


def test_a_bowl_that_lies_askew_has_its_own_eigenvalues() -> None:
    found = momentum_grid(surface("line-fit"), (1.0, 1.9, 2.1), (0.0, 0.5), steps=300)
    x = np.array([2.4, 2.8, 3.2, 3.6, 4.0, 4.2, 5.0])
    hessian = 2 / len(x) * np.array([[x @ x, x.sum()], [x.sum(), len(x)]])
    np.testing.assert_allclose(found.eigenvalues, np.linalg.eigvalsh(hessian), rtol=1e-10)
    np.testing.assert_allclose(found.critical, 2 * np.array([1.0, 1.5]) / found.eigenvalues[-1], rtol=1e-12)
    grows = found.losses[..., -1] > found.losses[..., 0]
    assert grows.tolist() == (found.factors > 1).tolist() == [[False, False, True], [False, False, False]]


def test_arrivals_are_the_first_step_from_which_the_loss_stays_low(ravine: MomentumGrid) -> None:
    seen = set()
    for i in range(3):
        for j in range(8):
            losses = ravine.losses[i, j]
            staying = [s for s in range(61) if np.all(losses[s:] <= ravine.near * losses[0])]
            assert ravine.arrivals[i, j] == (staying[0] if staying else -1)
            seen.add(bool(staying))
    assert seen == {True, False}
    with pytest.raises(InputError, match="above 0"):
        momentum_grid(10.0, (0.0,))
    with pytest.raises(InputError, match="below 1"):
        momentum_grid(10.0, (1.0,), (1.0,))


# Charts -----------------------------------------------------------------------------------------------------


def stopped_run() -> SyntheticRun[TrainRecord]:
    """A run of known numbers that went on after its stop."""
    run = digits(rates=3)
    epochs = run.history.filter(run.history["member"] == run.record.winner.member).height
    run.record.stopping = Stopping(
        patience=2, stopped=True, compared=True, stop_epoch=4, best_epoch=2, score_at_stop=0.25,
        training_at_stop=0.2, last_epoch=epochs, score_at_last=0.5,
        best_of_all=BestOfAll(epoch=2, score=0.25),
    )  # fmt: skip
    return run


@pytest.fixture(scope="module")
def charts(
    overfitted: Overfitting,
    calmed: WildCurve,
    students: WidthLosses,
    sparse: SparseRace,
    regularized: Regularizers,
    ravine: MomentumGrid,
) -> dict[str, Chart]:
    drawn = [
        polynomial_fits(overfitted),
        calmed_curve(calmed),
        losses_by_width(students),
        sparse_rules(sparse),
        regularizers_compared(regularized),
        momentum_in_bowl(ravine),
        dropped_network(draw_dropout(draws=3)),
        batch_comparison(batch_paths(epochs=3)),
        gradient_clouds(gradient_cloud((1, 4, 256), 40)),
        escape_shares(escapes((1, 256), runs=4, steps=20)),
        effective_step_sizes(effective_steps(((1.0, 20), (0.1, 30)))),
        stopped_curves(stopped_run()),
    ]
    return {chart.name: chart for chart in drawn}


NAMES = (
    "overfitting", "wild-curve-l2", "widths", "sparse", "regularizers", "momentum", "dropout", "batches",
    "gradient-noise", "escapes", "stall", "stopping",
)  # fmt: skip


def colours(value: Any, key: str = "") -> Iterator[str]:
    """Every colour in a figure's content, save the template's."""
    if isinstance(value, dict):
        for name, content in value.items():
            if name != "template":
                yield from colours(content, name)
    elif isinstance(value, list):
        for content in value:
            yield from colours(content, key)
    elif isinstance(value, str) and key.lower().endswith(("color", "colorscale")):
        yield value


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_chart_has_words_and_the_colours_of_the_theme(charts: dict[str, Chart], name: str) -> None:
    assert set(charts) == set(NAMES)
    chart = charts[name]
    assert chart.figure is not None
    for text in (chart.sentence, chart.alt):
        assert text.endswith(".")
        assert not any(word in text for word in ("nan", "None", "–", "array", "np."))
    content = json.loads(chart.figure.to_json())
    assert set(colours(content)) <= set(theme.dark_colours())


@pytest.mark.parametrize("name", ["overfitting", "wild-curve-l2", "momentum", "dropout"])
def test_every_position_of_a_slider_fits_its_traces(charts: dict[str, Chart], name: str) -> None:
    figure = charts[name].figure
    assert figure is not None
    for slider in figure.layout.sliders:
        assert len(slider.steps) > 1
        for step in slider.steps:
            settings, traces = step.args
            assert all(len(values) == len(traces) for values in settings.values())
            assert max(traces) < len(figure.data)
        settings, traces = slider.steps[slider.active].args
        for trace, x in zip(traces, settings.get("x", []), strict=False):
            assert list(figure.data[trace].x) == list(x)


def test_the_polynomial_slider_draws_every_degree(overfitted: Overfitting) -> None:
    figure = polynomial_fits(overfitted).figure
    assert figure is not None
    grid = np.linspace(-1, 1, 241)
    for fit, step in zip(overfitted.fits, figure.layout.sliders[0].steps, strict=True):
        settings = step.args[0]
        assert step.label == str(fit.degree)
        np.testing.assert_allclose(settings["y"][0], fit.values(grid), atol=6e-5)
        np.testing.assert_allclose(settings["y"][1], [max(fit.training, 1e-4), fit.fresh])
    sentence = polynomial_fits(overfitted).sentence
    assert "training error is 0" in sentence
    assert f"{overfitted.fit(10).fresh:.2f}" in sentence


def test_the_wild_slider_draws_every_strength(calmed: WildCurve) -> None:
    figure = calmed_curve(calmed).figure
    assert figure is not None
    steps = figure.layout.sliders[0].steps
    assert [step.label for step in steps] == ["0", "0.001", "0.1"]
    for curve, training, truth, step in zip(calmed.curves, calmed.training, calmed.truth, steps, strict=True):
        np.testing.assert_allclose(step.args[0]["y"][0], curve, atol=6e-5)
        np.testing.assert_allclose(step.args[0]["y"][1], [training, truth])


def test_the_sliders_of_the_ravine_work_together(ravine: MomentumGrid) -> None:
    figure = momentum_in_bowl(ravine).figure
    assert figure is not None
    rates, momenta = figure.layout.sliders
    assert [step.label for step in momenta.steps] == ["0", "0.5", "0.9"]
    for place, step in enumerate(momenta.steps):
        shown = [i for i, visible in enumerate(step.args[0]["visible"][::2]) if visible]
        assert shown == sorted({0, place})
    for j, step in enumerate(rates.steps):
        for i in range(3):
            # What runs far out of the picture is cut.
            points = np.column_stack([step.args[0]["x"][2 * i], step.args[0]["y"][2 * i]])
            np.testing.assert_allclose(points, ravine.points[i, j, : len(points)], rtol=1e-3, atol=1e-12)
        lost = [beta for beta, limit in zip((0, 0.5, 0.9), ravine.critical, strict=True)
                if ravine.rates[j] > limit]  # fmt: skip
        assert ("diverges" in step.label) == bool(lost)
        assert all(f"{beta:g}" in step.label for beta in lost)


def test_a_dropped_unit_is_hollow_and_has_no_connection() -> None:
    found = DropoutDraws((1, 2, 1), 0.5, 2.0, (np.array([[True, False]]),), np.array([2]), 4)
    figure = dropped_network(found).figure
    assert figure is not None
    first, predicting = figure.layout.sliders[0].steps
    on, off = first.args[0]["y"][1:]
    assert sorted(on) == [0.0, 0.0, 0.5]
    assert off == [-0.5]
    assert [y for y in first.args[0]["y"][0] if y is not None].count(0.5) == 2
    assert -0.5 not in first.args[0]["y"][0]
    assert predicting.label == "predicting"
    assert predicting.args[0]["y"][2] == []


def test_sentences_say_who_was_ahead(regularized: Regularizers, sparse: SparseRace) -> None:
    means = {treatment.name: treatment.test.mean() for treatment in regularized.treatments}
    names = {"none": "nothing", "l2": "L2", "noise": "Input noise", "early_stopping": "Early stopping"}
    best = min(means, key=lambda name: means[name])
    assert best != "none"
    assert f"{names[best]} does best on test rows" in regularizers_compared(regularized).sentence
    text = sparse_rules(sparse).sentence
    assert "Every adaptive rule is ahead of every other" in text
    turned = replace(
        sparse, entries=tuple(replace(entry, adaptive=not entry.adaptive) for entry in sparse.entries)
    )
    assert "overlap" in sparse_rules(turned).sentence


def test_the_stop_is_marked_and_what_followed_is_said() -> None:
    run = stopped_run()
    chart = stopped_curves(run)
    assert chart.figure is not None
    assert [shape.x0 for shape in chart.figure.layout.shapes] == [2, 4]
    assert "best at epoch 2, 0.25" in chart.sentence
    assert "training stops, at epoch 4" in chart.sentence
    run.record.stopping.stopped, run.record.stopping.stop_epoch = False, None
    assert stopped_curves(run).figure is None


def test_shares_of_seeds_stand_under_their_widths(students: WidthLosses) -> None:
    figure = losses_by_width(replace(students, losses=np.array([[0.5, 0.4], [0.001, 0.02]]))).figure
    assert figure is not None
    assert [text.split("<br>")[0] for text in figure.layout.xaxis.ticktext] == ["1", "8"]
    assert [text.split("<br>")[1][:2].strip("\u202f") for text in figure.layout.xaxis.ticktext] == ["0", "50"]


def test_losses_that_lie_far_apart_are_escapes_by_noise_alone() -> None:
    sentence = escape_shares(escapes((1, 256), runs=5, steps=200)).sentence
    assert " 0\u202f% with batches of 256, the exact gradient" in sentence
