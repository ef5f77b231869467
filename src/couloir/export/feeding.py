"""Raw rows in the form in which an exported ONNX graph takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from couloir.data.columns import WRITTEN_KINDS, numbers_of
from couloir.data.loading import load_features
from couloir.data.preparation import Preparation


def onnx_inputs(preparation: Preparation, source: Any, *, float32: bool = False) -> dict[str, np.ndarray]:
    """New rows as the inputs of the ONNX graph, for `onnxruntime.InferenceSession.run`.

    Numbers as float64 and texts as strings, [sample, 1] for each column, missing ones NaN and the empty
    string; see `couloir.export.graph`.

    Args:
        preparation: that of the model that was exported: `run.model.preparation`.
        source: any source that `couloir.load` takes, with or without the target.
        float32: as it was in `export`.

    Raises:
        InputError: the source cannot be read, or lacks a column.
    """
    features, _ = load_features(source, preparation)
    real = np.float32 if float32 else np.float64
    if not preparation.tabular:
        shape = preparation.image_shape
        array = np.asarray(features, real)
        return {"images": array.reshape(-1, *shape)} if shape else {"features": array}
    assert not isinstance(features, np.ndarray), "a table's rows are a frame"
    inputs = {}
    for name, kind in preparation.raw_kinds.items():
        if kind in WRITTEN_KINDS:
            cells = np.array(["" if text is None else str(text) for text in features[name]], object)
        else:
            cells = numbers_of(features[name]).astype(real)
        inputs[name] = cells.reshape(-1, 1)
    return inputs
