"""Jobs that are forked from a process with everything imported: the same jobs, only sooner."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from couloir.studio import jobs, nursery
from couloir.studio.jobs import Bounds, Desk, Job
from couloir.studio.nursery import AHEAD, NICENESS, Forked, Nursery
from couloir.studio.tasks import Task
from studio_server import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is a nursery on Linux alone")


@pytest.fixture(scope="module")
def ready() -> Iterator[Nursery]:
    """A nursery of this module's own, which has imported everything."""
    own = Nursery()
    until(own.ready)
    yield own
    own.close()


@pytest.fixture
def forking(ready: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nursery, "begin", lambda: ready)


def test_a_forked_job_answers_as_one_that_is_started_anew(
    forking: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Task("plan", "iris", "iris", {"epochs": "7"}, of="train", out=str(tmp_path))
    forked = Desk().ask(task, "planned")
    monkeypatch.setattr(nursery, "begin", lambda: None)
    assert forked == Desk().ask(task, "planned")


def test_a_forked_job_trains_in_a_session_of_its_own_and_behind_the_server(
    forking: None, tmp_path: Path
) -> None:
    task = Task("train", "iris", "iris", {"epochs": "3", "hidden": "4"}, out=str(tmp_path / "runs"))
    job = Job(task, Bounds(), lambda: None)
    assert isinstance(job.process, Forked)
    until(lambda: "stage" in job.told)
    pid = job.process.pid
    assert os.getsid(pid) == pid
    assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0) + NICENESS
    assert job.process.poll() is None
    assert jobs.resident(pid) > 2**26
    assert job.over.wait(120)
    assert job.sentence is None
    assert job.process.poll() == 0
    record = json.loads((tmp_path / "runs" / job.told["done"]["run"] / "run.json").read_text("utf-8"))
    assert record["n_members"] == 64
    job.process.kill()  # of a process that is gone: nothing happens
    assert not list((tmp_path / "runs").glob(".*.part*"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_forked_job_can_be_ended(forking: None, tmp_path: Path, number: int) -> None:
    job = Job(Task("train", "iris", "iris", {"epochs": "100000"}, out=str(tmp_path)), Bounds(), lambda: None)
    until(lambda: "stage" in job.told)
    job.process.send_signal(number)
    assert job.over.wait(30)
    assert "fault of the studio" in str(job.sentence)


def test_forks_outlive_the_nursery_and_later_jobs_are_started_anew() -> None:
    own = Nursery(ahead=())
    until(own.ready)
    first = own.fork()
    assert first is not None
    os.kill(own._process.pid, signal.SIGKILL)
    own._process.wait()
    assert own.fork() is None
    assert own.fork() is None
    first.stdin.write((json.dumps(Task("look", "iris", "iris").to_json()) + "\n").encode())
    first.stdin.flush()
    assert json.loads(first.stdout.readline())["rows"] == 150
    until(lambda: first.poll() == 0)
    first.stdin.close()
    first.stdout.close()
    own.close()


def test_a_nursery_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nursery, "ANSWER_SECONDS", 0.2)
    own = Nursery(ahead=())
    until(own.ready)
    os.kill(own._process.pid, signal.SIGSTOP)
    assert own.fork() is None
    assert not own.ready()
    assert own._process.poll() == -signal.SIGKILL
    assert own.fork() is None


def test_before_it_is_ready_there_is_nothing_to_fork_and_without_its_studio_it_ends() -> None:
    own = Nursery(ahead=["a_module_that_is_not_there", "json"])
    assert own.fork() is None
    until(own.ready)
    own._line.close()
    assert own._process.wait(60) == 0


def test_nothing_is_imported_ahead_that_would_wait_in_a_fork_for_its_threads() -> None:
    code = (
        "import importlib, sys\n"
        f"for name in {AHEAD!r}: importlib.import_module(name)\n"
        "from jax._src import xla_bridge\n"
        "assert 'polars' not in sys.modules\n"
        "assert not xla_bridge.backends_are_initialized()\n"
        "import threading; assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=nursery.surroundings())
