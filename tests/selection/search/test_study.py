"""The study: asking is a function of what was told, and a killed search resumes where it was."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import optuna
import pytest

from couloir.errors import InputError
from couloir.selection.search.entries import Choices, Fixed, Range
from couloir.selection.search.space import Space
from couloir.selection.search.study import (
    FEWEST_PROGRAMS,
    GOOD,
    JOURNAL,
    REMEMBERED,
    TRIALS_A_PROGRAM,
    Study,
    TrialResult,
)
from searches import RULES_SPACE

HEADER = {"command": "search", "data": "abc", "options": {"trials": 24}}
SPACE = Space(
    "classification",
    RULES_SPACE.entries
    | {
        "optimizer": Choices(("adam", "momentum")),
        "batch_size": Fixed(32),
        "width": Choices((8, 16)),
        "noise": Fixed(0.0),
        "epochs": Fixed(5),
    },
)


NUMBERS = [
    (name, held) for name, held in SPACE.entries.items() if name not in ("optimizer", "activation", "loss")
]


def result(parameters: dict[str, object]) -> TrialResult:
    """What a pretended training answers: smooth in two hyperparameters, and every status at some place."""
    value = abs(math.log10(float(str(parameters["rate"])))) + float(str(parameters["dropout"]))
    rungs = ((1, value + 1), (3, value + 0.1))
    if value > 2:
        return TrialResult(None, "diverged", rungs[:1], {"epoch": 2})
    if value > 1.2:
        return TrialResult(value + 0.1, "left", rungs, {})
    return TrialResult(value, "stopped" if value < 0.5 else "finished", rungs, {"epochs": 5})


def advance(
    study: Study, generations: int, count: int = 12, groups: int = 3
) -> list[list[dict[str, object]]]:
    asked = []
    for _ in range(generations):
        asked.append(study.ask(study.generations, count, groups))
        study.tell(study.generations, [result(each) for each in asked[-1]])
    return asked


def new(folder: Path, seed: int = 0, space: Space = SPACE, **more: object) -> Study:
    folder.mkdir()
    return Study.create(folder, space, seed, False, HEADER, **more)  # type: ignore[arg-type]


@pytest.fixture
def three(tmp_path: Path) -> tuple[Path, Study]:
    """A search of three generations and its folder."""
    study = new(tmp_path / "run")
    advance(study, 3)
    return tmp_path / "run", study


def test_trials_are_what_was_told(three: tuple[Path, Study]) -> None:
    _, study = three
    assert [trial.number for trial in study.trials] == list(range(36))
    assert [trial.generation for trial in study.trials] == [0] * 12 + [1] * 12 + [2] * 12
    for trial in study.trials:
        told = result(trial.parameters)
        assert (trial.value, trial.status, trial.rungs) == (told.value, told.status, told.rungs)
        assert trial.attributes == told.attributes
        SPACE.member(trial.parameters)
    assert {"finished", "left", "diverged"} <= {trial.status for trial in study.trials}


def test_the_best_is_of_those_that_went_to_their_end(tmp_path: Path) -> None:
    for maximise, expected in ((False, 0.2), (True, 0.6)):
        (tmp_path / str(maximise)).mkdir()
        study = Study.create(tmp_path / str(maximise), SPACE, 0, maximise, HEADER)
        assert study.best is None
        study.ask(0, 5, 1)
        results = [TrialResult(None, "diverged"), TrialResult(0.9, "left"), TrialResult(0.1, "left")]
        study.tell(0, [*results, TrialResult(0.6, "finished"), TrialResult(0.2, "stopped")])
        assert study.best is not None
        assert study.best.value == expected


def test_asking_depends_on_seed_generation_and_told_trials_only(tmp_path: Path) -> None:
    one, other, seeded = new(tmp_path / "a"), new(tmp_path / "b"), new(tmp_path / "c", seed=1)
    first = advance(one, 2)
    other.ask(0, 5, 1)  # An ask that is not told leaves no trace.
    assert advance(other, 2) == first
    assert advance(seeded, 1)[0] != first[0]
    assert one.ask(2, 12, 3) == other.ask(2, 12, 3)
    assert one.ask(2, 12, 3) != one.ask(3, 12, 3)
    told_otherwise = new(tmp_path / "d")
    asked = told_otherwise.ask(0, 12, 3)
    told_otherwise.tell(0, [TrialResult(-(result(each).value or 3), "finished") for each in asked])
    assert told_otherwise.ask(1, 12, 3) != first[1]


@pytest.mark.parametrize(
    ("count", "groups", "sizes"), [(12, 3, [4, 4, 4]), (7, 3, [3, 2, 2]), (2, 5, [1, 1])]
)
def test_a_group_shares_its_static_values(tmp_path: Path, count: int, groups: int, sizes: list[int]) -> None:
    study = new(tmp_path / "run")
    for _ in range(3):  # The first generation is random; the later ones are sampled with a model.
        asked = advance(study, 1, count, groups)[0]
        assert len(asked) == count
        for size in sizes:
            group, asked = asked[:size], asked[size:]
            assert len({tuple(each[name] for name in SPACE.static) for each in group}) == 1
            assert len({each["rate"] for each in group}) == size
    programs = {tuple(trial.parameters[name] for name in SPACE.static) for trial in study.trials}
    assert len(programs) > 1


def programs(trials: Iterable[dict[str, object]]) -> set[tuple[object, ...]]:
    """The programs of trials of the default space, where nothing else tells them apart."""
    return {tuple(each[name] for name in ("encoding", "layers", "width", "activation")) for each in trials}


def test_few_programs_serve_many_trials(tmp_path: Path) -> None:
    """A generation of 12 in 12 groups would ask for as many programs; epochs differ all the same."""
    study = new(tmp_path / "run", space=Space.default("classification", 1000))
    for number in range(10):
        known = programs(trial.parameters for trial in study.trials)
        asked = study.ask(number, 12, 12)
        study.tell(number, [TrialResult(float(i), "finished") for i, _ in enumerate(asked)])
        room = max(FEWEST_PROGRAMS, 12 * (number + 1) // TRIALS_A_PROGRAM)
        assert len(known | programs(asked)) <= room
    assert len(programs(trial.parameters for trial in study.trials)) > FEWEST_PROGRAMS
    assert len({trial.parameters["epochs"] for trial in study.trials}) > room


def test_a_program_too_many_is_the_most_alike_of_those_known(tmp_path: Path) -> None:
    """Of equally alike ones that of the better trial."""
    space = Space.default("classification", 1000).with_values({"encoding": ["piecewise", "robust"]})
    study = new(tmp_path / "run", seed=1, space=space)
    free = new(tmp_path / "free", seed=1, space=space)
    known = [
        {"encoding": encoding, "layers": layers, "width": width, "activation": activation}
        for encoding, layers, width, activation in (
            ("piecewise", 2, 64, "silu"),
            ("piecewise", 3, 256, "relu"),
            ("robust", 2, 128, "relu"),
            ("robust", 3, 256, "silu"),
        )
    ]
    rest = {"rate": 3.0, "beta2": 0.95, "weight_decay": 0.1, "dropout": 0.1, "epochs": 20}
    for each in (study, free):
        each.enter(0, [own | rest for own in known])
        each.tell(0, [TrialResult(value, "finished") for value in (3.0, 2.0, 1.0, 4.0)])
    free._program = lambda parameters: ()  # type: ignore[method-assign]  # one program, so room for any
    wanted, found = free.ask(1, 4, 4), study.ask(1, 4, 4)
    best_first = [known[number] for number in (2, 1, 0, 3)]
    first = max(best_first, key=lambda own: sum(wanted[0][name] == value for name, value in own.items()))
    assert programs([wanted[0]]) - programs(known), "the case shows nothing"
    assert found[0] == wanted[0] | first
    assert programs(found) <= programs(known)


def test_the_sampler_learns(tmp_path: Path) -> None:
    study = new(tmp_path / "run")
    advance(study, 6)
    values = [result(trial.parameters).value or 3.0 for trial in study.trials]
    assert sum(values[-12:]) < 0.6 * sum(values[:12])


def test_many_trials_are_thinned_but_the_good_ones_stay(tmp_path: Path) -> None:
    study = new(tmp_path / "run")
    sampler = optuna.samplers.RandomSampler(seed=1)
    source = optuna.create_study(sampler=sampler)
    parameters = [SPACE.snapped(source.ask(SPACE.distributions).params) for _ in range(REMEMBERED + 60)]
    study.enter(0, parameters)
    study.tell(0, [result(each) for each in parameters])
    kept = study.remembered()
    assert len(kept) == REMEMBERED
    assert [trial.number for trial in kept] == sorted({trial.number for trial in kept})
    finished = sorted(t.value for t in study.trials if t.status in ("finished", "stopped") and t.value)
    assert len(finished) > GOOD
    remembered = sorted(t.value for t in kept if t.state.name == "COMPLETE" and t.value)
    assert remembered[:GOOD] == finished[:GOOD]
    assert max(trial.number for trial in kept) >= REMEMBERED + 58


def test_the_order_of_trials_is_the_samplers(three: tuple[Path, Study]) -> None:
    """The good ones by our order are those that Optuna's own split takes."""
    from optuna.samplers._tpe.sampler import _split_trials

    _, study = three
    trials = study.optuna.get_trials(deepcopy=False)
    ordered = sorted(trials, key=study.rank)
    for count in (1, 5, len(trials) - 6, len(trials) - 2):
        below, _ = _split_trials(study.optuna, trials, count)
        assert {trial.number for trial in below} == {trial.number for trial in ordered[:count]}


def test_a_generation_that_was_not_sampled(tmp_path: Path) -> None:
    study, other = new(tmp_path / "a"), new(tmp_path / "b")
    parameters = other.ask(0, 4, 1)
    study.enter(0, parameters)
    study.tell(0, [result(each) for each in parameters])
    assert [trial.parameters for trial in study.trials] == parameters
    with pytest.raises(InputError, match="not in the space"):
        study.enter(1, [parameters[0] | {"width": 9}])


def test_what_was_not_asked_for_cannot_be_told(tmp_path: Path) -> None:
    study = new(tmp_path / "run")
    good = TrialResult(1.0, "finished")
    with pytest.raises(ValueError, match="not asked for"):
        study.tell(0, [good])
    study.ask(1, 1, 1)
    with pytest.raises(ValueError, match="not the next"):
        study.tell(1, [good])
    study.ask(0, 2, 1)
    for wrong in ([good], [good, TrialResult(None, "finished")], [good, TrialResult(math.inf, "stopped")]):
        with pytest.raises(ValueError, match=r"shorter|has the value"):
            study.tell(0, wrong)
    assert study.generations == 0
    assert not study.trials
    study.tell(0, [good, good])
    assert study.generations == 1


def test_resuming_gives_the_same_study(three: tuple[Path, Study]) -> None:
    folder, study = three
    again = Study.resume(folder)
    assert again.trials == study.trials
    assert (again.generations, again.header, again.seed, again.space) == (3, HEADER, 0, SPACE)
    assert again.optuna.direction == study.optuna.direction
    assert again.ask(3, 12, 3) == study.ask(3, 12, 3)


def test_a_study_without_trials_resumes(tmp_path: Path) -> None:
    study = new(tmp_path / "run")
    again = Study.resume(tmp_path / "run")
    assert again.generations == 0
    assert again.ask(0, 4, 2) == study.ask(0, 4, 2)


@pytest.mark.slow
def test_killed_anywhere_the_search_resumes_to_the_uninterrupted_one(tmp_path: Path) -> None:
    study = new(tmp_path / "run")
    advance(study, 2, 6, 2)
    journal = tmp_path / "run" / JOURNAL
    before = journal.stat().st_size
    last = study.ask(2, 6, 2)
    study.tell(2, [result(each) for each in last])
    whole = journal.read_bytes()
    following = study.ask(3, 6, 2)
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n") and place >= before]
    offsets = {*range(before, len(whole), (len(whole) - before) // 30), *ends, *(end - 1 for end in ends)}
    for offset in sorted(offsets):
        killed = tmp_path / f"killed-{offset}"
        killed.mkdir()
        (killed / JOURNAL).write_bytes(whole[:offset])
        again = Study.resume(killed)
        kept = 3 if offset == len(whole) else 2
        assert again.generations == kept
        assert again.trials == study.trials[: 6 * kept]
        if kept == 2:
            assert (killed / JOURNAL).read_bytes() == whole[:before]
            assert again.ask(2, 6, 2) == last
            again.tell(2, [result(each) for each in last])
        assert again.trials == study.trials
        shutil.rmtree(killed)
    assert Study.resume(tmp_path / "run").ask(3, 6, 2) == following


def test_killed_before_it_began(tmp_path: Path) -> None:
    new(tmp_path / "run")
    whole = (tmp_path / "run" / JOURNAL).read_bytes()
    (tmp_path / "run" / JOURNAL).write_bytes(whole[:-1])
    with pytest.raises(InputError, match="stopped before it began"):
        Study.resume(tmp_path / "run")
    with pytest.raises(InputError, match=r"journal\.log is missing"):
        Study.resume(tmp_path)
    with pytest.raises(InputError, match="already"):
        Study.create(tmp_path / "run", SPACE, 0, False, HEADER)


@pytest.mark.parametrize("leave", [Path.touch, lambda path: path.symlink_to(JOURNAL)])
def test_a_lock_left_behind_does_not_delay(three: tuple[Path, Study], leave: Callable[[Path], None]) -> None:
    folder, _ = three
    leave(folder / f"{JOURNAL}.lock")
    (folder / f"{JOURNAL}.lock1234.rename").touch()
    start = time.monotonic()
    again = Study.resume(folder)
    advance(again, 1, 2, 1)
    assert time.monotonic() - start < 10  # Optuna would wait 30 s.
    assert sorted(path.name for path in folder.iterdir()) == [JOURNAL]


def test_plain_optuna_reads_the_journal(three: tuple[Path, Study]) -> None:
    folder, study = three
    backend = optuna.storages.journal.JournalFileBackend(str(folder / JOURNAL))
    plain = optuna.load_study(study_name="couloir", storage=optuna.storages.JournalStorage(backend))
    assert plain.user_attrs["header"] == HEADER
    assert plain.user_attrs["committed"] == 2
    assert [trial.params for trial in plain.trials] == [trial.parameters for trial in study.trials]
    states = {"finished": "COMPLETE", "stopped": "COMPLETE", "left": "PRUNED", "diverged": "PRUNED"}
    for trial, own in zip(plain.trials, study.trials, strict=True):
        assert trial.state.name == states[own.status]
        assert trial.value == own.value
        assert trial.intermediate_values == ({} if own.status == "diverged" else dict(own.rungs))
        assert trial.user_attrs["status"] == own.status
    assert study.best is not None
    assert plain.best_trial.number == study.best.number


def plainly(url: str, name: str) -> list[tuple[object, ...]]:
    """A stored study's trials, as Optuna alone reads them."""
    storage = optuna.storages.RDBStorage(url)
    trials = optuna.load_study(study_name=name, storage=storage).trials
    storage.remove_session()
    storage.engine.dispose()
    return [(t.number, t.state.name, t.params, t.value, t.intermediate_values) for t in trials]


def in_memory(study: Study) -> list[tuple[object, ...]]:
    return [(t.number, t.state.name, t.params, t.value, t.intermediate_values) for t in study.optuna.trials]


@pytest.mark.slow
def test_export_to_another_storage(three: tuple[Path, Study], tmp_path: Path) -> None:
    _, study = three
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    assert study.export(url) == "run"
    assert plainly(url, "run") == in_memory(study)
    with pytest.raises(InputError, match="has a study 'run' already"):
        study.export(url)
    assert study.export(url, "another") == "another"
    assert plainly(url, "another") == plainly(url, "run")


def test_a_second_storage_is_kept_up_to_date(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    study = new(tmp_path / "run", storage=url, name="mine")
    advance(study, 1, 4, 1)
    assert plainly(url, "mine") == in_memory(study)
    apart = Study.resume(tmp_path / "run")
    advance(apart, 1, 4, 1)
    assert len(plainly(url, "mine")) == 4
    again = Study.resume(tmp_path / "run", storage=url)
    assert plainly(url, "mine") == in_memory(again) == in_memory(apart)
    with pytest.raises(InputError, match="has a study 'mine' already"):
        new(tmp_path / "other", storage=url, name="mine")
    assert not (tmp_path / "other" / JOURNAL).exists()


def test_optuna_stays_as_loud_as_it_was(tmp_path: Path) -> None:
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    try:
        advance(new(tmp_path / "run"), 2, 4, 2)  # Warnings are errors here.
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
    finally:
        optuna.logging.set_verbosity(level)


def test_ranges_of_static_names_can_be_searched(tmp_path: Path) -> None:
    entries = SPACE.entries | {"width": Range(4, 64, log=True, whole=True), "noise": Range(0.0, 0.5)}
    space = Space("classification", entries)
    study = new(tmp_path / "run", seed=1, space=space)
    for asked in advance(study, 2, 6, 2):
        assert len({(each["width"], each["noise"]) for each in asked[:3]}) == 1


def test_a_space_of_one_point(tmp_path: Path) -> None:
    entries = {name: Fixed(held.nearest("cosine" if name == "schedule" else 0.5)) for name, held in NUMBERS}
    names = {"optimizer": Fixed("adam"), "activation": Fixed("relu"), "loss": Fixed("cross_entropy")}
    study = new(tmp_path / "run", space=Space("classification", entries | names))
    assert study.ask(0, 3, 2) == [{}, {}, {}]
    study.tell(0, [TrialResult(float(number), "finished") for number in range(3)])
    assert Study.resume(tmp_path / "run").trials == study.trials
