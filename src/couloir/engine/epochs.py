"""One epoch of a population: all that is compiled.

Read from the top. One member's loss; one step, in which the gradients of all members are computed
together and each rule then changes its own; one epoch, which is a scan over steps and ends by scoring
every member. Folds (and replicates: other seeds, other splits) are an outer axis around the epoch. What is
compiled for many networks is compiled here alone; an architecture is written for one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from couloir.engine.architectures.architecture import Architecture, Network
from couloir.engine.architectures.on_jax import JAX, TRAINED, dropout
from couloir.engine.compilation import compiled
from couloir.engine.losses import LossFunction, l1_penalty, l2_penalty, leaf_name
from couloir.engine.machine import ROWS_SCORED_AT_ONCE, SIGNALS_SCORED_AT_ONCE
from couloir.engine.metrics import DEFAULT_METRIC, METRICS, metrics_of
from couloir.engine.randomness import dropout_key, standard_normal, step_key
from couloir.engine.rule import Rule
from couloir.engine.updates import changes_of, chosen, cut, joined, segments


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
        validation_weights: weights of the validation rows in the scores; None: all equal.
        image_shape: of images [height, width] that lie flat in the inputs; None: they are none.
    """

    task: str
    outputs: int
    train: Part
    validation: Part | None
    target_scale: np.ndarray | None = None
    sample_weights: np.ndarray | None = None
    validation_weights: np.ndarray | None = None
    image_shape: tuple[int, ...] | None = None


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
    design: Architecture,
    loss: LossFunction,
) -> Float[Array, ""]:
    """One member's training loss: the weighted mean over the batch, plus its penalties.

    Σ wᵢ lossᵢ / Σ wᵢ + λ₁ Σ|W| + λ₂ ½ΣW², the penalties over weights and not over biases. Where a network has
    several heads, lossᵢ is the mean of theirs.
    """
    inputs, targets, weights = batch
    strength = regularization
    drop = None if strength.dropout is None else dropout(key, strength.dropout)
    outputs = design.apply(TRAINED, network, inputs, drop)
    if design.heads:
        losses = jnp.mean(jax.vmap(loss, in_axes=(0, None))(outputs, targets), axis=0)
    else:
        losses = loss(outputs, targets)
    total = jnp.sum(losses * weights) / jnp.sum(weights)
    if strength.l1 is not None:
        total += strength.l1 * l1_penalty(network)
    if strength.l2 is not None:
        total += strength.l2 * l2_penalty(network)
    return total


# A population: everything below has a leading member axis ----------------------------------------------


@dataclass(frozen=True)
class Program:
    """All that a compiled program depends on besides the shapes of its arguments.

    Attributes:
        layout: the rules with the number of slots each has, in the order of the slots.
        design: the networks' architecture.
        inputs, outputs: numbers of features and of outputs.
        loss: what is minimised, besides penalties.
        task: "classification" or "regression".
        metric: by which a member's best weights are kept.
        noisy: whether noise is added to the inputs.
        one_restart: whether all members are of the same restart.
        uneven: whether some fold has fewer steps to an epoch than there are, and sits the last ones out.
        to_the_end: whether the last weights are kept, and not those that score best on validation.
    """

    layout: tuple[tuple[Rule, int], ...]
    design: Architecture
    inputs: int
    outputs: int
    loss: LossFunction
    task: str
    metric: str
    noisy: bool
    one_restart: bool
    uneven: bool = False
    to_the_end: bool = False


class Settings(NamedTuple):
    """The members' numbers, all traced: changing them compiles nothing.

    `hyper` holds, rule by rule, name → [slot]; `keys` is one key if all members are of one restart
    (they then share what is drawn), else [slot]. `noise` is the cohort's σ.
    """

    hyper: tuple[dict[str, Float[Array, "slot"]], ...]
    regularization: Regularization
    keys: Array
    noise: Float[Array, ""]
    noise_key: Array


class PopulationState(NamedTuple):
    """What training changes: the networks, their rules' states, and the best of each so far.

    Every leaf has a member axis [slot] in front. `best_score` is the score of `best_networks`, its sign
    such that less is better; `best_tie` is their default metric, which decides between equal scores.
    """

    networks: Network
    rule_states: tuple[Any, ...]
    best_networks: Network
    best_score: Float[Array, "slot"]
    best_tie: Float[Array, "slot"]


class EpochSteps(NamedTuple):
    """One epoch's steps: which rows (with weight 0 where a batch is padded) and at which rates."""

    step: Int[Array, "step"]
    rows: Int[Array, "step batch"]
    weights: Float[Array, "step batch"]
    rates: Float[Array, "step slot"]


class Scored(NamedTuple):
    """Rows that members are scored on in one pass: some of the training part, then the validation part.

    weights [part, sample] are those of the part's rows, and 0 elsewhere: for the other part's rows, and
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
    """What an epoch reports of every member.

    `training` and `validation` have every metric by name; `improved` says whose best weights are now these,
    `finite` whose loss and parameters still are numbers.
    """

    training: dict[str, Float[Array, "slot"]]
    validation: dict[str, Float[Array, "slot"]]
    improved: Bool[Array, "slot"]
    finite: Bool[Array, "slot"]


def step(
    program: Program, settings: Settings, state: PopulationState, now: EpochSteps, train: Part
) -> tuple[PopulationState, Float[Array, "slot"]]:
    """One update of every member; returns the losses as well.

    The gradients of all members come from one program over the whole member axis; the updates run rule
    by rule, each on its static slice.
    """
    hypers = [
        {**hyper, "learning_rate": now.rates[slots]}
        for hyper, (_, slots) in zip(settings.hyper, segments(program.layout), strict=True)
    ]
    changes, rule_states, losses = changes_of(
        program.layout,
        state.networks,
        state.rule_states,
        hypers,
        lambda asked: _gradients(program, settings, asked, now, train),
    )
    networks = [
        jax.tree.map(jnp.add, cut(state.networks, slots), _at_own_rates(program.design, change))
        for (_, slots), change in zip(segments(program.layout), changes, strict=True)
    ]
    return state._replace(networks=joined(networks), rule_states=rule_states), losses


def _at_own_rates(design: Architecture, change: Network) -> Network:
    """A rule's change, multiplied where the architecture says that an array learns faster or slower."""
    if not design.rates:
        return change

    def scaled(path: tuple[Any, ...], leaf: Array) -> Array:
        factor = design.rates.get(leaf_name(path), 1.0)
        return leaf if factor == 1.0 else factor * leaf

    return jax.tree_util.tree_map_with_path(scaled, change)


def _gradients(
    program: Program, settings: Settings, networks: Network, now: EpochSteps, train: Part
) -> tuple[Float[Array, "slot"], Network]:
    """Losses and gradients of all members on one batch, which all of them see alike."""
    inputs, targets = train.inputs[now.rows].T, train.targets[now.rows].T
    if program.noisy:
        key = step_key(settings.noise_key, now.step)
        inputs += settings.noise * standard_normal(key, inputs.shape, inputs.dtype)
    one = partial(member_loss, design=program.design, loss=program.loss)
    key_axis = None if program.one_restart else 0

    def with_key(network: Network, batch: Any, regularization: Regularization, key: Array) -> Array:
        return one(network, batch, regularization, step_key(dropout_key(key), now.step))

    every = jax.vmap(jax.value_and_grad(with_key), in_axes=(0, None, 0, key_axis))
    return every(networks, (inputs, targets, now.weights), settings.regularization, settings.keys)


def score(
    program: Program, networks: Network, rows: Scored, scale: Array
) -> dict[str, Float[Array, "part slot"]]:
    """Every metric of the task for every member on every part, with nothing switched off or added."""
    count = rows.inputs.shape[0]
    design, slots = program.design, jax.tree.leaves(networks)[0].shape[0]
    signals = max(design.size(program.inputs, program.outputs).signals) * slots
    most = max(SIGNALS_SCORED_AT_ONCE // signals, ROWS_SCORED_AT_ONCE)
    block = math.ceil(count / math.ceil(count / most))  # even ones: the last is filled up
    padded = jnp.pad(rows.inputs, ((0, -count % block), (0, 0)))
    blocks = padded.reshape(-1, block, padded.shape[1])

    def answer(some: Float[Array, "block feature"]) -> Float[Array, "slot output block"]:
        return jax.vmap(lambda network: design.answers(JAX, network, some.T, program.task))(networks)

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
    schedule: EpochSteps,
    data: DeviceData,
) -> tuple[PopulationState, EpochScores]:
    """One pass over the training part, then every member scored and its best kept."""

    def advance(carry: Any, now: EpochSteps) -> tuple[Any, None]:
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
    training, validation = ({name: parts[part] for name, parts in scores.items()} for part in (0, -1))
    ranking = METRICS[program.metric].sign * validation[program.metric]
    tie = validation[DEFAULT_METRIC[program.task]]
    for leaf in jax.tree.leaves(state.networks):
        finite &= jnp.all(jnp.isfinite(leaf), axis=tuple(range(1, leaf.ndim)))
    finite &= jnp.isfinite(ranking) & jnp.isfinite(tie)
    better = (ranking < state.best_score) | ((ranking == state.best_score) & (tie < state.best_tie))
    validated = data.scored.weights.shape[0] > 1 and not program.to_the_end
    improved = finite & (better if validated else True)
    state = _with_best(program, state, improved, finite, ranking, tie)
    return state, EpochScores(training, validation, improved, finite)


def _with_best(
    program: Program, state: PopulationState, improved: Array, finite: Array, ranking: Array, tie: Array
) -> PopulationState:
    """Keep the networks that improved; give a diverged one its best weights back and an empty state.

    A diverged member stays in its slot, where its learning rate is 0 from the next epoch on: what is
    finite then stays so, and no NaN travels on.
    """
    best = chosen(improved, state.networks, state.best_networks)
    rule_states = tuple(
        chosen(finite[slots], rule_state, jax.tree.map(jnp.zeros_like, rule_state))
        for (_, slots), rule_state in zip(segments(program.layout), state.rule_states, strict=True)
    )
    return PopulationState(
        networks=chosen(finite, state.networks, best),
        rule_states=rule_states,
        best_networks=best,
        best_score=jnp.where(improved, ranking, state.best_score),
        best_tie=jnp.where(improved, tie, state.best_tie),
    )


# Folds: everything below has a leading fold axis --------------------------------------------------------

_SHARED = Settings(hyper=None, regularization=None, keys=0, noise=None, noise_key=0)  # type: ignore[arg-type]
"""Which of the settings each fold has for itself: 0; and which are the same for all: None."""


def epoch_of_folds(
    program: Program, state: PopulationState, settings: Settings, schedule: EpochSteps, data: DeviceData
) -> tuple[PopulationState, EpochScores]:
    """One epoch in every fold, each with its own rows, batch order and weights."""
    one, axes = partial(epoch, program), (0, _SHARED, 0, 0)
    if schedule.step.shape[0] > 1:
        return jax.vmap(one, in_axes=axes)(state, settings, schedule, data)
    # A single fold runs without the axis, which costs some of the speed of the wide products.
    own = settings._replace(keys=settings.keys[0], noise_key=settings.noise_key[0])
    first = jax.tree.map(lambda leaf: leaf[0], (state, schedule, data))
    return jax.tree.map(lambda leaf: leaf[None], one(first[0], own, first[1], first[2]))


def compiled_epoch(fast: bool) -> Any:
    """`epoch_of_folds`, compiled once for each program and its shapes; the state's buffers are used again.

    Args:
        fast: whether little time is to be spent on compiling, for slower code: it runs for a moment only.
    """
    return compiled(epoch_of_folds, fast, static="program", donated="state")
