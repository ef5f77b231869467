"""A race of update rules on a surface: the paths in motion with their losses, and what each rate came to."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from couloir import text as words
from couloir.figures import animation, theme
from couloir.figures.animation import Trail
from couloir.figures.chart import Chart, new_figure
from couloir.figures.surfaces import contours as surfaces
from couloir.figures.surfaces.contours import Track
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from couloir.surfaces.endings import Finish
    from couloir.surfaces.evaluation import Surface
    from couloir.surfaces.race import SurfaceRace, TriedRate

UPPER, LOWER = (0.36, 1.0), (0.0, 0.25)
"""Where the level lines and the losses stand in the figure, as shares of its height."""


def surface_race(race: SurfaceRace) -> Chart:
    """The paths of a race on the level lines, above their losses, both in motion.

    Args:
        race: what `couloir.surfaces.race.race` returns.
    """
    surface = dataclasses.replace(race.surface, minima=race.minima)
    drawn, title = surfaces.tracks(race.paths), f"Race: {surface.title}"
    figure = new_figure(title, surface.axes[0], surface.axes[1], height=760)
    trails = _draw(figure, surface, drawn)
    seen = surfaces.view(surface, drawn)
    layout = surfaces.room_above(3 if len(drawn) > 3 else 1)
    steps = len(drawn[0].losses) - 1
    figure.update_layout(
        margin=layout["margin"] | {"b": 150},
        title=layout["title"],
        xaxis=surfaces.side(seen, 0) | {"anchor": "y", "title": {"standoff": 4}},
        yaxis=surfaces.side(seen, 1) | {"domain": UPPER},
        xaxis2=_losses_side(steps),
        yaxis2=surfaces.losses_axis(surface, drawn, marks=4)
        | {"domain": LOWER, "anchor": "x2", "title": {"text": surfaces.losses_title(surface)}},
    )
    animation.animate(figure, trails, steps)
    alt = f"Level lines of {surface.title} with the path of each rule, above a line chart of the loss by "
    alt += f"step. {race_words(race)}"
    return Chart("race", title, race_words(race), alt, figure)


def _losses_side(steps: int) -> dict[str, Any]:
    return {"anchor": "y2", "range": [0, 1.02 * steps], "title": {"text": "step", "standoff": 4}}


def _draw(figure: go.Figure, surface: Surface, drawn: Sequence[Track]) -> list[Trail]:
    """Level lines, paths, losses and marks; what moves of them."""
    seen = surfaces.view(surface, drawn)
    found, heights = surfaces.gridded(seen)
    surfaces.add_levels(figure, found, heights, seen)
    figure.data[-1].colorbar.update(len=UPPER[1] - UPPER[0], y=UPPER[1], yanchor="top")
    animation.keep_levels(figure, surface.start)
    trails, spans = [], seen.size
    for track in drawn:
        first = len(figure.data)
        surfaces.add_path(figure, track)
        trails.append(Trail(first, first + 1, animation.told_apart(track.points[: track.last + 1], spans)))
    shown = animation.frame_steps(len(drawn[0].losses) - 1)
    for track in drawn:
        first = len(figure.data)
        surfaces.add_losses(figure, track, surface, legend=False, xaxis="x2", yaxis="y2")
        kept = sorted({min(step, track.last) for step in shown})
        trails.append(Trail(first, first + 1, kept))
    surfaces.add_marks(figure, seen, drawn)
    return trails


def race_losses(race: SurfaceRace) -> Chart:
    """Loss against step of each rule of a race, on its own."""
    return surfaces.path_losses(race.surface, race.paths)


# What happened, in words ----------------------------------------------------------------------------------


ENDINGS = (
    ("in a local minimum", "is in a local minimum", "are in local minima"),
    ("stuck at a saddle", "is stuck at a saddle", "are stuck at a saddle"),
    ("diverged", "diverged", "diverged"),
    ("on its way", "is still on its way", "are still on their way"),
)
"""How runners end that do not reach a goal: of one, of several."""


def race_words(race: SurfaceRace) -> str:
    """Who came first, who came later, who is stuck, who diverged and who is on its way."""
    steps = {each.name: _goal(each) for each in race.standing}
    reached = [(name, step) for name, step in steps.items() if step is not None]
    text = ""
    if reached:
        name, step = reached[0]
        goal = "arrive" if race.surface.bounded else "leave the saddle"
        opening = "Alone" if len(steps) == 1 else f"First to {goal}"
        text = f"{opening} is {name}, at step {step:,}"
        later = [f"{other} at {step:,}" for other, step in reached[1:]]
        text += f", then {words.joined(later, 12)}." if later else "."
    for ending, one, several in ENDINGS:
        names = [each.name for each in race.standing if each.ending == ending]
        if names:
            text += f" {words.joined(names, 12)} {one if len(names) == 1 else several}."
    if race.noise:
        text += f" All gradients carry noise of {number(race.noise)}."
    return text.strip()


def _goal(finish: Finish) -> int | None:
    """The step at which it arrived at a lowest minimum, or left the saddle."""
    return {"arrived": finish.arrived, "escaped": finish.escaped}.get(finish.ending)


# The response to the learning rate ------------------------------------------------------------------------


def race_response(race: SurfaceRace) -> Chart:
    """The loss after the last step against the learning rate, one line a rule; the rate that raced is marked.

    Rates at which a rule diverged have no point.
    """
    title, surface = "Loss at the end against the learning rate", race.surface
    if not race.tuning:
        return Chart("response", title, "The learning rates were not tuned: there is nothing to show.")
    figure = new_figure(title, "learning rate", surfaces.losses_title(surface), height=480)
    by_rule = _trials(race)
    for rule, found in by_rule.items():
        _add_response(figure, rule, found, surface.least or 0.0)
    figure.update_layout(
        xaxis=theme.powers(1),
        yaxis=theme.powers() if surface.least is not None else {},
        **surfaces.room_above(2),
    )
    sentence = _response_sentence(by_rule, surface.least or 0.0)
    alt = f"Line chart of the loss after {race.steps:,} steps against the learning rate. {sentence}"
    return Chart("response", title, sentence, alt, figure)


def _trials(race: SurfaceRace) -> dict[str, list[TriedRate]]:
    """What every tuned rule tried, by its name, the least rate first."""
    found: dict[str, list[TriedRate]] = {}
    for trial in sorted(race.tuning, key=lambda trial: trial.learning_rate):
        found.setdefault(trial.rule, []).append(trial)
    return {each.name: found[each.name] for each in race.runners if each.name in found}


def _add_response(figure: go.Figure, rule: str, found: list[TriedRate], least: float) -> None:
    style, name = theme.rule_style(rule), words.plain(rule)
    drawn = [trial for trial in found if trial.diverged is None]
    figure.add_scatter(
        x=[trial.learning_rate for trial in drawn],
        y=[_above(trial, least) for trial in drawn],
        mode="lines+markers",
        name=name,
        line={"color": style.colour, "width": 2, "dash": style.dash},
        marker={
            "color": style.colour,
            "symbol": style.symbol,
            "size": [14 if trial.chosen else 6 for trial in drawn],
            "opacity": 1,
            "line": {"width": 1, "color": theme.colour("paper")},
        },
        hovertemplate=f"{name} at rate %{{x:.3~g}}: %{{y:.3~g}}<extra></extra>",
    )


def _above(trial: TriedRate, least: float) -> float:
    return max(trial.loss - least, surfaces.DEEPEST) if least or trial.loss >= 0 else trial.loss


def _response_sentence(by_rule: dict[str, list[TriedRate]], least: float) -> str:
    """Over how wide a range of rates each rule comes within ten times its best loss above the least."""
    widths, lost = {}, []
    for rule, found in by_rule.items():
        drawn = [trial for trial in found if trial.diverged is None]
        if len(drawn) < len(found):
            lost.append(f"{rule} at {len(found) - len(drawn)} of {len(found)}")
        if drawn:
            best = min(_above(trial, least) for trial in drawn)
            near = [trial.learning_rate for trial in drawn if _above(trial, least) <= 10 * best]
            widths[rule] = max(near) / min(near)
    text = "The large mark is the rate that raced."
    if len(widths) > 1:
        widest, narrowest = max(widths, key=widths.__getitem__), min(widths, key=widths.__getitem__)
        text += " The rates that lead to within ten times the best loss span a factor of "
        text += f"{number(widths[widest], 2)} with {widest} and of {number(widths[narrowest], 2)} with "
        text += f"{narrowest}."
    return text + (f" Diverged: {words.joined(lost, 12)} rates." if lost else "")
