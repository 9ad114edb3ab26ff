"""Find the recordings below folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from taggingbackends.backend.folder import BackendFolder, is_sandbox
from taggingbackends.backend.inputfiles import checked_format
from taggingbackends.backend.project import is_backend, own_suffixes
from taggingbackends.backend.staging import label_name
from taggingbackends.data.formats import find_recordings, stem_of
from taggingbackends.errors import BackendError, TrackFileError
from taggingbackends.system.files import walk

__all__ = ["FoundRecording", "discover"]


class FoundRecording(NamedTuple):
    """A recording: its tracker files, the one to load first, and the path for its labels."""

    files: tuple[Path, ...]
    place: Path


def discover(
    backend: BackendFolder, roots: Sequence[str | os.PathLike[str]], format: str | None = None
) -> tuple[list[FoundRecording], dict[Path, Exception]]:
    """Find the recordings of known formats below folders.

    Hidden files and folders, the data folders of backends and sandboxes are skipped. A folder
    that can be reached by several paths is searched once.

    Parameters
    ----------
    backend : BackendFolder
    roots : sequence of path
        The folders.
    format : str, optional
        Find only recordings in this format.

    Returns
    -------
    list of FoundRecording
        The recordings, sorted for each root.
    dict
        Recording or folder that cannot be used -> the error. A recording is represented by its
        first file that cannot be read. A TrackFileError is about a file that looks like a tracker
        file, but is in no known format.

    Raises
    ------
    BackendError
        ``no-input``: a root is not a folder, or it is in a backend's data folder.
        ``unknown-format``.
    """
    format = checked_format(format)
    suffixes = own_suffixes(backend.project_dir)
    unusable: dict[Path, Exception] = {}
    unreadable: dict[Path, OSError] = {}
    own_data = os.path.realpath(backend.data_folder)
    real_paths: dict[Path, str] = {}
    searched: set[str] = set()

    def is_input(folder: Path) -> bool:
        if folder.parent in real_paths and not folder.is_symlink():
            real = os.path.join(real_paths[folder.parent], folder.name)  # noqa: PTH118
        else:
            real = os.path.realpath(folder)
        real_paths[folder] = real
        if real in searched:
            return False
        searched.add(real)
        try:
            return not (real == own_data or _is_backends_data(folder) or is_sandbox(folder))
        except (BackendError, OSError) as error:  # it may be a backend's
            unusable[folder] = error
            return False

    folders: dict[Path, list[Path]] = {}
    for root in roots:
        top = Path(os.path.abspath(root))  # noqa: PTH100 - links named by the user stay links
        if not os.path.isdir(top):  # noqa: PTH112 - Path.is_dir raises an error in Python < 3.14
            raise BackendError("no-input", f"{root}: expected a folder of recordings")
        real = Path(os.path.realpath(top))
        above = (real, *real.parents)
        try:
            data = next((x for x in above if str(x) == own_data or _is_backends_data(x)), None)
        except (BackendError, OSError) as error:
            unusable[top] = error
            continue
        if data is not None:
            problem = f"{root}: expected a folder outside {data}, the data folder of a backend"
            raise BackendError("no-input", problem)
        for file in walk(top, is_input, unreadable=unreadable) if is_input(top) else ():
            folders.setdefault(file.parent, []).append(file)
    found = []
    for files in folders.values():
        refused: dict[Path, Exception] = {}
        recordings = find_recordings(files, refused)
        several = len(recordings) > 1
        if format is not None:
            refused.clear()
            recordings = find_recordings(files, refused, format)
        near = {x: e for x, e in refused.items() if isinstance(e, TrackFileError)}
        unusable |= {x: e for x, e in near.items() if not x.name.lower().endswith(suffixes)}
        failed: dict[str, Path] = {}  # each recording fails once
        for file in reversed(refused):
            if file not in near:
                failed[stem_of(file)] = file
        unusable |= {file: refused[file] for file in failed.values()}
        for main, others in recordings.items():
            stem = stem_of(main)
            if stem in failed or main in near:
                continue
            place = main.with_name(label_name(stem, several))
            parts = (main, *(file for file in others if file != main))
            found.append(FoundRecording(parts, place))
    return found, unreadable | unusable


def _is_backends_data(folder: Path) -> bool:
    return folder.name == "data" and is_backend(folder.parent)
