"""Where members are trained: cohorts, chunks, slots, and what it will take.

Members that share array shapes and static choices form a cohort, which one compiled program trains; a cohort
too large for the processor's cache is dealt out over chunks of equal layout, so that it still compiles once.
Everything here follows from shapes and from the `Machine` alone, before anything is compiled, so that the
same run is laid out alike whenever it is run again. The constants were measured on two AVX-512 cores.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from couloir.engine.architectures.architecture import Architecture, Size
from couloir.engine.architectures.registry import design
from couloir.engine.machine import Machine
from couloir.engine.member import Member
from couloir.engine.rule import Rule
from couloir.errors import InputError

STRENGTHS = ("l1", "l2", "dropout")
"""What a program computes only where some member of the cohort asks for it."""


@dataclass(frozen=True)
class Cohort:
    """What the members of one compiled program share; the fields are those of `Member`.

    Besides them `image_shape`: of the images that they are trained on, if these are images.
    """

    encoding: str
    architecture: str
    hidden: tuple[int, ...]
    activation: str
    loss: str
    batch_size: int
    noise: float
    image_shape: tuple[int, ...] | None = None

    @classmethod
    def of(cls, member: Member, image_shape: tuple[int, ...] | None = None) -> Cohort:
        """The cohort a member belongs to.

        The noise is part of it, though a change of its value compiles nothing: members that share σ
        share the noisy inputs too, and the first layer stays one wide product.
        """
        own = {each.name: getattr(member, each.name) for each in fields(cls) if each.name != "image_shape"}
        return cls(**own, image_shape=image_shape)

    @property
    def design(self) -> Architecture:
        """The architecture of its networks."""
        return design(self.architecture, self.hidden, self.activation).fitting(self.image_shape)

    def size(self, inputs: int, outputs: int) -> Size:
        """How large its networks are."""
        return self.design.size(inputs, outputs)


@dataclass(frozen=True)
class Chunk:
    """Members of one cohort that train side by side, grouped by rule, in one or more folds.

    Attributes:
        cohort: what they share.
        layout: the rules with the number of slots each has, in the order of the slots.
        slots: for every slot the member's number in the population; padding repeats one.
        padding: for every slot whether it is empty.
        folds: the numbers of the folds that every slot is trained in.
        uses: the strengths in `STRENGTHS` that some member of the cohort has above 0.
        one_restart: whether all members of the cohort are of the same restart.
    """

    cohort: Cohort
    layout: tuple[tuple[Rule, int], ...]
    slots: tuple[int, ...]
    padding: tuple[bool, ...]
    folds: tuple[int, ...]
    uses: frozenset[str]
    one_restart: bool

    @property
    def trainings(self) -> int:
        """Networks in it: slots times folds."""
        return len(self.slots) * len(self.folds)

    @property
    def program(self) -> tuple[Any, ...]:
        """What tells its program from those of other chunks of the population."""
        cohort = self.cohort
        shapes = (cohort.batch_size, self.layout, len(self.folds))
        return (cohort.encoding, cohort.design, cohort.loss, cohort.noise > 0, *shapes)


@dataclass(frozen=True)
class Stage:
    """A part of the training ahead: the share of members in it, and how many epochs it takes."""

    share: float
    epochs: float


# From members to chunks -----------------------------------------------------------------------------------


def plan_chunks(
    members: Mapping[int, Member] | Sequence[Member],
    inputs: int,
    outputs: int,
    machine: Machine,
    most: int | None = None,
    folds: Sequence[int] = (0,),
    rounded: bool = False,
    ahead: Sequence[Stage] = (Stage(1, 1),),
    image_shape: tuple[int, ...] | None = None,
) -> list[Chunk]:
    """Group members into cohorts, and deal each cohort out over chunks of one layout.

    Args:
        members: the population, or some of it by number.
        inputs, outputs: the data's numbers of prepared features and of outputs.
        machine: what it is laid out for.
        most: networks in a chunk, at most, in as few chunks as that allows; None picks from the shapes.
        folds: the numbers of the folds that every member is trained in.
        rounded: round every rule's slots up to a power of two, so that few different programs come up
            as a population shrinks; the spare slots are padding.
        ahead: how the population will shrink, where that is known.
        image_shape: of images that lie flat in the features.
    """
    numbered = members if isinstance(members, Mapping) else dict(enumerate(members))
    cohorts: dict[Cohort, dict[Rule, list[int]]] = {}
    for number, member in numbered.items():
        cohorts.setdefault(Cohort.of(member, image_shape), {}).setdefault(member.rule, []).append(number)
    chunks = []
    for cohort, members_by_rule in cohorts.items():
        cohort.design.check(inputs, outputs)
        networks = chunk_size(cohort.size(inputs, outputs).parameters, machine.workers, cohort.noise > 0)
        size = most or networks
        everybody = [numbered[number] for own in members_by_rule.values() for number in own]
        like = Chunk(
            cohort,
            layout=(),
            slots=(),
            padding=(),
            folds=(),
            uses=frozenset(name for name in STRENGTHS if any(getattr(each, name) for each in everybody)),
            one_restart=len({each.restart for each in everybody}) == 1,
        )
        workers = 1 if most else machine.workers
        for by_rule in _halved(members_by_rule, len(everybody) * len(folds), ahead):
            counts = [len(own) for own in by_rule.values()]
            count, groups = _arranged(counts, folds, size, workers, rounded, ahead)
            layout = tuple((rule, _slots(len(own), count, rounded)) for rule, own in by_rule.items())
            spare = {rule: own[0] for rule, own in by_rule.items()}
            for group in groups:
                chunks += _dealt(replace(like, layout=layout, folds=group), by_rule, spare, count)
    return chunks


FEWEST = 4
"""Networks in a chunk, at least, where there are as many."""

CHUNK_OVERHEAD = 13.0
"""What a chunk's step takes besides its networks, in networks (64-32-10, batch 32, eight rules)."""

FOLD_AXIS = 1.04
"""How much longer a network takes in a program with an axis of folds, whose products are less wide."""

GATHERING = 1.6
"""At each thinning those left gather in the better rules: the largest rule's share grows by so much."""

MANY = 256
"""So many networks that are to be thinned out are worth two programs."""


def _halved(
    by_rule: dict[Rule, list[int]], networks: int, ahead: Sequence[Stage]
) -> list[dict[Rule, list[int]]]:
    """A cohort's rules in two halves, of a program each, where many networks are to be thinned out.

    Those left gather in some of the rules, and a chunk has slots for each of its own: a half whose rules
    lose needs few chunks then.
    """
    rules = list(by_rule)
    if len(ahead) == 1 or len(rules) < 4 or networks < MANY:
        return [by_rule]
    middle = len(rules) // 2
    return [{rule: by_rule[rule] for rule in half} for half in (rules[:middle], rules[middle:])]


def _arranged(
    counts: Sequence[int],
    folds: Sequence[int],
    size: int,
    workers: int,
    rounded: bool,
    ahead: Sequence[Stage],
) -> tuple[int, list[tuple[int, ...]]]:
    """Into how many chunks a cohort is dealt, and its folds into which groups, for the least time.

    Args:
        counts: members of each rule.
        folds: the folds' numbers.
        size: networks in a chunk, at most.
        workers: chunks that train at the same time.
        rounded, ahead: as in `plan_chunks`.

    Returns:
        the number of chunks for each group of folds, and the groups.
    """
    total = len(folds) * sum(counts)
    widths = [width for width in range(1, len(folds) + 1) if len(folds) % width == 0]
    # More chunks than the largest rule has members would hold nothing but padding.
    choices = [
        (slots * width, chunks, width)
        for chunks in range(1, max(counts) + 1)
        for slots in [sum(_slots(count, chunks, rounded) for count in counts)]
        for width in widths
    ]
    fitting = [each for each in choices if min(FEWEST, total) <= each[0] <= size] or [min(choices)]

    def seconds(choice: tuple[int, int, int]) -> float:
        networks, chunks, width = choice
        each = networks * (FOLD_AXIS if width > 1 else 1) + CHUNK_OVERHEAD
        found = 0.0
        for thinnings, stage in enumerate(ahead):
            full = math.ceil(chunks * min(1.0, stage.share * GATHERING**thinnings))
            found += stage.epochs * math.ceil(full * len(folds) / width / workers) * each
        return found

    _, chunks, width = min(fitting, key=lambda choice: (seconds(choice), choice[1]))
    return chunks, [tuple(folds[start : start + width]) for start in range(0, len(folds), width)]


def _slots(members: int, chunks: int, rounded: bool) -> int:
    """Slots of a rule in each of so many chunks."""
    size = math.ceil(members / chunks)
    return 1 << (size - 1).bit_length() if rounded else size


def redealt(chunk: Chunk, members: Mapping[int, Member], spare: Mapping[Rule, int]) -> list[Chunk]:
    """Some members of a cohort dealt out over chunks of a layout that is compiled already.

    Args:
        chunk: one of the layout, with the folds that the new ones are to have.
        members: those that go on, by number.
        spare: per rule a member's number, to pad with.

    Returns:
        as few chunks as hold every rule's members.
    """
    by_rule: dict[Rule, list[int]] = {rule: [] for rule, _ in chunk.layout}
    for number, member in members.items():
        by_rule[member.rule].append(number)
    count = max(math.ceil(len(by_rule[rule]) / size) for rule, size in chunk.layout)
    return _dealt(chunk, by_rule, spare, count)


def _dealt(
    like: Chunk, by_rule: Mapping[Rule, list[int]], spare: Mapping[Rule, int], count: int
) -> list[Chunk]:
    """So many chunks like one: every rule's members dealt out in turn, padded where they do not suffice."""
    found = []
    for first in range(count):
        slots: list[int] = []
        padding: list[bool] = []
        for rule, size in like.layout:
            own = by_rule[rule][first::count]
            slots += own + [spare[rule]] * (size - len(own))
            padding += [False] * len(own) + [True] * (size - len(own))
        found.append(replace(like, slots=tuple(slots), padding=tuple(padding)))
    return found


def chunk_size(parameters: int, workers: int, noisy: bool = False) -> int:
    """Networks of so many parameters to a chunk, at most, when chunks train side by side, one a core.

    About a quarter of a million parameters, but 4 to 128 networks: then the rules' state stays in the
    cache, and a core that has a chunk to itself loses no time in waiting for the others inside a product.
    (Measured on two cores, 64 members, as a share of the rate of a bare matrix product: 784-15-10 by 64
    in one chunk 55 %, by 16 in two at a time 70 %; 784-128-64-10 51 % and, by 4, 80 %.) Input noise is
    drawn once for each chunk, so noisy chunks are twice as large. An accelerator trains one chunk at a
    time, and wants wide products.
    """
    if workers == 1:
        return max(8, 2**27 // parameters)
    fitting = 2**19 if noisy else 2**18
    return max(FEWEST, min(128, fitting // parameters))


# What it will take ----------------------------------------------------------------------------------------
# Predictions are for orientation, and are the same on every run.

SECONDS_PER_STEP = 2e-4
COMPILE_SECONDS = 1.1
COMPILE_SECONDS_PER_RULE = 0.2

MOVING_SECONDS = 0.02
"""What it takes to move a population's state into other chunks, about."""

COPIES = 6
"""Parameter-sized arrays that a member keeps: weights, best weights, gradient, up to three of a rule."""

BRIEF_SECONDS = 0.5
"""A program that is predicted to run no longer in all is compiled fast: what that saves, 0.3 to 2 s, is about
what it can lose at most, and more where the prediction is not reached."""

NOISE_SECONDS = 2.5e-8
"""What a number of input noise takes to draw, at most, in a program that is compiled fast: five times as long
as in others."""


def epoch_seconds(networks: int, size: Size, rows: int, batch_size: int, machine: Machine) -> float:
    """Predicted time of one epoch of so many networks side by side."""
    rate = machine.flops_per_core * machine.cores
    return networks * rows * size.flops / rate + math.ceil(rows / batch_size) * SECONDS_PER_STEP


def compile_seconds(rules: int) -> float:
    """Predicted time to compile a program of so many rules."""
    return COMPILE_SECONDS + COMPILE_SECONDS_PER_RULE * rules


def compiled_fast(
    chunks: Sequence[Chunk], inputs: int, outputs: int, rows: int, ahead: Sequence[Stage], machine: Machine
) -> list[bool]:
    """For every chunk whether its program runs too briefly to be worth compiling well.

    Args:
        chunks: the population as planned; chunks that share a program run it together.
        inputs, outputs: numbers of prepared features and outputs.
        rows: training rows.
        ahead: how many epochs are ahead for what share of the members.
        machine: what it is laid out for.
    """
    epochs = sum(stage.share * stage.epochs for stage in ahead)
    seconds: dict[tuple[Any, ...], float] = {}
    for chunk in chunks:
        size, batch = chunk.cohort.size(inputs, outputs), chunk.cohort.batch_size
        own = epochs * epoch_seconds(chunk.trainings, size, rows, batch, machine)
        if chunk.cohort.noise > 0:  # drawn in each fold, once for all members
            own += epochs * len(chunk.folds) * rows * inputs * NOISE_SECONDS
        seconds[chunk.program] = seconds.get(chunk.program, 0.0) + own
    return [seconds[chunk.program] <= BRIEF_SECONDS for chunk in chunks]


@dataclass(frozen=True)
class Cost:
    """A prediction: how many, how much memory, how long at most (if no member stops early)."""

    members: int
    cohorts: int
    chunks: int
    memory_bytes: int
    seconds: float


def predict(
    chunks: Sequence[Chunk],
    members: Sequence[Member],
    data_bytes: int,
    rows: int,
    inputs: int,
    outputs: int,
    machine: Machine,
) -> Cost:
    """The cost of training these chunks to the end of their budgets.

    Args:
        chunks: the population as planned.
        members: the population.
        data_bytes: of the prepared data.
        rows: training rows.
        inputs, outputs: numbers of prepared features and outputs.
        machine: what it is laid out for.
    """
    seconds, memory, compiled = 0.0, 2 * data_bytes, set()
    for chunk in chunks:
        size, batch = chunk.cohort.size(inputs, outputs), chunk.cohort.batch_size
        epochs = max(members[number].epochs for number in chunk.slots)
        seconds += epochs * epoch_seconds(chunk.trainings, size, rows, batch, machine)
        memory += 4 * chunk.trainings * (COPIES * size.parameters + 3 * batch * sum(size.signals))
        if chunk.program not in compiled:
            compiled.add(chunk.program)
            seconds += compile_seconds(len(chunk.layout))
    return Cost(
        sum(not spare for chunk in chunks for spare in chunk.padding for _ in chunk.folds),
        len({chunk.cohort for chunk in chunks}),
        len(chunks),
        memory,
        seconds,
    )


def together(costs: Sequence[Cost]) -> Cost:
    """What several populations cost that are trained as one."""
    return Cost(*(sum(getattr(cost, each.name) for cost in costs) for each in fields(Cost)))


def check_memory(cost: Cost) -> None:
    """Raise an InputError before allocating more than this machine has, whatever the layout was made for."""
    available = Machine.here().memory
    if available is not None and cost.memory_bytes > 0.9 * available:
        raise InputError(
            f"This population of {cost.members} needs about {cost.memory_bytes / 2**30:.1f} GiB and the "
            f"machine has {available / 2**30:.1f}: train fewer at a time (--members, --restarts, "
            "--generation, --replicates), or smaller ones (--hidden)."
        )
