"""The labels in a tracker file (trx.mat, NetCDF), and copies of it without them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from taggingbackends.data.formats import format_of, several_runs
from taggingbackends.data.loading import load_silently, runs_in
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.system.lazy import lazy_function

__all__ = ["contains_labels", "copy_without_labels", "has_labels", "own_labels"]

_has_actions = lazy_function("taggingbackends.data.trxmat", "has_actions")
_remove_labels = lazy_function("taggingbackends.data.movementexport", "remove_labels")

_REQUIRED = {"t", "numero_larva_num"}  # fields of the struct array of tracks


def has_labels(file: Path) -> bool:
    """Return whether a tracker file may contain labels, by its format."""
    format = format_of(file)
    return format is not None and format.has_labels


def contains_labels(file: Path) -> bool:
    """Return whether a tracker file contains labels. Most files are not read for that.

    Raises
    ------
    TrackFileError, OSError
        The file cannot be read.
    """
    format = format_of(file)
    if format is not None and format.name == "trx.mat" and _has_actions(file):
        return True
    return any(True for _ in own_labels(file))


def own_labels(file: Path, **options: Any) -> Iterator[RunLabels]:
    """Yield the labels of each run in a tracker file that contains any.

    Parameters
    ----------
    file : Path
        The file of a recording that is loaded first.
    **options
        As for `load_tracks`.

    Raises
    ------
    TrackFileError, OSError
        The file cannot be read.
    """
    options = {"spine": False, "outline": False, **options}
    for run in (several_runs(file) or (None,)) if has_labels(file) else ():
        recording = load_silently(file, **options, run=run)
        for labels in recording.labels().values():
            if labels.names:
                labels.metadata |= recording.metadata
                yield labels


def copy_without_labels(file: Path, copy: Path) -> None:
    """Copy a trx.mat without its indicators and columns of state numbers, NetCDF without labels.

    Raises
    ------
    TrackFileError, OSError
        The file cannot be read, or the copy cannot be written.
    """
    import h5py  # slow to import

    format = format_of(file)
    if format is not None and format.name == "movement":
        shutil.copyfile(file, copy)
        _remove_labels(copy)
        return
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
