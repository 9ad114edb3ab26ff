"""Reads JSON arrays of numbers into columns."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

__all__ = ["ArrayReader"]


def _optional(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        return None


simdjson = _optional("simdjson")  # the extra "fast": no Python object for each number


class ArrayReader:
    """Reads arrays with simdjson, or with orjson where that is not installed.

    The text must not have arrays in the array, which simdjson would flatten. A ValueError means
    that the text is not such an array, or has to be read in another way.
    """

    def __init__(self) -> None:
        self._parser = None if simdjson is None else simdjson.Parser()

    def floats(self, text: bytes | memoryview) -> NDArray[np.float64]:
        """Return the numbers of an array such as ``b"[1.5,2]"``."""
        if self._parser is not None:
            return np.frombuffer(self._buffer(text, "d"), np.float64)
        values = self._list(text, {int, float})
        return np.fromiter(values, np.float64, len(values))

    def integers(self, text: bytes) -> NDArray[np.int32]:
        """Return the integers of an array such as ``b"[1,2]"``; none is beyond 32 bits."""
        if self._parser is not None:
            values = np.frombuffer(self._buffer(text, "i"), np.int64)
        else:
            items = self._list(text, {int})
            try:
                values = np.fromiter(items, np.int64, len(items))
            except OverflowError:
                raise ValueError("an integer beyond 64 bits") from None
        codes = values.astype(np.int32)
        if not np.array_equal(codes, values):
            raise ValueError("an integer beyond 32 bits")
        return codes

    def _buffer(self, text: bytes | memoryview, of_type: str) -> Any:
        assert self._parser is not None
        try:
            return self._parser.parse(text).as_buffer(of_type=of_type)
        except (TypeError, AttributeError, RuntimeError) as error:
            raise ValueError(str(error)) from None

    def _list(self, text: bytes | memoryview, types: set[type]) -> list[Any]:
        values = orjson.loads(text)
        if not (isinstance(values, list) and set(map(type, values)) <= types):
            raise ValueError("not only numbers")
        return values
