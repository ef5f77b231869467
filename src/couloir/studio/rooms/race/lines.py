"""The Python lines that give a race's numbers again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from couloir.engine.optimizers import RULES
from couloir.studio.rooms.race.setup import RaceSetup, RuleSettings, Segment


def python_lines(setup: RaceSetup, steps: int, rules: Sequence[str]) -> str:
    """Python that runs so many steps of the setup for some rules, and prints how low each has come."""
    surface = setup.resolve()
    start = tuple(setup.start or surface.start)
    segments = [segment for segment in setup.segments(surface) if segment.first < steps]
    imports, shown = _surface_line(setup)
    ends = [segment.first for segment in segments[1:]] + [steps]
    noise = f", noise={segments[0].noise!r}" if segments[0].noise else ""
    seed = f", seed={setup.seed}" if setup.seed else ""
    lines = [
        *imports,
        f"from couloir.surfaces.paths import Runner, follow{', go_on' if len(segments) > 1 else ''}",
        "from couloir.engine.optimizers import RULES",
        "",
        f"start = {start}",
        "runners = [",
        *(f"    {_runner_line(name, segments[0].settings[name])}," for name in rules),
        "]",
        f"paths = follow({shown}, runners, {ends[0]}{noise}{seed})",
        *(_turn_line(*pair, end, rules) for pair, end in zip(pairwise(segments), ends[1:], strict=True)),
        "for runner, loss in zip(paths.runners, paths.losses[:, -1], strict=True):",
        '    print(f"{runner.rule.name:9} {loss:.6g}")',
    ]
    return "\n".join(lines) + "\n"


def _surface_line(setup: RaceSetup) -> tuple[list[str], str]:
    """What has to be imported for a surface, and the surface."""
    if setup.surface == "formula":
        text = f"from_formula({_quoted(setup.formula)}, {setup.sides})"
        return ["from couloir.surfaces.formulas import from_formula"], text
    if setup.surface == "ravine" and setup.condition != 50:
        return ["from couloir.surfaces.functions import ravine"], f"ravine({setup.condition!r})"
    return [], _quoted(setup.surface)


def _runner_line(name: str, settings: Mapping[str, float]) -> str:
    usual = {**RULES[name].defaults, "learning_rate": settings["learning_rate"]}
    hyper = {each: value for each, value in settings.items() if value != usual[each]}
    middle = f", {_quoted(hyper)}" if hyper else ""
    return f'Runner(RULES["{name}"], {settings["learning_rate"]!r}{middle}, start=start)'


def _turn_line(before: Segment, after: Segment, end: int, rules: Sequence[str]) -> str:
    turned: RuleSettings = {}
    for name in rules:
        old, new = before.settings[name], after.settings[name]
        own = {each: value for each, value in new.items() if value != old[each]}
        turned |= {name: own} if own else {}
    noise = f", noise={after.noise!r}" if after.noise != before.noise else ""
    changed = f", {_quoted(turned)}" if turned else ""
    return f"paths = go_on(paths, {end - after.first}{changed}{noise})"


def _quoted(value: Any) -> str:
    """Text, or a dictionary of numbers, as Python has it too."""
    return json.dumps(value, ensure_ascii=False)
