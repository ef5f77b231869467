"""Numbers and names as a reader wants them: three significant digits, no 1e-05, thousands with a comma."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from typing import Any

METRIC_NAMES = {
    "log_loss": "log loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "r2": "R²",
}
LOSS_NAMES = {
    "cross_entropy": "cross-entropy",
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "huber": "Huber",
}
SHARES = ("accuracy", "balanced_accuracy")

NEAREST = "(the nearest rows)"
"""What stands for them where columns are named (`couloir.data.encodings.neighbours`)."""

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def superscript(exponent: int | str) -> str:
    """An exponent as it stands above the line: ⁻⁷."""
    return str(exponent).translate(_RAISED)


def subscript(index: int) -> str:
    """An index as it stands below the line: ₁₂."""
    return str(index).translate(_LOWERED)


def number(value: float | None, digits: int = 3, missing: str = "–") -> str:
    """A number with so many significant digits: 0.0712, −1,257, 4.1×10⁻⁷, ∞; `missing` for none."""
    if value is None or math.isnan(value):
        return missing
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    exponent = int(power)
    if exponent < -4 or exponent >= 9:
        text = f"{_trimmed(mantissa)}×10{superscript(exponent)}"
    else:
        text = _trimmed(f"{value:,.{max(0, digits - 1 - exponent)}f}")
    return text.replace("-", "−", 1) if text.startswith("-") else text


def _trimmed(text: str) -> str:
    """Digits without the zeros that end a fraction."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def point(values: Iterable[float], digits: int = 3) -> str:
    """A point or a vector: (3, −0.5). Thousands have no comma there: it would pass for the one between."""
    shown = (number(float(value), digits, "not a number").replace(",", "") for value in values)
    return f"({', '.join(shown)})"


def count(value: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: "1 row", "1,257 rows"."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def percent(share: float | None) -> str:
    """A share of one in per cent, with one decimal: 97.8 %."""
    if share is None or math.isnan(share):
        return "–"
    return f"{100 * share:.1f}\u202f%"


def share(value: float) -> str:
    """A share of one in a sentence: 97.8 %, and 40 % where it is that; in columns `percent` aligns them."""
    whole = round(100 * value)
    return f"{whole}\u202f%" if math.isclose(100 * value, whole, abs_tol=1e-9) else percent(value)


def short_metric(name: str) -> str:
    """A metric's name for the head of a column."""
    return {"mse": "MSE", "mae": "MAE", "balanced_accuracy": "balanced"}.get(name, METRIC_NAMES[name])


def metric(name: str, value: float | None) -> str:
    """The value of a metric, as a percentage where it is a share, without its name."""
    return percent(value) if name in SHARES else number(value)


def size(count: float) -> str:
    """A number of bytes: 312 kB, 1.4 MB."""
    for unit, power in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= power:
            return f"{number(count / power, 2 if count < 100 * power else 3)}\u202f{unit}"
    return f"{count:.0f}\u202fbytes"


def setting(value: Any) -> str:
    """The value of a hyperparameter."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return "–" if value is None else short(LOSS_NAMES.get(value, str(value).replace("_", " ")))


def heading(text: str) -> str:
    """A name as it begins a line: with a capital, where its first letter is not a symbol."""
    return text[0].upper() + text[1:] if text[0].isascii() else text


def joined(items: list[str], limit: int = 6) -> str:
    """A list in words: "a, b and c"; what exceeds the limit is counted."""
    if len(items) > limit:
        items = [*items[: limit - 1], f"{len(items) - limit + 1} others"]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else "none"


def short(text: object, limit: int = 40) -> str:
    """Text from the data as it is, cut where it is endless; not fit for markup until escaped."""
    shown = str(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def plain(text: object, limit: int = 40) -> str:
    """Text from the data for a Plotly label, which reads markup: shown as it is, cut where it is endless."""
    return html.escape(short(text, limit), quote=False)


def one_line(value: object) -> str:
    """A value as text without line breaks and other characters that cannot be seen."""
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def quoted(value: object) -> str:
    """A value as it is shown in a sentence: in quotes, on one line, cut at 40 characters."""
    text = one_line(value)
    return f"'{text[:37]}...'" if len(text) > 40 else f"'{text}'"
