"""Copies and comparisons of nested values, without recursion.

Label files may be nested deeper than Python's recursion limit allows.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

__all__ = ["copied", "is_equal"]


def copied(value: Any) -> Any:
    """Return a deep copy of a value that may have deeply nested dictionaries and lists."""
    result: list[Any] = [value]
    places: list[tuple[Any, Any]] = [(result, 0)]  # container and key of what is still shared
    while places:
        holder, key = places.pop()
        item = holder[key]
        if type(item) is dict:
            copy: Any = dict(item)
            places += [(copy, key) for key in copy]
        elif type(item) is list:
            copy = list(item)
            places += [(copy, index) for index in range(len(copy))]
        else:
            copy = item if type(item) in _IMMUTABLE else deepcopy(item)
        holder[key] = copy
    return result[0]


_IMMUTABLE = {str, int, float, bool, type(None)}


def is_equal(one: Any, other: Any) -> bool:
    """Return whether two values are equal. They may have nested containers and arrays."""
    pairs: list[tuple[Any, Any]] = [(one, other)]
    while pairs:
        a, b = pairs.pop()
        if a is b:
            continue
        if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
            same = np.array_equal(a, b)
        elif isinstance(a, dict) and isinstance(b, dict):
            same = a.keys() == b.keys()
            pairs += ((a[key], b[key]) for key in (a if same else ()))
        elif any(isinstance(a, kind) and isinstance(b, kind) for kind in (list, tuple)):
            same = len(a) == len(b)
            pairs += zip(a, b, strict=True) if same else ()
        else:
            same = bool(a == b)
        if not same:
            return False
    return True
