"""The estimator for numbers, one or several for each row."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from couloir.estimators.base import PopulationEstimator


class CouloirRegressor(RegressorMixin, PopulationEstimator):
    """A population of networks trained inside `fit`, the winner kept, for regression.

    Each of the options down to `restarts` is one value or a list; lists multiply into members. The target
    is standardised while training, and answers are in its own units.

    Args:
        optimizer: update rules by name, Optax's as "optax.NAME"; None: all eight of the chapter.
        learning_rate: rates; None: eight around each rule's customary one.
        momentum: β, for the rules that have one; None: the customary one.
        hidden: units of the hidden layers; (64, 64) is one network of two, [(64,), (32, 32)] are two.
        activation: of the hidden layers: a name for all of them, or a tuple with one for each, as in
            ("relu", "tanh"), which may also be written "relu-tanh".
        batch_size: samples a step; fewer rows make one step.
        epochs: the most passes over the training rows.
        l1, l2: weights of the penalties Σ|w| and ½Σw².
        dropout: probability that a hidden unit is off in a training step.
        noise: standard deviation of what is added to the standardised inputs in training.
        schedule: of the learning rate: "constant", "cosine", "one_cycle", ….
        warmup: share of the budget over which the rate first rises.
        loss: "mse", "mae" or "huber"; None: "mse".
        restarts: initial weights for each combination.
        members: train at most so many, spread evenly over the combinations.
        metric: what members are stopped and chosen by: "mse", "mae" or "r2"; None: "mse".
        patience: epochs without improvement on validation before a member stops; None: never.
        minutes: end training after so long, and choose among what has been learnt.
        refit: train the winner again on all rows, for its best number of epochs.
        ensemble: keep an average of at most so many members instead of the winner.
        precision: "float32" or "float64", of training; predicting is always in float64.
        validation_fraction: share of the rows to stop and choose by where `fit` is given no validation
            set; None: none, and members train to the end and are chosen by their training score.
        warm_start: go on from the networks of the last `fit`, with its preparation.
        random_state: seed of the validation rows, batches, initial weights and dropout.

    Attributes:
        model_: what predicts: a `couloir.model.predictor.Model`, or an `Ensemble` of them.
        winner_: the winner's hyperparameters, best epoch and validation score.
        leaderboard_: a Polars frame of all members, best first.
        n_iter_: epochs that the winner was trained for.
        loss_curve_: the winner's mean squared error on training rows, epoch by epoch.
        validation_curve_: its `metric` on validation, epoch by epoch.
        n_features_in_, feature_names_in_: number of features, and names where X has them.
        n_outputs_: numbers to predict for each row.
    """

    _classifies = False

    def __init__(
        self,
        optimizer: Any = None,
        learning_rate: Any = None,
        momentum: Any = None,
        hidden: Any = (64,),
        activation: Any = "relu",
        batch_size: Any = 64,
        epochs: Any = 100,
        l1: Any = 0.0,
        l2: Any = 0.0,
        dropout: Any = 0.0,
        noise: Any = 0.0,
        schedule: Any = "constant",
        warmup: Any = 0.0,
        loss: Any = None,
        restarts: int = 1,
        *,
        members: int | None = None,
        metric: str | None = None,
        patience: int | None = 10,
        minutes: float | None = None,
        refit: bool = False,
        ensemble: int | None = None,
        precision: str = "float32",
        validation_fraction: float | None = 0.15,
        warm_start: bool = False,
        random_state: Any = None,
    ) -> None:
        """Store the arguments as they are; `fit` checks them."""
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.hidden = hidden
        self.activation = activation
        self.batch_size = batch_size
        self.epochs = epochs
        self.l1 = l1
        self.l2 = l2
        self.dropout = dropout
        self.noise = noise
        self.schedule = schedule
        self.warmup = warmup
        self.loss = loss
        self.restarts = restarts
        self.members = members
        self.metric = metric
        self.patience = patience
        self.minutes = minutes
        self.refit = refit
        self.ensemble = ensemble
        self.precision = precision
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        """Several outputs are taken."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def predict(self, X: Any) -> np.ndarray:
        """Values [sample], or [sample, output] where y had several columns."""
        values = self._answers(X)
        return values[:, 0] if self._one_dimensional else values

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, validation: Any = None) -> Any:
        """One pass over these rows for every member; see `couloir.estimators.streams`.

        Args:
            X, y, sample_weight: as in `fit`; the first call's rows fix the preparation.
            validation: a pair (X, y) that members are stopped and chosen by; give it with every call, or
                with none: then they are chosen by how well they answer each call's rows before they learn
                from them.

        Returns:
            the estimator.
        """
        from couloir.estimators.streams import learn

        return learn(self, X, y, None, sample_weight, validation)
