"""The estimators against scikit-learn's metrics, plain NumPy, and the engine that they are built on."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import optax
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from couloir.engine.optimizers import RULES, from_optax
from couloir.errors import InputError
from couloir.estimators import CouloirClassifier, CouloirRegressor
from couloir.estimators.streams import FORGETTING

QUICK: dict[str, Any] = {
    "optimizer": "adam",
    "learning_rate": [0.003, 0.03],
    "hidden": (8,),
    "epochs": 15,
    "batch_size": 32,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def iris() -> tuple[np.ndarray, np.ndarray]:
    return load_iris(return_X_y=True)


def classifier(**changes: Any) -> CouloirClassifier:
    return CouloirClassifier(**{**QUICK, **changes})


def regressor(**changes: Any) -> CouloirRegressor:
    return CouloirRegressor(**{**QUICK, **changes})


def by_hand(network: Any, inputs: np.ndarray) -> np.ndarray:
    """What a network of relu units answers, [sample, output]."""
    *hidden, last = network
    signal = inputs
    for weight, bias in hidden:
        signal = np.maximum(signal @ weight.T + bias, 0)
    return signal @ last[0].T + last[1]


# Fitting and predicting -----------------------------------------------------------------------------------


def test_a_classifier_learns_and_tells_what_it_did(iris: Any) -> None:
    X, y = iris
    labels = np.array(["setosa", "versicolor", "virginica"])[y]
    model = classifier().fit(X, labels)
    assert model.score(X, labels) > 0.9
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert model.n_features_in_ == 4
    assert len(model.loss_curve_) == len(model.validation_curve_) == model.n_iter_ <= 15
    assert model.leaderboard_.height == 2
    assert model.winner_["learning_rate"] == model.leaderboard_["learning_rate"][0]
    assert model.winner_["score"] == model.validation_curve_[model.winner_["best_epoch"] - 1]


def test_probabilities_are_those_of_the_network(iris: Any) -> None:
    X, y = iris
    model = classifier(validation_fraction=None).fit(X, y)
    outputs = by_hand(model.model_.layers, (X - X.mean(axis=0)) / X.std(axis=0))
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-12)
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(expected), atol=1e-9)


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_several_outputs_each_in_its_own_units(scale: float) -> None:
    generator = np.random.default_rng(0)
    X = generator.normal(size=(200, 2))
    y = np.column_stack([X[:, 0] + 1000, scale * (X[:, 1] - X[:, 0])])
    model = regressor(epochs=60, patience=None, learning_rate=0.03, validation_fraction=None).fit(X, y)
    assert model.n_outputs_ == 2
    by_layers = by_hand(model.model_.layers, (X - X.mean(axis=0)) / X.std(axis=0))
    np.testing.assert_allclose(model.predict(X), by_layers, rtol=1e-9)
    # The network itself learns, and answers, in standardised units.
    raw = clone(model).fit(X, (y - y.mean(axis=0)) / y.std(axis=0)).predict(X)
    np.testing.assert_allclose((model.predict(X) - y.mean(axis=0)) / y.std(axis=0), raw, rtol=1e-9, atol=1e-9)
    shares = ((model.predict(X) - y) ** 2).mean(axis=0) / y.var(axis=0)
    assert (shares < 0.05).all()
    # The curve is the mean over the outputs, in squared target units.
    assert model.loss_curve_[-1] == pytest.approx(model.validation_curve_[-1])


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_losses_of_regression(loss: str) -> None:
    X, y = load_diabetes(return_X_y=True)
    model = regressor(loss=loss, epochs=30).fit(X, y)
    assert model.winner_["loss"] == loss
    assert model.score(X, y) > 0.3
    assert model.predict(X).shape == y.shape


def test_an_explicit_validation_set_is_what_is_chosen_by(iris: Any) -> None:
    X, y = iris
    rows = np.random.default_rng(0).permutation(150)
    here, there = rows[:100], rows[100:]
    model = classifier(precision="float64").fit(X[here], y[here], validation=(X[there], y[there]))
    assert model.winner_["score"] == pytest.approx(
        log_loss(y[there], model.predict_proba(X[there])), rel=1e-9
    )
    assert model.winner_["score"] == min(model.validation_curve_)
    np.testing.assert_allclose([c.mean for c in model.model_.preparation.columns], X[here].mean(axis=0))


def test_the_validation_score_of_regression_is_in_target_units() -> None:
    X, y = load_diabetes(return_X_y=True)
    model = regressor(precision="float64").fit(X[:300], y[:300], validation=(X[300:], y[300:]))
    assert model.winner_["score"] == pytest.approx(
        mean_squared_error(y[300:], model.predict(X[300:])), rel=1e-9
    )


def test_a_fraction_for_validation_holds_each_class(iris: Any) -> None:
    X, y = iris
    model = classifier().fit(X, y, validation=0.2)
    assert set(np.unique(model.predict(X))) == {0, 1, 2}
    with pytest.raises(InputError, match="fraction between 0 and 1"):
        classifier().fit(X, y, validation=1.5)


def test_weights_of_classes_count_in_the_scores_too(iris: Any) -> None:
    X, y = iris
    rows = np.random.default_rng(1).permutation(150)
    here, there = rows[:100], rows[100:]
    heavy = {0: 1.0, 1: 1.0, 2: 20.0}
    model = classifier(precision="float64", class_weight=heavy)
    model.fit(X[here], y[here], validation=(X[there], y[there]))
    weights = np.array([heavy[label] for label in y[there]])
    expected = log_loss(y[there], model.predict_proba(X[there]), sample_weight=weights)
    assert model.winner_["score"] == pytest.approx(expected, rel=1e-9)
    plain = classifier(precision="float64").fit(X[here], y[here], validation=(X[there], y[there]))
    assert (model.predict(X) == 2).sum() > (plain.predict(X) == 2).sum()


def test_rows_of_weight_0_are_as_if_they_were_not_there(iris: Any) -> None:
    X, y = iris
    junk = np.vstack([X, np.full((30, 4), 1e3)])
    labels = np.concatenate([y, np.arange(30) % 3])
    weights = np.concatenate([np.full(150, 2.0), np.zeros(30)])
    weighted = classifier().fit(junk, labels, sample_weight=weights)
    plain = classifier().fit(X, y, sample_weight=np.full(150, 2.0))
    np.testing.assert_array_equal(weighted.predict_proba(X), plain.predict_proba(X))


def test_the_same_state_gives_the_same_model(iris: Any) -> None:
    X, y = iris
    first = classifier().fit(X, y)
    again = clone(first).fit(X, y)
    other = classifier(random_state=1).fit(X, y)
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    assert not np.array_equal(first.predict_proba(X), other.predict_proba(X))
    with pytest.raises(InputError, match="random_state -1"):
        classifier(random_state=-1).fit(X, y)


def test_a_row_alone_is_answered_as_in_a_batch(iris: Any) -> None:
    X, y = iris
    model = classifier().fit(X, y)
    alone = np.vstack([model.predict_proba(row[None]) for row in X[:20]])
    np.testing.assert_allclose(alone, model.predict_proba(X)[:20], rtol=1e-12)


@pytest.mark.slow
def test_activations_of_each_hidden_layer(iris: Any) -> None:
    X, y = iris
    model = classifier(hidden=(7, 6), activation=("relu", "tanh"), learning_rate=0.01).fit(X, y)
    assert model.get_params()["activation"] == ("relu", "tanh")
    assert model.winner_["activation"] == "relu-tanh"
    signal = model.model_.preparation.inputs(X, np.float64)
    (first, a), (second, b), (last, c) = model.model_.layers
    logits = np.tanh(np.maximum(signal @ first.T + a, 0) @ second.T + b) @ last.T + c
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), shares, rtol=1e-9)
    several = classifier(hidden=(7, 6), activation=[("relu", "tanh"), "elu"], learning_rate=0.01).fit(X, y)
    assert set(several.leaderboard_["activation"]) == {"relu-tanh", "elu"}
    model.partial_fit(X, y)
    assert model.winner_["activation"] == "relu-tanh"


@pytest.mark.slow
def test_an_average_is_no_worse_on_validation_than_the_winner(iris: Any) -> None:
    X, y = iris
    there = np.arange(150) % 3 == 0
    model = classifier(ensemble=2, activation=["relu", "tanh"]).fit(
        X[~there], y[~there], validation=(X[there], y[there])
    )
    assert log_loss(y[there], model.predict_proba(X[there])) <= model.winner_["score"] + 1e-6
    assert 1 <= len(model.model_.networks) <= 2
    np.testing.assert_allclose(model.predict_proba(X), model.model_.probabilities(X), atol=1e-12)


def test_an_average_of_networks_with_several_outputs() -> None:
    X, y = load_diabetes(return_X_y=True)
    both = np.column_stack([y, -2 * y])
    model = regressor(ensemble=2).fit(X, both)
    expected = sum(
        weight * network.outputs(model.model_.preparation.inputs(X, np.float64))
        for network, weight in zip(model.model_.networks, model.model_.weights, strict=True)
    )
    np.testing.assert_allclose(model.predict(X), expected)


def test_a_refit_learns_from_all_rows(iris: Any) -> None:
    X, y = iris
    model = classifier(refit=True).fit(X, y)
    np.testing.assert_allclose([column.mean for column in model.model_.preparation.columns], X.mean(axis=0))
    assert model.score(X, y) > 0.9


def test_time_is_limited(iris: Any) -> None:
    X, y = iris
    model = classifier(minutes=1e-9).fit(X, y)
    assert model.n_iter_ == 1


# What is handed over as X ---------------------------------------------------------------------------------


def table(rows: int = 120) -> tuple[pd.DataFrame, np.ndarray]:
    generator = np.random.default_rng(0)
    port = generator.choice(["Cork", "Dover", "Nice"], rows)
    age = np.where(generator.random(rows) < 0.2, np.nan, generator.uniform(1, 80, rows))
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.integers(0, 90, rows), unit="D")
    frame = pd.DataFrame({"port": pd.Categorical(port), "age": age, "day": day, "member": age > 40})
    return frame, np.where((port == "Nice") ^ (generator.random(rows) < 0.05), "late", "early")


def test_frames_with_categories_dates_and_gaps_are_taken_as_they_are() -> None:
    frame, target = table()
    frame.loc[3, "port"] = np.nan
    model = classifier(epochs=40).fit(frame, target)
    assert model.score(frame, target) > 0.85
    assert model.feature_names_in_.tolist() == ["port", "age", "day", "member"]
    columns = {name: frame[name].tolist() for name in frame.columns}
    columns["port"][3] = None
    polars = pl.DataFrame(columns).with_columns(pl.col("age").fill_nan(None))
    same = classifier(epochs=40).fit(polars, target)
    np.testing.assert_allclose(same.predict_proba(polars), model.predict_proba(frame), atol=1e-9)
    for other in (polars.lazy(), polars.to_arrow()):
        np.testing.assert_array_equal(same.predict_proba(other), same.predict_proba(polars))
    unseen = frame.head(2).assign(port=["Rome", "Cork"])
    assert np.isfinite(model.predict_proba(unseen)).all()


def test_a_frame_has_to_have_the_same_columns() -> None:
    frame, target = table()
    model = classifier(epochs=2).fit(frame, target)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["age", "port", "day", "member"]])
    with pytest.raises(InputError, match="give a pandas or Polars frame"):
        model.predict(np.zeros((2, 4)))


def test_missing_numbers_are_allowed_and_tagged_so(iris: Any) -> None:
    X, y = iris
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    model = classifier().fit(holes, y)
    assert model.score(holes, y) > 0.8
    assert model.__sklearn_tags__().input_tags.allow_nan
    assert np.isfinite(model.predict_proba(np.full((1, 4), np.nan))).all()


def test_sparse_rows_are_as_dense_ones(iris: Any) -> None:
    X, y = iris
    sparse = scipy.sparse.csr_array(np.where(X < 1, 0, X))
    model, dense = classifier().fit(sparse, y), classifier().fit(sparse.toarray(), y)
    np.testing.assert_array_equal(model.predict_proba(sparse), dense.predict_proba(sparse.toarray()))


def test_sparse_rows_beyond_the_memory_are_refused() -> None:
    huge = scipy.sparse.csr_array((10_000_000, 1_000_000), dtype=np.float64)
    with pytest.raises(InputError, match="TruncatedSVD"):
        regressor().fit(huge, np.zeros(10_000_000))


def test_bad_arguments_are_told_at_fit(iris: Any) -> None:
    X, y = iris
    for changes, words in [
        ({"optimizer": "adma"}, "did you mean 'adam'"),
        ({"metric": "mse"}, "this is classification"),
        ({"batch_size": 0}, "batch size"),
        ({"refit": "yes"}, "True or False"),
        ({"refit": True, "ensemble": 3}, "not both"),
        ({"warm_start": "yes"}, "warm start is 'yes': give True or False"),
        ({"minutes": "1"}, "minutes '1'"),
        ({"patience": True}, "patience True"),
        ({"ensemble": True}, "ensemble True"),
        ({"optimizer": optax.lion}, "is a function: give its name"),
        ({"optimizer": optax.lion(0.1)}, "is a function: give its name"),
        ({"validation_fraction": 0.0}, "fraction between 0 and 1"),
        ({"learning_rate": 1e30, "optimizer": "sgd"}, "diverged"),
    ]:
        with pytest.raises(InputError, match=words):
            classifier(**changes).fit(X, y)
    with pytest.raises(InputError, match="not in classes_"):
        classifier().fit(X[:100], y[:100], validation=(X[100:], y[100:]))
    with pytest.raises(InputError, match=r"^The validation of type list cannot be used"):
        classifier().fit(X, y, validation=[X, y])
    with pytest.raises(ValueError, match="one class"):
        classifier().fit(X, np.zeros(150, int))


# Going on -------------------------------------------------------------------------------------------------

FULL: dict[str, Any] = {
    "precision": "float64",
    "batch_size": 200,
    "learning_rate": 0.03,
    "patience": None,
    "validation_fraction": None,
}
"""One batch of all rows: epochs are then the same whatever the order that their rows are drawn in."""


def test_a_warm_start_goes_on(iris: Any) -> None:
    X, y = iris
    whole = classifier(**FULL, epochs=3).set_params(optimizer="sgd").fit(X, y)
    parts = classifier(**FULL, epochs=1, warm_start=True).set_params(optimizer="sgd")
    for _ in range(3):
        parts.fit(X, y)
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), rtol=1e-9)
    with pytest.raises(ValueError, match="5 features"):
        parts.fit(np.zeros((150, 5)), y)


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_calls_of_partial_fit_are_epochs(iris: Any, rule: str) -> None:
    X, y = iris
    whole = classifier(**FULL, epochs=4).set_params(optimizer=rule).fit(X, y)
    parts = classifier(**FULL).set_params(optimizer=rule)
    for _ in range(4):
        parts = pickle.loads(pickle.dumps(parts.partial_fit(X, y, classes=[0, 1, 2])))
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), rtol=1e-9)
    assert parts.n_iter_ == 4


def test_partial_fit_goes_on_from_fit() -> None:
    X, y = load_diabetes(return_X_y=True)
    fitted = regressor(**FULL, epochs=5).set_params(optimizer="sgd").fit(X[:200], y[:200])
    longer = regressor(**FULL, epochs=6).set_params(optimizer="sgd").fit(X[:200], y[:200])
    np.testing.assert_allclose(fitted.partial_fit(X[:200], y[:200]).predict(X), longer.predict(X), rtol=1e-9)


def test_partial_fit_stops_by_validation_and_keeps_the_best(iris: Any) -> None:
    X, y = iris
    there = np.arange(150) % 3 == 0
    model = classifier(precision="float64", learning_rate=0.3, patience=2)
    for _ in range(30):
        model.partial_fit(X[~there], y[~there], classes=[0, 1, 2], validation=(X[there], y[there]))
    assert model.leaderboard_["status"].to_list() == ["stopped"]
    assert model.n_iter_ == model.winner_["best_epoch"] + 2 < 30
    assert min(model.validation_curve_) == pytest.approx(log_loss(y[there], model.predict_proba(X[there])))
    with pytest.raises(InputError, match="every call or with none"):
        model.partial_fit(X, y)


def test_a_stream_is_chosen_by_rows_not_yet_learnt_from(iris: Any) -> None:
    X, y = iris
    rates = [0.03, 0.3, 1.0]
    together, alone = classifier(learning_rate=rates), [classifier(learning_rate=rate) for rate in rates]
    losses: list[np.ndarray] = []
    learnt = []
    for part in np.random.default_rng(0).permutation(150).reshape(5, 30):

        def loss(model: CouloirClassifier, part: np.ndarray = part) -> float:
            return log_loss(y[part], model.predict_proba(X[part]), labels=[0, 1, 2])

        if learnt:
            before = np.array([loss(model) for model in alone])
            losses.append((1 - FORGETTING) * losses[-1] + FORGETTING * before if losses else before)
        for model in (together, *alone):
            model.partial_fit(X[part], y[part], classes=[0, 1, 2])
        learnt.append(rates[np.argmin([loss(model) for model in alone])])
        if losses:
            assert together.winner_["learning_rate"] == rates[losses[-1].argmin()]
    assert learnt[-1] != together.winner_["learning_rate"], "rows that were learnt from say something else"


@pytest.mark.parametrize("how", ["partial_fit", "warm_start"])
def test_going_on_numbers_may_lie_beyond_those_of_the_first_call(how: str) -> None:
    X = np.linspace(0, 1, 64)[:, None]
    model = regressor(warm_start=how == "warm_start", validation_fraction=None, learning_rate=0.03, epochs=2)
    learn = model.fit if how == "warm_start" else model.partial_fit
    learn(X, X[:, 0])
    assert np.diff(model.predict([[4.0], [8.0]])) == 0
    learn(-10 * X, -10 * X[:, 0])
    (column,) = model.model_.preparation.columns
    assert (column.low, column.high, column.mean) == (-10, 1, pytest.approx(0.5))
    assert np.diff(model.predict([[-8.0], [-4.0]])) != 0


def test_partial_fit_tells_what_it_needs(iris: Any) -> None:
    X, y = iris
    with pytest.raises(InputError, match="needs classes"):
        classifier().partial_fit(X, y)
    model = classifier().partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(InputError, match="not in classes_"):
        model.partial_fit(X, y + 1)
    with pytest.raises(InputError, match="make 1 members and made 2"):
        model.set_params(learning_rate=0.1).partial_fit(X, y)


# A good citizen -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_pickled_model_predicts_without_jax(iris: Any, tmp_path: Path) -> None:
    X, y = iris
    model = classifier().fit(X, y)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps((model, X)))
    code = (
        "import pickle, sys, pathlib\n"
        f"model, X = pickle.loads(pathlib.Path({str(tmp_path / 'model.pickle')!r}).read_bytes())\n"
        "print(model.predict_proba(X)[0].tolist(), 'jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{model.predict_proba(X)[0].tolist()} False"


@pytest.mark.slow
def test_an_estimator_with_rules_of_ones_own_can_be_pickled(iris: Any) -> None:
    X, y = iris
    assert [rule.name for rule in pickle.loads(pickle.dumps(list(RULES.values())))] == list(RULES)
    mine = from_optax("mine", optax.lion, learning_rate=1e-3, b1=0.8)
    model = pickle.loads(pickle.dumps(classifier(optimizer=mine, learning_rate=0.01, epochs=2).fit(X, y)))
    assert model.winner_["optimizer"] == "mine"
    again = pickle.loads(pickle.dumps(model)).partial_fit(X, y)
    assert model.n_iter_ == 2
    assert again.n_iter_ == 1


def test_metadata_is_routed(iris: Any) -> None:
    X, y = iris
    weights = np.where(y == 2, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scaler, classifier().set_fit_request(sample_weight=True))
        pipe.fit(X, y, sample_weight=weights)
    assert set(pipe.predict(X)) == {0, 1}


def test_it_is_shown_in_notebooks_and_named_by_what_was_changed() -> None:
    model = CouloirClassifier(optimizer="adam")
    assert repr(model) == "CouloirClassifier(optimizer='adam')"
    assert "CouloirClassifier" in model._repr_html_()
