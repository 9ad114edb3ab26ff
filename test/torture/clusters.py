"""Dask workers that are killed while they label recordings."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from random import Random

from torture.drill import Unavailable, drill
from torture.lab import (
    FAULTS,
    Backend,
    check_labels,
    check_no_leftovers,
    expect,
    recordings,
    start,
)

__all__: list[str] = []


@drill("Dask workers that are killed: all recordings are labelled once, nothing is left")
def workers_killed(random: Random, folder: Path) -> str:
    try:
        from distributed import LocalCluster
    except ImportError:
        raise Unavailable("distributed is not installed") from None
    backend = Backend(folder)
    inputs = recordings(folder / "in", 8)
    faults = {random.choice(inputs): random.choice(FAULTS)} if random.random() < 0.5 else {}
    backend.let_fail(faults)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as cluster:
        process = start(
            *("predict", "--recursive", folder / "in", "--model-instance", "m"),
            *("--executor", "dask", "--scheduler", cluster.scheduler_address),
            *("--batch", random.choice(["1", "3", "auto"])),
            cwd=backend.folder,
        )
        killed = 0
        for _ in range(2):
            time.sleep(random.uniform(0, 2))
            worker = random.choice(list(cluster.workers.values()))
            if worker.pid and process.poll() is None:
                os.kill(worker.pid, signal.SIGKILL)
                killed += 1
        try:
            output, errors = process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            process.kill()
            expect(False, "the run hangs")
    expect(process.returncode == bool(faults), f"exit code {process.returncode}: {errors}")
    check_labels(set(inputs) - set(faults))
    lines = output.split()
    expect(len(lines) == len(set(lines)), f"a label file is printed twice: {lines}")
    counts = {what: int(n) for what, n in re.findall(r"(labelled|up to date) (\d+)", errors)}
    expect(counts.get("labelled", 0) == len(lines), f"not as many as printed, {lines}: {errors}")
    # labels that a worker wrote just before it was killed are up to date for the next one
    expect(killed or "up to date" not in counts, f"labels are up to date: {errors}")
    expect(sum(counts.values()) == len(inputs) - len(faults), f"recordings are missing: {errors}")
    check_no_leftovers(folder / "in", backend.folder / "data")
    return f"{killed} killed"
