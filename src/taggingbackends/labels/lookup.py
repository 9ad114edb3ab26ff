"""Look-up of frames by time, and the errors for missing runs, larvae and times."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from heapq import nsmallest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import MissingKeyError, shown, wrong_type
from taggingbackends.system.names import did_you_mean

__all__ = [
    "check_seconds",
    "frames_between",
    "missing_larva",
    "missing_run",
    "missing_time",
    "times_of",
]

_EDGE = 1e-9  # s; tolerance for decimal limits, which doubles only approximate


def frames_between(times: NDArray[np.float64], start: float, stop: float) -> slice:
    """Return the frames with start - 1 ns <= time <= stop + 1 ns (in seconds)."""
    first = int(np.searchsorted(times, start - _EDGE, "left"))
    last = int(np.searchsorted(times, stop + _EDGE, "right"))
    return slice(first, max(first, last))


def times_of(key: slice) -> tuple[float, float]:
    """Return start and stop of a slice of seconds; a missing one is infinite."""
    if key.step is not None:
        problem = f"expected start and stop, in seconds, and no step, found {shown(key)}"
        raise TypeError(f"{problem}; taggingbackends.data.resample changes the frame interval")
    start = -np.inf if key.start is None else check_seconds(key.start)
    return start, np.inf if key.stop is None else check_seconds(key.stop)


def check_seconds(time: Any) -> float:
    """Return a time as a float; raise TypeError unless it is a number, ValueError if it is NaN."""
    number = None if isinstance(time, (str, bytes)) else _number(time)
    if number is None:
        raise wrong_type("a time in seconds", time)
    if number != number:
        raise ValueError(f"expected a time in seconds, found {shown(time)}")
    return number


def missing_run(run: Any, runs: Collection[str]) -> MissingKeyError:
    """Return the error for a missing run."""
    return MissingKeyError(run, lambda: _about_run(run, runs))


def _about_run(run: Any, runs: Collection[str]) -> str:
    problem = "not found" if isinstance(run, str) else "identifiers are strings"
    near = did_you_mean(run if isinstance(run, str) else "", runs)
    return f"run {shown(run)}: {problem}; {near}"


def missing_larva(larva: Any, larvae: Collection[int]) -> MissingKeyError:
    """Return the error for a missing larva."""
    return MissingKeyError(larva, lambda: _about_larva(larva, larvae))


def _about_larva(larva: Any, larvae: Collection[int]) -> str:
    problem = "not found" if isinstance(larva, (int, np.integer)) else "identifiers are integers"
    number = _number(larva)
    if not larvae:
        others = "there are none"
    elif number is None:
        others = f"there are {', '.join(map(str, list(larvae)[:10]))}"
    else:
        near = nsmallest(3, larvae, key=lambda known: abs(known - number))
        near = near[:1] if near[0] == number else sorted(near)
        others = f"nearest: {', '.join(map(str, near))}"
    return f"larva {shown(larva)}: {problem}; {others}"


def missing_time(time: Any, times: NDArray[np.float64]) -> MissingKeyError:
    """Return the error for a time without a frame."""
    return MissingKeyError(time, lambda: _about_time(time, times))


def _about_time(time: Any, times: NDArray[np.float64]) -> str:
    number = None if isinstance(time, (str, bytes)) else _number(time)
    if number is None:
        problem = "times are numbers, in seconds"
    elif not len(times):
        problem = "no frames in this track"
    else:
        nearest = times[np.abs(times - number).argmin()]
        problem = f"no frame within 1 ms; nearest: {nearest}"
    return f"time {shown(time)}: {problem}"


def _number(value: Any) -> float | None:
    with suppress(TypeError, ValueError, OverflowError):
        return float(value)
    return None
