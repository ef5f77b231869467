"""Workers that are forked from a process with everything imported: the same jobs, only sooner."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from couloir.studio.jobs import fork_server, processes
from couloir.studio.jobs.fork_server import NICENESS, ForkedProcess, ForkServer
from couloir.studio.jobs.job import Bounds, Job, resident
from couloir.studio.jobs.page_jobs import PageJobs
from couloir.studio.jobs.processes import AHEAD, WORKER
from couloir.studio.jobs.request import JobRequest
from studio_server import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="there is a fork server on Linux alone"),
]


def made(ahead: Sequence[str]) -> ForkServer:
    return ForkServer(WORKER, ahead, processes.environment())


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    """A server of this module's own, which has imported everything."""
    own = made(AHEAD)
    until(own.ready)
    yield own
    own.close()


def forked(server: ForkServer) -> ForkedProcess:
    found = server.fork()
    assert found is not None
    return found


def test_a_forked_job_answers_as_one_that_is_started_anew(server: ForkServer, tmp_path: Path) -> None:
    plan = JobRequest("plan", "iris", "iris", {"epochs": "7"}, of="train", out=str(tmp_path))
    found = PageJobs(lambda: forked(server)).ask(plan, "planned")
    assert found == PageJobs(processes.started).ask(plan, "planned")


def test_a_forked_job_trains_in_a_session_of_its_own_and_behind_the_server(
    server: ForkServer, tmp_path: Path
) -> None:
    options = {"epochs": "3", "hidden": "4"}
    request = JobRequest("train", "iris", "iris", options, out=str(tmp_path / "runs"))
    job = Job(request, Bounds(), forked(server), lambda: None)
    until(lambda: "stage" in job.told)
    pid = job.process.pid
    assert os.getsid(pid) == pid
    assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0) + NICENESS
    assert job.process.poll() is None
    assert resident(pid) > 2**26
    assert job.over.wait(120)
    assert job.sentence is None
    assert job.process.poll() == 0
    record = json.loads((tmp_path / "runs" / job.told["done"]["run"] / "run.json").read_text("utf-8"))
    assert record["n_members"] == 64
    job.process.kill()  # of a process that is gone: nothing happens
    assert not list((tmp_path / "runs").glob(".*.part*"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_forked_job_can_be_ended(server: ForkServer, tmp_path: Path, number: int) -> None:
    request = JobRequest("train", "iris", "iris", {"epochs": "100000"}, out=str(tmp_path))
    job = Job(request, Bounds(), forked(server), lambda: None)
    until(lambda: "stage" in job.told)
    job.process.send_signal(number)
    assert job.over.wait(30)
    assert "fault of the studio" in str(job.sentence)


def test_forks_outlive_their_server_and_later_there_are_none() -> None:
    own = made(())
    until(own.ready)
    first = forked(own)
    os.kill(own.process.pid, signal.SIGKILL)
    own.process.wait()
    assert own.fork() is None
    assert own.fork() is None
    first.stdin.write((json.dumps(JobRequest("look", "iris", "iris").to_json()) + "\n").encode())
    first.stdin.flush()
    assert json.loads(first.stdout.readline())["rows"] == 150
    until(lambda: first.poll() == 0)
    first.stdin.close()
    first.stdout.close()
    own.close()


def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "ANSWER_SECONDS", 0.2)
    own = made(())
    until(own.ready)
    os.kill(own.process.pid, signal.SIGSTOP)
    assert own.fork() is None
    assert not own.ready()
    assert own.process.poll() == -signal.SIGKILL
    assert own.fork() is None


def test_before_it_is_ready_there_is_nothing_to_fork_and_without_its_studio_it_ends() -> None:
    own = made(["a_module_that_is_not_there", "json"])
    assert own.fork() is None
    until(own.ready)
    own.line.close()
    assert own.process.wait(60) == 0


def test_nothing_is_imported_ahead_that_would_wait_in_a_fork_for_its_threads() -> None:
    code = (
        "import importlib, sys\n"
        f"for name in {AHEAD!r}: importlib.import_module(name)\n"
        "from jax._src import xla_bridge\n"
        "assert 'polars' not in sys.modules\n"
        "assert not xla_bridge.backends_are_initialized()\n"
        "import threading; assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=processes.environment())
