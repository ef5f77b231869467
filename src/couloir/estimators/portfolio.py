"""`fit` with the portfolio: what `couloir train` does, on rows that somebody else has divided off.

Settings that complement one another are trained in folds where rows are few, each to the end of its schedule,
and the average is kept that does best on out-of-fold answers. The same rows in the same order, with the same
seed, give the networks that `couloir train` with no test part gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from couloir import options
from couloir.data.dataset import Dataset, Task
from couloir.data.splits import fold_rows
from couloir.engine import placement
from couloir.engine.epochs import TrainingData
from couloir.engine.member import Member
from couloir.engine.outcomes import Outcome, eligible, ending
from couloir.errors import InputError
from couloir.estimators import fitting, keeping
from couloir.estimators.fitting import Prepared, Rows
from couloir.estimators.targets import Scaling
from couloir.model.predictor import Model
from couloir.selection import portfolio
from couloir.selection.candidates import POOL, Candidate
from couloir.selection.choosing import none_left, shortlist
from couloir.selection.members import Options
from couloir.selection.problem import Conditions, chosen_metric
from couloir.selection.problem import predict as predict_cost


def fit(estimator: Any, X: Any, y: Any, sample_weight: Any, validation: Any) -> None:
    """Train the portfolio, choose the average, and give the estimator what it keeps.

    Args:
        estimator: whose `fit` it is.
        X, y, sample_weight: as given.
        validation: a pair (X, y) or a fraction to choose by; None: folds where rows are few.

    Raises:
        ValueError: what scikit-learn raises for data that it cannot use.
        InputError: anything else that cannot be used.
    """
    rows, _, _ = fitting.read(estimator, X, y, sample_weight, fresh=True)
    conditions = _settled(estimator, rows)
    parts = _parts(estimator, rows, validation, conditions)
    least = min(len(known.targets) for known, _ in parts)
    useful = portfolio.members(fitting.task_of(estimator), least)
    encodings = fitting.encodings_of(useful)
    folds = [_prepared(estimator, *part, encodings, conditions, validation) for part in parts]
    data = fitting.in_folds(folds)
    members, _, cost = portfolio.affordable(
        conditions, useful, least, lambda some: predict_cost(some, data, conditions.machine)
    )
    placement.check_memory(cost)
    estimator._seed = conditions.seed
    trained = fitting.train(estimator, members, folds, to_the_end=True)
    _finish(estimator, rows, folds, trained.folds, conditions)


def _settled(estimator: Any, rows: Rows) -> Conditions:
    """The conditions of a training of the portfolio.

    Raises:
        InputError: something is given that the portfolio sets itself, or that does not go with it.
    """
    known = options.taken_by(options.FIT)
    if wrong := [name for name in ("warm_start", "refit") if getattr(estimator, name)]:
        raise InputError(f"The portfolio keeps an average of networks: leave out {wrong[0]}, or the plan.")
    given = {name: getattr(estimator, name) for name in options.MEMBER}
    given = {name: value for name, value in given.items() if not _is_usual(value, known[name].default)}
    conditions = replace(
        fitting.conditions_of(estimator),
        plan=portfolio.PORTFOLIO,
        seed=fitting.seed_of(estimator.random_state),
    )
    return portfolio.settled(conditions, Options(**given), _dataset(estimator, rows))


def _is_usual(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


def _dataset(estimator: Any, rows: Rows) -> Dataset:
    """The rows as what is divided into folds."""
    target = estimator.classes_[rows.targets] if estimator._classifies else rows.targets[:, 0]
    task: Task = "classification" if estimator._classifies else "regression"
    return Dataset("X", rows.features, target, "y", task, "", ())


def _parts(
    estimator: Any, rows: Rows, validation: Any, conditions: Conditions
) -> list[tuple[Rows, Rows | None]]:
    """Rows to learn from and rows to judge by: of each fold, or those of one validation part.

    There are no more folds than each class has rows, since each needs one of them.
    """
    wanted = conditions.cv or portfolio.EFFORTS[conditions.effort].folds
    fewest = np.bincount(rows.targets).min() if estimator._classifies else len(rows.targets)
    count = int(min(wanted, fewest))
    if validation is None and count > 1 and (conditions.cv or estimator.validation_fraction is None):
        every, dataset = np.arange(len(rows.targets)), _dataset(estimator, rows)
        divided = fold_rows(dataset, every, count, conditions.seed, inner=None)
        return [(rows.some(fold.train), rows.some(fold.held_out)) for fold in divided]
    return [fitting.divided(estimator, rows, validation, conditions.seed)]


def _prepared(
    estimator: Any,
    known: Rows,
    judged: Rows | None,
    encodings: Sequence[str],
    conditions: Conditions,
    validation: Any,
) -> Prepared:
    """One fold, ready to be trained."""
    preparations, scaling = fitting.fitted(estimator, known, encodings)
    if isinstance(validation, tuple):
        judged = fitting.read_more(estimator, validation[0], validation[1], fitting.reader(preparations))
    if judged is None:
        raise InputError(
            "There are no rows for the portfolio to be judged by: give a validation set, or more rows."
        )
    metric = chosen_metric(fitting.task_of(estimator), conditions.metric)
    data = fitting.training_data(estimator, preparations, scaling, known, judged)
    return Prepared(
        known,
        held_out=not isinstance(validation, tuple),
        truth=judged.targets,
        preparations=preparations,
        scaling=scaling,
        members=[],
        metric=metric,
        data=data,
        seed=conditions.seed,
        machine=conditions.machine,
    )


# What is kept -----------------------------------------------------------------------------------------------


def _finish(
    estimator: Any,
    rows: Rows,
    folds: Sequence[Prepared],
    outcomes: Sequence[Sequence[Outcome]],
    conditions: Conditions,
) -> None:
    """Choose as `couloir train` does, and give the estimator what it keeps."""
    first, metric = folds[0], folds[0].metric
    whole = [_together(each) for each in zip(*outcomes, strict=True)]
    order = eligible(whole, metric)
    if not order:
        raise none_left(len(whole))
    scale = None if first.scaling is None else Scaling.of(rows.targets).scale
    truths = [fold.truth if scale is None else keeping.in_a_row(fold.truth, scale) for fold in folds]
    preparations, _ = fitting.fitted(estimator, rows, [Member.encoding])
    listed = shortlist(
        [_candidate(folds, outcomes, number, scale) for number in order[:POOL]],
        metric,
        preparations[Member.encoding],
        np.concatenate(truths),
        ensemble=conditions.ensemble,
    )
    model = listed.models[listed.headline]
    keeping.keep(estimator, first.preparations, first.scaling, metric, whole[order[0]], whole, model)
    vars(estimator).pop("_networks", None)


def _candidate(
    folds: Sequence[Prepared],
    outcomes: Sequence[Sequence[Outcome]],
    number: int,
    scale: np.ndarray | None,
) -> Candidate:
    """A setting, judged by what each fold holds out."""
    own = [each[number] for each in outcomes]
    models = [
        keeping.model_of(outcome, fold.preparations, fold.scaling)
        for outcome, fold in zip(own, folds, strict=True)
    ]
    ask = partial(_answers, [fold.data for fold in folds], scale)
    return Candidate(number, own[0].member, [each.best_epoch for each in own], models, ask)


def _answers(
    data: Sequence[Mapping[str, TrainingData]], scale: np.ndarray | None, models: Sequence[Model]
) -> np.ndarray:
    """A setting's answers for what the folds hold out, fold after fold."""
    return np.concatenate(
        [
            keeping.answers_for(model, own[model.preparation.encoding], scale)
            for model, own in zip(models, data, strict=True)
        ]
    )


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    """What came of a setting in all folds as one outcome: its scores are means over them.

    Its network is that of the first fold.
    """
    epochs = min(each.epochs_run for each in outcomes)

    def means(part: str) -> list[dict[str, float]]:
        found = [[getattr(each, part)[epoch] for each in outcomes] for epoch in range(epochs)]
        return [{name: float(np.mean([s[name] for s in of])) for name in of[0]} for of in found]

    first, whole = outcomes[0], all(each.eligible for each in outcomes)
    return replace(
        first,
        status=ending(outcomes),
        best_epoch=min(first.best_epoch, epochs) if whole else 0,
        training=means("training"),
        validation=means("validation"),
    )
