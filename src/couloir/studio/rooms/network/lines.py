"""The Python lines that give a training's numbers again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from couloir.engine.member import Member
from couloir.engine.rule import Rule
from couloir.studio.rooms.network.settings import TABLE, NetworkSettings
from couloir.studio.rooms.network.tables import PlaneTable

_WIDE = 100


def python_lines(settings: NetworkSettings, members: Sequence[Member], table: PlaneTable) -> str:
    """A script that trains all members that come from these settings again, on the rows of a table."""
    plain = Member(members[0].rule, members[0].learning_rate)
    base = _call("Member", _differing(members[0], plain, always=("rule", "learning_rate")))
    others = [_call("replace(base", _differing(member, members[0])) for member in members[1:]]
    return "\n".join(
        [
            *_imports(settings, bool(others)),
            "",
            *_data(settings, table),
            f"problem = prepare(data, Conditions(seed={settings.seed}, split={settings.split!r}))",
            f"base = {base}",
            *(["members = [", "    base,", *(f"    {line}," for line in others), "]"] if others else []),
            f"trained = train_population({'members' if others else '[base]'}, problem.data, "
            f"seed={settings.seed}, patience={settings.stop_after!r})",
            "for outcome in trained.outcomes:",
            "    print(outcome.status, outcome.best_epoch, outcome.score)",
            "",
        ]
    )


def _imports(settings: NetworkSettings, several: bool) -> list[str]:
    table = settings.data == TABLE
    return [
        *(["from dataclasses import replace", ""] if several or table else []),
        *(["import numpy as np", ""] if table else []),
        "from couloir.data.loading import load"
        if table
        else "from couloir.data.sources.planar import planar",
        "from couloir.engine.optimizers import RULES",
        "from couloir.selection.problem import Conditions, prepare",
        "from couloir.engine.member import Member",
        "from couloir.engine.training import train_population",
    ]


def _data(settings: NetworkSettings, table: PlaneTable) -> list[str]:
    if settings.data != TABLE:
        values = f"rows={settings.rows}, noise={settings.noise!r}, seed={settings.seed}"
        return [f"data = planar({settings.data!r}, {values})"]
    lines = [f"data = load({settings.table!r}, target={settings.target!r}, drop={table.unused!r})"]
    inputs = f"data.features[[{settings.x!r}, {settings.y!r}]].cast(float).fill_null(np.nan).to_numpy()"
    lines += [f"rows = np.flatnonzero(np.isfinite({inputs}).all(axis=1))"]
    if table.rows > settings.rows:
        draw = f"np.random.default_rng({settings.seed}).choice(rows, {settings.rows}, replace=False)"
        lines += [f"rows = np.sort({draw})"]
    return [*lines, "data = replace(data, features=data.rows(rows), target=data.target[rows])"]


def _differing(member: Member, other: Member, always: Sequence[str] = ()) -> dict[str, Any]:
    """The fields in which a member is not as another, and those that are always named."""
    found = {each.name: getattr(member, each.name) for each in fields(Member)}
    return {name: value for name, value in found.items() if name in always or value != getattr(other, name)}


def _call(start: str, values: dict[str, Any]) -> str:
    """A call with these words, over several lines where it is long."""
    words = [f"{name}={_shown(value)}" for name, value in values.items()]
    head = f"{start}(" if "(" not in start else f"{start}, " if words else start
    line = f"{head}{', '.join(words)})"
    if len(line) <= _WIDE or "(" in start:
        return line
    return "\n".join([head, *(f"    {word}," for word in words), ")"])


def _shown(value: Any) -> str:
    return f'RULES["{value.name}"]' if isinstance(value, Rule) else repr(value)
