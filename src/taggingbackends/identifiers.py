"""Identifiers of model instances and sandboxes, which are names of folders."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from datetime import datetime

from taggingbackends.errors import BackendError, shown

__all__ = ["check_identifier", "did_you_mean", "new_instance", "new_sandbox"]

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+=-]{0,127}")


def check_identifier(what: str, identifier: str) -> str:
    """Return an identifier as it is; ``bad-identifier`` unless it can safely name a folder."""
    if not (isinstance(identifier, str) and _IDENTIFIER.fullmatch(identifier)):
        raise BackendError(
            "bad-identifier",
            f"{what} {shown(identifier)}: expected at most 128 characters, a letter or a digit "
            "first, then letters, digits and . _ @ + = -",
        )
    return identifier


def new_instance(taken: Collection[str] = ()) -> str:
    """Return the identifier of a new model instance: the local time, YYYYMMDD_HHMMSS.

    A number is appended if that one is taken.
    """
    now = datetime.now().strftime("%Y%m%d_%H%M%S")
    instance, n = now, 1
    while instance in taken:
        n += 1
        instance = f"{now}-{n}"
    return instance


def new_sandbox() -> str:
    """Return a sandbox token that no other process comes up with."""
    return f"{new_instance()}-{os.urandom(4).hex()}"


def did_you_mean(name: str, names: Collection[str]) -> str:
    """Return the part of a message that offers the names nearest to an unknown one."""
    from difflib import get_close_matches

    begun = sorted(known for known in names if name and known.startswith(name))
    near = begun[:3] or get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {', '.join(sorted(names)[:10])}" if names else "there are none"
