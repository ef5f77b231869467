"""Architectures as a person may write them: some that will do, and some that will not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


class Plain:
    """Two functions, for one row; 5 units."""

    @staticmethod
    def init(key: Any, inputs: int, outputs: int) -> Any:
        first, second = jax.random.split(key)
        return {
            "weight": jax.random.normal(first, (inputs, 5)) / inputs**0.5,
            "bias": jnp.zeros(5),
            "out": {"kernel": jax.random.normal(second, (5, outputs)) / 5**0.5, "bias": jnp.zeros(outputs)},
        }

    @staticmethod
    def apply(parameters: Any, x: Any) -> Any:
        hidden = jnp.tanh(x @ parameters["weight"] + parameters["bias"])
        return hidden @ parameters["out"]["kernel"] + parameters["out"]["bias"]


def of_rows(parameters: Any, x: Any) -> Any:
    """The same for rows alone."""
    hidden = jnp.tanh(jnp.einsum("rf,fu->ru", x, parameters["weight"]) + parameters["bias"][None])
    return hidden @ parameters["out"]["kernel"] + parameters["out"]["bias"][None]


ROWS = SimpleNamespace(init=Plain.init, apply=of_rows)


def numpy_start(generator: Any, inputs: int, outputs: int, hidden: Any) -> Any:
    return [generator.normal(size=(inputs, hidden[0])), generator.normal(size=(hidden[0], outputs))]


def two_layers(parameters: Any, x: Any) -> Any:
    return jax.nn.relu(x @ parameters[0]) @ parameters[1]


class Sized:
    """Takes what it names, a generator and the hidden units among it."""

    init = staticmethod(numpy_start)
    apply = staticmethod(two_layers)


# Those that will not do -------------------------------------------------------------------------------


class WrongShape(Plain):
    @staticmethod
    def apply(parameters: Any, x: Any) -> Any:
        return Plain.apply(parameters, x)[:1]


class WholeNumbers(Plain):
    @staticmethod
    def init(key: Any, inputs: int, outputs: int) -> Any:
        return {"weight": jnp.ones((inputs, outputs), int)}


class Nothing(Plain):
    @staticmethod
    def init(key: Any) -> Any:
        return {}


class NoSlopes(Plain):
    """A loop whose length depends on the data has no derivative in reverse mode."""

    @staticmethod
    def apply(parameters: Any, x: Any) -> Any:
        answers = Plain.apply(parameters, x)
        return jax.lax.while_loop(lambda y: jnp.sum(y) > 10, lambda y: y / 2, answers)


class InNumPy(Plain):
    @staticmethod
    def apply(parameters: Any, x: Any) -> Any:
        return np.asarray(x) @ np.asarray(parameters["weight"])


class Mixing(Plain):
    """Answers depend on the other rows; for one row alone it cannot be called."""

    @staticmethod
    def apply(parameters: Any, x: Any) -> Any:
        return of_rows(parameters, x - jnp.mean(x, axis=0, keepdims=True)[:, : x.shape[1]])


class Strange(Plain):
    @staticmethod
    def init(key: Any, temperature: float) -> Any:
        return {}


class Broken(Plain):
    @staticmethod
    def init(key: Any, inputs: int) -> Any:
        raise RuntimeError("no luck today")


def not_a_module(inputs: int) -> Any:
    return inputs


NUMBER = 3
NAMELESS = lambda inputs: inputs  # noqa: E731


# Modules of libraries, where these are installed ------------------------------------------------------


def of_equinox(inputs: int, outputs: int, key: Any) -> Any:
    import equinox

    return equinox.nn.MLP(inputs, outputs, 5, 2, activation=jnp.tanh, key=key)


def of_flax(inputs: int, outputs: int, rngs: Any) -> Any:
    from flax import nnx

    class Module(nnx.Module):
        def __init__(self) -> None:
            self.first = nnx.Linear(inputs, 6, rngs=rngs)
            self.norm = nnx.LayerNorm(6, rngs=rngs)
            self.dropout = nnx.Dropout(0.5, rngs=rngs)
            self.last = nnx.Linear(6, outputs, rngs=rngs)

        def __call__(self, rows: Any) -> Any:
            return self.last(self.dropout(jnp.tanh(self.norm(self.first(rows)))))

    return Module()


def of_flax_in_batches(inputs: int, outputs: int, rngs: Any) -> Any:
    from flax import nnx

    return nnx.Sequential(nnx.BatchNorm(inputs, rngs=rngs), nnx.Linear(inputs, outputs, rngs=rngs))
