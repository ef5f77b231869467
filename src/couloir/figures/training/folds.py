"""Cross-validation drawn: which rows each fold holds out, and the score of every fold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from couloir import text as words
from couloir.figures import scores, theme
from couloir.figures.chart import Chart, Figure, Run, new_figure
from couloir.figures.scores import TableRun
from couloir.figures.traces import listed
from couloir.runs.records import LearnedRecord
from couloir.runs.records.learned import FoldScores, FoldSizes

PARTS = {
    "train": ("trained on", "right"),
    "stopping": ("tells when to stop", "further-3"),
    "held_out": ("held out: the fold's score", "wrong"),
    "test": ("test part", "grid"),
}
KINDS = {
    "stratified": "each fold has the classes in the shares of the whole",
    "plain": "rows are dealt at random",
    "grouped": "rows of one group stay together",
    "in time": "each fold learns from the past and is scored on what came next",
}


def fold_strip(run: Run[LearnedRecord] | TableRun[LearnedRecord]) -> Chart:
    """Each fold as a strip of rows: trained on, stopping, held out, and the test part that none saw."""
    title, validated = "The folds", run.record.cross_validation
    if validated is None or not validated.sizes:
        return Chart("folds", title, "Left out: the run holds no folds.")
    sizes, in_time = validated.sizes, validated.kind == "in time"
    figure = new_figure(title, "rows", "", height=150 + 30 * (len(sizes) + 1))
    test, total = run.record.data.split.test, max(size.total for size in sizes)
    pieces = strip(sizes, in_time)
    pieces += [("test", place, total + 0.02 * total, test) for place in range(len(sizes)) if test]
    for part, (name, role) in PARTS.items():
        _add_pieces(figure, [piece for piece in pieces if piece[0] == part], name, theme.colour(role))
    figure.update_layout(
        barmode="overlay",
        bargap=0.22,
        xaxis={"showgrid": False, "range": [0, 1.02 * total + test]},
        yaxis=listed([f"fold {place + 1}" for place in range(len(sizes))], ticklabelstandoff=6),
        legend={"traceorder": "normal"},
    )
    rows = "; ".join(f"{s.train}, {s.stopping}, {s.held_out}" for s in sizes[:12])
    alt = f"Strips of {words.count(len(sizes), 'fold')}. Rows trained on, stopping, held out: {rows}."
    return Chart("folds", title, _strip_sentence(validated.kind, sizes, test), alt, figure)


def strip(sizes: Sequence[FoldSizes], in_time: bool) -> list[tuple[str, int, float, int]]:
    """(part, fold, first row, rows) of every piece.

    Drawn in blocks, fold after fold; where rows are dealt at random the blocks stand for rows all over
    the data. In time the pieces lie as the rows do: the past, the stopping part, what came next.
    """
    pieces: list[tuple[str, int, float, int]] = []
    before = 0
    for fold, size in enumerate(sizes):
        total, held = size.total, size.held_out
        start = total - held if in_time else before
        pieces.append(("held_out", fold, start, held))
        pieces += _fill(fold, [(0, start), (start + held, total)], size)
        before += held
    return pieces


def _fill(fold: int, free: list[tuple[int, int]], size: FoldSizes) -> list[tuple[str, int, float, int]]:
    """The rows trained on, then those that tell when to stop, in the room beside the block held out."""
    pieces: list[tuple[str, int, float, int]] = []
    waiting = {"train": size.train, "stopping": size.stopping}
    for start, end in free:
        for part in waiting:
            rows = min(waiting[part], end - start)
            if rows > 0:
                pieces.append((part, fold, start, rows))
            waiting[part] -= rows
            start += rows
    return pieces


def _add_pieces(figure: Figure, pieces: list[tuple[str, int, float, int]], name: str, colour: str) -> None:
    if pieces:
        figure.add_bar(
            x=[rows for _, _, _, rows in pieces],
            base=[start for _, _, start, _ in pieces],
            y=[fold for _, fold, _, _ in pieces],
            name=name,
            orientation="h",
            customdata=[words.count(rows, "row") for _, _, _, rows in pieces],
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate=f"fold %{{y}}, {name}: %{{customdata}}<extra></extra>",
        )


def _strip_sentence(kind: str, sizes: Sequence[FoldSizes], test: int) -> str:
    held = [size.held_out for size in sizes]
    span = f"{min(held):,} to {max(held):,}" if min(held) < max(held) else f"{held[0]:,}"
    text = f"{len(sizes)} folds, {kind}: {KINDS[kind]}. A fold holds out {span} rows"
    if any(size.stopping for size in sizes):
        text += " and sets some of its training rows aside to tell when to stop, so that its score is honest"
    text += "."
    if test:
        text += f" The {words.count(test, 'test row')} {'is' if test == 1 else 'are'} in no fold."
    if kind != "in time":
        text += " The blocks show how many rows, not which."
    return text


def fold_scores(run: Run[LearnedRecord] | TableRun[LearnedRecord]) -> Chart:
    """The score of every fold, their mean as a line and their spread (one standard deviation) as a band."""
    title, validated = "The score of every fold", run.record.cross_validation
    if validated is None:
        return Chart("fold-scores", title, "Left out: the run holds no scores of folds.")
    metric = validated.metric
    series = {"winner": validated.scores[metric]}
    if validated.nested:
        series["nested"] = validated.nested[metric]
    figure = new_figure(title, scores.axis_title(run.record, metric, "held-out"), "", 120 + 76 * len(series))
    values = [value for found in series.values() for value in found.values]
    settings, least = scores.axis(metric, values), -math.inf
    if settings["type"] == "log":
        # A spread larger than its mean has no place on it: the axis ends beyond the scores, and it there.
        highest = max(*values, *(found.mean + found.spread for found in series.values()))
        least = min(values) / (highest / min(values)) ** 0.06
        settings |= {"range": [math.log10(least), math.log10(highest * (highest / least) ** 0.06)]}
    for place, (name, found) in enumerate(series.items()):
        _add_fold_scores(figure, name, found, place, metric, least)
    names = listed(list(series), tickfont={"size": 13, "color": theme.colour("ink")})
    figure.update_layout(showlegend=False, xaxis=settings, yaxis=names)
    means = words.joined([f"{n} {words.metric(metric, s.mean)}" for n, s in series.items()])
    alt = f"Dot chart of the scores of {words.count(len(values), 'fold')}. Means: {means}."
    sentence = _scores_sentence(series, metric, suggested=run.record.kind == "search")
    return Chart("fold-scores", title, sentence, alt, figure)


def _add_fold_scores(
    figure: Figure, name: str, found: FoldScores, place: int, metric: str, least: float
) -> None:
    colour = theme.colour("right" if place == 0 else "quiet")
    low, high = max(found.mean - found.spread, least), found.mean + found.spread
    of = {"y0": place - 0.3, "y1": place + 0.3}
    faint = {"fillcolor": theme.faint(colour), "line": {"width": 0}, "layer": "below"}
    figure.add_shape(type="rect", x0=low, x1=high, **of, **faint)
    figure.add_shape(type="line", x0=found.mean, x1=found.mean, **of, line={"color": colour, "width": 2})
    folds = range(len(found.values))
    # Folds stand one below the other, so that equal scores do not hide each other.
    step = 0.4 / max(1, len(folds) - 1)
    figure.add_scatter(
        x=found.values,
        y=[place - 0.2 + step * fold for fold in folds],
        customdata=[fold + 1 for fold in folds],
        name=name,
        mode="markers",
        marker={"color": colour, "size": 9, "line": {"color": theme.colour("paper"), "width": 1}},
        hovertemplate=f"{name}, fold %{{customdata}}: %{{x:{scores.hover(metric)}}}<extra></extra>",
    )


def _scores_sentence(series: Mapping[str, FoldScores], metric: str, suggested: bool) -> str:
    won = series["winner"]
    text = f"Over {words.count(len(won.values), 'fold')} the winner has a mean {scores.metric_name(metric)} "
    text += f"of {words.metric(metric, won.mean)}, with a spread of {words.metric(metric, won.spread)} "
    best, worst = sorted((min(won.values), max(won.values)), reverse=scores.higher_is_better(metric))
    text += f"between folds: from {words.metric(metric, best)} in the best to {words.metric(metric, worst)} "
    text += "in the worst."
    if "nested" in series:
        text += " The winner was chosen by these scores, which flatters it a little; nested, where the "
        text += "choice is made anew inside each fold, the mean is "
        text += f"{words.metric(metric, series['nested'].mean)}."
        if suggested:
            text += " (What was tried was suggested by means over the folds, so that this flatters a little "
            text += "too.)"
    return text
