"""Turns the elements of ``labels`` (codes, names, or arrays of these) into columns."""

from __future__ import annotations

import re
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
_COMMA = np.uint16(ord(",") << 8)  # as the second byte of two
_SLOTS = 1 << 16
_FACTORS = np.array([pow(0x9E3779B97F4A7C15, n, 1 << 64) for n in range(1, 9)], np.uint64)
_LONGEST = 8 * len(_FACTORS)  # bytes of an element
_MASKS = (np.tri(_LONGEST + 1, _LONGEST, -1, np.uint8) * 255).view("<u8")  # by size, for each word


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
        self._free = [*range(0x80, 0xFF)]  # bytes that are in no text of codes
        self._slots = cache(_empty_slots)

    def read(self, texts: list[memoryview], stops: NDArray[np.intp]) -> Codes:
        """Turn the elements of arrays, given by texts without brackets, into one column.

        The texts have `stops[0]`, `stops[1] - stops[0]` ... elements. A ValueError means that they
        have to be parsed and decoded, which also finds the error.
        """
        text = _END.join((*texts, b""))
        if b'"' not in text and text.isascii():
            pieces = _ARRAY.split(text) if b"[" in text else [text]
            pieces[1::2] = map(self._byte, pieces[1::2])
            short = b"".join(pieces)
            short = short.translate(None, _BLANKS) if b" " in text or b"\n" in text else short
            if len(short) == 2 * stops[-1]:
                elements = np.frombuffer(short, "<u2") - _COMMA  # with the mark after each
                elements[stops - 1] += _COMMA  # after these, it is _END
                codes: Codes = self._of_byte.take(elements, mode="clip")
                if codes.min() >= 0:
                    return codes
        return self._read_long(text, stops)

    def _stand_in(self, array: bytes) -> bytes:
        """Return a byte that stands for an array, or the array if no byte is left."""
        if not self._free:
            return array
        byte = self._free.pop()
        self._of_byte[byte] = self._number(array)
        return bytes([byte])

    def _read_long(self, text: bytes, stops: NDArray[np.intp]) -> Codes:
        """Turn elements of any lengths into a column, by a hash table of their texts."""
        characters = np.frombuffer(text, np.uint8)
        is_mark = (characters == ord(",")) | (characters == ord(_END))
        ends = np.flatnonzero(is_mark)
        if len(ends) > stops[-1]:  # commas in arrays
            steps = (characters == ord("[")).view(np.int8) - (characters == ord("]")).view(np.int8)
            ends = np.flatnonzero(is_mark & (np.cumsum(steps, dtype=np.int8) == 0))
        starts = np.append(0, ends[:-1] + 1)
        sizes = ends - starts
        last = np.flatnonzero(characters[ends] != ord(","))  # elements of the texts
        if not (len(ends) == stops[-1] and np.array_equal(last, stops - 1)):
            raise ValueError("not as many elements as times")
        width = next((words for words in (1, 2, 4, 8) if sizes.max() <= 8 * words), 0)
        if not (width and sizes.min()):
            raise ValueError("a long element, or none between commas")
        padded = text + bytes(8 * width)
        windows = np.ndarray(len(text), f"V{8 * width}", padded, strides=(1,))
        words = windows[starts].view("<u8").reshape(-1, width)
        words &= _MASKS[:, :width].take(sizes, axis=0)
        hashes = reduce(np.add, (words[:, n] * _FACTORS[n] for n in range(width)))
        slots = (hashes >> np.uint64(48)).view(np.int64)
        known, numbers = self._slots(width)
        others = _different(known, slots, words)
        if len(others):
            _, first = np.unique(hashes[others], return_index=True)
            for at in np.sort(others[first]).tolist():  # new ones, in order of appearance
                number = self._number(text[starts[at] : ends[at]])
                if not known[slots[at], 0]:  # free
                    known[slots[at]], numbers[slots[at]] = words[at], number
            others = _different(known, slots, words)
        codes: Codes = numbers.take(slots)
        for at in others.tolist():
            codes[at] = self._number(text[starts[at] : ends[at]])
        return codes

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


def _empty_slots(width: int) -> tuple[NDArray[np.uint64], Codes]:
    """Return a hash table: the words of an element, and the number of its state."""
    return np.zeros((_SLOTS, width), np.uint64), np.zeros(_SLOTS, np.int32)


def _different(
    known: NDArray[np.uint64], slots: NDArray[np.intp], words: NDArray[np.uint64]
) -> NDArray[np.intp]:
    """Return which elements are not those of their slots."""
    is_other = known.take(slots, axis=0) != words
    return np.flatnonzero(is_other.view(f"u{words.shape[1]}"))  # any word; 1, 2, 4 or 8 of them
