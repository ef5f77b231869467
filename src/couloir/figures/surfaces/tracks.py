"""Paths over a surface as they are drawn: what each is called, how it looks, and what part is shown.

A path has its rule's colour and dash; where one rule goes twice, each path has a style of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from couloir.figures import theme
from couloir.figures.chart import Figure
from couloir.figures.theme import RuleStyle
from couloir.figures.traces import add_trace, line, mark, short
from couloir.text import count, joined, number, plain, point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from couloir.surfaces.evaluation import Surface
    from couloir.surfaces.paths import Paths

SMALLEST = 0.25
"""The least share of a side of the domain that is shown."""
SPARE = ("further-1", "further-4", "further-3", "further-2", "right", "wrong")
DASHES = ("solid", "dash", "dot", "longdash", "dashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star")


@dataclasses.dataclass(frozen=True)
class Track:
    """One path as it is drawn.

    Attributes:
        label: what it is called: its rule, and its rate or start where a rule goes twice.
        points: [step + 1, 2].
        losses: [step + 1].
        style: its colour, dash and mark.
        diverged: the step that it could not take; None: it took all.
    """

    label: str
    points: NDArray[np.float64]
    losses: NDArray[np.float64]
    style: RuleStyle
    diverged: int | None = None

    @property
    def last(self) -> int:
        """The last step that it took."""
        return len(self.losses) - 1 if self.diverged is None else self.diverged - 1

    @property
    def name(self) -> str:
        """The label as Plotly shows it."""
        return plain(self.label)

    def coordinates(self) -> tuple[list[float], list[float]]:
        """x and y of the points that there are, to six digits: more cannot be seen."""
        x, y = self.points[: self.last + 1].T
        return short(x, 6), short(y, 6)


def tracks(paths: Paths | None, labels: Sequence[str] | None = None) -> list[Track]:
    """The paths as they are drawn.

    Args:
        paths: what `couloir.surfaces.paths.follow` returns; None: no path.
        labels: what to call each path; None: by its rule, and by what tells it from others of the rule.
    """
    if paths is None:
        return []
    runners = [runner.name for runner in paths.runners]
    names = _labels(paths.runners) if labels is None else labels
    twice = len(set(runners)) < len(runners)
    own = theme.rule_styles(runners)
    styles = [_spare_style(i) if twice else own[name] for i, name in enumerate(runners)]
    points, losses = np.asarray(paths.points, float), np.asarray(paths.losses, float)
    return [Track(*each) for each in zip(names, points, losses, styles, paths.diverged, strict=True)]


def _spare_style(number_: int) -> RuleStyle:
    colour, dash, symbol = (some[number_ % len(some)] for some in (SPARE, DASHES, SYMBOLS))
    return RuleStyle(theme.colour(colour), dash, symbol)


def _labels(runners: Sequence[Any]) -> list[str]:
    """Runners by name; with the rate and the start where those differ within one name."""
    found = []
    for runner in runners:
        alike = [other for other in runners if other.name == runner.name]
        text = str(runner.name)
        if len({other.learning_rate for other in alike}) > 1:
            text += f", rate {number(runner.learning_rate)}"
        if len({other.start for other in alike}) > 1 and runner.start is not None:
            text += f" from {point(runner.start)}"
        found.append(text)
    return found


def view(surface: Surface, drawn: Sequence[Track]) -> Surface:
    """The surface with the part of its domain that the paths are in, with some room around them.

    What lies outside the domain is left out, and neither side becomes shorter than a quarter of its own.
    """
    if not drawn:
        return surface
    # Only the lowest minimum belongs to every picture: the others are shown where paths come near them.
    lowest = np.reshape(surface.minima[:1], (-1, 2))
    found = np.concatenate([*(track.points[: track.last + 1] for track in drawn), lowest])
    sides = np.asarray(surface.domain)
    least, size = sides[:, 0], sides[:, 1] - sides[:, 0]
    share = np.clip((found - least) / size, 0, 1)
    low, high = share.min(axis=0), share.max(axis=0)
    room = np.maximum(0.18 * (high - low), (SMALLEST - (high - low)) / 2)
    low, high = np.clip(low - room, 0, 1), np.clip(high + room, 0, 1)
    (a, b), (c, d) = np.stack([least + low * size, least + high * size], axis=1).tolist()
    return dataclasses.replace(surface, domain=((a, b), (c, d)))


def add_path(figure: Figure, track: Track) -> None:
    """A path as a line, one point a step, and a mark at its end."""
    x, y = track.coordinates()
    add_trace(
        figure,
        x,
        y,
        track.name,
        line(track.style.colour, 2.5, track.style.dash),
        hover=f"{track.name}, step %{{pointNumber}}<br>(%{{x:.3~g}}, %{{y:.3~g}})<br>loss %{{customdata}}",
        customdata=[number(loss) for loss in track.losses[: len(x)]],
        legendgroup=track.name,
    )
    add_head(figure, track, x[-1], y[-1])


def add_head(figure: Figure, track: Track, x: float, y: float, **settings: Any) -> None:
    """The mark at the end of a line."""
    head = mark(track.style.colour, 11, track.style.symbol, (1.5, "paper"))
    add_trace(figure, [x], [y], track.name, marker=head, legendgroup=track.name, showlegend=False, **settings)


def ends_words(drawn: Sequence[Track]) -> str:
    """Where the paths end, the lowest first."""
    if not drawn:
        return ""
    steps = len(drawn[0].losses) - 1
    whole = sorted((t for t in drawn if t.diverged is None), key=lambda t: float(t.losses[-1]))
    lost = [f"{track.label} at step {track.diverged}" for track in drawn if track.diverged is not None]
    items = [f"{track.label} {number(float(track.losses[-1]))}" for track in whole]
    text = f"Loss after {count(steps, 'step')}: {joined(items, 12)}." if items else ""
    return f"{text} Diverged: {joined(lost)}.".strip() if lost else text
