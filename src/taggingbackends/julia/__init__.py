"""Julia in Python: the Julia half of TaggingBackends, and functions of your own.

>>> from taggingbackends import julia
>>> labels = julia.TaggingBackends.readlabels("my.label")  # doctest: +SKIP
>>> features = julia.include("my_features.jl")  # doctest: +SKIP
>>> features.speed(track)  # doctest: +SKIP
array([0.31, 0.29, ...])

Nothing of Julia is loaded before it is used. docs/from-julia.md tells how to get and set it up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taggingbackends.julia.modules import Module, from_julia, include, to_julia
    from taggingbackends.julia.startup import start

    TaggingBackends: Module

__all__ = ["Module", "TaggingBackends", "from_julia", "include", "start", "to_julia"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from taggingbackends.julia import modules, startup

    if name == "TaggingBackends":
        return modules.Module(startup.start().package)
    return getattr(startup if name == "start" else modules, name)
