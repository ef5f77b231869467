"""A race on data: every update rule at its own best learning rate, over replicates that share nothing
but the test part they do not see.

First each rule's learning rate is tuned on the same number of rates, on one split. Then every rule, at its
tuned and at its customary rate, is trained in each of S replicates: a split, a batch order and initial
weights of the replicate's own, the same for all rules. What can be said about the rules is said from
their paired differences over the replicates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import polars as pl

from couloir.data.splits import replicate_rows
from couloir.engine import placement
from couloir.engine.epochs import TrainingData
from couloir.engine.member import Member
from couloir.engine.metrics import DEFAULT_METRIC, METRICS, metrics_of
from couloir.engine.outcomes import Outcome, Trained, eligible
from couloir.engine.rule import Rule
from couloir.engine.training import Callback, train_population
from couloir.errors import InputError
from couloir.runs.records import learned
from couloir.selection.comparison import paired
from couloir.selection.evaluation import or_none
from couloir.selection.problem import Conditions, Problem, predict, prepare_rows

DECADES = 2.0
"""Learning rates are tuned over so many decades on either side of the customary one."""

NEAR = 1.1
"""A rate is good that comes within a tenth of the lowest loss."""


def tuning_rates(rule: Rule, count: int) -> list[float]:
    """Learning rates to tune over: spaced evenly on a log scale over four decades around the customary."""
    exponents = np.linspace(-DECADES, DECADES, count) if count > 1 else np.zeros(1)
    return [float(f"{rule.defaults['learning_rate'] * 10**exponent:.4g}") for exponent in exponents]


@dataclass(frozen=True)
class Curves:
    """One rule's replicates: per metric the validation scores, [replicate, epoch]; NaN after diverging."""

    member: Member
    outcomes: list[Outcome]
    validation: dict[str, np.ndarray]

    @property
    def diverged(self) -> int:
        """In how many replicates it diverged."""
        return sum(outcome.status == "diverged" for outcome in self.outcomes)

    def best(self, metric: str) -> np.ndarray:
        """Each replicate's best score, [replicate]; NaN where it diverged."""
        pick = np.max if METRICS[metric].more_is_better else np.min
        return np.asarray(pick(self.validation[metric], axis=1))

    def final(self, metric: str) -> np.ndarray:
        """Each replicate's score after the last epoch, [replicate]; NaN where it diverged."""
        return self.validation[metric][:, -1]

    def epochs_to(self, metric: str, targets: np.ndarray) -> np.ndarray:
        """The first epoch at which each replicate is at its target or beyond, [replicate]; inf if none."""
        values, aims = self.validation[metric], targets[:, None]
        sign = METRICS[metric].sign
        there = sign * values <= sign * aims
        return np.where(there.any(axis=1), there.argmax(axis=1) + 1.0, np.inf)


@dataclass(frozen=True)
class Race:
    """A race that has been run.

    Attributes:
        metric: what rules are compared by.
        tuning: the population that rates were tuned with, on the run's own split.
        tuned: per rule's name its tuning outcome at the best rate; rules that always diverged are lacking.
        at_tuned, at_customary: per rule's name its replicates at that rate.
        train_rows, validation_rows: of a replicate.
        steps_per_epoch: of a replicate.
        replicas: the population of the replicates.
        epochs: that every member was trained for.
    """

    metric: str
    tuning: Trained
    tuned: dict[str, Outcome]
    at_tuned: dict[str, Curves]
    at_customary: dict[str, Curves]
    train_rows: int
    validation_rows: int
    steps_per_epoch: int
    replicas: Trained
    epochs: int

    @property
    def sign(self) -> int:
        """−1 where more of the metric is better, so that lower is better after multiplying by it."""
        return METRICS[self.metric].sign

    def pairs(self) -> list[learned.Pair]:
        """Every two rules compared, on their best scores at their tuned rates."""
        scores = {name: self.sign * curves.best(self.metric) for name, curves in self.at_tuned.items()}
        return paired.compare(scores, self.train_rows, self.validation_rows)

    def ranking(self) -> list[str]:
        """Rules by their mean best score, best first; those that diverged somewhere come last."""
        best = {name: self.sign * curves.best(self.metric) for name, curves in self.at_tuned.items()}
        return sorted(best, key=lambda name: paired.standing(best[name]))

    @property
    def winner(self) -> int:
        """The best rule's number in the tuning population, at its best rate."""
        best = self.tuned[self.ranking()[0]]
        return next(number for number, each in enumerate(self.tuning.outcomes) if each is best)

    @property
    def left_out(self) -> list[str]:
        """Rules that diverged at every rate they were tuned over, and so are not in the race."""
        tried = dict.fromkeys(outcome.member.rule.name for outcome in self.tuning.outcomes)
        return [name for name in tried if name not in self.tuned]

    def verdicts(self) -> list[str]:
        """What the pairs say, in sentences; then who was left out."""
        left_out = [f"{name} diverged at every learning rate and is left out." for name in self.left_out]
        return [*paired.verdicts(self.pairs(), self.ranking()), *left_out]

    def targets(self) -> np.ndarray:
        """Per replicate the score that half of the rules reach in it, [replicate].

        Replicates have targets of their own, since their validation rows differ in how hard they are.
        Where more than half of the rules diverged there is none: NaN, which nobody reaches.
        """
        best = [self.sign * curves.best(self.metric) for curves in self.at_tuned.values()]
        return np.asarray(self.sign * np.sort(best, axis=0)[(len(best) - 1) // 2])  # NaN is sorted last


def run_race(
    problem: Problem,
    members: Sequence[Member],
    conditions: Conditions,
    metric: str,
    rates: int,
    replicates: int,
    on_epoch: Callback | None = None,
    stage: Callable[[str], None] = lambda what: None,
) -> Race:
    """Tune every rule's learning rate, then race them over replicates.

    Args:
        problem: the data; its test part is in no replicate.
        members: one of each rule; the learning rate is taken from the rule.
        conditions: seed, split and precision.
        metric: what rules are tuned and compared by.
        rates: learning rates each rule is tuned over.
        replicates: S, run seeds seed + 1 … seed + S.
        on_epoch: called after every epoch; when it returns True, that part of the race ends there for all.
        stage: told what begins.

    Raises:
        InputError: every rule diverged at every rate.
    """
    train = partial(_trained, conditions=conditions, metric=metric, on_epoch=on_epoch)
    stage(f"tuning {len(members)} rules on {rates} learning rates each")
    tried = [replace(each, learning_rate=rate) for each in members for rate in tuning_rates(each.rule, rates)]
    tuning = train(tried, [problem.data], [conditions.seed])
    tuned = best_rates(tuning, metric)
    if not tuned:
        raise InputError(
            "Every rule diverged at every learning rate, so there is none to race: look for extreme values "
            "in the data, or race other rules."
        )
    runners = [tuned[each.rule.name].member for each in members if each.rule.name in tuned]
    customary = [replace(each, learning_rate=each.rule.defaults["learning_rate"]) for each in runners]
    stage(f"racing {len(runners)} rules over {replicates} replicates")
    seeds = [conditions.seed + number for number in range(1, replicates + 1)]
    data = [replicate(problem, conditions, seed) for seed in seeds]
    replicas = train([*runners, *customary], data, seeds)
    count, rows = len(runners), [len(part.train.inputs) for part in data]
    validation = [len(part.validation.inputs) for part in data if part.validation is not None]
    return Race(
        metric,
        tuning,
        tuned,
        {each.rule.name: _curves(replicas, number) for number, each in enumerate(runners)},
        {each.rule.name: _curves(replicas, count + number) for number, each in enumerate(customary)},
        round(float(np.mean(rows))),
        round(float(np.mean(validation))),
        math.ceil(max(rows) / runners[0].batch_size),
        replicas,
        max(outcome.epochs_run for outcome in replicas.outcomes),
    )


def _trained(
    members: Sequence[Member],
    data: Sequence[TrainingData],
    seeds: Sequence[int],
    conditions: Conditions,
    metric: str,
    on_epoch: Callback | None,
) -> Trained:
    """Everybody trained for as long as the others, if it fits into memory."""
    placement.check_memory(predict(members, data, conditions.machine)[1])
    return train_population(
        members,
        data,
        seed=seeds,
        patience=None,
        metric=metric,
        on_epoch=on_epoch,
        precision=conditions.precision,
        machine=conditions.machine,
    )


def best_rates(tuning: Trained, metric: str) -> dict[str, Outcome]:
    """Per rule's name the outcome with the best validation score; rules that always diverged are lacking."""
    found: dict[str, Outcome] = {}
    for number in eligible(tuning.outcomes, metric):
        outcome = tuning.outcomes[number]
        found.setdefault(outcome.member.rule.name, outcome)
    return found


def replicate(problem: Problem, conditions: Conditions, seed: int) -> TrainingData:
    """The rows that are not in the test part, divided and prepared once more, as a seed says."""
    split = problem.split
    rest = np.union1d(split.train, split.validation)
    share = len(split.validation) / len(rest)
    rows = replicate_rows(problem.dataset, rest, share, seed)
    return prepare_rows(problem.dataset, *rows, conditions)[1]


def _curves(replicas: Trained, number: int) -> Curves:
    outcomes = [fold[number] for fold in replicas.folds]
    epochs = max(outcome.epochs_run for fold in replicas.folds for outcome in fold)
    validation = {}
    for name in metrics_of(METRICS[replicas.metric].task):
        values = np.full((len(outcomes), epochs), np.nan)
        for row, outcome in enumerate(outcomes):
            if outcome.status != "diverged":
                values[row, : outcome.epochs_run] = [scores[name] for scores in outcome.validation]
        validation[name] = values
    return Curves(outcomes[0].member, outcomes, validation)


# What is reported -----------------------------------------------------------------------------------------


def standing(race: Race) -> list[learned.Standing]:
    """One entry a rule, best first: rates, scores with intervals, steps to the target, divergences."""
    return [_entry(race, name) for name in race.ranking()]


def _entry(race: Race, name: str) -> learned.Standing:
    curves, customary = race.at_tuned[name], race.at_customary[name]
    rule, metric = curves.member.rule, race.metric
    tried = [outcome for outcome in race.tuning.outcomes if outcome.member.rule is rule]
    rates = [outcome.member.learning_rate for outcome in tried]
    epochs = np.sort(curves.epochs_to(metric, race.targets()))
    steps = float(epochs[(len(epochs) - 1) // 2]) * race.steps_per_epoch
    return learned.Standing(
        rule=name,
        learning_rate=curves.member.learning_rate,
        customary_rate=rule.defaults["learning_rate"],
        at_edge=_edge(curves.member.learning_rate, rates),
        best=_intervals(race, curves.best),
        final=_intervals(race, curves.final),
        customary_best=_intervals(race, customary.best),
        diverged=curves.diverged,
        customary_diverged=customary.diverged,
        tuning_diverged=sum(outcome.status == "diverged" for outcome in tried),
        good_range=good_range(tried, metric),
        steps_to_target=steps if math.isfinite(steps) else None,
        seconds_to_target=steps * seconds_per_step(race) if math.isfinite(steps) else None,
        reached=int(np.isfinite(epochs).sum()),
    )


def seconds_per_step(race: Race) -> float:
    """Seconds of training per step of one member: its share of what the population took together."""
    epochs = sum(outcome.epochs_run for fold in race.replicas.folds for outcome in fold)
    return race.replicas.seconds / (epochs * race.steps_per_epoch)


def _edge(rate: float, rates: Sequence[float]) -> Literal["lowest", "highest"] | None:
    if len(rates) < 2 or min(rates) < rate < max(rates):
        return None
    return "lowest" if rate == min(rates) else "highest"


def good_range(tried: Sequence[Outcome], metric: str) -> tuple[float, float] | None:
    """The lowest and highest rate of the unbroken run around the best whose loss is within a tenth of it.

    The loss is the task's customary one, log loss or MSE, at each rate's best epoch by the metric.
    """
    ordered = sorted(tried, key=lambda outcome: outcome.member.learning_rate)
    loss = DEFAULT_METRIC[METRICS[metric].task]
    losses = [each.validation[each.best_epoch - 1][loss] if each.eligible else math.inf for each in ordered]
    best = min(losses, default=math.inf)
    if not math.isfinite(best):
        return None
    good = [value <= NEAR * best for value in losses]
    low = high = losses.index(best)
    while low > 0 and good[low - 1]:
        low -= 1
    while high + 1 < len(good) and good[high + 1]:
        high += 1
    return ordered[low].member.learning_rate, ordered[high].member.learning_rate


def _intervals(race: Race, scores: Callable[[str], np.ndarray]) -> dict[str, learned.Interval] | None:
    """Per metric mean and 95 % interval over the replicates; None where it diverged in any."""
    found = {}
    for name in metrics_of(METRICS[race.metric].task):
        values = scores(name)
        if not np.isfinite(values).all():
            return None
        mean, low, high = paired.corrected_interval(values, race.train_rows, race.validation_rows)
        found[name] = learned.Interval(mean=mean, low=low, high=high)
    return found


def tuning_table(race: Race) -> pl.DataFrame:
    """One row per rule and rate that was tried."""
    loss = DEFAULT_METRIC[METRICS[race.metric].task]
    rows = [
        {
            "rule": outcome.member.rule.name,
            "learning_rate": outcome.member.learning_rate,
            "best_loss": outcome.validation[outcome.best_epoch - 1][loss] if outcome.eligible else None,
            "final_loss": outcome.validation[-1][loss] if outcome.eligible else None,
            "best_epoch": outcome.best_epoch if outcome.eligible else None,
            "status": outcome.status,
            "diverged_epoch": outcome.diverged_epoch,
        }
        for outcome in race.tuning.outcomes
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def curves_table(race: Race) -> pl.DataFrame:
    """One row per rule, rate ("tuned" or "customary"), replicate and epoch."""
    loss = DEFAULT_METRIC[METRICS[race.metric].task]
    columns: dict[str, list[Any]] = {}
    for rate, by_rule in (("tuned", race.at_tuned), ("customary", race.at_customary)):
        for name, curves in by_rule.items():
            for number, outcome in enumerate(curves.outcomes):
                scores = zip(outcome.training, outcome.validation, strict=True)
                for epoch, (training, validation) in enumerate(scores, start=1):
                    row: dict[str, Any] = {"rule": name, "rate": rate, "replicate": number, "epoch": epoch}
                    row[METRICS[loss].column("training")] = or_none(training[loss])
                    for metric, value in validation.items():
                        row[METRICS[metric].column("validation")] = or_none(value)
                    for column, value in row.items():
                        columns.setdefault(column, []).append(value)
    return pl.DataFrame(columns)
