"""From a trained population to what an estimator keeps: the winner, an average, or the winner refitted."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from sklearn.exceptions import ConvergenceWarning

from couloir.data.preparation import Preparation
from couloir.engine.architectures.mlp import parameter_count
from couloir.engine.metrics import DEFAULT_METRIC, metrics_of
from couloir.engine.outcomes import Outcome, leader, ranking_key
from couloir.engine.training import train_population
from couloir.errors import InputError
from couloir.estimators.fitting import Prepared, Scaling, fitted_preparation, task_of, training_data
from couloir.model.predictor import Ensemble, Model, from_network
from couloir.selection.averages import POOL
from couloir.selection.ensemble import log_loss_of, mse_of, select_in_bags, temperature


def finish(estimator: Any, prepared: Prepared, outcomes: Sequence[Outcome]) -> None:
    """Choose among the trained members, and give the estimator what it keeps.

    Raises:
        InputError: every member diverged.
    """
    winner = leader(outcomes, prepared.metric)
    if winner is None:
        raise InputError(
            f"All {len(outcomes)} members diverged, so that there is none to choose: "
            "give smaller learning rates."
        )
    model: Model | Ensemble = model_of(winner, prepared.preparation, prepared.scaling)
    if estimator.refit and prepared.held_out:
        model = _refitted(estimator, prepared, winner) or model
    elif estimator.ensemble and prepared.data.validation is not None:
        model = _averaged(estimator, prepared, outcomes)
    keep(estimator, prepared.preparation, prepared.scaling, prepared.metric, winner, outcomes, model)
    vars(estimator).pop("_networks", None)
    if estimator.warm_start:
        estimator._networks = [plain_layers(outcome) for outcome in outcomes]


def plain_layers(outcome: Outcome) -> list[tuple[np.ndarray, np.ndarray]]:
    """A member's layers (weight, bias), in a form that can be read back without JAX."""
    return [(layer.weight, layer.bias) for layer in outcome.network]


def keep(
    estimator: Any,
    preparation: Preparation,
    scaling: Scaling | None,
    metric: str,
    winner: Outcome,
    outcomes: Sequence[Outcome],
    model: Model | Ensemble,
) -> None:
    """Set the attributes of a fitted estimator."""
    default = DEFAULT_METRIC[task_of(estimator)]
    estimator._preparation, estimator._scaling = preparation, scaling
    estimator.model_, estimator._network = model, plain_layers(winner)
    estimator.winner_ = {
        **winner.member.describe(),
        "best_epoch": winner.best_epoch,
        "score": winner.validation[winner.best_epoch - 1][metric],
    }
    estimator.n_iter_ = winner.epochs_run
    estimator.loss_curve_ = [scores[default] for scores in winner.training]
    estimator.validation_curve_ = [scores[metric] for scores in winner.validation]
    estimator.leaderboard_ = leaderboard(outcomes, metric, task_of(estimator), len(preparation.feature_names))


def model_of(outcome: Outcome, preparation: Preparation, scaling: Scaling | None) -> Model:
    """A member's model; for regression its last layer answers in target units, whatever their number."""
    model = from_network(outcome.network, outcome.member.activation, preparation)
    if scaling is None:
        return model
    weight, bias = model.layers[-1]
    last = (
        weight.astype(np.float64) * scaling.scale[:, None],
        bias.astype(np.float64) * scaling.scale + scaling.centre,
    )
    return replace(model, layers=(*model.layers[:-1], last))


def _refitted(estimator: Any, prepared: Prepared, winner: Outcome) -> Model | None:
    """The winner trained afresh on all rows, for its best number of epochs.

    None, and a warning, where it diverges.
    """
    rows = prepared.rows
    preparation = fitted_preparation(estimator, rows)
    scaling = None if prepared.scaling is None else Scaling.of(rows.targets)
    data = training_data(estimator, preparation, scaling, rows, None)
    (again,) = train_population(
        [winner.member],
        data,
        seed=prepared.seed,
        patience=None,
        metric=prepared.metric,
        epochs=winner.best_epoch,
        precision=estimator.precision,
        filled=True,
    ).outcomes
    if leader([again], prepared.metric) is None:
        warnings.warn(
            "The refit on all rows diverged, so that the network is kept that was judged on validation.",
            ConvergenceWarning,
            stacklevel=4,
        )
        return None
    return model_of(again, preparation, scaling)


def _averaged(estimator: Any, prepared: Prepared, outcomes: Sequence[Outcome]) -> Ensemble:
    """The average of at most `ensemble` members that does best on validation, with its temperature."""
    order = sorted(outcomes, key=lambda outcome: ranking_key(outcome, prepared.metric))[:POOL]
    able = [each for each in order if np.isfinite(ranking_key(each, prepared.metric)[0])]
    models = [model_of(each, prepared.preparation, prepared.scaling) for each in able]
    assert prepared.data.validation is not None, "only with a validation part is there an average"
    inputs = prepared.data.validation.inputs
    if estimator._classifies:
        truth, score = prepared.truth, log_loss_of
        answers = np.stack([model.predict_prepared(inputs) for model in models])
    else:
        # All outputs in a row, each in units of its own spread, so that none drowns the others.
        scale = prepared.data.target_scale
        truth, score = (prepared.truth / scale).ravel(), mse_of
        answers = np.stack([(model.outputs(inputs) / scale).ravel() for model in models])
    shares = select_in_bags(answers, truth, score, most=int(estimator.ensemble))
    heat = temperature(np.tensordot(shares, answers, axes=1), truth) if estimator._classifies else 1.0
    entered = np.flatnonzero(shares)
    return Ensemble(
        prepared.preparation, tuple(models[i] for i in entered), tuple(shares[entered].tolist()), heat
    )


def leaderboard(outcomes: Sequence[Outcome], metric: str, task: str, inputs: int) -> pl.DataFrame:
    """One row per member, best first; diverged ones last. Columns as in a run's leaderboard."""
    order = sorted(range(len(outcomes)), key=lambda number: ranking_key(outcomes[number], metric))
    rows = [
        {"rank": rank, "member": number, **_row(outcomes[number], task, inputs)}
        for rank, number in enumerate(order, start=1)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _row(outcome: Outcome, task: str, inputs: int) -> dict[str, Any]:
    member, best = outcome.member, outcome.best_epoch - 1
    validation = outcome.validation[best] if best >= 0 else {}
    training = outcome.training[best] if best >= 0 else {}
    default = DEFAULT_METRIC[task]
    outputs = len(outcome.network[-1].bias)
    return {
        **member.describe(),
        "hidden": "-".join(map(str, member.hidden)) or "none",
        "n_parameters": parameter_count((inputs, *member.hidden, outputs)),
        "best_epoch": outcome.best_epoch or None,
        "epochs_run": outcome.epochs_run,
        **{
            "validation_loss" if name == default else f"validation_{name}": validation.get(name)
            for name in metrics_of(task)
        },
        "training_loss": training.get(default),
        "status": outcome.status,
        "diverged_epoch": outcome.diverged_epoch,
    }
