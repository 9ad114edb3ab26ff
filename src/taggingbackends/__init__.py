"""Plug automatic taggers of larva behaviour into the Nyx tagger.

The public modules are:

- `taggingbackends.labels`: labels of larvae, bouts, and label files;
- `taggingbackends.data`: tracker files, training sets and windows;
- `taggingbackends.analysis`: comparisons of labels, shares over time, transitions;
- `taggingbackends.display`: ethograms and reports;
- `taggingbackends.simulation`: recordings of simulated larvae, with their true labels;
- `taggingbackends.main`: the main function of a backend's scripts;
- `taggingbackends.explorer`: the folders of a backend;
- `taggingbackends.julia`: Julia in the same process.

Importing this package is fast: names and modules are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module

from taggingbackends.system.lazy import lazy_names

TYPE_CHECKING = False  # importing typing would take most of the time
if TYPE_CHECKING:
    from taggingbackends import analysis as analysis
    from taggingbackends import data as data
    from taggingbackends import display as display
    from taggingbackends import explorer as explorer
    from taggingbackends import julia as julia
    from taggingbackends import labels as labels
    from taggingbackends import main as main
    from taggingbackends import simulation as simulation
    from taggingbackends.backend.explorer import BackendExplorer
    from taggingbackends.data.labelsources import iter_labels
    from taggingbackends.errors import (
        BackendError,
        JuliaSetupError,
        LabelFileError,
        ScriptError,
        TaggingBackendsError,
        TrackFileError,
    )
    from taggingbackends.labels.dependencies import dependency
    from taggingbackends.labels.labels import Labels
    from taggingbackends.system.version import __version__

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
    "iter_labels",
]

_MODULES = ("analysis", "data", "display", "explorer", "julia", "labels", "main", "simulation")

if not TYPE_CHECKING:  # checkers would accept any name
    _get, _ = lazy_names(
        __name__,
        {
            "taggingbackends.data.labelsources": ("iter_labels",),
            "taggingbackends.backend.explorer": ("BackendExplorer",),
            "taggingbackends.labels.labels": ("Labels",),
            "taggingbackends.labels.dependencies": ("dependency",),
            "taggingbackends.errors": [name for name in __all__ if name.endswith("Error")],
            "taggingbackends.system.version": ("__version__",),
        },
    )

    def __getattr__(name: str) -> object:
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        return _get(name)


def __dir__() -> list[str]:
    return [*__all__, *_MODULES]
