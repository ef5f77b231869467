"""A person's own architecture, found by its import path: two functions, an Equinox or a Flax NNX module.

What stands at the path ("package.module:name") is one of these:

- anything with two functions `init` and `apply`: `init(…)` gives parameters, any tree of arrays, and
  `apply(parameters, x)` the outputs [output] of one row x [feature], or those [row, output] of rows;
- a function or class that builds an Equinox module, which is called with one row;
- one that builds a Flax NNX module, which is called with rows.

What builds, or `init`, is given what it names of `inputs`, `outputs`, `hidden`, `activation` and a source of
random numbers: `key` (JAX's), `rngs` (NNX's) or `generator` (NumPy's).

A model keeps the path and the arrays, so what cannot be imported again is refused. It is tried once before
anything is trained. Neither library is imported unless it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from couloir.engine.architectures.architecture import Architecture, Draw, Drop, Network, Operations, Size
from couloir.engine.architectures.paths import found


@dataclass(frozen=True)
class Own(Architecture):
    """A person's own architecture.

    Its network is a tree of arrays that knows its functions (`own_functions.Parameters`).

    Attributes:
        path: where it is imported from: "package.module:name".
    """

    path: str = ""

    fillable: ClassVar[bool] = False
    droppable: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Raise an InputError where nothing can be imported from the path."""
        found(self.path)

    @property
    def name(self) -> str:  # type: ignore[override]
        """Its path."""
        return self.path

    def drawn(self, draw: Draw, inputs: int, outputs: int) -> Network:
        """What its own function draws, from a seed that the draw's entropy comes to."""
        from couloir.engine.architectures.own_functions import drawn

        return drawn(self, draw, inputs, outputs)

    def outline(self, inputs: int, outputs: int) -> Network:
        """Parameters as they are, all 0."""
        from couloir.engine.architectures.own_functions import outline

        return outline(self, inputs, outputs)

    def apply(self, ops: Operations, network: Network, inputs: Any, drop: Drop | None = None) -> Any:
        """What its own function answers, [output, batch]; it computes with JAX, whatever the operations."""
        return network.functions.apply(network.tree, inputs.T).T.astype(inputs.dtype)

    def check(self, inputs: int, outputs: int) -> None:
        """Raise an InputError where it cannot be built, differentiated or mapped over many networks."""
        from couloir.engine.architectures.own_functions import tried

        tried(self, inputs, outputs)

    def network(self, parts: Sequence[Sequence[Any]], inputs: int, outputs: int) -> Network:
        """Parameters from their arrays in a row."""
        import jax

        return jax.tree.unflatten(jax.tree.structure(self.outline(inputs, outputs)), list(parts[0]))

    def parts(self, network: Network) -> tuple[tuple[np.ndarray, ...], ...]:
        """The parameters' arrays in a row, as one part."""
        import jax

        return (tuple(map(np.asarray, jax.tree.leaves(network))),)

    def outputs(self, parts: Sequence[Sequence[Any]]) -> int | None:
        """Those that a second part scales; else the parts do not tell."""
        return len(parts[1][0]) if len(parts) > 1 else None

    def names(self, parts: Sequence[Sequence[Any]]) -> list[list[str]]:
        """The arrays' numbers; and what a second part scales by."""
        return [[str(number) for number in range(len(parts[0]))], ["scale", "centre"]][: len(parts)]

    def rescaled(
        self, parts: Sequence[Sequence[Any]], scale: np.ndarray, centre: np.ndarray
    ) -> tuple[tuple[np.ndarray, ...], ...]:
        """Its parts, and the scale and centre of its outputs as one more."""
        return (*map(tuple, parts), (scale, centre))

    def predicted(self, parts: Sequence[Sequence[Any]], inputs: np.ndarray, count: int) -> np.ndarray:
        """What it answers to rows [row, feature], compiled by JAX: [row, output] float64."""
        from couloir.engine.architectures.own_functions import predicted

        answers = predicted(self, parts[0], inputs, count)
        return answers * parts[1][0] + parts[1][1] if len(parts) > 1 else answers

    def measured(self, inputs: int, outputs: int) -> Size:
        """As if every parameter were used once for each row."""
        leaves = self.parts(self.outline(inputs, outputs))[0]
        count = sum(leaf.size for leaf in leaves)
        return Size(count, 6 * count, (*(max(leaf.shape) for leaf in leaves if leaf.ndim), outputs))
