"""Decide which files are input, and report those that are not used or cannot be read."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from taggingbackends import labels
from taggingbackends.data.formats import (
    LABEL_SUFFIXES,
    check_format,
    companions,
    examined,
    find_recordings,
    has_format,
    is_label_file,
    suffix_formats,
)
from taggingbackends.errors import BackendError, BackendWarning, TrackFileError
from taggingbackends.labels.dependencies import check_runs, dependencies_of
from taggingbackends.system.messages import describe, warn_of_each
from taggingbackends.system.progress import progress
from taggingbackends.system.words import counted, listed

__all__ = [
    "ALL_FILES",
    "USUAL_FILES",
    "Choice",
    "checked_format",
    "input_files",
    "may_be_input",
    "warn_of_unreadable",
]


class Choice(NamedTuple):
    """Which files are input.

    Attributes
    ----------
    format : str, optional
        Take only tracker files in this format, and label files that depend on such files.
    all_files : bool
        Take all other files from folders, refuse no file, and warn of none.
    purpose : str
        For ``predict`` and ``train``, take from folders only the files of recordings and files in
        the backend's own formats; for ``train``, also label files. Refuse a named file that looks
        like a tracker file but cannot be read. For ``push``, take all files.
    """

    format: str | None = None
    all_files: bool = False
    purpose: Literal["push", "predict", "train"] = "push"


ALL_FILES = Choice(all_files=True)
USUAL_FILES = Choice()


def checked_format(name: str | None) -> str | None:
    """Return the name of a format; raise `BackendError` ``unknown-format`` if there is none."""
    try:
        check_format(name)
    except ValueError as error:
        raise BackendError("unknown-format", str(error)) from None
    return name


def may_be_input(file: Path, choice: Choice, suffixes: Collection[str]) -> bool:
    """Return whether a file in a folder may be input, by its name; see `input_files`."""
    if choice.purpose == "push" or choice.all_files:
        return has_format(file, choice.format)
    is_tracker = bool(suffix_formats(file)) and has_format(file, choice.format)
    is_own = file.name.lower().endswith(tuple(suffixes))
    return is_tracker or is_own or file.suffix in LABEL_SUFFIXES


def input_files(
    named: Sequence[Path],
    found: Sequence[Path],
    choice: Choice,
    suffixes: Collection[str],
) -> list[Path]:
    """Return the files to push, with those that belong to them.

    Parameters
    ----------
    named : sequence of Path
        Files that the user named.
    found : sequence of Path
        Files in folders that the user named.
    choice : Choice
    suffixes : collection of str
        Suffixes of the backend's own formats, in lower case.

    Raises
    ------
    BackendError
        ``unknown-format``. ``no-input``: a named file is in another format than the chosen one.
    TrackFileError
        A named file looks like a tracker file but cannot be read; see `Choice`.
    LabelFileError
        A label file or one of its dependencies is invalid.

    Warns
    -----
    UserWarning
        Files cannot be read, are in no known format, or are not used.
    """
    format = checked_format(choice.format)
    labelled = {file for file in (*named, *found) if is_label_file(file)}
    used = labelled
    if choice.purpose == "predict" and not choice.all_files:
        used = labelled.intersection(named)  # those in folders are results, not input
    needs = {file: _dependencies(file) for file in progress(sorted(used), "collecting")}

    def is_chosen(file: Path) -> bool:
        return all(has_format(x, format) for x in (file, *needs.get(file, ())))

    for file in named:
        if not is_chosen(file):
            problem = f"{file}: expected a file in the format {format}, found another"
            raise BackendError("no-input", problem)
    files = dict.fromkeys([*named, *(x for file in named for x in companions(file)), *found])
    taken = [file for file in files if is_chosen(file)]
    if not choice.all_files:
        known = labelled.union(*needs.values())
        others = set(files).difference(taken, labelled - used)
        taken = _used(taken, named, choice, suffixes, known, others)
        taken = [file for file in taken if file not in labelled or file in used]
    return list(dict.fromkeys(y for x in taken for y in (x, *needs.get(x, ()))))


def _dependencies(file: Path) -> list[Path]:
    """Return the dependencies of a label file, after checking them, and their companions."""
    files = check_runs(dependencies_of(labels.Labels.read(file)), file.parent)
    return [*files, *(sibling for path in files for sibling in companions(path))]


def _used(
    files: Sequence[Path],
    named: Collection[Path],
    choice: Choice,
    suffixes: Collection[str],
    known: set[Path],
    others: set[Path],
) -> list[Path]:
    """Return the files that are used, and report the rest.

    Parameters
    ----------
    files, named, choice, suffixes
        As for `input_files`.
    known : set of Path
        Label files and the files that they depend on. They are used.
    others : set of Path
        Files of other formats than the chosen one.
    """
    unreadable: dict[Path, Exception] = {}
    recordings = find_recordings(files, unreadable)
    own = {file for file in files if file.name.lower().endswith(tuple(suffixes))}
    near = {x: e for x, e in unreadable.items() if isinstance(e, TrackFileError) and x not in own}
    if choice.purpose != "push":
        _refuse(named, recordings, near, own)
        # the other files of a recording that cannot be loaded are of no use
        recordings = {main: parts for main, parts in recordings.items() if main not in near}
    warn_of_unreadable(near)
    # copying a file that cannot be read raises its error
    known = known.union(own, unreadable.keys() - near, *recordings.values())
    rest = [file for file in files if file not in known and file not in near]
    unknown = [file for file in rest if not suffix_formats(file)]
    forms = {file for file in rest if any(x.runs for x in suffix_formats(file))}
    used = set(files) if choice.purpose == "push" else known.union(named).difference(forms)
    if choice.purpose != "push":
        others = others | forms
    taken = [file for file in unknown if file in used]
    if taken:
        problem = f"{counted(len(taken), 'file')} in no known format: {_names(taken)}"
        fix = "list the backend's own suffixes in pyproject.toml, or pass all_files=True"
        warnings.warn(BackendWarning(problem, fix), stacklevel=5)
    left = [file for file in unknown if file not in used]
    counts, fixes = [], []
    if left:
        counts.append(f"{counted(len(left), 'file')} outside of recordings ({_names(left)})")
        fixes.append("take all with all_files=True")
    if others:
        counts.append(f"{counted(len(others), 'file')} in other formats ({_names(sorted(others))})")
        fixes += ["choose a format with format=..."] if choice.format is None else []
    if counts:
        problem = f"left out {' and '.join(counts)}"
        warnings.warn(BackendWarning(problem, ", or ".join(fixes)), stacklevel=5)
    return [file for file in files if file in used]


def _names(files: Iterable[Path]) -> str:
    return listed(file.name for file in files)


def warn_of_unreadable(errors: Mapping[Path, Exception], count: bool = True) -> None:
    """Warn of files that cannot be read: each with its reason and fix, and their number."""
    by_fix: dict[str, list[str]] = {}
    for error in errors.values():
        text = describe(error)
        by_fix.setdefault(text.rpartition("; ")[2], []).append(text)
    for texts in by_fix.values():
        warn_of_each(texts, stacklevel=2)
    if count and len(errors) > 1:
        warnings.warn(f"{len(errors)} files cannot be read", stacklevel=2)


def _refuse(
    named: Collection[Path],
    recordings: Mapping[Path, Sequence[Path]],
    near: Mapping[Path, TrackFileError],
    own: Collection[Path],
) -> None:
    """Raise the error about a named file that cannot be read."""
    mains = {file: main for main, parts in recordings.items() for file in parts}
    for file in named:
        error = near.get(file) or near.get(mains.get(file, file))
        if error is None and file not in own and file not in mains:
            error = examined(file).error  # a table that this package writes is none of `near`
        if error is not None:
            raise error
