"""A study: the trials of one search, asked for in generations and kept in an append-only journal.

Asking happens in memory and depends only on the seed, the generation's number and the trials told so
far. Telling appends the whole generation to an Optuna journal and then a commit mark. A search that is
killed resumes from its last mark: what follows it is cut off, and the next generation asked is the one
that an uninterrupted search would have asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from couloir.engine import seeds
from couloir.engine.outcomes import End
from couloir.errors import InputError
from couloir.selection.search.space import Space
from couloir.selection.search.storages import COMMITTED, cut_back, open_journal, open_storage, quiet

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

NAME = "couloir"
"""The study's name in its journal."""

JOURNAL = "journal.log"

RANDOM_TRIALS = 10
"""Trials that are told before the sampler learns from them."""

REMEMBERED = 300
"""Trials the sampler looks at. Beyond, the worse ones are thinned out: asking for 64 trials takes 0.4 s
with 300, and 0.9 s with 1,000 (measured on two cores)."""

FEWEST_PROGRAMS, TRIALS_A_PROGRAM = 4, 8
"""A search has as few compiled programs, or one for so many trials: compiling would else take as long as
training."""

GOOD = 25
"""Trials that the tree-structured Parzen estimator takes for the good ones, at most: never thinned out."""


@dataclass(frozen=True)
class TrialResult:
    """What came of one trial.

    Attributes:
        value: the score that trials are ranked by; None only for trials that left or diverged.
        status: "finished" its epochs, "stopped" early, "left" at a rung of the halving, or "diverged".
        rungs: (epoch, value) at each rung it reached.
        attributes: anything else to keep, as plain values.
    """

    value: float | None
    status: End
    rungs: tuple[tuple[int, float], ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Trial(TrialResult):
    """A trial that has been told.

    Attributes:
        number: its place in the study, from 0.
        generation: the generation it was asked in.
        parameters: its values of the searched names.
    """

    number: int
    generation: int
    parameters: dict[str, Any]


class Study:
    """The trials of one search. Made by `create` or `resume`.

    Attributes:
        space: what is searched.
        seed: the run seed.
        header: what the search was asked for.
        name: what it is called in other Optuna storages.
        optuna: the same trials as an Optuna study in memory, for `optuna.visualization`.
    """

    def __init__(self, journal: optuna.Study, storage: str | None) -> None:
        """The study that a journal holds; use `create` or `resume`."""
        import optuna

        attributes = journal.user_attrs
        self.space = Space.from_json(attributes["space"])
        self.seed: int = attributes["seed"]
        self.header: dict[str, Any] = attributes["header"]
        self.name: str = attributes["name"]
        self.generations: int = attributes[COMMITTED] + 1
        self.optuna = optuna.create_study(study_name=NAME, direction=journal.direction)
        self.optuna.add_trials(journal.get_trials(deepcopy=False))
        self._journal, self._storage = journal, storage
        self._asked: tuple[int, list[dict[str, Any]]] | None = None
        self._trials: list[Trial] = []

    @classmethod
    @quiet()
    def create(
        cls,
        folder: Path,
        space: Space,
        seed: int,
        maximise: bool,
        header: Mapping[str, Any],
        storage: str | None = None,
        name: str | None = None,
    ) -> Study:
        """Begin a search: a journal in the folder, and a study of the same contents in a storage.

        Args:
            folder: an existing folder; the journal is ``journal.log`` in it.
            space: what is searched.
            seed: the run seed; it and a generation's number seed the sampler.
            maximise: whether the larger value is the better one.
            header: what the search was asked for, as plain values.
            storage: the URL of an Optuna storage that gets every generation as well, or None.
            name: what the study is called there; None takes the folder's name.

        Raises:
            InputError: the folder holds a search already, or the storage cannot be used.
        """
        import optuna
        from optuna.study import StudyDirection

        path = folder / JOURNAL
        if path.exists():
            raise InputError(f"There is a search in '{folder}' already: resume it, or name another folder.")
        direction = StudyDirection.MAXIMIZE if maximise else StudyDirection.MINIMIZE
        name = name or folder.resolve().name
        if storage:
            with open_storage(storage, name) as other:
                optuna.create_study(storage=other, study_name=name, direction=direction)
        journal = optuna.create_study(storage=open_journal(path), study_name=NAME, direction=direction)
        attributes = {"header": dict(header), "space": space.to_json(), "seed": seed, "name": name}
        for key, value in (attributes | {COMMITTED: -1}).items():
            journal.set_user_attr(key, value)
        study = cls(journal, storage)
        study._mirror()
        return study

    @classmethod
    @quiet()
    def resume(cls, folder: Path, storage: str | None = None) -> Study:
        """Take a search up again after its last whole generation; what was begun after it is cut off.

        Args:
            folder: the one given to `create`.
            storage: the URL of an Optuna storage; trials that are missing there are added.

        Raises:
            InputError: no search in the folder, another process is at work on it, or the storage cannot be
                used.
        """
        import optuna

        path = folder / JOURNAL
        if not path.is_file():
            raise InputError(f"There is no search in '{folder}': its {JOURNAL} is missing.")
        cut_back(path)
        study = cls(optuna.load_study(storage=open_journal(path), study_name=NAME), storage)
        study._mirror()
        return study

    # Asking ------------------------------------------------------------------------------------------

    @quiet()
    def ask(self, generation: int, count: int, groups: int) -> list[dict[str, Any]]:
        """The parameters of the next generation's trials, group after group.

        The first trial of a group is sampled freely; the others take its values of the names in
        `Space.static`, so that a group is one compiled program, and are sampled in the rest. A group whose
        program would be one too many takes that of earlier trials which is most like it. The sampler
        is the tree-structured Parzen estimator (Bergstra et al. 2011), multivariate (Falkner et al. 2018);
        trials of the same generation keep away from each other.

        Args:
            generation: its number, from 0; with the run seed it seeds the sampler.
            count: trials.
            groups: how many they fall into, as equal as can be; at most as many as there are trials.

        Returns:
            the searched names' values, [trial]; the same for the same seed, generation and told trials.
        """
        import optuna

        sampler = optuna.samplers.TPESampler(
            seed=seeds.state(seeds.TRIALS, self.seed, generation),
            n_startup_trials=RANDOM_TRIALS,
            multivariate=True,
            constant_liar=True,
        )
        scratch = optuna.create_study(direction=self.optuna.direction, sampler=sampler)
        scratch.add_trials(self.remembered())
        asked: list[dict[str, Any]] = []
        best_first = sorted(self.optuna.get_trials(deepcopy=False), key=self.rank)
        programs = dict.fromkeys(self._program(trial.params) for trial in best_first)
        room = max(FEWEST_PROGRAMS, (len(best_first) + count) // TRIALS_A_PROGRAM)
        for group in np.array_split(np.arange(count), max(1, min(groups, count))):
            among = list(programs) if len(programs) >= room else []
            asked += self._ask_group(scratch, sampler, len(group), among)
            programs.setdefault(self._program(asked[-1]))
        self._asked = generation, asked
        return asked

    def _program(self, parameters: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
        """What tells a trial's compiled program from others': how long it trains does not."""
        return tuple((name, parameters[name]) for name in self.space.static if name != "epochs")

    def _ask_group(
        self, scratch: optuna.Study, sampler: BaseSampler, size: int, programs: Sequence[tuple[Any, ...]]
    ) -> list[dict[str, Any]]:
        """Trials that train together, in one of some programs, better ones first; none: in any."""
        from optuna.samplers import PartialFixedSampler

        distributions = self.space.distributions
        scratch.sampler = sampler
        asked = [self.space.snapped(scratch.ask(distributions).params)]
        if programs:
            own = set(self._program(asked[0]))
            asked[0] |= max(programs, key=lambda program: len(own.intersection(program)))
        shared = {name: asked[0][name] for name in self.space.static}
        scratch.sampler = PartialFixedSampler(shared, sampler)
        asked += [scratch.ask(distributions).params for _ in range(size - 1)]
        return [self.space.snapped(parameters) for parameters in asked]

    def remembered(self) -> list[FrozenTrial]:
        """The trials that the sampler learns from: all, or the best and an even choice of the others."""
        trials = self.optuna.get_trials(deepcopy=False)
        if len(trials) <= REMEMBERED:
            return trials
        best_first = sorted(range(len(trials)), key=lambda number: self.rank(trials[number]))
        rest = sorted(best_first[GOOD:])
        even = np.linspace(0, len(rest) - 1, REMEMBERED - GOOD).round().astype(int)
        kept = sorted(best_first[:GOOD] + [rest[place] for place in even])
        return [trials[number] for number in kept]

    def rank(self, trial: FrozenTrial) -> tuple[float, ...]:
        """What orders trials as the sampler does: those that finished, then those that went on longest."""
        if trial.state.name == "COMPLETE":
            assert trial.value is not None
            return 0, 0, self._sign * trial.value
        if not trial.intermediate_values:
            return 2, 0, 0
        last = max(trial.intermediate_values)
        value = self._sign * trial.intermediate_values[last]
        return 1, -last, value if value == value else np.inf

    @property
    def _sign(self) -> int:
        """−1 where the larger value is the better one."""
        return -1 if self.optuna.direction.name == "MAXIMIZE" else 1

    def enter(self, generation: int, parameters: Sequence[Mapping[str, Any]]) -> None:
        """Take a generation that was not sampled, such as the default population, as the one asked for.

        Raises:
            InputError: parameters that are not in the space.
        """
        for each in parameters:
            self.space.member(each)
        self._asked = generation, [self.space.snapped(each) for each in parameters]

    # Telling -----------------------------------------------------------------------------------------

    @quiet()
    def tell(self, generation: int, results: Sequence[TrialResult]) -> None:
        """Keep the results of the generation asked for last, in its order; once this returns, for good.

        Raises:
            ValueError: not the generation that was asked for or the next to be told, another number of
                results, or a finished trial without a finite value.
            InputError: the storage cannot be written; the journal has the generation nevertheless.
        """
        if self._asked is None or self._asked[0] != generation or generation != self.generations:
            raise ValueError(f"generation {generation} was not asked for, or is not the next to be told")
        parameters = self._asked[1]
        trials = [self._frozen(generation, *pair) for pair in zip(parameters, results, strict=True)]
        self._journal.add_trials(trials)
        # Optuna flushes and syncs each line, so this is the last one on the disk.
        self._journal.set_user_attr(COMMITTED, generation)
        self.optuna.add_trials(trials)
        self.generations, self._asked = generation + 1, None
        self._mirror()

    def _frozen(self, generation: int, parameters: Mapping[str, Any], result: TrialResult) -> FrozenTrial:
        """A result as Optuna keeps it. One that diverged has no rungs, so that it counts as the worst."""
        from optuna.trial import TrialState, create_trial

        complete = result.status in ("finished", "stopped")
        if complete and (result.value is None or not np.isfinite(result.value)):
            raise ValueError(f"a trial that {result.status} has the value {result.value}")
        diverged = result.status == "diverged"
        rungs = {int(epoch): float(value) for epoch, value in result.rungs}
        told = {"generation": generation, "status": result.status, "attributes": dict(result.attributes)}
        return create_trial(
            state=TrialState.COMPLETE if complete else TrialState.PRUNED,
            value=None if diverged or result.value is None else float(result.value),
            params=dict(parameters),
            distributions=self.space.distributions,
            intermediate_values={} if diverged else rungs,
            user_attrs=told | ({"rungs": list(rungs.items())} if diverged else {}),
        )

    # Reading -----------------------------------------------------------------------------------------

    @property
    def trials(self) -> list[Trial]:
        """The trials told so far, in order."""
        told = self.optuna.get_trials(deepcopy=False)
        self._trials += [_trial(frozen) for frozen in told[len(self._trials) :]]
        return self._trials

    @property
    def best(self) -> Trial | None:
        """The best of the trials that finished or stopped early; the first of equals; None if none did."""
        complete = [trial for trial in self.trials if trial.status in ("finished", "stopped")]
        return min(complete, key=lambda trial: self._sign * (trial.value or 0.0), default=None)

    # Other storages ----------------------------------------------------------------------------------

    @quiet()
    def export(self, url: str, name: str | None = None) -> str:
        """Copy the study into another Optuna storage.

        Args:
            url: as in ``sqlite:///studies.db``.
            name: what it is called there; None takes the study's own name.

        Returns:
            that name.

        Raises:
            InputError: a study of that name is there already, or the storage cannot be used.
        """
        name = name or self.name
        self._copy(url, name, load_if_exists=False)
        return name

    def _mirror(self) -> None:
        """Bring the storage given, if any, up to date."""
        if self._storage:
            self._copy(self._storage, self.name, load_if_exists=True)

    def _copy(self, url: str, name: str, load_if_exists: bool) -> None:
        """Add to a study in another storage what it has not got."""
        import optuna

        attributes = {"header": self.header, "space": self.space.to_json(), "seed": self.seed}
        with open_storage(url, name) as other:
            copy = optuna.create_study(
                storage=other, study_name=name, direction=self.optuna.direction, load_if_exists=load_if_exists
            )
            present = copy.user_attrs
            for key, value in attributes.items():
                if present.get(key) != value:
                    copy.set_user_attr(key, value)
            there = len(copy.get_trials(deepcopy=False))
            copy.add_trials(self.optuna.get_trials(deepcopy=False)[there:])


def _trial(frozen: FrozenTrial) -> Trial:
    attributes = frozen.user_attrs
    rungs = attributes.get("rungs", sorted(frozen.intermediate_values.items()))
    return Trial(
        number=frozen.number,
        generation=attributes["generation"],
        parameters=frozen.params,
        value=frozen.value,
        status=attributes["status"],
        rungs=tuple((int(epoch), float(value)) for epoch, value in rungs),
        attributes=attributes["attributes"],
    )
