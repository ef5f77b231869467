"""Where the studio gets its workers from: forked from one server, else started anew.

Forks cannot be relied on everywhere, as on macOS and Windows, and there are none until the server has
imported what it needs.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from pathlib import Path

import couloir
from couloir.studio.jobs.fork_server import ForkedProcess, ForkServer

WORKER = "couloir.studio.jobs.worker"

AHEAD = (
    "jax.numpy",
    "optax",
    "scipy.special",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "plotly.graph_objects",
    "plotly.io",
    "plotly.offline",
    "optuna",
    "jinja2",
    "safetensors.numpy",
    "typer",
    "couloir.engine.training",
)
"""What the server imports ahead, in this order."""

Process = ForkedProcess | subprocess.Popen[bytes]

_servers: list[ForkServer] = []
_turn = threading.Lock()


def fork_server() -> ForkServer | None:
    """This process's fork server, started if that was not done yet; None where there cannot be one."""
    if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        return None
    with _turn:
        if not _servers:
            _servers.append(ForkServer(WORKER, AHEAD, environment()))
            atexit.register(_servers[0].close)
        return _servers[0]


def begin() -> Process:
    """A worker that waits for its request: forked where that can be had at once."""
    server = fork_server()
    return (server and server.fork()) or started()


def started() -> subprocess.Popen[bytes]:
    """A worker that is started anew, and imports what it needs then."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        start_new_session=True,  # the terminal's Ctrl-C is for the server, which ends its jobs itself
    )


def environment() -> dict[str, str]:
    """The environment of a worker: this very package is found first."""
    packages = str(Path(couloir.__file__).resolve().parents[1])
    path = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": os.pathsep.join([packages, *([path] if path else [])])}
