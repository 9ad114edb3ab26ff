"""How far a loop is, on standard error: by tqdm, which is loaded only where it is shown."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sized
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol, TextIO, TypeVar

from taggingbackends.system.messages import is_quiet

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["meter", "progress"]

T = TypeVar("T", covariant=True)


class _SizedIterable(Sized, Iterable[T], Protocol[T]):
    pass


def progress(items: _SizedIterable[T], doing: str) -> Iterable[T]:
    """Return the items to loop over; on a terminal, a bar shows the progress after one second.

    Parameters
    ----------
    items : sized iterable
        E.g. a list of paths.
    doing : str
        What is done with them, e.g. ``"reading"``.
    """
    if is_quiet() or not sys.stderr.isatty():
        return items
    bar: Iterable[T] = _bar(items, desc=doing, delay=1, leave=False)
    return bar


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
