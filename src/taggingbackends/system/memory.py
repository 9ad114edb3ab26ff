"""Memory that large files come and go in."""

from __future__ import annotations

import numpy as np

__all__ = ["keep_freed_memory"]

_LARGE = 31 << 20  # bytes; glibc learns from arrays below 32 MiB


def keep_freed_memory() -> None:
    """Have memory of some megabytes that is freed stay at hand in this process.

    glibc gives freed memory back to the system unless an array as large was freed before; to get
    it again, page by page, takes as long as reading numbers does. Elsewhere this does nothing.
    """
    np.empty(_LARGE, np.uint8)
