"""The pairs of a race: by how much each rule is better than each other, and whether that is real."""

from __future__ import annotations

import copy
from typing import Any

from couloir import text as words
from couloir.figures import scores, theme
from couloir.figures.chart import Chart, Figure, new_figure
from couloir.figures.scores import TableRun
from couloir.figures.traces import listed
from couloir.runs.records import RaceRecord
from couloir.runs.records.learned import Pair
from couloir.text import number


def race_pairs(run: TableRun[RaceRecord]) -> Chart:
    """How much better the rule of a row is than the rule of a column; blue where the difference is real.

    Real: below 5 % by the paired t test with Nadeau and Bengio's correction, Holm over all pairs.
    """
    title, pairs = "Who is really better than whom", run.record.pairs
    if not pairs:
        return Chart("pairs", title, "Left out: with one rule there is no pair to compare.")
    rules = [entry.rule for entry in run.record.standing]
    figure = new_figure(title, "", "", height=max(260, min(620, 130 + 46 * len(rules))))
    _add_pairs(figure, rules, pairs, run.record.metric)
    names = [words.plain(rule, 14) for rule in rules]
    common = {"type": "linear", "showgrid": False, "ticks": "", "ticklabelstandoff": 4}
    common["tickfont"] = {"size": 13, "color": theme.colour("ink")}
    # The best rule is worse than none, so it has no column; the last one has no row.
    across = {"tickvals": list(range(1, len(rules))), "ticktext": names[1:], "range": [0.5, len(rules) - 0.5]}
    across |= {"side": "top", "tickangle": -90 if len(rules) > 4 else 0}
    figure.update_layout(showlegend=False, xaxis=common | across, yaxis=common | listed(names[:-1]))
    # A matrix has nothing to zoom into, and the tool bar would lie on its last column.
    tools = {"remove": ["zoom", "pan", "zoomin", "zoomout", "resetscale"]}
    figure.update_layout(dragmode=False, modebar=tools)
    real = [f"{pair.first} than {pair.second}" for pair in pairs if pair.different]
    alt = f"Matrix of {words.count(len(pairs), 'pair')} of rules. "
    alt += f"Really better: {words.joined(real, limit=30)}."
    return Chart("pairs", title, _pairs_sentence(pairs, run.record.replicates), alt, figure)


VERDICTS = {"real": ("right", "paper"), "reversed": ("wrong", "paper"), "open": ("right-faint", "quiet")}
"""The colour of a cell and of its text, by what the test says; reversed: the rule of the column is better."""


def _add_pairs(figure: Figure, rules: list[str], pairs: list[Pair], metric: str) -> None:
    """One heat map for each verdict, so that each has a colour of its own."""
    place = {rule: index for index, rule in enumerate(rules)}
    cells: dict[str, list[tuple[int, int, Pair]]] = {}
    for pair in pairs:
        # Above the diagonal: the rule that stands higher is the row.
        row, column = sorted((place[pair.first], place[pair.second]))
        cells.setdefault(_verdict(pair, rules[row]), []).append((row, column, pair))
    for verdict, items in cells.items():
        fill, ink = VERDICTS.get(verdict, ("blank", "quiet"))
        z: list[list[Any]] = [[None] * len(rules) for _ in rules[1:]]
        words_of, text = copy.deepcopy(z), [[""] * len(rules) for _ in rules[1:]]
        for row, column, pair in items:
            swapped = pair.first != rules[row]
            z[row][column], words_of[row][column] = 1, _pair_words(pair, metric)
            text[row][column] = "?" if verdict == "unknown" else difference(pair.difference, metric, swapped)
        figure.add_heatmap(
            name=verdict,
            z=z,
            text=text,
            texttemplate="%{text}",
            textfont={"size": 11, "color": theme.colour(ink)},
            customdata=words_of,
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=False,
            colorscale=[[0, theme.colour(fill)], [1, theme.colour(fill)]],
            showscale=False,
            xgap=2,
            ygap=2,
        )


def _verdict(pair: Pair, row: str) -> str:
    if pair.different is None:
        return "unknown"
    if not pair.different:
        return "open"
    return "real" if pair.first == row else "reversed"


def difference(value: float | None, metric: str, swapped: bool = False) -> str:
    """The size of a difference in few characters: .021, 310k; percentage points for shares."""
    if value is None:
        return "?"
    size, sign = abs(value), "−" if swapped else ""
    if metric in words.SHARES:
        return f"{sign}{100 * size:.1f}"
    for power, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= power:
            return f"{sign}{number(size / power, 2)}{letter}"
    return sign + number(size, 2).removeprefix("0" if 0 < size < 1 else "")


def _pair_words(pair: Pair, metric: str) -> str:
    first, second = words.plain(pair.first), words.plain(pair.second)
    if pair.different is None:
        return f"{first} and {second}: not tested, one of them diverged"
    size = difference(pair.difference, metric) + (" points" if metric in words.SHARES else "")
    verdict = "really better" if pair.different else "not to be told apart"
    return f"{first} against {second}: better by {size}<br>{verdict} ({scores.p_value(pair.p_adjusted)})"


def _pairs_sentence(pairs: list[Pair], replicates: int) -> str:
    tested = [pair for pair in pairs if pair.different is not None]
    real = [pair for pair in tested if pair.different]
    text = ""
    if len(pairs) == 1 and tested:
        text = f"The two {'differ' if real else 'do not differ'} by more than chance allows (5\u202f%)."
    elif tested and not real:
        text = f"In none of {words.count(len(tested), 'pair')} is the difference larger than chance allows: "
        text += "these replicates cannot tell the rules apart."
    elif tested:
        text = f"In {len(real)} of {words.count(len(tested), 'pair')} the difference is larger than chance "
        text += "allows (5\u202f%, Holm's correction over all pairs)."
        alike = [f"{pair.first} and {pair.second}" for pair in tested if not pair.different]
        text += f" Not told apart: {'; '.join(alike)}." if 0 < len(alike) <= 3 else ""
    if replicates == 1:
        return "One replicate tells no difference from chance: no pair was tested."
    if len(tested) < len(pairs):
        left = len(pairs) - len(tested)
        text += f" {words.count(left, 'pair')} (?) {'was' if left == 1 else 'were'} not tested, "
        text += "as a rule diverged."
    return text.strip()
