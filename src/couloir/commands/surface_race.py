"""The verb `race` with a surface, the surface race: rules down a function of two coordinates, with a page.

Nothing is learnt from data here: it shows what the rules do. A name that is both a file's and a
surface's means the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from couloir.commands.asked import given_or_usual, offered, takes
from couloir.commands.findings import Finding, finished, finite
from couloir.commands.stages import Stages
from couloir.commands.train import Observer, begun
from couloir.engine.machine import Machine
from couloir.errors import InputError, unknown
from couloir.options import BUNDLED, RACE, SURFACE_RACE, SURFACES, taken_by
from couloir.runs import stored as runs
from couloir.runs.records import SurfaceRecord, findings, read_record
from couloir.selection.members import Options

if TYPE_CHECKING:
    import polars as pl

    from couloir.surfaces.endings import Finish
    from couloir.surfaces.evaluation import Surface
    from couloir.surfaces.race import SurfaceRace


@dataclass(repr=False)
class SurfaceRun(Finding[SurfaceRecord]):
    """A surface race, and what its folder holds.

    Its tables are `paths` (one row per runner and step) and `tuning` (one row per runner and rate tried).

    Attributes:
        race: the race.
    """

    race: SurfaceRace = field(kw_only=True)

    @property
    def name(self) -> str:
        """What its folder is called, after the time."""
        return self.race.surface.name

    @property
    def page(self) -> str:
        """The file name of its page."""
        return "race.html"


def _run_of(race: SurfaceRace, record: SurfaceRecord, folder: Path | None = None) -> SurfaceRun:
    return SurfaceRun(record, {"paths": paths_table(race), "tuning": tuning_table(race)}, folder, race=race)


def is_surface(name: str) -> bool:
    """Whether a word on the command line means a surface: it is the name of one, and of no file.

    Raises:
        InputError: it is nearly the name of one, and of nothing else.
    """
    from difflib import get_close_matches

    if Path(name).exists() or name in BUNDLED:
        return False
    if name not in SURFACES and get_close_matches(name, SURFACES, n=1, cutoff=0.75):
        raise unknown("file, data set or surface", name, [*BUNDLED, *SURFACES])
    return name in SURFACES


def open_surface_run(path: str | Path) -> SurfaceRun:
    """Read a run folder of `race_surface`; the race is run again, which takes no longer than reading it.

    Raises:
        InputError: there is no such folder, or its surface is none of `SURFACES`.
    """
    folder = runs.resolve(path)
    record = read_record(folder)
    if not isinstance(record, SurfaceRecord):
        raise InputError(f"The run folder '{path}' holds no surface race: it is a {record.kind} run.")
    return _run_of(_raced(record.surface.name, asked_of_surface_race(record.asked)), record, folder)


@takes(SURFACE_RACE)
def race_surface(
    surface: str | Surface,
    *,
    out: str | Path | None = None,
    observer: Observer | None = None,
    command: str | None = None,
    stages: Stages | None = None,
    **given: Any,
) -> SurfaceRun:
    """Race update rules down a surface from one start, and write what was seen.

    Lists of the numbers that rules read multiply: a rule runs once for each combination.

    Args:
        surface: a surface or its name.
        out: the folder of runs to write into; None: nothing is written.
        observer, command, stages: as in `couloir.train`.
        given: the options.

    Raises:
        InputError: something given cannot be used.
    """
    stages, observer = begun(out, stages, observer)
    asked = asked_of_surface_race(given)
    observer.stage("racing")
    with stages.timed("race"):
        found = _raced(surface, asked)
    return finished(_run_of(found, _record(found, asked, command)), out, observer, stages)


def asked_of_surface_race(given: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of a surface race by name: what was given, checked, or the default.

    Raises:
        InputError: something given cannot be used.
    """
    known = offered(SURFACE_RACE)
    all_known = taken_by(RACE)
    if strangers := [name for name in given if name in all_known and name not in known]:
        raise InputError(
            f"A surface race trains no network, so {all_known[strangers[0]].typed_as} cannot be given: it "
            f"takes {', '.join(option.typed_as for option in known.values())} and --out."
        )
    asked = given_or_usual(SURFACE_RACE, given)
    if len(asked["noise"]) != 1:
        raise InputError(f"A surface race has one noise, not {len(asked['noise'])}: give one number.")
    if asked["start"] is not None and len(asked["start"]) != 2:
        raise InputError(f"A start has two coordinates, as in 1,1.5, not {len(asked['start'])}: give X,Y.")
    return {**asked, "noise": asked["noise"][0]}


def _raced(surface: str | Surface, asked: Mapping[str, Any]) -> SurfaceRace:
    """The race that was asked for."""
    from couloir.surfaces.race import race

    known = offered(SURFACE_RACE)
    rules = Options(**{name: value for name, value in asked.items() if known[name].is_of_member}).rules()
    return race(
        surface,
        list(rules),
        asked["steps"],
        _rates(asked["learning_rate"], [rule.name for rule in rules]),
        asked["start"] and tuple(asked["start"]),
        asked["noise"],
        asked["seed"],
        hyper={rule.name: numbers for rule, numbers in rules.items()},
    )


def _rates(given: Any, rules: Sequence[str]) -> float | Mapping[str, float] | None:
    """Learning rates as `couloir.surfaces.race.race` takes them."""
    if given is None or isinstance(given, Mapping):
        return given
    if len(given) == 1:
        return float(given[0])
    if len(given) != len(rules):
        raise InputError(
            f"There are {len(given)} learning rates for {len(rules)} rules: give one for all of them, or one "
            "for each in their order."
        )
    return dict(zip(rules, given, strict=True))


# What is written ------------------------------------------------------------------------------------------


def _record(race: SurfaceRace, asked: Mapping[str, Any], command: str | None) -> SurfaceRecord:
    """Everything that run.json holds, save how long it took."""
    from couloir.figures.surfaces.race import race_words

    surface, machine = race.surface, Machine.here()
    code = python_lines(surface.name, _named(asked))
    return SurfaceRecord(
        command=command or code.splitlines()[-2],
        code=code,
        asked=_named(asked),
        seed=race.seed,
        device=machine.device,
        machine=machine,
        surface=findings.Surface(
            name=surface.name,
            title=surface.title,
            equation=surface.equation,
            domain=surface.domain,
            minima=list(race.minima),
            least=surface.least,
            source=surface.source,
        ),
        start=race.start,
        steps=race.steps,
        noise=race.noise,
        verdict=race_words(race),
        standing=[_standing_record(finish) for finish in race.standing],
        notes=list(race.notes),
    )


def _named(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for, with rules by their names."""
    rules = asked.get("optimizer")
    named = {} if rules is None else {"optimizer": [getattr(rule, "name", rule) for rule in rules]}
    return {**asked, **named}


def _standing_record(finish: Finish) -> findings.SurfaceStanding:
    return findings.SurfaceStanding(
        rule=finish.name,
        learning_rate=finish.learning_rate,
        tuned=finish.tuned,
        at_edge=finish.at_edge,
        ending=finish.ending,
        arrived=finish.arrived,
        minimum=finish.minimum,
        escaped=finish.escaped,
        diverged=finish.diverged,
        loss=finite(float(finish.losses[-1])),
        gradient=finite(finish.gradient),
        curvatures=[finite(value) for value in finish.curvatures],
        sentence=finish.sentence,
    )


def python_lines(name: str, asked: Mapping[str, Any]) -> str:
    """The lines of Python that give the same race and its first figure."""
    known = offered(SURFACE_RACE)
    told = [key for key, value in asked.items() if key == "steps" or value not in (None, known[key].default)]
    settings = "".join(f", {key}={asked[key]!r}" for key in told)
    return (
        "import couloir\n"
        "from couloir.figures.surfaces.race import surface_race\n\n"
        f"found = couloir.race_surface({name!r}{settings}).race\n"
        "surface_race(found)"
    )


def paths_table(race: SurfaceRace) -> pl.DataFrame:
    """One row per runner and step, step 0 first: point, loss, where the gradient was then taken, and it."""
    import numpy as np
    import polars as pl

    paths = race.paths
    parts = []
    for number, finish in enumerate(race.runners):
        count = finish.diverged or paths.steps + 1
        taken = min(count, paths.steps)
        columns: dict[str, Any] = {
            "rule": [finish.name] * count,
            "step": list(range(count)),
            "x": paths.points[number, :count, 0],
            "y": paths.points[number, :count, 1],
            "loss": paths.losses[number, :count],
        }
        for what, values in (("asked", paths.asked), ("gradient", paths.gradients)):
            for axis, letter in enumerate("xy"):
                # After the last step no gradient was taken.
                column = np.full(count, np.nan)
                column[:taken] = values[number, :taken, axis]
                columns[f"{what}_{letter}"] = column
        parts.append(pl.DataFrame(columns))
    return pl.concat(parts).with_columns(pl.col(pl.Float64).fill_nan(None))


def tuning_table(race: SurfaceRace) -> pl.DataFrame:
    """One row per runner and learning rate that was tried; the loss of a rate that diverged is null."""
    import polars as pl

    schema = {"rule": pl.String, "learning_rate": pl.Float64, "loss": pl.Float64}
    schema |= {"arrived": pl.Int64, "diverged": pl.Int64, "chosen": pl.Boolean}
    rows = [trial._asdict() | {"loss": finite(trial.loss)} for trial in race.tuning]
    return pl.DataFrame(rows, schema=schema)


# For the terminal -----------------------------------------------------------------------------------------

HEADS = ("rule", "rate", "which is", "ended", "at step", "loss")


def lines(run: SurfaceRun) -> Iterable[tuple[str, str]]:
    """What was run and what can be said, as label and text."""
    race, record = run.race, run.record
    descents = len(race.tuning) + len(race.runners)
    yield "surface", f"{race.surface.title}: {race.surface.equation}".rstrip(": ")
    yield "raced", f"{descents:,} descents of {race.steps:,} steps in {record.seconds['race']:.1f} s"
    yield "verdict", record.verdict
    for note in race.notes:
        yield "note", note
    if edge := [finish.name for finish in race.runners if finish.at_edge]:
        yield "note", f"best at an end of the rates tried: {', '.join(edge)}"


def rows(run: SurfaceRun) -> list[list[str]]:
    """The standing under `HEADS`, as text."""
    from couloir.report.surface import rate_words
    from couloir.text import number

    found = []
    for finish in run.race.standing:
        step = {"escaped": finish.escaped, "diverged": finish.diverged}.get(finish.ending, finish.arrived)
        rate = [number(finish.learning_rate), rate_words(run.race, finish)]
        ended = ["–" if step is None else f"{step:,}", number(float(finish.losses[-1]))]
        found.append([finish.name, *rate, finish.ending, *ended])
    return found
