"""The verb `race` on a surface: rules down a function of two coordinates, as a run folder with its page.

Nothing is learnt from data here: a surface race shows what the rules do. A name that is both a file's and a
surface's means the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from couloir.commands.findings import Finding, finite
from couloir.commands.stages import Stages
from couloir.engine.machine import Machine
from couloir.errors import InputError, unknown
from couloir.files import check_folder
from couloir.runs import stored as runs
from couloir.runs.records import SurfaceRecord, findings, read_record

if TYPE_CHECKING:
    import polars as pl

    from couloir.engine.optimizers import Rule
    from couloir.surfaces.endings import Finish
    from couloir.surfaces.evaluation import Surface
    from couloir.surfaces.race import SurfaceRace

STEPS = 500
USED = ("optimizer", "learning_rate", "start", "steps", "noise", "seed")
"""What can be asked of a race on a surface."""


@dataclass(repr=False)
class SurfaceRun(Finding[SurfaceRecord]):
    """A race on a surface, and what its folder holds.

    Its record has command, surface, standing and seconds; its tables are `paths` (one row per rule and step)
    and `tuning` (one row per rule and rate that was tried).

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

    from couloir.data.sources.bundled import BUNDLED
    from couloir.surfaces.functions import SURFACES

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
    from couloir.surfaces import race as racing

    folder = runs.resolve(path)
    record = read_record(folder)
    if not isinstance(record, SurfaceRecord):
        raise InputError(f"The run folder '{path}' holds no surface race: it is a {record.kind} run.")
    asked = dict(record.asked)
    if asked["start"] is not None:
        asked["start"] = tuple(asked["start"])
    return _run_of(racing.race(record.surface.name, **asked), record, folder)


def race_surface(
    surface: str | Surface,
    *,
    optimizer: str | Rule | Sequence[str | Rule] | None = None,
    learning_rate: float | Sequence[float] | Mapping[str, float] | None = None,
    start: Sequence[float] | None = None,
    steps: int = STEPS,
    noise: float | Sequence[float] = 0.0,
    seed: int = 0,
    out: str | Path | None = None,
    observer: Any = None,
    command: str | None = None,
    stages: Stages | None = None,
    **others: Any,
) -> SurfaceRun:
    """Race update rules down a surface from one start, and write what was seen.

    Args:
        surface: a surface or its name.
        optimizer: the rules; None: the eight built in.
        learning_rate: one for all rules, one for each in the order of the rules, or by name; None: tuned.
        start: (x, y); None: the surface's customary start.
        steps: of each rule.
        noise: standard deviation of normal noise on the gradients.
        seed: of the noise.
        out: the folder of runs to write into; None: nothing is written.
        observer: told of each stage by `stage`.
        command, stages: as in `couloir.train`.
        others: options of other commands, which may only be None or False: any other is a mistake.

    Raises:
        InputError: something given cannot be used.
    """
    from couloir.surfaces import race as racing

    stages = stages or Stages()
    if strangers := [name for name, value in others.items() if value is not None and value is not False]:
        option = strangers[0].replace("_", "-")
        raise InputError(
            f"A race on a surface trains no network, so --{option} cannot be given: it takes "
            f"{', '.join('--' + name.replace('_', '-') for name in USED)} and --out."
        )
    if out is not None:
        check_folder(Path(out))
    asked: dict[str, Any] = {
        "rules": optimizer,
        "steps": steps,
        "rates": _rates(learning_rate, optimizer),
        "start": _point(start),
        "noise": _one(noise, "noise"),
        "seed": seed,
    }
    if observer is not None:
        observer.stage("racing")
    with stages.timed("race"):
        found = racing.race(surface, **asked)
    run = _run_of(found, _record(found, asked, command))
    run.record.seconds = stages.rounded()
    if out is not None:
        if observer is not None:
            observer.stage("writing the report")
        run.save(out)
    return run


def _rates(given: Any, optimizer: Any) -> float | Mapping[str, float] | None:
    """Learning rates as `couloir.surfaces.race.race` takes them."""
    from couloir.engine.optimizers import RULES

    if given is None or isinstance(given, (Mapping, int, float)):
        return given
    rates = [float(rate) for rate in given]
    if len(rates) == 1:
        return rates[0]
    named = list(RULES) if optimizer is None else optimizer
    rules = [named] if isinstance(named, str) or hasattr(named, "name") else list(named)
    if len(rates) != len(rules):
        raise InputError(
            f"There are {len(rates)} learning rates for {len(rules)} rules: give one for all of them, or one "
            "for each in their order."
        )
    return {str(getattr(rule, "name", rule)): rate for rule, rate in zip(rules, rates, strict=True)}


def _point(given: Sequence[float] | None) -> tuple[float, float] | None:
    if given is None:
        return None
    if len(given) != 2:
        raise InputError(f"A start has two coordinates, as in 1,1.5, not {len(given)}: give X,Y.")
    return float(given[0]), float(given[1])


def _one(given: Any, name: str) -> float:
    """The value of an option that other commands take a list of."""
    values = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(values) != 1:
        raise InputError(f"A race on a surface has one {name}, not {len(values)}: give one number.")
    return float(values[0])


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
    rules = asked["rules"]
    if rules is not None:
        rules = [rules] if isinstance(rules, str) or hasattr(rules, "name") else list(rules)
        rules = [str(getattr(rule, "name", rule)) for rule in rules]
    return {**asked, "rules": rules}


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
    usual = {"rules": None, "steps": STEPS, "rates": None, "start": None, "noise": 0.0, "seed": 0}
    given = {key: value for key, value in asked.items() if key == "steps" or value != usual[key]}
    settings = "".join(f", {key}={value!r}" for key, value in given.items())
    return (
        "from couloir.figures.surfaces.race import surface_race\n"
        "from couloir.surfaces.race import race\n\n"
        f"found = race({name!r}{settings})\n"
        "surface_race(found)"
    )


def paths_table(race: SurfaceRace) -> pl.DataFrame:
    """One row per rule and step, step 0 first: point, loss, where the gradient was then taken, and it."""
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
    """One row per rule and learning rate that was tried; the loss of a rate that diverged is null."""
    import polars as pl

    schema = {
        "rule": pl.String,
        "learning_rate": pl.Float64,
        "loss": pl.Float64,
        "arrived": pl.Int64,
        "diverged": pl.Int64,
        "chosen": pl.Boolean,
    }
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
    edge = [finish.name for finish in race.runners if finish.at_edge]
    if edge:
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
