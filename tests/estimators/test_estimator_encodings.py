"""Encodings of inputs in the estimators: against NumPy and the engine, alone and in company."""

from __future__ import annotations

import pickle
import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from couloir.data.encodings.neighbours import Neighbours
from couloir.data.preparation import Preparation
from couloir.engine.epochs import Part, TrainingData
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.training import train_population
from couloir.errors import InputError
from couloir.estimators import CouloirClassifier, CouloirRegressor, PopulationSearchCV, fitting
from couloir.model.predictor import scaled
from couloir.options import ENCODINGS

SMALL: dict[str, Any] = {
    "optimizer": "adam",
    "learning_rate": 0.01,
    "hidden": (4,),
    "epochs": 6,
    "batch_size": 32,
    "precision": "float64",
    "random_state": 0,
}
COMPARED = [name for name in ENCODINGS if name.endswith("+neighbours")]
ALL = [name for name in ENCODINGS if name not in COMPARED]
END = norm.ppf(1 - (1e-7 - np.spacing(1)))
PLAIN = ("standard", "robust")
"""Encodings of as many features: a network that has learnt with one would fit the other's inputs."""

FULL: dict[str, Any] = {"batch_size": 500, "patience": None, "validation_fraction": None}
"""One batch of all rows: epochs are then the same whatever the order that their rows are drawn in."""


@pytest.fixture(scope="module")
def wine() -> tuple[np.ndarray, np.ndarray]:
    return load_wine(return_X_y=True)


@pytest.fixture(scope="module")
def halves(wine: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from, and rows to judge by."""
    order = np.random.default_rng(0).permutation(len(wine[1]))
    return order[:120], order[120:]


def classifier(encoding: Any, **changes: Any) -> CouloirClassifier:
    return CouloirClassifier(**{**SMALL, "encoding": encoding, **changes})


def regressor(encoding: Any, **changes: Any) -> CouloirRegressor:
    return CouloirRegressor(**{**SMALL, "encoding": encoding, **changes})


def by_hand(encoding: str, known: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The inputs that an encoding makes of numbers [sample, column], none missing, of the rows known."""
    bins = min(max(1000 // known.shape[1] - 2, 4), 48)
    features = []
    for first, cells in zip(known.T, np.clip(rows, known.min(axis=0), known.max(axis=0)).T, strict=True):
        if encoding == "quantile":
            order, known_at = np.unique(np.sort(first), return_inverse=True)
            ranks = np.array([np.flatnonzero(known_at == place).mean() for place in range(len(order))])
            features.append(np.interp(cells, order, np.clip(norm.ppf(ranks / (len(first) - 1)), -END, END)))
            continue
        if encoding in ("robust", "periodic"):
            low, middle, high = np.quantile(first, [0.25, 0.5, 0.75])
            number = (cells - middle) / (high - low)
            number /= np.sqrt(1 + (number / 3) ** 2)
            features.append(number)
            for turns in (1 / 8, 1 / 4, 1 / 2, 1, 2, 4) if encoding == "periodic" else ():
                features += [np.sin(2 * np.pi * turns * number), np.cos(2 * np.pi * turns * number)]
            continue
        features.append((cells - first.mean()) / first.std())
        if encoding in ("piecewise", "target"):
            edges = np.unique(np.quantile(first, np.arange(bins + 1) / bins))
            features += [np.clip((cells - a) / (b - a), 0, 1) for a, b in pairwise(edges)]
    return np.stack(features, axis=1)


def losses(model: Any) -> dict[str, float]:
    """The members' losses where they are chosen, by their encodings."""
    return dict(model.leaderboard_.select("encoding", "validation_loss").iter_rows())


def same_network(model: Any, layers: Any) -> None:
    for (weight, bias), layer in zip(model.layers, layers, strict=True):
        np.testing.assert_allclose(weight, layer.weight, rtol=1e-7, atol=1e-10)
        np.testing.assert_allclose(bias, layer.bias, rtol=1e-7, atol=1e-10)


# One fit --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ALL)
def test_a_network_is_that_of_inputs_made_by_hand(encoding: str, wine: Any, halves: Any) -> None:
    (X, y), (here, there) = wine, halves
    model = classifier(encoding).fit(X[here], y[here], validation=(X[there], y[there]))
    data = TrainingData(
        "classification",
        3,
        Part(by_hand(encoding, X[here], X[here]), y[here]),
        Part(by_hand(encoding, X[here], X[there]), y[there]),
    )
    member = Member(RULES["adam"], 0.01, hidden=(4,), batch_size=32, epochs=6)
    expected = train_population([member], data, precision="float64").outcomes[0]
    same_network(model.model_, expected.network)
    assert model.winner_["encoding"] == encoding
    inputs = by_hand(encoding, X[here], X)
    np.testing.assert_allclose(model.predict_proba(X), model.model_.predict_prepared(inputs), rtol=1e-9)


@pytest.mark.parametrize("encoding", COMPARED)
def test_rows_that_are_learnt_from_are_compared_with_the_others(
    encoding: str, wine: Any, halves: Any
) -> None:
    (X, y), (here, there) = wine, halves
    model = classifier(encoding).fit(X[here], y[here], validation=(X[there], y[there]))
    known, asked = (by_hand("robust", X[here], X[rows]) for rows in (here, there))
    neighbours = Neighbours.fit(known, np.eye(3)[y[here]])
    base, task = encoding.removesuffix("+neighbours"), "classification"
    inputs = [
        np.hstack([by_hand(base, X[here], X[rows]), near])
        for rows, near in ((here, neighbours.of_learnt(known)), (there, neighbours.of(asked)))
    ]
    data = TrainingData(task, 3, Part(inputs[0], y[here]), Part(inputs[1], y[there]))
    member = Member(RULES["adam"], 0.01, hidden=(4,), batch_size=32, epochs=6)
    expected = train_population([member], data, precision="float64").outcomes[0]
    for (weight, bias), layer in zip(model.model_.layers, expected.network, strict=True):
        # The rows that others are compared with are kept in single precision.
        np.testing.assert_allclose(weight, layer.weight, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(bias, layer.bias, rtol=1e-5, atol=1e-5)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_a_stream_keeps_no_rows_to_compare_others_with(wine: Any) -> None:
    with pytest.raises(InputError, match="which partial_fit does not keep: give another encoding"):
        classifier(["robust", COMPARED[0]]).partial_fit(*wine, classes=[0, 1, 2])


def test_company_does_not_matter(wine: Any) -> None:
    X, y = wine
    together = classifier(ALL).fit(X, y)
    alone = {name: classifier(name).fit(X, y) for name in ALL}
    assert together.leaderboard_["encoding"].sort().to_list() == sorted(ALL)
    for row in together.leaderboard_.iter_rows(named=True):
        (own,) = alone[row["encoding"]].leaderboard_.iter_rows(named=True)
        for name in row.keys() - {"member", "rank"}:
            same = pytest.approx(row[name], rel=1e-9) if isinstance(row[name], float) else row[name]
            assert own[name] == same, name
    best = min(ALL, key=lambda name: alone[name].winner_["score"])
    assert together.winner_["encoding"] == best == together.model_.preparation.encoding
    np.testing.assert_allclose(together.predict_proba(X), alone[best].predict_proba(X), rtol=1e-9)


def test_a_table_in_several_encodings() -> None:
    generator = np.random.default_rng(0)
    age = np.where(generator.random(150) < 0.2, np.nan, generator.uniform(1, 80, 150))
    frame = pd.DataFrame({"port": generator.choice(["Cork", "Dover", "Nice"], 150), "age": age})
    late = np.where((age > 30) & (age < 50), "late", "in time")
    model = classifier(ALL, hidden=(), epochs=40, learning_rate=0.03).fit(frame, late)
    assert model.winner_["encoding"] == "piecewise", "no line tells the middle"
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(frame), model.predict_proba(frame))
    kinds = [each.raw_kinds for each in model._preparations.values()]
    assert kinds == [kinds[0]] * len(ALL), "what reads rows for one reads them for all"


def test_texts_that_are_left_out_are_told_once() -> None:
    frame = pd.DataFrame({"note": [f"note {n} of many" for n in range(150)], "x": np.arange(150.0)})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier(ALL, epochs=1).fit(frame, np.arange(150) % 2)
    assert sum("too many different texts" in str(each.message) for each in caught) == 1


def test_it_is_an_argument_like_others(wine: Any) -> None:
    model = classifier(ALL)
    assert model.get_params()["encoding"] == ALL
    assert clone(model).get_params()["encoding"] == ALL
    assert CouloirRegressor().encoding == "standard"
    assert model.set_params(encoding="robust").fit(*wine).winner_["encoding"] == "robust"
    with pytest.raises(InputError, match="encoding 'piecwise': did you mean 'piecewise'"):
        model.set_params(encoding="piecwise").fit(*wine)


# What a fit keeps -----------------------------------------------------------------------------------------


def test_an_average_over_encodings(wine: Any) -> None:
    X, y = wine
    model = classifier(ALL, learning_rate=[0.003, 0.03], ensemble=6).fit(X, y, validation=0.5)
    networks = model.model_.networks
    assert len({each.preparation.encoding for each in networks}) > 1, "the case shows nothing"
    answers = [each.predict_prepared(each.preparation.inputs(X, np.float64)) for each in networks]
    mean = np.tensordot(model.model_.weights, answers, axes=1)
    np.testing.assert_allclose(model.predict_proba(X), scaled(mean, model.model_.temperature), rtol=1e-9)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


def test_an_average_over_encodings_of_several_outputs() -> None:
    X, y = load_diabetes(return_X_y=True)
    model = regressor(ALL, ensemble=3).fit(X, np.column_stack([y, -2 * y]), validation=0.4)
    networks = model.model_.networks
    assert len({each.preparation.encoding for each in networks}) > 1, "the case shows nothing"
    answers = [each.outputs(each.preparation.inputs(X, np.float64)) for each in networks]
    np.testing.assert_allclose(model.predict(X), np.tensordot(model.model_.weights, answers, axes=1))


def test_a_refit_reads_all_rows_in_the_winner_s_encoding(wine: Any) -> None:
    X, y = wine
    plain = classifier(ALL).fit(X, y)
    model = clone(plain).set_params(refit=True).fit(X, y)
    encoding = plain.winner_["encoding"]
    assert model.winner_ == plain.winner_
    data = TrainingData("classification", 3, Part(by_hand(encoding, X, X), y), None)
    member = Member(RULES["adam"], 0.01, hidden=(4,), batch_size=32, epochs=6)
    epochs = plain.winner_["best_epoch"]
    again = train_population([member], data, epochs=epochs, patience=None, precision="float64").outcomes[0]
    same_network(model.model_, again.network)
    assert model.model_.preparation.encoding == encoding


# Going on -------------------------------------------------------------------------------------------------


def test_a_warm_start_goes_on_in_each_encoding(wine: Any) -> None:
    X, y = wine
    whole = classifier(ALL, **FULL, epochs=3).set_params(optimizer="sgd").fit(X, y)
    parts = classifier(ALL, **FULL, epochs=1, warm_start=True).set_params(optimizer="sgd")
    for _ in range(3):
        parts = pickle.loads(pickle.dumps(parts.fit(X, y)))
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), rtol=1e-9)
    assert losses(parts) == pytest.approx(losses(whole), rel=1e-9)


@pytest.mark.parametrize(("before", "now"), [(PLAIN, PLAIN[::-1]), ("standard", "robust")])
def test_networks_do_not_go_on_in_another_encoding(before: Any, now: Any, wine: Any) -> None:
    warm = classifier(before, warm_start=True, epochs=1).fit(*wine)
    with pytest.raises(InputError, match=r"Member 0 is to read the encoding 'robust'.* from 'standard'"):
        warm.set_params(encoding=now).fit(*wine)
    stream = classifier(before).partial_fit(*wine, classes=[0, 1, 2])
    with pytest.raises(InputError, match="encoding"):
        stream.set_params(encoding=now).partial_fit(*wine)
    stream.set_params(encoding=before).partial_fit(*wine)


def test_a_stream_in_each_encoding_goes_through_epochs(wine: Any) -> None:
    X, y = wine
    whole = classifier(ALL, **FULL, epochs=4).fit(X, y)
    parts = classifier(ALL, **FULL)
    for _ in range(4):
        parts = pickle.loads(pickle.dumps(parts.partial_fit(X, y, classes=[0, 1, 2])))
    assert losses(parts) == pytest.approx(losses(whole), rel=1e-9)


def test_a_stream_is_chosen_by_rows_that_each_read_in_its_encoding(wine: Any) -> None:
    """After the second call: who answered its rows best, before learning from them."""
    X, y = wine
    together = classifier(ALL, learning_rate=0.03)
    alone = {name: classifier(name, learning_rate=0.03) for name in ALL}
    order = np.random.default_rng(1).permutation(len(y))
    for rows in (order[:100], order[100:]):
        if hasattr(together, "model_"):
            costs = {n: -np.log(m.predict_proba(X[rows])[np.arange(78), y[rows]]) for n, m in alone.items()}
        for model in (together, *alone.values()):
            model.partial_fit(X[rows], y[rows], classes=[0, 1, 2])
    means = {name: float(each.mean()) for name, each in costs.items()}
    best = min(means, key=lambda name: means[name])
    assert together.winner_["encoding"] == best
    np.testing.assert_allclose(together.predict_proba(X), alone[best].predict_proba(X), rtol=1e-9)
    found = dict(zip(ALL, together._stream["before"].tolist(), strict=True))
    assert found == pytest.approx(means, rel=1e-9)


def test_a_stream_goes_on_from_fit_where_the_encoding_is_the_winner_s(wine: Any) -> None:
    X, y = wine
    fitted = classifier(PLAIN, **FULL, epochs=5, optimizer="sgd").fit(X, y)
    own = fitted.winner_["encoding"]
    longer = classifier(own, **FULL, epochs=6, optimizer="sgd").fit(X, y)
    other = PLAIN[own == PLAIN[0]]
    afresh = classifier(other, **FULL, epochs=1, optimizer="sgd").fit(X, y)
    fitted.partial_fit(X, y)
    assert losses(fitted) == pytest.approx(losses(longer) | losses(afresh), rel=1e-9)
    with pytest.raises(InputError, match=r"'piecewise' is none of those .* \(standard, robust\)"):
        classifier(PLAIN, epochs=1).fit(X, y).set_params(encoding="piecewise").partial_fit(X, y)


@pytest.mark.parametrize("how", ["partial_fit", "warm_start"])
def test_going_on_every_encoding_is_widened(how: str) -> None:
    X = np.linspace(0, 1, 64)[:, None]
    model = regressor(ALL, warm_start=how == "warm_start", validation_fraction=None)
    learn = model.fit if how == "warm_start" else model.partial_fit
    learn(X, X[:, 0])
    edges = model._preparations["piecewise"].columns[0].edges
    learn(-10 * X, -10 * X[:, 0])
    ends = {name: (each.columns[0].low, each.columns[0].high) for name, each in model._preparations.items()}
    assert ends == dict.fromkeys(ALL, (-10.0, 1.0))
    assert model._preparations["piecewise"].columns[0].edges == edges, "networks have learnt with these"
    assert model.model_.preparation is model._preparations[model.winner_["encoding"]]


# What is fitted to what -----------------------------------------------------------------------------------


class Fits:
    """Notes which rows, told by their first column, each preparation is fitted to."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[str, frozenset[float]]] = []
        fit = Preparation.fit

        def noting(dataset: Any, rows: np.ndarray, encoding: str = "standard", *others: Any) -> Preparation:
            self.seen.append((encoding, frozenset(dataset.features[rows, 0].tolist())))
            return fit(dataset, rows, encoding, *others)

        patch.setattr(Preparation, "fit", noting)


def numbered(wine: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.column_stack([np.arange(len(wine[1]), dtype=float), wine[0]]), wine[1]


def test_validation_rows_are_fitted_to_by_nobody(
    wine: Any, halves: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (X, y), (here, there) = numbered(wine), halves
    fits = Fits(monkeypatch)
    absurd = 1000 * X[there] - 7
    models = [
        classifier(ALL, epochs=2, patience=None).fit(X[here], y[here], validation=(rows, y[there]))
        for rows in (X[there], absurd)
    ]
    assert fits.seen == [(name, frozenset(here.tolist())) for name in ALL] * 2
    plain, poisoned = models
    assert plain._preparations == poisoned._preparations
    assert losses(plain) != losses(poisoned), "the poison shows where they are judged"
    fits.seen.clear()
    classifier(ALL, epochs=1).fit(X, y)
    assert [name for name, _ in fits.seen] == ALL
    assert {len(rows) for _, rows in fits.seen} == {len(y) - 27}, "15 % are held out"


def test_each_fold_of_a_search_is_prepared_once_in_each_encoding(
    wine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = numbered(wine)
    fits = Fits(monkeypatch)
    grid = {"encoding": [*ALL, list(PLAIN)], "l2": [0.0, 0.01]}
    network = classifier("standard", epochs=1, validation_fraction=None)
    PopulationSearchCV(network, grid, cv=3, refit=False).fit(X, y)
    splits = [train for train, _ in StratifiedKFold(3).split(X, y)]
    expected = [(name, frozenset(rows.tolist())) for rows in splits for name in ALL]
    assert sorted(fits.seen, key=str) == sorted(expected, key=str)


# In place of GridSearchCV ---------------------------------------------------------------------------------


def test_a_grid_over_encodings_gives_what_grid_search_gives(wine: Any) -> None:
    X, y = wine
    grid = {"encoding": ["robust", "piecewise", ["standard", "robust"]]}
    words: dict[str, Any] = {"cv": 2, "scoring": "neg_log_loss", "return_train_score": True}
    ours = PopulationSearchCV(classifier("standard"), grid, **words).fit(X, y)
    theirs = GridSearchCV(classifier("standard"), grid, **words).fit(X, y)
    for name in ("mean_test_score", "split0_test_score", "split1_test_score", "mean_train_score"):
        np.testing.assert_allclose(ours.cv_results_[name], theirs.cv_results_[name], rtol=1e-9)
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-9)


def test_a_grid_over_encodings_of_a_pipeline_s_last_step(wine: Any) -> None:
    X, y = wine
    pipe = Pipeline([("scale", StandardScaler()), ("network", regressor("standard", ensemble=2))])
    grid = {"network__encoding": ["piecewise", ALL], "network__refit": [False]}
    ours = PopulationSearchCV(pipe, grid, cv=2, refit=False).fit(X, y.astype(float))
    theirs = GridSearchCV(pipe, grid, cv=2, refit=False).fit(X, y.astype(float))
    scores = "mean_test_score"
    np.testing.assert_allclose(ours.cv_results_[scores], theirs.cv_results_[scores], rtol=1e-6)


def test_a_checkpoint_tells_encodings_apart(wine: Any, tmp_path: Any) -> None:
    def scores(encoding: str) -> Any:
        grid = {"encoding": [encoding]}
        words: dict[str, Any] = {"cv": 2, "scoring": "neg_log_loss", "refit": False, "checkpoint": tmp_path}
        return PopulationSearchCV(classifier("standard"), grid, **words).fit(*wine).cv_results_

    found = {name: scores(name)["mean_test_score"][0] for name in ALL}
    # Without categories "target" is "piecewise".
    assert len(set(found.values())) == len(ALL) - 1
    assert found == {name: scores(name)["mean_test_score"][0] for name in ALL}
    assert len(list(tmp_path.glob("*.json"))) == len(ALL)


# Means of the target --------------------------------------------------------------------------------------


def towns() -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of forty towns, on which the target depends."""
    generator = np.random.default_rng(0)
    town = generator.integers(0, 40, 600)
    frame = pd.DataFrame({"town": [f"town {number}" for number in town], "x": generator.normal(size=600)})
    return frame, generator.normal(size=40)[town] + generator.normal(size=600)


def trained_on(model: Any, X: Any, y: Any, monkeypatch: pytest.MonkeyPatch, call: str = "fit") -> np.ndarray:
    """The inputs that the first network of a call learns from."""
    seen: list[np.ndarray] = []
    make = fitting.training_data

    def noting(*given: Any, **words: Any) -> Any:
        data = make(*given, **words)
        seen.append(next(iter(data.values())).train.inputs)
        return data

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "training_data", noting)
        getattr(model, call)(X, y)
    return seen[0]


def test_no_row_is_learnt_from_with_a_mean_of_its_own_target(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = towns()
    model = regressor("target", epochs=1, validation_fraction=None)
    before = trained_on(model, X, y, monkeypatch)
    place = model.model_.preparation.feature_slices["town"]
    y[123] += 1000
    after = trained_on(clone(model), X, y, monkeypatch)
    assert np.array_equal(after[123], before[123])
    assert not np.array_equal(after[:, place], before[:, place])
    model.fit(X, y)
    assert not np.array_equal(model.model_.preparation.inputs(pl.from_pandas(X)), after)


def test_a_stream_reads_rows_that_come_later_by_the_means_of_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, y = towns()
    model = regressor("target", epochs=1)
    first = trained_on(model, X[:400], y[:400], monkeypatch, "partial_fit")
    later = trained_on(model, X[400:], y[400:], monkeypatch, "partial_fit")
    preparation = model.model_.preparation
    assert np.array_equal(later, preparation.inputs(pl.from_pandas(X[400:]), np.float64))
    assert not np.array_equal(first, preparation.inputs(pl.from_pandas(X[:400]), np.float64))


def test_several_outputs_have_a_mean_each_and_classes_that_are_not_there_none_but_zeros() -> None:
    X, y = towns()
    model = regressor("target", epochs=1).fit(X, np.column_stack([y, -y, y**2]))
    names = model.model_.preparation.feature_names
    assert names[:3] == ("town target mean 1", "town target mean 2", "town target mean 3")
    assert np.isfinite(model.predict(X)).all()
    stream = classifier("target", epochs=1).partial_fit(X, (y > 0).astype(int), classes=[0, 1, 2])
    columns = stream.model_.preparation.columns[0]
    assert len(columns.means[0]) == 3
    assert not np.array(columns.means)[:, 2].any()
    assert np.isfinite(stream.predict_proba(X)).all()
