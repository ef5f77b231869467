"""What `fit` does before training: read, divide, prepare, lay out the population."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from couloir import options
from couloir.data.division import take_rows
from couloir.data.encodings.target import responses_of
from couloir.data.preparation import Preparation
from couloir.engine import placement, seeds
from couloir.engine.epochs import Part, TrainingData
from couloir.engine.machine import Machine
from couloir.engine.member import Member
from couloir.engine.outcomes import Trained
from couloir.engine.training import Callback, train_population
from couloir.errors import InputError
from couloir.estimators.features import Features, fit_preparations, read_features, read_labels, read_values
from couloir.estimators.targets import Scaling, class_numbers
from couloir.selection.members import Options
from couloir.selection.portfolio import GRID, PORTFOLIO
from couloir.selection.problem import CONDITIONS, Conditions, chosen_metric
from couloir.selection.problem import predict as predict_cost


@dataclass(frozen=True)
class Rows:
    """Raw rows with their targets and weights, as read and checked.

    Attributes:
        features: raw rows.
        targets: class numbers [sample], or values [sample, output].
        weights: of the rows, above 0; None: all equal.
    """

    features: Features
    targets: np.ndarray
    weights: np.ndarray | None = None

    def some(self, rows: np.ndarray) -> Rows:
        """The rows of these numbers."""
        weights = None if self.weights is None else self.weights[rows]
        return Rows(self.features[rows], self.targets[rows], weights)


@dataclass(frozen=True)
class Prepared:
    """A fit that is ready to be trained.

    Attributes:
        rows: all rows that `fit` was given.
        held_out: whether the validation rows are some of these.
        truth: the validation rows' targets; empty without validation.
        preparations: fitted to the training rows, one for each encoding.
        scaling: of the targets, for regression.
        members: the population.
        metric: what members are stopped and chosen by.
        data: what they are trained on, for each encoding.
        seed, machine: the run seed, and what the training is laid out for.
        initial: layers (weight, bias) that each member starts from, for a warm start.
    """

    rows: Rows
    held_out: bool
    truth: np.ndarray
    preparations: Mapping[str, Preparation]
    scaling: Scaling | None
    members: list[Member]
    metric: str
    data: Mapping[str, TrainingData]
    seed: int
    machine: Machine
    initial: list[Any] | None = None


def prepare(
    estimator: Any, X: Any, y: Any, sample_weight: Any, validation: Any, encodings: Iterable[str] = ()
) -> Prepared:
    """Read what `fit` was given, divide it, and lay out the population.

    Args:
        estimator: whose `fit` it is.
        X, y, sample_weight, validation: as given.
        encodings: those to prepare rows in, besides those of its own members.

    Raises:
        ValueError: what scikit-learn raises for data that it cannot use.
        InputError: anything else that cannot be used.
    """
    conditions = conditions_of(estimator)
    warm = estimator.warm_start and hasattr(estimator, "_networks")
    rows, known, scaling = read(estimator, X, y, sample_weight, fresh=not warm)
    seed = estimator._seed if warm else seed_of(estimator.random_state)
    train_rows, judged = divided(estimator, rows, validation, seed)
    members = members_of(estimator, conditions)
    if warm:
        refuse_other_encodings(estimator, members)
    asked = dict.fromkeys((*encodings_of(members), *encodings))
    preparations, scaling = fitted(estimator, train_rows, asked, known, scaling)
    if isinstance(validation, tuple):
        judged = read_more(estimator, validation[0], validation[1], reader(preparations))
    estimator._seed = seed
    data = training_data(estimator, preparations, scaling, train_rows, judged)
    placement.check_memory(predict_cost(members, data, conditions.machine)[1])
    return Prepared(
        rows,
        judged is not None and not isinstance(validation, tuple),
        train_rows.targets[:0] if judged is None else judged.targets,
        preparations,
        scaling,
        members,
        chosen_metric(task_of(estimator), conditions.metric),
        data,
        seed,
        conditions.machine,
        estimator._networks if warm else None,
    )


def train(
    estimator: Any, members: Sequence[Member], folds: Sequence[Prepared], to_the_end: bool = False
) -> Trained:
    """Train members in one fold or several, as an estimator's arguments say; `to_the_end`: stop nobody."""
    return train_population(
        members,
        in_folds(folds),
        seed=[fold.seed for fold in folds],
        patience=estimator.patience,
        metric=folds[0].metric,
        on_epoch=deadline(estimator.minutes),
        precision=estimator.precision,
        initial=folds[0].initial,
        to_the_end=to_the_end,
        filled=True,
        machine=folds[0].machine,
    )


def in_folds(folds: Sequence[Prepared]) -> dict[str, list[TrainingData]]:
    """What is trained on in several folds, for each encoding, all of them prepared in the same."""
    return {name: [fold.data[name] for fold in folds] for name in folds[0].data}


CHECKED_FIRST = ("metric", "patience", "members", "minutes", "refit", "precision", "ensemble", "warm_start",
                 "plan", "effort")  # fmt: skip
"""Arguments that are checked before the data are looked at."""


def conditions_of(estimator: Any) -> Conditions:
    """The estimator's conditions of training, checked."""
    known = options.taken_by(options.FIT)
    given = {name: known[name].check_or_none(_plain(getattr(estimator, name))) for name in CHECKED_FIRST}
    if estimator.refit and estimator.ensemble:
        raise InputError("An average cannot be trained again on all rows: give refit or ensemble, not both.")
    if given["plan"] == GRID and given["effort"] != known["effort"].default:
        raise InputError("The effort says how much of the portfolio is trained: give plan='portfolio' too.")
    return Conditions(**{name: value for name, value in given.items() if name in CONDITIONS})


def members_of(estimator: Any, conditions: Conditions) -> list[Member]:
    """The population that the estimator's options make.

    Raises:
        InputError: they make none, for the portfolio is asked for: `fit` alone trains that.
    """
    if conditions.plan == PORTFOLIO:
        raise InputError(
            "The portfolio is trained by fit alone, in folds of its own: leave out its plan, or search with "
            "scikit-learn's GridSearchCV."
        )
    asked = Options(**{name: _plain(getattr(estimator, name)) for name in options.MEMBER})
    return asked.members(task_of(estimator), conditions.members)


def encodings_of(members: Iterable[Member]) -> list[str]:
    """The encodings that members read, each once."""
    return list(dict.fromkeys(member.encoding for member in members))


def refuse_other_encodings(estimator: Any, members: Sequence[Member]) -> None:
    """Raise where members would go on from networks that have learnt from inputs in other encodings."""
    for number, (member, before) in enumerate(zip(members, estimator._encodings, strict=False)):
        if member.encoding != before:
            raise InputError(
                f"Member {number} is to read the encoding '{member.encoding}', and its network has learnt "
                f"from '{before}': leave encoding as it was, or fit a new estimator."
            )


def task_of(estimator: Any) -> str:
    """Classification or regression."""
    return "classification" if estimator._classifies else "regression"


def _plain(value: Any) -> Any:
    """A NumPy whole number as Python's, as grids are made of them."""
    return int(value) if isinstance(value, np.integer) else value


def seed_of(random_state: Any) -> int:
    """The run seed: a whole number as it is, or one drawn from the generator given (None: NumPy's own)."""
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        if not 0 <= random_state < 2**32:
            raise InputError(
                f"The random_state {random_state} cannot be used: give a whole number from 0 to 2^32 - 1."
            )
        return int(random_state)
    from sklearn.utils import check_random_state

    return int(check_random_state(random_state).randint(2**31 - 1))


def read(
    estimator: Any, X: Any, y: Any, sample_weight: Any, *, fresh: bool, classes: Any = None
) -> tuple[Rows, Mapping[str, Preparation] | None, Scaling | None]:
    """X, y and weights, checked, rows of weight 0 left out; what a warm start goes on with, or None.

    Args:
        estimator: whose they are; gets `classes_`, `n_features_in_`, `n_outputs_`.
        X, y, sample_weight: as given.
        fresh: whether nothing is known from before.
        classes: all class labels, where y need not hold each; None: those of y.
    """
    from sklearn.utils.validation import check_consistent_length

    features = read_features(estimator, X, None if fresh else reader(estimator._preparations))
    given = read_labels(estimator, y) if estimator._classifies else read_values(estimator, y)
    check_consistent_length(features, given)
    if estimator._classifies:
        weights, estimator._class_weights = _weights(features, sample_weight, given, estimator.class_weight)
        if fresh:
            estimator.classes_ = np.unique(given if classes is None else classes)
        targets = class_numbers(given, estimator.classes_)
    else:
        weights, _ = _weights(features, sample_weight, None, None)
        if fresh:
            estimator.n_outputs_ = 1 if given.ndim == 1 else given.shape[1]
            estimator._one_dimensional = given.ndim == 1
        targets = _matrix(estimator, given)
    rows = Rows(features, targets, weights)
    if weights is not None and (weights == 0).any():
        rows = rows.some(np.flatnonzero(weights > 0))
    if classes is None and fresh:
        _refuse_little(estimator, rows)
    return rows, *((None, None) if fresh else (estimator._preparations, estimator._scaling))


def _matrix(estimator: Any, values: np.ndarray) -> np.ndarray:
    """Values as [sample, output]; an error for another number of outputs than before."""
    matrix = values.reshape(len(values), -1)
    if matrix.shape[1] != estimator.n_outputs_:
        raise InputError(
            f"y has {matrix.shape[1]} outputs and had {estimator.n_outputs_} before: "
            "give the same, or fit a new estimator."
        )
    return matrix


def _weights(
    features: Features, sample_weight: Any, labels: Any, class_weight: Any
) -> tuple[np.ndarray | None, dict[Any, float] | None]:
    """The rows' weights [sample] with those of their classes, and the latter by label; None: all equal."""
    from sklearn.utils.class_weight import compute_class_weight
    from sklearn.utils.validation import _check_sample_weight

    weights = None
    if sample_weight is not None:
        weights = _check_sample_weight(sample_weight, features, dtype=np.float64, ensure_non_negative=True)
    if class_weight is None:
        return weights, None
    classes, numbers = np.unique(labels, return_inverse=True)
    own = compute_class_weight(class_weight, classes=classes, y=labels, sample_weight=weights)
    each = own[numbers] if weights is None else weights * own[numbers]
    return each, dict(zip(classes.tolist(), own.tolist(), strict=True))


def _refuse_little(estimator: Any, rows: Rows) -> None:
    """Raise where one class, or one row, is left to learn from."""
    if estimator._classifies and len(np.unique(rows.targets)) < 2:
        raise InputError(
            "The target y has one class in the rows to learn from (those of sample_weight 0 are left out): "
            "give rows of two classes at least."
        )
    if len(rows.targets) < 2:
        raise InputError("There is 1 sample of a sample_weight above 0 to learn from: give at least 2.")


def divided(estimator: Any, rows: Rows, validation: Any, seed: int) -> tuple[Rows, Rows | None]:
    """Rows to learn from and, where they are not given apart, rows to judge by."""
    if isinstance(validation, tuple):
        if len(validation) != 2:
            raise InputError(
                f"The validation set is a tuple of {len(validation)}: give the pair (X, y), or a fraction."
            )
        return rows, None
    share = estimator.validation_fraction if validation is None else validation
    if share is None:
        return rows, None
    if not isinstance(share, (int, float, np.floating)) or isinstance(share, bool) or not 0 < share < 1:
        given = repr(share) if np.isscalar(share) else f"of type {type(share).__name__}"
        raise InputError(
            f"The validation {given} cannot be used: give a fraction between 0 and 1, or the tuple (X, y)."
        )
    labels = rows.targets if estimator._classifies else np.zeros(len(rows.targets), np.int8)
    taken = take_rows(labels, float(share), 1, seeds.generator(seeds.HELD_BACK, seed))
    if not taken.any():  # no class has two rows
        return rows, None
    return rows.some(np.flatnonzero(~taken)), rows.some(np.flatnonzero(taken))


def fitted(
    estimator: Any,
    rows: Rows,
    encodings: Collection[str],
    known: Mapping[str, Preparation] | None = None,
    scaling: Scaling | None = None,
) -> tuple[dict[str, Preparation], Scaling | None]:
    """Preparations of X in some encodings, and the scaling of y, fitted to some rows.

    Known ones are widened, and kept.

    Raises:
        InputError: an encoding is none of those that are known.
    """
    if known is not None:
        if strangers := [name for name in encodings if name not in known]:
            raise InputError(
                f"The encoding '{strangers[0]}' is none of those that rows were read in before "
                f"({', '.join(known)}): leave encoding as it was, or fit a new estimator."
            )
        return {name: known[name].widened(rows.features) for name in encodings}, scaling
    names = getattr(estimator, "feature_names_in_", None)
    classes = estimator.classes_ if estimator._classifies else None
    preparations = fit_preparations(rows.features, encodings, names, classes, _responses(estimator, rows))
    return preparations, None if estimator._classifies else Scaling.of(rows.targets)


def _responses(estimator: Any, rows: Rows) -> np.ndarray:
    """The rows' targets as numbers whose means say something [sample, response]."""
    return responses_of(rows.targets, range(len(estimator.classes_)) if estimator._classifies else None)


def reader(preparations: Mapping[str, Preparation]) -> Preparation:
    """One that new rows can be read with for all: fitted to the same rows, they use the same columns."""
    return next(iter(preparations.values()))


def read_more(estimator: Any, X: Any, y: Any, preparation: Preparation) -> Rows:
    """A validation set handed over apart, read as rows to predict for."""
    from sklearn.utils.validation import check_consistent_length

    features = read_features(estimator, X, preparation)
    weights = None
    if estimator._classifies:
        labels = read_labels(estimator, y)
        targets = class_numbers(labels, estimator.classes_)
        if estimator._class_weights is not None:
            weights = np.array([estimator._class_weights.get(label, 1.0) for label in labels.tolist()])
    else:
        targets = _matrix(estimator, read_values(estimator, y))
    check_consistent_length(features, targets)
    return Rows(features, targets, weights)


def training_data(
    estimator: Any,
    preparations: Mapping[str, Preparation],
    scaling: Scaling | None,
    rows: Rows,
    judged: Rows | None,
    unseen: bool = False,
) -> dict[str, TrainingData]:
    """Rows to learn from and rows to judge by as networks of each encoding read them.

    The former are what the preparations were fitted to, unless they are `unseen`.
    """
    return {
        name: _prepared_rows(estimator, preparation, scaling, rows, judged, unseen)
        for name, preparation in preparations.items()
    }


def _prepared_rows(
    estimator: Any,
    preparation: Preparation,
    scaling: Scaling | None,
    rows: Rows,
    judged: Rows | None,
    unseen: bool,
) -> TrainingData:
    def part(some: Rows, learnt: bool = False) -> Part:
        if learnt:
            responses = _responses(estimator, some)
            inputs = preparation.training_inputs(some.features, responses, estimator.precision)
        else:
            inputs = preparation.inputs(some.features, estimator.precision)
        if scaling is None:
            return Part(inputs, some.targets)
        return Part(inputs, scaling(some.targets).astype(estimator.precision))

    weights = rows.weights
    return TrainingData(
        task=task_of(estimator),
        outputs=len(estimator.classes_) if scaling is None else len(scaling.scale),
        train=part(rows, learnt=not unseen),
        validation=None if judged is None else part(judged),
        target_scale=None if scaling is None else scaling.scale,
        sample_weights=None if weights is None else weights / weights.mean(),
        validation_weights=None if judged is None else judged.weights,
    )


def deadline(minutes: float | None) -> Callback | None:
    """What ends training after so many minutes; None for no end."""
    if minutes is None:
        return None
    until = time.monotonic() + 60 * minutes
    return lambda progress: time.monotonic() > until
