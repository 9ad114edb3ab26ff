"""Check names that become names of files and folders, and suggest similar names."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches

from taggingbackends.errors import BackendError, shown

__all__ = ["check_identifier", "did_you_mean", "is_identifier"]

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
    completions = sorted(known for known in names if name and known.startswith(name))
    near = completions[:3] or get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {', '.join(sorted(names)[:10])}" if names else "there are none"
