"""Check names that become names of files and folders, and suggest similar names."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import PurePath

from taggingbackends.errors import BackendError, shown

__all__ = [
    "check_identifier",
    "did_you_mean",
    "is_identifier",
    "is_utf8",
    "local_name",
    "similar",
    "utf8_name",
]

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+=-]{0,127}")


def is_identifier(name: str) -> bool:
    """Return whether a name is safe as the name of a folder."""
    return isinstance(name, str) and bool(_IDENTIFIER.fullmatch(name))


def check_identifier(what: str, identifier: str) -> str:
    """Return an identifier unchanged if it is safe as the name of a folder.

    Parameters
    ----------
    what : str
        What the identifier names, for the message.
    identifier : str
        The identifier.

    Raises
    ------
    BackendError
        ``bad-identifier``: the identifier is not valid.
    """
    if not is_identifier(identifier):
        raise BackendError(
            "bad-identifier",
            f"{what} {shown(identifier)}: expected at most 128 characters, a letter or a digit "
            "first, then letters, digits and . _ @ + = -",
        )
    return identifier


def did_you_mean(name: str, names: Collection[str]) -> str:
    """Return the part of a message that suggests names similar to an unknown one."""
    near = similar(name, names)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {', '.join(sorted(names)[:10])}" if names else "there are none"


def similar(name: str, names: Collection[str]) -> list[str]:
    """Return up to three names that an unknown one may stand for."""
    from difflib import get_close_matches  # only for a mistake

    completions = sorted(known for known in names if name and known.startswith(name))
    return completions[:3] or get_close_matches(name, names, n=3, cutoff=0.6)


def utf8_name(path: str | PurePath) -> str:
    """Return a path as text that is the same in all locales, for use within files.

    Python decodes names of files by the locale, whose encoding may not be UTF-8. Bytes that are
    not UTF-8 become lone surrogates, which text files cannot hold; see `is_utf8`.
    """
    return os.fsencode(path).decode("utf-8", "surrogateescape")


def local_name(text: str) -> str:
    """Return the path that `utf8_name` returned as `text`, in the encoding of the locale."""
    try:
        return os.fsdecode(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # a surrogate that stands for no byte: no file has this name
        return text


def is_utf8(path: str | PurePath) -> bool:
    """Return whether the name of a file is UTF-8, as names in label files must be."""
    try:
        utf8_name(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
