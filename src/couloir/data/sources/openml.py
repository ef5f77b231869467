"""Sets of openml.org by name or number, fetched once and kept as Parquet.

scikit-learn's `fetch_openml` does the fetching. What it gives is kept in the user's cache folder as one
Parquet file, so that the second time there is neither a network nor scikit-learn, whose import alone takes
longer than reading the file.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import polars as pl

from couloir.data.sources.frames import frame_row, polars_frame
from couloir.data.sources.raw import Table
from couloir.errors import InputError
from couloir.files import own, whole
from couloir.text import quoted

PREFIX = "openml:"
_NAMED = re.compile(r"(?P<name>[^@/\\]+?)(@(?P<version>[1-9]\d*))?")


def is_openml(source: Any) -> bool:
    """Whether a source names a set of openml.org."""
    return isinstance(source, str) and source.lower().startswith(PREFIX)


def read_openml(source: str) -> Table:
    """The set that `openml:NAME`, `openml:NAME@VERSION` or `openml:NUMBER` names.

    Its target is the column that OpenML names, if it names just one.

    A name without a version is the oldest version that OpenML calls active, as for scikit-learn. Nominal
    columns are categories, whatever their texts look like. To have a set fetched anew, delete its file in
    the folder `openml` of the cache folder.

    Raises:
        InputError: there is no such set, it cannot be fetched, or it is no table.
    """
    key = source[len(PREFIX) :].strip().lower()
    match = _NAMED.fullmatch(key)
    if match is None:
        raise InputError(
            f"The source {quoted(source)} does not name a set of OpenML: "
            "write openml:adult, openml:adult@2 or openml:1590."
        )
    path = openml_folder() / f"{key}.parquet"
    if not path.is_file():
        _keep(_fetch(source, match["name"], match["version"]), path)
    about = pl.read_parquet_metadata(path)
    return Table(pl.read_parquet(path), frame_row, about["name"], target_name=about.get("target"))


def openml_folder() -> Path:
    """Where fetched sets are kept: COULOIR_HOME/openml, else in the user's cache folder."""
    return own("openml")


def _fetch(source: str, name: str, version: str | None) -> Any:
    from urllib.error import HTTPError, URLError

    from sklearn.datasets import fetch_openml

    number = name.isdigit() and version is None
    wanted: dict[str, Any] = {"data_id": int(name)} if number else {"name": name}
    wanted |= {} if number else {"version": int(version) if version else "active"}
    try:
        with warnings.catch_warnings():
            # Which version it is can be read off the set's name.
            warnings.filterwarnings("ignore", "Multiple active versions", UserWarning)
            warnings.filterwarnings("ignore", "A network error occurred", UserWarning)
            fetched = str(openml_folder() / "fetched")
            return fetch_openml(**wanted, as_frame=True, parser="pandas", data_home=fetched)
    except HTTPError as error:
        if error.code in (404, 412):
            raise _none_such(source) from None
        raise InputError(
            f"OpenML answers with the error {error.code} to the question for {quoted(source)}: try later."
        ) from None
    except (URLError, TimeoutError, ConnectionError):
        raise InputError(
            f"OpenML cannot be reached, so that {quoted(source)} cannot be fetched: connect to the network, "
            "or download the table elsewhere and give its path."
        ) from None
    except ImportError:
        raise InputError(
            f"To fetch {quoted(source)} the package 'pandas' is needed, which is not installed: "
            "install it with pip install pandas."
        ) from None
    except ValueError as error:
        raise _refused(source, error) from None


def _none_such(source: str) -> InputError:
    return InputError(
        f"OpenML has no set {quoted(source)}: look its name or number up at https://www.openml.org."
    )


def _refused(source: str, error: ValueError) -> InputError:
    """The error for a set that is not there, or is of a kind that cannot be read."""
    if "found" in str(error) or "unknown" in str(error).lower():
        return _none_such(source)
    if "parse" in str(error).lower() or "ARFF" in str(error):
        return InputError(
            f"The set {quoted(source)} is sparse, and tables of that kind cannot be read: give another."
        )
    return InputError(f"The set {quoted(source)} cannot be read ({error}): give another.")


def _keep(found: Any, path: Path) -> None:
    """Write what was fetched as a Parquet file that is whole or absent."""
    frame = polars_frame(found.frame)
    targets = list(found.target_names or ())
    about = {"name": f"{found.details['name']}-{found.details['version']}"}
    about |= {"target": targets[0]} if len(targets) == 1 else {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as temporary:
            frame.write_parquet(temporary, metadata=about)
    except OSError as error:
        raise InputError(
            f"The fetched set cannot be kept in '{path.parent}' ({error.strerror}): "
            "make the folder writable, or name another with the variable COULOIR_HOME."
        ) from None
