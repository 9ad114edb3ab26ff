"""Names of files for people: short, and still different."""

from __future__ import annotations

import os
from collections.abc import Iterable

__all__ = ["short_names"]


def short_names(files: Iterable[str]) -> dict[str, str]:
    """Return the path of each file without the folders that all have in common."""
    paths = list(files)
    try:
        top = os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    except ValueError:  # no files; absolute and relative ones; several drives
        top = ""
    return {path: os.path.relpath(path, top) if path and top else path for path in paths}
