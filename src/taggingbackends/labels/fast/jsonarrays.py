"""Reads JSON arrays of numbers with simdjson, or with orjson where that is not installed."""

from __future__ import annotations

import struct
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

__all__ = ["ArrayReader", "is_whole"]

simdjson: ModuleType | None
try:
    simdjson = import_module("simdjson")  # the extra "fast": no Python object for each number
except ImportError:
    simdjson = None


def is_whole(text: bytes) -> bool:
    """Return whether the text of numbers has integers only."""
    return not (b"." in text or b"e" in text or b"E" in text)


class ArrayReader:
    """Reads arrays of numbers from their texts, in the same memory each time."""

    def __init__(self) -> None:
        self._parser = None if simdjson is None else simdjson.Parser()

    def read(self, texts: list[memoryview]) -> tuple[NDArray[Any], list[int]]:
        """Return the numbers in texts such as ``b"1.5,2"``, concatenated, and their counts.

        The numbers are int64 if all are integers, else float64. A ValueError means that a text is
        not such a list of numbers, or has to be read in another way.
        """
        text = b"[[%b]]" % b"],[".join(texts)
        kind = "q" if is_whole(text) else "d"
        try:
            numbers, sizes = self._parse(text, kind)
        except (TypeError, AttributeError, RuntimeError, struct.error) as error:
            raise ValueError(str(error)) from None
        del text  # the copy, which stays, would lie between blocks that are freed
        column = np.frombuffer(numbers, kind).copy()  # frees the larger buffer
        if len(sizes) != len(texts) or len(column) != sum(sizes):
            raise ValueError("other arrays, or too long ones for simdjson to count")
        return column, sizes

    def _parse(self, text: bytes, kind: str) -> tuple[Any, list[int]]:
        if self._parser is not None:
            arrays = self._parser.parse(text)
            numbers = arrays.as_buffer(of_type="i" if kind == "q" else "d")
        elif b"u" in text or b"f" in text:
            raise ValueError("true, false or null, of which struct makes numbers")
        else:
            arrays = orjson.loads(text)
            numbers = b"".join(struct.pack(f"{len(x)}{kind}", *x) for x in arrays)
        return numbers, list(map(len, arrays))
