"""The centre: a population of networks trained as one program.

Read from the top. One member's loss; one step, in which the gradients of all members are computed
together and each rule then changes its own; one epoch, which is a scan over steps and ends by scoring
every member; and the loop over epochs with early stopping. Only this module knows that there is more
than one network.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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
from couloir.population import Chunk, Member, lanes, packed, plan_chunks
from couloir.schedules import factors

Precision = Literal["float32", "float64"]
Status = Literal["training", "finished", "stopped", "diverged"]

ROWS_SCORED_AT_ONCE = 256
"""Samples in a block when a population is scored, so that hidden layers stay in the cache."""

MOST_ROWS_WATCHED = 1000
"""Training rows that the training curves come from, at most: scoring them is time not spent on training."""


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
    """All that a compiled program depends on besides the shapes of its arguments."""

    layout: tuple[tuple[Rule, int], ...]
    widths: tuple[int, ...]
    activation: str
    loss: LossFunction
    task: str
    metric: str
    noisy: bool
    one_restart: bool


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


class DeviceData(NamedTuple):
    """The parts on the device; `watched` are the training rows that the training scores come from."""

    train: Part
    watched: Part
    validation: Part | None
    target_scale: Float[Array, "output"]


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


def start(program: Program, keys: Array, dtype: Any) -> PopulationState:
    """The population before its first step."""
    size = sum(size for _, size in program.layout)
    draw = partial(initialise, widths=program.widths, activation=program.activation, dtype=dtype)
    if program.one_restart:
        one = draw(jax.random.fold_in(keys, 0))
        networks = jax.tree.map(lambda leaf: jnp.tile(leaf, (size, *[1] * leaf.ndim)), one)
    else:
        networks = jax.vmap(lambda key: draw(jax.random.fold_in(key, 0)))(keys)
    rule_states = tuple(
        jax.vmap(rule.init)(_cut(networks, places)) for rule, places in segments(program.layout)
    )
    worst = jnp.full(size, jnp.inf, dtype)
    return PopulationState(networks, rule_states, jax.tree.map(jnp.copy, networks), worst, worst + 0)


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


def score(program: Program, networks: Network, part: Part, scale: Array) -> dict[str, Float[Array, "place"]]:
    """Every metric of the task for every member, with nothing switched off or added."""
    count = part.inputs.shape[0]
    block = min(count, ROWS_SCORED_AT_ONCE)
    padded = jnp.pad(part.inputs, ((0, -count % block), (0, 0)))
    blocks = padded.reshape(-1, block, padded.shape[1])

    def answer(rows: Float[Array, "block feature"]) -> Float[Array, "place output block"]:
        return jax.vmap(lambda network: forward(network, rows.T, program.activation))(networks)

    outputs = jnp.moveaxis(jax.lax.map(answer, blocks), 0, 2)
    outputs = outputs.reshape(*outputs.shape[:2], -1)[:, :, :count]
    return {
        name: jax.vmap(METRICS[name].score, in_axes=(0, None, None))(outputs, part.targets.T, scale)
        for name in metrics_of(program.task)
    }


def epoch(
    program: Program,
    state: PopulationState,
    settings: Settings,
    schedule: Schedule,
    data: DeviceData,
) -> tuple[PopulationState, EpochScores]:
    """One pass over the training part, then every member scored and its best kept."""

    def advance(carry: Any, now: Schedule) -> tuple[Any, None]:
        state, finite = carry
        state, losses = step(program, settings, state, now, data.train)
        return (state, finite & jnp.isfinite(losses)), None

    finite = jnp.ones(schedule.rates.shape[1], bool)
    (state, finite), _ = jax.lax.scan(advance, (state, finite), schedule)
    training = score(program, state.networks, data.watched, data.target_scale)
    judged = data.validation if data.validation is not None else data.watched
    validation = score(program, state.networks, judged, data.target_scale)
    sign = -1 if METRICS[program.metric].more_is_better else 1
    ranking = sign * validation[program.metric]
    tie = validation[DEFAULT_METRIC[program.task]]
    for leaf in jax.tree.leaves(state.networks):
        finite &= jnp.all(jnp.isfinite(leaf), axis=tuple(range(1, leaf.ndim)))
    finite &= jnp.isfinite(ranking) & jnp.isfinite(tie)
    better = (ranking < state.best_score) | ((ranking == state.best_score) & (tie < state.best_tie))
    improved = finite & (better if data.validation is not None else True)
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


_start = jax.jit(start, static_argnames=("program", "dtype"))
_epoch = jax.jit(epoch, static_argnames="program", donate_argnames="state")


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


@dataclass
class Outcome:
    """How one member has fared so far.

    `training` and `validation` hold a dict of metrics for every epoch run. `score` is the best
    validation value of the metric that members are chosen by; `best_epoch` 0 means none yet.
    `network` is the member's best weights, layers of (weight [output, input], bias [output]).
    """

    member: Member
    status: Status = "training"
    best_epoch: int = 0
    score: float = math.nan
    training: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    network: Network | None = None

    @property
    def epochs_run(self) -> int:
        """Epochs that this member was trained for."""
        return len(self.validation)

    @property
    def diverged_epoch(self) -> int | None:
        """The epoch in which its loss or parameters stopped being finite, or None."""
        return self.epochs_run if self.status == "diverged" else None

    def record(self, scores: EpochScores, place: int, metric: str, patience: int | None) -> None:
        """Take note of one more epoch and decide whether it was the last."""
        self.training.append({name: float(values[place]) for name, values in scores.training.items()})
        self.validation.append({name: float(values[place]) for name, values in scores.validation.items()})
        if scores.improved[place]:
            self.best_epoch, self.score = self.epochs_run, self.validation[-1][metric]
        if not scores.finite[place]:
            self.status = "diverged"
        elif self.epochs_run >= self.member.epochs:
            self.status = "finished"
        elif patience is not None and self.epochs_run - self.best_epoch >= patience:
            self.status = "stopped"


class _ChunkTraining:
    """One chunk on its way through the epochs: arrays on the device, bookkeeping on the host."""

    def __init__(
        self,
        chunk: Chunk,
        outcomes: Sequence[Outcome],
        data: TrainingData,
        on_device: DeviceData,
        seed: int,
        metric: str,
        dtype: Any,
    ) -> None:
        self.population, self.data, self.on_device = outcomes, data, on_device
        self.seed, self.metric, self.dtype = seed, metric, dtype
        self.steps = math.ceil(len(data.train.inputs) / chunk.cohort.batch_size)
        self._lay_out(chunk)
        self.state = _start(self.program, self.settings.keys, dtype)

    def _lay_out(self, chunk: Chunk) -> None:
        """Set up the program and its settings for the members of a chunk, in their places."""
        self.chunk = chunk
        self.outcomes = [self.population[number] for number in chunk.places]
        members = [outcome.member for outcome in self.outcomes]
        cohort = chunk.cohort
        self.program = Program(
            layout=chunk.layout,
            widths=cohort.widths(self.data.train.inputs.shape[1], self.data.outputs),
            activation=cohort.activation,
            loss=cohort.loss if callable(cohort.loss) else LOSSES[cohort.loss].per_sample,
            task=self.data.task,
            metric=self.metric,
            noisy=cohort.noise > 0,
            one_restart=len({member.restart for member in members}) == 1,
        )
        self.settings = _settings(chunk, members, self.seed, self.program.one_restart, self.dtype)

    def active(self) -> np.ndarray:
        """For every place whether its member is still in training, [place]."""
        return np.array(
            [
                outcome.status == "training" and not inert
                for outcome, inert in zip(self.outcomes, self.chunk.inert, strict=True)
            ]
        )

    @property
    def training(self) -> bool:
        return bool(self.active().any())

    def advance(self, number: int, patience: int | None) -> int:
        """Run epoch `number` and note what came of it; returns the member-samples it trained on."""
        active = self.active()
        self.state, scores = _epoch(
            self.program, self.state, self.settings, self._schedule(number, active), self.on_device
        )
        scores = jax.device_get(scores)
        for place in np.flatnonzero(active):
            self.outcomes[place].record(scores, int(place), self.metric, patience)
        return int(active.sum()) * len(self.data.train.inputs)

    def pack(self, number: int) -> None:
        """After epoch `number`, put away members that are done, where that is predicted to pay.

        What is predicted depends on shapes alone, so that the same run packs at the same epochs again.
        As many epochs are taken to lie ahead as have been run, at most those of the budget.
        """
        active = self.active()
        if not active.any() or active.all():
            return
        chunk, kept = packed(self.chunk, active)
        budget = max(self.outcomes[place].member.epochs for place in np.flatnonzero(active))
        rows, batch_size = len(self.data.train.inputs), chunk.cohort.batch_size
        now, then = (
            cost.epoch_seconds(places, self.program.widths, rows, batch_size)
            for places in (len(active), len(kept))
        )
        if min(number, budget - number) * (now - then) <= cost.compile_seconds(chunk):
            return
        self.collect()
        state, parts = jax.device_get(self.state), list(segments(self.chunk.layout))
        places_of = {
            rule: kept[(kept >= part.start) & (kept < part.stop)] - part.start for rule, part in parts
        }
        rule_states = tuple(
            jax.tree.map(lambda leaf, rule=rule: leaf[places_of[rule]], rule_state)
            for (rule, _), rule_state in zip(parts, state.rule_states, strict=True)
            if len(places_of[rule])
        )
        rest = jax.tree.map(lambda leaf: leaf[kept], state._replace(rule_states=()))
        self.state = jax.tree.map(jnp.asarray, rest._replace(rule_states=rule_states))
        self._lay_out(chunk)

    def _schedule(self, number: int, active: np.ndarray) -> Schedule:
        rows, weights = epoch_batches(
            len(self.data.train.inputs), self.chunk.cohort.batch_size, self.seed, number
        )
        if self.data.sample_weights is not None:
            weights = weights * self.data.sample_weights[rows]
        steps = np.arange(self.steps) + (number - 1) * self.steps
        curves = {
            key: factors(key[0], steps, key[2] * self.steps, key[1])
            for key in {_curve(outcome.member) for outcome in self.outcomes}
        }
        rates = np.stack(
            [outcome.member.learning_rate * curves[_curve(outcome.member)] for outcome in self.outcomes],
            axis=1,
        )
        return Schedule(
            jnp.asarray(steps, jnp.int32),
            jnp.asarray(rows),
            jnp.asarray(weights, self.dtype),
            jnp.asarray(rates * active, self.dtype),
        )

    def collect(self) -> None:
        """Bring every member's best weights to the host."""
        networks = jax.device_get(self.state.best_networks)
        for place, (outcome, inert) in enumerate(zip(self.outcomes, self.chunk.inert, strict=True)):
            if not inert:
                outcome.network = jax.tree.map(lambda leaf, place=place: leaf[place].copy(), networks)


def _curve(member: Member) -> tuple[str, float, int]:
    return member.schedule, member.warmup, member.epochs


def _settings(chunk: Chunk, members: Sequence[Member], seed: int, one_restart: bool, dtype: Any) -> Settings:
    """The members' numbers as arrays, place by place."""
    root = jax.random.key(seed, impl="threefry2x32")
    member_root = jax.random.fold_in(root, 0)
    restarts = jnp.array([member.restart for member in members], jnp.uint32)
    keys = jax.vmap(partial(jax.random.fold_in, member_root))(restarts)

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
        keys[0] if one_restart else keys,
        jnp.asarray(chunk.cohort.noise, dtype),
        jax.random.fold_in(root, 1),
    )


def _watched_rows(data: TrainingData, seed: int) -> np.ndarray:
    """Training rows for the training curves: as many as validation has, up to a thousand."""
    count = len(data.train.inputs)
    wanted = min(count, MOST_ROWS_WATCHED)
    if data.validation is not None:
        wanted = min(wanted, len(data.validation.inputs))
    return np.sort(np.random.default_rng([seed, 0]).choice(count, wanted, replace=False))


def _to_device(data: TrainingData, seed: int, dtype: Any) -> DeviceData:
    def part(rows: Part) -> Part:
        targets = jnp.asarray(rows.targets, jnp.int32 if data.task == "classification" else dtype)
        return Part(jnp.asarray(rows.inputs, dtype), targets)

    watched = _watched_rows(data, seed)
    scale = np.ones(data.outputs) if data.target_scale is None else np.asarray(data.target_scale)
    return DeviceData(
        part(data.train),
        part(Part(data.train.inputs[watched], data.train.targets[watched])),
        None if data.validation is None else part(data.validation),
        jnp.asarray(scale, dtype),
    )


@dataclass
class Progress:
    """Where a population stands after an epoch; what a callback is given.

    `networks()` fetches the present weights (not the best ones), for paths.
    """

    epoch: int
    epochs: int
    outcomes: Sequence[Outcome]
    metric: str
    member_samples: int
    seconds: float
    compile_seconds: float
    _chunks: Sequence[_ChunkTraining]

    def count(self, status: Status) -> int:
        """Members of a status."""
        return sum(outcome.status == status for outcome in self.outcomes)

    def best(self) -> Outcome | None:
        """The member that is ahead, if any has a score."""
        return leader(self.outcomes, self.metric)

    def networks(self) -> dict[int, Network]:
        """The present weights by the member's number: of all that have not been packed away."""
        found: dict[int, Network] = {}
        for training in self._chunks:
            present = jax.device_get(training.state.networks)
            for place in np.flatnonzero(~np.array(training.chunk.inert)):
                number = training.chunk.places[place]
                found[number] = jax.tree.map(lambda leaf, place=place: leaf[place], present)
        return found


def ranking_key(outcome: Outcome, metric: str) -> tuple[float, float]:
    """What members are sorted by, best first: the metric on validation, then the default metric."""
    if not outcome.best_epoch or outcome.status == "diverged":
        return math.inf, math.inf
    scores = outcome.validation[outcome.best_epoch - 1]
    sign = -1 if METRICS[metric].more_is_better else 1
    return sign * scores[metric], scores[DEFAULT_METRIC[METRICS[metric].task]]


def leader(outcomes: Sequence[Outcome], metric: str) -> Outcome | None:
    """The member to choose: best on validation, never one that diverged; None if there is none."""
    first = min(outcomes, key=lambda outcome: ranking_key(outcome, metric))
    return first if math.isfinite(ranking_key(first, metric)[0]) else None


@dataclass(frozen=True)
class Trained:
    """A population after training.

    Attributes:
        outcomes: one per member, in the order given.
        metric: what members were stopped by and are chosen by.
        member_samples: training samples seen, summed over members.
        seconds: spent on training, without compiling.
        compile_seconds: spent on tracing and compiling.
    """

    outcomes: list[Outcome]
    metric: str
    member_samples: int
    seconds: float
    compile_seconds: float

    @property
    def winner(self) -> Outcome | None:
        """The member with the best validation score; None when every one diverged."""
        return leader(self.outcomes, self.metric)


Callback = Callable[[Progress], bool | None]


def train_population(
    members: Sequence[Member],
    data: TrainingData,
    *,
    seed: int = 0,
    patience: int | None = 10,
    metric: str | None = None,
    epochs: int | None = None,
    on_epoch: Callback | None = None,
    chunk: int | None = None,
    precision: Precision = "float32",
) -> Trained:
    """Train every member, each until its budget ends, it stops improving or it diverges.

    A member's result depends on its own hyperparameters, its restart and the run seed; not on the other
    members, its place among them or the size of the chunks.

    Args:
        members: the population; a member's `loss` may also be any function of outputs [output, batch]
            and targets that gives one number a sample, written in JAX.
        data: prepared inputs and targets.
        seed: the run seed: batch order, input noise, and with a member's restart its weights and dropout.
        patience: epochs without improvement on validation before a member stops; None: never.
        metric: what members are stopped by; None: log loss, or mean squared error.
        epochs: end after so many, whatever the members' budgets (which stay their schedules' horizon).
        on_epoch: called after every epoch; training ends when it returns True.
        chunk: members that train side by side, about; None picks from the shapes.
        precision: of parameters and data, "float32" or "float64".

    Returns:
        histories, best weights and status of every member.
    """
    metric = metric or DEFAULT_METRIC[data.task]
    _check(members, data, metric, epochs, precision)
    outcomes = [Outcome(member) for member in members]
    planned = plan_chunks(members, data.train.inputs.shape[1], data.outputs, chunk)
    budget = max(member.epochs for member in members)
    horizon = budget if epochs is None else min(budget, epochs)
    patience = patience if data.validation is not None else None
    clock, began, seen = compilation.Clock(), time.perf_counter(), 0
    with _engine(precision), clock.running(), ThreadPoolExecutor(lanes()) as pool:
        on_device = _to_device(data, seed, precision)
        chunks = [
            _ChunkTraining(part, outcomes, data, on_device, seed, metric, precision) for part in planned
        ]
        for number in range(1, horizon + 1):
            seen += _advance(chunks, number, patience, precision, pool)
            elapsed = time.perf_counter() - began - clock.seconds
            progress = Progress(number, horizon, outcomes, metric, seen, elapsed, clock.seconds, chunks)
            if (on_epoch is not None and on_epoch(progress)) or not any(p.training for p in chunks):
                break
        for part in chunks:
            part.collect()
    for outcome in outcomes:
        outcome.status = "finished" if outcome.status == "training" else outcome.status
    return Trained(outcomes, metric, seen, time.perf_counter() - began - clock.seconds, clock.seconds)


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
            seen = part.advance(number, patience)
            part.pack(number)
            return seen

    waiting = [part for part in chunks if part.training]
    seen = 0
    if number == 1:  # one chunk of each program compiles it for the others
        first = {id(part) for part in {part.program: part for part in reversed(waiting)}.values()}
        seen = sum(advance(part) for part in waiting if id(part) in first)
        waiting = [part for part in waiting if id(part) not in first]
    return seen + sum(pool.map(advance, waiting))


def _check(
    members: Sequence[Member], data: TrainingData, metric: str, epochs: int | None, precision: str
) -> None:
    """Raise an InputError for arguments that cannot be meant."""
    if not members:
        raise InputError("There are no members to train: give at least one.")
    if metric not in metrics_of(data.task):
        raise unknown(f"{data.task} metric", metric, metrics_of(data.task))
    if precision not in get_args(Precision):
        raise unknown("precision", precision, get_args(Precision))
    if epochs is not None and epochs < 1:
        raise InputError(f"Training for {epochs} epochs leaves nothing to choose: give 1 or more.")
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
