"""Takes the pictures of the studio: python docs/images/studio.py, with Chromium installed."""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from chromium import Browser
from studio_server import Served

HERE = Path(__file__).resolve().parent
STEP = "Number(document.querySelector('.player').dataset.step)"
PICTURES = {
    "studio-race": ("#race?surface=beale&steps=150&focus=momentum", "true", 150, 840),
    "studio-network": (
        "#network?across=rule&epochs=40",
        "document.querySelector('.multiple') !== null",
        40,
        740,
    ),
}
"""By name: the address, what is waited for before it is played, the last step, and the height."""


def main() -> None:
    """Serve a studio, play each scene to its end, and take what the window shows."""
    with tempfile.TemporaryDirectory() as runs, Served(Path(runs)) as studio, Browser() as browser:
        for name, (address, ready, last, height) in PICTURES.items():
            tab = browser.open(studio.url(address), 1280, height)
            tab.wait(f"document.querySelector('.player').dataset.state && {ready}", 120)
            tab.evaluate(
                "document.querySelector('.player').dataset.state === 'paused' "
                "&& document.querySelector('.player .play').click()"
            )
            tab.wait(
                f"{STEP} === {last} && document.querySelector('.player').dataset.state === 'paused'", 200
            )
            # Drawings tell their numbers a little after they are drawn.
            tab.evaluate("new Promise((go) => setTimeout(go, 1000))")
            shot = tab.send("Page.captureScreenshot", format="png")
            (HERE / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    main()
