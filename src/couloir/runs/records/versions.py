"""Records of older versions, brought to the shape of today, one version after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

OF_THE_WINNER = ("member", "n_parameters", "best_epoch", "refit_epochs")


def up_to_date(record: Mapping[str, Any], newest: int) -> dict[str, Any]:
    """A record as one of the newest version.

    Raises:
        ValueError: its version is not known, or it is not what that version has.
    """
    found = dict(record)
    while (number := found.get("schema_version")) != newest:
        if not isinstance(number, int) or number not in NEXT:
            raise ValueError(f"schema version {number!r} is none of 1 to {newest}")
        try:
            found = {**NEXT[number](found), "schema_version": number + 1}
        except KeyError as error:
            raise ValueError(f"it lacks {error}") from None
        except (TypeError, AttributeError):
            raise ValueError(f"something in it is not as version {number} has it") from None
    return found


def _second(record: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had trainings only, and one model to test."""
    refitted = record["winner"].get("refit_epochs") is not None
    kept = {
        "name": "refitted" if refitted else "winner",
        "networks": 1,
        "headline": True,
        "validation": None if refitted else record["validation"],
        "test": {name: value for name, value in record["test"].items() if isinstance(value, float)},
    }
    return {"kind": "train", "finalists": [kept], "tables": [], **record}


def _third(record: dict[str, Any]) -> dict[str, Any]:
    """Version 2 mixed scores with their intervals, and hyperparameters with what became of them."""
    found = dict(record)
    if "test" in found:
        more = {name: found["test"].get(name) for name in ("intervals", "confusion")}
        scores = {name: value for name, value in found["test"].items() if name not in more}
        found["test"] = {"scores": scores, **more}
    if "winner" in found:
        own = {name: found["winner"].get(name) for name in OF_THE_WINNER}
        others = {name: value for name, value in found["winner"].items() if name not in own}
        found["winner"] = {**own, "hyperparameters": others}
    if found.get("kind") == "surface":
        now = {"rules": "optimizer", "rates": "learning_rate"}
        asked = ((now.get(name, name), value) for name, value in found["asked"].items())
        found["asked"] = {name: value for name, value in asked if (name, value) != ("optimizer", None)}
    if found.get("ensemble"):
        found["ensemble"] = [
            {name if name != "trial" else "member": value for name, value in share.items()}
            for share in found["ensemble"]
        ]
    if "temperature" not in (found.get("calibration") or {}):  # it was an average's that is not kept
        found.pop("calibration", None)
    return found


NEXT: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = MappingProxyType({1: _second, 2: _third})
"""What makes of a record of a version one of the next."""
