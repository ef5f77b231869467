"""Who may ask the studio anything.

It listens on this computer's own address, where every page of every site the person visits could try to reach
it. Three checks keep them out: the Host header must name the studio itself (no DNS rebinding), whatever may
change something or opens a session must come from the studio's own page (Origin), and where the studio can be
reached from other computers, everybody needs the token that the terminal printed.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""What the studio's own pages may load: nothing but its own files."""

HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Given with every answer that does not have its own."""

SAFE = ("GET", "HEAD")


@dataclass(frozen=True)
class Door:
    """What a visitor has to show.

    Attributes:
        host: the address the studio listens on.
        port: its port.
        token: what everybody needs; None: nobody does, as only this computer can reach it.
    """

    host: str
    port: int
    token: str | None = None

    @classmethod
    def of(cls, host: str, port: int) -> Door:
        """The door of an address: with a token unless only this computer reaches it."""
        return cls(host, port, None if is_loopback(host) else secrets.token_urlsafe(24))

    @property
    def address(self) -> str:
        """What the person opens in the browser."""
        name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, _bracketed(self.host))
        token = f"?token={self.token}" if self.token else ""
        return f"http://{name}:{self.port}/{token}"

    @property
    def cookie(self) -> str:
        """The name under which the browser keeps the token: two studios do not share it."""
        return f"couloir-{self.port}"

    def knows_host(self, host: str) -> bool:
        """Whether a Host header names this studio.

        By an address in numbers, never by a name that somebody else's DNS could point here; 'localhost' is
        always this computer. Where the studio was told a name to listen on, that name is good too.
        """
        name, _, port = host.rpartition(":")
        if port != str(self.port) or not name:
            return False
        if name.lower() in ("localhost", self.host.lower(), _bracketed(self.host).lower()):
            return True
        if is_loopback(self.host):
            return name in ("127.0.0.1", "[::1]")
        try:
            ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return True

    def lets_in(self, token: str | None) -> bool:
        """Whether a token is the right one."""
        return self.token is None or (
            token is not None and hmac.compare_digest(token.encode(), self.token.encode())
        )


def is_loopback(host: str) -> bool:
    """Whether only this computer reaches an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Guard:
    """The application behind the door; an ASGI middleware."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        """The application that only those get to see who are let in."""
        self.app, self.door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on and add the headers that every answer has."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refusal(scope, headers)
        if refused is None and scope["type"] == "http" and (token := self._shown(scope)) is not None:
            await self._welcome(token, scope, receive, send)
        elif refused is None:
            await self.app(scope, receive, send if scope["type"] == "websocket" else _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()  # the opening of the connection, which is then refused with status 403
            await send({"type": "websocket.close", "code": 1008, "reason": refused[1]})
        else:
            await PlainTextResponse(refused[1] + "\n", refused[0])(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Status and sentence for who may not come in; None: let in."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if len(headers.getlist("host")) != 1 or not self.door.knows_host(host):
            return 421, "This studio is not reached under that name: open the address its terminal shows."
        unsafe = scope["type"] == "websocket" or scope["method"] not in SAFE
        if (unsafe or origin is not None) and origin != f"http://{host}":
            return 403, "Only the studio's own page may ask this: open the address its terminal shows."
        if self._shown(scope) is None and not self.door.lets_in(_kept(headers, self.door.cookie)):
            return 401, "This studio wants a token: open the address its terminal shows, token and all."
        return None

    def _shown(self, scope: Scope) -> str | None:
        """The right token in the address, with which somebody comes for the first time."""
        if self.door.token is None or scope["type"] != "http" or scope["path"] != "/":
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return given if self.door.lets_in(given) else None

    async def _welcome(self, token: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Keep the token in a cookie that no script reads, and take it out of the address."""
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self.door.cookie, token, httponly=True, samesite="strict")
        await answer(scope, receive, _with_headers(send))


def _kept(headers: Headers, name: str) -> str | None:
    """The token of the cookie, if there is one."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return None if found is None else found.value


def _with_headers(send: Send) -> Send:
    """A `send` that adds the common headers to an answer that does not have them."""

    async def sending(message: Message) -> Any:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
