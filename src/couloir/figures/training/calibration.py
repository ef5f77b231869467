"""Whether a classifier's confidence is honest, before and after its temperature."""

from __future__ import annotations

from collections.abc import Sequence

from couloir import text as words
from couloir.figures import theme
from couloir.figures.chart import Chart, Figure, new_figure
from couloir.figures.scores import TableRun
from couloir.figures.traces import add_trace, line
from couloir.runs.records import LearnedRecord
from couloir.runs.records.learned import Bin, Calibration
from couloir.text import number


def reliability(run: TableRun[LearnedRecord]) -> Chart:
    """How often the model is right against how sure it is, before and after temperature scaling, if any.

    On the dashed line confidence is honest; below it the model is too sure. The area of a point is its
    share of the rows.
    """
    title, calibration = "Is its confidence honest?", run.record.calibration
    if calibration is None:
        classes = run.record.data.is_classification
        reason = "the run holds no calibration" if classes else "numbers are predicted, not classes"
        return Chart("calibration", title, f"Left out: {reason}.")
    figure = new_figure(title, "confidence", "share that is right", height=460)
    add_trace(figure, [0, 1], [0, 1], "honest", line("quiet", 1, "dash"))
    as_it_is, bins = calibration.temperature == 1, calibration.reliability
    _add_bins(figure, bins, "the model" if as_it_is else "before temperature", "right")
    after = [] if as_it_is else calibration.reliability_scaled
    if after:
        _add_bins(figure, after, "after temperature", "wrong")
    ends = [min(0.5, *(min(b.confidence, b.accuracy) for b in bins + after)) - 0.03, 1.03]
    percent = {"range": ends, "tickformat": ".0%", "nticks": 6}
    figure.update_layout(xaxis=percent, yaxis=percent)
    listed = [f"{words.percent(b.accuracy)} right where {words.percent(b.confidence)} sure" for b in bins]
    alt = f"Reliability diagram of {words.count(len(bins), 'bin')}: {words.joined(listed, 12)}."
    return Chart("calibration", title, _calibration_sentence(calibration), alt, figure)


def _add_bins(figure: Figure, bins: Sequence[Bin], name: str, role: str) -> None:
    total = sum(b.count for b in bins)
    sizes = [7 + 22 * (b.count / total) ** 0.5 for b in bins]
    figure.add_scatter(
        x=[b.confidence for b in bins],
        y=[b.accuracy for b in bins],
        customdata=[words.count(b.count, "row") for b in bins],
        name=name,
        mode="lines+markers",
        line={"color": theme.colour(role), "width": 1.5},
        marker={"color": theme.colour(role), "size": sizes, "opacity": 0.75},
        hovertemplate="%{x:.1%} sure, %{y:.1%} right<br>%{customdata}<extra></extra>",
    )


def _calibration_sentence(calibration: Calibration) -> str:
    warmth, error, scaled = calibration.temperature, calibration.test_error, calibration.test_error_scaled
    text_ = f"On the test part confidence is off by {words.percent(error)} on average "
    text_ += "(expected calibration error)."
    if warmth == 1:
        return text_ + " Validation does not tell that any temperature would serve better than none."
    direction = "too sure" if warmth > 1 else "too little sure"
    if abs(warmth - 1) < 0.05:
        text_ += f" A temperature of {number(warmth)}, found on validation, changes next to nothing."
    else:
        text_ += f" On validation it was {direction}: a temperature of {number(warmth)} serves best."
    if scaled != error:
        change = "brings the error down" if scaled < error else "does not help here: the error goes up"
        text_ += f" On the test part it {change} to {words.percent(scaled)}."
    return text_
