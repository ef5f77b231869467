"""Whether a classifier's confidence is honest, before and after its temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from couloir import text as words
from couloir.figures import scores, theme
from couloir.figures.chart import Chart, new_figure
from couloir.figures.scores import TableRun
from couloir.text import number

if TYPE_CHECKING:
    import plotly.graph_objects as go


def reliability(run: TableRun) -> Chart:
    """How often the model is right against how sure it is, before and after temperature scaling, if any.

    On the dashed line confidence is honest; below it the model is too sure. The area of a point is its
    share of the rows.
    """
    title, calibration = "Is its confidence honest?", run.record.get("calibration")
    bins = _bins(calibration, "reliability")
    if not calibration or not bins:
        reason = "numbers are predicted, not classes" if run.record["data"]["task"] == "regression" else ""
        return Chart("calibration", title, f"Left out: {reason or 'the run holds no calibration'}.")
    figure = new_figure(title, "confidence", "share that is right", height=460)
    quiet = {"color": theme.colour("quiet"), "width": 1, "dash": "dash"}
    figure.add_scatter(x=[0, 1], y=[0, 1], name="honest", mode="lines", line=quiet, hoverinfo="skip")
    as_it_is = calibration.get("temperature") == 1
    _add_bins(figure, bins, "the model" if as_it_is else "before temperature", "right")
    after = [] if as_it_is else _bins(calibration, "reliability_scaled")
    if after:
        _add_bins(figure, after, "after temperature", "wrong")
    ends = [
        min(0.5, *(b["confidence"] for b in bins + after), *(b["accuracy"] for b in bins + after)) - 0.03,
        1.03,
    ]
    percent = {"range": ends, "tickformat": ".0%", "nticks": 6}
    figure.update_layout(xaxis=percent, yaxis=percent)
    listed = [
        f"{words.percent(b['accuracy'])} right where {words.percent(b['confidence'])} sure" for b in bins
    ]
    alt = f"Reliability diagram of {words.count(len(bins), 'bin')}: {words.joined(listed, 12)}."
    return Chart("calibration", title, _calibration_sentence(calibration), alt, figure)


def _bins(calibration: dict[str, Any] | None, key: str) -> list[dict[str, Any]]:
    """The bins that hold any rows; how many is called `count` or `samples`."""
    found = [{**b, "count": b.get("count", b.get("samples"))} for b in (calibration or {}).get(key) or []]
    return [
        b for b in found if b["count"] and scores.finite(b["confidence"]) and scores.finite(b["accuracy"])
    ]


def _add_bins(figure: go.Figure, bins: list[dict[str, Any]], name: str, role: str) -> None:
    total = sum(b["count"] for b in bins)
    figure.add_scatter(
        x=[b["confidence"] for b in bins],
        y=[b["accuracy"] for b in bins],
        customdata=[words.count(b["count"], "row") for b in bins],
        name=name,
        mode="lines+markers",
        line={"color": theme.colour(role), "width": 1.5},
        marker={
            "color": theme.colour(role),
            "size": [7 + 22 * (b["count"] / total) ** 0.5 for b in bins],
            "opacity": 0.75,
        },
        hovertemplate="%{x:.1%} sure, %{y:.1%} right<br>%{customdata}<extra></extra>",
    )


def _calibration_sentence(calibration: dict[str, Any]) -> str:
    warmth, error = calibration.get("temperature"), calibration.get("test_error")
    text_ = f"On the test part confidence is off by {words.percent(error)} on average "
    text_ += "(expected calibration error)."
    if not scores.finite(warmth) or warmth is None:
        return text_
    if warmth == 1:
        return text_ + " Validation does not tell that any temperature would serve better than none."
    direction = "too sure" if warmth > 1 else "too little sure"
    if abs(warmth - 1) < 0.05:
        text_ += f" A temperature of {number(warmth)}, found on validation, changes next to nothing."
    else:
        text_ += f" On validation it was {direction}: a temperature of {number(warmth)} serves best."
    scaled = calibration.get("test_error_scaled")
    if scaled is not None and error is not None:
        change = "brings the error down" if scaled < error else "does not help here: the error goes up"
        text_ += f" On the test part it {change} to {words.percent(scaled)}." if scaled != error else ""
    return text_
