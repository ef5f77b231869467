"""A session for every open page: its rooms, its uploads, and the bounds of what it may use.

A session's questions are answered one after another in a worker thread. A page that closes takes everything
with it: rooms are closed, uploads deleted.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path

from couloir.errors import InputError
from couloir.studio import wire
from couloir.studio.rooms import enter
from couloir.studio.rooms.base import Context, Room

MOST_SESSIONS = 64
"""Pages that are open at the same time, at most."""

MOST_WAITING = 32
"""Questions that a page has asked and that are not answered yet, at most."""

MOST_SECONDS = 120.0
"""What one answer may take, compiling included, before the page is told that it takes too long."""

log = logging.getLogger("couloir.studio")


class Session:
    """One page's rooms and files.

    Attributes:
        number: unguessable; the page shows it when it uploads.
        context: what its rooms may use.
        waiting: questions that are not answered yet.
        uploading: bytes of its files, those that are still arriving included.
    """

    def __init__(self, runs: Path, files: Mapping[str, Path]) -> None:
        """A session before the first question."""
        self.number = secrets.token_urlsafe(16)
        self._folder = Path(tempfile.mkdtemp(prefix="couloir-studio-"))
        self.context = Context(runs, files, self._folder)
        self.rooms: dict[str, Room] = {}
        self.waiting = 0
        self.uploading = 0
        self._turn = asyncio.Lock()

    async def answer(self, text: str, workers: Executor) -> bytes:
        """The answer to a message, as a message; whatever happens, there is one."""
        number = None
        try:
            question = wire.parse(text)
            number = question.number
            if self.waiting >= MOST_WAITING:
                raise InputError(f"More than {MOST_WAITING} questions wait for an answer: ask more slowly.")
            self.waiting += 1
            try:
                return await asyncio.wait_for(self._in_turn(question, workers), MOST_SECONDS)
            finally:
                self.waiting -= 1
        except InputError as error:
            return wire.refusal(number, str(error))
        except TimeoutError:
            return wire.refusal(number, f"This takes longer than {MOST_SECONDS:.0f} s: ask for less.")
        except Exception:
            log.exception("a question could not be answered")
            return wire.refusal(number, "The studio has a fault here; its terminal says more.")

    async def _in_turn(self, question: wire.Question, workers: Executor) -> bytes:
        """One question at a time: a computation that was given up on still holds its turn until it ends."""
        await self._turn.acquire()
        future = asyncio.get_running_loop().run_in_executor(workers, self._answered, question)
        future.add_done_callback(lambda _: self._turn.release())
        return await asyncio.shield(future)

    def _answered(self, question: wire.Question) -> bytes:
        try:
            if question.room not in self.rooms:
                self.rooms[question.room] = enter(question.room, self.context)
            answer = self.rooms[question.room].answer(question.ask, question.arguments)
        except InputError as error:
            return wire.refusal(question.number, str(error))
        return wire.packed(question.number, answer)

    def close(self) -> None:
        """The page has gone."""
        for room in self.rooms.values():
            try:
                room.close()
            except Exception:
                log.exception("a room could not be closed")
        self.rooms.clear()
        shutil.rmtree(self._folder, ignore_errors=True)


class Sessions:
    """All open pages."""

    def __init__(self, runs: Path, files: Mapping[str, Path]) -> None:
        """No page is open yet."""
        self.runs, self.files = runs, files
        self.open: dict[str, Session] = {}

    def begin(self) -> Session:
        """A session for a page that has just opened; an InputError where there are too many."""
        if len(self.open) >= MOST_SESSIONS:
            raise InputError(f"{MOST_SESSIONS} pages are open already: close one, then reload this one.")
        session = Session(self.runs, self.files)
        self.open[session.number] = session
        return session

    def end(self, session: Session) -> None:
        """A page has closed."""
        self.open.pop(session.number, None)
        session.close()

    def close(self) -> None:
        """The studio ends."""
        for session in list(self.open.values()):
            self.end(session)
