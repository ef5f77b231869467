"""A model as one ONNX graph, from raw columns to answers.

**Inputs.** For a model of a table one for each column that it uses, under the column's name, [sample, 1]:

- numbers and truth values (0 and 1) are float64, a missing one NaN;
- dates are float64 days since 1970-01-01, moments with their part of a day; a missing one NaN;
- categories are strings without blanks around them, a missing one the empty string.

For a model of arrays there is one input `features` [sample, column], and for one of images `images`
[sample, height, width].

**Outputs.** `probabilities` [sample, class] in the order of the sorted labels, and `label` [sample]; or
`value` [sample] in the target's units, [sample, output] of an estimator that was fitted to several. Where a
column has such a name already, an underscore follows it.

Everything between is float64, as in `couloir predict`: float32 would lose the small differences of large
numbers (a year, a price, a number of seconds) before they are standardised. What the inputs are is also
in the file's metadata, under `couloir`, as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata

import numpy as np
import onnx
from onnx import TensorProto, helper

from couloir.data.cells import missing_numbers
from couloir.data.columns import WRITTEN_KINDS
from couloir.data.preparation import Preparation
from couloir.engine.architectures.layers import by_layer
from couloir.engine.architectures.own import Own
from couloir.errors import InputError
from couloir.export.activations import ACTIVATIONS
from couloir.export.network import ONNX, Signal
from couloir.export.nodes import Nodes
from couloir.export.preparing import prepared
from couloir.model.predictor import Ensemble, Model, Predictor

MEANING: Mapping[str, str] = {
    "numeric": "number, NaN where missing",
    "boolean": "0 or 1, NaN where missing",
    "date": "days since 1970-01-01, NaN where missing",
    **dict.fromkeys(WRITTEN_KINDS, "text, empty where missing"),
}


def onnx_model(model: Predictor, *, float32: bool = False) -> onnx.ModelProto:
    """The graph of a model, one network or several; see the top of this module.

    Args:
        model: what is to be exported.
        float32: whether numbers go in and come out as float32.
    """
    real, preparation = TensorProto.FLOAT if float32 else TensorProto.DOUBLE, model.preparation
    inputs, raw = _inputs(preparation, real)
    nodes = Nodes({each.name for each in inputs})
    cells = {column: _cells(nodes, name, kind, preparation) for column, (name, kind) in raw.items()}
    answers = _answers(nodes, model, cells)
    outputs = _outputs(nodes, model, answers, real)
    graph = helper.make_graph(nodes.nodes, "couloir", inputs, outputs, nodes.constants)
    opsets = [helper.make_opsetid(domain, version) for domain, version in nodes.opsets.items()]
    # Before version 4 of the file format every constant was an input as well.
    version = max(helper.find_min_ir_version_for(opsets), 4)
    made = helper.make_model(graph, opset_imports=opsets, ir_version=version)
    made.producer_name, made.producer_version = "couloir", metadata.version("couloir")
    made.doc_string = f"Predicts {preparation.target_name} from raw columns."
    # What a person has to know to use the file.
    about = {
        "target": preparation.target_name,
        "task": preparation.task,
        "inputs": {name: MEANING[kind] for name, kind in raw.values()},
        "classes": None if preparation.classes is None else list(preparation.classes),
        "missing": list(preparation.missing_tokens),
    }
    helper.set_model_props(made, {"couloir": json.dumps(about)})
    onnx.checker.check_model(made)
    return made


def _inputs(
    preparation: Preparation, real: int
) -> tuple[list[onnx.ValueInfoProto], dict[str, tuple[str, str]]]:
    """The graph's inputs; and for each raw column, or "" for all at once, its input and its kind."""
    rows = "sample"
    if not preparation.tabular:
        image = preparation.image_shape
        name = "images" if image else "features"
        shape: list[str | int | None] = [rows, *(image or (preparation.width,))]
        return [helper.make_tensor_value_info(name, real, shape)], {"": (name, "numeric")}
    kinds = preparation.raw_kinds
    types = {name: TensorProto.STRING if kind in WRITTEN_KINDS else real for name, kind in kinds.items()}
    inputs = [helper.make_tensor_value_info(name, type_, [rows, 1]) for name, type_ in types.items()]
    return inputs, {name: (name, kind) for name, kind in kinds.items()}


def _cells(nodes: Nodes, name: str, kind: str, preparation: Preparation) -> str:
    """An input's cells as the preparation needs them: texts, or float64 [sample, column]."""
    if kind in WRITTEN_KINDS:
        return name
    cells = nodes.doubles(name)
    if preparation.image_shape:
        return nodes.add("Flatten", cells, axis=1)
    tokens = missing_numbers(preparation.missing_tokens) if kind != "date" else []
    for token in tokens:
        # Doubles can be compared for being equal from opset 11 on only.
        distance = nodes.add("Abs", nodes.add("Sub", cells, nodes.constant(token)))
        equal = nodes.add("Not", nodes.add("Greater", distance, nodes.constant(0.0)))
        cells = nodes.add("Where", equal, nodes.constant(np.nan), cells)
    return cells


def _answers(nodes: Nodes, model: Predictor, cells: Mapping[str, str]) -> str:
    """Probabilities [sample, class], or values [sample, output] in the target's units."""
    if isinstance(model, Model):
        return _network(nodes, model, *prepared(nodes, model.preparation, cells))
    assert isinstance(model, Ensemble), "a predictor is a network or several"
    features: dict[int, tuple[str, np.ndarray]] = {}
    total = ""
    for network, weight in zip(model.networks, model.weights, strict=True):
        own = network.preparation
        if id(own) not in features:
            features[id(own)] = prepared(nodes, own, cells)
        share = nodes.add("Mul", _network(nodes, network, *features[id(own)]), nodes.constant(float(weight)))
        total = nodes.add("Add", total, share) if total else share
    if model.temperature == 1.0:
        return total
    logarithms = nodes.add("Log", nodes.add("Max", total, nodes.constant(np.finfo(float).tiny)))
    cooled = nodes.add("Div", logarithms, nodes.constant(float(model.temperature)))
    return nodes.add("Softmax", cooled, axis=1)


def _network(nodes: Nodes, network: Model, features: str, order: np.ndarray) -> str:
    """What one network answers to features that stand in this order."""
    preparation = network.preparation
    signal = (_layers if network.architecture is None else _written)(nodes, network, features, order)
    if preparation.classes is not None:
        return nodes.add("Softmax", signal, axis=1)
    signal = nodes.add("Mul", signal, nodes.constant(float(preparation.target_scale)))
    return nodes.add("Add", signal, nodes.constant(float(preparation.target_mean)))


def _layers(nodes: Nodes, network: Model, features: str, order: np.ndarray) -> str:
    """The outputs [sample, output] of a multilayer perceptron, rows as they lie."""
    signal, names = features, (*by_layer(network.activation, len(network.layers) - 1), "linear")
    for number, ((weight, bias), name) in enumerate(zip(network.layers, names, strict=True)):
        factor = np.asarray(weight, np.float64).T
        factor = np.ascontiguousarray(factor if number else factor[order])
        signal = nodes.add("MatMul", signal, nodes.constant(factor))
        signal = nodes.add("Add", signal, nodes.constant(np.asarray(bias, np.float64)))
        signal = ACTIVATIONS[name](nodes, signal)
    return signal


def _written(nodes: Nodes, network: Model, features: str, order: np.ndarray) -> str:
    """The outputs [sample, output] of another architecture, as it is written, with rows as columns."""
    if isinstance(network.design, Own):
        raise InputError(
            f"The architecture '{network.design.name}' is a person's own, which cannot be written as ONNX: "
            "write a .safetensors file, or predict with couloir."
        )
    if not np.array_equal(order, np.arange(len(order))):
        features = nodes.add("Gather", features, nodes.constant(np.argsort(order)), axis=1)
    columns = Signal(nodes, nodes.add("Transpose", features, perm=[1, 0]))
    parts = [[np.asarray(leaf, np.float64) for leaf in part] for part in network.layers]
    own = network.design.network(parts, len(order), network.answer_width)
    answers = network.design.answers(ONNX, own, columns, network.preparation.task)
    return nodes.add("Transpose", answers.name, perm=[1, 0])


def _outputs(nodes: Nodes, model: Predictor, answers: str, real: int) -> list[onnx.ValueInfoProto]:
    """Give the answers their names and types."""
    preparation, rows = model.preparation, "sample"
    if preparation.classes is None:
        several = [model.answer_width] if model.answer_width > 1 else []
        shaped = answers if several else nodes.add("Reshape", answers, nodes.constant(np.array([-1])))
        value = nodes.add("Cast", shaped, name=nodes.free("value"), to=real)
        return [helper.make_tensor_value_info(value, real, [rows, *several])]
    shares = nodes.add("Cast", answers, name=nodes.free("probabilities"), to=real)
    classes = np.array(preparation.classes)
    likeliest = nodes.add("ArgMax", answers, axis=1, keepdims=0)
    label = nodes.add("Gather", nodes.constant(classes), likeliest, name=nodes.free("label"))
    kind = TensorProto.STRING if classes.dtype.kind == "U" else helper.np_dtype_to_tensor_dtype(classes.dtype)
    return [
        helper.make_tensor_value_info(label, kind, [rows]),
        helper.make_tensor_value_info(shares, real, [rows, len(classes)]),
    ]
