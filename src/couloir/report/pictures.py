"""Small grey pictures as data URIs, so that a page needs no file beside it."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def grey_png(pixels: Sequence[Sequence[float]], brightest: float) -> str:
    """An 8-bit grey PNG as a data URI; 0 is black, `brightest` is white (PNG specification, third edition).

    Args:
        pixels: brightness [row][column]; what lies outside 0 … brightest is cut.
        brightest: the value that becomes white.
    """
    scale = 255 / brightest if brightest > 0 else 0.0
    # Each line begins with its filter: 0, none.
    lines = (b"\0" + bytes(max(0, min(255, round(value * scale))) for value in line) for line in pixels)
    header = struct.pack(">IIBBBBB", len(pixels[0]), len(pixels), 8, 0, 0, 0, 0)
    image = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    image += _chunk(b"IDAT", zlib.compress(b"".join(lines), 9)) + _chunk(b"IEND", b"")
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"
