"""A person's own architecture at work, in JAX: what builds it, what it answers, and whether it will do."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from couloir.engine.architectures.architecture import Architecture, Draw
from couloir.engine.architectures.paths import found, said
from couloir.errors import InputError

TRIED = 5
"""Rows that an architecture is tried on."""


class Functions(NamedTuple):
    """An architecture for some numbers of features and outputs, whatever it is written with.

    Attributes:
        init: gives parameters, a tree of arrays, for a seed.
        apply: gives what a network answers to rows [row, feature]: [row, output].
    """

    init: Callable[[int], Any]
    apply: Callable[[Any, Any], Any]


@jax.tree_util.register_pytree_with_keys_class
@dataclass(frozen=True)
class Parameters:
    """A network: a tree of arrays, and the functions that it belongs to."""

    tree: Any
    functions: Functions

    def tree_flatten_with_keys(self) -> tuple[Any, Functions]:
        """For JAX: the tree is what it holds."""
        return ((jax.tree_util.GetAttrKey("tree"), self.tree),), self.functions

    @classmethod
    def tree_unflatten(cls, functions: Functions, children: Any) -> Parameters:
        """The inverse."""
        return cls(children[0], functions)


@cache
def functions(own: Architecture, inputs: int, outputs: int) -> Functions:
    """An architecture's functions for so many features and outputs.

    Raises:
        InputError: it is none of what `couloir.engine.architectures.own` lists, or cannot be built.
    """
    made = found(own.name)
    if callable(getattr(made, "init", None)) and callable(getattr(made, "apply", None)):
        init = partial(_called, own, made.init, inputs, outputs)
        return Functions(init, _row_wise(own, made.apply, _shapes(own, init), inputs, outputs))
    if not callable(made):
        raise InputError(
            f"The architecture '{own.name}' is {type(made).__name__}, which cannot be called: give a "
            "function that builds a module, or something with the functions init and apply."
        )
    build = partial(_called, own, made, inputs, outputs)
    module = build(0)
    for library, adapted in (("equinox", _of_equinox), ("flax", _of_flax)):
        if library in sys.modules and (given := adapted(build, module)) is not None:
            return given
    raise InputError(
        f"The architecture '{own.name}' gives {type(module).__name__}, which is no Equinox and no Flax NNX "
        "module: give a function that builds one, or something with the functions init and apply."
    )


def _of_equinox(build: Callable[[int], Any], module: Any) -> Functions | None:
    """The functions of what builds an Equinox module, which is called with one row; None of another."""
    import equinox

    if not isinstance(module, equinox.Module):
        return None
    _, static = equinox.partition(module, equinox.is_inexact_array)

    def apply(tree: Any, rows: Any) -> Any:
        return jax.vmap(equinox.combine(tree, static))(rows)

    return Functions(lambda seed: equinox.filter(build(seed), equinox.is_inexact_array), apply)


def _of_flax(build: Callable[[int], Any], module: Any) -> Functions | None:
    """The functions of what builds a Flax NNX module, which is called with rows; None of another."""
    from flax import nnx

    if not isinstance(module, nnx.Module):
        return None
    graph, _, others = nnx.split(module, nnx.Param, ...)
    kept = [type(each).__name__ for _, each in nnx.to_flat_state(others) if isinstance(each, nnx.BatchStat)]
    if kept:
        raise InputError(
            f"The architecture {type(module).__name__} keeps statistics of its batches, so a row would not "
            "be answered alone as among others: take a norm of each row, such as nnx.LayerNorm."
        )

    def init(seed: int) -> Any:
        return nnx.to_pure_dict(nnx.state(build(seed), nnx.Param))

    def apply(tree: Any, rows: Any) -> Any:
        state = nnx.state(module, nnx.Param)
        nnx.replace_by_pure_dict(state, tree)
        own = nnx.merge(graph, state, others)
        own.eval()
        return own(rows)

    return Functions(init, apply)


def _called(own: Architecture, make: Callable[..., Any], inputs: int, outputs: int, seed: int) -> Any:
    """What a person's function gives for what it names of sizes and a source of random numbers."""

    def rngs() -> Any:
        from flax import nnx

        return nnx.Rngs(seed)

    offered = {
        "inputs": lambda: inputs,
        "outputs": lambda: outputs,
        "hidden": lambda: own.hidden,
        "activation": lambda: own.activation,
        "key": lambda: jax.random.key(seed),
        "generator": lambda: np.random.default_rng(seed),
        "rngs": rngs,
    }
    try:
        wanted = inspect.signature(make).parameters.values()
        strange = [each.name for each in wanted if each.name not in offered and _needed(each)]
        given = {each.name: offered[each.name]() for each in wanted if each.name in offered}
        if not strange:
            return make(**given)
    except Exception as error:
        raise InputError(
            f"The architecture '{own.name}' cannot be built for {inputs} features and {outputs} outputs "
            f"({said(error)}): correct it."
        ) from None
    raise InputError(
        f"The architecture '{own.name}' asks for {strange[0]}, which is not known here: let it take any of "
        f"{', '.join(offered)}."
    )


def _needed(parameter: inspect.Parameter) -> bool:
    several = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and not several


def _shapes(own: Architecture, init: Callable[[int], Any]) -> Any:
    """The shapes of the parameters that a person's `init` gives."""
    tree = init(0)
    leaves = jax.tree.leaves(tree)
    if not leaves or not all(jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in leaves):
        raise InputError(
            f"The architecture '{own.name}' gives no parameters to train, or some that are no real numbers: "
            "let init give a tree of arrays of real numbers."
        )
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), np.float32), tree)


def _row_wise(
    own: Architecture, apply: Any, shapes: Any, inputs: int, outputs: int
) -> Callable[[Any, Any], Any]:
    """A person's `apply` for rows: it may be written for one row, or for several."""
    tells = []
    for rows, wanted in (((), (outputs,)), ((TRIED,), (TRIED, outputs))):
        try:
            given = jax.eval_shape(apply, shapes, jax.ShapeDtypeStruct((*rows, inputs), np.float32))
        except Exception as error:
            tells.append(said(error))
            continue
        if getattr(given, "shape", None) == wanted:
            return apply if rows else jax.vmap(apply, in_axes=(None, 0))
        tells.append(f"it answers {jax.tree.map(lambda leaf: leaf.shape, given)}")
    raise InputError(
        f"The architecture '{own.name}' does not answer a row of {inputs} features with {outputs} outputs "
        f"({tells[0]}): let apply(parameters, x) give an array [output] for x [feature]."
    )


def drawn(own: Architecture, draw: Draw, inputs: int, outputs: int) -> Parameters:
    """Initial parameters, from a seed that the draw's entropy comes to, of the draw's type."""
    seed = int(np.random.SeedSequence(draw.entropy).generate_state(1)[0])
    given = functions(own, inputs, outputs)
    return Parameters(jax.tree.map(lambda leaf: np.asarray(leaf, draw.dtype), given.init(seed)), given)


@cache
def outline(own: Architecture, inputs: int, outputs: int) -> Parameters:
    """Parameters of 0 that take no memory."""
    given = functions(own, inputs, outputs)
    zero = np.zeros((), np.float32)
    return Parameters(jax.tree.map(lambda leaf: np.broadcast_to(zero, np.shape(leaf)), given.init(0)), given)


@cache
def tried(own: Architecture, inputs: int, outputs: int) -> None:
    """Try an architecture on made-up rows, before anything is trained.

    Raises:
        InputError: it cannot be built, its answers have another shape, it cannot be differentiated or mapped
            over several networks, or it answers a row alone otherwise than among others.
    """
    one = drawn(own, Draw((0,), np.float32), inputs, outputs)
    rows = np.random.default_rng(0).normal(size=(TRIED, inputs)).astype(np.float32)
    try:
        answers = one.functions.apply(one.tree, rows)
    except Exception as error:
        raise InputError(
            f"The architecture '{own.name}' cannot answer rows of {inputs} features ({said(error)}): "
            "correct it."
        ) from None
    if np.shape(answers) != (TRIED, outputs):
        raise InputError(
            f"The architecture '{own.name}' answers {TRIED} rows with an array of the shape "
            f"{np.shape(answers)}, and {(TRIED, outputs)} is wanted: let it give {outputs} outputs."
        )

    def loss(network: Parameters) -> Any:
        return jnp.sum(own.apply(None, network, jnp.asarray(rows.T)) ** 2)  # type: ignore[arg-type]

    two = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), one)
    try:
        jax.jit(jax.vmap(jax.grad(loss)))(two)
    except Exception as error:
        raise InputError(
            f"The architecture '{own.name}' cannot be differentiated and mapped over several networks "
            f"({said(error)}): write it in JAX."
        ) from None
    alone = np.concatenate([one.functions.apply(one.tree, row[None]) for row in rows])
    if not np.allclose(alone, answers, rtol=1e-3, atol=1e-4):
        raise InputError(
            f"The architecture '{own.name}' answers a row among others otherwise than alone: let it treat "
            "each row for itself."
        )


def predicted(own: Architecture, leaves: Sequence[np.ndarray], inputs: np.ndarray, count: int) -> np.ndarray:
    """What a network answers to rows [row, feature]: [row, output], in float64.

    Rows are filled up to a power of two, so that few programs are compiled.
    """
    own.check(inputs.shape[1], count)
    size = 1 << max(len(inputs) - 1, 0).bit_length()
    rows = np.zeros((size, inputs.shape[1]))
    rows[: len(inputs)] = inputs
    with jax.enable_x64(True):
        tree = own.network([[np.asarray(leaf, np.float64) for leaf in leaves]], inputs.shape[1], count)
        answers = np.asarray(_answers(own, tree, rows), np.float64)
    return answers[: len(inputs)]


@partial(jax.jit, static_argnums=0)
def _answers(own: Architecture, network: Parameters, rows: Any) -> Any:
    return network.functions.apply(network.tree, rows)
