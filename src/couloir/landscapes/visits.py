"""Where update rules go: the networks that members visit while they train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from couloir.engine.architectures.architecture import Network
from couloir.engine.epochs import TrainingData
from couloir.engine.member import Member, initial_network
from couloir.engine.training import Callback, Progress, train_population
from couloir.errors import InputError


@dataclass
class Visits:
    """One member's way through the space of its parameters.

    Attributes:
        member: who went there.
        epochs: at which epochs; 0 is the start.
        networks: the weights at each, on the host.
        diverged: whether it ended in numbers that are not finite; what is kept is from before that.
    """

    member: Member
    epochs: list[int] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)
    diverged: bool = False


def visited(
    members: Sequence[Member],
    data: TrainingData,
    epochs: int,
    *,
    seed: int = 0,
    on_epoch: Callback | None = None,
) -> list[Visits]:
    """Train members and keep their weights at the start and after every epoch.

    Nobody is stopped, and no best weights are gone back to. Members of one restart start from the same
    weights and see the same batches.

    Args:
        members: who; their own budgets stay the horizons of their schedules.
        data: what they are trained on.
        epochs: how many.
        seed: the run seed.
        on_epoch: called after every epoch, as in `train_population`.

    Raises:
        InputError: fewer than 1 epoch is asked for.
    """
    if epochs < 1:
        raise InputError(f"A path of {epochs} epochs goes nowhere: give 1 or more.")
    inputs = data.train.inputs.shape[1]
    begins = [
        initial_network(member, seed, inputs, data.outputs, np.float32, data.image_shape)
        for member in members
    ]
    ways = [Visits(member, [0], [begin]) for member, begin in zip(members, begins, strict=True)]

    def note(progress: Progress) -> bool:
        present = progress.networks()
        for number, (way, outcome) in enumerate(zip(ways, progress.folds[0], strict=True)):
            way.diverged = outcome.status == "diverged"
            if not way.diverged and number in present:
                way.epochs.append(progress.epoch)
                way.networks.append(present[number])
        return bool(on_epoch is not None and on_epoch(progress))

    train_population(members, data, seed=seed, patience=None, epochs=epochs, on_epoch=note)
    return ways
