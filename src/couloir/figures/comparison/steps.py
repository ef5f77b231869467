"""A race of update rules: how many steps each needs to the target."""

from __future__ import annotations

from couloir import text as words
from couloir.figures import scores, theme
from couloir.figures.chart import Chart, Figure, new_figure
from couloir.figures.comparison.standing import note, rule_axis
from couloir.figures.scores import TableRun
from couloir.runs.records import RaceRecord
from couloir.runs.records.learned import Standing
from couloir.text import number


def race_steps(run: TableRun[RaceRecord]) -> Chart:
    """The median number of steps after which a rule reaches the target, over the replicates."""
    record, target, title = run.record, run.record.target, "Steps to the target"
    if target.value is None:
        return Chart("steps", title, "Left out: there is no target that half of the rules reach.")
    reached = {e.rule: e.steps_to_target for e in record.standing if e.steps_to_target is not None}
    goal = f"a validation {scores.metric_name(target.metric)} of {words.metric(target.metric, target.value)}"
    if not reached:
        why = f"Left out: no rule reaches the target, {goal}, in half of its replicates."
        return Chart("steps", title, why)
    order = sorted(record.standing, key=lambda e: (e.rule not in reached, reached.get(e.rule, 0.0)))
    figure = new_figure(title, "steps", "", height=120 + 34 * len(order))
    for place, entry in enumerate(order):
        if entry.rule in reached:
            _add_steps(figure, entry, place, record.replicates)
        else:
            note(figure, place, f"not reached ({entry.reached} of {record.replicates})")
    figure.update_layout(
        showlegend=False,
        bargap=0.35,
        # Room for the text beside the longest bar.
        xaxis={"range": [0, 1.55 * max(reached.values())]},
        yaxis=rule_axis([entry.rule for entry in order]),
    )
    listed = words.joined([f"{e.rule} {number(e.steps_to_target)}" for e in order[: len(reached)]], 12)
    alt = f"Bar chart of the median steps to the target, fewest first: {listed}."
    return Chart("steps", title, _steps_sentence(record, order, reached, goal), alt, figure)


def _add_steps(figure: Figure, entry: Standing, place: int, replicates: int) -> None:
    name = words.plain(entry.rule)
    share = f" ({entry.reached} of {replicates})" if entry.reached < replicates else ""
    figure.add_bar(
        x=[entry.steps_to_target],
        y=[place],
        name=name,
        orientation="h",
        text=[f"{number(entry.steps_to_target)}{share}"],
        textposition="outside",
        cliponaxis=False,
        marker={"color": theme.rule_style(entry.rule).colour},
        hovertemplate=f"{name}: %{{x:,.0f}} steps<br>{number(entry.seconds_to_target)} s<extra></extra>",
    )


def _steps_sentence(record: RaceRecord, order: list[Standing], reached: dict[str, float], goal: str) -> str:
    first, several = order[0], record.replicates > 1
    text = f"The target is what half of the rules reach, {goal}"
    text += f"{' on average over the replicates' if several else ''}. {first.rule} is there first, after "
    text += f"{number(first.steps_to_target)} steps"
    text += f" (median of {record.replicates} replicates)" if several else ""
    text += f", {number(first.seconds_to_target)}\u202fs"
    if len(reached) > 1:
        last = order[len(reached) - 1].rule
        fewest, most = min(reached.values()), reached[last]
        text += f"; {last} takes {number(most)}"
        text += f", {number(most / fewest, 2)} times as many" if most >= 1.05 * fewest else ""
    text += "."
    never = [entry.rule for entry in order[len(reached) :]]
    if never:
        verb = "does" if len(never) == 1 else "do"
        text += f" {words.joined(never)} {verb} not reach it in half of the replicates."
    return text
