"""How far a loop is, told to a person who waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sized
from typing import Protocol, TypeVar

from taggingbackends.system.messages import is_quiet

__all__ = ["Meter", "duration", "progress"]

T = TypeVar("T", covariant=True)


class _SizedIterable(Sized, Protocol[T]):
    def __iter__(self) -> Iterator[T]: ...


def progress(items: _SizedIterable[T], doing: str, after: float = 1.0) -> Iterator[T]:
    """Yield the items; on a terminal, tell on standard error which one it is, and of how many.

    Parameters
    ----------
    items : sized iterable
        E.g. a list of paths, shown by their names.
    doing : str
        What is done with them, e.g. ``"reading"``.
    after : float
        Seconds until anything is told.
    """
    if not sys.stderr.isatty() or is_quiet():
        yield from items
        return
    start = time.monotonic()
    shown = False
    try:
        for n, item in enumerate(items, 1):
            if time.monotonic() - start >= after:
                name = getattr(item, "name", item)
                sys.stderr.write(f"\r\x1b[K{doing} {n}/{len(items)}: {name}"[:100])
                sys.stderr.flush()
                shown = True
            yield item
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


class Meter:
    """How many of a number of long tasks are done, and how long the others will take.

    On a terminal that is one line on standard error, which is overwritten; elsewhere, in the log of
    a cluster for example, a line for each tenth of the tasks.

    Parameters
    ----------
    total : int
        How many tasks there are.
    slots : callable
        Tells how many are worked on at a time.
    """

    def __init__(self, total: int, slots: Callable[[], int]) -> None:
        self._total = total
        self._slots = slots
        self._done = self._failed = self._worked = 0
        self._seconds = 0.0
        self._live = sys.stderr.isatty()
        self._tell()

    def add(self, failed: bool = False, seconds: float = 0.0) -> None:
        """Count a task that is done; one that took no time says nothing about the others."""
        self._done += 1
        self._failed += failed
        self._seconds += seconds
        self._worked += seconds > 0
        tenth = self._done * 10 // self._total > (self._done - 1) * 10 // self._total
        if self._live or (tenth and self._done < self._total):
            self._tell()

    def clear(self) -> None:
        """Remove the line from a terminal, before something else is written."""
        if self._live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _tell(self) -> None:
        if is_quiet():
            return
        text = f"{self._done}/{self._total} recordings"
        if self._failed:
            text += f", {self._failed} failed"
        left = self._total - self._done
        if self._worked and left:
            seconds = self._seconds / self._worked * left / min(left, self._slots())
            text += f", about {duration(seconds)} left"
        sys.stderr.write(f"\r\x1b[K{text}" if self._live else f"{text}\n")
        sys.stderr.flush()


def duration(seconds: float) -> str:
    """Return a duration for people: ``40 s``, ``3 min``, ``2 h 5 min``."""
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
