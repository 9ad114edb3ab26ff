"""How far a loop is, on standard error: by tqdm, which is loaded only where it is shown."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol, TextIO, TypeVar

from taggingbackends.system.messages import is_quiet

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["meter", "progress"]

T = TypeVar("T", covariant=True)


class _SizedIterable(Sized, Iterable[T], Protocol[T]):
    pass


def progress(items: _SizedIterable[T], doing: str) -> Iterator[T]:
    """Yield the items; on a terminal, a bar shows the progress after one second.

    Parameters
    ----------
    items : sized iterable
        E.g. a list of paths.
    doing : str
        What is done with them, e.g. ``"reading"``.
    """
    remaining = iter(items)
    if sys.stderr.isatty() and not is_quiet():
        start = time.monotonic()
        for n, item in enumerate(remaining, 1):
            yield item
            if time.monotonic() - start >= 1:
                remaining = _bar(remaining, doing, len(items), initial=n, leave=False)
                break
    yield from remaining


def meter(total: int) -> tqdm:
    """Return a bar that counts recordings and estimates the time that is left.

    On a terminal it is one line, which `close` removes. Elsewhere, for example in the log of a
    cluster's job, it is a line for each tenth of the recordings.

    Parameters
    ----------
    total : int
        How many recordings there are.
    """
    text = "{n_fmt}/{total_fmt} recordings{postfix} [{elapsed}<{remaining}]"
    options: dict[str, Any] = {"total": total, "bar_format": text, "leave": False}
    if not sys.stderr.isatty():
        tenth = math.ceil(total / 10)
        options |= {"miniters": tenth, "mininterval": 0, "maxinterval": math.inf}
        options["file"] = _Lines(sys.stderr)
    return _bar(disable=is_quiet() or total == 0, **options)


def _bar(*arguments: Any, **options: Any) -> Any:
    from tqdm import tqdm

    tqdm.set_lock(RLock())  # its own would start multiprocessing, for bars of several processes
    return tqdm(*arguments, **options)


class _Lines:
    """Writes each state of a bar as a line of its own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if text.strip():
            self._stream.write(f"{text.strip()}\n")

    def flush(self) -> None:
        self._stream.flush()
