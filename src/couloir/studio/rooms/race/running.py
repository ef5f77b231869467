"""The running of a race: what has been run is kept, and a turned knob costs the steps after it alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from couloir.engine.optimizers import RULES
from couloir.studio.rooms.race.setup import LONGEST, RaceSetup, RuleSettings, Segment
from couloir.surfaces.evaluation import Point
from couloir.surfaces.paths import Paths, Runner, begin, go_on


class RunningRace:
    """A race as far as it has been run."""

    def __init__(self) -> None:
        """Nothing has been run."""
        self._key: Any = None
        self._segments: list[Segment] = []
        self._paths: Paths | None = None

    def run(self, setup: RaceSetup, steps: int) -> Paths:
        """The paths of a setup, at least so many steps of them.

        What was run before is kept as far as it belongs to this setup too. A path that is longer already is
        given as it is.

        Raises:
            InputError: the formula is none, or the start does not lie on the surface.
        """
        surface = setup.resolve()
        key, segments = (surface, setup.start, setup.seed), setup.segments(surface)
        paths = self._kept(key, segments)
        if paths is None:
            paths = begin(surface, runners(setup.start, segments[0].settings), seed=setup.seed)
        ends = [segment.first for segment in segments[1:]] + [steps]
        for segment, end in zip(segments, ends, strict=True):
            wanted = min(end, steps) - paths.steps
            if wanted > 0:
                paths = go_on(paths, wanted, segment.settings, noise=segment.noise)
        self._key, self._segments, self._paths = key, segments, paths
        return paths

    def _kept(self, key: Any, segments: Sequence[Segment]) -> Paths | None:
        """What has been run and is the same in a setup of these segments; None: nothing."""
        if self._paths is None or key != self._key:
            return None
        same = _agreement(self._segments, segments)
        return self._paths.until(min(same, self._paths.steps))


def _agreement(some: Sequence[Segment], others: Sequence[Segment]) -> int:
    """Up to which step two setups are the same."""
    edges = sorted({segment.first for segment in (*some, *others)})
    for edge in edges:
        one, other = _at(edge, some), _at(edge, others)
        if (one.settings, one.noise) != (other.settings, other.noise):
            return edge
    return LONGEST


def _at(step: int, segments: Sequence[Segment]) -> Segment:
    """What holds after a step."""
    return next(segment for segment in reversed(segments) if segment.first <= step)


def runners(start: Point | None, settings: RuleSettings) -> list[Runner]:
    """The eight rules with their settings."""
    made = []
    for name, rule in RULES.items():
        hyper = dict(settings[name])
        made.append(Runner(rule, hyper.pop("learning_rate"), hyper, start))
    return made


def lost_as_nan(paths: Paths, values: np.ndarray, first: int) -> np.ndarray:
    """Values [runner, step from ``first`` on, …] with NaN from the step on that a runner could not take."""
    told = values.copy()
    for runner, lost in enumerate(paths.diverged):
        if lost is not None:
            told[runner, max(lost - first, 0) :] = np.nan
    return told
