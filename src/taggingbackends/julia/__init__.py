"""Julia in Python: the Julia half of TaggingBackends, and your own Julia functions.

For example::

    from taggingbackends import julia

    labels = julia.TaggingBackends.readlabels("my.label")
    features = julia.include("my_features.jl")
    speed = features.speed(track)

Nothing of Julia is loaded before it is used. See docs/from-julia.md for installation and settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taggingbackends.system.lazy import lazy_names

if TYPE_CHECKING:
    from taggingbackends.julia.modules import (
        Module,
        TaggingBackends,
        from_julia,
        include,
        to_julia,
    )
    from taggingbackends.julia.startup import start

__all__ = ["Module", "TaggingBackends", "from_julia", "include", "start", "to_julia"]

if not TYPE_CHECKING:  # checkers would accept any name
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "taggingbackends.julia.modules": (
                "Module",
                "TaggingBackends",
                "from_julia",
                "include",
                "to_julia",
            ),
            "taggingbackends.julia.startup": ("start",),
        },
    )
