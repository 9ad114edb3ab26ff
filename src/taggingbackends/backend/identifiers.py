"""New identifiers of model instances and sandboxes."""

from __future__ import annotations

import os
import time
from collections.abc import Collection

__all__ = ["new_instance", "new_sandbox"]


def new_instance(taken: Collection[str] = ()) -> str:
    """Return an identifier for a new model instance: the local time, YYYYMMDD_HHMMSS.

    If that is taken, a number is appended.
    """
    now = time.strftime("%Y%m%d_%H%M%S")
    instance, n = now, 1
    while instance in taken:
        n += 1
        instance = f"{now}-{n}"
    return instance


def new_sandbox() -> str:
    """Return a sandbox token that is unique across processes."""
    return f"{new_instance()}-{os.urandom(4).hex()}"
