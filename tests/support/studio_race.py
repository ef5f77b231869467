"""Races as the engine runs them, for the tests of the room that shows them."""

from __future__ import annotations

from couloir.studio.rooms.race.running import runners
from couloir.studio.rooms.race.setup import first_settings
from couloir.surfaces import functions
from couloir.surfaces.evaluation import Point, Surface
from couloir.surfaces.paths import Paths, follow, go_on

Segment = tuple[int, dict[str, dict[str, float]], float]
"""Steps, settings that are changed before them, and the noise."""


def engine(
    surface: str | Surface, segments: list[Segment], start: Point | None = None, seed: int = 0
) -> Paths:
    """The engine's own paths of all rules: one segment after another."""
    own = functions.surface(surface)
    (steps, changed, noise), *others = segments
    racers = [
        runner.changed(changed.get(runner.rule.name, {})) for runner in runners(start, first_settings(own))
    ]
    paths = follow(own, racers, steps, noise=noise, seed=seed)
    for steps, changed, noise in others:
        paths = go_on(paths, steps, changed, noise=noise)
    return paths
