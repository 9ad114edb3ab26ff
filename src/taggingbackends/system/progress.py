"""Progress bars on standard error. tqdm is imported only when a bar is shown."""

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
    """Yield the items. On a terminal, show a progress bar after one second.

    Parameters
    ----------
    items : sized iterable
        For example a list of paths.
    doing : str
        The text before the bar, e.g. ``"reading"``.
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


def meter(total: int, what: str = "recordings") -> tqdm:
    """Return a progress bar that counts recordings and estimates the remaining time.

    On a terminal the bar is one line, which `close` removes. Elsewhere, e.g. in the log of a
    cluster job, one line is printed per tenth of the recordings.

    Parameters
    ----------
    total : int
        The number of recordings.
    what : str
        What is counted, in the plural.
    """
    text = f"{{n_fmt}}/{{total_fmt}} {what}{{postfix}} [{{elapsed}}<{{remaining}}]"
    options: dict[str, Any] = {"total": total, "bar_format": text, "leave": False}
    if not sys.stderr.isatty():
        tenth = math.ceil(total / 10)
        options |= {"miniters": tenth, "mininterval": 0, "maxinterval": math.inf}
        options["file"] = _Lines(sys.stderr)
    return _bar(disable=is_quiet() or total == 0, **options)


def _bar(*arguments: Any, **options: Any) -> Any:
    from tqdm import tqdm

    tqdm.set_lock(RLock())  # tqdm's default lock would start multiprocessing
    return tqdm(*arguments, **options)


class _Lines:
    """A stream that writes each state of a progress bar on its own line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if text.strip():
            self._stream.write(f"{text.strip()}\n")

    def flush(self) -> None:
        self._stream.flush()
