"""Measure a baseline and our code in turn, in pairs, because machines are noisy.

Each measurement is printed at once, and kept in `results` for the table at the end.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "COLUMNS",
    "Goal",
    "Row",
    "begin",
    "compare",
    "compare_times",
    "duration",
    "fact",
    "line",
    "megabytes",
    "peak_memory",
    "record",
    "results",
    "seconds",
    "section",
    "share",
    "skip",
]

Work = Callable[[], Any]
Goal = float | tuple[float, float]

COLUMNS = ("case", "ours", "baseline", "ratio", "goal", "met")


@dataclass(frozen=True)
class Row:
    """A row of the table: texts, in the order of `COLUMNS`; empty where there is no baseline."""

    case: str
    ours: str
    baseline: str = ""
    ratio: str = ""
    goal: str = ""
    met: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts."""
        return self.case, self.ours, self.baseline, self.ratio, self.goal, self.met


results: dict[str, list[Row]] = {}
"""The rows so far, by benchmark."""

_title, _against = "", ""


def begin(benchmark: str) -> None:
    """Begin a benchmark: rows that follow belong to it."""
    results[benchmark] = []
    section("", "")


def section(title: str, against: str) -> None:
    """Name the rows that follow, and their baseline.

    Parameters
    ----------
    title : str
        What the rows have in common, such as ``"reading"``. It begins their names.
    against : str
        Name of the baseline.
    """
    global _title, _against
    _title, _against = title, against


def compare(
    case: str, baseline: Work, ours: Work, rounds: int = 9, goal: Goal | None = None
) -> None:
    """Measure the ratio of the times of two calls, see `compare_times`."""
    compare_times(case, lambda: seconds(baseline), lambda: seconds(ours), rounds, goal)


def compare_times(
    case: str,
    baseline: Callable[[], float],
    ours: Callable[[], float],
    rounds: int = 9,
    goal: Goal | None = None,
) -> None:
    """Measure the ratio of our time to the baseline's, as the median over pairs.

    Parameters
    ----------
    case : str
        Name of the row.
    baseline, ours : callable
        Function that does its work once and returns the time taken in seconds.
    rounds : int
        Number of pairs. One more pair is run first, as a warm-up.
    goal : float or (float, float), optional
        See `record`.
    """
    record(case, [(baseline(), ours()) for _ in range(rounds + 1)][1:], goal)


def record(
    case: str,
    pairs: Sequence[tuple[float, float]],
    goal: Goal | None = None,
    shown: Callable[[float], str] | None = None,
) -> Row:
    """Print, keep and return a row.

    Parameters
    ----------
    case : str
        Name of the row.
    pairs : sequence of (float, float)
        The baseline's figure and ours. One pair is enough for figures that hardly vary, such as
        memory, and for commands that run for a minute.
    goal : float or (float, float), optional
        The largest ratio of our figure to the baseline's that is good enough, or the smallest and
        the largest. Without it, the row is only for information.
    shown : callable, optional
        Turns a figure into text with its unit. The default is `duration`.
    """
    shown = shown or duration
    ratios = sorted(ours / baseline for baseline, ours in pairs)
    baseline, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(ratios)
    spread = f" ({_number(ratios[0])} to {_number(ratios[-1])})" if len(pairs) > 1 else ""
    low, high = goal if isinstance(goal, tuple) else (0.0, goal)
    return _keep(
        case,
        shown(ours),
        f"{_against}: {shown(baseline)}" if _against else shown(baseline),
        _number(ratio) + spread,
        "" if high is None else f"{low} to {high}" if low else f"{high:.3g}",
        "" if high is None else "met" if low <= ratio <= high else "not met",
    )


def fact(case: str, value: str) -> None:
    """Print and keep a row that has no baseline."""
    _keep(case, value)


def skip(reason: str) -> None:
    """Print and keep the reason why something is not measured."""
    _keep("not measured", reason)


def line(row: Row, widths: Sequence[int] = (60, 9, 34, 22, 10, 7)) -> str:
    """Return a row as a line of text, with columns of some widths."""
    cells = zip(row.cells, widths, strict=True)
    return "  ".join(f"{cell:<{width}}" for cell, width in cells).rstrip()


def duration(seconds: float) -> str:
    """Return a time as text."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def megabytes(size: float) -> str:
    """Return a number of bytes as text."""
    return f"{size / 1e6:.3g} MB"


def share(value: float) -> str:
    """Return a share as a percentage."""
    return f"{100 * value:.1f} %"


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


def _keep(case: str, *cells: str) -> Row:
    row = Row(f"{_title}: {case}" if _title else case, *cells)
    next(reversed(results.values())).append(row)
    print(line(row), flush=True)
    return row


def _number(ratio: float) -> str:
    """Return three digits, without an exponent."""
    return f"{ratio:.3f}" if ratio < 1 else f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"
