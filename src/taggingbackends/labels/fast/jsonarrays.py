"""Reads JSON arrays of numbers with simdjson, or with orjson where that is not installed."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

__all__ = ["read_arrays"]


def _optional(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        return None


simdjson = _optional("simdjson")  # the extra "fast": no Python object for each number


def read_arrays(texts: Iterable[memoryview], integers: bool) -> tuple[NDArray[Any], list[int]]:
    """Return the numbers of arrays such as ``b"[1.5,2]"``, concatenated, and their counts.

    The numbers are float64 or, with `integers`, int64. The arrays must not have arrays in them,
    which simdjson would flatten. A ValueError means that a text is not such an array, or has to be
    read in another way.
    """
    text = b"[%b]" % b",".join(texts)
    kind = "q" if integers else "d"
    try:
        if simdjson is not None:
            arrays = simdjson.Parser().parse(text)
            numbers = arrays.as_buffer(of_type="i" if integers else "d")
        elif b"u" in text or b"f" in text:
            raise ValueError("true, false or null, of which struct makes numbers")
        else:
            arrays = orjson.loads(text)
            numbers = b"".join(struct.pack(f"{len(x)}{kind}", *x) for x in arrays)
        sizes = list(map(len, arrays))
    except (TypeError, AttributeError, RuntimeError, struct.error) as error:
        raise ValueError(str(error)) from None
    column = np.frombuffer(numbers, kind).copy()  # frees the larger buffer
    if len(column) != sum(sizes):
        raise ValueError("arrays too long for simdjson to count")
    return column, sizes
