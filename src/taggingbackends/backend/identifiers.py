"""New identifiers of model instances and sandboxes."""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import datetime

__all__ = ["new_instance", "new_sandbox"]


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
