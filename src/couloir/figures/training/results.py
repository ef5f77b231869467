"""What the winner predicts: confusion, predicted against true, and which columns matter."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from couloir import text as words
from couloir.figures import reading, theme
from couloir.figures.chart import Chart, Figure, Run, new_figure
from couloir.figures.traces import add_trace, line
from couloir.runs.records import LearnedRecord
from couloir.runs.records.learned import Importance
from couloir.text import number

MOST_POINTS = 2000  # a page with more would be slow on a phone
MOST_COLUMNS = 15
MOST_COUNTS_SHOWN = 15  # classes up to which the counts fit into the cells


def confusion(run: Run[LearnedRecord]) -> Chart:
    """The confusion matrix of the test part: rows are the true classes, columns the predicted ones.

    A cell's colour is its share of the true class's rows, its text the count.
    """
    title = "Confusion on the test part"
    test, classes = run.record.test, run.record.data.classes
    counts = None if test is None else test.confusion
    if counts is None or classes is None:
        return Chart("confusion", title, "Left out: the run has no confusion matrix of the test part.")
    labels = [words.short(label) for label in classes]
    figure = new_figure(title, "predicted class", "true class", max(340, min(640, 160 + 38 * len(labels))))
    shares = [[cell / sum(row) if sum(row) else 0.0 for cell in row] for row in counts]
    off = [share for i, row in enumerate(shares) for j, share in enumerate(row) if i != j]
    _add_cells(figure, labels, counts, shares, diagonal=True, most=1.0)
    # Mistakes are few: on the scale of the diagonal they would all look white.
    _add_cells(figure, labels, counts, shares, diagonal=False, most=max([0.02, *off]))
    ticks = {"type": "linear", "tickvals": list(range(len(labels))), "showgrid": False}
    ticks["ticktext"] = [words.plain(label, 16) for label in labels]
    figure.update_layout(xaxis=ticks, yaxis={**ticks, "autorange": "reversed"})
    sentence = _confusion_sentence(labels, counts)
    cells = enumerate(zip(labels, counts, strict=True))
    found = [f"{words.short(label, 16)} {row[i]} of {sum(row)}" for i, (label, row) in cells]
    alt = f"Confusion matrix of {words.count(len(labels), 'class', 'classes')}. Predicted as they are: "
    alt += f"{words.joined(found, limit=20)}."
    return Chart("confusion", title, sentence, alt, figure)


def _add_cells(
    figure: Figure,
    labels: list[str],
    counts: list[list[int]],
    shares: list[list[float]],
    diagonal: bool,
    most: float,
) -> None:
    role, size = ("right" if diagonal else "wrong"), range(len(labels))
    # A cell without rows is blank; one row already has a tint.
    tints = [theme.colour(each) for each in ("blank", f"{role}-faint", role)]
    show = [[(i == j) == diagonal for j in size] for i in size]
    hover = [
        [
            f"true {words.plain(labels[i])}, predicted {words.plain(labels[j])}<br>"
            f"{counts[i][j]} of {sum(counts[i])} ({words.percent(shares[i][j])} of the true class)"
            for j in size
        ]
        for i in size
    ]
    figure.add_heatmap(
        z=[[shares[i][j] if show[i][j] else None for j in size] for i in size],
        text=[[str(counts[i][j]) if show[i][j] and counts[i][j] else "" for j in size] for i in size],
        texttemplate="%{text}" if len(labels) <= MOST_COUNTS_SHOWN else None,
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
        zmin=0,
        zmax=most,
        colorscale=list(zip((0, 1e-6, 1), tints, strict=True)),
        showscale=False,
        xgap=2,
        ygap=2,
    )


def _confusion_sentence(labels: list[str], counts: list[list[int]]) -> str:
    total = sum(map(sum, counts))
    right = sum(row[i] for i, row in enumerate(counts))
    text = f"{right:,} of {words.count(total, 'test row')} stand on the diagonal: predicted as they are."
    cells = [(n, i, j) for i, row in enumerate(counts) for j, n in enumerate(row) if i != j and n]
    if not cells:
        return f"{text} There is no mistake."
    most, i, j = max(cells, key=lambda cell: cell[0])
    taken = f"{labels[i]} taken for {labels[j]}"
    if most > 1:
        text += f" The commonest mistake is {taken}, {most:,} times."
    elif len(cells) == 1:
        text += f" The one mistake is {taken}."
    else:
        text += f" No mistake is made twice; one of them is {taken}."
    recalls = [(row[i] / sum(row), labels[i]) for i, row in enumerate(counts) if sum(row)]
    share, worst = min(recalls)
    return f"{text} Hardest is {worst}: {words.percent(share)} of its rows are found."


def predicted_against_true(run: Run[LearnedRecord]) -> Chart:
    """Predicted against true target of the validation rows; on the diagonal a prediction is exact."""
    title = "Predicted against true, on validation"
    if run.record.data.is_classification:
        return Chart("predicted", title, "Left out: the run predicts classes; see its confusion matrix.")
    rows = run.predictions.select("row", "true", "predicted").rows()
    target = words.plain(run.record.data.target, 30)
    figure = new_figure(title, f"true {target}", f"predicted {target}", height=480)
    shown = rows[:: -(-len(rows) // MOST_POINTS)]
    ends = [min(min(row[1:]) for row in shown), max(max(row[1:]) for row in shown)]
    figure.add_scatter(
        x=[row[1] for row in shown],
        y=[row[2] for row in shown],
        customdata=[row[0] for row in shown],
        name="validation row",
        mode="markers",
        marker={"color": theme.colour("right"), "size": 6, "opacity": 0.45},
        hovertemplate="row %{customdata}<br>true %{x:.4~g}, predicted %{y:.4~g}<extra></extra>",
    )
    add_trace(figure, ends, ends, "exact", line("quiet", 1, "dash"))
    sentence = _predicted_sentence(rows, len(shown))
    alt = f"Scatter chart of {words.count(len(shown), 'row')}, predicted over true "
    alt += f"{words.short(run.record.data.target)}, both from {number(ends[0])} to {number(ends[1])}."
    return Chart("predicted", title, sentence, alt, figure)


def _predicted_sentence(rows: list[tuple[Any, ...]], shown: int) -> str:
    errors = [predicted - true for _, true, predicted in rows]
    sizes = [abs(error) for error in errors]
    worst = max(range(len(rows)), key=lambda index: sizes[index])
    text = f"Half of the predictions are within {number(statistics.median(sizes))} of the truth; "
    text += f"the farthest, row {rows[worst][0]}, is off by {number(sizes[worst])}. "
    bias = statistics.fmean(errors)
    text += f"On average they are {number(abs(bias))} too {'high' if bias > 0 else 'low'}."
    if shown < len(rows):
        text += f" Drawn are {shown:,} of {len(rows):,} rows, evenly taken."
    return text


def importance(run: Run[LearnedRecord]) -> Chart:
    """How much the validation loss rises when one column is shuffled (mean ± standard deviation)."""
    title = "What the winner relies on"
    columns = run.record.importance
    if not columns:
        return Chart("importance", title, "Left out: rows are images, whose single pixels say little.")
    ordered = sorted(columns, key=lambda entry: -entry.increase)
    shown = ordered[:MOST_COLUMNS]
    figure = new_figure(title, reading.loss_axis(run, "rise of"), "", height=120 + 30 * len(shown))
    _add_bars(figure, shown)
    names = {"tickvals": list(range(len(shown))), "ticktext": [words.plain(e.column, 22) for e in shown]}
    names |= {"autorange": "reversed", "showgrid": False}
    figure.update_layout(showlegend=False, bargap=0.35, yaxis=names)
    sentence = _importance_sentence(ordered, len(shown))
    bars = words.joined([f"{words.short(e.column)} {number(e.increase)}" for e in shown], limit=MOST_COLUMNS)
    alt = f"Bar chart of {words.count(len(shown), 'column')}, largest first: {bars}."
    return Chart("importance", title, sentence, alt, figure)


def _add_bars(figure: Figure, shown: Sequence[Importance]) -> None:
    spreads = [entry.spread for entry in shown]
    figure.add_bar(
        x=[entry.increase for entry in shown],
        y=list(range(len(shown))),
        customdata=[[words.plain(entry.column), number(entry.spread)] for entry in shown],
        error_x={"array": spreads, "color": theme.colour("quiet"), "thickness": 1.5, "width": 3},
        orientation="h",
        marker={"color": theme.colour("right")},
        hovertemplate="%{customdata[0]}: %{x:.3~g} ± %{customdata[1]}<extra></extra>",
    )


def _importance_sentence(ordered: Sequence[Importance], shown: int) -> str:
    first = ordered[0]
    text = f"Shuffling {words.short(first.column)} raises the validation loss most, by "
    text += f"{number(first.increase)} ± {number(first.spread)}."
    if len(ordered) > 1:
        text += f" Next comes {words.short(ordered[1].column)}, with {number(ordered[1].increase)}."
    idle = [words.short(entry.column) for entry in ordered if entry.increase <= 2 * entry.spread]
    if idle:
        text += f" For {words.joined(idle, 4)} the rise is within two standard deviations of zero."
    if shown < len(ordered):
        text += f" Drawn are the first {shown} of {len(ordered)} columns."
    if any(entry.column == words.NEAREST for entry in ordered):
        text += f" With {words.NEAREST} all is shuffled that the training rows most like a row say of it."
    return text
