"""Words in messages."""

from __future__ import annotations

__all__ = ["counted"]


def counted(n: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun: ``1 run``, ``2 runs``, ``3 larvae``."""
    return f"{n} {one if n == 1 else several or f'{one}s'}"
