"""The centre: a population of networks trained as one program.

Read from the top. One member's loss; one step, in which the gradients of all members are computed
together and each rule then changes its own; one epoch, which is a scan over steps and ends by scoring
every member; and the loop over epochs with early stopping. Folds (and replicates: other seeds, other
splits) are an outer axis around the epoch. Only this module knows that there is more than one network.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from couloir import compilation, cost
from couloir.errors import InputError, unknown
from couloir.losses import LOSSES, LossFunction, l1_penalty, l2_penalty
from couloir.metrics import DEFAULT_METRIC, METRICS, metrics_of
from couloir.networks import Network, dropout, forward, initialise, standard_normal
from couloir.optimizers import Rule
from couloir.outcomes import Outcome, Rung, RungResult, Status, Trained, leader, thin_out
from couloir.population import Chunk, Member, lanes, plan_chunks
from couloir.schedules import factors

Precision = Literal["float32", "float64"]

ROWS_SCORED_AT_ONCE = 256
"""Samples in a block when a population is scored, so that hidden layers stay in the cache."""

INITIAL = 0x1417
"""Sets the draw of initial weights apart from the others that a run seed is used for."""

MOST_ROWS_WATCHED = 1000
"""Training rows that the training curves come from, at most: scoring them is time not spent on training."""

LEAST_ROWS_WATCHED = 200
"""Where there is no validation part to compare with, a fifth of the training rows, but so many at least."""


class Part(NamedTuple):
    """Prepared rows of one part of the data, on the host or on the device.

    inputs [sample, feature]; targets: class numbers [sample], or standardised values [sample, output].
    """

    inputs: Any
    targets: Any


@dataclass(frozen=True)
class TrainingData:
    """What a population is trained on and scored on.

    Attributes:
        task: "classification" or "regression".
        outputs: number of classes, or of target columns.
        train: the part that gradients come from.
        validation: the part that members are stopped and chosen by; None trains to the last epoch.
        target_scale: for regression, per output, one standardised unit in target units.
        sample_weights: weights of the training rows in the loss (class weights); None: all equal.
    """

    task: str
    outputs: int
    train: Part
    validation: Part | None
    target_scale: np.ndarray | None = None
    sample_weights: np.ndarray | None = None


# One member -------------------------------------------------------------------------------------------


class Regularization(NamedTuple):
    """A member's own strengths; what no member of the program uses is None and compiled out."""

    l1: Float[Array, "*member"] | None
    l2: Float[Array, "*member"] | None
    dropout: Float[Array, "*member"] | None


def member_loss(
    network: Network,
    batch: tuple[Float[Array, "feature batch"], Array, Float[Array, "batch"]],
    regularization: Regularization,
    key: Array,
    activation: str,
    loss: LossFunction,
) -> Float[Array, ""]:
    """One member's training loss: the weighted mean over the batch, plus its penalties."""
    inputs, targets, weights = batch
    strength = regularization
    drop = None if strength.dropout is None else dropout(key, strength.dropout)
    outputs = forward(network, inputs, activation, drop)
    total = jnp.sum(loss(outputs, targets) * weights) / jnp.sum(weights)
    if strength.l1 is not None:
        total += strength.l1 * l1_penalty(network)
    if strength.l2 is not None:
        total += strength.l2 * l2_penalty(network)
    return total


# A population: everything below has a leading member axis ----------------------------------------------


@dataclass(frozen=True)
class Program:
    """All that a compiled program depends on besides the shapes of its arguments.

    `uneven` says that some fold has fewer steps to an epoch than another, and sits the last ones out.
    """

    layout: tuple[tuple[Rule, int], ...]
    widths: tuple[int, ...]
    activation: str
    loss: LossFunction
    task: str
    metric: str
    noisy: bool
    one_restart: bool
    uneven: bool = False


class Settings(NamedTuple):
    """The members' numbers, all traced: changing them compiles nothing.

    `hyper` holds, rule by rule, name → [place]; `keys` is one key if all members are of one restart
    (they then share what is drawn), else [place]. `noise` is the cohort's σ.
    """

    hyper: tuple[dict[str, Float[Array, "place"]], ...]
    regularization: Regularization
    keys: Array
    noise: Float[Array, ""]
    noise_key: Array


class PopulationState(NamedTuple):
    """What training changes: the networks, their rules' states, and the best of each so far."""

    networks: Network
    rule_states: tuple[Any, ...]
    best_networks: Network
    best_score: Float[Array, "place"]
    best_tie: Float[Array, "place"]


class Schedule(NamedTuple):
    """One epoch's steps: which rows (with weight 0 where a batch is padded) and at which rates."""

    step: Int[Array, "step"]
    rows: Int[Array, "step batch"]
    weights: Float[Array, "step batch"]
    rates: Float[Array, "step place"]


class Scored(NamedTuple):
    """Rows that members are scored on in one pass: some of the training part, then the validation part.

    weights [part, sample] are 1 for the rows of the part and 0 elsewhere: for the other part's rows, and
    for what only fills a fold up to the largest one's size. Without validation there is one part.
    """

    inputs: Any
    targets: Any
    weights: Any


class DeviceData(NamedTuple):
    """What is on the device: the training part, the rows to score, what a standardised unit is."""

    train: Part
    scored: Scored
    target_scale: Any


class EpochScores(NamedTuple):
    """What an epoch reports of every member."""

    training: dict[str, Float[Array, "place"]]
    validation: dict[str, Float[Array, "place"]]
    improved: Bool[Array, "place"]
    finite: Bool[Array, "place"]


def segments(layout: Sequence[tuple[Rule, int]]) -> Iterator[tuple[Rule, slice]]:
    """Each rule with the slice of the member axis that is its own."""
    start = 0
    for rule, size in layout:
        yield rule, slice(start, start + size)
        start += size


def _cut(tree: Any, places: slice) -> Any:
    return jax.tree.map(lambda leaf: leaf[places], tree)


def _joined(trees: Sequence[Any]) -> Any:
    return trees[0] if len(trees) == 1 else jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *trees)


def _chosen(mask: Bool[Array, "place"], yes: Any, no: Any) -> Any:
    """Members' leaves of one tree where the mask holds, of the other elsewhere."""
    return jax.tree.map(lambda a, b: jnp.where(jnp.expand_dims(mask, tuple(range(1, a.ndim))), a, b), yes, no)


def step(
    program: Program, settings: Settings, state: PopulationState, now: Schedule, train: Part
) -> tuple[PopulationState, Float[Array, "place"]]:
    """One update of every member; returns the losses as well.

    The gradients of all members come from one program over the whole member axis; the updates run rule
    by rule, each on its static slice.
    """
    parts = list(segments(program.layout))
    hypers = [
        {**hyper, "learning_rate": now.rates[places]}
        for hyper, (_, places) in zip(settings.hyper, parts, strict=True)
    ]
    networks = [_cut(state.networks, places) for _, places in parts]
    asked = [
        network if rule.look_ahead is None else jax.vmap(rule.look_ahead)(rule_state, network, hyper)
        for (rule, _), rule_state, network, hyper in zip(
            parts, state.rule_states, networks, hypers, strict=True
        )
    ]
    asks_elsewhere = any(rule.look_ahead is not None for rule, _ in parts)
    losses, gradients = _gradients(
        program, settings, _joined(asked) if asks_elsewhere else state.networks, now, train
    )
    changed, rule_states = [], []
    for (rule, places), rule_state, network, hyper in zip(
        parts, state.rule_states, networks, hypers, strict=True
    ):
        change, rule_state = jax.vmap(rule.update)(_cut(gradients, places), rule_state, network, hyper)
        changed.append(jax.tree.map(jnp.add, network, change))
        rule_states.append(rule_state)
    return state._replace(networks=_joined(changed), rule_states=tuple(rule_states)), losses


def _gradients(
    program: Program, settings: Settings, networks: Network, now: Schedule, train: Part
) -> tuple[Float[Array, "place"], Network]:
    """Losses and gradients of all members on one batch, which all of them see alike."""
    inputs, targets = train.inputs[now.rows].T, train.targets[now.rows].T
    if program.noisy:
        key = jax.random.fold_in(settings.noise_key, now.step)
        inputs += settings.noise * standard_normal(key, inputs.shape, inputs.dtype)
    one = partial(member_loss, activation=program.activation, loss=program.loss)
    key_axis = None if program.one_restart else 0

    def with_key(network: Network, batch: Any, regularization: Regularization, key: Array) -> Array:
        return one(network, batch, regularization, jax.random.fold_in(jax.random.fold_in(key, 1), now.step))

    every = jax.vmap(jax.value_and_grad(with_key), in_axes=(0, None, 0, key_axis))
    return every(networks, (inputs, targets, now.weights), settings.regularization, settings.keys)


def score(
    program: Program, networks: Network, rows: Scored, scale: Array
) -> dict[str, Float[Array, "part place"]]:
    """Every metric of the task for every member on every part, with nothing switched off or added."""
    count = rows.inputs.shape[0]
    block = min(count, ROWS_SCORED_AT_ONCE)
    padded = jnp.pad(rows.inputs, ((0, -count % block), (0, 0)))
    blocks = padded.reshape(-1, block, padded.shape[1])

    def answer(some: Float[Array, "block feature"]) -> Float[Array, "place output block"]:
        return jax.vmap(lambda network: forward(network, some.T, program.activation))(networks)

    outputs = jnp.moveaxis(jax.lax.map(answer, blocks), 0, 2)
    outputs = outputs.reshape(*outputs.shape[:2], -1)[:, :, :count]
    found = {}
    for name in metrics_of(program.task):
        members = jax.vmap(METRICS[name].score, in_axes=(0, None, None, None))
        parts = jax.vmap(members, in_axes=(None, None, None, 0))
        found[name] = parts(outputs, rows.targets.T, scale, rows.weights)
    return found


def epoch(
    program: Program,
    state: PopulationState,
    settings: Settings,
    schedule: Schedule,
    data: DeviceData,
) -> tuple[PopulationState, EpochScores]:
    """One pass over the training part, then every member scored and its best kept."""

    def advance(carry: Any, now: Schedule) -> tuple[Any, None]:
        before, finite = carry
        state, losses = step(program, settings, before, now, data.train)
        finite_now = jnp.isfinite(losses)
        if program.uneven:  # a step of total weight 0 changes nothing, a rule's step count included
            live = jnp.sum(now.weights) > 0
            state = jax.tree.map(lambda new, old: jnp.where(live, new, old), state, before)
            finite_now |= ~live
        return (state, finite & finite_now), None

    finite = jnp.ones(schedule.rates.shape[1], bool)
    (state, finite), _ = jax.lax.scan(advance, (state, finite), schedule)
    scores = score(program, state.networks, data.scored, data.target_scale)
    training, validation = ({name: parts[place] for name, parts in scores.items()} for place in (0, -1))
    sign = -1 if METRICS[program.metric].more_is_better else 1
    ranking = sign * validation[program.metric]
    tie = validation[DEFAULT_METRIC[program.task]]
    for leaf in jax.tree.leaves(state.networks):
        finite &= jnp.all(jnp.isfinite(leaf), axis=tuple(range(1, leaf.ndim)))
    finite &= jnp.isfinite(ranking) & jnp.isfinite(tie)
    better = (ranking < state.best_score) | ((ranking == state.best_score) & (tie < state.best_tie))
    improved = finite & (better if data.scored.weights.shape[0] > 1 else True)
    state = _with_best(program, state, improved, finite, ranking, tie)
    return state, EpochScores(training, validation, improved, finite)


def _with_best(
    program: Program, state: PopulationState, improved: Array, finite: Array, ranking: Array, tie: Array
) -> PopulationState:
    """Keep the networks that improved; give a diverged one its best weights back and an empty state.

    A diverged member stays in its place, where its learning rate is 0 from the next epoch on: what is
    finite then stays so, and no NaN travels on.
    """
    best = _chosen(improved, state.networks, state.best_networks)
    rule_states = tuple(
        _chosen(finite[places], rule_state, jax.tree.map(jnp.zeros_like, rule_state))
        for (_, places), rule_state in zip(segments(program.layout), state.rule_states, strict=True)
    )
    return PopulationState(
        networks=_chosen(finite, state.networks, best),
        rule_states=rule_states,
        best_networks=best,
        best_score=jnp.where(improved, ranking, state.best_score),
        best_tie=jnp.where(improved, tie, state.best_tie),
    )


# Folds: everything below has a leading fold axis --------------------------------------------------------

_SHARED = Settings(hyper=None, regularization=None, keys=0, noise=None, noise_key=0)  # type: ignore[arg-type]
"""Which of the settings each fold has for itself: 0; and which are the same for all: None."""


def epoch_of_folds(
    program: Program, state: PopulationState, settings: Settings, schedule: Schedule, data: DeviceData
) -> tuple[PopulationState, EpochScores]:
    """One epoch in every fold, each with its own rows, batch order and weights."""
    one, axes = partial(epoch, program), (0, _SHARED, 0, 0)
    if schedule.step.shape[0] > 1:
        return jax.vmap(one, in_axes=axes)(state, settings, schedule, data)
    # A single fold runs without the axis, which costs some of the speed of the wide products.
    own = settings._replace(keys=settings.keys[0], noise_key=settings.noise_key[0])
    first = jax.tree.map(lambda leaf: leaf[0], (state, schedule, data))
    return jax.tree.map(lambda leaf: leaf[None], one(first[0], own, first[1], first[2]))


_epoch = jax.jit(epoch_of_folds, static_argnames="program", donate_argnames="state")


# On the host: batches, budgets, stopping ----------------------------------------------------------------


def epoch_batches(count: int, batch_size: int, seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers [step, batch] of one epoch, every row once, and their weights (0 where padded).

    Args:
        count: training rows.
        batch_size: rows a step; the last batch is padded.
        seed: the run seed.
        number: the epoch, from 1: each has an order of its own.
    """
    order = np.random.default_rng([seed, number]).permutation(count)
    steps = math.ceil(count / batch_size)
    rows = np.zeros(steps * batch_size, np.int32)
    rows[:count] = order
    weights = np.arange(steps * batch_size) < count
    return rows.reshape(steps, batch_size), weights.reshape(steps, batch_size).astype(float)


class _Folds:
    """Folds of equal numbers of features, on the host and stacked on the device, filled up to one size."""

    def __init__(
        self, numbers: Sequence[int], data: Sequence[TrainingData], seeds: Sequence[int], dtype: Any
    ) -> None:
        self.numbers, self.data, self.seeds, self.dtype = tuple(numbers), data, seeds, dtype
        self.on_device = _stacked([_to_device(*each, dtype) for each in zip(data, seeds, strict=True)])

    def some(self, numbers: Sequence[int]) -> _Folds:
        """A part of these folds, with the same sizes on the device."""
        if tuple(numbers) == self.numbers:
            return self
        at = [self.numbers.index(number) for number in numbers]
        part = object.__new__(_Folds)
        part.numbers, part.dtype = tuple(numbers), self.dtype
        part.data, part.seeds = [self.data[i] for i in at], [self.seeds[i] for i in at]
        part.on_device = jax.tree.map(lambda leaf: leaf[jnp.array(at)], self.on_device)
        return part

    @property
    def rows(self) -> list[int]:
        """Training rows of each fold."""
        return [len(data.train.inputs) for data in self.data]

    def steps(self, batch_size: int) -> list[int]:
        """Steps to an epoch of each fold."""
        return [math.ceil(rows / batch_size) for rows in self.rows]


class _ChunkTraining:
    """One chunk on its way through the epochs: arrays on the device, bookkeeping on the host."""

    def __init__(
        self, chunk: Chunk, outcomes: Sequence[Sequence[Outcome]], folds: _Folds, metric: str
    ) -> None:
        self.chunk, self.metric = chunk, metric
        self.folds = folds.some(chunk.folds)
        self.outcomes = [[outcomes[fold][number] for number in chunk.places] for fold in chunk.folds]
        self.members = [outcome.member for outcome in self.outcomes[0]]
        self.steps = self.folds.steps(chunk.cohort.batch_size)
        cohort, data = chunk.cohort, self.folds.data[0]
        self.program = Program(
            layout=chunk.layout,
            widths=cohort.widths(data.train.inputs.shape[1], data.outputs),
            activation=cohort.activation,
            loss=cohort.loss if callable(cohort.loss) else LOSSES[cohort.loss].per_sample,
            task=data.task,
            metric=self.metric,
            noisy=cohort.noise > 0,
            one_restart=len({member.restart for member in self.members}) == 1,
            uneven=len(set(self.steps)) > 1,
        )
        self.settings = _settings(
            chunk, self.members, self.folds.seeds, self.program.one_restart, folds.dtype
        )
        self.state: PopulationState | None = None
        self.fresh = True

    def active(self) -> np.ndarray:
        """For every fold and place whether its member is still in training, [fold, place]."""
        training = [[outcome.status == "training" for outcome in fold] for fold in self.outcomes]
        return np.array(training) & ~np.array(self.chunk.inert)

    @property
    def training(self) -> bool:
        return bool(self.active().any())

    def advance(self, number: int, patience: int | None) -> int:
        """Run epoch `number` and note what came of it; returns the member-samples it trained on."""
        active = self.active()
        if self.state is None:
            self.state = start(self.program, self.members, self.folds.seeds, self.folds.dtype)
        self.state, scores = _epoch(
            self.program, self.state, self.settings, self._schedule(number, active), self.folds.on_device
        )
        scores, self.fresh = jax.device_get(scores), False
        for fold, place in np.argwhere(active):
            training, validation = (
                {name: float(values[fold, place]) for name, values in part.items()}
                for part in (scores.training, scores.validation)
            )
            improved, finite = scores.improved[fold, place], scores.finite[fold, place]
            self.outcomes[fold][place].record(training, validation, improved, finite, self.metric, patience)
        return int(active.sum(axis=1) @ np.array(self.folds.rows))

    def _schedule(self, number: int, active: np.ndarray) -> Schedule:
        """The steps of epoch `number`; a fold with fewer of them is filled up with steps of weight 0."""
        most, own = max(self.steps), [self._fold_schedule(number, fold) for fold in range(len(self.steps))]

        def stack(name: str) -> np.ndarray:
            return np.stack([_filled(steps[name], most) for steps in own])

        return Schedule(
            jnp.asarray(stack("step"), jnp.int32),
            jnp.asarray(stack("rows")),
            jnp.asarray(stack("weights"), self.folds.dtype),
            jnp.asarray(stack("rates") * active[:, None, :], self.folds.dtype),
        )

    def _fold_schedule(self, number: int, fold: int) -> dict[str, np.ndarray]:
        """One fold's steps of epoch `number`."""
        data, count = self.folds.data[fold], self.steps[fold]
        rows, weights = epoch_batches(
            len(data.train.inputs), self.chunk.cohort.batch_size, self.folds.seeds[fold], number
        )
        if data.sample_weights is not None:
            weights = weights * data.sample_weights[rows]
        steps = np.arange(count) + (number - 1) * count
        curves = {
            key: factors(key[0], steps, key[2] * count, key[1]) for key in set(map(_curve, self.members))
        }
        rates = [member.learning_rate * curves[_curve(member)] for member in self.members]
        return {"step": steps, "rows": rows, "weights": weights, "rates": np.stack(rates, axis=1)}

    def collect(self) -> None:
        """Bring every member's best weights to the host."""
        if self.state is None:
            return
        networks = jax.device_get(self.state.best_networks)
        for fold, outcomes in enumerate(self.outcomes):
            for place, (outcome, inert) in enumerate(zip(outcomes, self.chunk.inert, strict=True)):
                if not inert:
                    outcome.network = jax.tree.map(lambda leaf, at=(fold, place): leaf[at].copy(), networks)


def _filled(values: np.ndarray, count: int) -> np.ndarray:
    """An array [step, …] filled up with zeros to so many steps."""
    return np.pad(values, [(0, count - len(values)), *[(0, 0)] * (values.ndim - 1)])


# Packing: a shrinking population is dealt out anew -------------------------------------------------------


def _pack(
    chunks: list[_ChunkTraining],
    number: int,
    sure: int,
    outcomes: Sequence[Sequence[Outcome]],
    stacks: Sequence[_Folds],
) -> list[_ChunkTraining]:
    """After epoch `number`, deal the members that are still in training out over fewer or smaller chunks.

    That is done, cohort by cohort, where it is predicted to pay; what is predicted depends on shapes alone,
    so that the same run packs at the same epochs again. As many epochs are taken to lie ahead as have been
    run, or as are sure because no rung comes before, but not more than the budget holds.
    """
    kept: list[_ChunkTraining] = []
    by_cohort: dict[Any, list[_ChunkTraining]] = {}
    for chunk in chunks:
        stack = next(i for i, folds in enumerate(stacks) if chunk.chunk.folds[0] in folds.numbers)
        by_cohort.setdefault((chunk.chunk.cohort, stack), []).append(chunk)
    for (_, stack), group in by_cohort.items():
        kept += _packed(group, number, sure, outcomes, stacks[stack])
    return kept


def _packed(
    group: list[_ChunkTraining],
    number: int,
    sure: int,
    outcomes: Sequence[Sequence[Outcome]],
    folds: _Folds,
) -> list[_ChunkTraining]:
    """The chunks of one cohort, or those that take their place."""
    active: dict[int, Member] = {}
    for chunk in group:
        for place in np.flatnonzero(chunk.active().any(axis=0)):
            active[chunk.chunk.places[place]] = chunk.members[place]
    if not active or len(active) == len({n for chunk in group for n in chunk.chunk.places}):
        return group
    widths = group[0].program.widths
    planned = plan_chunks(
        dict(sorted(active.items())), widths[0], widths[-1], folds=folds.numbers, rounded=True
    )
    rows, batch = max(folds.rows), group[0].chunk.cohort.batch_size

    def seconds(parts: Sequence[Chunk]) -> float:
        return sum(cost.epoch_seconds(part.trainings, widths, rows, batch) for part in parts)

    saved = seconds([chunk.chunk for chunk in group if chunk.training]) - seconds(planned)
    budget = max(member.epochs for member in active.values())
    if min(max(number, sure), budget - number) * saved <= cost.compile_seconds(planned[0]):
        return group
    for chunk in group:
        chunk.collect()
    return _moved(group, planned, outcomes, folds)


def _moved(
    group: Sequence[_ChunkTraining],
    planned: Sequence[Chunk],
    outcomes: Sequence[Sequence[Outcome]],
    folds: _Folds,
) -> list[_ChunkTraining]:
    """New chunks, with every member's state taken over from the old ones."""
    found: dict[tuple[int, int], Any] = {}  # by fold and member: its part of every state
    for chunk in group:
        state = jax.device_get(chunk.state)
        for fold_at, fold in enumerate(chunk.chunk.folds):
            for rule_at, (_, places) in enumerate(segments(chunk.chunk.layout)):
                own = state._replace(rule_states=state.rule_states[rule_at])
                for place in range(places.start, places.stop):
                    if not chunk.chunk.inert[place]:
                        number = chunk.chunk.places[place]
                        found[fold, number] = (own, (fold_at, place), place - places.start)

    def state_of(fold: int, member: int) -> PopulationState:
        own, at, in_rule = found[fold, member]
        rest = jax.tree.map(lambda leaf: leaf[at], own._replace(rule_states=()))
        return rest._replace(rule_states=jax.tree.map(lambda leaf: leaf[at[0], in_rule], own.rule_states))

    moved = []
    for plan in planned:
        fresh = _ChunkTraining(plan, outcomes, folds, group[0].metric)
        states = [[state_of(fold, number) for number in plan.places] for fold in plan.folds]
        rest = _grid([[state._replace(rule_states=()) for state in row] for row in states])
        rule_states = tuple(
            _grid([[state.rule_states for state in row[places]] for row in states])
            for _, places in segments(plan.layout)
        )
        fresh.state = jax.tree.map(jnp.asarray, rest._replace(rule_states=rule_states))
        moved.append(fresh)
    return moved


def _grid(trees: Sequence[Sequence[Any]]) -> Any:
    """Trees in rows and columns as one tree of arrays [row, column, …]."""
    rows = [jax.tree.map(lambda *leaves: np.stack(leaves), *row) for row in trees]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *rows)


def start(program: Program, members: Sequence[Member], seeds: Sequence[int], dtype: Any) -> PopulationState:
    """The population before its first step, in every fold: [fold, place, …].

    Made on the host, since a program that draws a few weights takes longer to compile than to run.
    """
    drawn: dict[tuple[int, int], Network] = {}
    for seed in seeds:
        for member in members:
            if (seed, member.restart) not in drawn:
                entropy = (seed, INITIAL, member.restart)
                drawn[seed, member.restart] = initialise(entropy, program.widths, program.activation, dtype)
    networks = _grid([[drawn[seed, member.restart] for member in members] for seed in seeds])
    rule_states = []
    for rule, places in segments(program.layout):
        first = {
            key: jax.device_get(rule.init(jax.tree.map(jnp.asarray, network)))
            for key, network in drawn.items()
        }
        rule_states.append(
            _grid([[first[seed, member.restart] for member in members[places]] for seed in seeds])
        )
    worst = np.full((len(seeds), len(members)), np.inf, dtype)
    host: Any = (networks, tuple(rule_states), networks, worst, worst)
    return PopulationState(*jax.tree.map(jnp.array, host))


def _curve(member: Member) -> tuple[str, float, int]:
    return member.schedule, member.warmup, member.epochs


def _settings(
    chunk: Chunk, members: Sequence[Member], seeds: Sequence[int], one_restart: bool, dtype: Any
) -> Settings:
    """The members' numbers as arrays, place by place, and the keys of every fold."""
    roots = jnp.stack([jax.random.key(seed, impl="threefry2x32") for seed in seeds])
    restarts = jnp.array([member.restart for member in members[: 1 if one_restart else None]], jnp.uint32)

    def member_keys(root: Array) -> Array:
        return jax.vmap(partial(jax.random.fold_in, jax.random.fold_in(root, 0)))(restarts)

    keys = jax.vmap(member_keys)(roots)

    def strengths(name: str) -> Array | None:
        values = np.array([getattr(member, name) for member in members])
        return jnp.asarray(values, dtype) if values.any() else None

    hyper = tuple(
        {
            name: jnp.asarray([member.hyper()[name] for member in members[places]], dtype)
            for name in rule.defaults
            if name != "learning_rate"
        }
        for rule, places in segments(chunk.layout)
    )
    return Settings(
        hyper,
        Regularization(strengths("l1"), strengths("l2"), strengths("dropout")),
        keys[:, 0] if one_restart else keys,
        jnp.asarray(chunk.cohort.noise, dtype),
        jax.vmap(lambda root: jax.random.fold_in(root, 1))(roots),
    )


def _watched_rows(data: TrainingData, seed: int) -> np.ndarray:
    """Training rows for the training curves: as many as validation has, up to a thousand."""
    count = len(data.train.inputs)
    compared = max(count // 5, LEAST_ROWS_WATCHED)
    if data.validation is not None:
        compared = len(data.validation.inputs)
    wanted = min(count, MOST_ROWS_WATCHED, compared)
    return np.sort(np.random.default_rng([seed, 0]).choice(count, wanted, replace=False))


def _to_device(data: TrainingData, seed: int, dtype: Any) -> DeviceData:
    """One fold's parts, still as NumPy arrays of the types that the device will hold."""

    def part(rows: Part) -> Part:
        targets = np.asarray(rows.targets, np.int32 if data.task == "classification" else dtype)
        return Part(np.asarray(rows.inputs, dtype), targets)

    watched = _watched_rows(data, seed)
    parts = [Part(data.train.inputs[watched], data.train.targets[watched])]
    parts += [data.validation] if data.validation is not None else []
    belongs = np.repeat(np.arange(len(parts)), [len(rows.inputs) for rows in parts])
    joined = part(Part(*map(np.concatenate, zip(*parts, strict=True))))
    scale = np.ones(data.outputs) if data.target_scale is None else np.asarray(data.target_scale)
    return DeviceData(
        part(data.train),
        Scored(*joined, (belongs == np.arange(len(parts))[:, None]).astype(dtype)),
        np.asarray(scale, dtype),
    )


def _stacked(folds: Sequence[DeviceData]) -> DeviceData:
    """Folds as one tree of arrays [fold, …] on the device, each filled up to the longest with zeros."""

    def stack(*leaves: np.ndarray) -> Array:
        most = np.max([leaf.shape for leaf in leaves], axis=0)
        padded = [
            np.pad(leaf, [(0, m - n) for m, n in zip(most, leaf.shape, strict=True)]) for leaf in leaves
        ]
        return jnp.asarray(np.stack(padded))

    return jax.tree.map(stack, *folds)


@dataclass
class Progress:
    """Where a population stands after an epoch; what a callback is given.

    `folds` has the outcomes of every fold; `networks()` fetches the present weights (not the best ones),
    for paths.
    """

    epoch: int
    epochs: int
    folds: Sequence[Sequence[Outcome]]
    metric: str
    member_samples: int
    seconds: float
    compile_seconds: float
    _chunks: Sequence[_ChunkTraining]

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """Those of every member in every fold."""
        return [outcome for fold in self.folds for outcome in fold]

    def count(self, status: Status) -> int:
        """Members of a status."""
        return sum(outcome.status == status for outcome in self.outcomes)

    def best(self) -> Outcome | None:
        """The member that is ahead, if any has a score."""
        return leader(self.outcomes, self.metric)

    def networks(self, fold: int = 0) -> dict[int, Network]:
        """The present weights in a fold by the member's number: of all that have not been packed away."""
        found: dict[int, Network] = {}
        for training in self._chunks:
            if fold not in training.chunk.folds or training.state is None:
                continue
            present = jax.device_get(training.state.networks)
            row = training.chunk.folds.index(fold)
            for place in np.flatnonzero(~np.array(training.chunk.inert)):
                number = training.chunk.places[place]
                found[number] = jax.tree.map(lambda leaf, at=(row, place): leaf[at], present)
        return found


Callback = Callable[[Progress], bool | None]


def train_population(
    members: Sequence[Member],
    data: TrainingData | Sequence[TrainingData],
    *,
    seed: int | Sequence[int] = 0,
    patience: int | None = 10,
    metric: str | None = None,
    epochs: int | None = None,
    rungs: Sequence[Rung] = (),
    on_epoch: Callback | None = None,
    chunk: int | None = None,
    precision: Precision = "float32",
) -> Trained:
    """Train every member, each until its budget ends, it stops improving or it diverges.

    A member's result depends on its own hyperparameters, its restart and the run seed; not on the other
    members, its place among them, the other folds or the size of the chunks. With rungs it also depends
    on the others whether a member comes to its end.

    Args:
        members: the population; a member's `loss` may also be any function of outputs [output, batch]
            and targets that gives one number a sample, written in JAX.
        data: prepared inputs and targets; several of them, as for folds or replicates, train every
            member on each.
        seed: the run seed: batch order, input noise, and with a member's restart its weights and dropout;
            for several folds one for all, or one for each.
        patience: epochs without improvement on validation before a member stops; None: never.
        metric: what members are stopped by; None: log loss, or mean squared error.
        epochs: end after so many, whatever the members' budgets (which stay their schedules' horizon).
        rungs: successive halving: where the worse members leave (see `couloir.outcomes.halving`).
        on_epoch: called after every epoch; training ends when it returns True.
        chunk: networks that train side by side, about; None picks from the shapes.
        precision: of parameters and data, "float32" or "float64".

    Returns:
        histories, best weights and status of every member in every fold.
    """
    folds = [data] if isinstance(data, TrainingData) else list(data)
    seeds = [seed] * len(folds) if isinstance(seed, int) else list(seed)
    _check(members, folds, seeds, metric, epochs, precision)
    metric = metric or DEFAULT_METRIC[folds[0].task]
    outcomes = [[Outcome(member) for member in members] for _ in folds]
    budget = max(member.epochs for member in members)
    horizon = budget if epochs is None else min(budget, epochs)
    patience = patience if folds[0].validation is not None else None
    clock, began, seen = compilation.Clock(), time.perf_counter(), 0
    passed: list[RungResult] = []
    with _engine(precision), clock.running(), ThreadPoolExecutor(lanes()) as pool:
        stacks = _stack_folds(folds, seeds, precision)
        chunks = _laid_out(members, outcomes, stacks, metric, chunk)
        for number in range(1, horizon + 1):
            seen += _advance(chunks, number, patience, precision, pool)
            for rung in rungs:
                if rung.epoch == number and (result := thin_out(outcomes, rung, metric)):
                    passed.append(result)
            next_rung = min((rung.epoch for rung in rungs if rung.epoch > number), default=0)
            chunks = _pack(chunks, number, next_rung - number, outcomes, stacks)
            elapsed = time.perf_counter() - began - clock.seconds
            progress = Progress(number, horizon, outcomes, metric, seen, elapsed, clock.seconds, chunks)
            if (on_epoch is not None and on_epoch(progress)) or not any(p.training for p in chunks):
                break
        for part in chunks:
            part.collect()
    for outcome in (outcome for fold in outcomes for outcome in fold):
        outcome.status = "finished" if outcome.status == "training" else outcome.status
    elapsed = time.perf_counter() - began - clock.seconds
    return Trained(outcomes, metric, seen, elapsed, clock.seconds, tuple(passed))


def _stack_folds(folds: Sequence[TrainingData], seeds: Sequence[int], dtype: Any) -> list[_Folds]:
    """Folds grouped by what their programs' shapes depend on: their numbers of features."""
    by_shape: dict[Any, list[int]] = {}
    for number, fold in enumerate(folds):
        by_shape.setdefault((fold.train.inputs.shape[1], fold.validation is None), []).append(number)
    return [
        _Folds(numbers, [folds[n] for n in numbers], [seeds[n] for n in numbers], dtype)
        for numbers in by_shape.values()
    ]


def _laid_out(
    members: Sequence[Member],
    outcomes: Sequence[Sequence[Outcome]],
    stacks: Sequence[_Folds],
    metric: str,
    most: int | None,
) -> list[_ChunkTraining]:
    """Every chunk of the population in every fold, before the first step."""
    return [
        _ChunkTraining(chunk, outcomes, folds, metric)
        for folds in stacks
        for chunk in plan_chunks(
            members, folds.data[0].train.inputs.shape[1], folds.data[0].outputs, most, folds.numbers
        )
    ]


def _advance(
    chunks: Sequence[_ChunkTraining],
    number: int,
    patience: int | None,
    precision: Precision,
    pool: ThreadPoolExecutor,
) -> int:
    """Run epoch `number` of every chunk, as many at a time as there are lanes; returns member-samples."""

    def advance(part: _ChunkTraining) -> int:
        with numerics(precision):  # JAX's settings are each thread's own
            return part.advance(number, patience)

    waiting = [part for part in chunks if part.training]
    # A chunk of each program that is new compiles it for the others.
    first = {id(part) for part in {part.program: part for part in reversed(waiting) if part.fresh}.values()}
    seen = sum(pool.map(advance, [part for part in waiting if id(part) in first]))
    return seen + sum(pool.map(advance, [part for part in waiting if id(part) not in first]))


def _check(
    members: Sequence[Member],
    folds: Sequence[TrainingData],
    seeds: Sequence[int],
    metric: str | None,
    epochs: int | None,
    precision: str,
) -> None:
    """Raise an InputError for arguments that cannot be meant."""
    if not members or not folds:
        raise InputError("There are no members or no data to train: give at least one.")
    if len(seeds) != len(folds):
        raise InputError(f"There are {len(seeds)} seeds for {len(folds)} folds: give one, or one for each.")
    task = folds[0].task
    if metric is not None and metric not in metrics_of(task):
        raise unknown(f"{task} metric", metric, metrics_of(task))
    if precision not in get_args(Precision):
        raise unknown("precision", precision, get_args(Precision))
    if epochs is not None and epochs < 1:
        raise InputError(f"Training for {epochs} epochs leaves nothing to choose: give 1 or more.")
    for data in folds:
        if data.sample_weights is not None and not np.all(data.sample_weights > 0):
            raise InputError("Sample weights have to be above 0: leave out the rows that should not count.")


@contextlib.contextmanager
def _engine(precision: Precision) -> Iterator[None]:
    """JAX set up for our programs, and left as it was."""
    with compilation.cached(), numerics(precision):
        yield


@contextlib.contextmanager
def numerics(precision: Precision) -> Iterator[None]:
    """The settings that a thread computes under: its precision, its random bits, no TF32 on GPUs.

    JAX's partitionable bits, which need no communication between devices, take twice the time.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(jax.enable_x64(precision == "float64"))
        stack.enter_context(jax.threefry_partitionable(False))
        if jax.default_backend() != "cpu":
            stack.enter_context(jax.default_matmul_precision("float32"))
        yield
