"""Dask clusters that are missing, or whose workers cannot label recordings."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from support import backend_error, command, posix, wait_until, write_recording
from taggingbackends import __version__
from taggingbackends.many import executors
from taggingbackends.many.executors import DaskExecutor
from taggingbackends.many.labelling import Outcome, Result, Task

Maker = Callable[..., Path]

distributed = pytest.importorskip("distributed")


@pytest.fixture
def arguments(tmp_path: Path, make_backend: Maker) -> list[str]:
    """Return the arguments of a command that labels one recording, except the scheduler."""
    write_recording(tmp_path / "lab")
    project = make_backend()
    return [
        *("--project", str(project), "predict", "--recursive", str(tmp_path / "lab")),
        *("--model-instance=m", "--executor=dask", "--scheduler"),
    ]


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Return a cluster without workers."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # workers are ended by a signal
    with distributed.LocalCluster(
        n_workers=0, threads_per_worker=1, dashboard_address=":0"
    ) as cluster:
        yield cluster


@contextmanager
def worker(cluster: Any, folder: Path, version: str | None) -> Iterator[None]:
    """Run a worker with another version of this package, or without it, until the block ends."""
    site = folder / f"site-{version}"
    site.mkdir()
    for entry in Path(str(distribution("distributed").locate_file(""))).iterdir():
        if "taggingbackends" not in entry.name:
            (site / entry.name).symlink_to(entry)
    if version is not None:
        (site / "taggingbackends.py").touch()
        metadata = site / f"taggingbackends-{version}.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: taggingbackends\nVersion: {version}\n")
    with subprocess.Popen(
        # -S: without the path of an editable installation
        [
            *(sys.executable, "-S", "-m", "distributed.cli.dask_worker"),
            *(cluster.scheduler_address, "--nthreads=1", "--no-dashboard", "--no-nanny"),
        ],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(site)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.terminate()


@posix
def test_workers_without_this_version(arguments: list[str], cluster: Any, tmp_path: Path) -> None:
    address = cluster.scheduler_address
    with worker(cluster, tmp_path, "0.0.1"):
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=30)
        result = command(*arguments, address, cwd=tmp_path)
    message = f": expected taggingbackends {__version__}, found 0.0.1; install this version on all"
    assert result.returncode == 1
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    # no workers at first, then one without this package
    with subprocess.Popen(
        [sys.executable, "-m", "taggingbackends", *arguments, address],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if f"no Dask workers yet at {address}: waiting" in line:
                break
        with worker(cluster, tmp_path, None):
            _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.splitlines()[-1].endswith("found none; install this version on all Dask workers")
    assert "Traceback" not in stderr


@pytest.mark.parametrize("address", ["nonsense://x", "x:y:z", "inproc://1.2.3.4/5/6", "tls://x:1"])
def test_no_scheduler(address: str) -> None:
    problem = re.escape(f"no Dask scheduler at {address}: ")
    with backend_error("no-scheduler", f"{problem}.+; give the address that `dask scheduler` pri"):
        DaskExecutor(address)


def test_a_recording_that_ends_workers_costs_no_other_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An error that a worker's process reports is like the one of a worker that has died often."""
    tasks = [
        Task(Path("backend"), "m", (file,), file.with_name("x.label"), {})
        for file in (Path("lab", f"{i}.spine") for i in range(6))
    ]

    def label_batch(batch: Sequence[Task]) -> list[Outcome]:
        if tasks[4] in batch:
            raise MemoryError("no memory")
        return [Outcome(task.files[0], Result.LABELLED, together=len(batch)) for task in batch]

    monkeypatch.setattr(executors, "label_batch", label_batch)
    with (
        distributed.LocalCluster(processes=False, n_workers=1, dashboard_address=":0") as here,
        DaskExecutor(here.scheduler_address, batch=6) as executor,
    ):
        outcomes = {one.recording: one for one in executor.run(tasks)}
    assert len(outcomes) == 6
    failed = outcomes.pop(tasks[4].files[0])
    assert (failed.result, failed.why) == (Result.FAILED, "no memory")
    assert {one.result for one in outcomes.values()} == {Result.LABELLED}


@pytest.fixture
def tasks() -> list[Task]:
    files = [Path("lab", f"{i:02d}.spine") for i in range(50)]
    return [Task(Path("backend"), "m", (file,), file.with_suffix(".label"), {}) for file in files]


@pytest.fixture
def stopping() -> Iterator[str]:
    """Return the address of a scheduler that stops once 32 batches have arrived."""
    address: Queue[str] = Queue()

    async def serve() -> None:
        async with distributed.Scheduler(port=0, dashboard_address=":0") as scheduler:
            address.put(scheduler.address)
            while len(scheduler.tasks) < 32:
                await asyncio.sleep(0.01)

    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(asyncio.run, serve())
        yield address.get(timeout=30)
        served.result()


@pytest.mark.filterwarnings("ignore:no Dask workers yet")
def test_a_scheduler_that_stops(stopping: str, tasks: list[Task]) -> None:
    """What is left fails, also the batches that were not sent yet."""
    with DaskExecutor(stopping, batch=1) as executor:
        outcomes = list(executor.run(tasks))
    # it logs a traceback if a message meets a scheduler that has just ended
    assert logging.getLogger("distributed.batched").level == logging.CRITICAL
    assert sorted(one.recording for one in outcomes) == [task.files[0] for task in tasks]
    assert {(one.result, one.why) for one in outcomes} == {
        (Result.FAILED, "the Dask scheduler has stopped or cancelled the task")
    }


@pytest.mark.filterwarnings("ignore:no Dask workers yet")
def test_outcomes_that_nobody_wants_after_a_scheduler_has_stopped(
    stopping: str, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "_CONNECTING", 1)
    with DaskExecutor(stopping, batch=1) as executor:
        outcomes = executor.run(tasks)
        assert next(outcomes).result is Result.FAILED
        wait_until(lambda: executor._client.status == "closed")  # it does not connect again
        outcomes.close()
