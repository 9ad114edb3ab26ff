"""Dependencies: the tracker files that labels belong to.

They are beside the label file, which names them by file name and SHA-1.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from taggingbackends.errors import LabelFileError, shown
from taggingbackends.system.files import sha1
from taggingbackends.system.names import is_utf8, local_name, utf8_name

__all__ = ["check_dependencies", "dependency", "validate_dependencies"]


def dependency(path: str | PathLike[str]) -> dict[str, str]:
    """Return the entry of a file in ``labels[run].dependencies``.

    Parameters
    ----------
    path : path
        A tracker file.

    Returns
    -------
    dict
        ``filename``, without a folder, and ``sha1``, in hexadecimal digits.

    Raises
    ------
    LabelFileError
        ``bad-dependency``: the name of the file is not UTF-8.
    OSError
        The file cannot be read.
    """
    path = Path(path)
    if not is_utf8(path.name):
        problem = f"expected a file with a name in UTF-8, found {shown(path.name)}; rename it"
        raise LabelFileError("bad-dependency", problem)
    return {"filename": utf8_name(path.name), "sha1": sha1(path)}


def validate_dependencies(entries: Any) -> list[dict[str, Any]]:
    """Return the dependencies in a label file, a list or a single entry, as a list.

    Raises
    ------
    LabelFileError
        ``bad-dependency``: an entry lacks ``filename`` or ``sha1``, or its file name contains a
        folder.
    """
    if not isinstance(entries, list):
        entries = [entries]
    for index, entry in enumerate(entries):
        problem = _fault(entry)
        if problem:
            raise LabelFileError("bad-dependency", problem, index=index)
    return [dict(entry) for entry in entries]


def check_dependencies(
    entries: Iterable[Mapping[str, Any]],
    folder: str | PathLike[str],
    known: dict[Path, str] | None = None,
) -> list[Path]:
    """Check that dependencies are in a folder and unchanged, and return their paths.

    Parameters
    ----------
    entries : iterable of mappings
        ``filename`` and ``sha1`` of each file.
    folder : path
        The folder.
    known : dict of Path to str, optional
        SHA-1 of files that were read before, so that no file is read twice. It is completed.

    Raises
    ------
    LabelFileError
        ``bad-dependency``: a file is missing or has another SHA-1. The error's ``file`` is that
        file.
    """
    known = {} if known is None else known
    paths = []
    for index, entry in enumerate(validate_dependencies(list(entries))):
        path = Path(folder) / local_name(entry["filename"])
        if path not in known and not os.path.isfile(path):  # noqa: PTH113 - Path.is_file may raise
            problem = "expected this file beside the labels, which depend on it; found none"
            raise LabelFileError("bad-dependency", problem, file=path, index=index)
        found = known[path] = known.get(path) or sha1(path)
        if found != entry["sha1"].lower():
            problem = (
                f"expected sha1 {entry['sha1']}, found {found}: "
                "not the file that the labels were made for"
            )
            raise LabelFileError("bad-dependency", problem, file=path, index=index)
        paths.append(path)
    return paths


def _fault(entry: Any) -> str | None:
    if not isinstance(entry, Mapping):
        return f'expected {{"filename": ..., "sha1": ...}}, found {shown(entry)}'
    for key in ("filename", "sha1"):
        if not (isinstance(entry.get(key), str) and entry[key]):
            return f"expected a string as {key}, found {shown(entry.get(key))}"
    name = entry["filename"]
    if "/" in name or "\\" in name or name in (".", ".."):
        return f"expected a file name without folders, found {shown(name)}"
    return None
