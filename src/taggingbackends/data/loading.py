"""Load the recording that a file belongs to, in any format."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

from taggingbackends.data.formats import (
    FORMATS,
    examined,
    find_recordings,
    format_of,
    is_label_file,
    several_runs,
)
from taggingbackends.data.tracks import Recording
from taggingbackends.errors import LeftOutWarning, TrackFileError, shown, wrong_type
from taggingbackends.labels.labels import Labels
from taggingbackends.system.files import Stamp, stamp
from taggingbackends.system.messages import describe
from taggingbackends.system.words import counted, listed

__all__ = ["file_and_runs", "load_runs", "load_silently", "load_tracks", "load_wanted", "runs_in"]

_NAMED = 5  # recordings that an error lists at most


def load_tracks(path: str | PathLike[str], **options: Any) -> Recording:
    """Load the recording that a file belongs to.

    Parameters
    ----------
    path : path
        One of:

        - a tracker file of any format in ``taggingbackends.data.FORMATS``;
        - a label file. The tracker files that it depends on are checked and loaded, and
          `Recording.labels` returns its labels;
        - a folder that contains the tracker files of one recording, also in subfolders.
    **options
        Options of the format. Options that only other formats take are ignored.

        - ``spine=False`` or ``outline=False`` skips that part. ``spine=["head", "middle", "tail"]``
          names the keypoints of a NetCDF file that make up the spine.
        - ``pixelsize`` (µm; required), ``framerate`` (frames/s, 30 by default) and ``radii``
          (pixels, at spine points 1, 2, ..., instead of the table's) are options of FIMTrack's
          tables. The first two are also options of NetCDF files that lack a unit of length or the
          frame rate, see `Recording.from_xarray`. The metadata of a label file can give them
          instead. None means the value of the metadata.
        - ``labels`` and ``run`` are options of trx.mat. ``labels`` names the kind of indicators
          that become labels: ``"plain"``, ``"large"``, ``"strong"``, ``"weak"`` or several; or a
          column of state numbers, such as ``"global_state_large_state"``. ``run`` is required if
          the file contains several runs, see `runs_in`. So it is if a label file does: the tracker
          files that this run depends on are loaded.

    Raises
    ------
    TrackFileError
        The format is unknown, a file breaks its format (with file, and line or key), or a folder
        does not contain exactly one recording.
    LabelFileError
        The label file is invalid, or its dependencies are not beside it.
    OSError
        A file cannot be read.
    TypeError
        No format has such an option, or `path` is not a path.

    Warns
    -----
    LeftOutWarning
        The files contain something that the recording does not, see `Recording.left_out`. There is
        one warning for a recording.

    Examples
    --------
    >>> from taggingbackends.simulation import simulate, write_tracks
    >>> tracks = simulate(larvae=2, seconds=20, seed=1)
    >>> files = write_tracks("recording", "20240611_101500", tracks)
    >>> recording = load_tracks("recording", outline=False)
    >>> for larva, track in recording.items():
    ...     print(larva, track.times.shape, track.spine.shape)
    6 (194,) (194, 11, 2)
    14 (219,) (219, 11, 2)
    """
    return _with_warning(load_silently(path, **options))


def _with_warning(recording: Recording) -> Recording:
    if recording.left_out:
        warnings.warn(LeftOutWarning(recording.sources[0], recording.left_out), stacklevel=3)
    return recording


def load_silently(path: str | PathLike[str], **options: Any) -> Recording:
    """Return the result of `load_tracks`, without a warning."""
    if not isinstance(path, (str, PathLike)):
        raise wrong_type("the path of a tracker file or a label file", path, _fix(path))
    path = Path(path)
    _check_options(options)
    if path.is_dir():
        path = _only_recording(path)
    if is_label_file(path):
        return _load_labelled(path, options)
    format, error, _ = examined(path)
    if error is not None:
        raise error
    if format is not None:
        known = {k: v for k, v in options.items() if k in format.options}
        return format.load(path, **known)
    path.stat()  # a missing file is an error whatever its suffix
    suffixes = ", ".join(suffix for format in FORMATS for suffix in format.suffixes)
    problem = f"expected a tracker file ({suffixes}) or a label file, found suffix {path.suffix!r}"
    raise TrackFileError(problem, file=path)


def runs_in(path: str | PathLike[str], **options: Any) -> list[str]:
    """Return the identifiers of the runs in a file.

    Only a trx.mat and a label file can contain several.

    Parameters
    ----------
    path : path
        As for `load_tracks`.
    **options
        As for `load_tracks`, which loads a file of the other formats.

    Raises
    ------
    TrackFileError, LabelFileError, OSError, TypeError
        As for `load_tracks`.

    See Also
    --------
    load_runs : Load each run.

    Examples
    --------
    >>> from taggingbackends.simulation import simulate, write_tracks
    >>> tracks = simulate(larvae=2, seconds=20, seed=1)
    >>> files = write_tracks("recording", "20240611_101500", tracks)
    >>> runs_in(files[0])
    ['20240611_101500']
    """
    file, several = file_and_runs(Path(path))
    return several or [load_silently(file, **options).run]


def file_and_runs(path: Path) -> tuple[Path, list[str]]:
    """Return the file to load, also for a folder, and its runs if there are several."""
    path = _only_recording(path) if path.is_dir() else path
    if is_label_file(path):
        runs = list(Labels.read(path))
        return path, runs if len(runs) > 1 else []
    return path, several_runs(path)


def load_runs(path: str | PathLike[str], **options: Any) -> Iterator[Recording]:
    """Load the runs of a file, one after the other.

    Parameters
    ----------
    path : path
        As for `load_tracks`.
    **options
        As for `load_tracks`. With ``run``, only this run is loaded.

    Yields
    ------
    Recording
        A single one from most files; see `runs_in`.

    Raises
    ------
    TrackFileError, LabelFileError, OSError, TypeError
        As for `load_tracks`.

    Examples
    --------
    >>> from taggingbackends.simulation import simulate, write_tracks
    >>> tracks = simulate(larvae=2, seconds=20, seed=1)
    >>> files = write_tracks("recording", "20240611_101500", tracks)
    >>> for recording in load_runs(files[0]):
    ...     print(recording.run, len(recording))
    20240611_101500 2
    """
    file = Path(path)
    if options.get("run") is not None:
        yield _with_warning(load_silently(file, **options))
        return
    options.pop("run", None)
    if is_label_file(file) and not file.is_dir():
        labels = Labels.read(file)  # once
        _check_options(options)
        runs: list[str | None] = [*labels] or [None]
        for run in runs:
            yield _with_warning(_load_labelled(file, options | {"run": run}, labels))
        return
    file, several = file_and_runs(file)
    for run in several or (None,):
        yield _with_warning(load_silently(file, **options, run=run))


def _fix(found: Any) -> str:
    if isinstance(found, Recording):
        return "the recording is already loaded"
    if isinstance(found, Labels):
        return "pass the path of the label file to load its recording"
    return (
        "load the files that find_recordings returns, one by one"
        if isinstance(found, Iterable)
        else ""
    )


def load_wanted(path: Path, wanted: Collection[str], **options: Any) -> list[Recording]:
    """Load the recording of a tracker file; of a file of several runs, those that are wanted.

    Raises
    ------
    TrackFileError, LabelFileError, OSError, TypeError
        As for `load_tracks`; or none of several runs is wanted.
    """
    file, several = file_and_runs(path)
    if not several:
        return [load_tracks(file, **options)]
    chosen = [run for run in several if run in wanted]
    if not chosen:
        expected = listed(wanted, _NAMED) or "none"
        problem = f"expected a run of the labels ({expected}), found {listed(several, _NAMED)}"
        raise TrackFileError(problem, file=file)
    return [load_tracks(file, **options, run=run) for run in chosen]


def _only_recording(folder: Path) -> Path:
    """Return the file to load in a folder; raise TrackFileError unless it has one recording."""
    unreadable: dict[Path, Exception] = {}
    files = list(find_recordings(folder, unreadable))
    for error in unreadable.values():
        if isinstance(error, OSError):
            raise error
    if len(files) != 1:
        names = listed((file.relative_to(folder) for file in files), _NAMED)
        found = f"{len(files)}: {names}; load one by one" if files else "none"
        if unreadable and not files:
            found += f"; cannot be read: {listed(map(describe, unreadable.values()), _NAMED)}"
        raise TrackFileError(f"expected one recording in this folder, found {found}", file=folder)
    return files[0]


def _check_options(options: Mapping[str, Any]) -> None:
    known = dict.fromkeys(option for format in FORMATS for option in format.options)
    other = next((option for option in options if option not in known), None)
    if other is not None:
        raise TypeError(f"expected options out of {', '.join(known)}, found {other}")


def _load_labelled(path: Path, options: dict[str, Any], labels: Labels | None = None) -> Recording:
    labels = _labels_of_run(path, options.get("run"), labels)
    ((run, labelled),) = labels.items()
    recordings = find_recordings(labels.check_dependencies(path.parent))
    if len(recordings) != 1:
        problem = f"expected run {run} to depend on the files of one recording, found "
        problem += counted(len(recordings), "recording")
        raise TrackFileError(problem, file=path, key="dependencies")
    file = next(iter(recordings))
    given = labelled.metadata
    format = format_of(file)
    known = format.options_from(given) if format is not None else {}
    known |= {key: value for key, value in options.items() if value is not None}
    known["run"] = run if several_runs(file) else None
    recording = load_silently(file, **known)
    metadata = recording.metadata | given
    if isinstance(given.get("camera"), Mapping) and "camera" in recording.metadata:
        # the values that were used to load the table take precedence
        metadata["camera"] = given["camera"] | recording.metadata["camera"]
    return replace(
        recording,
        metadata=metadata,
        sources=(*recording.sources, path),
        own_labels=labels,
    )


def _labels_of_run(path: Path, run: str | None, labels: Labels | None) -> Labels:
    """Return the labels of a run in a label file; by default, of the only run."""
    if labels is None:
        labels = Labels.read(path) if run is None else _read_labels(path, stamp(path))
    found = f"{len(labels)} ({listed(labels, _NAMED)})" if len(labels) else "none"
    if run is None and len(labels) != 1:
        problem = f"expected labels of one run, found {found}"
        if len(labels):
            problem += "; choose one of those that runs_in(path) returns: "
            problem += "load_tracks(path, run=...)"
        raise TrackFileError(problem, file=path)
    run = next(iter(labels)) if run is None else run
    if run not in labels:
        raise TrackFileError(f"expected run {shown(run)}, found {found}", file=path)
    chosen = Labels()
    chosen.attributes.update(deepcopy(labels.attributes))
    chosen[run] = labels[run]
    return chosen


@lru_cache(maxsize=1)  # the runs of a file are loaded one after the other
def _read_labels(path: Path, stamp: Stamp | None) -> Labels:
    return Labels.read(path)
