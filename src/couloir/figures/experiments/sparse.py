"""Sparse features: what every rule at its best rate makes of rows with rare features, and of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from couloir.figures import theme
from couloir.figures.chart import Chart, Figure, new_figure
from couloir.figures.traces import add_trace, mark
from couloir.text import count, joined, number, plain, share

if TYPE_CHECKING:
    from couloir.experiments.sparse import RuleOnSparse, SparseRace


def sparse_rules(found: SparseRace) -> Chart:
    """What each rule's log loss on fresh rows lies above that of the law itself, best first.

    Bars: rows with rare features. Diamonds: the other rows.
    """
    title, entries = "Rare features: each rule at its best rate", found.entries
    if not entries:
        return Chart("sparse", title, "No rule can be drawn: all diverged at every rate.")
    figure = new_figure(title, "log loss above the law's own (nats)", "", height=150 + 44 * len(entries))
    _add_bars(figure, found)
    add_trace(
        figure,
        [entry.common_loss - found.common_floor for entry in entries],
        [plain(entry.rule) for entry in entries],
        "rows without",
        marker=mark("paper", 11, "diamond", (2, "ink")),
        hover="%{y}: %{customdata}<extra>rows without rare features</extra>",
        customdata=[number(entry.common_loss) for entry in entries],
    )
    # Bars of many colours have no entry of their own in the legend.
    ink = {"color": theme.colour("ink")}
    figure.add_bar(x=[None], y=[plain(entries[0].rule)], name="with rare features", marker=ink)
    figure.update_layout(
        bargap=0.3,
        yaxis={"autorange": "reversed", "showgrid": False, "ticklabelstandoff": 6},
        xaxis={"rangemode": "tozero", "tickformat": ",.3~r"},
    )
    return Chart("sparse", title, _sentence(found), _alt(found), figure)


def _add_bars(figure: Figure, found: SparseRace) -> None:
    figure.add_bar(
        x=[entry.rare_loss - found.floor for entry in found.entries],
        y=[plain(entry.rule) for entry in found.entries],
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


def _sentence(found: SparseRace) -> str:
    adaptive = [entry for entry in found.entries if entry.adaptive]
    others = [entry for entry in found.entries if not entry.adaptive]
    text = f"{found.rare} of {count(found.features, 'feature')} are there in "
    text += f"{share(found.chance)} of the rows each. "
    if adaptive and others:
        text += f"On fresh rows that have one, the adaptive rules end between {_told(adaptive[0])} and "
        text += f"{_told(adaptive[-1])}, the others between {_told(others[0])} and {_told(others[-1])}. "
        ahead = adaptive[-1].rare_loss < others[0].rare_loss
        text += "Every adaptive rule is ahead of every other. " if ahead else "The two groups overlap. "
    else:
        best = found.entries[0]
        text += f"Best on rows that have one is {best.rule}, {number(best.rare_loss)}. "
    text += f"The law that made the rows scores {number(found.floor)} there."
    if edge := [entry.rule for entry in found.entries if entry.at_edge]:
        text += f" At an end of the rates tried: {joined(edge)}."
    return text + (f" Diverged at every rate: {joined(list(found.lost))}." if found.lost else "")


def _told(entry: RuleOnSparse) -> str:
    return f"{number(entry.rare_loss)} ({entry.rule})"


def _alt(found: SparseRace) -> str:
    listed = [f"{e.rule} {number(e.rare_loss)} and {number(e.common_loss)}" for e in found.entries]
    text = "Bars by rule, best first. Log loss of rows with and without rare features: "
    return f"{text}{joined(listed, limit=12)}."
