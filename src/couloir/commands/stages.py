"""Where the seconds go."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

IMPORTING = {"seconds": 0.0}
"""Seconds of importing heavy modules that no run has counted yet; kept by the package's lazy names."""


class Stages:
    """Seconds by stage of one run."""

    def __init__(self) -> None:
        """All at 0 but what was imported for it; the total runs from here."""
        self.began = time.perf_counter()
        self.seconds: dict[str, float] = {"import": IMPORTING["seconds"]}
        IMPORTING["seconds"] = 0.0

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add what passes inside to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began

    def rounded(self) -> dict[str, float]:
        """The seconds of every stage and their total, to the millisecond."""
        total = time.perf_counter() - self.began + self.seconds["import"]
        return {stage: round(seconds, 3) for stage, seconds in {**self.seconds, "total": total}.items()}
