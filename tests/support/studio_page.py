"""What tests of the studio's pages do and look at, by selectors and by the words on a button."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chromium import Tab


def there(selector: str) -> str:
    """Code that says whether there is such an element."""
    return f"document.querySelector({selector!r}) !== null"


def told(tab: Tab, selector: str) -> dict[str, str]:
    """The first such element's data attributes."""
    return tab.evaluate(f"({{...document.querySelector({selector!r}).dataset}})")


def all_told(tab: Tab, selector: str) -> list[dict[str, str]]:
    """The data attributes of all such elements."""
    return tab.evaluate(f"[...document.querySelectorAll({selector!r})].map((each) => ({{...each.dataset}}))")


def text(tab: Tab, selector: str) -> str:
    return tab.evaluate(f"document.querySelector({selector!r}).textContent")


def texts(tab: Tab, selector: str) -> list[str]:
    return tab.evaluate(f"[...document.querySelectorAll({selector!r})].map((each) => each.textContent)")


def click(tab: Tab, selector: str) -> None:
    tab.wait(there(selector))
    tab.evaluate(f"document.querySelector({selector!r}).click()")


def fill(tab: Tab, selector: str, value: str, event: str = "change") -> None:
    """Set a field's value as a person does."""
    tab.evaluate(
        f"(() => {{ const field = document.querySelector({selector!r}); field.value = {json.dumps(value)};"
        f" field.dispatchEvent(new Event({event!r}, {{ bubbles: true }})); }})()"
    )


def press(tab: Tab, words: str) -> None:
    """Press the button with these words, as soon as it can be pressed."""
    found = (
        "[...document.querySelectorAll('button')]"
        f".find((each) => each.textContent === {words!r} && !each.disabled && each.offsetParent)"
    )
    tab.wait(f"{found} !== undefined")
    tab.evaluate(f"{found}.click()")


def drop(tab: Tab, selector: str, name: str, content: str) -> None:
    """Drop a file on an element."""
    tab.evaluate(
        "(() => { const moved = new DataTransfer();"
        f" moved.items.add(new File([{json.dumps(content)}], {json.dumps(name)}));"
        " const event = new DragEvent('drop', { dataTransfer: moved, bubbles: true });"
        f" document.querySelector({selector!r}).dispatchEvent(event); }})()"
    )


def fits(tab: Tab) -> bool:
    """Whether the page is no wider than the window."""
    return tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def exported(tab: Tab, folder: Path) -> Path:
    """The page that the button Export saves."""
    tab.evaluate(
        "(() => { const real = URL.createObjectURL; URL.createObjectURL = (blob) => {"
        " blob.text().then((text) => { globalThis.saved = text; }); return real.call(URL, blob); }; })()"
    )
    press(tab, "Export")
    tab.wait("Boolean(globalThis.saved)")
    path = folder / "export.html"
    path.write_text(tab.evaluate("globalThis.saved"), "utf-8")
    return path


def numbers(values: dict[str, str]) -> dict[str, Any]:
    """Data attributes as the numbers they are."""
    return {name: json.loads(value) for name, value in values.items()}
