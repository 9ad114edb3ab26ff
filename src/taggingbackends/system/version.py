"""The version of this package."""

from __future__ import annotations

from functools import cache

__all__ = ["own_version"]


@cache
def own_version() -> str:
    """Return the installed version of this package."""
    from importlib.metadata import version  # slow to import

    return version("taggingbackends")
