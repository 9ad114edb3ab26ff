"""Plug automatic taggers of larva behaviour into the Nyx tagger.

Importing this package starts nothing and loads nothing heavy; names are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taggingbackends.dependencies import dependency
    from taggingbackends.errors import (
        BackendError,
        JuliaSetupError,
        LabelFileError,
        ScriptError,
        TaggingBackendsError,
        TrackFileError,
    )
    from taggingbackends.explorer import BackendExplorer
    from taggingbackends.labels import Labels

    __version__: str

__all__ = [
    "BackendError",
    "BackendExplorer",
    "JuliaSetupError",
    "LabelFileError",
    "Labels",
    "ScriptError",
    "TaggingBackendsError",
    "TrackFileError",
    "__version__",
    "dependency",
]

_MODULES = {"BackendExplorer": "explorer", "Labels": "labels", "dependency": "dependencies"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("taggingbackends")
    if name in __all__:
        from importlib import import_module

        return getattr(import_module(f"taggingbackends.{_MODULES.get(name, 'errors')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
