"""The metrics that members are ranked by: the task of each, its direction, the column that holds it.

Their functions, which need JAX, are in `couloir.engine.scoring`: tables and figures get by without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from couloir.engine.scoring import Score


class Metric(NamedTuple):
    """A score: its name, the task it is for, and whether more of it is better."""

    name: str
    task: str
    more_is_better: bool = False

    @property
    def sign(self) -> int:
        """−1 where more is better, else 1: of scores multiplied by it, the lowest is the best."""
        return -1 if self.more_is_better else 1

    @property
    def score(self) -> Score:
        """Its function, as the training program computes it."""
        from couloir.engine.scoring import SCORES

        return SCORES[self.name]

    def column(self, part: str) -> str:
        """The column of tables that holds it for a part, "training" or "validation".

        A task's default metric is called its loss: `validation_loss`, but `validation_accuracy`.
        """
        return f"{part}_loss" if self.name == DEFAULT_METRIC[self.task] else f"{part}_{self.name}"


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("log_loss", "classification"),
            Metric("accuracy", "classification", more_is_better=True),
            Metric("balanced_accuracy", "classification", more_is_better=True),
            Metric("mse", "regression"),
            Metric("mae", "regression"),
            Metric("r2", "regression", more_is_better=True),
        )
    }
)
"""Metrics by name."""

DEFAULT_METRIC: Mapping[str, str] = MappingProxyType({"classification": "log_loss", "regression": "mse"})
"""What members of a task are ranked by when nothing is said, and what breaks a tie otherwise."""

HEADLINE_METRIC: Mapping[str, str] = MappingProxyType({"classification": "accuracy", "regression": "r2"})
"""What people ask for first."""


def metrics_of(task: str) -> list[str]:
    """The names of a task's metrics, the default first."""
    return [name for name, metric in METRICS.items() if metric.task == task]
