"""The version of this package."""

from __future__ import annotations

__all__ = ["own_version"]


def own_version() -> str:
    """Return the version of this package, as it is installed."""
    from importlib.metadata import version  # takes as long to import as a script to start

    return version("taggingbackends")
