"""Names and modules that are loaded when they are first used."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # importing typing would take most of the time
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

__all__ = ["LazyModule", "lazy_function", "lazy_names"]


def lazy_names(
    package: str, modules: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package's ``__init__``.

    Parameters
    ----------
    package : str
        Its name.
    modules : mapping
        Full name of a module -> the names that the package takes from it. No module of the
        package has the name of something in it: imported, it would hide that.
    """
    module_of = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(module_of[name]), name)

    return get, lambda: sorted(module_of)


def lazy_function(module: str, name: str) -> Callable[..., Any]:
    """Return a function that imports its module when it is first called."""

    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(import_module(module), name)(*arguments, **options)

    return call


class LazyModule:
    """A module that is imported when one of its names is first used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)
