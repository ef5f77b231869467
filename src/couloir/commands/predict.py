"""A model's answers to new rows, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from couloir.model.predictor import Predictor


def predict_table(model: Predictor, source: Any) -> pl.DataFrame:
    """One row for each row of the source, in its order.

    Columns: `row`, counted from 0 as in the run's own tables; `prediction`, a label or a value in the
    target's units; for classes `probability_LABEL` of each.

    Args:
        model: a trained network, or several.
        source: a path, a bundled set's name, arrays, or a frame.

    Raises:
        InputError: the source cannot be read, or lacks a column.
    """
    import numpy as np
    import polars as pl

    from couloir.data.loading import load_features

    features, _ = load_features(source, model.preparation)
    answers = model.answers(features)
    rows = np.arange(len(answers))
    classes = model.preparation.classes
    if classes is None:
        return pl.DataFrame({"row": rows, "prediction": answers})
    labels = np.array(classes)[np.argmax(answers, axis=1)]
    shares = {f"probability_{label}": answers[:, number] for number, label in enumerate(classes)}
    return pl.DataFrame({"row": rows, "prediction": labels, **shares})
