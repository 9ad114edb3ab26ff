"""Turns the elements of ``labels`` (codes, names, or arrays of these) into columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, reduce
from itertools import chain
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from taggingbackends.errors import LabelFileError, located, shown
from taggingbackends.labels.otherwriters import whole
from taggingbackends.labels.states import Codes, State, StateTable
from taggingbackends.labels.validation import fault_in

__all__ = ["Decoder"]

_ARRAY = re.compile(rb"(\[[^][]*\])")
_BLANKS = b" \t\r\n"
_END = b"\0"  # after the elements of a track; no JSON has it
_SLOTS = 1 << 16
_FACTORS = np.array([pow(0x9E3779B97F4A7C15, n, 1 << 64) for n in range(1, 9)], np.uint64)
_LONGEST = 8 * len(_FACTORS)
_MASKS = [  # for each word of an element, by the size of the element: the bytes that belong to it
    np.array([(1 << 8 * min(max(size - n, 0), 8)) - 1 for size in range(_LONGEST + 1)], np.uint64)
    for n in range(0, _LONGEST, 8)
]


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
        self._number = cache(lambda text: table.number(self._resolve(orjson.loads(text))))
        self._byte = cache(self._stand_in)
        self._of_byte = np.full(256, -1, np.int32)  # number of the state, by the element's byte
        single = min(len(self._names), 9)
        self._of_byte[ord("1") : ord("1") + single] = range(1, single + 1)
        self._free = [*range(0x80, 0x100)]  # bytes that are in no text of codes
        self._words: list[NDArray[np.uint64]] = []  # of the text in each slot
        self._in_slot = np.zeros(_SLOTS, np.int32)  # number of the state

    def read(self, texts: Iterable[memoryview], sizes: list[int]) -> Codes:
        """Turn the elements of arrays, given by texts without brackets, into one column.

        A ValueError means that they have to be parsed and decoded, which also finds the error.
        """
        text = _END.join((*texts, b""))
        marks = np.full(sum(sizes), ord(","), np.uint8)  # after the elements
        marks[np.cumsum(sizes) - 1] = ord(_END)
        if b'"' not in text and text.isascii():
            pieces = _ARRAY.split(text) if b"[" in text else [text]
            pieces[1::2] = map(self._byte, pieces[1::2])
            short = b"".join(pieces)
            short = short.translate(None, _BLANKS) if b" " in text or b"\n" in text else short
            characters = np.frombuffer(short, np.uint8)
            codes: Codes = self._of_byte.take(characters[::2])
            if np.array_equal(characters[1::2], marks) and codes.min() >= 0:
                return codes
        return self._read_long(text, marks)

    def _stand_in(self, array: bytes) -> bytes:
        """Return a byte that stands for an array, or the array if no byte is left."""
        if not self._free:
            return array
        byte = self._free.pop()
        self._of_byte[byte] = self._number(array)
        return bytes([byte])

    def _read_long(self, text: bytes, marks: NDArray[np.uint8]) -> Codes:
        """Turn elements of any lengths into a column, by a hash table of their texts."""
        characters = np.frombuffer(text, np.uint8)
        is_mark = (characters == ord(",")) | (characters == ord(_END))
        stops = np.flatnonzero(is_mark)
        if len(stops) > len(marks):  # commas in arrays
            steps = (characters == ord("[")).view(np.int8) - (characters == ord("]")).view(np.int8)
            stops = np.flatnonzero(is_mark & (np.cumsum(steps, dtype=np.int8) == 0))
        starts = np.append(0, stops[:-1] + 1)
        sizes = stops - starts
        is_full = np.array_equal(characters[stops], marks)
        if not (is_full and sizes.min() > 0 and sizes.max() <= _LONGEST):
            raise ValueError("not as many elements as times, none between commas, or a long one")
        while 8 * len(self._words) < sizes.max():
            self._words.append(np.zeros(_SLOTS, np.uint64))
        padded = text + bytes(8 * len(self._words))
        windows = np.ndarray(len(padded) - 7, "<u8", padded, strides=(1,))
        words = [windows[8 * n :][starts] & _MASKS[n].take(sizes) for n in range(len(self._words))]
        hashes = reduce(np.add, map(np.multiply, words, _FACTORS))
        slots = (hashes >> np.uint64(48)).view(np.int64)
        others = self._others(slots, words)
        if len(others):
            _, first = np.unique(hashes[others], return_index=True)
            for at in np.sort(others[first]).tolist():  # new ones, in order of appearance
                number = self._number(text[starts[at] : stops[at]])
                if not self._words[0][slots[at]]:  # free
                    self._in_slot[slots[at]] = number
                    for known, word in zip(self._words, words, strict=True):
                        known[slots[at]] = word[at]
            others = self._others(slots, words)
        codes: Codes = self._in_slot.take(slots)
        for at in others.tolist():
            codes[at] = self._number(text[starts[at] : stops[at]])
        return codes

    def _others(self, slots: NDArray[np.intp], words: list[NDArray[np.uint64]]) -> NDArray[np.intp]:
        """Return which elements are not those of their slots."""
        is_other = self._words[0].take(slots) != words[0]
        for known, word in zip(self._words[1:], words[1:], strict=True):
            is_other |= known.take(slots) != word
        return np.flatnonzero(is_other)

    def decode(self, elements: list[Any]) -> Codes:
        """Turn elements, as JSON has them, into a column.

        Raises
        ------
        LabelFileError
            ``bad-code`` or ``bad-label``, with ``index``.
        """
        lists = (element for element in elements if type(element) is list)
        kinds = {*map(type, elements)} - {list} | {*map(type, chain.from_iterable(lists))}
        if not kinds <= {int, float, str}:
            for index, element in enumerate(elements):
                with located(index=index):
                    self._resolve(element)
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
