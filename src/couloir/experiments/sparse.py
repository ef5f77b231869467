"""Sparse features: which rules learn from features that are seldom there.

Two classes, a linear model. A few features are in every row; many are 0 in nearly all rows, and where one is
present it says something. Plain gradient descent moves a rare feature's weight only in the few steps that
see it, at the rate that suits the frequent ones; rules with a step size for every weight do not have to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from couloir.engine import seeds
from couloir.engine.architectures.mlp import Network
from couloir.engine.epochs import Part, TrainingData
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES, find_rule
from couloir.engine.outcomes import Outcome
from couloir.engine.training import train_population
from couloir.errors import InputError
from couloir.model.forward import signals

ADAPTIVE = ("adagrad", "adadelta", "rmsprop", "adam", "adamw")
"""The rules with a step size of its own for every weight."""


class SparseRows(NamedTuple):
    """Rows with frequent and rare features.

    Attributes:
        inputs: [row, feature], the frequent features first.
        targets: class 0 or 1, [row].
        present: how many rare features each row has, [row].
        frequent: how many features are frequent.
    """

    inputs: np.ndarray
    targets: np.ndarray
    present: np.ndarray
    frequent: int


@dataclass(frozen=True)
class RuleOnSparse:
    """How one rule did at its best learning rate.

    Attributes:
        rule: its name; adaptive: whether it has a step size for every weight.
        rates, losses: every rate that was tried and the validation log loss there, NaN where it diverged.
        learning_rate: the best of them.
        at_edge: "lowest" or "highest" where the best rate is at an end of those tried, otherwise "".
        loss: log loss on fresh rows, at the best rate.
        rare_loss: that of the fresh rows with rare features; common_loss: that of the others.
    """

    rule: str
    adaptive: bool
    rates: np.ndarray
    losses: np.ndarray
    learning_rate: float
    at_edge: str
    loss: float
    rare_loss: float
    common_loss: float


@dataclass(frozen=True)
class SparseRace:
    """All rules on the same sparse rows.

    Attributes:
        entries: one a rule, the best on rows with rare features first.
        lost: rules that diverged at every rate.
        features, rare: how many features there are, and how many of them are rare.
        chance: how likely a rare feature is to be in a row.
        rows: training rows; share: the share of fresh rows that have a rare feature.
        floor: log loss on fresh rows with rare features of the law that made them; common_floor: on the
            others. In the long run nobody is better.
        epochs: how long every member was trained.
    """

    entries: tuple[RuleOnSparse, ...]
    lost: tuple[str, ...]
    features: int
    rare: int
    chance: float
    rows: int
    share: float
    floor: float
    common_floor: float
    epochs: int


def sparse_race(
    rules: Sequence[str] | None = None,
    *,
    rates: int = 12,
    rows: int = 4000,
    frequent: int = 8,
    rare: int = 120,
    chance: float = 0.01,
    weight: float = 4.0,
    epochs: int = 4,
    batch_size: int = 32,
    seed: int = 0,
) -> SparseRace:
    """Train a logistic regression on sparse rows by every rule at every rate, as one population.

    A row has `frequent` standard normal features, with weights ±½, and each of the `rare` ones with the
    probability `chance`, as a 1 of weight ±`weight`. Every rule gets the same number of rates, spaced evenly
    in the logarithm over four decades around its customary one, and the same steps; its best is chosen by
    log loss on validation rows, and scored on fresh ones.

    Args:
        rules: names of rules; None: all in `RULES`.
        rates: learning rates a rule, at least 2.
        rows: training rows; as many again are drawn for validation, and for the fresh score.
        frequent, rare, chance, weight: the features.
        epochs, batch_size: the budget of each member.
        seed: sets rows, batch order and initial weights.

    Raises:
        InputError: an unknown rule, too few rates, or no row with a rare feature.
    """
    if rates < 2:
        raise InputError(f"{rates} learning rates cannot be compared: give 2 or more.")
    named = [find_rule(name) for name in (rules or RULES)]
    weights, (train, validation, fresh) = _rows(frequent, rare, chance, weight, rows, seed)
    logistic = Member(RULES["sgd"], 1.0, hidden=(), activation="linear", batch_size=batch_size, epochs=epochs)
    members = [
        replace(logistic, rule=rule, learning_rate=float(rule.defaults["learning_rate"] * factor))
        for rule in named
        for factor in 10 ** np.linspace(-1.5, 2.5, rates)
    ]
    data = TrainingData("classification", 2, Part(*train[:2]), Part(*validation[:2]))
    trained = train_population(members, data, seed=seed, patience=None)
    outcomes = (trained.outcomes[first : first + rates] for first in range(0, len(members), rates))
    found = {rule.name: _entry(rule.name, own, fresh) for rule, own in zip(named, outcomes, strict=True)}
    rarely, least = fresh.present > 0, _losses(fresh.inputs @ weights, fresh.targets)
    entries = tuple(sorted(filter(None, found.values()), key=lambda entry: entry.rare_loss))
    lost = tuple(name for name, entry in found.items() if entry is None)
    share, floor, common = (float(each.mean()) for each in (rarely, least[rarely], least[~rarely]))
    return SparseRace(entries, lost, frequent + rare, rare, chance, rows, share, floor, common, epochs)


def _rows(
    frequent: int, rare: int, chance: float, weight: float, rows: int, seed: int
) -> tuple[np.ndarray, list[SparseRows]]:
    """Weights w of the law P(class 1) = 1/(1 + exp(−w·x)), and rows to train on, to choose by, to score."""
    random = seeds.generator(seeds.EXAMPLES, seed, rows, rare)
    signs = np.where(random.random(frequent + rare) < 0.5, -1.0, 1.0)
    weights, drawn = signs * np.repeat([0.5, weight], [frequent, rare]), []
    for _ in range(3):
        there = random.random((rows, rare)) < chance
        inputs = np.concatenate([random.standard_normal((rows, frequent)), there], axis=1)
        chances = 1 / (1 + np.exp(-inputs @ weights))
        targets = (random.random(rows) < chances).astype(int)
        drawn.append(SparseRows(inputs, targets, there.sum(axis=1), frequent))
    if not np.any(drawn[-1].present) or np.all(drawn[-1].present):
        raise InputError("No fresh row has a rare feature, or all have one: give a chance between.")
    return weights, drawn


def log_losses(network: Network, rows: SparseRows) -> np.ndarray:
    """−log p(true class) of every row, [row], in float64."""
    logits = signals(network, rows.inputs, "linear")[-1]
    return _losses(logits[:, 1] - logits[:, 0], rows.targets)


def _losses(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """log(1 + exp(∓z)) for classes 1 and 0."""
    return np.logaddexp(0, np.where(targets == 1, -logits, logits))


def _entry(rule: str, outcomes: Sequence[Outcome], fresh: SparseRows) -> RuleOnSparse | None:
    """A rule at its best rate by validation; None where it diverged at every one."""
    losses = np.array([np.nan if each.status == "diverged" else each.score for each in outcomes])
    if np.all(np.isnan(losses)):
        return None
    best, rarely = int(np.nanargmin(losses)), fresh.present > 0
    scored = log_losses(outcomes[best].network, fresh)
    rates = np.array([each.member.learning_rate for each in outcomes])
    at_edge = {0: "lowest", len(outcomes) - 1: "highest"}.get(best, "")
    means = [float(each.mean()) for each in (scored, scored[rarely], scored[~rarely])]
    return RuleOnSparse(
        rule, rule in ADAPTIVE, rates, losses, outcomes[best].member.learning_rate, at_edge, *means
    )
