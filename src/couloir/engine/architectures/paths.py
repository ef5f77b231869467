"""Import paths of a person's own architectures: from an object to its path, and back."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from couloir.errors import InputError

BETWEEN = ":"
"""What stands between the module and the name in a path."""


def path_of(made: Any) -> str:
    """The import path of an object, which leads to it again.

    Raises:
        InputError: nothing does.
    """
    if isinstance(made, str):
        found(made)
        return made
    named = made if hasattr(made, "__qualname__") else getattr(made, "init", type(made))
    module, name = str(getattr(named, "__module__", "")), getattr(made, "__qualname__", None)
    if name is None:  # a value, which knows no name of its own
        known = vars(sys.modules.get(module, object)) if module in sys.modules else {}
        name = next((key for key, value in known.items() if value is made), "<no name>")
    if module == "__main__" or "<" in name:
        raise InputError(
            f"The architecture {name} of the module {module or '<none>'} cannot be imported again, so that "
            "no model with it could be opened: define it by name in a file of its own, and import that."
        )
    path = f"{module}{BETWEEN}{name}"
    if found(path) is not made:
        raise InputError(
            f"The architecture {path} is another object when it is imported again: give the one that its "
            "module has under this name."
        )
    return path


def found(path: str) -> Any:
    """What stands at an import path; modules in the working folder are found, too.

    Raises:
        InputError: nothing does.
    """
    module, _, name = path.partition(BETWEEN)
    sys.path.append("")
    try:
        value = import_module(module)
        for part in name.split("."):
            value = getattr(value, part)
    except Exception as error:
        raise InputError(
            f"The architecture '{path}' cannot be imported ({said(error)}): give package.module:name, and "
            "run where Python finds that module."
        ) from None
    finally:
        sys.path.remove("")
    return value


def said(error: Exception) -> str:
    """An error in a few words: its kind, and the first sentence of what it says."""
    first = (str(error).strip().splitlines() or [""])[0].partition(". ")[0].rstrip(".")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
