"""Measure a baseline and our code in turn, in pairs, because machines are noisy."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["compare", "compare_times", "peak_memory", "row", "seconds"]

Work = Callable[[], Any]


def compare(
    case: str, baseline: Work, ours: Work, rounds: int = 9, goal: float | None = None
) -> None:
    """Print the ratio of the times of two calls, see `compare_times`."""
    compare_times(case, lambda: seconds(baseline), lambda: seconds(ours), rounds, goal)


def compare_times(
    case: str,
    baseline: Callable[[], float],
    ours: Callable[[], float],
    rounds: int = 9,
    goal: float | None = None,
) -> None:
    """Print the ratio of our time to the baseline's, as the median over pairs.

    Parameters
    ----------
    case : str
        Name of the row.
    baseline, ours : callable
        Function that does its work once and returns the time taken in seconds.
    rounds : int
        Number of pairs. One more pair is run first, as a warm-up.
    """
    times = [(baseline(), ours()) for _ in range(rounds + 1)][1:]
    ratios = sorted(mine / theirs for theirs, mine in times)
    theirs, mine = (statistics.median(column) for column in zip(*times, strict=True))
    spread = f"{ratios[0]:.3f}-{ratios[-1]:.3f}"
    row(case, f"{statistics.median(ratios):.3f} ({spread})", _shown(mine), _shown(theirs))


def row(case: str, *columns: str) -> None:
    """Print one row of a table."""
    print(
        f"{case:<52} {columns[0]:<24}" + "".join(f"{column:>12}" for column in columns[1:]),
        flush=True,
    )


def seconds(work: Work) -> float:
    """Return the time of a call in seconds, without the deallocation of its result."""
    gc.collect()
    start = time.perf_counter()
    result = work()
    elapsed = time.perf_counter() - start
    del result
    return elapsed


def peak_memory(prepare: str, work: str) -> tuple[int, Any]:
    """Return the peak memory added by some statements, and their result. Linux only.

    Parameters
    ----------
    prepare, work : str
        Python code that is run in a separate process. The memory of `work` is measured. `work`
        sets the variable ``result``, a number.

    Returns
    -------
    peak : int
        Bytes.
    result : float
        Value of ``result``.
    """
    script = f"""
import re
def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
{prepare}
before = peak()
{work}
print(peak() - before, result)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    bytes_, result = done.stdout.split()
    return int(bytes_), float(result)


def _shown(time: float) -> str:
    return f"{time * 1e3:.1f} ms"
