"""Activations: what a hidden unit makes of its sum, element by element."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp
from jaxtyping import Array

Activation = Callable[[Array], Array]
"""Signals in, signals of the same shape out, element by element."""

ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        "sigmoid": jax.nn.sigmoid,
        "tanh": jnp.tanh,
        "relu": jax.nn.relu,
        "leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.01),
        "elu": jax.nn.elu,
        "gelu": lambda x: jax.nn.gelu(x, approximate=False),
        "silu": jax.nn.silu,
        "softplus": jax.nn.softplus,
        "linear": lambda x: x,
    }
)
"""Elementwise activations by name."""

RECTIFIED = frozenset({"relu", "leaky_relu", "elu", "gelu", "silu"})
"""Activations that pass about half of their input: their weights start larger (He et al. 2015)."""
