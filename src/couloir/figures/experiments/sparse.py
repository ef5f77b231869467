"""Sparse features: what every rule at its best rate makes of rows with rare features, and of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from couloir import text as words
from couloir.figures import theme
from couloir.figures.chart import Chart, new_figure
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from couloir.experiments.sparse import RuleOnSparse, SparseRace


def sparse_rules(found: SparseRace) -> Chart:
    """What each rule's log loss on fresh rows lies above that of the law itself, best first.

    Bars: rows with rare features. Diamonds: the other rows.
    """
    title = "Rare features: each rule at its best rate"
    if not found.entries:
        return Chart("sparse", title, "No rule can be drawn: all diverged at every rate.")
    figure = new_figure(
        title, "log loss above the law's own (nats)", "", height=150 + 44 * len(found.entries)
    )
    _add_bars(figure, found)
    _add_others(figure, found)
    figure.update_layout(
        bargap=0.3,
        yaxis={"autorange": "reversed", "showgrid": False, "ticklabelstandoff": 6},
        xaxis={"rangemode": "tozero", "tickformat": ",.3~r"},
    )
    return Chart("sparse", title, _sentence(found), _alt(found), figure)


def _add_bars(figure: go.Figure, found: SparseRace) -> None:
    figure.add_bar(
        x=[entry.rare_loss - found.floor for entry in found.entries],
        y=[words.plain(entry.rule) for entry in found.entries],
        orientation="h",
        customdata=[[number(entry.learning_rate), number(entry.rare_loss)] for entry in found.entries],
        name="rows with rare features",
        marker={
            "color": [theme.rule_style(entry.rule).colour for entry in found.entries],
            # Hatched: one step size for all weights.
            "pattern": {
                "shape": ["" if entry.adaptive else "/" for entry in found.entries],
                "fgcolor": theme.colour("paper"),
                "size": 7,
                "solidity": 0.35,
            },
        },
        showlegend=False,
        hovertemplate="%{y} at %{customdata[0]}: %{customdata[1]}<extra>rows with rare features</extra>",
    )


def _add_others(figure: go.Figure, found: SparseRace) -> None:
    figure.add_scatter(
        x=[entry.common_loss - found.common_floor for entry in found.entries],
        y=[words.plain(entry.rule) for entry in found.entries],
        customdata=[number(entry.common_loss) for entry in found.entries],
        name="rows without",
        mode="markers",
        marker={
            "color": theme.colour("paper"),
            "symbol": "diamond",
            "size": 11,
            "line": {"width": 2, "color": theme.colour("ink")},
        },
        hovertemplate="%{y}: %{customdata}<extra>rows without rare features</extra>",
    )
    # Bars of many colours have no entry of their own.
    figure.add_bar(
        x=[None],
        y=[words.plain(found.entries[0].rule)],
        name="with rare features",
        marker={"color": theme.colour("ink")},
    )


def _sentence(found: SparseRace) -> str:
    adaptive = [entry for entry in found.entries if entry.adaptive]
    others = [entry for entry in found.entries if not entry.adaptive]
    text = f"{found.rare} of {words.count(found.features, 'feature')} are there in "
    text += f"{words.share(found.chance)} of the rows each. "
    if adaptive and others:
        best, worst, first = adaptive[0], adaptive[-1], others[0]
        text += f"On fresh rows that have one, the adaptive rules end between {number(best.rare_loss)} "
        text += f"({best.rule}) and {number(worst.rare_loss)} ({worst.rule}), "
        text += f"the others between {number(first.rare_loss)} ({first.rule}) and "
        text += f"{number(others[-1].rare_loss)} ({others[-1].rule}). "
        ahead = worst.rare_loss < first.rare_loss
        text += "Every adaptive rule is ahead of every other. " if ahead else "The two groups overlap. "
    else:
        text += (
            f"Best on rows that have one is {found.entries[0].rule}, {number(found.entries[0].rare_loss)}. "
        )
    text += f"The law that made the rows scores {number(found.floor)} there."
    return text + _edges(found.entries) + _lost(found)


def _edges(entries: tuple[RuleOnSparse, ...]) -> str:
    edge = [entry.rule for entry in entries if entry.at_edge]
    return f" At an end of the rates tried: {words.joined(edge)}." if edge else ""


def _lost(found: SparseRace) -> str:
    return f" Diverged at every rate: {words.joined(list(found.lost))}." if found.lost else ""


def _alt(found: SparseRace) -> str:
    listed = [
        f"{entry.rule} {number(entry.rare_loss)} and {number(entry.common_loss)}" for entry in found.entries
    ]
    return (
        "Bars by rule, best first. Log loss of rows with and without rare features: "
        f"{words.joined(listed, limit=12)}."
    )
