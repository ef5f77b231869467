"""The cache of compiled programs and the clock: JAX is left as it was found."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from couloir.engine import compilation
from couloir.engine.epochs import Part, TrainingData
from couloir.engine.machine import memory_maps
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.training import train_population

SETTINGS = (
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
    "jax_enable_x64",
    "jax_default_matmul_precision",
)


def settings() -> dict[str, Any]:
    return {name: jax.config.values[name] for name in SETTINGS}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Couloir's cache in a new folder, in a process for which nobody has chosen another."""
    before = jax.config.values["jax_compilation_cache_dir"]
    monkeypatch.setenv("COULOIR_HOME", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    yield tmp_path / "compiled"
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


def compile_something(number: float) -> None:
    """A program that is new to this process and the same for the same number."""
    assert float(jax.jit(lambda x: x * number + 1)(jnp.float32(2.0))) == pytest.approx(2 * number + 1)


def entries(folder: Path) -> set[str]:
    """The programs that are kept, without the files that say when they were last used."""
    return {path.name for path in folder.iterdir() if path.name.endswith("-cache")}


def test_programs_are_kept_on_disk_and_found_again(folder: Path) -> None:
    hits: list[str] = []

    def hear(event: str, **_: object) -> None:
        if event == "/jax/compilation_cache/cache_hits":
            hits.append(event)

    with compilation.cached():
        compile_something(3.5)
    kept = entries(folder)
    assert kept, "a program that compiles in less than a second is kept too"
    jax.monitoring.register_event_listener(hear)
    try:
        with compilation.cached():
            compile_something(3.5)
    finally:
        jax.monitoring.unregister_event_listener(hear)
    assert hits
    assert entries(folder) == kept


def test_outside_nothing_is_kept(folder: Path) -> None:
    with compilation.cached():
        compile_something(4.5)
    kept = entries(folder)
    compile_something(5.5)
    assert entries(folder) == kept


@pytest.mark.parametrize("fails", [False, True])
def test_settings_are_restored(folder: Path, fails: bool) -> None:
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.75)
    before = settings()
    try:
        with contextlib.suppress(KeyboardInterrupt), compilation.cached():
            assert jax.config.values["jax_compilation_cache_dir"] == str(folder)
            if fails:
                raise KeyboardInterrupt
        assert settings() == before
    finally:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)


def test_a_folder_that_the_caller_has_chosen_is_respected(folder: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen"
    jax.config.update("jax_compilation_cache_dir", str(chosen))
    before = settings()
    with compilation.cached():
        assert settings() == before
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_only_means_compiling_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """No warning either: they are errors in these tests."""
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COULOIR_HOME", str(tmp_path / "file"))
    before = settings()
    with compilation.cached():
        compile_something(6.5)
    assert settings() == before


def test_the_folder_is_the_user_s_cache_folder_or_below_couloir_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COULOIR_HOME", str(tmp_path))
    assert compilation.cache_folder() == tmp_path / "compiled"
    monkeypatch.delenv("COULOIR_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert compilation.cache_folder().name == "compiled"
    assert "couloir" in compilation.cache_folder().parts


def test_the_clock_hears_compiling_while_it_runs_and_only_then() -> None:
    clock = compilation.Clock()
    compile_something(7.5)
    assert clock.seconds == 0
    with clock.running():
        compile_something(8.5)
    heard = clock.seconds
    assert heard > 0
    compile_something(9.5)
    assert clock.seconds == heard


def test_the_clock_is_silent_while_a_compiled_program_runs() -> None:
    double = jax.jit(lambda x: x + x)
    number = jnp.float32(3.0)
    double(number)
    clock = compilation.Clock()
    with clock.running():
        double(number).block_until_ready()
    assert clock.seconds == 0


class Stop(Exception):
    """Raised by a callback."""


def training(**asked: Any) -> Any:
    random = np.random.default_rng(0)
    part = Part(random.normal(size=(6, 2)), random.integers(0, 2, 6))
    member = Member(RULES["sgd"], 0.1, hidden=(), batch_size=3, epochs=2)
    return train_population([member], TrainingData("classification", 2, part, part), **asked)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_training_leaves_jax_as_it_was_even_when_it_is_broken_off(folder: Path, precision: str) -> None:
    def broken_off(progress: Any) -> None:
        assert jax.config.values["jax_compilation_cache_dir"] == str(folder)
        raise Stop

    before = settings()
    with pytest.raises(Stop):
        training(precision=precision, on_epoch=broken_off)
    assert settings() == before
    assert any(name.startswith("jit_epoch_of_folds-") for name in entries(folder))


def test_seconds_of_compiling_and_of_training_are_kept_apart(folder: Path) -> None:
    """A training that finds its programs compiled reports no time for it."""
    first, second = training(seed=1), training(seed=2)
    assert first.compile_seconds >= 0
    assert second.compile_seconds == 0
    assert second.seconds > 0


def test_programs_are_forgotten_where_they_fill_the_memory_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a process dies after some hundred; a training afterwards gives the same, to the last bit."""
    before = training()
    full = memory_maps()
    if full is None:
        pytest.skip("this system sets no limit")
    function = jax.jit(lambda x: x + 1)
    function(jnp.float32(2.0))
    monkeypatch.setattr(compilation, "SHARE_OF_MAPS", 2 * full)
    assert not compilation.make_room()
    assert function._cache_size() == 1
    monkeypatch.setattr(compilation, "SHARE_OF_MAPS", full / 2)
    again = training()  # it begins by making room
    assert function._cache_size() == 0
    assert compilation.make_room()
    left = memory_maps()
    assert left is not None
    assert left < full
    for one, other in zip(before.outcomes[0].network, again.outcomes[0].network, strict=True):
        assert np.array_equal(one.weight, other.weight)
        assert np.array_equal(one.bias, other.bias)
