"""Libraries that only some functions need, which extras install."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from taggingbackends.errors import TaggingBackendsError

__all__ = ["require"]


def require(module: str, extra: str, needs: str) -> ModuleType:
    """Import a library that an extra installs.

    Parameters
    ----------
    module : str
        The library, e.g. ``"pandas"``.
    extra : str
        The extra of this package that installs it.
    needs : str
        What needs it, in the singular, e.g. ``"a DataFrame"``.

    Returns
    -------
    module

    Raises
    ------
    TaggingBackendsError
        It is not installed, or it cannot be imported.
    """
    try:
        return import_module(module)
    except ImportError as error:
        problem = f"{needs} needs {module}: pip install 'taggingbackends[{extra}]'"
        if error.name != module:  # something that the library needs
            problem = f"{needs} needs {module}, which cannot be imported: {error}; install it again"
        raise TaggingBackendsError(problem) from None
