"""Turns the elements of ``labels`` (codes, names, or arrays of these) into columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import orjson

from taggingbackends.errors import LabelFileError, located, shown
from taggingbackends.labels.fast.jsonarrays import ArrayReader
from taggingbackends.labels.otherwriters import whole
from taggingbackends.labels.states import Codes, State, StateTable
from taggingbackends.labels.validation import fault_in

__all__ = ["Decoder"]

V = TypeVar("V")

_ARRAY = re.compile(rb"(\[[^][]*\])")
_ARRAY_OR_NAME = re.compile(rb'(\[(?:[^][\\"]|"[^\\"]*")*\]|"[^\\"]*")')
_FIRST_BYTE = 0x80  # stands for an array or a name; no text that is read has bytes from here on
_BLANKS = b" \t\r\n"
_NO_STATE = b"\xff"


class _Found(dict[bytes, V]):
    """Values by text, computed when a text first appears."""

    def __init__(self, find: Callable[[bytes], V]) -> None:
        self._find = find

    def __missing__(self, text: bytes) -> V:
        value = self[text] = self._find(text)
        return value


class Decoder:
    """Turns the elements of ``labels`` into a column of state numbers.

    With `declared` false the declarations are invalid: codes cannot be checked, and the result is
    never used.

    Attributes
    ----------
    largest : int or None
        Largest code; None if codes cannot be checked.
    """

    def __init__(self, table: StateTable, declared: bool) -> None:
        self._table = table
        self._names = [*table.names, *table.secondary_names]  # by code - 1
        self.largest = len(self._names) if declared else None
        self._numbers = _Found(lambda text: table.number(self._resolve(orjson.loads(text))))
        self._bytes = _Found(self._byte)
        self._of_byte = bytearray(
            _NO_STATE * 256
        )  # number of the state, by the byte of its element
        for code in range(1, min(len(self._names), 9) + 1):
            self._of_byte[ord("0") + code] = code

    def read(self, text: bytes, reader: ArrayReader) -> Codes:
        """Turn the text of elements, from bracket to bracket, into a column.

        A ValueError means that they have to be parsed and decoded, which also finds the error.
        """
        inner = text[1:-1]
        if not inner.isascii():
            raise ValueError("bytes that are used for arrays here")
        pieces: list[bytes] = []
        others: list[bytes] = []  # elements other than codes, if there are arrays among them
        if b"[" in inner:
            if b"\\" in inner:
                raise ValueError("strings that have to be parsed")
            # names as well: new ones are declared in order of appearance
            pieces = (_ARRAY_OR_NAME if b'"' in inner else _ARRAY).split(inner)
            others = pieces[1::2]
            pieces[1::2] = map(self._bytes.__getitem__, others)
            inner = b"".join(pieces)
            if b"[" in inner:
                raise ValueError("arrays in arrays")
        if b'"' not in inner and (b" " in inner or b"\n" in inner):
            inner = inner.translate(None, _BLANKS)
        single = inner[::2].translate(self._of_byte)
        commas = inner[1::2]
        if len(commas) == commas.count(b",") == len(single) - 1 and _NO_STATE not in single:
            return np.frombuffer(single, np.uint8).astype(np.int32)
        if others:
            # blanks around the numbers, so that they do not join digits beside them
            pieces[1::2] = [b" %d " % self._numbers[text] for text in others]
            text = b"[%b]" % b"".join(pieces)
        elif b'"' in inner:
            names = inner.split(b",")
            return np.fromiter(map(self._numbers.__getitem__, names), np.int32, len(names))
        codes = reader.integers(text)
        beyond = sum(not 1 <= self._numbers[text] <= len(self._names) for text in others)
        if np.count_nonzero((codes < 1) | (codes > len(self._names))) != beyond:
            raise ValueError("codes out of range")
        return codes

    def _byte(self, element: bytes) -> bytes:
        """Return a byte for an array or a name; two bytes if no byte is left."""
        number, byte = self._numbers[element], _FIRST_BYTE + len(self._bytes)
        if byte > 0xFF or number >= _NO_STATE[0]:
            return b"??"
        self._of_byte[byte] = number
        return bytes([byte])

    def decode(self, elements: list[Any]) -> Codes:
        """Turn elements, as JSON has them, into a column.

        Raises
        ------
        LabelFileError
            ``bad-code`` or ``bad-label``, with ``index``.
        """
        kinds = set(map(type, elements))
        if kinds == {int} and self.largest is not None:
            if min(elements) >= 1 and max(elements) <= self.largest:
                return np.array(elements, dtype=np.int32)  # codes are state numbers
        elif kinds <= {int, float, str, list}:
            lists = (element for element in elements if type(element) is list)
            if set(map(type, chain.from_iterable(lists))) <= {int, float, str}:
                return self._decode_each(elements)
        for index, element in enumerate(elements):
            with located(index=index):
                self._resolve(element)
        raise AssertionError("a column was refused whose elements are all valid")

    def _decode_each(self, elements: list[Any]) -> Codes:
        keys = [tuple(x) if type(x) is list else x for x in elements]
        numbers = dict.fromkeys(keys, 0)  # in order of appearance
        for key in numbers:
            try:
                numbers[key] = self._table.number(self._resolve(key))
            except LabelFileError as error:
                error.index = keys.index(key)
                raise
        return np.fromiter(map(numbers.__getitem__, keys), np.int32, len(keys))

    def _resolve(self, element: Any) -> State:
        """Return the state that an element stands for."""
        parts = element if isinstance(element, (list, tuple)) else [element]
        names = tuple(self._name(part, element) for part in parts)
        fault = fault_in(names)
        if fault is not None:
            raise LabelFileError(*fault)
        return names

    def _name(self, part: Any, element: Any) -> str:
        if type(part) is str:
            return part
        if type(part) is float:
            part = whole(part)  # MATLAB's numbers are doubles
        if type(part) is not int:
            problem = f"expected a code, a name or an array of these, found {shown(element)}"
            raise LabelFileError("bad-code", problem)
        if self.largest is None:
            return f"\0code {part}"  # any name that data do not have
        if not 1 <= part <= self.largest:
            problem = f"expected a code from 1 to {self.largest}, found {part}"
            if self.largest == 0:
                problem = f"expected a name, since no names are declared, found code {part}"
            raise LabelFileError("bad-code", problem)
        return self._names[part - 1]
