"""The page of a surface race: its figures, sentences and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from couloir import text as words
from couloir.figures import Chart
from couloir.figures.surfaces.bowl import bowl
from couloir.figures.surfaces.losses import losses_title
from couloir.figures.surfaces.microscope import microscope, microscope_words
from couloir.figures.surfaces.race import race_response, race_words, surface_race
from couloir.report import summary
from couloir.report.tables import row
from couloir.text import count, number, point

if TYPE_CHECKING:
    from couloir.runs.records import SurfaceRecord
    from couloir.surfaces.endings import Finish
    from couloir.surfaces.microscope import Microscope
    from couloir.surfaces.race import SurfaceRace

LOOKED_AT = (1, 2, 5, 10, 20, 50)
"""The steps under the microscope, of those that were run."""
FIRST_LOOK = 5


class SurfaceRun(Protocol):
    """What the page reads: run.json, and the race itself."""

    record: SurfaceRecord
    race: SurfaceRace


def charts(run: SurfaceRun) -> list[Chart]:
    """The figures of the page; those of the microscope are shown one at a time."""
    race = run.race
    return [
        surface_race(race),
        bowl(race.surface, race.paths),
        race_response(race),
        *(microscope(step) for _, _, step in _looks(race) if step is not None),
    ]


def _looks(race: SurfaceRace) -> list[tuple[str, int, Microscope | None]]:
    """Rule, step and its numbers, of every rule and step on the page; None where it had diverged."""
    from couloir.surfaces.microscope import magnify

    found = []
    for place, finish in enumerate(race.runners):
        for step in looked_at(race):
            taken = finish.diverged is None or step < finish.diverged
            found.append((finish.name, step, magnify(race.paths, place, step) if taken else None))
    return found


def looked_at(race: SurfaceRace) -> list[int]:
    """The steps under the microscope."""
    return [step for step in LOOKED_AT if step <= race.steps]


# Sentences ------------------------------------------------------------------------------------------------


def summarise(run: SurfaceRun) -> dict[str, Any]:
    """Every sentence and fact of the page that is not a table or a figure."""
    race, record = run.race, run.record
    return summary.frame(record) | {
        "name": race.surface.title,
        "status": "",
        "lead": f"{_opening(race)} {race_words(race)}",
        "facts": _facts(race, record),
        "warnings": _warnings(race),
        "floor": race.surface.least is not None,
        "verdicts": [finish.sentence for finish in race.standing],
        "surface": _surface_facts(race),
        "method": _method(race),
        "code": record.code,
    }


def _opening(race: SurfaceRace) -> str:
    different = len({finish.rule for finish in race.runners})
    text = count(different, "update rule")
    if different < len(race.runners):
        text = f"{count(len(race.runners), 'runner')} under {text}"
    text = f"{text} {'goes' if len(race.runners) == 1 else 'race'} down from {point(race.start)} "
    return text + f"for {count(race.steps, 'step')}, {_rates_words(race)}."


def _rates_words(race: SurfaceRace) -> str:
    if race.tuning:
        return "each tuned rule at the best of the same learning rates"
    return "at learning rates that are " + ("given" if race.surface.bounded else "stated")


def _facts(race: SurfaceRace, record: SurfaceRecord) -> list[tuple[str, str, str]]:
    first = race.standing[0]
    reached = [f for f in race.runners if f.ending in ("arrived", "escaped")]
    verb = "Arrived" if race.surface.bounded else "Left the saddle"
    tried = f"{len(race.tuning):,} of them to tune the rates" if race.tuning else ""
    facts = [
        ("First", first.name, f"learning rate {number(first.learning_rate)}"),
        (verb, f"{len(reached)} of {len(race.runners)}", f"within {count(race.steps, 'step')}"),
        ("Descents", f"{len(race.tuning) + len(race.runners):,}", tried),
        ("Time", f"{number(record.seconds['total'])}\u202fs", ""),
    ]
    return facts if reached else facts[1:]


def _warnings(race: SurfaceRace) -> list[str]:
    edge = [f"{f.name} ({number(f.learning_rate)})" for f in race.runners if f.at_edge]
    if not edge:
        return []
    text = f"The best learning rate is at an end of those tried with {words.joined(edge, 12)}: "
    return [text + "a rate beyond may be better."]


def _surface_facts(race: SurfaceRace) -> list[tuple[str, str]]:
    surface = race.surface
    (a, b), (c, d) = surface.domain
    x, y = surface.axes
    facts = [
        ("function", surface.equation or surface.name),
        ("domain", f"{x} from {number(a)} to {number(b)}, {y} from {number(c)} to {number(d)}"),
        ("start", point(race.start)),
        ("minima", "; ".join(point(m) for m in race.minima[:6]) or "none is known"),
        ("least loss", number(surface.least, 5) if surface.least is not None else "none"),
    ]
    if len(race.minima) > 6:
        facts[3] = ("minima", f"{len(race.minima)}, the lowest at {point(race.minima[0])}")
    noise = f"standard deviation {number(race.noise)}, seed {race.seed}" if race.noise else "none"
    return [*facts, ("gradient noise", noise), ("source", surface.source or "–")]


def _method(race: SurfaceRace) -> list[str]:
    """How the race was run and what its words mean, in paragraphs."""
    from couloir.surfaces.endings import NEAR, SMALL
    from couloir.surfaces.paths import REACH

    text = "All rules begin at the same point and take the same number of steps, one gradient each, in "
    text += "double precision."
    if race.noise:
        text += f" Normal noise of standard deviation {number(race.noise)} is added to both coordinates of "
        text += "every gradient, at each step the same for all rules."
    end = f"it has diverged where its next point would be no number, or further off than {number(REACH)} "
    end += "times the larger side of the domain."
    stuck = f"the gradient is below {words.share(SMALL)} of its median over the domain while the "
    stuck += "Hessian's least eigenvalue is negative, so that the loss curves downwards along one direction, "
    stuck += "and a flat point is near by Newton's step"
    if race.surface.bounded:
        near = f"A rule has arrived at the step from which on it stays within {words.share(NEAR)} of the "
        near += f"domain's sides of a lowest minimum; it is stuck at a saddle where {stuck}; {end}"
        return [text, " ".join(race.notes), near]
    near = "The surface goes down for ever along y, so there is nowhere to arrive: a rule has left the "
    near += "saddle at the first step with |y| > 1. At a start with y = 0 the gradient has no part along y, "
    near += "and without noise every rule stays on the ridge for ever. A rule is stuck where "
    near += f"{stuck}; {end}"
    return [text, " ".join(race.notes), near]


# Tables ---------------------------------------------------------------------------------------------------


def tabulate(run: SurfaceRun) -> dict[str, Any]:
    """The standing, and the numbers of every step under the microscope."""
    race = run.race
    looks = [_look(race, name, step, found) for name, step, found in _looks(race)]
    return {
        "standing": standing(race),
        "looks": looks,
        "first": _first_look(race, looks),
        "rules": [finish.name for finish in race.runners],
        "steps": looked_at(race),
    }


def standing(race: SurfaceRace) -> dict[str, Any]:
    """One row a rule, the best first: heads and rows as text."""
    last = "loss at the end" if losses_title(race.surface) == "loss" else "above the least loss"
    heads = ["rule", "learning rate", "which is", "ended", "at step", last, "gradient"]
    least = race.surface.least or 0.0
    items = []
    for finish in race.standing:
        rate = number(finish.learning_rate) + ("*" if finish.at_edge else "")
        end = [_step(finish), number(float(finish.losses[-1]) - least), number(finish.gradient)]
        cells = [finish.name, rate, rate_words(race, finish), finish.ending, *end]
        items.append(row(cells, True, finish.ending == "diverged"))
    return {"heads": heads, "items_": items}


def rate_words(race: SurfaceRace, finish: Finish) -> str:
    """Where a rule's rate comes from."""
    from couloir.surfaces.race import SADDLE_RATES, UNTUNED

    if finish.tuned:
        return "tuned"
    if finish.rule in UNTUNED and finish.learning_rate == 1.0:
        return "the rule's own"
    stated = not race.surface.bounded and SADDLE_RATES.get(finish.rule) == finish.learning_rate
    return "stated" if stated else "given"


def _step(finish: Finish) -> str:
    arrived = {"arrived": finish.arrived, "in a local minimum": finish.arrived}
    step = (arrived | {"escaped": finish.escaped, "diverged": finish.diverged}).get(finish.ending)
    return "–" if step is None else f"{step:,}"


def _look(race: SurfaceRace, name: str, step: int, found: Microscope | None) -> dict[str, Any]:
    """One step under the microscope as text."""
    key = f"microscope-{name}-{step}"
    if found is None:
        sentence = f"{name} had diverged by step {step:,}."
        return {"key": key, "sentence": sentence, "alt": sentence, "items_": [], "formula": []}
    sentence = microscope_words(found)
    cells = [
        row([each.symbol, each.meaning, *(number(value, 4) for value in each.value)]) for each in found.rows
    ]
    return {
        "key": key,
        "sentence": sentence,
        "alt": f"Level lines with arrows. {sentence}",
        "heads": ["", "what it is", *(f"along {axis}" for axis in race.surface.axes)],
        "items_": cells,
        "formula": list(found.formula),
        "rule": found.rule.name,
        "equation": found.rule.equation,
    }


def _first_look(race: SurfaceRace, looks: list[dict[str, Any]]) -> str:
    """Which step is shown first: one of the best rule, when it has a past to remember."""
    step = max(step for step in looked_at(race) if step <= FIRST_LOOK)
    wanted = f"microscope-{race.standing[0].name}-{step}"
    drawn = [look["key"] for look in looks if look["formula"]] or [looks[0]["key"]]
    return wanted if wanted in drawn else str(drawn[0])
