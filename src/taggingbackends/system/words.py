"""Words in messages."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["UNPRINTABLE", "counted", "listed", "printable"]

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal acts on: control characters, line separators, changes of the direction of text,
and what it cannot show: lone surrogates."""


def printable(text: str) -> str:
    """Return text in one line that a terminal shows and does not act on, e.g. ESC as ``\\x1b``."""
    return UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], text)


def counted(n: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun: ``1 run``, ``2 runs``, ``3 larvae``."""
    return f"{n} {one if n == 1 else several or f'{one}s'}"


def listed(items: Iterable[object], most: int = 3) -> str:
    """Return the first items: ``1, 2, 3, ...``."""
    texts = [str(item) for item in items]
    return ", ".join(texts[:most]) + ", ..." * (len(texts) > most)
