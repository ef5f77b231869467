"""The centre: train a population of networks as one program.

Start here, and go down: `train_population` is the loop over epochs with early stopping and rungs;
`couloir.engine.chunks` takes one chunk of the population through an epoch; `couloir.engine.epochs` is the
epoch itself, from one member's loss up, all that is compiled.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, get_args

import jax
import numpy as np

from couloir.engine import compilation
from couloir.engine.architectures.architecture import Network
from couloir.engine.chunks import ChunkTraining
from couloir.engine.epochs import TrainingData
from couloir.engine.folds import Folds
from couloir.engine.machine import SHORT_SECONDS, Machine
from couloir.engine.member import Member
from couloir.engine.metrics import DEFAULT_METRIC, metrics_of
from couloir.engine.outcomes import Outcome, Rung, RungResult, Status, Trained, leader, thin_out
from couloir.engine.packing import pack
from couloir.engine.placement import Stage, compiled_fast, plan_chunks
from couloir.errors import InputError, unknown

Precision = Literal["float32", "float64"]
"""Number type of parameters and data."""

Data = TrainingData | Sequence[TrainingData]
"""What members are trained on: one division of the data, or several, as for folds or replicates."""


@dataclass
class Progress:
    """Where a population stands after an epoch; what a callback is given.

    Attributes:
        epoch: how many are done, and
        epochs: how many there will be at most.
        folds: the outcomes of every member, fold by fold.
        metric: what members are stopped by.
        member_samples: training samples seen so far, summed over members and folds.
        seconds: spent on training so far, without compiling.
        compile_seconds: spent on tracing and compiling.
        chunks: what trains side by side, each in a program of its own.
    """

    epoch: int
    epochs: int
    folds: Sequence[Sequence[Outcome]]
    metric: str
    member_samples: int
    seconds: float
    compile_seconds: float
    chunks: Sequence[ChunkTraining]

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
        """The present weights (not the best ones) in a fold, by the member's number.

        Of all members that have not been packed away.
        """
        found: dict[int, Network] = {}
        for training in self.chunks:
            if fold not in training.chunk.folds:
                continue
            present = jax.device_get(training.state.networks)
            row = training.chunk.folds.index(fold)
            for slot in np.flatnonzero(~np.array(training.chunk.padding)).tolist():
                found[training.chunk.slots[slot]] = training.network(present, row, slot)
        return found


Callback = Callable[[Progress], bool | None]
"""Called after every epoch; training ends where it returns True."""


def train_population(
    members: Sequence[Member],
    data: Data | Mapping[str, Data],
    *,
    seed: int | Sequence[int] = 0,
    patience: int | None = 10,
    metric: str | None = None,
    epochs: int | None = None,
    rungs: Sequence[Rung] = (),
    on_epoch: Callback | None = None,
    chunk: int | None = None,
    precision: Precision = "float32",
    initial: Sequence[Any] | None = None,
    to_the_end: bool = False,
    filled: bool = False,
    machine: Machine | None = None,
) -> Trained:
    """Train every member, each until its budget ends, it stops improving or it diverges.

    A member's result depends on its own hyperparameters, its restart and the run seed; not on the other
    members, its slot among them, the other folds or the size of the chunks. With rungs it also depends
    on the others whether a member comes to its end.

    Args:
        members: the population; a member's `loss` may also be any function of outputs [output, batch]
            and targets that gives one number a sample, written in JAX.
        data: prepared inputs and targets; several of them, as for folds or replicates, train every
            member on each. Where they are given in several encodings, by name, each member is trained on
            those of its own; all else about the rows is the same in each.
        seed: the run seed: batch order, input noise, and with a member's restart its weights and dropout;
            for several folds one for all, or one for each.
        patience: epochs without improvement on validation before a member stops; None: never.
        metric: what members are stopped by; None: log loss, or mean squared error.
        epochs: end after so many, whatever the members' budgets (which stay their schedules' horizon).
        rungs: successive halving: where the worse members leave (see `couloir.engine.outcomes.halving`).
        on_epoch: called after every epoch; training ends when it returns True.
        chunk: networks that train side by side, about; None picks from the shapes.
        precision: of parameters and data, "float32" or "float64".
        initial: for each member the parts of the network that it starts from in every fold, as layers
            (weight [output, input], bias [output]), or None where it draws its own; None: all do.
        to_the_end: stop nobody, and keep each member's last weights, whatever validation says of others: then
            its score on validation is as honest as one on rows that had no say.
        filled: fill small data up to one of few sizes, so that data of a few rows more or less need no
            program of their own; that changes no result but by rounding.
        machine: what it is laid out for; None: this one.

    Returns:
        histories, best weights and status of every member in every fold.
    """
    encoded = by_encoding(members, data)
    folds = next(iter(encoded.values()))
    seeds = [seed] * len(folds) if isinstance(seed, int) else list(seed)
    _check(members, folds, seeds, metric, epochs, precision)
    _check_initial(members, encoded, initial)
    metric = metric or DEFAULT_METRIC[folds[0].task]
    outcomes = [[Outcome(member) for member in members] for _ in folds]
    budget = max(member.epochs for member in members)
    horizon = budget if epochs is None else min(budget, epochs)
    patience = None if to_the_end or folds[0].validation is None else patience
    clock, began, seen = compilation.Clock(), time.perf_counter(), 0
    machine = machine or Machine.here()
    passed: list[RungResult] = []
    with engine(precision), clock.running(), ThreadPoolExecutor(machine.workers) as pool:
        stacks = _stack_folds(members, encoded, seeds, precision, filled)
        ahead = _stages(horizon, rungs)
        chunks = _laid_out(members, outcomes, stacks, metric, chunk, ahead, machine, to_the_end)
        for part in chunks:
            part.begin(initial)
        for number in range(1, horizon + 1):
            seen += advance(chunks, number, patience, precision, pool)
            for rung in rungs:
                if rung.epoch == number and (result := thin_out(outcomes, rung, metric)):
                    passed.append(result)
            next_rung = min((rung.epoch for rung in rungs if rung.epoch > number), default=0)
            chunks = pack(chunks, number, next_rung - number, outcomes, machine)
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


Encoded = Mapping[str | None, Sequence[TrainingData]]
"""The folds in each encoding that members read; None: in the one that they all do."""


def by_encoding(members: Sequence[Member], data: Data | Mapping[str, Data]) -> Encoded:
    """The folds in each encoding that members read; under None where they all read the same."""

    def listed(folds: Data) -> Sequence[TrainingData]:
        return [folds] if isinstance(folds, TrainingData) else list(folds)

    if not isinstance(data, Mapping):
        return {None: listed(data)}
    return {name: listed(data[name]) for name in dict.fromkeys(member.encoding for member in members)}


def readers(members: Sequence[Member], encoding: str | None) -> dict[int, Member]:
    """The members that read an encoding, by number; None: all do."""
    return {n: member for n, member in enumerate(members) if encoding in (None, member.encoding)}


def _stack_folds(
    members: Sequence[Member], encoded: Encoded, seeds: Sequence[int], dtype: Any, filled: bool
) -> list[Folds]:
    """Folds grouped by what tells their programs apart: encoding, and whether there is validation.

    Noise is drawn for every feature, those that would fill a fold up too: with it, folds that differ in
    their number of features have programs of their own; so they have where an architecture demands it.
    """

    def exact(member: Member) -> bool:
        return member.noise > 0 or not member.design.fillable

    noisy = {name for name in encoded if any(map(exact, readers(members, name).values()))}
    by_shape: dict[Any, list[int]] = {}
    for name, folds in encoded.items():
        for number, fold in enumerate(folds):
            features = fold.train.inputs.shape[1] if name in noisy else 0
            shape = name, features, fold.validation is None
            by_shape.setdefault(shape, []).append(number)
    found = []
    for (name, _, _), numbers in by_shape.items():
        own = [encoded[name][n] for n in numbers]
        found.append(Folds.of(numbers, own, [seeds[n] for n in numbers], dtype, filled, name))
    return found


def _laid_out(
    members: Sequence[Member],
    outcomes: Sequence[Sequence[Outcome]],
    stacks: Sequence[Folds],
    metric: str,
    most: int | None,
    ahead: Sequence[Stage],
    machine: Machine,
    to_the_end: bool,
) -> list[ChunkTraining]:
    """Every chunk of the population in every fold, before the first step."""
    found = []
    for folds in stacks:
        inputs, outputs = folds.features, folds.data[0].outputs
        own = readers(members, folds.encoding)
        image = folds.data[0].image_shape
        chunks = plan_chunks(
            own, inputs, outputs, machine, most, folds.numbers, ahead=ahead, image_shape=image
        )
        fast = compiled_fast(chunks, inputs, outputs, max(folds.rows), ahead, machine)
        found += [
            ChunkTraining(chunk, outcomes, folds, metric, briefly, to_the_end)
            for chunk, briefly in zip(chunks, fast, strict=True)
        ]
    return found


def _stages(epochs: int, rungs: Sequence[Rung]) -> list[Stage]:
    """What share of the members trains for how many epochs, as far as the rungs tell."""
    found, share, before = [], 1.0, 0
    for rung in sorted(rungs, key=lambda rung: rung.epoch):
        found.append(Stage(share, min(rung.epoch, epochs) - before))
        share, before = share * rung.keep, min(rung.epoch, epochs)
    return [*found, Stage(share, epochs - before)]


def advance(
    chunks: Sequence[ChunkTraining],
    number: int,
    patience: int | None,
    precision: Precision,
    pool: ThreadPoolExecutor,
) -> int:
    """Run epoch `number` of every chunk, as many at a time as there are workers; returns member-samples."""

    def one(part: ChunkTraining) -> int:
        with numerics(precision):  # JAX's settings are each thread's own
            return part.advance(number, patience)

    waiting = [part for part in chunks if part.training]
    if len(waiting) == 1 and waiting[0].seconds < SHORT_SECONDS:
        return one(waiting[0])
    # A chunk of each program that is new compiles it for the others.
    first = {id(part) for part in {part.program: part for part in reversed(waiting) if part.fresh}.values()}
    seen = sum(pool.map(one, [part for part in waiting if id(part) in first]))
    return seen + sum(pool.map(one, [part for part in waiting if id(part) not in first]))


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


def _check_initial(members: Sequence[Member], encoded: Encoded, initial: Sequence[Any] | None) -> None:
    """Raise an InputError for layers to start from that do not fit the members."""
    if initial is None:
        return
    if len(initial) != len(members):
        raise InputError(
            f"There are {len(initial)} networks to start from for {len(members)} members: "
            "give one for each, None where a member draws its own."
        )
    for member, layers in zip(members, initial, strict=True):
        own = encoded.get(None) or encoded[member.encoding]
        for data in own if layers is not None else ():
            inputs, outputs = data.train.inputs.shape[1], data.outputs
            design = member.design.fitting(data.image_shape)
            like = design.parts(design.outline(inputs, outputs))
            found, wanted = (
                [[np.shape(leaf) for leaf in part] for part in parts] for parts in (layers, like)
            )
            if found != wanted:
                raise InputError(
                    f"A network to start from has arrays of the shapes {found}, and its member is "
                    f"{design.name} {'-'.join(map(str, (inputs, *member.hidden, outputs)))}: give weights "
                    "[output, input] and biases [output] of these widths."
                )


@contextlib.contextmanager
def engine(precision: Precision) -> Iterator[None]:
    """JAX set up for our programs, and left as it was."""
    with compilation.cached(), numerics(precision):
        yield


@contextlib.contextmanager
def numerics(precision: Precision) -> Iterator[None]:
    """The settings that a thread computes under: its precision, no TF32 on GPUs."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(jax.enable_x64(precision == "float64"))
        if jax.default_backend() != "cpu":
            stack.enter_context(jax.default_matmul_precision("float32"))
        yield
