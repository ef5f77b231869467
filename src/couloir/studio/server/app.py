"""The studio's web application: its files, a session for every page, uploads, run pages and exports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from couloir.errors import InputError
from couloir.runs import stored as runs
from couloir.studio import wire
from couloir.studio.rooms.runs.listing import page_of
from couloir.studio.server.exporting import LONGEST as LONGEST_RECORDING
from couloir.studio.server.exporting import offline_page
from couloir.studio.server.guard import Door, Guard
from couloir.studio.server.pages import INDEX, files
from couloir.studio.server.sessions import Session, Sessions
from couloir.studio.server.uploads import received

WORKERS = 8
"""Answers that are computed side by side; more pages than that take turns."""

RUN_POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src blob: data:; font-src data:; base-uri 'none'; form-action 'none'"
)
"""A run's page has its script in it: it runs in a world of its own, without the studio's rights."""


def application(door: Door, runs_folder: Path, named: Mapping[str, Path]) -> ASGIApp:
    """The studio behind its door: with the folder of runs that its pages may look at and add to, and the
    data files that they may use, by the name they are shown under."""
    studio = Studio(Sessions(runs_folder, named))
    routes = [
        Route("/", studio.index),
        Route("/static/{name:path}", studio.static),
        Route("/runs/{name}", studio.run_page),
        Route("/upload", studio.upload, methods=["POST"]),
        Route("/export", studio.export, methods=["POST"]),
        WebSocketRoute("/session", studio.session),
    ]
    app = Starlette(routes=routes, lifespan=studio.lifespan, exception_handlers={InputError: _mistake})
    return Guard(app, door)


async def _mistake(request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", 400)


class Studio:
    """What answers each address."""

    def __init__(self, sessions: Sessions) -> None:
        """The studio of these sessions."""
        self.sessions = sessions
        self.workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="couloir-studio")

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Open while the server runs; at the end every session is closed."""
        yield
        self.sessions.close()
        self.workers.shutdown(wait=False, cancel_futures=True)

    async def index(self, request: Request) -> Response:
        """The page."""
        return HTMLResponse(INDEX.read_text("utf-8"))

    async def static(self, request: Request) -> Response:
        """A file that the page is made of, by its whole name in a table: no path is put together."""
        found = files().get(request.path_params["name"])
        if found is None:
            return PlainTextResponse("There is no such file.\n", 404)
        return Response(found[0], media_type=found[1])

    async def session(self, socket: WebSocket) -> None:
        """A page's questions, answered one after another, until it closes."""
        await socket.accept()
        try:
            session = self.sessions.begin()
        except InputError as error:
            await socket.send_bytes(wire.refusal(None, str(error)))
            await socket.close(1013)
            return
        answering: set[asyncio.Task[None]] = set()
        try:
            await socket.send_bytes(wire.packed(0, wire.Answer({"session": session.number})))
            while True:
                task = asyncio.create_task(self._answer(session, socket, await socket.receive_text()))
                answering.add(task)
                task.add_done_callback(answering.discard)
        except (WebSocketDisconnect, KeyError):  # KeyError: a binary message, which no page sends
            pass
        finally:
            for task in answering:
                task.cancel()
            await run_in_threadpool(self.sessions.end, session)

    async def _answer(self, session: Session, socket: WebSocket, text: str) -> None:
        message = await session.answer(text, self.workers)
        try:
            await socket.send_bytes(message)
        except (WebSocketDisconnect, RuntimeError):
            return  # the page has gone in the meantime

    async def upload(self, request: Request) -> Response:
        """A table for a session: ``POST /upload?name=…`` with the session's number in X-Session."""
        session = self.sessions.open.get(request.headers.get("x-session", ""))
        if session is None:
            raise InputError("The upload belongs to no open page: reload the page and drop the file again.")
        name, size = await received(request.query_params.get("name", ""), request.stream(), session)
        return JSONResponse({"name": name, "bytes": size})

    async def run_page(self, request: Request) -> Response:
        """The page of a run, by the name of its folder."""
        path = await run_in_threadpool(run_page, self.sessions.runs, request.path_params["name"])
        if path is None:
            return PlainTextResponse("There is no such run.\n", 404)
        return FileResponse(path, media_type="text/html", headers={"content-security-policy": RUN_POLICY})

    async def export(self, request: Request) -> Response:
        """The offline page of a recording."""
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_RECORDING:
                raise InputError(
                    f"The recording is larger than {LONGEST_RECORDING >> 20} MiB: reset the room first."
                )
        try:
            recording = json.loads(body)
        except (ValueError, RecursionError):
            raise InputError("The recording is not JSON: reload the page and export again.") from None
        return HTMLResponse(await run_in_threadpool(offline_page, recording))


def run_page(parent: Path, name: str) -> Path | None:
    """Where the page of a run lies, if there is a run of that name in the folder."""
    return page_of(parent / name) if name in {each.name for each in runs.folders(parent)} else None
