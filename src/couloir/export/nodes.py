"""An ONNX graph under construction: nodes and constants get names, and the opset finds itself.

Versions of an operator are counted by opsets, and a runtime of an earlier opset than a file's refuses it.
So a graph declares the oldest opset in which each of its operators takes what it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

ML = "ai.onnx.ml"

SINCE: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "ArgMax",
                "Flatten",
                "Gather",
                "MatMul",
                "Not",
                "ReduceMax",
                "ReduceMean",
                "Softmax",
                "Transpose",
            ),
            1,
        ),
        "Concat": 4,
        "Reshape": 5,
        **dict.fromkeys(("Abs", "Cast", "Exp", "Floor", "Log", "Neg", "Relu", "Sigmoid", "Sqrt", "Tanh"), 6),
        **dict.fromkeys(("Add", "Cos", "Div", "Equal", "Greater", "Mul", "Sin", "Sub"), 7),
        **dict.fromkeys(("Max", "Min"), 8),
        **dict.fromkeys(("IsNaN", "Where"), 9),
    }
)
"""The first opset in which an operator is as it is used here: its double version, broadcasting both ways.

Attributes and inputs of the same operator are the same up to opset 12 at least.
"""


class Nodes:
    """Nodes and constants, in the order in which they were added."""

    def __init__(self, taken: set[str]) -> None:
        """An empty graph in which some names, those of inputs and outputs, are taken."""
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.opsets = {"": 1}
        self._taken = taken

    def add(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add a node with one output, which has the name given or a new one; return the name."""
        self.opsets[""] = max(self.opsets[""], SINCE[operator])
        output = name or self._name(operator)
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def least(self, values: str, count: int) -> tuple[str, str]:
        """The least so many of each row, rising, and where they stand in it."""
        self.opsets[""] = max(self.opsets[""], 11)  # before, only the largest were found
        outputs = [self._name("TopK"), self._name("TopK")]
        inputs = [values, self.constant(np.array([count]))]
        self.nodes.append(helper.make_node("TopK", inputs, outputs, axis=1, largest=0, sorted=1))
        return outputs[0], outputs[1]

    def number_texts(self, texts: str, keys: list[str]) -> str:
        """Where each text stands among the keys, as int64; behind the last for those that do not."""
        self.opsets[ML] = 1
        output = self._name("LabelEncoder")
        attributes: dict[str, Any] = {"classes_strings": keys, "default_int64": len(keys)}
        self.nodes.append(helper.make_node("LabelEncoder", [texts], [output], domain=ML, **attributes))
        return output

    def constant(self, values: Any) -> str:
        """Add a constant of the type of these values; return its name."""
        name, array = self._name("constant"), np.asarray(values)
        if array.dtype.kind in "OUS":
            flat: Any = [str(value).encode() for value in array.ravel()]
            made = helper.make_tensor(name, onnx.TensorProto.STRING, array.shape, flat)
        else:
            made = numpy_helper.from_array(array, name)
        self.constants.append(made)
        return name

    def doubles(self, values: str) -> str:
        """The values as float64."""
        return self.add("Cast", values, to=onnx.TensorProto.DOUBLE)

    def free(self, name: str) -> str:
        """The name, with underscores behind it where something in the graph has it."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def _name(self, stem: str) -> str:
        """A name that nothing in the graph has."""
        return self.free(f"{stem}_{len(self._taken)}")
