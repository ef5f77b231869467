"""Files of arrays as bytes."""

from __future__ import annotations

import struct

import numpy as np


def idx_bytes(array: np.ndarray, code: int = 8) -> bytes:
    """An IDX file of bytes (8) or of floats (13)."""
    kind = {8: ">u1", 13: ">f4"}[code]
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + array.astype(kind).tobytes()
