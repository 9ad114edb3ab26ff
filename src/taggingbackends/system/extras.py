"""Libraries that only some functions need."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from taggingbackends.errors import TaggingBackendsError

__all__ = ["require"]


def require(module: str, extra: str, needs: str) -> ModuleType:
    """Import a library that an extra of this package installs.

    Raises
    ------
    TaggingBackendsError
        It is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        problem = f"{needs} needs {module}: pip install 'taggingbackends[{extra}]'"
        raise TaggingBackendsError(problem) from None
