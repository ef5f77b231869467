"""Building the book: compute its figures, render its pages, and put a whole folder in place."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import couloir
from couloir.book.computing import Computed, compute
from couloir.book.entries import CHAPTERS, ENTRIES, Entry, chapter
from couloir.errors import InputError

MARK = "book.json"
"""The file that makes a folder a book, and so one that may be replaced by a newer book."""


class Progress(NamedTuple):
    """A figure that has just been computed: which of how many, and how long it took."""

    entry: Entry
    place: int
    of: int
    seconds: float


def build(
    out: str | os.PathLike[str],
    sections: Sequence[int] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Compute the book's figures and write its pages into a folder, which is whole or absent.

    Args:
        out: the folder; an earlier book in it is replaced, anything else is not.
        sections: the numbers of the chapters to build; None: all.
        progress: told of every figure that is done.

    Returns:
        the path of the cover.

    Raises:
        InputError: there is no such chapter, or something that is no book is in the way.
        RuntimeError: a figure cannot be computed; it is named.
    """
    from couloir.engine.compilation import cached

    folder = Path(out)
    chosen = sorted({chapter(number).number for number in sections or CHAPTERS})
    _check(folder)
    wanted = [entry for entry in ENTRIES.values() if entry.chapter in chosen]
    drawn: dict[int, Computed] = {}
    with cached():
        for place, entry in enumerate(wanted, start=1):
            drawn[entry.number] = compute(entry, drawn)
            if progress is not None:
                progress(Progress(entry, place, len(wanted), drawn[entry.number].seconds))
        files = _files(drawn, chosen)
    _put(files, folder)
    return folder / "index.html"


def _check(folder: Path) -> None:
    """Raise an InputError if a book cannot be put here; done before the work begins."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise InputError(
            f"The book cannot be written to '{folder}', as '{nearest}' is a file: name a folder."
        )
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise InputError(
            f"The folder '{folder}' holds something that is not a book and would be lost: "
            "name another with --out."
        )
    within = folder.absolute().parent if folder.exists() else nearest
    if not os.access(within, os.W_OK | os.X_OK):
        raise InputError(f"Nothing can be written to the folder '{within}': name another with --out.")


def _files(drawn: dict[int, Computed], chosen: Sequence[int]) -> dict[str, str]:
    """Every file of the book by name."""
    from plotly.offline import get_plotlyjs

    from couloir.book import background, cover, pages

    book = pages.Pages(drawn, chosen)
    files = {
        CHAPTERS[number].page: book.chapter(CHAPTERS[number], background.of(number)) for number in chosen
    }
    files["index.html"] = book.cover(cover.picture())
    files["figures.html"] = book.index()
    files["style.css"] = pages.style()
    files["book.js"] = pages.resource("book.js")
    files["plotly.js"] = get_plotlyjs()
    files[MARK] = json.dumps(_record(drawn, chosen), indent=1, ensure_ascii=False) + "\n"
    return files


def _record(drawn: dict[int, Computed], chosen: Sequence[int]) -> dict[str, Any]:
    """What book.json says: the figures with their numbers, the same in every building."""
    figures = [
        {
            "number": number,
            "slug": computed.entry.slug,
            "page": CHAPTERS[computed.entry.chapter].page,
            "titles": [chart.title for chart in computed.charts],
            "sentences": [chart.sentence for chart in computed.charts],
            "numbers": computed.numbers,
        }
        for number, computed in drawn.items()
    ]
    return {"kind": "book", "version": couloir.__version__, "chapters": list(chosen), "figures": figures}


def _put(files: dict[str, str], folder: Path) -> None:
    """Write the files beside the folder, then exchange the folder for them."""
    final = folder.absolute()
    final.parent.mkdir(parents=True, exist_ok=True)
    fresh = final.with_name(f".{final.name}.part{os.getpid()}")
    old = final.with_name(f".{final.name}.old{os.getpid()}")
    try:
        fresh.mkdir()
        for name, text in files.items():
            (fresh / name).write_text(text, "utf-8", newline="\n")
        if final.exists():
            final.rename(old)
        fresh.rename(final)
    except OSError as error:
        if old.exists() and not final.exists():
            old.rename(final)
        raise InputError(
            f"The book cannot be written to '{folder}' ({error.strerror or error}): name another with --out."
        ) from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
