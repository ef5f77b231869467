"""The page of a landscape: its sentences and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from couloir import text as words
from couloir.figures import Chart, TableRun
from couloir.figures.landscapes.sharpness import slice_profile, slice_spectrum
from couloir.figures.landscapes.slices import loss_words, slice_bowl, slice_contour, slice_paths
from couloir.report import summary
from couloir.report.tables import row
from couloir.text import count, number

if TYPE_CHECKING:
    from couloir.runs.records import LandscapeRecord
    from couloir.runs.records.findings import Path

PLANES = {
    "random": "a plane of two random directions",
    "paths": "the plane that the rules' paths spread in most",
    "solutions": "the plane through two solutions and their start",
    "line": "the line between two solutions",
}


def charts(run: TableRun[LandscapeRecord]) -> list[Chart]:
    """The figures of the page."""
    return [slice_contour(run), slice_bowl(run), slice_paths(run), slice_spectrum(run), slice_profile(run)]


def summarise(run: TableRun[LandscapeRecord]) -> dict[str, Any]:
    """Every sentence and fact of the page that is not a table or a figure."""
    record = run.record
    return summary.frame(record) | {
        "name": f"The landscape of {words.short(record.data.name, 60)}",
        "status": "",
        "warnings": _warnings(record),
        "lead": _lead(run),
        "facts": _facts(run),
        "kind": record.plane.kind,
        "method": _method(record),
        "data": summary.data_facts(record.data),
        "winner": summary.winner_facts(record.winner),
    }


def _lead(run: TableRun[LandscapeRecord]) -> str:
    record = run.record
    winner, grid = record.winner, record.grid
    layers = "–".join(str(width) for width in winner.hidden)
    network = f"a {winner.kind}network with" + (f" {layers} hidden units" if layers else "out hidden layers")
    text = f"The {loss_words(run)} of {network}, trained with {winner.optimizer}, on "
    text += f"{PLANES[record.plane.kind]}: measured at {count(grid.points, 'point')} over "
    return f"{text}{count(record.rows, 'row')}."


def _warnings(record: LandscapeRecord) -> list[str]:
    lost = [path.rule for path in record.paths if path.diverged]
    return [f"{words.joined(lost)} diverged: what is drawn of it is from before that."] if lost else []


def _facts(run: TableRun[LandscapeRecord]) -> list[tuple[str, str, str]]:
    record = run.record
    centre, points = record.centre, record.grid.points
    rows = "all that it learnt from" if record.rows == record.rows_known else "drawn at random"
    facts = [
        ("Loss of the network", number(centre.loss), f"{loss_words(run)}, {record.part}"),
        ("Lowest on the grid", number(record.lowest.loss), f"of {points:,} points"),
        ("Rows", f"{record.rows:,}", rows),
    ]
    if centre.accuracy is not None:
        facts.insert(1, ("Recognised", words.percent(centre.accuracy), "of these rows"))
    if record.curvature:
        sharpest = number(record.curvature.eigenvalues[0])
        facts.append(("Sharpness", sharpest, "largest eigenvalue of the Hessian"))
    return facts


def _method(record: LandscapeRecord) -> list[str]:
    """How the plane was laid and the loss measured, in paragraphs, so that a reader can trust it."""
    measured = f"The loss is the mean over the {record.part}"
    if record.rows < record.rows_known:
        measured += f" ({record.rows:,} of {record.rows_known:,}, drawn at random)"
    measured += ", without penalties, dropout or noise, in "
    measured += f"{record.precision}. A slice shows two of {record.winner.n_parameters:,} "
    measured += "dimensions: a network that looks caught on it may have a way out in another."
    return [_plane_words(record), measured, _paths_words(record), _curvature_words(record)]


def _plane_words(record: LandscapeRecord) -> str:
    kind = record.plane.kind
    if kind == "random":
        text = "Both directions were drawn at random, and in each the weights of every neuron, its bias with "
        text += "them, were scaled to the length that they have in the trained network (after Li et al. "
        text += "2018). Without that, a network with large weights would look flatter than one with small "
        return f"{text}ones."
    if kind == "paths":
        text = "All networks that the rules visited, one an epoch, were put together, and the two directions "
        text += "taken in which their squared distances from the trained network are largest (principal "
        text += "components about the trained network, as Li et al. 2018 do). Coordinates are distances."
        return text
    if kind == "solutions":
        text = "Three networks lie in just one plane. Its first axis runs from the trained network to what "
        return f"{text}the other rule found, its second at right angles to it (Garipov et al. 2018)."
    text = "Every point of the line is an average of the two networks, weight by weight; beyond 0 and 1 the "
    return f"{text}line is continued (Goodfellow, Vinyals & Saxe 2015)."


def _paths_words(record: LandscapeRecord) -> str:
    if not record.paths:
        return ""
    text = "The paths were trained for this page: the run's network from the run's own start, over the same "
    text += "batches, under each rule at the learning rate that was best for it in the run, or its customary "
    text += f"one, for {count(record.paths[0].epochs, 'epoch')}. "
    if record.plane.kind == "line":
        return f"{text}The line ends where the other rule's path does."
    text += "A path is drawn where its networks come nearest to the plane; they are not on it, so each "
    return f"{text}has a loss of its own, which stands beside the plane's in the figure of true losses."


def _curvature_words(record: LandscapeRecord) -> str:
    found = record.curvature
    if not found:
        return ""
    text = "The curvature is that of the Hessian, the matrix of all second derivatives, over the same rows. "
    text += f"Its largest eigenvalues come from {count(found.products, 'product')} with vectors (Lanczos "
    return f"{text}1950; Pearlmutter 1994), with every new vector made orthogonal to all before it."


def tabulate(run: TableRun[LandscapeRecord]) -> dict[str, Any]:
    """The paths: heads and rows as text."""
    heads = ["rule", "learning rate", "epochs", "shown by the plane", "loss at its end", "on the plane there"]
    return {"paths": {"heads": heads, "items_": [_path_row(run, path) for path in run.record.paths]}}


def _path_row(run: TableRun[LandscapeRecord], path: Path) -> dict[str, Any]:
    last = run.tables["path"].filter(rule=path.rule).row(-1, named=True)
    cells = [
        path.rule,
        number(path.learning_rate),
        f"{path.epochs:,}{', diverged' if path.diverged else ''}",
        words.percent(path.shown),
        number(last["loss"]),
        number(last["projected"]),
    ]
    return row(cells, True, path.diverged)
