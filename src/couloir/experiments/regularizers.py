"""Regularizers compared: the same network on the same few rows, held back in one way at a time.

Every treatment has the same number of strengths to choose from, on validation; every seed has a split, batch
order and initial weights of its own, the same for all treatments, so that they are compared in pairs. All of
it is one population: treatments and strengths are members, seeds are folds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType

import numpy as np

from couloir.data.dataset import Dataset
from couloir.data.splits import Fractions
from couloir.engine.architectures.mlp import Network
from couloir.engine.losses import DEFAULT_LOSS
from couloir.engine.member import Member
from couloir.engine.metrics import DEFAULT_METRIC
from couloir.engine.optimizers import RULES
from couloir.engine.outcomes import Outcome
from couloir.engine.training import Progress, train_population
from couloir.errors import InputError, check_whole, unknown
from couloir.model.predictor import from_network
from couloir.selection.problem import Conditions, Problem, prepare

STRENGTHS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "l2": (0.01, 0.03, 0.1, 0.3),
        "l1": (0.003, 0.01, 0.03, 0.1),
        "dropout": (0.1, 0.2, 0.35, 0.5),
        "noise": (0.2, 0.4, 0.8, 1.2),
    }
)
"""Field of a member → the strengths that are tried."""

TREATMENTS = ("none", *STRENGTHS, "early_stopping")
"""Ways against overfitting that are compared, doing nothing first."""


@dataclass(frozen=True)
class Treatment:
    """One way of holding the network back.

    Attributes:
        name: in `TREATMENTS`.
        strengths: what was chosen in each seed, [seed]; NaN where there is nothing to choose. For early
            stopping the epoch that was kept.
        training, validation, test: loss on each part, [seed], of the weights that the treatment ends with.
    """

    name: str
    strengths: np.ndarray
    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Regularizers:
    """All treatments on the same data.

    Attributes:
        treatments: in the order of `TREATMENTS`.
        metric: "log_loss" or "mse" (in squared target units).
        data: the data set's name; target: its target's name.
        sizes: rows of each part, by its name.
        seeds: how many splits, with weights of their own.
        epochs: how long everybody was trained.
        strengths: how many were tried of each treatment that has one.
    """

    treatments: tuple[Treatment, ...]
    metric: str
    data: str
    target: str
    sizes: dict[str, int]
    seeds: int
    epochs: int
    strengths: int

    def treatment(self, name: str) -> Treatment:
        """The treatment of a name.

        Raises:
            InputError: there is none.
        """
        by_name = {treatment.name: treatment for treatment in self.treatments}
        if name not in by_name:
            raise unknown("treatment", name, by_name)
        return by_name[name]


def compare_regularizers(
    dataset: Dataset,
    *,
    seeds: int = 8,
    split: Fractions = (0.3, 0.3, 0.4),
    hidden: tuple[int, ...] = (64,),
    activation: str = "relu",
    learning_rate: float = 0.003,
    batch_size: int = 32,
    epochs: int = 150,
    strengths: Mapping[str, Sequence[float]] = STRENGTHS,
    seed: int = 0,
) -> Regularizers:
    """Train a network plainly, with each regularizer at each strength, and with early stopping.

    Adam, and everybody to the last epoch. A strength is chosen, in each seed, by the validation loss of the
    last epoch; early stopping keeps the plain network's weights of the epoch whose validation loss is least.
    Scored once on the test part, which nothing was chosen by.

    Args:
        dataset: what to learn.
        seeds: replicates, with splits of the run seeds seed … seed + seeds − 1.
        split: shares of training, validation and test; a small training part overfits, and shows more.
        hidden, activation, learning_rate, batch_size, epochs: the network and its training.
        strengths: field of a member ("l2", "l1", "dropout", "noise") → what is tried.
        seed: the first run seed.

    Raises:
        InputError: an unknown regularizer, no seed, or a member that diverged.
    """
    check_whole("number of seeds", seeds)
    if strangers := [name for name in strengths if name not in STRENGTHS]:
        raise unknown("regularizer", strangers[0], STRENGTHS)
    problems = [prepare(dataset, Conditions(seed + number, split)) for number in range(seeds)]
    rows = min(len(problem.data.train.inputs) for problem in problems)
    plain = Member(RULES["adam"], learning_rate, hidden=hidden, activation=activation, epochs=epochs)
    plain = replace(plain, loss=DEFAULT_LOSS[dataset.task], batch_size=min(batch_size, rows))
    regularized = [(name, each) for name, values in strengths.items() for each in values]
    members = [plain, *(replace(plain, **{name: each}) for name, each in regularized)]  # type: ignore[arg-type]
    tried = [("none", math.nan), *regularized]
    trained = _trained(members, problems, seed)
    found = {
        name: [_treated(name, problem, tried, *fold) for problem, fold in zip(problems, trained, strict=True)]
        for name in ("none", *strengths, "early_stopping")
    }
    treatments = tuple(Treatment(name, *np.array(each, np.float64).T) for name, each in found.items())
    metric, parts = DEFAULT_METRIC[dataset.task], problems[0].split
    sizes = {"training": len(parts.train), "validation": len(parts.validation), "test": len(parts.test)}
    most = max((len(values) for values in strengths.values()), default=0)
    return Regularizers(treatments, metric, dataset.name, dataset.target_name, sizes, seeds, epochs, most)


def _trained(
    members: Sequence[Member], problems: Sequence[Problem], seed: int
) -> list[tuple[list[Outcome], list[Network]]]:
    """Per seed every member's outcome, whose weights are those of its best epoch, and its last weights."""
    last: list[dict[int, Network]] = []

    def keep(progress: Progress) -> None:
        if progress.epoch == progress.epochs:
            last.extend(progress.networks(number) for number in range(len(problems)))

    data, run_seeds = [problem.data for problem in problems], list(range(seed, seed + len(problems)))
    trained = train_population(members, data, seed=run_seeds, patience=None, on_epoch=keep)
    for outcome in chain.from_iterable(trained.folds):
        if outcome.status == "diverged":
            raise InputError(
                f"A network diverged at the learning rate {outcome.member.learning_rate}: give a lower one."
            )
    in_order = [[networks[number] for number in range(len(members))] for networks in last]
    return list(zip(trained.folds, in_order, strict=True))


def _treated(
    name: str, problem: Problem, tried: list[tuple[str, float]], outcomes: list[Outcome], last: list[Network]
) -> tuple[float, ...]:
    """What one treatment ends with in one seed: what was chosen, and the loss on each part."""
    metric = DEFAULT_METRIC[problem.data.task]
    if name == "early_stopping":
        outcome = outcomes[[treatment for treatment, _ in tried].index("none")]
        chosen, network = float(outcome.best_epoch), outcome.network
    else:
        own = [number for number, (treatment, _) in enumerate(tried) if treatment == name]
        best = min(own, key=lambda number: outcomes[number].validation[-1][metric])
        chosen, outcome, network = tried[best][1], outcomes[best], last[best]
    split = problem.split
    parts = (split.train, split.validation, split.test)
    return chosen, *(loss_on(problem, network, outcome.member, rows) for rows in parts)


def loss_on(problem: Problem, network: Network, member: Member, rows: np.ndarray) -> float:
    """A network's log loss, or mean squared error in squared target units, on rows of the data set."""
    model = from_network(network, member.design, problem.preparation)
    answers, truth = model.answers(problem.dataset.rows(rows)), problem.truth(rows)
    if problem.dataset.classes is None:
        return float(np.mean((truth - answers) ** 2))
    chances = answers[np.arange(len(truth)), truth]
    return float(-np.mean(np.log(np.maximum(chances, np.finfo(np.float64).tiny))))
