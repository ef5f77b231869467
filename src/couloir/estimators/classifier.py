"""The estimator for classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

from couloir.estimators.base import PopulationEstimator


class CouloirClassifier(ClassifierMixin, PopulationEstimator):
    """A population of networks trained inside `fit`, the winner kept, for classification.

    Each of the options down to `restarts` is one value or a list; lists multiply into members.

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
        loss: "cross_entropy", the one there is; None: the same.
        restarts: initial weights for each combination.
        members: train at most so many, spread evenly over the combinations.
        metric: what members are stopped and chosen by: "log_loss", "accuracy" or "balanced_accuracy";
            None: "log_loss".
        patience: epochs without improvement on validation before a member stops; None: never.
        minutes: end training after so long, and choose among what has been learnt.
        refit: train the winner again on all rows, for its best number of epochs.
        ensemble: keep an average of at most so many members instead of the winner.
        precision: "float32" or "float64", of training; predicting is always in float64.
        validation_fraction: share of the rows (of each class) to stop and choose by where `fit` is given
            no validation set; None: none, and members train to the end and are chosen by their training
            score.
        class_weight: weights of the classes by label, or "balanced" for n / (k · n_class), in `partial_fit`
            among the rows of each call; they multiply the rows' own, in the loss and in the scores that
            choose.
        warm_start: go on from the networks of the last `fit`, with its preparation and classes.
        random_state: seed of the validation rows, batches, initial weights and dropout.

    Attributes:
        classes_: class labels, sorted.
        model_: what predicts: a `couloir.model.predictor.Model`, or an `Ensemble` of them.
        winner_: the winner's hyperparameters, best epoch and validation score.
        leaderboard_: a Polars frame of all members, best first.
        n_iter_: epochs that the winner was trained for.
        loss_curve_: the winner's log loss on training rows, epoch by epoch.
        validation_curve_: its `metric` on validation, epoch by epoch.
        n_features_in_, feature_names_in_: number of features, and names where X has them.
    """

    _classifies = True
    classes_: np.ndarray

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
        class_weight: Any = None,
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
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label for each row, [sample]."""
        answers = self._answers(X)  # first, for it tells where nothing has been fitted
        return self.classes_[np.argmax(answers, axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Class probabilities [sample, class], in the order of `classes_`."""
        return self._answers(X)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithms of the class probabilities [sample, class]; that of 0 is the smallest number's."""
        return np.log(np.maximum(self._answers(X), np.finfo(float).tiny))

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, validation: Any = None
    ) -> Any:
        """One pass over these rows for every member; see `couloir.estimators.streams`.

        Args:
            X, y, sample_weight: as in `fit`; the first call's rows fix the preparation.
            classes: all labels that will come; needed in the first call.
            validation: a pair (X, y) that members are stopped and chosen by; give it with every call, or
                with none: then they are chosen by how well they answer each call's rows before they learn
                from them.

        Returns:
            the estimator.
        """
        from couloir.estimators.streams import learn

        return learn(self, X, y, classes, sample_weight, validation)
