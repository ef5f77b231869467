"""One offline page that replays: the studio's own modules, and a tape of what the server had answered.

The page is the one that the studio serves, but for `wire.js`'s socket: an answer is looked up on the tape.
Modules become data: addresses that an import map knows by name, so that nothing has to be fetched.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from couloir.studio import asking
from couloir.studio.rooms import ROOMS
from couloir.studio.server.pages import INDEX, scripts, styles

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src blob: data:; "
    "base-uri 'none'; form-action 'none'"
)
"""What the offline page may load: nothing from anywhere."""

LONGEST = 64 << 20
"""Bytes of the longest recording."""


_PAIR = asking.several(asking.text(LONGEST), 2, 2)


@dataclass(frozen=True)
class Recording:
    """What the page has kept of a room.

    Attributes:
        room: which one.
        fragment: the address's fragment, with the room's state.
        tape: for every question, as canonical text, the answer's message in base64.
    """

    room: Annotated[str, asking.choice(tuple(ROOMS))]
    fragment: Annotated[str, asking.text(20_000)]
    tape: Annotated[tuple[tuple[str, str], ...], asking.several(_PAIR, 0, 100_000)]


def offline_page(recording: Any) -> str:
    """The page that replays a `Recording`, given as plain JSON; an InputError where it is none."""
    found = asdict(asking.answered(Recording, recording))
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in scripts().items()}
    imports = {f"studio/{name}": f"data:text/javascript;base64,{text}" for name, text in encoded.items()}
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<style>{''.join(styles().values())}</style>\n"
        f'<script type="importmap">{_embedded({"imports": imports})}</script>\n'
        f'<script type="application/json" id="recording">{_embedded(found)}</script>\n'
        '<script type="module">import "studio/main.js";</script>\n'
    )
    page = re.sub(r"\s*<(link rel=\"stylesheet\"|script )[^>]*>(</script>)?", "", INDEX.read_text("utf-8"))
    return page.replace("</head>", f"{head}</head>")


def _embedded(value: Mapping[str, Any]) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")
