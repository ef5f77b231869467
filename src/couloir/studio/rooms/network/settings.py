"""What the page asks to be trained: the data, the network, its training, and what is compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, NamedTuple

from couloir.data.sources.planar import PLANAR
from couloir.engine.architectures.mlp import parameter_count
from couloir.engine.losses import DEFAULT_LOSS
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.errors import InputError
from couloir.studio.asking import choice, flag, number, option, several, text, whole
from couloir.studio.rooms.network.ladders import LADDERS, MOST_VALUES, NONE, spread

TABLE = "table"
"""The name of a person's own data among those of the sets."""

MOST_ROWS = 5000
MOST_EPOCHS = 2000
MOST_MEMBERS = 24
MOST_NEURONS = 16
MOST_LAYERS = 4
MOST_KEPT = 24 << 20
"""Numbers of all weights of all members in all epochs, which are kept so that every epoch can be seen."""

MOST_UPDATES = 4_000_000
"""Updates of single networks in a training."""


@dataclass(frozen=True)
class DataSettings:
    """The rows: which, and how they are parted.

    Attributes:
        data: a set's name in `couloir.data.sources.planar.PLANAR`, or "table".
        rows: of a set how many; of a table at most so many, drawn at random.
        noise: of a set.
        table, x, y, target: the table's name, its two columns of inputs and the one to predict.
        validation, test: shares of the rows; the rest is learnt from.
        seed: of the data, their split, the order of batches, and the initial weights.
    """

    data: Annotated[str, choice((*PLANAR, TABLE))] = "moons"
    rows: Annotated[int, whole(30, MOST_ROWS)] = 400
    noise: Annotated[float, number(0, 2)] = 0.2
    table: Annotated[str, text(200)] = ""
    x: Annotated[str, text(500)] = ""
    y: Annotated[str, text(500)] = ""
    target: Annotated[str, text(500)] = ""
    validation: Annotated[float, number(0.05, 0.8)] = 0.25
    test: Annotated[float, number(0.05, 0.8)] = 0.25
    seed: Annotated[int, whole(0, 2**31 - 1)] = 0

    @property
    def split(self) -> tuple[float, float, float]:
        """The shares of training, validation and test; an InputError where too little is left to train on."""
        train = 1 - self.validation - self.test
        if train < 0.1:
            raise InputError(
                f"Validation and test take {100 * (self.validation + self.test):.0f} % of the rows: "
                "leave at least 10 % to learn from."
            )
        return round(train, 12), self.validation, self.test


@dataclass(frozen=True)
class NetworkSettings(DataSettings):
    """All that a training depends on; the same settings give the same numbers.

    Attributes:
        hidden: neurons of each hidden layer.
        patience: epochs without improvement before a member stops; 0: it never does.
        train_on: train on after that, to see what stopping spares.
        across, down: names in `LADDERS`, or "none": what columns and rows of the population differ in.
        columns_count, rows_count: of how many values.
    """

    hidden: Annotated[tuple[int, ...], several(whole(1, MOST_NEURONS), 0, MOST_LAYERS)] = (8, 8)
    activation: Annotated[str, option("activation")] = "tanh"
    rule: Annotated[str, choice(tuple(RULES))] = "adam"
    rate: Annotated[float, option("learning_rate", 1e3)] = 0.01
    schedule: Annotated[str, option("schedule")] = "constant"
    batch: Annotated[int, option("batch_size", MOST_ROWS)] = 16
    epochs: Annotated[int, option("epochs", MOST_EPOCHS)] = 300
    patience: Annotated[int, whole(0, MOST_EPOCHS)] = 30
    train_on: Annotated[bool, flag()] = True
    l1: Annotated[float, option("l1", 10)] = 0.0
    l2: Annotated[float, option("l2", 10)] = 0.0
    dropout: Annotated[float, option("dropout", 0.95)] = 0.0
    input_noise: Annotated[float, option("noise", 10)] = 0.0
    restart: Annotated[int, whole(0, 10_000)] = 0
    across: Annotated[str, choice((NONE, *LADDERS))] = NONE
    down: Annotated[str, choice((NONE, *LADDERS))] = NONE
    columns_count: Annotated[int, whole(2, MOST_VALUES)] = 8
    rows_count: Annotated[int, whole(2, MOST_VALUES)] = 3

    @property
    def stop_after(self) -> int | None:
        """The engine's patience: None where nobody is stopped."""
        return None if self.train_on or not self.patience else self.patience

    @property
    def rows_used(self) -> DataSettings:
        """What the data depend on, alone."""
        return DataSettings(**{each.name: getattr(self, each.name) for each in fields(DataSettings)})


class Population(NamedTuple):
    """The members, row by row, with the values that the columns and the rows stand for."""

    members: Sequence[Member] = ()
    across: Sequence[Any] = ()
    down: Sequence[Any] = ()


def population(settings: NetworkSettings, task: str, rows: int) -> Population:
    """The network that the page asks for, in all values of what is compared; batches of at most `rows`.

    Raises:
        InputError: there are too many members, or both ladders are the same.
    """
    base = Member(
        RULES[settings.rule],
        settings.rate,
        hidden=settings.hidden,
        activation=settings.activation,
        loss=DEFAULT_LOSS[task],
        batch_size=min(settings.batch, rows),
        epochs=settings.epochs,
        l1=settings.l1,
        l2=settings.l2,
        dropout=settings.dropout,
        noise=settings.input_noise,
        schedule=settings.schedule,
        restart=settings.restart,
    )
    if settings.across == settings.down != NONE:
        raise InputError(f"Columns and rows both differ in {LADDERS[settings.down].title}: choose another.")
    across = _values(settings.across, settings.columns_count, rows)
    down = _values(settings.down, settings.rows_count, rows)
    if len(across) * len(down) > MOST_MEMBERS:
        raise InputError(
            f"{len(across)} columns of {len(down)} networks are {len(across) * len(down)}: "
            f"compare at most {MOST_MEMBERS}, with fewer columns or rows."
        )
    members = [
        _given(_given(base, settings.across, upper), settings.down, lower)
        for lower in down
        for upper in across
    ]
    return Population(members, across, down)


def _values(name: str, count: int, rows: int) -> list[Any]:
    """A ladder's values; the one value None where nothing is compared."""
    if name == NONE:
        return [None]
    values = list(LADDERS[name].values(count))
    if name == "batch_size":  # one that is larger than the training part would be another's twin
        values = spread([size for size in LADDERS[name].values(MOST_VALUES) if size <= rows], count)
    return values


def _given(member: Member, name: str, value: Any) -> Member:
    return member if name == NONE else LADDERS[name].given(member, value)


def check_size(
    settings: NetworkSettings, members: Sequence[Member], rows: int, inputs: int, outputs: int
) -> None:
    """Raise an InputError where a training would take too much time or memory."""
    weights = sum(parameter_count((inputs, *member.hidden, outputs)) for member in members)
    if weights * (settings.epochs + 1) > MOST_KEPT:
        raise InputError(
            f"{len(members)} networks with {weights:,} weights are too much to keep for {settings.epochs:,} "
            "epochs: take fewer epochs, neurons or networks."
        )
    updates = settings.epochs * sum(-(-rows // member.batch_size) for member in members)
    if updates > MOST_UPDATES:
        raise InputError(
            f"{settings.epochs:,} epochs would be {updates:,} updates: take at most {MOST_UPDATES:,}, "
            "with fewer epochs or rows, or a larger batch."
        )
