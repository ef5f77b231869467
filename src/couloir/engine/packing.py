"""Packing: a shrinking population is dealt out anew over fewer or smaller chunks, where that pays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from couloir.engine.chunks import ChunkTraining, to_be_changed
from couloir.engine.machine import Machine
from couloir.engine.member import Member
from couloir.engine.outcomes import Outcome
from couloir.engine.placement import (
    MOVING_SECONDS,
    Chunk,
    compile_seconds,
    epoch_seconds,
    plan_chunks,
    redealt,
)
from couloir.engine.updates import segments


def pack(
    chunks: list[ChunkTraining],
    number: int,
    sure: int,
    outcomes: Sequence[Sequence[Outcome]],
    machine: Machine,
) -> list[ChunkTraining]:
    """After epoch `number`, deal the members that are still in training out over fewer or smaller chunks.

    That is done, cohort by cohort, where it is predicted to pay; what is predicted depends on shapes alone,
    so that the same run packs at the same epochs again. As many epochs are taken to lie ahead as have been
    run, or as are sure because no rung comes before, but not more than the budget holds.
    """
    groups: dict[Any, list[ChunkTraining]] = {}
    for chunk in chunks:
        rules = tuple(rule for rule, _ in chunk.chunk.layout)
        groups.setdefault((chunk.chunk.cohort, id(chunk.stack), rules), []).append(chunk)
    kept: list[ChunkTraining] = []
    for group in groups.values():
        planned = _packed(group, number, sure, machine)
        if planned is None:
            kept += group
            continue
        for chunk in group:
            chunk.collect()
        kept += _moved(group, planned, outcomes)
    return kept


def _packed(group: Sequence[ChunkTraining], number: int, sure: int, machine: Machine) -> list[Chunk] | None:
    """The chunks that are to take the place of a cohort's, or None where they stay.

    Either fewer chunks of the present layout, which need no compiling, or chunks of a new layout.
    """
    everybody, active, folds = *_members(group), group[0].stack
    if not active or len(active) == len(everybody):
        return None
    cohort, rows, program = group[0].chunk.cohort, max(folds.rows), group[0].program
    size = cohort.size(program.inputs, program.outputs)

    def seconds(parts: Sequence[Chunk]) -> float:
        return sum(epoch_seconds(part.trainings, size, rows, cohort.batch_size, machine) for part in parts)

    now = seconds([chunk.chunk for chunk in group if chunk.training])
    budget = max(member.epochs for member in active.values())
    ahead = min(max(number, sure), budget - number)
    spare = {member.rule: number for number, member in everybody.items()}
    one_of_each = {chunk.chunk.folds: chunk.chunk for chunk in group}.values()
    same = [new for chunk in one_of_each for new in redealt(chunk, active, spare)]
    fresh = plan_chunks(
        active,
        program.inputs,
        program.outputs,
        machine,
        folds=folds.numbers,
        rounded=True,
        image_shape=cohort.image_shape,
    )
    gains = [
        (ahead * (now - seconds(same)) - MOVING_SECONDS, same),
        (ahead * (now - seconds(fresh)) - compile_seconds(len(fresh[0].layout)), fresh),
    ]
    gain, planned = max(gains, key=lambda pair: pair[0])
    return planned if gain > 0 else None


def _members(group: Sequence[ChunkTraining]) -> tuple[dict[int, Member], dict[int, Member]]:
    """All members of some chunks, and those that are still in training in some fold; by number."""
    everybody: dict[int, Member] = {}
    active: dict[int, Member] = {}
    for chunk in group:
        training: list[bool] = np.any(chunk.active(), axis=0).tolist()
        for slot, number in enumerate(chunk.chunk.slots):
            everybody[number] = chunk.members[slot]
            if training[slot]:
                active[number] = chunk.members[slot]
    return dict(sorted(everybody.items())), dict(sorted(active.items()))


def _moved(
    group: Sequence[ChunkTraining],
    planned: Sequence[Chunk],
    outcomes: Sequence[Sequence[Outcome]],
) -> list[ChunkTraining]:
    """New chunks, with every member's state taken over from the old ones."""
    folds = group[0].stack
    old = [(part.chunk, jax.device_get(part.state)) for part in group]
    whole = _Gathered(
        [(chunk, slice(None), state._replace(rule_states=())) for chunk, state in old], folds.numbers
    )
    by_rule = {
        rule: _Gathered(
            [
                (chunk, slots, state.rule_states[at])
                for chunk, state in old
                for at, (own, slots) in enumerate(segments(chunk.layout))
                if own is rule
            ],
            folds.numbers,
        )
        for rule, _ in planned[0].layout
    }
    moved = []
    for plan in planned:
        like = group[0]
        fresh = ChunkTraining(plan, outcomes, folds, like.metric, like.compiled_fast, like.program.to_the_end)
        rule_states = tuple(
            by_rule[rule].of(plan.folds, plan.slots[slots]) for rule, slots in segments(plan.layout)
        )
        state = whole.of(plan.folds, plan.slots)._replace(rule_states=rule_states)
        fresh.state = to_be_changed(state)
        moved.append(fresh)
    return moved


class _Gathered:
    """Trees of arrays [fold, slot, …] of several chunks, put together so that members can be taken out."""

    def __init__(self, sources: Sequence[tuple[Chunk, slice, Any]], folds: Sequence[int]) -> None:
        """Join what each chunk has for its slots in a slice, fold by fold."""
        self.joined: dict[int, Any] = {}
        self.at: dict[int, dict[int, int]] = {}
        for fold in folds:
            own = [source for source in sources if fold in source[0].folds]
            rows = [_at(tree, chunk.folds.index(fold)) for chunk, _, tree in own]
            self.joined[fold] = jax.tree.map(lambda *leaves: np.concatenate(leaves), *rows)
            numbers = [n for chunk, slots, _ in own for n in chunk.slots[slots]]
            spare = [off for chunk, slots, _ in own for off in chunk.padding[slots]]
            # Padding is found too, to pad again, but never instead of the member.
            order = sorted(range(len(numbers)), key=lambda slot: not spare[slot])
            self.at[fold] = {numbers[slot]: slot for slot in order}

    def of(self, folds: Sequence[int], numbers: Sequence[int]) -> Any:
        """The members of these numbers in these folds, [fold, slot, …]."""
        rows = [_at(self.joined[fold], [self.at[fold][number] for number in numbers]) for fold in folds]
        return jax.tree.map(lambda *leaves: np.stack(leaves), *rows)


def _at(tree: Any, index: int | list[int]) -> Any:
    """Every leaf of a tree at an index of its first axis."""
    return jax.tree.map(lambda leaf: leaf[index], tree)
