"""Room for a title above a legend: on a phone every entry of a legend has a line of its own."""

from __future__ import annotations

from typing import Any


def title_on_top(lines: int) -> dict[str, Any]:
    """Settings of the layout that keep the title off a legend of so many lines."""
    return {
        "margin": {"t": 46 + 24 * lines},
        "title": {"y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 18}},
    }
