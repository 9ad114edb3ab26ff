"""How far a loop is, told to a person who has waited for a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sized
from typing import Protocol, TypeVar

from taggingbackends.reporting import is_quiet

__all__ = ["progress"]

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
