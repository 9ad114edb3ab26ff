"""Memory for reading large files."""

from __future__ import annotations

import numpy as np

__all__ = ["keep_freed_memory"]

_LARGE = 31 << 20  # bytes; glibc learns from arrays below 32 MiB


def keep_freed_memory() -> None:
    """Stop glibc from returning large freed blocks to the system.

    glibc returns a freed block unless one as large was freed before. Getting the pages again takes
    as long as parsing the numbers. Other C libraries are not affected.
    """
    np.empty(_LARGE, np.uint8)
