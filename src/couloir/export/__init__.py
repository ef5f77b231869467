"""A trained model in files that other programs read: ONNX, or safetensors with JSON.

`export` tells the format by the file's ending:

- **model.onnx**: the whole model as one ONNX graph, preparation and all. Raw columns go in, probabilities
  and labels or values come out, as `couloir.export.graph` says. For model servers and other languages.
- **model.safetensors**: the weights, with everything else in the JSON file of the same name beside it. For
  programs of one's own: `network0.layer0.weight` is [output, input], the JSON's `preparations` say what is
  done to each raw column (`couloir.data.encodings.column.ColumnPreparation` explains every entry), `networks`
  which architecture, activation and preparation each network has and what its arrays are called, and
  `weights` and `temperature`, where they are there, how several are averaged. `couloir.model.load_model`
  reads the pair back.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from couloir.errors import InputError
from couloir.files import whole
from couloir.model.files import stored

if TYPE_CHECKING:
    from couloir.model.predictor import Predictor

__all__ = ["export"]

ENDINGS = (".onnx", ".safetensors")


def export(model: Predictor, path: str | Path, *, float32: bool = False) -> list[Path]:
    """Write a trained model, one network or several, to a file that other programs read.

    Args:
        model: a run's `model`.
        path: a file that ends in .onnx or .safetensors; the latter gets a .json beside it. What is there
            is replaced, and replaced whole.
        float32: for ONNX, whether numbers go in and come out as float32 instead of float64. What is
            between is float64 either way.

    Returns:
        the files written.

    Raises:
        InputError: another ending, a folder that cannot be written to, or ONNX is not installed.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() not in ENDINGS:
        raise InputError(
            f"The file '{path.name}' does not end in {' or '.join(ENDINGS)}, the formats that there are: "
            "give it such a name."
        )
    if path.suffix.lower() == ".onnx":
        contents = {path: _onnx(model, float32)}
    elif float32:
        raise InputError(
            f"The file '{path.name}' holds weights as they were trained, whose type cannot be chosen: "
            "leave out float32, or write an .onnx file."
        )
    else:
        contents = dict(zip((path, path.with_suffix(".json")), stored(model), strict=True))
    for file, content in contents.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with whole(file) as temporary:
                temporary.write_bytes(content)
        except OSError as error:
            raise InputError(
                f"The file '{file}' cannot be written ({error.strerror}): give another path."
            ) from None
    return list(contents)


def _onnx(model: Predictor, float32: bool) -> bytes:
    try:
        import onnx  # noqa: F401 (whether it is there at all)
    except ImportError:
        raise InputError(
            "To write ONNX files the package 'onnx' is needed, which is not installed: "
            "install it with pip install 'couloir[onnx]'."
        ) from None
    from couloir.export.graph import onnx_model

    return onnx_model(model, float32=float32).SerializeToString()
