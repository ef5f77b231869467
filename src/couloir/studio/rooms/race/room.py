"""The race room: update rules down a surface, every knob live while they run.

Every question names the whole race, its `RaceSetup`; what has been run for it before is kept.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from couloir.engine.optimizers import RULES
from couloir.errors import InputError
from couloir.studio import asking
from couloir.studio.rooms.base import Context, Room
from couloir.studio.rooms.race.lines import python_lines
from couloir.studio.rooms.race.running import RunningRace, lost_as_nan
from couloir.studio.rooms.race.setup import LONGEST, MOST_TUNED, RaceSetup, SurfaceChoice, first_settings
from couloir.studio.rooms.race.surface import least_known, surface_arrays, surface_values
from couloir.studio.wire import Answer
from couloir.surfaces.endings import ENDINGS, endings_along
from couloir.surfaces.functions import SURFACES
from couloir.surfaces.microscope import Microscope, magnify
from couloir.surfaces.paths import Paths
from couloir.surfaces.race import RATES, SurfaceRace, race

MOST = 256
"""Steps of one answer."""

MAGNIFIED = 64
"""Steps under the microscope in one answer."""

ARROW = 0.1
"""An arrow under the microscope is drawn at least so long, as a share of the domain's longer side."""

First = Annotated[int, asking.whole(0, LONGEST)]
Steps = Annotated[int, asking.whole(1, MOST)]
Magnified = Annotated[int, asking.whole(1, MAGNIFIED)]
RuleName = Annotated[str, asking.choice(tuple(RULES))]
RuleNames = Annotated[tuple[str, ...], asking.several(asking.choice(tuple(RULES)), 1, len(RULES))]


class RaceRoom(Room):
    """Its questions, and the race as far as it has been run."""

    def __init__(self, context: Context) -> None:
        """A room before the first question."""
        super().__init__(context)
        self.running = RunningRace()

    def ask_surfaces(self) -> Answer:
        """The surfaces there are."""
        titles = {name: surface.title for name, surface in SURFACES.items()} | {"ravine": "Ravine"}
        return Answer({"surfaces": list(titles.items())})

    def ask_surface(self, choice: SurfaceChoice) -> Answer:
        """A surface to be drawn, and the settings that a race on it begins with."""
        surface = choice.resolve()
        first = {"settings": first_settings(surface), "endings": ENDINGS, "longest": LONGEST}
        return Answer({**surface_values(surface), **first}, surface_arrays(surface))

    def ask_advance(self, setup: RaceSetup, first: First, steps: Steps) -> Answer:
        """Where all rules are from step ``first`` on, and how each would be said to have ended there."""
        last = min(first + steps, LONGEST)
        paths = self.running.run(setup, last).until(last)
        least = least_known(paths.surface)
        endings, minima = endings_along(paths, paths.surface.minima, first)
        above = lost_as_nan(paths, paths.losses[:, first:], first)
        if least is not None:
            above = np.maximum(above - least, 0.0)
        return Answer(
            {"first": first, "last": last},
            {
                "points": lost_as_nan(paths, paths.points[:, first:], first),
                "above": above,
                "endings": endings.astype(np.uint8),
                "minima": minima.astype(np.int32),
            },
        )

    def ask_microscope(self, setup: RaceSetup, rule: RuleName, first: First, steps: Magnified) -> Answer:
        """Some steps of a rule after ``first`` with every number they used; none once it has diverged."""
        last = min(first + steps, LONGEST)
        paths, runner = self.running.run(setup, last), list(RULES).index(rule)
        lost = paths.diverged[runner]
        if lost is not None:
            last = min(last, lost - 1)
        told = [_told(magnify(paths, runner, step), paths) for step in range(first + 1, last + 1)]
        return Answer({"equation": RULES[rule].equation, "steps": told})

    def ask_tune(self, setup: RaceSetup, steps: Annotated[int, asking.whole(1, MOST_TUNED)]) -> Answer:
        """The best learning rate of every rule on so many steps for each, and what each rate led to."""
        surface = setup.resolve()
        segment = setup.segments(surface)[0]
        others = {
            name: {each: value for each, value in own.items() if each != "learning_rate"}
            for name, own in segment.settings.items()
        }
        start = surface.start if setup.start is None else setup.start
        raced = race(surface, None, steps, start=start, noise=segment.noise, seed=setup.seed, hyper=others)
        if not raced.tuning:
            raise InputError(raced.notes[-1])
        return _tuned(raced)

    def ask_code(
        self, setup: RaceSetup, steps: Annotated[int, asking.whole(1, LONGEST)], rules: RuleNames
    ) -> Answer:
        """The Python lines that run so many steps of the race for some rules."""
        return Answer({"code": python_lines(setup, steps, rules)})


def _told(seen: Microscope, paths: Paths) -> dict[str, Any]:
    """One step's numbers as plain JSON, with arrows: the change, and as long a step straight downhill."""
    change, gradient = np.array(seen.change), np.array(seen.gradient)
    length, steepness = float(np.linalg.norm(change)), float(np.linalg.norm(gradient))
    enlarged = _enlarged(length, ARROW * max(paths.surface.size))
    downhill = -gradient * (length / steepness) if steepness > 0 else np.zeros(2)
    return {
        "step": seen.step,
        "point": seen.point,
        "gradient": seen.gradient,
        "change": seen.change,
        "next": seen.next_point,
        "loss": seen.loss,
        "next_loss": seen.next_loss,
        "settings": seen.hyper,
        "rows": [[row.symbol, row.meaning, *row.value] for row in seen.rows],
        "formula": seen.formula,
        "arrows": {"enlarged": enlarged, "change": change * enlarged, "downhill": downhill * enlarged},
    }


def _enlarged(length: float, wanted: float) -> float:
    """The first of 1, 2, 5, 10, 20, … that makes a length as long as wanted; 1 where there is no length."""
    factors = (base * 10.0**power for power in range(300) for base in (1, 2, 5))
    return next((factor for factor in factors if length * factor >= wanted), 1.0)


def _tuned(raced: SurfaceRace) -> Answer:
    """Chosen rates, and for every rule that was tuned the loss at its end for each rate; NaN: it diverged."""
    least = least_known(raced.surface) or 0.0
    tuned = list(dict.fromkeys(trial.rule for trial in raced.tuning))
    losses = np.array([[trial.loss for trial in raced.tuning if trial.rule == rule] for rule in tuned])
    return Answer(
        {
            "rules": tuned,
            "chosen": {each.name: each.learning_rate for each in raced.runners},
            "notes": raced.notes,
            "start_loss": float(raced.paths.losses[0, 0]) - least,
            "steps": raced.steps,
        },
        {"rates": np.array(RATES), "above": np.where(np.isfinite(losses), losses - least, np.nan)},
    )
