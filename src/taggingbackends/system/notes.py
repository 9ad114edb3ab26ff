"""Notes that scripts leave for the command that runs them: what they took and what they left out.

A note is one line of a file: its kind and texts, separated by tabs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taggingbackends.system.temporaries import temporary_folder
from taggingbackends.system.words import printable

__all__ = ["LEFT_OUT", "NOTES", "TAKEN", "WINDOWS", "collected_notes", "leave_note"]

NOTES = "TAGGINGBACKENDS_NOTES"
"""Environment variable for scripts: the file to which they append notes."""

TAKEN = "taken"
"""Kind of note: the names of options that a script has used."""

LEFT_OUT = "left out"
"""Kind of note: a tracker file, and the sentences of `Recording.left_out`."""

WINDOWS = "windows"
"""Kind of note: a training set, as a JSON object without line breaks."""


def leave_note(kind: str, *texts: str) -> bool:
    """Append a note to the file in `NOTES`; return whether there is one."""
    file = os.environ.get(NOTES)
    if file:
        line = "\t".join(printable(text) for text in (kind, *texts))
        with Path(file).open("ab", buffering=0) as stream:
            stream.write(line.encode() + b"\n")  # in one piece: several processes may write
    return bool(file)


@contextmanager
def collected_notes() -> Iterator[list[list[str]]]:
    """Yield a list that is filled when the block ends, with the notes of scripts run in it."""
    notes: list[list[str]] = []
    with temporary_folder() as folder:
        file = folder / "notes"
        outer = os.environ.get(NOTES)
        os.environ[NOTES] = str(file)
        try:
            yield notes
        finally:
            del os.environ[NOTES]
            if outer is not None:
                os.environ[NOTES] = outer
            if file.is_file():
                text = file.read_bytes().decode("utf-8", "replace")
                notes += [line.split("\t") for line in text.split("\n") if line]
