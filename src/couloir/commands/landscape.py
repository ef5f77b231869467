"""The verb `landscape`, whole: the loss around a run's network, and how update rules move through it.

The run's data are loaded again and its split is repeated; the loss is measured on the rows that the network
learnt from. Rules' paths are trained anew, from the run's own start, over the run's own batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from couloir import text as words
from couloir.commands.asked import given_or_usual, takes
from couloir.commands.findings import Finding, finished, finite
from couloir.commands.stages import Stages
from couloir.commands.train import Observer, begun, interruptions
from couloir.engine import seeds
from couloir.engine.machine import Machine
from couloir.engine.member import Member
from couloir.engine.optimizers import find_rule
from couloir.errors import InputError
from couloir.landscapes.curvature import Derivatives, Eigenpairs, curvature
from couloir.landscapes.measuring import Measure, OnProgress
from couloir.landscapes.planes import Plane, line, principal_plane, random_plane, solutions_plane
from couloir.landscapes.slices import Slice, loss_slice
from couloir.landscapes.tables import path_table, profile_table, slice_table
from couloir.landscapes.visits import Visits, visited
from couloir.options import LANDSCAPE
from couloir.runs import stored as runs
from couloir.runs.records import LandscapeRecord, findings, read_record
from couloir.runs.restoring import Restored, restored, rule_numbers
from couloir.selection.problem import Conditions, prepare_rows, prepared_part

if TYPE_CHECKING:
    import polars as pl

    from couloir.engine.rule import Rule
    from couloir.engine.training import Precision, Progress

RULES_SHOWN = 5
"""Rules whose paths are drawn when none are named."""

EPOCHS_AT_LEAST = 10
"""Epochs of a path when the network itself was trained for fewer."""

TRAINED, START = "the trained network", "the start"


class Landscape(Finding[LandscapeRecord]):
    """What `landscape` gives back.

    Its record holds the run it is about, the plane, the paths and the curvature; its tables are `slice`
    (x, y, loss, accuracy), `path` (rule, epoch, x, y, loss, projected, distance) and `profile` (direction,
    distance, loss, parabola).
    """


def open_landscape(path: str | Path) -> Landscape:
    """Read a landscape's folder.

    Raises:
        InputError: there is none, or it is a run of another kind, or broken.
    """
    folder = runs.resolve(path)
    record = read_record(folder)
    if not isinstance(record, LandscapeRecord):
        raise InputError(f"The folder '{path}' holds no landscape: it is a {record.kind} run.")
    return Landscape(record, runs.tables_of(folder, record.tables), folder)


@takes(LANDSCAPE, ("data",))
def landscape(
    run: runs.StoredRun | str | Path,
    *,
    data: Any = None,
    out: str | Path | None = None,
    observer: Observer | None = None,
    command: str | None = None,
    stages: Stages | None = None,
    **given: Any,
) -> Landscape:
    """Draw the loss around a run's network on a plane through its parameters.

    The planes: "random" (two random directions, normalised neuron by neuron), "paths" (where update rules
    went: the first two principal components about the trained network), "solutions" (through the trained
    network, what another rule found, and their common start) and "line" (from the one to the other).

    Args:
        run: a run, or its folder.
        data: a `Dataset`, or a name or path of the data; None: where the run says they are.
        out: a folder of runs to save into; None saves nothing.
        observer, command, stages: as in `couloir.train`.
        given: the options.

    Raises:
        InputError: something given cannot be used; the data are others; the paths span no plane.
    """
    stages, observer = begun(out, stages, observer)
    asked = given_or_usual(LANDSCAPE, given)
    optimizer, epochs, seed = asked["optimizer"], asked["epochs"], asked["seed"]
    kind = _checked_plane(asked["plane"], optimizer)
    with stages.timed("load"):
        stored = run if isinstance(run, runs.StoredRun) else runs.read(run)
        about = restored(stored, data)
        measure = measured_on(about, asked["samples"], seed, asked["precision"])
    with stages.timed("train"):
        ways = _trained_paths(about, kind, optimizer, epochs, observer) if kind != "random" else []
    with stages.timed("slice"):
        where = _plane(kind, about, ways, seed)
        paths = path_table(where, ways, measure)
        x, y = _ranges(where, paths, asked["reach"] or 1.0)
        drawn = loss_slice(where, measure, x, y, asked["resolution"], _progress(observer))
    with stages.timed("curvature"):
        observer.stage("finding the sharpest directions")
        sharp, gradient = _sharpest(about, measure, asked["eigenvalues"], seed)
        profile = profile_table(about.network, measure, sharp, gradient, drawn.centre[0])
    of_run, machine = stored.record, Machine.here()
    record = LandscapeRecord(
        command=command or f"couloir.landscape({str(stored.folder or 'run')!r}, plane={kind!r})",
        run=str(stored.folder) if stored.folder else None,
        seed=of_run.seed,
        metric=of_run.metric,
        data=of_run.data,
        winner=of_run.winner,
        device=machine.device,
        machine=machine,
        plane_seed=seed,
        **_slice_record(where, drawn, measure, about),
        paths=[_path_record(where, way) for way in ways],
        curvature=None if sharp is None else _curvature_record(sharp, gradient, measure),
    )
    tables = {"slice": slice_table(drawn), "path": paths, "profile": profile}
    return finished(Landscape(record, tables), out, observer, stages)


def terminal_lines(found: Landscape) -> Iterator[tuple[str, str]]:
    """What a landscape found, as labels and lines for the terminal."""
    record = found.record
    centre, loss = record.centre, words.LOSS_NAMES[record.loss]
    text = f"{loss} {words.number(centre.loss)} at the trained network"
    if centre.accuracy is not None:
        text += f", {words.percent(centre.accuracy)} recognised"
    yield "network", f"{text}, over {words.count(record.rows, 'row')}"
    points = f"{words.count(record.grid.points, 'point')} in {record.seconds['slice']:.1f} s"
    yield "plane", f"{record.plane.kind}: {points}, the lowest {words.number(record.lowest.loss)}"
    for path in record.paths:
        text = f"{path.rule} at rate {words.number(path.learning_rate)}, "
        text += f"{words.count(path.epochs, 'epoch')}{', then diverged' if path.diverged else ''}"
        yield "path", f"{text}; the plane shows {words.percent(path.shown)} of it"
    curved = record.curvature
    if curved:
        values = ", ".join(words.number(value) for value in curved.eigenvalues)
        yield "sharpness", f"{values}; lowest {words.number(curved.lowest)}"
    if curved and curved.critical_rate:
        rate = words.number(curved.critical_rate)
        yield "", f"plain gradient descent over all rows cannot settle here at a rate above {rate}"


def _checked_plane(plane: str | None, optimizer: Any) -> str:
    """The kind of plane, if everything that was said goes with it."""
    kind = plane or ("paths" if optimizer is not None else "random")
    if kind == "random" and optimizer is not None:
        raise InputError(
            "On a random plane no path can be seen, as rules move across it, not along it: use --plane paths."
        )
    return kind


def measured_on(about: Restored, samples: int | None, seed: int, precision: Precision) -> Measure:
    """The rows that a run's network learnt from, prepared, with the loss it was trained on.

    Squared and absolute errors are in target units.
    """
    preparation, dataset = about.model.preparation, about.dataset
    learnt = prepared_part(dataset, preparation, about.rows, precision, learnt=True)
    some: Any = slice(None)
    if samples is not None and samples < len(about.rows):
        numbers = np.arange(len(about.rows))
        some = np.sort(seeds.generator(seeds.MEASURED, seed).choice(numbers, int(samples), replace=False))
    scale = {"mse": preparation.target_scale**2, "mae": preparation.target_scale}
    return Measure(
        learnt.inputs[some],
        learnt.targets[some],
        about.model.design,
        about.member.loss,
        scale.get(about.member.loss, 1.0),
        precision,
    )


def _progress(observer: Observer) -> OnProgress:
    def tell(done: int, total: int) -> None:
        bar = f"{'━' * (24 * done // total):<24}"
        observer.stage(f"measuring the loss on the plane  {bar}  {100 * done // total} %")

    return tell


# Paths ------------------------------------------------------------------------------------------------


def _trained_paths(
    about: Restored, kind: str, optimizer: Any, epochs: int | None, observer: Observer
) -> list[Visits]:
    """The networks that the rules visit, the run's own rule first for what goes through its network."""
    members = _travellers(about, kind, optimizer)
    if about.model.design != about.member.design.fitting(about.model.preparation.image_shape):
        raise InputError(
            "The run's network is not of the winner's shape, so no path leads to it: use --plane random."
        )
    record = about.run.record
    usual = max(record.winner.refit_epochs or record.winner.best_epoch, EPOCHS_AT_LEAST)
    length = epochs or min(usual, about.member.epochs)
    # The budget is the horizon of a schedule: it only grows where a longer path is asked for.
    members = [replace(member, epochs=max(member.epochs, length)) for member in members]
    conditions = Conditions(seed=record.seed, class_weights=record.class_weights)
    encoding = about.model.preparation.encoding
    _, data = prepare_rows(about.dataset, about.rows, None, conditions, encoding)
    observer.stage("training the paths")
    with interruptions(observer) as interrupted:

        def on_epoch(progress: Progress) -> bool:
            observer.stage(f"training the paths: epoch {progress.epoch} of {progress.epochs}")
            return interrupted()

        return visited(members, data, length, seed=conditions.seed, on_epoch=on_epoch)


def _travellers(about: Restored, kind: str, optimizer: Any) -> list[Member]:
    """Who makes the paths: the winner's network and settings, under each rule at its best known rate."""
    own = about.member.rule.name
    known = _best_rates(about)
    if optimizer is None:
        others = [name for name in known if name != own]
        if kind == "paths":
            names: list[Any] = [own, *others][:RULES_SHOWN]
        else:
            names = [own, (others or [name for name in ("momentum", "adam") if name != own])[0]]
    else:
        asked = [optimizer] if not isinstance(optimizer, list | tuple) else list(optimizer)
        names = asked if kind == "paths" else [own, *(name for name in asked if find_rule(name).name != own)]
    rules = list(dict.fromkeys(find_rule(name) for name in names))
    if kind != "paths" and len(rules) != 2:
        raise InputError(
            f"The plane '{kind}' takes one rule besides the run's own, {own}: name one with --optimizer."
        )
    return [_under(about.member, rule, known) for rule in rules]


def _under(member: Member, rule: Rule, known: Mapping[str, tuple[float, dict[str, float]]]) -> Member:
    if rule.name == member.rule.name:
        return member
    rate, numbers = known.get(rule.name, (rule.defaults["learning_rate"], {}))
    return replace(member, rule=rule, learning_rate=rate, numbers=numbers)


def _best_rates(about: Restored) -> dict[str, tuple[float, dict[str, float]]]:
    """The learning rate and other numbers that each rule did best with in the run, the best rule first."""
    found: dict[str, tuple[float, dict[str, float]]] = {}
    for row in about.run.leaderboard.iter_rows(named=True):
        if row["status"] != "diverged" and row["optimizer"] not in found:
            found[row["optimizer"]] = (row["learning_rate"], rule_numbers(row))
    return found


def _plane(kind: str, about: Restored, ways: Sequence[Visits], seed: int) -> Plane:
    centre = about.network
    if kind == "random":
        return random_plane(centre, seed)
    if kind == "paths":
        return principal_plane([network for way in ways for network in way.networks], centre)
    other = ways[1]
    if other.diverged:
        raise InputError(
            f"{other.member.rule.name} diverged at rate {other.member.learning_rate:g}, so it found nothing "
            "to go to: name another rule with --optimizer."
        )
    solutions = {TRAINED: centre, other.member.rule.name: other.networks[-1]}
    if kind == "line":
        return line(solutions)
    return solutions_plane(solutions | {START: ways[0].networks[0]})


def _path_record(plane: Plane, way: Visits) -> findings.Path:
    return findings.Path(
        rule=way.member.rule.name,
        learning_rate=way.member.learning_rate,
        momentum=way.member.hyper().get("momentum"),
        epochs=way.epochs[-1],
        diverged=way.diverged,
        shown=plane.shown(way.networks),
    )


# The slice --------------------------------------------------------------------------------------------


def _ranges(plane: Plane, paths: pl.DataFrame, reach: float) -> tuple[tuple[float, float], ...]:
    """The ends of the grid: what is marked and the paths, with a margin; about 0 for random directions."""
    if plane.kind == "random":
        return (-reach, reach), (-reach, reach)
    if plane.kind == "line":
        return (0.5 - reach, 0.5 + reach), (-1.0, 1.0)
    marks = list(plane.marks.values())
    points = np.vstack([np.array([*marks, (0.0, 0.0)]), paths.select("x", "y").to_numpy()])
    low, high = points.min(axis=0), points.max(axis=0)
    half = np.maximum(high - low, 0.1 * np.max(high - low)) / 2 * 1.2 * reach
    middle = (low + high) / 2
    return tuple((float(m - h), float(m + h)) for m, h in zip(middle, half, strict=True))


def _slice_record(plane: Plane, drawn: Slice, measure: Measure, about: Restored) -> dict[str, Any]:
    heights = np.where(np.isfinite(drawn.loss), drawn.loss, np.inf)
    row, column = np.unravel_index(int(np.argmin(heights)), heights.shape)
    loss, accuracy = drawn.centre
    return {
        "plane": findings.Plane(
            kind=cast(Any, plane.kind),
            titles=list(plane.titles),
            marks=dict(plane.marks),
            explained=None if plane.explained is None else list(plane.explained),
        ),
        "grid": findings.Grid(
            x=(float(drawn.x[0]), float(drawn.x[-1])),
            y=(float(drawn.y[0]), float(drawn.y[-1])),
            resolution=len(drawn.x),
            points=drawn.loss.size,
        ),
        "rows": drawn.rows,
        "part": about.part,
        "rows_known": len(about.rows),
        "loss": measure.loss,
        "precision": measure.precision,
        "centre": findings.Centre(loss=finite(loss), accuracy=accuracy),
        "lowest": findings.Lowest(
            loss=finite(float(drawn.loss[row, column])), x=float(drawn.x[column]), y=float(drawn.y[row])
        ),
    }


# Curvature ----------------------------------------------------------------------------------------------


def _sharpest(
    about: Restored, measure: Measure, count: int, seed: int
) -> tuple[Eigenpairs | None, np.ndarray]:
    """The Hessian's ends at the trained network, and the gradient there; none where none are asked for."""
    if not count:
        return None, np.empty(0)
    network = about.network
    return curvature(network, measure, count, seed), Derivatives(network, measure).gradient()


def _curvature_record(found: Eigenpairs, gradient: np.ndarray, measure: Measure) -> findings.Curvature:
    sharpest = float(found.values[0])
    return findings.Curvature(
        eigenvalues=found.values.tolist(),
        residuals=found.residuals.tolist(),
        lowest=found.lowest[0],
        lowest_residual=found.lowest[1],
        products=found.products,
        settled=found.settled,
        gradient=float(np.linalg.norm(gradient)),
        # Training takes errors in standardised units, so its curvature lacks the scale.
        critical_rate=2 * measure.scale / sharpest if sharpest > 0 else None,
        parameters=len(gradient),
    )
