"""A process that has imported what workers need, and is forked for each: one begins in a second, not in five.

Only what survives a fork is imported ahead: libraries whose threads come with their first work, as JAX's do.
Polars starts its own when it is imported, and in a fork would wait for them for ever: each worker imports it,
and what imports it, for itself. What a worker does is the business of whoever starts the server.

`multiprocessing` has such a server too, but it runs the program that started the studio once more in every
worker, and imports from the folder that the person is in before it looks elsewhere.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import IO

NICENESS = 5
"""The studio answers before its workers compute."""

ANSWER_SECONDS = 5.0
"""In which a fork is there; a server that takes longer is not waited for again."""

_READY, _WANTED = b"!", b"?"
_NUMBER = 8
"""Bytes of a process's number on its way."""


# In the studio --------------------------------------------------------------------------------------------


class ForkedProcess:
    """A worker, with those of `subprocess.Popen`'s attributes and methods that a job uses."""

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        """Hold on to a process that is not this one's child; an OSError where that cannot be."""
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        # Unlike the number, this stays with the process: another one that gets its number later is safe.
        self._held = os.pidfd_open(pid)

    def __del__(self) -> None:
        """Let go of it."""
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._held)

    def poll(self) -> int | None:
        """None while it is there, then 0: only its parent is told the code that it has ended with."""
        ended, _, _ = select.select([self._held], [], [], 0)
        return 0 if ended else None

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the system to end it."""
        self.send_signal(signal.SIGTERM)

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._held, number)


class ForkServer:
    """The process that is forked, from the studio's side.

    Attributes:
        process: the fork server.
        line: to it; once it is closed, the server ends.
    """

    def __init__(self, worker: str, ahead: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it: it imports the modules `ahead`, then says that it is ready. Every fork runs the `main` of
        the module `worker`."""
        self.line, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)  # a message arrives whole
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", f"from {__name__} import main; main({worker!r}, {[*ahead]!r})"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,  # the terminal's Ctrl-C is for the server
            )
        self.line.settimeout(ANSWER_SECONDS)
        self._ready, self._turn = False, threading.Lock()

    def fork(self) -> ForkedProcess | None:
        """A worker that waits for its request; None where there is none to be had, or none yet."""
        with self._turn:
            try:
                return self._forked() if self.ready() else None
            except OSError:
                self.close()
                return None

    def ready(self) -> bool:
        """Whether it has imported everything, and is still there as far as is known."""
        if not self._ready and not self._closed and select.select([self.line], [], [], 0)[0]:
            self._ready = self.line.recv(len(_READY)) == _READY
        return self._ready and not self._closed

    def close(self) -> None:
        """End it; its forks stay."""
        self.line.close()
        self.process.kill()
        self.process.wait()

    @property
    def _closed(self) -> bool:
        return self.line.fileno() < 0

    def _forked(self) -> ForkedProcess:
        (theirs_in, ours_in), (ours_out, theirs_out) = os.pipe(), os.pipe()
        stdin, stdout = os.fdopen(ours_in, "wb"), os.fdopen(ours_out, "rb")
        try:
            socket.send_fds(self.line, [_WANTED], [theirs_in, theirs_out])
            number = self.line.recv(_NUMBER)
            if not number:
                raise ConnectionResetError("the fork server has ended")
            return ForkedProcess(int.from_bytes(number, "big"), stdin, stdout)
        except OSError:
            stdin.close()
            stdout.close()
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)


# In the fork server ---------------------------------------------------------------------------------------


def main(worker: str, ahead: Sequence[str]) -> None:
    """Import these modules, then fork a worker for every two pipes sent, until the studio is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system clears away the forks that have ended
    os.nice(NICENESS)
    for name in ahead:
        with contextlib.suppress(ImportError):
            import_module(name)
    gc.freeze()  # a fork that collects garbage would copy all that it looks at
    line = socket.socket(fileno=sys.stdin.fileno())
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        line.sendall(_READY)
        while True:
            wanted, pipes, _, _ = socket.recv_fds(line, len(_WANTED), 2)
            if not wanted:
                return
            number = os.fork()
            if number == 0:
                _become(worker, *pipes)
            for pipe in pipes:
                os.close(pipe)
            line.sendall(number.to_bytes(_NUMBER, "big"))


def _become(worker: str, stdin: int, stdout: int) -> None:
    """Run the worker with these pipes as its standard input and output, and end."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for pipe, place in ((stdin, 0), (stdout, 1)):
            os.dup2(pipe, place)
            os.close(pipe)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (as long as the process)
        code = import_module(worker).main()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
