"""A member: one network's hyperparameters, and the weights it starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from jax.typing import DTypeLike

from couloir.engine.architectures.architecture import Architecture, Network
from couloir.engine.architectures.registry import design
from couloir.engine.optimizers import NUMBERS
from couloir.engine.rule import Rule
from couloir.engine.seeds import INITIAL, entropy
from couloir.errors import InputError


@dataclass(frozen=True)
class Member:
    """One network's hyperparameters.

    Attributes:
        rule: the update rule.
        learning_rate: its α.
        numbers: others that it reads (β, β₁, β₂, ε, ρ, λ …), by name; those left out are its customary ones.
        encoding: how columns become inputs: of data that are given in several encodings, the one it reads.
        architecture: how the network is laid out: a name in `couloir.engine.architectures.registry`, or the
            import path of a person's own (`couloir.engine.architectures.own`).
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
    numbers: Mapping[str, float] = field(default_factory=dict, hash=False)
    encoding: str = "standard"
    architecture: str = "mlp"
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
        """Raise an error for what does not fit together.

        Raises:
            InputError: the architecture cannot be had with these hidden layers and activations.
            ValueError: a number that the rule does not read.
        """
        if not self.design.droppable and self.dropout:
            raise InputError(
                f"The architecture '{self.architecture}' has no units that could be switched off: leave out "
                "--dropout."
            )
        if strangers := [name for name in self.numbers if name not in self.rule.defaults]:
            raise ValueError(f"The rule {self.rule.name} reads no {strangers[0]}.")

    def hyper(self) -> dict[str, float]:
        """The numbers the rule reads: its customary ones, with this member's own in their place."""
        return {**self.rule.defaults, **self.numbers, "learning_rate": self.learning_rate}

    def describe(self) -> dict[str, Any]:
        """All hyperparameters as plain values.

        The rule is its name; of the numbers that rules read, those that this one does not are None. What an
        Optax rule has been given besides stands together in `rule_option`: "b1=0.95, b2=0.9".
        """
        used = self.hyper()
        further = [name for name in used if name not in (*NUMBERS, "learning_rate")]
        plain = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in ("rule", "learning_rate", "numbers", "hidden")
        }
        return {
            "optimizer": self.rule.name,
            "learning_rate": self.learning_rate,
            **{name: used.get(name) for name in NUMBERS},
            "rule_option": ", ".join(f"{name}={used[name]:g}" for name in further) or None,
            "hidden": list(self.hidden),
            **plain,
        }

    @property
    def design(self) -> Architecture:
        """Its architecture, with hidden layers and activations."""
        return design(self.architecture, self.hidden, self.activation)


def start_of(member: Member, seed: int) -> tuple[Any, ...]:
    """What `initial_network` depends on besides the shapes: members alike in this start alike."""
    return seed, member.restart, member.design


def initial_network(
    member: Member,
    seed: int,
    inputs: int,
    outputs: int,
    dtype: DTypeLike,
    image_shape: tuple[int, ...] | None = None,
) -> Network:
    """The weights that a member starts from in a run of a seed, as NumPy arrays.

    They depend on the run seed, the member's restart and the shapes alone, so that members of one restart
    that differ in anything else start alike.

    Args:
        member: whose they are.
        seed: the run seed.
        inputs, outputs: numbers of prepared features and of outputs.
        dtype: of the parameters.
        image_shape: of images that lie flat in the features.
    """
    drawn_from = entropy(INITIAL, seed, member.restart)
    return member.design.fitting(image_shape).initialise(drawn_from, inputs, outputs, dtype)
