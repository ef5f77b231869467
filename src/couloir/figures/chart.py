"""What a drawing function returns: a Plotly figure and the words that belong to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from couloir.figures import theme

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import polars as pl

    from couloir.runs.records import Record

Figure: TypeAlias = "go.Figure"
"""A figure of Plotly, which takes long to import: it is imported where one is made."""
Row: TypeAlias = dict[str, Any]
"""One row of a table."""
R = TypeVar("R", bound="Record", covariant=True)
"""The kind of record that a run has."""


class Run(Protocol[R]):
    """What the figures read of a run, as `couloir.runs.stored.StoredRun` has it: run.json and the tables."""

    @property
    def record(self) -> R:
        """The content of run.json."""

    @property
    def history(self) -> pl.DataFrame:
        """One row per member and epoch."""

    @property
    def leaderboard(self) -> pl.DataFrame:
        """One row per member, best first."""

    @property
    def predictions(self) -> pl.DataFrame:
        """The winner's predictions of the validation rows."""


@dataclass(frozen=True)
class Chart:
    """A figure with its words; in a notebook it shows as the figure.

    Attributes:
        name: a short name in lower case, for links and files.
        title: what the figure shows.
        sentence: what to see in it, computed from its numbers; where there is no figure, why not.
        alt: the figure in words, for those who cannot see it.
        figure: the drawing, in light colours; None where there is nothing to draw.
    """

    name: str
    title: str
    sentence: str
    alt: str = ""
    figure: go.Figure | None = None

    def _repr_mimebundle_(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        if self.figure is None:
            return {"text/plain": f"{self.title}: {self.sentence}"}
        return self.figure._repr_mimebundle_(*arguments, **options)


def new_figure(title: str, x: str, y: str, height: int = 420) -> go.Figure:
    """An empty figure in the theme, with its title and the titles of its axes."""
    import plotly.graph_objects as go

    return go.Figure(
        layout={
            "template": theme.template(),
            "title": {"text": title},
            "xaxis": {"title": {"text": x}},
            "yaxis": {"title": {"text": y}},
            "height": height,
        }
    )


def title_on_top(lines: int) -> dict[str, Any]:
    """Settings of the layout that keep the title off a legend of so many lines.

    On a phone every entry of a legend has a line of its own.
    """
    title = {"y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 18}}
    return {"margin": {"t": 46 + 24 * lines}, "title": title}


def logarithmic_where_wide(values: list[float], ratio: float = 5.0, fine: float = 150.0) -> dict[str, Any]:
    """Axis settings: logarithmic where positive values span more than the ratio, linear otherwise.

    Ticks stand at 1, 2, 5, 10 … up to the span `fine`, at powers of ten beyond it.
    """
    if values and min(values) > 0 and max(values) / min(values) > ratio:
        step = "D2" if max(values) / min(values) < fine else 1
        return {"type": "log", "dtick": step, "tickformat": ",.3~r"}
    return {"type": "linear"}
