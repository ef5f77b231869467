"""Numbers and points in the sentences that the computations write: short, with true minus signs."""

from __future__ import annotations

import math
from collections.abc import Sequence

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits: 0.0712, −1,257, 4.1×10⁻⁷, ∞."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    if exponent < -4 or exponent >= 9:
        mantissa = f"{value:.{digits - 1}e}".partition("e")[0]
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa}×10{str(exponent).translate(_RAISED)}"
    else:
        text = f"{value:,.{max(0, digits - 1 - exponent)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−", 1) if text.startswith("-") else text


def point(values: Sequence[float], digits: int = 3) -> str:
    """A point or a vector: (3, −0.5). Thousands have no comma there: it would pass for the one between."""
    return f"({', '.join(number(float(value), digits).replace(',', '') for value in values)})"
