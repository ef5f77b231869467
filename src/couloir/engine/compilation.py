"""Compiling: how much is spent on it, the cache on disk that spares it, the clock that accounts for it."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax

from couloir.engine.machine import memory_maps
from couloir.errors import unknown
from couloir.files import own

_SETTINGS = {
    # JAX skips programs that compile in under a second or are small on disk; ours are both, and many.
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}


def cache_folder() -> Path:
    """Where compiled programs are kept: COULOIR_HOME/compiled, else the user's cache folder."""
    return own("compiled")


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """Compile through our cache on disk, and leave JAX's settings as they were.

    Before that, room is made in memory where earlier programs fill it. A cache folder that the caller has
    set for the process is respected. A folder that cannot be written only means that programs compile again.
    """
    from jax.experimental.compilation_cache import compilation_cache

    make_room()
    if jax.config.values["jax_compilation_cache_dir"] is not None or not _writable(cache_folder()):
        yield
        return
    settings: dict[str, Any] = {"jax_compilation_cache_dir": str(cache_folder()), **_SETTINGS}
    before = {name: jax.config.values[name] for name in settings}
    try:
        for name, value in settings.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


SHARE_OF_MAPS = 0.5
"""Compiled programs are forgotten once this share of a process's memory maps is in use."""


def make_room() -> bool:
    """Forget compiled programs where they fill the memory maps that the system allows; whether that was so.

    A program takes some 200 to 600 maps of Linux's 65,530 and keeps them: a process that has compiled some
    hundred dies of "LLVM compilation error: Cannot allocate memory", however much memory there is. What is
    asked for again comes from the cache on disk.
    """
    used = memory_maps()
    if used is None or used < SHARE_OF_MAPS:
        return False
    jax.clear_caches()
    gc.collect()
    return True


# One level below XLA's own: loops of every length are not unrolled, which is as fast (two cores, 1,000
# trainings on digits: 0 to 10 % faster) and compiles in three quarters of the time.
_LEVEL = {"xla_backend_optimization_level": 2}

OPTIONS: Mapping[str, dict[str, Any] | None] = MappingProxyType(
    {
        "well": {**_LEVEL, "xla_cpu_use_fusion_emitters": True},
        # XLA's older emitters of machine code compile in half of the time. An epoch then takes up to 1.7
        # times as long (digits), or no longer (wine).
        "fast": {**_LEVEL, "xla_cpu_use_fusion_emitters": False},
        "as set": None,
    }
)
"""How much is spent on compiling, by name: for long runs, for short ones, or what JAX itself is set to."""


def compiled(function: Callable[..., Any], fast: bool, static: str, donated: str) -> Any:
    """A function compiled once for each value of its static argument and the shapes of the others.

    Args:
        function: what is compiled.
        fast: whether little time is to be spent on that, for slower code. The environment's COULOIR_COMPILE
            ("well", "fast", "as set") decides instead, where it is set.
        static: the name of the argument that is not traced.
        donated: the name of the one whose buffers may be used again.
    """
    effort = os.environ.get("COULOIR_COMPILE") or ("fast" if fast else "well")
    if effort not in OPTIONS:
        raise unknown("effort in COULOIR_COMPILE", effort, OPTIONS)
    return _compiled(function, effort, static, donated)


@cache
def _compiled(function: Callable[..., Any], effort: str, static: str, donated: str) -> Any:
    return jax.jit(
        function, static_argnames=static, donate_argnames=donated, compiler_options=OPTIONS[effort]
    )


class Clock:
    """Seconds that JAX has spent on tracing, lowering and compiling while the clock was running.

    Programs that compile at the same time, in several threads, count once.
    """

    def __init__(self) -> None:
        """A clock at 0."""
        self.seconds = 0.0
        self._counted_to = -math.inf
        self._lock = threading.Lock()

    def _hear(self, event: str, duration_secs: float, **_: str | int) -> None:
        if not event.startswith("/jax/core/compile/"):
            return
        with self._lock:
            now = time.perf_counter()
            self.seconds += max(0.0, min(duration_secs, now - self._counted_to))
            self._counted_to = now

    @contextlib.contextmanager
    def running(self) -> Iterator[Clock]:
        """Listen to JAX's own reports of what it compiles."""
        jax.monitoring.register_event_duration_secs_listener(self._hear)
        try:
            yield self
        finally:
            jax.monitoring.unregister_event_duration_listener(self._hear)
