"""Chunks of a population on their way through the epochs: what the host does around the compiled epoch.

Batches and rates of every epoch, who has improved, stopped or diverged, and a shrinking population dealt
out anew. What it is trained on is in `couloir.engine.folds`.
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

from couloir.engine import cost
from couloir.engine.architectures.mlp import Layer, Network, initialise
from couloir.engine.epochs import (
    EpochScores,
    PopulationState,
    Program,
    Regularization,
    Schedule,
    Settings,
    compiled_epoch,
    segments,
)
from couloir.engine.folds import Folds
from couloir.engine.losses import LOSSES
from couloir.engine.optimizers import Rule
from couloir.engine.outcomes import Outcome
from couloir.engine.population import STRENGTHS, Chunk, Member, plan_chunks, redealt
from couloir.engine.randomness import key_of
from couloir.engine.schedules import factors

INITIAL = 0x1417
"""Sets the draw of initial weights apart from the others that a run seed is used for."""

MOVING_SECONDS = 0.02
"""What it takes to move a population's state into other chunks, about."""


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
        brief: bool = False,
    ) -> None:
        """Set up the program and its settings for the members of a chunk, in their places."""
        self.chunk, self.metric = chunk, metric
        self.folds = folds.some(chunk.folds)
        self.outcomes = [[outcomes[fold][number] for number in chunk.places] for fold in chunk.folds]
        self.members = [outcome.member for outcome in self.outcomes[0]]
        self.steps = self.folds.steps(chunk.cohort.batch_size)
        self.room = self.folds.room(chunk.cohort.batch_size)
        cohort, data = chunk.cohort, self.folds.data[0]
        self.program = Program(
            layout=chunk.layout,
            widths=cohort.widths(data.train.inputs.shape[1], data.outputs),
            activation=cohort.activation,
            loss=cohort.loss if callable(cohort.loss) else LOSSES[cohort.loss].per_sample,
            task=data.task,
            metric=self.metric,
            noisy=cohort.noise > 0,
            one_restart=chunk.one_restart,
            uneven=self.folds.uneven(cohort.batch_size),
            brief=brief,
        )
        self.run = compiled_epoch(brief)
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
        """For every fold and place whether its member is still in training, [fold, place]."""
        training = [[outcome.status == "training" for outcome in fold] for fold in self.outcomes]
        return np.array(training) & ~np.array(self.chunk.inert)

    @property
    def training(self) -> bool:
        """Whether any member is still in training."""
        return bool(self.active().any())

    def begin(self, initial: Sequence[Any] | None = None) -> None:
        """Make the state before the first step.

        Args:
            initial: for each member of the population the layers (weight, bias) that it starts from, or
                None where it draws them; None: all do.
        """
        given = [None if initial is None else initial[number] for number in self.chunk.places]
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
        for fold, place in np.argwhere(active).tolist():
            self.outcomes[fold][place].record(
                {name: values[fold][place] for name, values in training.items()},
                {name: values[fold][place] for name, values in validation.items()},
                improved[fold][place],
                finite[fold][place],
                self.metric,
                patience,
            )

    def _schedule(self, number: int, active: np.ndarray) -> Schedule:
        """The steps of epoch `number` in every fold, and every member's learning rates.

        As NumPy arrays: a program takes them in a tenth of the time that it takes to put them on the device.
        """
        steps = self.folds.epoch_steps(self.chunk.cohort.batch_size, number)
        same = active.tobytes() if self.steady else None
        if self.rates is None or same is None or self.rates[0] != same:
            self.rates = same, self._rates(number, active)
        return Schedule(*steps, self.rates[1])

    def _rates(self, number: int, active: np.ndarray) -> Any:
        """The learning rates of epoch `number`, [fold, step, place]; 0 for members that have ended."""
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
            for place, (outcome, inert) in enumerate(zip(outcomes, self.chunk.inert, strict=True)):
                if not inert:
                    outcome.network = jax.tree.map(lambda leaf, at=(fold, place): leaf[at].copy(), networks)


# Packing: a shrinking population is dealt out anew -------------------------------------------------------


def pack(
    chunks: list[ChunkTraining],
    number: int,
    sure: int,
    outcomes: Sequence[Sequence[Outcome]],
    stacks: Sequence[Folds],
) -> list[ChunkTraining]:
    """After epoch `number`, deal the members that are still in training out over fewer or smaller chunks.

    That is done, cohort by cohort, where it is predicted to pay; what is predicted depends on shapes alone,
    so that the same run packs at the same epochs again. As many epochs are taken to lie ahead as have been
    run, or as are sure because no rung comes before, but not more than the budget holds.
    """
    groups: dict[Any, list[ChunkTraining]] = {}
    for chunk in chunks:
        stack = next(i for i, folds in enumerate(stacks) if chunk.chunk.folds[0] in folds.numbers)
        rules = tuple(rule for rule, _ in chunk.chunk.layout)
        groups.setdefault((chunk.chunk.cohort, stack, rules), []).append(chunk)
    kept: list[ChunkTraining] = []
    for (_, stack, _), group in groups.items():
        planned = _packed(group, number, sure, stacks[stack])
        if planned is None:
            kept += group
            continue
        for chunk in group:
            chunk.collect()
        kept += _moved(group, planned, outcomes, stacks[stack])
    return kept


def _packed(group: Sequence[ChunkTraining], number: int, sure: int, folds: Folds) -> list[Chunk] | None:
    """The chunks that are to take the place of a cohort's, or None where they stay.

    Either fewer chunks of the present layout, which need no compiling, or chunks of a new layout.
    """
    everybody, active = _members(group)
    if not active or len(active) == len(everybody):
        return None
    widths, rows, batch = group[0].program.widths, max(folds.rows), group[0].chunk.cohort.batch_size

    def seconds(parts: Sequence[Chunk]) -> float:
        return sum(cost.epoch_seconds(part.trainings, widths, rows, batch) for part in parts)

    now = seconds([chunk.chunk for chunk in group if chunk.training])
    budget = max(member.epochs for member in active.values())
    ahead = min(max(number, sure), budget - number)
    spare = {member.rule: number for number, member in everybody.items()}
    one_of_each = {chunk.chunk.folds: chunk.chunk for chunk in group}.values()
    same = [new for chunk in one_of_each for new in redealt(chunk, active, spare)]
    fresh = plan_chunks(active, widths[0], widths[-1], folds=folds.numbers, rounded=True)
    gains = [
        (ahead * (now - seconds(same)) - MOVING_SECONDS, same),
        (ahead * (now - seconds(fresh)) - cost.compile_seconds(fresh[0]), fresh),
    ]
    gain, planned = max(gains, key=lambda pair: pair[0])
    return planned if gain > 0 else None


def _members(group: Sequence[ChunkTraining]) -> tuple[dict[int, Member], dict[int, Member]]:
    """All members of some chunks, and those that are still in training in some fold; by number."""
    everybody: dict[int, Member] = {}
    active: dict[int, Member] = {}
    for chunk in group:
        training: list[bool] = np.any(chunk.active(), axis=0).tolist()
        for place, number in enumerate(chunk.chunk.places):
            everybody[number] = chunk.members[place]
            if training[place]:
                active[number] = chunk.members[place]
    return dict(sorted(everybody.items())), dict(sorted(active.items()))


def _moved(
    group: Sequence[ChunkTraining],
    planned: Sequence[Chunk],
    outcomes: Sequence[Sequence[Outcome]],
    folds: Folds,
) -> list[ChunkTraining]:
    """New chunks, with every member's state taken over from the old ones."""
    old = [(part.chunk, jax.device_get(part.state)) for part in group]
    whole = _Gathered(
        [(chunk, slice(None), state._replace(rule_states=())) for chunk, state in old], folds.numbers
    )
    by_rule = {
        rule: _Gathered(
            [
                (chunk, places, state.rule_states[at])
                for chunk, state in old
                for at, (own, places) in enumerate(segments(chunk.layout))
                if own is rule
            ],
            folds.numbers,
        )
        for rule, _ in planned[0].layout
    }
    moved = []
    for plan in planned:
        fresh = ChunkTraining(plan, outcomes, folds, group[0].metric, group[0].program.brief)
        rule_states = tuple(
            by_rule[rule].taken(plan.folds, plan.places[places]) for rule, places in segments(plan.layout)
        )
        state = whole.taken(plan.folds, plan.places)._replace(rule_states=rule_states)
        fresh.state = to_be_changed(state)
        moved.append(fresh)
    return moved


class _Gathered:
    """Trees of arrays [fold, place, …] of several chunks, put together so that members can be taken out."""

    def __init__(self, sources: Sequence[tuple[Chunk, slice, Any]], folds: Sequence[int]) -> None:
        """Join what each chunk has for its places in a slice, fold by fold."""
        self.joined: dict[int, Any] = {}
        self.at: dict[int, dict[int, int]] = {}
        for fold in folds:
            own = [source for source in sources if fold in source[0].folds]
            rows = [_at(tree, chunk.folds.index(fold)) for chunk, _, tree in own]
            self.joined[fold] = jax.tree.map(lambda *leaves: np.concatenate(leaves), *rows)
            numbers = [n for chunk, places, _ in own for n in chunk.places[places]]
            inert = [off for chunk, places, _ in own for off in chunk.inert[places]]
            # What only fills a place is found too, to fill one again, but never instead of the member.
            order = sorted(range(len(numbers)), key=lambda place: not inert[place])
            self.at[fold] = {numbers[place]: place for place in order}

    def taken(self, folds: Sequence[int], numbers: Sequence[int]) -> Any:
        """The members of these numbers in these folds, [fold, place, …]."""
        rows = [_at(self.joined[fold], [self.at[fold][number] for number in numbers]) for fold in folds]
        return jax.tree.map(lambda *leaves: np.stack(leaves), *rows)


def _at(tree: Any, index: int | list[int]) -> Any:
    """Every leaf of a tree at an index of its first axis."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def _grid(trees: Sequence[Sequence[Any]]) -> Any:
    """Trees in rows and columns as one tree of arrays [row, column, …]; many of them may be the same one."""
    different = {id(tree): tree for row in trees for tree in row}
    number = {key: place for place, key in enumerate(different)}
    at = np.array([[number[id(tree)] for tree in row] for row in trees])
    return jax.tree.map(lambda *leaves: np.stack(leaves)[at], *different.values())


def start(program: Program, members: Sequence[Member], folds: Folds, given: Sequence[Any]) -> PopulationState:
    """The state before the first step: initial weights that depend only on run seed and restart, or given.

    Made on the host, since a program that draws a few weights takes longer to compile than to run.

    Args:
        program: whose state it is.
        members: in their places.
        folds: what they are trained on.
        given: for each place the layers (weight, bias) to start from, or None.
    """

    def network(seed: int, place: int) -> Network:
        if given[place] is not None:
            return tuple(Layer(*(np.asarray(leaf, folds.dtype) for leaf in layer)) for layer in given[place])
        key = (seed, INITIAL, members[place].restart)
        widths, activation = program.widths, program.activation
        return folds.drawn(
            (key, widths, activation), lambda: initialise(key, widths, activation, folds.dtype)
        )

    rules = tuple(rule for rule, _ in program.layout)

    def states(seed: int, place: int) -> tuple[Any, ...]:
        def made() -> Any:
            return jax.device_get(_first_states(rules, network(seed, place)))

        key = (rules, seed, members[place].restart, program.widths, program.activation)
        return folds.drawn(key, made) if given[place] is None else made()

    every = range(len(members))
    networks = _grid([[network(seed, place) for place in every] for seed in folds.seeds])
    rule_states = [
        _grid([[states(seed, place)[number] for place in every[places]] for seed in folds.seeds])
        for number, (_, places) in enumerate(segments(program.layout))
    ]
    worst = np.full((len(folds.seeds), len(members)), np.inf, folds.dtype)
    return PopulationState(*to_be_changed((networks, tuple(rule_states), networks, worst, worst)))


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

    def of_fold(seed: Array) -> tuple[Array, Array]:
        root = key_of(seed)
        members = jax.vmap(partial(jax.random.fold_in, jax.random.fold_in(root, 0)))(restarts)
        return members, jax.random.fold_in(root, 1)

    members, noise = jax.vmap(of_fold)(seeds)
    return (members[:, 0] if one_restart else members), noise


def _curve(member: Member) -> tuple[str, float, int]:
    return member.schedule, member.warmup, member.epochs


def _settings(chunk: Chunk, members: Sequence[Member], seeds: Sequence[int], dtype: Any) -> Settings:
    """The members' numbers as arrays, place by place, and the keys of every fold."""
    restarts = [member.restart for member in members[: 1 if chunk.one_restart else None]]
    keys, noise_keys = _keys(np.array(seeds, np.uint32), np.array(restarts, np.uint32), chunk.one_restart)

    def strengths(name: str) -> np.ndarray | None:
        if name not in chunk.uses:
            return None
        return np.array([getattr(member, name) for member in members], dtype)

    hyper = tuple(
        {
            name: np.array([member.hyper()[name] for member in members[places]], dtype)
            for name in rule.defaults
            if name != "learning_rate"
        }
        for rule, places in segments(chunk.layout)
    )
    host = (hyper, tuple(map(strengths, STRENGTHS)), np.array(chunk.cohort.noise, dtype))
    hyper, used, noise = jax.device_put(host)
    return Settings(hyper, Regularization(*used), keys, noise, noise_keys)
