"""Compiling: the cache on disk that spares it, the clock that accounts for it, the folder of both."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

_SETTINGS = {
    # JAX skips programs that compile in under a second or are small on disk; ours are both, and many.
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}


def cache_folder() -> Path:
    """Where compiled programs are kept: COULOIR_HOME/compiled, else the user's cache folder."""
    home = os.environ.get("COULOIR_HOME")
    if home:
        return Path(home) / "compiled"
    import platformdirs

    return Path(platformdirs.user_cache_dir("couloir", appauthor=False)) / "compiled"


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """Compile through our cache on disk, and leave JAX's settings as they were.

    A cache folder that the caller has set for the process is respected. A folder that cannot be
    written only means that programs compile again.
    """
    from jax.experimental.compilation_cache import compilation_cache

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
