"""Chunks of a population on their way through the epochs: what the host does around the compiled epoch.

Batches and rates of every epoch, who has improved, stopped or diverged. What it is trained on is in
`couloir.engine.folds`; how a shrinking population is dealt out anew in `couloir.engine.packing`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from couloir.engine.architectures.architecture import Network
from couloir.engine.epochs import (
    EpochScores,
    EpochSteps,
    PopulationState,
    Program,
    Regularization,
    Settings,
    compiled_epoch,
    segments,
)
from couloir.engine.folds import Folds
from couloir.engine.losses import LOSSES
from couloir.engine.member import Member, initial_network, start_of
from couloir.engine.outcomes import Outcome
from couloir.engine.placement import STRENGTHS, Chunk
from couloir.engine.randomness import member_key, noise_key
from couloir.engine.rule import Rule
from couloir.engine.schedules import factors


class ChunkTraining:
    """One chunk on its way through the epochs: arrays on the device, bookkeeping on the host."""

    state: PopulationState
    """What training changes; made by `begin`, or taken over from other chunks."""

    seconds: float
    """What its last epoch took; infinity before the first."""

    def __init__(
        self,
        chunk: Chunk,
        outcomes: Sequence[Sequence[Outcome]],
        folds: Folds,
        metric: str,
        compiled_fast: bool = False,
        to_the_end: bool = False,
    ) -> None:
        """Set up the program and its settings for the members of a chunk, slot by slot."""
        self.chunk, self.metric, self.stack = chunk, metric, folds
        self.folds = folds.some(chunk.folds)
        self.outcomes = [[outcomes[fold][number] for number in chunk.slots] for fold in chunk.folds]
        self.members = [outcome.member for outcome in self.outcomes[0]]
        self.steps = self.folds.steps(chunk.cohort.batch_size)
        self.room = self.folds.room(chunk.cohort.batch_size)
        cohort, data = chunk.cohort, self.folds.data[0]
        self.program = Program(
            layout=chunk.layout,
            design=cohort.design,
            inputs=self.stack.features,
            outputs=data.outputs,
            loss=cohort.loss if callable(cohort.loss) else LOSSES[cohort.loss].per_sample,
            task=data.task,
            metric=self.metric,
            noisy=cohort.noise > 0,
            one_restart=chunk.one_restart,
            uneven=self.folds.uneven(cohort.batch_size),
            to_the_end=to_the_end,
        )
        self.compiled_fast, self.run = compiled_fast, compiled_epoch(compiled_fast)
        self.curves = [_curve(member) for member in self.members]
        self.steady = all(name == "constant" and warmup == 0 for name, warmup, _ in self.curves)
        self.rates: tuple[bytes | None, Any] | None = None
        self.settings = _settings(chunk, self.members, self.folds.seeds, folds.dtype)
        self.seconds = math.inf

    @property
    def fresh(self) -> bool:
        """Whether it has not run yet: its program may have to be compiled."""
        return self.seconds == math.inf

    def active(self) -> np.ndarray:
        """For every fold and slot whether its member is still in training, [fold, slot]."""
        training = [[outcome.status == "training" for outcome in fold] for fold in self.outcomes]
        return np.array(training) & ~np.array(self.chunk.padding)

    @property
    def training(self) -> bool:
        """Whether any member is still in training."""
        return bool(self.active().any())

    def begin(self, initial: Sequence[Any] | None = None) -> None:
        """Make the state before the first step.

        Args:
            initial: for each member of the population the parts of the network that it starts from, as
                layers (weight, bias), or None where it draws them; None: all do.
        """
        given = [None if initial is None else initial[number] for number in self.chunk.slots]
        self.state = start(self.program, self.members, self.folds, given)

    def advance(self, number: int, patience: int | None) -> int:
        """Run epoch `number` and note what came of it; returns the member-samples it trained on."""
        began, active = time.perf_counter(), self.active()
        self.state, scores = self.run(
            self.program, self.state, self.settings, self._schedule(number, active), self.folds.on_device
        )
        self._note(jax.tree.map(np.asarray, scores), active, patience)
        self.seconds = time.perf_counter() - began
        return int(active.sum(axis=1) @ np.array(self.folds.rows))

    def _note(self, scores: EpochScores, active: np.ndarray, patience: int | None) -> None:
        """Tell every active member's outcome what the epoch gave. (Lists are read faster than arrays.)"""
        training, validation = (
            {name: values.tolist() for name, values in part.items()}
            for part in (scores.training, scores.validation)
        )
        improved, finite = scores.improved.tolist(), scores.finite.tolist()
        for fold, slot in np.argwhere(active).tolist():
            self.outcomes[fold][slot].record(
                {name: values[fold][slot] for name, values in training.items()},
                {name: values[fold][slot] for name, values in validation.items()},
                improved[fold][slot],
                finite[fold][slot],
                self.metric,
                patience,
            )

    def _schedule(self, number: int, active: np.ndarray) -> EpochSteps:
        """The steps of epoch `number` in every fold, and every member's learning rates.

        As NumPy arrays: a program takes them in a tenth of the time that it takes to put them on the device.
        """
        steps = self.folds.epoch_steps(self.chunk.cohort.batch_size, number)
        same = active.tobytes() if self.steady else None
        if self.rates is None or same is None or self.rates[0] != same:
            self.rates = same, self._rates(number, active)
        return EpochSteps(*steps, self.rates[1])

    def _rates(self, number: int, active: np.ndarray) -> Any:
        """The learning rates of epoch `number`, [fold, step, slot]; 0 for members that have ended."""
        rates = np.zeros((len(self.steps), self.room, len(self.members)))
        own = np.array([member.learning_rate for member in self.members])
        for fold, count in enumerate(self.steps):
            steps = np.arange(count) + (number - 1) * count
            curves = {
                key: factors(key[0], steps, key[2] * count, key[1]) for key in dict.fromkeys(self.curves)
            }
            rates[fold, :count] = np.stack([curves[key] for key in self.curves], axis=1) * own
        return (rates * active[:, None, :]).astype(self.folds.dtype)

    def collect(self) -> None:
        """Bring every member's best weights to the host."""
        networks = jax.device_get(self.state.best_networks)
        for fold, outcomes in enumerate(self.outcomes):
            for slot, (outcome, padding) in enumerate(zip(outcomes, self.chunk.padding, strict=True)):
                if not padding:
                    outcome.network = self.network(networks, fold, slot)

    def network(self, networks: Network, fold: int, slot: int) -> Network:
        """One of the networks [fold, slot, …] on the host, with weights for the fold's own features alone."""
        like = self.program.design.outline(self.folds.own_features[fold], self.program.outputs)

        def own(leaf: np.ndarray, outline: Any) -> np.ndarray:
            return leaf[fold, slot][tuple(map(slice, outline.shape))].copy()

        return jax.tree.map(own, networks, like)


# The state before the first step --------------------------------------------------------------------------


def start(program: Program, members: Sequence[Member], folds: Folds, given: Sequence[Any]) -> PopulationState:
    """The state before the first step: initial weights that depend only on run seed and restart, or given.

    Made on the host, since a program that draws a few weights takes longer to compile than to run.

    Args:
        program: whose state it is.
        members: slot by slot.
        folds: what they are trained on.
        given: for each slot the parts, as layers (weight, bias), to start from, or None.
    """
    design, outputs = program.design, program.outputs
    rules = tuple(rule for rule, _ in program.layout)
    begun = list(zip(folds.seeds, folds.own_features, strict=True))

    def network(fold: int, slot: int) -> Network:
        seed, inputs = begun[fold]
        if given[slot] is not None:
            own = design.network(given[slot], inputs, outputs)
            return _filled_up(jax.tree.map(lambda leaf: np.asarray(leaf, folds.dtype), own), program)
        member, image = members[slot], folds.data[fold].image_shape
        return folds.drawn(
            (start_of(member, seed), inputs, program.inputs, outputs),
            lambda: _filled_up(initial_network(member, seed, inputs, outputs, folds.dtype, image), program),
        )

    def states(fold: int, slot: int) -> tuple[Any, ...]:
        def made() -> Any:
            return jax.device_get(_first_states(rules, network(fold, slot)))

        seed, inputs = begun[fold]
        key = (rules, start_of(members[slot], seed), inputs, program.inputs, outputs)
        return folds.drawn(key, made) if given[slot] is None else made()

    every = range(len(members))
    networks = _grid([[network(fold, slot) for slot in every] for fold in range(len(begun))])
    rule_states = [
        _grid([[states(fold, slot)[number] for slot in every[slots]] for fold in range(len(begun))])
        for number, (_, slots) in enumerate(segments(program.layout))
    ]
    worst = np.full((len(folds.seeds), len(members)), np.inf, folds.dtype)
    return PopulationState(*to_be_changed((networks, tuple(rule_states), networks, worst, worst)))


def _filled_up(network: Network, program: Program) -> Network:
    """A network with parameters of 0 for the features that its fold is filled up with."""

    def filled(leaf: np.ndarray, like: Any) -> np.ndarray:
        spare = [(0, most - own) for own, most in zip(leaf.shape, like.shape, strict=True)]
        return np.pad(leaf, spare) if leaf.shape != like.shape else leaf

    return jax.tree.map(filled, network, program.design.outline(program.inputs, program.outputs))


def _grid(trees: Sequence[Sequence[Any]]) -> Any:
    """Trees in rows and columns as one tree of arrays [row, column, …]; many of them may be the same one."""
    different = {id(tree): tree for row in trees for tree in row}
    number = {key: place for place, key in enumerate(different)}
    at = np.array([[number[id(tree)] for tree in row] for row in trees])
    return jax.tree.map(lambda *leaves: np.stack(leaves)[at], *different.values())


def to_be_changed(state: Any) -> Any:
    """A state on the device, in memory of its own, since a program is given it to write into.

    (`jnp.asarray` would compile a program for every shape.)
    """
    return jax.device_put(state, may_alias=False)


@partial(jax.jit, static_argnums=0)
def _first_states(rules: tuple[Rule, ...], network: Network) -> tuple[Any, ...]:
    """What each rule remembers of a network before the first step."""
    return tuple(rule.init(network) for rule in rules)


@partial(jax.jit, static_argnames="one_restart")
def _keys(seeds: Array, restarts: Array, one_restart: bool) -> tuple[Array, Array]:
    """For every fold the keys of every restart, [fold, restart], and that of the input noise, [fold].

    Where there is one restart the first are [fold].
    """

    members = jax.vmap(lambda seed: jax.vmap(partial(member_key, seed))(restarts))(seeds)
    noise = jax.vmap(noise_key)(seeds)
    return (members[:, 0] if one_restart else members), noise


def _curve(member: Member) -> tuple[str, float, int]:
    return member.schedule, member.warmup, member.epochs


def _settings(chunk: Chunk, members: Sequence[Member], seeds: Sequence[int], dtype: Any) -> Settings:
    """The members' numbers as arrays, slot by slot, and the keys of every fold."""
    restarts = [member.restart for member in members[: 1 if chunk.one_restart else None]]
    keys, noise_keys = _keys(np.array(seeds, np.uint32), np.array(restarts, np.uint32), chunk.one_restart)

    def strengths(name: str) -> np.ndarray | None:
        if name not in chunk.uses:
            return None
        return np.array([getattr(member, name) for member in members], dtype)

    hyper = tuple(
        {
            name: np.array([member.hyper()[name] for member in members[slots]], dtype)
            for name in rule.defaults
            if name != "learning_rate"
        }
        for rule, slots in segments(chunk.layout)
    )
    host = (hyper, tuple(map(strengths, STRENGTHS)), np.array(chunk.cohort.noise, dtype))
    hyper, used, noise = jax.device_put(host)
    return Settings(hyper, Regularization(*used), keys, noise, noise_keys)
