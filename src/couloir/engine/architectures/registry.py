"""The architectures by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from couloir.engine.architectures.architecture import Architecture
from couloir.engine.architectures.conv import Conv
from couloir.engine.architectures.mlp import MLP
from couloir.engine.architectures.own import Own
from couloir.engine.architectures.paths import BETWEEN
from couloir.engine.architectures.realmlp import RealMLP
from couloir.engine.architectures.resnet import ResNet
from couloir.engine.architectures.tabm import TabM
from couloir.errors import unknown

ARCHITECTURES: Mapping[str, type[Architecture]] = MappingProxyType(
    {each.name: each for each in (MLP, ResNet, TabM, RealMLP, Conv)}
)
"""Those there are."""


def design(name: str, hidden: tuple[int, ...], activation: str) -> Architecture:
    """An architecture with its sizes.

    Args:
        name: in `ARCHITECTURES`, or the import path of a person's own, as in "package.module:name".
        hidden: units of the hidden layers.
        activation: of the hidden layers.

    Raises:
        InputError: there is no such architecture, or it cannot be had with these layers.
    """
    if BETWEEN in name:
        return Own(tuple(hidden), activation, name)
    if name not in ARCHITECTURES:
        raise unknown("architecture", name, ARCHITECTURES)
    return ARCHITECTURES[name](tuple(hidden), activation)
