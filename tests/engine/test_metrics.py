"""What is known of a metric without computing it: its task, its direction, its column."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sklearn import metrics as sklearn_metrics

from couloir.engine.losses import DEFAULT_LOSS
from couloir.engine.metrics import DEFAULT_METRIC, METRICS, metrics_of

SCORERS = {
    "log_loss": "neg_log_loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "mse": "neg_mean_squared_error",
    "mae": "neg_mean_absolute_error",
    "r2": "r2",
}
"""What scikit-learn calls them where more is better: those that it turns round begin with "neg"."""


@pytest.mark.parametrize("name", METRICS)
def test_the_lowest_after_the_sign_is_the_best(name: str) -> None:
    assert SCORERS[name] in sklearn_metrics.get_scorer_names()
    turned = SCORERS[name].startswith("neg_")
    assert METRICS[name].sign == (1 if turned else -1)
    assert METRICS[name].more_is_better is not turned
    assert METRICS[name].name == name


def test_the_columns_of_tables() -> None:
    columns = {name: metric.column("validation") for name, metric in METRICS.items()}
    assert columns == {
        "log_loss": "validation_loss",
        "accuracy": "validation_accuracy",
        "balanced_accuracy": "validation_balanced_accuracy",
        "mse": "validation_loss",
        "mae": "validation_mae",
        "r2": "validation_r2",
    }
    assert METRICS["mse"].column("training") == "training_loss"


@pytest.mark.parametrize("task", DEFAULT_LOSS)
def test_a_task_s_metrics_start_with_its_default(task: str) -> None:
    names = metrics_of(task)
    assert names[0] == DEFAULT_METRIC[task]
    assert all(METRICS[name].task == task for name in names)
    assert not METRICS[names[0]].more_is_better


def test_who_only_reads_tables_needs_no_jax() -> None:
    code = "import couloir.engine.metrics, sys; sys.exit('jax' in sys.modules or 'numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
