"""Joining the runs of several label files, and splitting a label file into runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from taggingbackends.errors import BackendError, located
from taggingbackends.labels import writing
from taggingbackends.labels.labels import Labels
from taggingbackends.system.files import check_replaceable, write_file
from taggingbackends.system.names import check_identifier

__all__ = ["split", "united"]


def united(files: Iterable[Path], read: Callable[[Path], Labels] = Labels.read) -> Labels:
    """Return the runs of several label files together, with the files' attributes.

    If several files have an attribute, the first file's value is kept. `read` reads a file.

    Raises
    ------
    BackendError
        ``repeated-run``: a run is in several files.
    LabelFileError
        A file is invalid.
    """
    together = Labels()
    origin: dict[str, Path] = {}
    for file in files:
        labels = read(file)
        for run in labels.values():
            if run.id in origin:
                problem = (
                    f"{file}: expected no run that is also in {origin[run.id]}, found {run.id}"
                )
                raise BackendError("repeated-run", problem, "merge the files with Labels.merge")
            origin[run.id] = file
            together._runs[run.id] = run
        for key, value in labels.attributes.items():
            together.attributes.setdefault(key, value)
    return together


def split(labels: Labels, folder: Path, named: bool = False, force: bool = False) -> list[Path]:
    """Write each run to its own file, ``<run>.label``, and return the files.

    All checks precede the first write: if an error is raised by them, nothing is written. A file
    that has the same content already is left as it is.

    Parameters
    ----------
    labels : Labels
        Their attributes are written to each file.
    folder : Path
        Created if it is missing.
    named : bool
        Write states as names instead of codes.
    force : bool
        Replace existing files.

    Raises
    ------
    BackendError
        ``bad-identifier``: a run identifier cannot be a file name; ``existing-file``: another
        file exists already, and `force` is False.
    LabelFileError
        The labels cannot be written.
    """
    files: dict[str, Path] = {}
    for run in labels:
        check_identifier("run", run)
        files[run] = folder / f"{run}.label"
        check_replaceable(files[run])
    texts: dict[Path, bytes] = {}
    for run, file in files.items():
        with located(file=file):
            texts[file] = writing.text(labels.attributes, {run: labels[run]}, named)
        if not force and file.exists() and file.read_bytes() != texts[file]:
            fix = "replace with force=True, or name another folder"
            raise BackendError("existing-file", f"{file}: exists already", fix)
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        write_file(file, [text], "anything" if force else None)
    return list(texts)
