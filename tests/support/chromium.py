"""A real browser for tests: Chromium without a window, driven over a pipe by its DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --enable-unsafe-swiftshader "
    "--remote-debugging-pipe"
)


class Browser:
    """One browser process; used as a context."""

    def __init__(self) -> None:
        self.profile = tempfile.mkdtemp(prefix="couloir-chromium-")
        (from_us, self.write), (self.read, to_us) = os.pipe(), os.pipe()
        # Chromium reads its commands from descriptor 3 and answers on 4.
        script = f'exec "$0" "$@" 3<&{from_us} 4>&{to_us}'
        self.process = subprocess.Popen(
            ["bash", "-c", script, str(PROGRAM), *OPTIONS.split(), f"--user-data-dir={self.profile}"],
            pass_fds=(from_us, to_us),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(from_us)
        os.close(to_us)
        self.number, self.pending, self.errors = 0, b"", []
        self.targets: list[str] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: Any) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.write)
        os.close(self.read)
        shutil.rmtree(self.profile, ignore_errors=True)

    def send(self, method: str, session: str | None = None, seconds: float = 60, **parameters: Any) -> dict:
        """A command's answer; what the page complains of on the way goes into `errors`."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            answer = self._message(end)
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._note(answer)
        raise TimeoutError(method)

    def _message(self, end: float) -> dict:
        while b"\0" not in self.pending:
            ready, _, _ = select.select([self.read], [], [], max(end - time.monotonic(), 0))
            if not ready:
                raise TimeoutError("the browser does not answer")
            found = os.read(self.read, 1 << 20)
            assert found, "the browser has ended"
            self.pending += found
        text, _, self.pending = self.pending.partition(b"\0")
        return json.loads(text)

    def _note(self, event: dict) -> None:
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(parameters["exceptionDetails"].get("exception", parameters))[:500])
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(parameters["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert"):
            self.errors.append(str([a.get("value") for a in parameters["args"]])[:500])

    def open(
        self,
        page: Path | str,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        window: bool = False,
    ) -> Tab:
        """A page, a file or an address, in a tab of its own, of this size, in the light or the dark.

        A tab behind another one is not drawn, and its frames stand still; one with a window of its own is.
        """
        target = self.send("Target.createTarget", url="about:blank", newWindow=window)["targetId"]
        self.targets.append(target)
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable", session)
        tab = Tab(self, session)
        tab.size(width, height)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", session, features=scheme)
        self.send("Page.navigate", session, url=page if isinstance(page, str) else page.as_uri())
        return tab

    def close_tabs(self) -> None:
        """Close all pages: what plays or asks in them would go on."""
        while self.targets:
            self.send("Target.closeTarget", targetId=self.targets.pop())


class Tab:
    """One page in the browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.browser, self.session = browser, session

    def send(self, method: str, **parameters: Any) -> dict:
        return self.browser.send(method, self.session, **parameters)

    def size(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)

    def evaluate(self, code: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        answer = self.send("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, code: str, seconds: float = 40) -> Any:
        """The value of an expression as soon as it is true; before, it may fail."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := self.evaluate(f"(() => {{ try {{ return {code} }} catch {{ return null }} }})()"):
                return found
            time.sleep(0.1)
        raise AssertionError(f"this never became true: {code}")

    def mouse(self, *places: tuple[float, float], kind: str = "mouse") -> None:
        """The button goes down at the first place of the window, moves over the others and is let go."""
        for place, (x, y) in enumerate(places):
            if place == 0:
                self._pointer("mouseMoved", x, y, 0, kind)
            self._pointer("mouseMoved" if place else "mousePressed", x, y, 1, kind)
        self._pointer("mouseReleased", *places[-1], 0, kind)

    def _pointer(self, type: str, x: float, y: float, buttons: int, kind: str) -> None:
        about = {"type": type, "x": x, "y": y, "buttons": buttons, "pointerType": kind, "clickCount": 1}
        self.send("Input.dispatchMouseEvent", button="left" if buttons or "R" in type else "none", **about)

    def key(self, name: str, shift: bool = False) -> None:
        """A key is pressed by its name ("ArrowLeft", "Delete", "a") where the focus is."""
        codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Delete": 46, "Home": 36}
        codes |= {"End": 35, "Tab": 9, "Enter": 13, " ": 32, "Escape": 27}
        about: dict[str, Any] = {
            "key": name,
            "windowsVirtualKeyCode": codes.get(name, 0),
            "modifiers": 8 * shift,
        }
        if len(name) == 1:
            about["text"] = name
        self.send("Input.dispatchKeyEvent", type="keyDown" if "text" in about else "rawKeyDown", **about)
        self.send("Input.dispatchKeyEvent", type="keyUp", **about)

    def centre(self, of: str) -> tuple[float, float]:
        """The middle of an element in the window, which is scrolled so that it is seen."""
        box = self.evaluate(
            f"(() => {{ const e = document.querySelector({of!r}); e.scrollIntoView({{block: 'center'}});"
            "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        return box[0], box[1]

    def picture(self, path: str | Path, of: str | None = None) -> None:
        """A picture of the whole page, or of one element."""
        where = f"document.querySelector({of!r})" if of else "document.documentElement"
        box = self.evaluate(
            f"(() => {{ const r = {where}.getBoundingClientRect();"
            "return {x: r.x + scrollX, y: r.y + scrollY, width: r.width, height: r.height}; })()"
        )
        shot = self.send(
            "Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=box | {"scale": 1}
        )
        Path(path).write_bytes(base64.b64decode(shot["data"]))
