"""The pool of a search: its best trials with their networks, in memory and on disk.

Each generation leaves a file beside the study's journal, with the networks of those who entered the pool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from couloir.engine.metrics import METRICS
from couloir.engine.outcomes import RungResult
from couloir.errors import InputError
from couloir.files import whole
from couloir.model.predictor import from_network
from couloir.selection.candidates import POOL
from couloir.selection.problem import Problem
from couloir.selection.search.generation import Generation, TrainedTrial, answers_of, member_of
from couloir.selection.search.space import Space
from couloir.selection.search.study import Trial


@dataclass(frozen=True)
class Pool:
    """The best trials so far, with their networks.

    Attributes:
        metric: what they are ranked by.
        most: how many are kept.
        trials: best first.
    """

    metric: str
    most: int = POOL
    trials: Sequence[TrainedTrial] = ()

    def with_others(self, others: Sequence[TrainedTrial]) -> Pool:
        """The pool after others have come: the best of all, of equals those that came first."""
        sign = METRICS[self.metric].sign
        ordered = sorted([*self.trials, *others], key=lambda each: (sign * each.value, each.number))
        return replace(self, trials=ordered[: self.most])

    @property
    def best(self) -> TrainedTrial | None:
        """The best trial so far."""
        return self.trials[0] if self.trials else None

    @property
    def numbers(self) -> list[int]:
        """The trials' numbers in the study, best first."""
        return [each.number for each in self.trials]


def networks_file(folder: Path, generation: int) -> Path:
    """Where a generation's networks are."""
    return folder / f"networks-{generation:04}.safetensors"


def write_generation(path: Path, generation: Generation, kept: Sequence[int]) -> None:
    """Write what a generation has cost, what happened at its rungs, and the networks of those that are kept.

    Args:
        path: its file.
        generation: what was trained.
        kept: the numbers of the trials whose networks are kept.
    """
    from safetensors.numpy import save

    arrays: dict[str, np.ndarray] = {}
    for each in (each for each in generation.trained if each.number in kept):
        arrays[f"{each.number}.curves"] = each.curves
        for fold, model in enumerate(each.models):
            names = model.design.names(model.layers)
            for layer, (own, part) in enumerate(zip(names, model.layers, strict=True)):
                for name, values in zip(own, part, strict=True):
                    arrays[f"{each.number}.{fold}.{layer}.{name}"] = np.asarray(values, order="C")
    arrays["rungs"] = np.array(
        [[r.epoch, r.entered, r.kept, np.nan if r.cut is None else r.cut] for r in generation.rungs]
    ).reshape(-1, 4)
    arrays["member_samples"] = np.array([generation.member_samples])
    arrays["seconds"] = np.array([generation.seconds, generation.compile_seconds])
    with whole(path, durable=True) as temporary:
        temporary.write_bytes(save(arrays))


def read_generation(path: Path, told: Sequence[Trial], problem: Problem, space: Space) -> Generation:
    """What `write_generation` wrote.

    Args:
        path: its file.
        told: the generation's trials, as the study has them.
        problem: the data.
        space: what is searched.

    Raises:
        InputError: the file cannot be read.
    """
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
    except Exception as error:
        raise InputError(
            f"The search in '{path.parent}' cannot be resumed: its file {path.name} cannot be read "
            f"({type(error).__name__}); begin again."
        ) from None
    kept = [trial for trial in told if f"{trial.number}.curves" in arrays]
    trained = [_trained(trial, arrays, problem, space) for trial in kept]
    rungs = tuple(
        RungResult(int(epoch), int(entered), int(kept), None if np.isnan(cut) else float(cut))
        for epoch, entered, kept, cut in arrays["rungs"]
    )
    seconds, compile_seconds = arrays["seconds"].tolist()
    return Generation(told, trained, rungs, int(arrays["member_samples"][0]), seconds, compile_seconds)


def _trained(trial: Trial, arrays: Mapping[str, np.ndarray], problem: Problem, space: Space) -> TrainedTrial:
    """A trial whose networks are among the arrays."""
    assert trial.value is not None, "only trials with a value have networks"
    member, number = member_of(space, problem, trial.parameters), trial.number
    models = []
    for fold, part in enumerate(problem.encoded(member.encoding)):
        inputs, design = part.data.train.inputs.shape[1], member.design.fitting(part.data.image_shape)
        names = design.names(design.parts(design.outline(inputs, part.data.outputs)))
        parts = [
            [arrays[f"{number}.{fold}.{layer}.{name}"] for name in own] for layer, own in enumerate(names)
        ]
        network = design.network(parts, inputs, part.data.outputs)
        models.append(from_network(network, design, part.preparation))
    epochs, ask = trial.attributes["best_epochs"], partial(answers_of, problem)
    return TrainedTrial(number, member, epochs, models, ask, trial.value, arrays[f"{number}.curves"])


def remove_unfinished(folder: Path, generations: int) -> None:
    """Remove what was written of generations that were never told: all but the first so many, and halves."""
    for path in [*folder.glob("networks-*.safetensors"), *folder.glob(".networks-*.part*")]:
        name = path.stem.removeprefix("networks-")
        if not name.isdigit() or int(name) >= generations:
            path.unlink()
