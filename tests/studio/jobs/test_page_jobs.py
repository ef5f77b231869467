"""A page's jobs: bounded in number, time and memory, and ended in good order whatever happens."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from couloir.errors import InputError
from couloir.runs import ledger
from couloir.studio.jobs import page_jobs, processes
from couloir.studio.jobs.job import Bounds, Job
from couloir.studio.jobs.page_jobs import PageJobs
from couloir.studio.jobs.request import JobRequest
from couloir.studio.jobs.telling import Teller
from studio_server import until

pytestmark = pytest.mark.slow

ENDLESS = {"optimizer": "sgd,adam", "hidden": "8", "epochs": "1000000", "patience": "none"}


def endless(folder: Path) -> JobRequest:
    """A training that does not come to its end by itself."""
    return JobRequest("train", "iris", "iris", ENDLESS, out=str(folder / "runs"))


def test_a_job_that_needs_too_much_memory_is_stopped_and_leaves_nothing(tmp_path: Path) -> None:
    job = PageJobs().start(endless(tmp_path), Bounds(memory=1 << 20))
    assert job.over.wait(60)
    assert "GiB of memory that a job may take" in str(job.sentence)
    assert job.state()["state"] == "failed"
    assert not (tmp_path / "runs").exists()


def test_a_job_whose_time_is_up_keeps_what_was_learnt(tmp_path: Path) -> None:
    job = PageJobs().start(endless(tmp_path))
    until(lambda: "epoch" in job.told)
    job.bounds = Bounds(seconds=0.0)
    assert job.over.wait(60)
    assert job.sentence is None
    assert job.told["done"]["status"] == "interrupted"


def test_a_job_that_does_not_end_is_killed(tmp_path: Path) -> None:
    job = PageJobs().start(endless(tmp_path))
    until(lambda: "epoch" in job.told)
    job.process.send_signal(19)  # it is stopped, as one is that hangs
    job.cancel(grace=0.2)
    assert job.over.wait(30)
    assert "was stopped: nothing is kept" in str(job.sentence)


def test_there_are_two_jobs_at_once_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_jobs, "LONG", threading.BoundedSemaphore(2))
    pages = [PageJobs() for _ in range(3)]
    begun = [page.start(endless(tmp_path)) for page in pages[:2]]
    with pytest.raises(InputError, match="2 jobs of other pages are under way"):
        pages[2].start(endless(tmp_path))
    begun[0].kill()
    assert begun[0].over.wait(30)
    begun.append(pages[2].start(endless(tmp_path)))
    for job in begun:
        job.kill()
        assert job.over.wait(30)


def test_a_worker_whose_studio_is_gone_ends_and_keeps_what_was_learnt(tmp_path: Path) -> None:
    worker = processes.started()
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write((json.dumps(endless(tmp_path).to_json()) + "\n").encode())
    worker.stdin.flush()
    while b'"event": "epoch"' not in worker.stdout.readline():
        assert worker.poll() is None
    worker.stdin.close()
    worker.stdout.close()
    assert worker.wait(240) == 0
    assert len(list((tmp_path / "runs").glob("*/run.json"))) == 2


def test_a_job_that_swallowed_its_interruption_ends_before_it_has_learnt_anything() -> None:
    unwanted = threading.Event()
    unwanted.set()
    teller = Teller(lambda event, **values: None, "train", unwanted=unwanted)
    for call in (teller.loaded, teller.planned, teller.epoch):
        with pytest.raises(KeyboardInterrupt):
            call(None)  # type: ignore[arg-type]
    teller.learnt = True
    teller.loaded(None)  # type: ignore[arg-type]  (it goes on)


def test_a_fault_of_the_worker_is_said(tmp_path: Path) -> None:
    job = Job(
        JobRequest("dance", "iris", "iris", out=str(tmp_path)), Bounds(), processes.started(), lambda: None
    )
    assert job.over.wait(60)
    assert "fault of the studio" in str(job.sentence)


def test_tests_are_counted_in_the_ledger_of_this_process() -> None:
    assert "couloir-tests-" in str(ledger.ledger_path())  # what jobs score here is no entry in a person's
