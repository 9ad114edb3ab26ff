"""Dependencies: the tracker files that labels belong to.

They are beside the label file, which names them by file name and SHA-1.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from taggingbackends.errors import LabelFileError, located, shown
from taggingbackends.system.files import sha1
from taggingbackends.system.names import is_utf8, local_name, utf8_name
from taggingbackends.system.words import listed

if TYPE_CHECKING:
    from taggingbackends.labels.runlabels import RunLabels

__all__ = [
    "Dependencies",
    "LabelFileGroup",
    "are_different_recordings",
    "check_dependencies",
    "check_runs",
    "check_same_recording",
    "dependencies_of",
    "dependency",
    "group_label_files",
    "names_by_sha1",
    "other_recording",
    "validate_dependencies",
]

Dependencies: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
"""Run identifier -> ``filename`` and ``sha1`` of each file that the run depends on."""


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

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("a.spine").write_text("")
    >>> dependency("a.spine")["filename"]
    'a.spine'
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
) -> list[Path]:
    """Check that dependencies are in a folder and unchanged, and return their paths.

    Parameters
    ----------
    entries : iterable of mappings
        ``filename`` and ``sha1`` of each file.
    folder : path
        The folder.

    Raises
    ------
    LabelFileError
        ``bad-dependency``: a file is missing or has another SHA-1. The error's ``file`` is that
        file.
    """
    paths = []
    for index, entry in enumerate(validate_dependencies(list(entries))):
        path = Path(folder) / local_name(entry["filename"])
        if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file may raise
            problem = "expected this file beside the labels, which depend on it; found none"
            raise LabelFileError("bad-dependency", problem, file=path, index=index)
        found = sha1(path)
        if found != entry["sha1"].lower():
            problem = (
                f"expected sha1 {entry['sha1']}, found {found}: "
                "not the file that the labels were made for"
            )
            raise LabelFileError("bad-dependency", problem, file=path, index=index)
        paths.append(path)
    return paths


def dependencies_of(runs: Mapping[str, RunLabels]) -> Dependencies:
    """Return the dependencies of all runs of a file."""
    return {run: labels.dependencies for run, labels in runs.items()}


def check_runs(runs: Dependencies, folder: str | PathLike[str]) -> list[Path]:
    """Do what `check_dependencies` does for all runs of a file."""
    found: dict[Path, None] = {}
    for run, entries in runs.items():
        with located(run=run):
            found |= dict.fromkeys(check_dependencies(entries, folder))
    return list(found)


def names_by_sha1(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the names of the files that labels depend on, by SHA-1 in lower case.

    Raises
    ------
    LabelFileError
        ``bad-dependency``: an entry is invalid.
    """
    valid = validate_dependencies(list(entries))
    return {entry["sha1"].lower(): entry["filename"] for entry in valid}


def check_same_recording(one: RunLabels, other: RunLabels) -> None:
    """Check that two labellings do not depend on the files of different recordings.

    They do if both have dependencies and share none. Different files of one stem, ``x.spine`` and
    ``x.outline``, may be of one recording.

    Raises
    ------
    LabelFileError
        ``bad-dependency``: they are of different recordings, or a dependency is invalid.
    """
    with located(run=other.id):
        files, others = names_by_sha1(one.dependencies), names_by_sha1(other.dependencies)
        if are_different_recordings(files, others):
            raise other_recording(files.values(), others.values())


def other_recording(files: Iterable[str], others: Iterable[str]) -> LabelFileError:
    """Return the error about labels that depend on `files`, and are combined with `others`."""
    files, others = listed(files), listed(others)
    found = "another file of this name" if files == others else others
    problem = f"expected labels or tracks of the recording {files}, found {found}"
    fix = "if these are one recording, combine them with force=True"
    return LabelFileError("bad-dependency", problem, fix=fix)


class LabelFileGroup(NamedTuple):
    """The label files that depend on one recording.

    Attributes
    ----------
    run : str
        Run identifier.
    label_files : list of Path
        In the order in which they were given.
    names : dict of str to str
        SHA-1 of each tracker file -> its name.
    """

    run: str
    label_files: list[Path]
    names: dict[str, str]


def group_label_files(
    labels: Iterable[tuple[Path, Mapping[str, RunLabels]]],
) -> list[LabelFileGroup]:
    """Group label files by the recording that they depend on.

    Labels belong to one recording if they have the same run and share a dependency. Labels without
    dependencies are left out, since their recording is unknown.

    Parameters
    ----------
    labels : iterable of (Path, Labels)
        Label files and their labels. They may be read one by one: they are not kept.

    Returns
    -------
    list of LabelFileGroup
        In the order of the first label file of each. If one has several label files, these label
        the same recording. If several have the same run, they are recordings under one identifier.

    Raises
    ------
    LabelFileError
        ``bad-dependency``: a dependency is invalid.
    """
    found: dict[tuple[str, str], LabelFileGroup] = {}  # by run and SHA-1
    for file, runs in labels:
        for run in runs.values():
            names = names_by_sha1(run.dependencies)
            keys = [(run.id, digest) for digest in names]
            known = {id(found[key]): found[key] for key in keys if key in found}.values()
            parts = [*known, LabelFileGroup(run.id, [file], names)]
            joined = parts[0]
            for part in parts[1:]:
                joined.label_files.extend(part.label_files)
                joined.names.update(part.names)
            found.update(((run.id, digest), joined) for digest in joined.names)
    return list({id(recording): recording for recording in found.values()}.values())


def are_different_recordings(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether names of files by SHA-1 are of different recordings, as far as is known."""
    if not one or not other or one.keys() & other.keys():
        return False
    names, others = set(one.values()), set(other.values())
    # files of one stem are of one recording, unless one file is there in two versions
    return bool(names & others) or not _stems(names) & _stems(others)


def _stems(names: Iterable[str]) -> set[str]:
    return {PurePath(name).stem for name in names}


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
