"""A surface race: the paths in motion with their losses, and what each rate came to."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from couloir.figures import animation, theme
from couloir.figures.animation import Trail
from couloir.figures.chart import Chart, Figure, new_figure, title_on_top
from couloir.figures.surfaces.contours import add_levels, add_marks, gridded, side
from couloir.figures.surfaces.losses import DEEPEST, add_losses, losses_axis, losses_title, path_losses
from couloir.figures.surfaces.tracks import Track, add_path, tracks, view
from couloir.figures.theme import RuleStyle
from couloir.figures.traces import BELOW, add_trace, line, mark, split, titled
from couloir.text import joined, number, plain

if TYPE_CHECKING:
    from couloir.surfaces.endings import Finish
    from couloir.surfaces.evaluation import Surface
    from couloir.surfaces.race import SurfaceRace, TriedRate

LOWER, UPPER = 0.25, 0.36
"""Where the losses end and the level lines begin in the figure, as shares of its height."""


def surface_race(race: SurfaceRace) -> Chart:
    """The paths of a surface race on the level lines, above their losses, both in motion.

    Args:
        race: what `couloir.surfaces.race.race` returns.
    """
    surface = dataclasses.replace(race.surface, minima=race.minima)
    drawn, title = tracks(race.paths), f"Race: {surface.title}"
    figure = new_figure(title, *surface.axes, height=760)
    seen = view(surface, drawn)
    trails = _draw(figure, surface, seen, drawn)
    steps = len(drawn[0].losses) - 1
    losses = losses_axis(surface, drawn, marks=4) | titled(losses_title(surface))
    step = {"range": [0, 1.02 * steps], "title": {"text": "step", "standoff": 4}}
    split(figure, step, losses, LOWER, UPPER)
    figure.update_layout(**title_on_top(3 if len(drawn) > 3 else 1))
    across = side(seen, 0) | {"anchor": "y", "title": {"standoff": 4}}
    figure.update_layout(margin={"b": 150}, xaxis=across, yaxis=side(seen, 1))
    animation.animate(figure, trails, steps)
    sentence = race_words(race)
    alt = f"Level lines of {surface.title} with the path of each rule, above a line chart of the loss by "
    return Chart("race", title, sentence, f"{alt}step. {sentence}", figure)


def _draw(figure: Figure, surface: Surface, seen: Surface, drawn: Sequence[Track]) -> list[Trail]:
    """Level lines, paths, losses and marks; what moves of them."""
    add_levels(figure, *gridded(seen), seen)
    figure.data[-1].colorbar.update(len=1 - UPPER, y=1.0, yanchor="top")
    animation.keep_levels(figure, surface.start)
    trails = []
    for track in drawn:
        first = len(figure.data)
        add_path(figure, track)
        kept = animation.told_apart(track.points[: track.last + 1], seen.size)
        trails.append(Trail(first, first + 1, kept))
    shown = animation.frame_steps(len(drawn[0].losses) - 1)
    for track in drawn:
        first = len(figure.data)
        add_losses(figure, track, surface, legend=False, **BELOW)
        trails.append(Trail(first, first + 1, sorted({min(step, track.last) for step in shown})))
    add_marks(figure, seen, drawn)
    return trails


def race_losses(race: SurfaceRace) -> Chart:
    """Loss against step of each rule of a surface race, on its own."""
    return path_losses(race.surface, race.paths)


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
    goals = {each.name: _goal(each) for each in race.standing}
    reached = [(name, step) for name, step in goals.items() if step is not None]
    text = ""
    if reached:
        name, step = reached[0]
        goal = "arrive" if race.surface.bounded else "leave the saddle"
        opening = "Alone" if len(goals) == 1 else f"First to {goal}"
        text = f"{opening} is {name}, at step {step:,}"
        later = [f"{other} at {step:,}" for other, step in reached[1:]]
        text += f", then {joined(later, 12)}." if later else "."
    for ending, one, several in ENDINGS:
        names = [each.name for each in race.standing if each.ending == ending]
        if names:
            text += f" {joined(names, 12)} {one if len(names) == 1 else several}."
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
    figure = new_figure(title, "learning rate", losses_title(surface), height=480)
    by_rule, styles = _tried(race), theme.rule_styles(each.name for each in race.runners)
    for rule, tried in by_rule.items():
        _add_response(figure, rule, tried, surface, styles[rule])
    heights = theme.powers() if surface.least is not None else {}
    figure.update_layout(xaxis=theme.powers(1), yaxis=heights, **title_on_top(2))
    sentence = _response_sentence(by_rule, surface)
    alt = f"Line chart of the loss after {race.steps:,} steps against the learning rate. {sentence}"
    return Chart("response", title, sentence, alt, figure)


def _tried(race: SurfaceRace) -> dict[str, list[TriedRate]]:
    """What every tuned rule tried, by its name, the least rate first."""
    found: dict[str, list[TriedRate]] = {each.name: [] for each in race.runners}
    for tried in sorted(race.tuning, key=lambda tried: tried.learning_rate):
        found[tried.rule].append(tried)
    return {rule: tried for rule, tried in found.items() if tried}


def _finished(tried: list[TriedRate], surface: Surface) -> list[tuple[TriedRate, float]]:
    """The rates that did not diverge, each with its loss above the least where one is known."""
    least = surface.least
    return [
        (each, each.loss if least is None else max(each.loss - least, DEEPEST))
        for each in tried
        if each.diverged is None
    ]


def _add_response(
    figure: Figure, rule: str, tried: list[TriedRate], surface: Surface, style: RuleStyle
) -> None:
    name, drawn = plain(rule), _finished(tried, surface)
    sizes = [14.0 if each.chosen else 6.0 for each, _ in drawn]
    add_trace(
        figure,
        [each.learning_rate for each, _ in drawn],
        [loss for _, loss in drawn],
        name,
        line(style.colour, 2, style.dash),
        mark(style.colour, sizes, style.symbol, (1, "paper"), opacity=1),
        f"{name} at rate %{{x:.3~g}}: %{{y:.3~g}}",
    )


def _response_sentence(by_rule: dict[str, list[TriedRate]], surface: Surface) -> str:
    """Over how wide a range of rates each rule comes within ten times its best loss above the least."""
    widths, lost = {}, []
    for rule, tried in by_rule.items():
        drawn = _finished(tried, surface)
        if len(drawn) < len(tried):
            lost.append(f"{rule} at {len(tried) - len(drawn)} of {len(tried)}")
        best = min((loss for _, loss in drawn), default=0.0)
        if best > 0:  # below 0 lie losses of which no least is known
            near = [each.learning_rate for each, loss in drawn if loss <= 10 * best]
            widths[rule] = max(near) / min(near)
    text = "The large mark is the rate that raced."
    if len(widths) > 1:
        widest, narrowest = max(widths, key=widths.__getitem__), min(widths, key=widths.__getitem__)
        text += " The rates that lead to within ten times the best loss span a factor of "
        text += f"{number(widths[widest], 2)} with {widest} and of {number(widths[narrowest], 2)} with "
        text += f"{narrowest}."
    return text + (f" Diverged: {joined(lost, 12)} rates." if lost else "")
