"""Find the recordings below folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from taggingbackends.backend.folder import BackendFolder, is_sandbox
from taggingbackends.backend.project import is_backend
from taggingbackends.backend.staging import label_name
from taggingbackends.data.formats import find_recordings
from taggingbackends.errors import BackendError
from taggingbackends.system.files import walk

__all__ = ["FoundRecording", "discover"]


class FoundRecording(NamedTuple):
    """A recording: its tracker files, the one to load first, and the path for its labels."""

    files: tuple[Path, ...]
    place: Path


def discover(
    backend: BackendFolder, roots: Sequence[str | os.PathLike[str]]
) -> tuple[list[FoundRecording], dict[Path, OSError]]:
    """Find the recordings of known formats below folders.

    Hidden files and folders, the data folders of backends and sandboxes are skipped. A folder
    that can be reached by several paths is searched once.

    Returns
    -------
    list of FoundRecording
        The recordings, sorted for each root.
    dict
        File or folder that cannot be read -> the error.

    Raises
    ------
    BackendError
        ``no-input``: a root is not a folder, or it is in a backend's data folder.
    """
    unreadable: dict[Path, OSError] = {}
    own_data = backend.data_folder.resolve()

    def is_input(folder: Path) -> bool:
        if folder.resolve() == own_data or _is_backends_data(folder) or is_sandbox(folder):
            return False
        try:
            os.scandir(folder).close()
        except OSError as error:
            unreadable[folder] = error
            return False
        return True

    folders: dict[str, dict[str, Path]] = {}  # real folder -> file name -> path below the root
    for root in roots:
        top = Path(os.path.abspath(root))  # noqa: PTH100 - links named by the user stay links
        if not top.is_dir():
            raise BackendError("no-input", f"{root}: expected a folder of recordings")
        real = top.resolve()
        for above in (real, *real.parents):
            if above == own_data or _is_backends_data(above):
                problem = f"{root}: expected a folder outside {above}, the data folder of a backend"
                raise BackendError("no-input", problem)
        for file in walk(top, is_input) if is_input(top) else ():
            folders.setdefault(os.path.realpath(file.parent), {}).setdefault(file.name, file)
    found = []
    for files in folders.values():
        recordings = find_recordings(files.values(), unreadable)
        for main, others in recordings.items():
            place = main.with_name(label_name(main.stem, len(recordings) > 1))
            parts = (main, *(file for file in others if file != main))
            found.append(FoundRecording(parts, place))
    return found, unreadable


def _is_backends_data(folder: Path) -> bool:
    try:
        return folder.name == "data" and is_backend(folder.parent)
    except BackendError:  # an invalid pyproject.toml
        return False
