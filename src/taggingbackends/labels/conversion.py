"""Label files in other forms: runs together or apart, codes or names, a table of bouts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from taggingbackends.errors import BackendError, located
from taggingbackends.labels import writing
from taggingbackends.labels.labels import Labels
from taggingbackends.system.files import write_file
from taggingbackends.system.names import check_identifier

__all__ = ["split", "united"]


def united(files: Iterable[Path]) -> Labels:
    """Return the runs of all files together, with the files' attributes.

    Raises
    ------
    BackendError
        ``repeated-run``: a run is in several files.
    LabelFileError
        A bad file.
    """
    together = Labels()
    origin: dict[str, Path] = {}
    for file in files:
        labels = Labels.read(file)
        for run in labels.values():
            if run.id in origin:
                problem = f"{file}: expected other runs than in {origin[run.id]}, found {run.id}"
                raise BackendError("repeated-run", problem, "merge the files with Labels.merge")
            origin[run.id] = file
            together._runs[run.id] = run
        together.attributes = labels.attributes | together.attributes
    return together


def split(labels: Labels, folder: Path, named: bool = False, force: bool = False) -> list[Path]:
    """Write each run into a file of its own, ``<run>.label``, and return the files.

    Parameters
    ----------
    labels : Labels
        What they carry beside their runs goes into each file.
    folder : Path
        Made if there is none.
    named : bool
        Whether states are names rather than codes.
    force : bool
        Whether files that are there already are replaced.

    Raises
    ------
    BackendError
        ``bad-identifier``: a run that no file can be named by; ``existing-file``.
    LabelFileError
        Labels that cannot be written. Nothing is written then, nor before.
    """
    files: dict[str, Path] = {}
    for run in labels:
        check_identifier("run", run)
        files[run] = folder / f"{run}.label"
        if files[run].exists() and not force:
            fix = "replace with force=True, or name another folder"
            raise BackendError("existing-file", f"{files[run]}: exists already", fix)
    texts: dict[Path, bytes] = {}
    for run, file in files.items():
        with located(file=file):
            texts[file] = writing.text(labels.attributes, {run: labels[run]}, named)
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        write_file(file, [text])
    return list(texts)
