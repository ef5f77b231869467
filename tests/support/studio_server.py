"""A studio for tests: the real application in the real server, in a thread, on a port of its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from websockets.sync.client import connect

from couloir.studio.server.app import application
from couloir.studio.server.guard import Door
from couloir.studio.server.serving import configured, listen


class Served:
    """A studio that runs while the block does."""

    def __init__(self, runs: Path, named: Mapping[str, Path] | None = None, host: str = "127.0.0.1") -> None:
        self.listener = listen(host, 0)
        self.port = self.listener.getsockname()[1]
        self.door = Door.of(host, self.port)
        self.address = f"127.0.0.1:{self.port}"
        self.server = uvicorn.Server(configured(application(self.door, runs, named or {})))
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True
        )

    def __enter__(self) -> Served:
        self.thread.start()
        end = time.monotonic() + 20
        while not self.server.started:
            assert time.monotonic() < end
            time.sleep(0.01)
        return self

    def __exit__(self, *_: Any) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()

    def url(self, fragment: str = "") -> str:
        return f"http://{self.address}/{fragment}"

    def page(self, **headers: str) -> Page:
        """A page's connection, without a browser."""
        return Page(self.address, headers)


class Page:
    """What a page does over its WebSocket."""

    def __init__(self, address: str, headers: Mapping[str, str] | None = None) -> None:
        self._opening = connect(
            f"ws://{address}/session", origin=f"http://{address}", additional_headers=headers, max_size=None
        )
        self.socket = self._opening.__enter__()
        self.number = 0
        self.session = unpacked(self.socket.recv(20))["values"]["session"]

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        self._opening.__exit__(None, None, None)

    def ask(self, room: str, ask: str, seconds: float = 60, **arguments: Any) -> dict[str, Any]:
        """The answer: {"values", "arrays"} or {"error"}."""
        self.number += 1
        return self.say({"id": self.number, "room": room, "ask": ask, "with": arguments}, seconds)

    def say(self, message: Any, seconds: float = 60) -> dict[str, Any]:
        """The answer to whatever is sent."""
        self.socket.send(message if isinstance(message, str) else json.dumps(message))
        return unpacked(self.socket.recv(seconds))


def unpacked(message: bytes) -> dict[str, Any]:
    """An answer's message, read as the page reads it."""
    length = int.from_bytes(message[:4], "little")
    header = json.loads(message[4 : 4 + length])
    at, arrays = -(-(4 + length) // 8) * 8, {}
    for each in header.get("arrays", ()):
        count = int(np.prod(each["shape"], dtype=int))
        array = np.frombuffer(message, np.dtype(each["dtype"]).newbyteorder("<"), count, at)
        arrays[each["name"]] = array.reshape(each["shape"])
        at += -(-array.nbytes // 8) * 8
    return {**header, "arrays": arrays}


def until(ask: Callable[[], Any], seconds: float = 120) -> Any:
    """What is asked for, as soon as it is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := ask():
            return found
        time.sleep(0.05)
    raise AssertionError("this never came")
