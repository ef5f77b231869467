"""Who is trained: members, the options they come from, and how they are grouped for training.

A member is one network with its own hyperparameters. Lists of options multiply into members; members
that share array shapes and static choices form a cohort, which one compiled program trains; a cohort
too large for the processor's cache is dealt out over chunks of equal layout, so that it still compiles
once.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import product
from numbers import Integral, Real
from typing import Any

import jax

from couloir.engine.activations import ACTIVATIONS
from couloir.engine.architectures.layers import BETWEEN, by_layer
from couloir.engine.architectures.mlp import parameter_count
from couloir.engine.losses import DEFAULT_LOSS, LOSSES
from couloir.engine.optimizers import RULES, Rule, from_optax
from couloir.engine.schedules import SCHEDULES
from couloir.errors import InputError, unknown

RATES_PER_RULE = 8
"""Learning rates that each rule gets by default, two to a decade."""


@dataclass(frozen=True)
class Member:
    """One network's hyperparameters.

    Attributes:
        rule: the update rule.
        learning_rate: its α.
        momentum: its β, for the rules that have one.
        hidden: units of each hidden layer; empty for a linear model.
        activation: of the hidden layers: a name in `couloir.engine.activations.ACTIVATIONS`, or one for each
            with "-" between, as in "relu-tanh".
        loss, schedule: names in the registries of those modules.
        batch_size: samples a step.
        epochs: the budget, and the schedule's horizon.
        l1, l2: weights λ of the penalties Σ|w| and ½Σw².
        dropout: probability that a hidden unit is off in a training step.
        noise: standard deviation of what is added to the prepared inputs in training.
        warmup: share of the budget over which the learning rate first rises.
        restart: member seed; the same restart means the same initial weights for the same shapes.
    """

    rule: Rule
    learning_rate: float
    momentum: float | None = None
    hidden: tuple[int, ...] = (64,)
    activation: str = "relu"
    loss: str = "cross_entropy"
    batch_size: int = 64
    epochs: int = 100
    l1: float = 0.0
    l2: float = 0.0
    dropout: float = 0.0
    noise: float = 0.0
    schedule: str = "constant"
    warmup: float = 0.0
    restart: int = 0

    def __post_init__(self) -> None:
        """Raise an InputError where the activations do not fit the hidden layers."""
        by_layer(self.activation, len(self.hidden))

    def hyper(self) -> dict[str, float]:
        """The numbers the rule reads: its customary ones, with this member's own in their place."""
        own = {"learning_rate": self.learning_rate}
        if self.momentum is not None:
            own["momentum"] = self.momentum
        return {name: own.get(name, default) for name, default in self.rule.defaults.items()}

    def describe(self) -> dict[str, Any]:
        """All hyperparameters as plain values, the rule by its name."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "rule"}
        return {"optimizer": self.rule.name, **values, "hidden": list(self.hidden)}


# From options to members ------------------------------------------------------------------------------

Option = Any
"""One value, or a sequence of values that multiplies the population."""


@dataclass(frozen=True)
class Options:
    """What a person asked for: each option a single value or a sequence that multiplies the population.

    None stands for the default: for `optimizer` every rule in `RULES`, for `learning_rate` eight values
    around each rule's customary one, for `loss` the task's, for `momentum` the rule's.

    Attributes:
        optimizer: update rules: names in `RULES`, Optax's as "optax.NAME", or rules.
        learning_rate: their rates α, above 0.
        momentum: β in [0, 1), for the rules that have one.
        hidden: units of the hidden layers: (64, 64) is one network, [(64,), (64, 64)] are two, () none.
        activation: names in `couloir.engine.activations.ACTIVATIONS`; "relu-tanh" is one for each layer.
        batch_size: samples a step.
        epochs: the budget, and the schedule's horizon.
        l1, l2: weights λ ≥ 0 of the penalties Σ|w| and ½Σw².
        dropout: probability in [0, 1) that a hidden unit is off in a training step.
        noise: standard deviation of what is added to the prepared inputs in training.
        schedule: names in `couloir.engine.schedules.SCHEDULES`.
        warmup: share in [0, 1) of the budget over which the learning rate first rises.
        loss: names in `couloir.engine.losses.LOSSES`.
        restarts: how many initial weights each combination is trained from.
    """

    optimizer: Option = None
    learning_rate: Option = None
    momentum: Option = None
    hidden: Option = ((64,),)
    activation: Option = "relu"
    batch_size: Option = 64
    epochs: Option = 100
    l1: Option = 0.0
    l2: Option = 0.0
    dropout: Option = 0.0
    noise: Option = 0.0
    schedule: Option = "constant"
    warmup: Option = 0.0
    loss: Option = None
    restarts: int = 1

    def members(self, task: str, limit: int | None = None) -> list[Member]:
        """Every combination of the options, as members.

        Args:
            task: "classification" or "regression".
            limit: keep at most so many, spread evenly over the combinations.

        Raises:
            InputError: an unknown name, a number out of its range, a loss of the other task.
        """
        named = list(RULES) if self.optimizer is None else _listed(self.optimizer)
        rules = dict.fromkeys(find_rule(each) for each in named)
        members = [
            replace(start, **dict(zip(rest, values, strict=True)))
            for rule in rules
            for start in self._rule_members(rule)
            for rest, values in _combinations(self._shared_values(task))
        ]
        if limit is not None and limit < len(members):
            _in_range("members", limit, 1, None, whole=True)
            members = [members[round(i * (len(members) - 1) / max(limit - 1, 1))] for i in range(limit)]
        return members

    def _rule_members(self, rule: Rule) -> list[Member]:
        rates = _listed(self.learning_rate) if self.learning_rate is not None else customary_rates(rule)
        rates = [_in_range("learning rate", rate, 0, None, open_low=True) for rate in rates]
        momenta: list[Any] = [None]
        if "momentum" in rule.defaults:
            given = _listed(self.momentum) if self.momentum is not None else [rule.defaults["momentum"]]
            momenta = [_in_range("momentum", value, 0, 1) for value in given]
        return [Member(rule, rate, momentum) for rate in rates for momentum in momenta]

    def _shared_values(self, task: str) -> dict[str, list[Any]]:
        losses = _listed(self.loss if self.loss is not None else DEFAULT_LOSS[task])
        return {
            "hidden": hidden_layers(self.hidden),
            "activation": activations(self.activation),
            "loss": [_loss_for(task, name) for name in losses],
            "batch_size": [_in_range("batch size", n, 1, None, whole=True) for n in _listed(self.batch_size)],
            "epochs": [_in_range("epochs", n, 1, None, whole=True) for n in _listed(self.epochs)],
            "l1": [_in_range("l1", value, 0, None) for value in _listed(self.l1)],
            "l2": [_in_range("l2", value, 0, None) for value in _listed(self.l2)],
            "dropout": [_in_range("dropout", value, 0, 1) for value in _listed(self.dropout)],
            "noise": [_in_range("noise", value, 0, None) for value in _listed(self.noise)],
            "schedule": [_named("schedule", name, SCHEDULES) for name in _listed(self.schedule)],
            "warmup": [_in_range("warmup", value, 0, 1) for value in _listed(self.warmup)],
            "restart": list(range(_in_range("restarts", self.restarts, 1, None, whole=True))),
        }


def customary_rates(rule: Rule, count: int = RATES_PER_RULE) -> list[float]:
    """Learning rates around a rule's customary one, two to a decade: α·10^(k/2), k = −5 … 2 for eight.

    More of them lie below than above: members at thirty and a hundred times the customary rate win on a
    small validation part now and then, and are then wrong with great confidence.
    """
    highest = (count - 1) // 3
    middle = rule.defaults["learning_rate"]
    return [float(f"{middle * 10 ** (k / 2):.3g}") for k in range(highest - count + 1, highest + 1)]


def find_rule(named: str | Rule) -> Rule:
    """The rule of a name: one of `RULES`, or an Optax optimizer as ``optax.NAME``."""
    if isinstance(named, Rule):
        return named
    if isinstance(named, str) and named.startswith("optax."):
        return _optax_rule(named)
    if callable(named):  # Optax's functions, or the two that one of its transformations consists of
        raise InputError(
            f"The optimizer {named!r} is a function: give its name, as 'adam' or 'optax.lion', or a rule "
            "that couloir.engine.optimizers.from_optax makes of it."
        )
    return RULES[_named("optimizer", named, RULES)]


@cache
def _optax_rule(named: str) -> Rule:
    """One rule object for each name, so that members of it share a segment of the program."""
    import optax

    name = named.removeprefix("optax.")
    if name not in _optax_rules():
        raise unknown("optimizer", named, [f"optax.{name}" for name in _optax_rules()])
    return from_optax(named, getattr(optax, name), learning_rate=1e-3)


def _optax_rules() -> list[str]:
    """Optax's optimizers: what it makes from a learning rate alone."""
    import optax

    return [
        name
        for name, thing in vars(optax).items()
        if inspect.isfunction(thing)
        and not name.startswith("scale_by_")
        and name != "lbfgs"  # wants the loss itself, not only gradients
        and "learning_rate" in (arguments := inspect.signature(thing).parameters)
        and all(a.default is not a.empty or a.name == "learning_rate" for a in arguments.values())
    ]


def hidden_layers(value: Option) -> list[tuple[int, ...]]:
    """Hidden layers from what was given: 64, (64, 64), or a sequence of such tuples.

    A flat sequence of whole numbers is ONE network, layer by layer; several are a sequence of sequences.
    """
    if isinstance(value, Integral):
        value = (value,)
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InputError(f"The hidden layers {value!r} are not whole numbers: give for example (64, 64).")
    layers = list(value)
    networks = layers if layers and all(isinstance(each, Iterable) for each in layers) else [layers]
    return list(
        dict.fromkeys(
            tuple(_in_range("hidden units", units, 1, None, whole=True) for units in network)
            for network in networks
        )
    )


def activations(value: Option) -> list[str]:
    """Activations from what was given: a name, a tuple with one for each hidden layer, or a list of these."""
    given = [value] if isinstance(value, tuple) else _listed(value)
    return list(dict.fromkeys(map(_activation, given)))


def _activation(given: Any) -> str:
    """One network's activations as a `Member` has them: "relu", or "relu-tanh"."""
    several = isinstance(given, Iterable) and not isinstance(given, str)
    names = (list(given) or [given]) if several else str(given).split(BETWEEN)
    return BETWEEN.join(_named("activation", name, ACTIVATIONS) for name in names)


def _combinations(values: Mapping[str, list[Any]]) -> Iterable[tuple[list[str], tuple[Any, ...]]]:
    return ((list(values), combination) for combination in product(*values.values()))


def _listed(value: Option) -> list[Any]:
    if isinstance(value, (str, Rule)) or not isinstance(value, Iterable):
        return [value]
    values = list(value)
    if not values:
        raise InputError("An option was given an empty list: give at least one value, or leave it out.")
    return [each for number, each in enumerate(values) if each not in values[:number]]


def _named(what: str, name: object, registry: Collection[str]) -> str:
    if name not in registry:
        raise unknown(what, name, registry)
    return str(name)


def _loss_for(task: str, name: object) -> str:
    if name in LOSSES and LOSSES[str(name)].task != task:
        fitting = ", ".join(key for key, loss in LOSSES.items() if loss.task == task)
        raise InputError(
            f"The loss '{name}' is for {LOSSES[str(name)].task}, and this is {task}: use {fitting}, "
            "or set the task."
        )
    return _named("loss", name, LOSSES)


def _in_range(
    what: str, value: Any, low: float, high: float | None, whole: bool = False, open_low: bool = False
) -> Any:
    """The number, if it is one in [low, high) (or (low, high)); an InputError that says so otherwise."""
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    inside = number and (value > low if open_low else value >= low) and (high is None or value < high)
    if not inside or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        above = f"above {low:g}" if open_low else f"of at least {low:g}"
        below = f" and below {high:g}" if high is not None else ""
        raise InputError(f"The {what} {value!r} cannot be used: give {kind} {above}{below}.")
    return int(value) if whole else float(value)


# From members to cohorts and chunks -------------------------------------------------------------------


@dataclass(frozen=True)
class Cohort:
    """What the members of one compiled program share; the fields are those of `Member`."""

    hidden: tuple[int, ...]
    activation: str
    loss: str
    batch_size: int
    noise: float

    @classmethod
    def of(cls, member: Member) -> Cohort:
        """The cohort a member belongs to.

        The noise is part of it, though a change of its value compiles nothing: members that share σ
        share the noisy inputs too, and the first layer stays one wide product.
        """
        return cls(member.hidden, member.activation, member.loss, member.batch_size, member.noise)

    def widths(self, inputs: int, outputs: int) -> tuple[int, ...]:
        """Units of every layer from the inputs to the outputs."""
        return (inputs, *self.hidden, outputs)


STRENGTHS = ("l1", "l2", "dropout")
"""What a program computes only where some member of the cohort asks for it."""


@dataclass(frozen=True)
class Chunk:
    """Members of one cohort that train side by side, grouped by rule, in one or more folds.

    Attributes:
        cohort: what they share.
        layout: the rules with the number of places each has, in the order of the places.
        places: for every place the member's number in the population; inert places repeat one.
        inert: for every place whether it is only padding.
        folds: the numbers of the folds that every place is trained in.
        uses: the strengths in `STRENGTHS` that some member of the cohort has above 0.
        one_restart: whether all members of the cohort are of the same restart.
    """

    cohort: Cohort
    layout: tuple[tuple[Rule, int], ...]
    places: tuple[int, ...]
    inert: tuple[bool, ...]
    folds: tuple[int, ...]
    uses: frozenset[str]
    one_restart: bool

    @property
    def trainings(self) -> int:
        """Networks in it: places times folds."""
        return len(self.places) * len(self.folds)


@dataclass(frozen=True)
class Stage:
    """A part of the training ahead: the share of members in it, and how many epochs it takes."""

    share: float
    epochs: float


def plan_chunks(
    members: Mapping[int, Member] | Sequence[Member],
    inputs: int,
    outputs: int,
    most: int | None = None,
    folds: Sequence[int] = (0,),
    rounded: bool = False,
    ahead: Sequence[Stage] = (Stage(1, 1),),
) -> list[Chunk]:
    """Group members into cohorts, and deal each cohort out over chunks of one layout.

    Args:
        members: the population, or some of it by number.
        inputs, outputs: the data's numbers of prepared features and of outputs.
        most: networks in a chunk, at most, in as few chunks as that allows; None picks from the shapes.
        folds: the numbers of the folds that every member is trained in.
        rounded: round every rule's places up to a power of two, so that few different programs come up
            as a population shrinks; the spare places are inert.
        ahead: how the population will shrink, where that is known.
    """
    numbered = members if isinstance(members, Mapping) else dict(enumerate(members))
    cohorts: dict[Cohort, dict[Rule, list[int]]] = {}
    for number, member in numbered.items():
        cohorts.setdefault(Cohort.of(member), {}).setdefault(member.rule, []).append(number)
    chunks = []
    for cohort, members_by_rule in cohorts.items():
        size = most or chunk_size(cohort.widths(inputs, outputs), lanes(), cohort.noise > 0)
        everybody = [numbered[number] for own in members_by_rule.values() for number in own]
        like = Chunk(
            cohort,
            layout=(),
            places=(),
            inert=(),
            folds=(),
            uses=frozenset(name for name in STRENGTHS if any(getattr(each, name) for each in everybody)),
            one_restart=len({each.restart for each in everybody}) == 1,
        )
        for by_rule in _parted(members_by_rule, len(everybody) * len(folds), ahead):
            hands, blocks = _arranged(
                [len(own) for own in by_rule.values()], folds, size, 1 if most else lanes(), rounded, ahead
            )
            layout = tuple((rule, _places(len(own), hands, rounded)) for rule, own in by_rule.items())
            spare = {rule: own[0] for rule, own in by_rule.items()}
            for block in blocks:
                chunks += _dealt(replace(like, layout=layout, folds=block), by_rule, spare, hands)
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


def _parted(
    by_rule: dict[Rule, list[int]], networks: int, ahead: Sequence[Stage]
) -> list[dict[Rule, list[int]]]:
    """A cohort's rules in two halves, of a program each, where many networks are to be thinned out.

    Those left gather in some of the rules, and a chunk has places for each of its own: a half whose rules
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
    lanes: int,
    rounded: bool,
    ahead: Sequence[Stage],
) -> tuple[int, list[tuple[int, ...]]]:
    """How a cohort is dealt out: into how many hands, and its folds into which blocks, for the least time.

    Args:
        counts: members of each rule.
        folds: the folds' numbers.
        size: networks in a chunk, at most.
        lanes: chunks that train at the same time.
        rounded, ahead: as in `plan_chunks`.
    """
    total = len(folds) * sum(counts)
    widths = [width for width in range(1, len(folds) + 1) if len(folds) % width == 0]
    # More hands than the largest rule has members would hold nothing but padding.
    choices = [
        (places * width, hands, width)
        for hands in range(1, max(counts) + 1)
        for places in [sum(_places(count, hands, rounded) for count in counts)]
        for width in widths
    ]
    fitting = [each for each in choices if min(FEWEST, total) <= each[0] <= size] or [min(choices)]

    def seconds(choice: tuple[int, int, int]) -> float:
        networks, hands, width = choice
        each = networks * (FOLD_AXIS if width > 1 else 1) + CHUNK_OVERHEAD
        found = 0.0
        for thinnings, stage in enumerate(ahead):
            full = math.ceil(hands * min(1.0, stage.share * GATHERING**thinnings))
            found += stage.epochs * math.ceil(full * len(folds) / width / lanes) * each
        return found

    _, hands, width = min(fitting, key=lambda choice: (seconds(choice), choice[1]))
    return hands, [tuple(folds[start : start + width]) for start in range(0, len(folds), width)]


def _places(members: int, hands: int, rounded: bool) -> int:
    """Places of a rule in each of so many hands."""
    size = math.ceil(members / hands)
    return 1 << (size - 1).bit_length() if rounded else size


def redealt(chunk: Chunk, members: Mapping[int, Member], spare: Mapping[Rule, int]) -> list[Chunk]:
    """Some members of a cohort dealt out over chunks of a layout that is compiled already.

    Args:
        chunk: one of the layout, with the folds that the new ones are to have.
        members: those that go on, by number.
        spare: per rule a member's number, to fill places with.

    Returns:
        as few chunks as hold every rule's members.
    """
    by_rule: dict[Rule, list[int]] = {rule: [] for rule, _ in chunk.layout}
    for number, member in members.items():
        by_rule[member.rule].append(number)
    hands = max(math.ceil(len(by_rule[rule]) / size) for rule, size in chunk.layout)
    return _dealt(chunk, by_rule, spare, hands)


def _dealt(
    like: Chunk, by_rule: Mapping[Rule, list[int]], spare: Mapping[Rule, int], hands: int
) -> list[Chunk]:
    """So many chunks like one: every rule's members dealt out in turn, short hands filled with a spare."""
    found = []
    for hand in range(hands):
        places: list[int] = []
        inert: list[bool] = []
        for rule, size in like.layout:
            own = by_rule[rule][hand::hands]
            places += own + [spare[rule]] * (size - len(own))
            inert += [False] * len(own) + [True] * (size - len(own))
        found.append(replace(like, places=tuple(places), inert=tuple(inert)))
    return found


def chunk_size(widths: Sequence[int], lanes: int, noisy: bool = False) -> int:
    """Networks to a chunk, at most, when chunks train side by side in a lane for each core of the processor.

    About a quarter of a million parameters, but 4 to 128 networks: then the rules' state stays in the
    cache, and a core that has a chunk to itself loses no time in waiting for the others inside a product.
    (Measured on two cores, 64 members, as a share of the rate of a bare matrix product: 784-15-10 by 64
    in one lane 55 %, by 16 in two lanes 70 %; 784-128-64-10 51 % and, by 4, 80 %.) Input noise is drawn
    once for each chunk, so noisy chunks are twice as large. An accelerator has one lane, and wants wide
    products.
    """
    if lanes == 1:
        return max(8, 2**27 // parameter_count(widths))
    parameters = 2**19 if noisy else 2**18
    return max(FEWEST, min(128, parameters // parameter_count(widths)))


def lanes() -> int:
    """How many chunks train at the same time: one a core, or one on an accelerator."""
    return (os.cpu_count() or 1) if jax.default_backend() == "cpu" else 1
