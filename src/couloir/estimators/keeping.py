"""From a trained population to what an estimator keeps: the winner, an average, or the winner refitted."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from couloir.data.preparation import Preparation
from couloir.engine.epochs import TrainingData
from couloir.engine.metrics import DEFAULT_METRIC
from couloir.engine.outcomes import Outcome, eligible
from couloir.engine.training import train_population
from couloir.estimators.fitting import Prepared, fitted, task_of, training_data
from couloir.estimators.targets import Scaling
from couloir.model.predictor import Ensemble, Model, from_network
from couloir.selection.candidates import POOL, Candidate
from couloir.selection.choosing import none_left, shortlist
from couloir.selection.tables import leaderboard


def finish(estimator: Any, prepared: Prepared, outcomes: Sequence[Outcome]) -> None:
    """Choose among the trained members, and give the estimator what it keeps.

    Raises:
        InputError: every member diverged.
    """
    order = eligible(outcomes, prepared.metric)
    if not order:
        raise none_left(len(outcomes))
    winner, scale = outcomes[order[0]], _scale(prepared)
    again = estimator.refit and prepared.held_out
    listed = shortlist(
        [_candidate(prepared, outcomes, number) for number in order[:POOL]],
        prepared.metric,
        prepared.preparations[winner.member.encoding],
        prepared.truth if scale is None else in_a_row(prepared.truth, scale),
        ensemble=estimator.ensemble if len(prepared.truth) else None,
        refit=partial(_refitted, estimator, prepared, winner) if again else None,
        # Who asks an estimator for an average gets one: it has no report that would say otherwise.
        prefer_average=True,
    )
    if again and "refitted" not in listed.models:
        warnings.warn(
            "The refit on all rows diverged, so that the network is kept that was judged on validation.",
            ConvergenceWarning,
            stacklevel=3,
        )
    model = listed.models[listed.headline]
    keep(estimator, prepared.preparations, prepared.scaling, prepared.metric, winner, outcomes, model)
    vars(estimator).pop("_networks", None)
    if estimator.warm_start:
        estimator._networks = [plain_layers(outcome) for outcome in outcomes]


def _candidate(prepared: Prepared, outcomes: Sequence[Outcome], number: int) -> Candidate:
    """A member of an estimator's population, judged on its validation rows."""
    outcome = outcomes[number]
    model = model_of(outcome, prepared.preparations, prepared.scaling)
    return Candidate(number, outcome.member, [outcome.best_epoch], [model], partial(_answers, prepared))


def _answers(prepared: Prepared, models: Sequence[Model]) -> np.ndarray:
    """A member's answers for the validation rows."""
    (model,) = models
    data = prepared.data[model.preparation.encoding]
    return answers_for(model, data, data.target_scale)


def answers_for(model: Model, data: TrainingData, scale: np.ndarray | None) -> np.ndarray:
    """A model's answers for validation rows: probabilities, or all values in a row by their scales."""
    assert data.validation is not None, "only with a validation part is there an average"
    inputs = data.validation.inputs
    return model.predict_prepared(inputs) if scale is None else in_a_row(model.outputs(inputs), scale)


def _scale(prepared: Prepared) -> np.ndarray | None:
    """The spread of each output [output]; None for classes."""
    return None if prepared.scaling is None else prepared.scaling.scale


def in_a_row(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Values of all outputs, each in units of its own spread, so that none drowns the others."""
    return np.asarray((values / scale).ravel())


def plain_layers(outcome: Outcome) -> list[tuple[np.ndarray, ...]]:
    """The parts of a member's network, in a form that can be read back without JAX."""
    return list(outcome.member.design.parts(outcome.network))


def keep(
    estimator: Any,
    preparations: Mapping[str, Preparation],
    scaling: Scaling | None,
    metric: str,
    winner: Outcome,
    outcomes: Sequence[Outcome],
    model: Model | Ensemble,
) -> None:
    """Set the attributes of a fitted estimator."""
    default = DEFAULT_METRIC[task_of(estimator)]
    estimator._preparations, estimator._scaling = dict(preparations), scaling
    estimator._encodings = [outcome.member.encoding for outcome in outcomes]
    estimator.model_, estimator._network = model, plain_layers(winner)
    score = winner.validation[winner.best_epoch - 1][metric]
    estimator.winner_ = {**winner.member.describe(), "best_epoch": winner.best_epoch, "score": score}
    estimator.n_iter_ = winner.epochs_run
    estimator.loss_curve_ = [scores[default] for scores in winner.training]
    estimator.validation_curve_ = [scores[metric] for scores in winner.validation]
    inputs = {name: len(preparation.feature_names) for name, preparation in preparations.items()}
    estimator.leaderboard_ = leaderboard(
        outcomes,
        metric,
        lambda member: member.design.size(inputs[member.encoding], model.answer_width).parameters,
    )


def model_of(outcome: Outcome, preparations: Mapping[str, Preparation], scaling: Scaling | None) -> Model:
    """A member's model; for regression its last layer answers in target units, whatever their number."""
    model = from_network(outcome.network, outcome.member.design, preparations[outcome.member.encoding])
    if scaling is None:
        return model
    return replace(model, layers=model.design.rescaled(model.layers, scaling.scale, scaling.centre))


def _refitted(estimator: Any, prepared: Prepared, winner: Outcome) -> Model | None:
    """The winner trained afresh on all rows, for its best number of epochs; None where it diverges."""
    preparations, scaling = fitted(estimator, prepared.rows, [winner.member.encoding])
    again = train_population(
        [winner.member],
        training_data(estimator, preparations, scaling, prepared.rows, None),
        seed=prepared.seed,
        patience=None,
        epochs=winner.best_epoch,
        precision=estimator.precision,
        filled=True,
        machine=prepared.machine,
    ).winner
    return None if again is None else model_of(again, preparations, scaling)
