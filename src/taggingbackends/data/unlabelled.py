"""Copies of trx.mat without the labels in it, for scripts that must not see them."""

from __future__ import annotations

import shutil
from pathlib import Path

from taggingbackends.data.formats import format_of
from taggingbackends.data.loading import load_silently, runs_in

__all__ = ["copy_without_labels", "has_labels"]

_REQUIRED = {"t", "numero_larva_num"}  # fields of the struct array of tracks


def has_labels(file: Path) -> bool:
    """Return whether a tracker file may contain labels, by its format."""
    format = format_of(file)
    return format is not None and "labels" in format.options


def copy_without_labels(file: Path, copy: Path) -> None:
    """Copy a trx.mat without its indicators and columns of state numbers.

    Raises
    ------
    TrackFileError, OSError
        The file cannot be read, or the copy cannot be written.
    """
    import h5py  # slow to import

    labels = {
        name
        for run in runs_in(file)
        for track in load_silently(file, spine=False, outline=False, run=run).values()
        for name in track.indicators
    }
    shutil.copyfile(file, copy)
    with h5py.File(copy, "r+") as content:
        for variable in content.values():
            if isinstance(variable, h5py.Group) and variable.keys() >= _REQUIRED:
                for name in list(variable):
                    if name in labels or name.startswith("global_state"):
                        del variable[name]
