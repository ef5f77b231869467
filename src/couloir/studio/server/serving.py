"""`couloir studio`: the server, its address, and the browser that opens on it."""

from __future__ import annotations

import socket
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from couloir.errors import InputError

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

PORT = 8421
"""Where the studio listens unless told otherwise; the next free port where this one is taken."""


def serve(
    port: int | None = None,
    host: str = "127.0.0.1",
    browser: bool = True,
    runs: Path = Path("runs"),
    data: Sequence[Path] = (),
) -> None:
    """Serve the studio until Ctrl-C.

    Args:
        port: where to listen; None: `PORT`, or a free one.
        host: on which address; any but this computer's own wants a token from every visitor.
        browser: whether to open it.
        runs: the folder of runs.
        data: data files that the pages may use.

    Raises:
        InputError: the address cannot be listened on, a data file is not there, or the extra is missing.
    """
    try:
        import uvicorn

        from couloir.studio.jobs import processes
        from couloir.studio.server.app import application
        from couloir.studio.server.guard import Door
    except ModuleNotFoundError as error:
        raise InputError(
            f"The studio needs '{error.name}', which is not installed: pip install 'couloir[studio]'."
        ) from None
    named = named_files(data)
    listener = listen(host, port)
    door = Door.of(host, listener.getsockname()[1])
    print(f"The studio is at {door.address} (Ctrl-C ends it)", flush=True)
    processes.fork_server()
    if browser:
        webbrowser.open(door.address)
    uvicorn.Server(configured(application(door, runs, named))).run(sockets=[listener])


def configured(application: ASGIApp) -> uvicorn.Config:
    """How the server runs: quiet, behind no proxy, with bounded messages."""
    import uvicorn

    from couloir.studio import wire

    return uvicorn.Config(
        application,
        log_level="warning",
        ws="websockets-sansio",
        ws_max_size=wire.LONGEST,
        timeout_graceful_shutdown=2,
        server_header=False,
        proxy_headers=False,
    )


def named_files(data: Sequence[Path]) -> dict[str, Path]:
    """Data files by the name they are shown under; an InputError where one is missing, or two share one."""
    named: dict[str, Path] = {}
    for path in data:
        if not path.exists():
            raise InputError(f"There is no file '{path}': check the name.")
        if path.name in named:
            raise InputError(f"Two files are called '{path.name}': name them one at a time, or rename one.")
        named[path.name] = path.resolve()
    return named


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens; an InputError where the address cannot be had, or the port is taken."""
    tried = (PORT, 0) if port is None else (port,)
    for each in tried:
        try:
            family = socket.getaddrinfo(host, each, type=socket.SOCK_STREAM)[0][0]
            return socket.create_server((host, each), family=family, backlog=256)
        except OverflowError:
            raise InputError(f"The port {each} is out of range: give 1 to 65535.") from None
        except OSError as error:
            if each != tried[-1]:
                continue
            reason = error.strerror or error
            raise InputError(
                f"Nothing can listen on {host}, port {each} ({reason}): name another with --port."
            ) from None
    raise AssertionError("one of the ports was tried last")
