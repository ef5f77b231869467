"""Small trainings for tests of the engine: data, members, and what is read off them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn import metrics as sklearn_metrics

from couloir.engine.architectures.mlp import Network
from couloir.engine.epochs import Part, TrainingData
from couloir.engine.machine import Machine
from couloir.engine.member import Member, initial_network
from couloir.engine.optimizers import RULES
from couloir.engine.outcomes import Trained
from couloir.engine.training import Progress, train_population

FEATURES, CLASSES, BATCH = 5, 3, 8
HIDDEN = (6, 4)
SEED = 3

PATIENT = Machine(cores=2, memory=None, flops_per_core=1.0)
"""A machine so slow that every program is worth compiling well, and every packing pays."""


def classification(rows: int = 43, validation: int = 17, seed: int = 0) -> TrainingData:
    """Three overlapping classes; 43 rows in batches of 8 end in a batch of 3."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows + validation, FEATURES))
    logits = inputs @ random.normal(size=(FEATURES, CLASSES)) + random.normal(
        size=(rows + validation, CLASSES)
    )
    targets = np.argmax(logits, axis=1)
    return TrainingData(
        "classification",
        CLASSES,
        Part(inputs[:rows], targets[:rows]),
        Part(inputs[rows:], targets[rows:]),
    )


def regression(rows: int = 43, validation: int = 17, outputs: int = 2) -> TrainingData:
    """Linear targets with noise, one standardised unit of which is 3 (and 0.5) target units."""
    random = np.random.default_rng(1)
    inputs = random.normal(size=(rows + validation, FEATURES))
    slopes = random.normal(size=(FEATURES, outputs))
    targets = inputs @ slopes + 0.7 + 0.3 * random.normal(size=(rows + validation, outputs))
    return TrainingData(
        "regression",
        outputs,
        Part(inputs[:rows], targets[:rows]),
        Part(inputs[rows:], targets[rows:]),
        target_scale=np.array([3.0, 0.5])[:outputs],
    )


def member(rule: str = "sgd", rate: float = 0.1, **changed: Any) -> Member:
    settings: dict[str, Any] = {
        "hidden": HIDDEN,
        "activation": "tanh",
        "batch_size": BATCH,
        "epochs": 12,
        **changed,
    }
    return Member(RULES[rule], rate, **settings)


def quartet(**changed: Any) -> list[Member]:
    """Two rules, two restarts: one layout, so that the tests which use it share one program."""
    return [
        member("sgd", 0.1, restart=0, **changed),
        member("sgd", 0.3, restart=1, **changed),
        member("adam", 0.01, restart=0, **changed),
        member("adam", 0.03, restart=1, **changed),
    ]


def lines(rates: Sequence[float]) -> list[Member]:
    """Linear models that descend by SGD, at different rates."""
    return [
        member("sgd", rate, hidden=(), loss="mse", epochs=12, restart=number)
        for number, rate in enumerate(rates)
    ]


class Watch:
    """A callback that keeps every member's present weights at the end of every epoch."""

    def __init__(self) -> None:
        self.networks: list[list[Network]] = []

    def __call__(self, progress: Progress) -> None:
        present = progress.networks()
        self.networks.append([present[number] for number in range(len(progress.outcomes))])


def watched(members: Sequence[Member], data: TrainingData, **settings: Any) -> tuple[Trained, Any]:
    """A training, and its networks by epoch (from 0 for the first) and member."""
    watch = Watch()
    trained = train_population(
        members, data, **{"seed": SEED, "patience": None, "on_epoch": watch, **settings}
    )
    return trained, watch.networks


def leaves(network: Any) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(network)]


def difference(one: Any, other: Any) -> float:
    """The largest difference of two networks in any array, relative to that array's largest entry."""
    pairs = list(zip(leaves(one), leaves(other), strict=True))
    return max(float(np.max(np.abs(a - b)) / np.max(np.abs(b))) for a, b in pairs)


def same_bits(one: Any, other: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(leaves(one), leaves(other), strict=True))


def answers(network: Any, rows: Any, activation: Callable[[Any], Any] = jnp.tanh) -> Any:
    """What a network answers to rows [sample, feature], written the usual way round: [sample, output]."""
    for weight, bias in network[:-1]:
        rows = activation(rows @ weight.T + bias[None, :])
    weight, bias = network[-1]
    return rows @ weight.T + bias[None, :]


def answers_in_numpy(network: Any, rows: np.ndarray, activation: Callable[[Any], Any]) -> np.ndarray:
    return answers([(np.asarray(w), np.asarray(b)) for w, b in network], rows, activation)


def softmax(logits: np.ndarray) -> np.ndarray:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def class_scores(network: Any, part: Part, activation: Callable[[Any], Any] = np.tanh) -> dict[str, float]:
    """Scikit-learn's scores of a network."""
    logits = answers_in_numpy(network, np.asarray(part.inputs), activation)
    found, labels = np.argmax(logits, axis=1), np.arange(CLASSES)
    return {
        "log_loss": sklearn_metrics.log_loss(part.targets, softmax(logits), labels=labels),
        "accuracy": sklearn_metrics.accuracy_score(part.targets, found),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(part.targets, found),
    }


def value_scores(network: Any, part: Part, scale: np.ndarray) -> dict[str, float]:
    """Scikit-learn's scores of a linear network, in target units."""
    outputs = answers_in_numpy(network, np.asarray(part.inputs), np.tanh) * scale
    targets = part.targets * scale
    return {
        "mse": sklearn_metrics.mean_squared_error(targets, outputs),
        "mae": sklearn_metrics.mean_absolute_error(targets, outputs),
        "r2": sklearn_metrics.r2_score(targets, outputs),
    }


def first_weights(each: Member, outputs: int, dtype: Any, seed: int = SEED) -> Network:
    return initial_network(each, seed, FEATURES, outputs, dtype)


def class_weighted(data: TrainingData) -> TrainingData:
    """The same rows, each weighted by how rare its class is."""
    share = np.bincount(data.train.targets, minlength=CLASSES) / len(data.train.targets)
    return replace(data, sample_weights=(1 / (CLASSES * share))[data.train.targets])


class Compilations:
    """Counts the programs that XLA is given to compile while it listens."""

    def __init__(self) -> None:
        self.count = 0

    def hear(self, event: str, duration: float, **_: object) -> None:
        self.count += event == "/jax/core/compile/backend_compile_duration"

    def __enter__(self) -> Compilations:
        jax.monitoring.register_event_duration_secs_listener(self.hear)
        return self

    def __exit__(self, *_: object) -> None:
        jax.monitoring.unregister_event_duration_listener(self.hear)
