"""What every test runs under: the shipped float32 settings, made stricter, and away from the user's files.

Shapes and types in the signatures of the mathematics are checked at run time (jaxtyping, beartype), and
NumPy's silent adding of axes is an error in JAX. Folders for the ledger and for compiled programs are
temporary, in this process and in those that tests start.

Programs that run for a moment are not worth optimising: compiling takes most of the tests' time, and most of
that goes into making machine code fast. So it is left out, but for the modules that ask for the machine code
as it is shipped (`as_shipped`); and what one process has compiled, the others find.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_HOME = tempfile.mkdtemp(prefix="couloir-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["COULOIR_HOME"] = _HOME
if "PYTEST_XDIST_WORKER" not in os.environ:  # a worker has the controller's folder
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(Path(_HOME) / "jax")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
os.environ["COULOIR_COMPILE"] = "as set"
# XLA's older emitters of machine code, which compile in a third of the time.
os.environ["XLA_FLAGS"] = "--xla_cpu_use_fusion_emitters=false"
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
# There is a worker a core: the threads of their linear algebra would wait for one another, spinning.
os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
os.environ.pop("JAX_ENABLE_X64", None)
# A test may start processes, and each of them would translate the sources of all libraries once more.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

import jax  # noqa: E402 (JAX reads the environment when it is imported)
import pytest  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

# In force even where a pytest plug-in imported JAX before this file.
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_enable_x64", False)
jax.config.update("jax_disable_most_optimizations", True)

# Before any test module imports couloir. Only the mathematics is checked in this way: it carries shapes in
# its signatures, while other modules name Polars and scikit-learn types that they import only when called.
CHECKED = ("architectures.on_jax", "activations", "losses", "optimizers", "schedules", "scoring", "epochs")
install_import_hook([f"couloir.engine.{module}" for module in CHECKED], "beartype.beartype")

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules with the most slow tests first, so that no worker sits over one alone in the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="module")
def as_shipped() -> Iterator[None]:
    """Programs are compiled as a user's are, in this module."""
    jax.clear_caches()
    jax.config.update("jax_disable_most_optimizations", False)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COULOIR_COMPILE")
        yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="module")
def for_long() -> Iterator[None]:
    """All programs are compiled as those of large trainings are, also those that run for a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COULOIR_COMPILE", "well")
        yield


@pytest.fixture(scope="module", autouse=True)
def programs_of_one_module() -> Iterator[None]:
    """Forget a module's programs after it: the next one has others, and they fill the memory."""
    yield
    jax.clear_caches()


@pytest.fixture
def float64() -> Iterator[None]:
    """Arrays made in this test are float64, as with ``precision="float64"``."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data beside the project; the test is skipped where there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared data folder (../shared/data from the project's root) is not here")
    return SHARED_DATA
