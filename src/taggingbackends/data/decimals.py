"""Numbers in text: reads many short decimals at once, with the same results as `float`.

A field of up to eight characters is one 64-bit integer, so that fields are read by a few
operations on whole arrays, after Lemire (2021), Number parsing at a gigabyte per second, Software:
Practice and Experience 51:1700. The digits make an integer, which is divided by a power of ten.
Both are exact as doubles, so the division rounds correctly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["parse", "split"]

_WIDTH = 8  # characters of a word


def _word(characters: bytes) -> np.uint64:
    """Return eight characters as an integer, the first as its lowest byte."""
    word: np.uint64 = np.frombuffer(characters, "<u8")[0]
    return word


# A digit xor "0" is its value, from 0 to 9. Any other character gives more, also these:
_ZEROS = _word(b"0" * _WIDTH)
_MINUS = np.uint64(ord("-") ^ ord("0"))
_POINT = np.uint64(ord(".") ^ ord("0")) << np.uint64(32)  # with three characters after it
_POINTS = _word(bytes([ord(".") ^ ord("0")]) * _WIDTH)
_ONES = _word(b"\x01" * _WIDTH)
_POWERS = 10.0 ** np.arange(_WIDTH + 1)
_TOP_BITS = _word(b"\x80" * _WIDTH)
_OVER_NINE = _word(b"\x76" * _WIDTH)  # added to more than 9, sets the top bit
_OVER_NINE_OR_POINT = _word(b"\x76\x76\x76\x76\x7f\x76\x76\x76")  # any rest at the point sets it


def split(text: bytes) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Find the fields of a text, as ``text.split()`` does, and their number in each line.

    Returns
    -------
    stops, lengths : (fields,) intp arrays
        Field i is ``text[stops[i] - lengths[i] : stops[i]]``.
    counts : (lines,) intp array
        Number of fields in each line; 0 for a blank line.
    """
    if not text.endswith(b"\n"):
        text += b"\n"
    characters = np.frombuffer(text, np.uint8)
    stops = np.flatnonzero(characters <= ord(" "))
    blanks = characters.take(stops)
    is_blank = (blanks == ord(" ")) | (blanks - np.uint8(ord("\t")) <= ord("\r") - ord("\t"))
    if not is_blank.all():  # other control characters
        stops, blanks = stops[is_blank], blanks[is_blank]
    lengths = stops.copy()
    lengths[1:] -= stops[:-1] + 1
    ends: NDArray[np.intp] = np.flatnonzero(blanks == ord("\n")) + 1
    filled = lengths > 0
    if not filled.all():  # two blanks after each other
        ends = np.cumsum(filled, dtype=np.intp)[ends - 1]
        stops, lengths = stops[filled], lengths[filled]
    return stops, lengths, np.diff(ends, prepend=0)


def parse(
    text: bytes,
    stops: NDArray[np.intp],
    lengths: NDArray[np.intp],
    skip: NDArray[np.intp] | slice = slice(0),
) -> NDArray[np.float64]:
    """Read fields as numbers.

    Fast for fields of up to eight characters, fastest with three decimals or none. Longer fields
    are read by `float`.

    Parameters
    ----------
    text : bytes
    stops, lengths : (n,) intp arrays
        Field i is ``text[stops[i] - lengths[i] : stops[i]]``, and has no blanks.
    skip : (k,) intp array, optional
        Fields not to read.

    Returns
    -------
    (n,) float64 array
        NaN where `float` fails, and for digits with underscores between them; 0 where skipped.
    """
    # The word that ends with the field; it may begin before the text.
    words = np.ndarray((len(text) + 1,), "<u8", bytes(_WIDTH) + text, strides=(1,))[stops]
    readers = [_thousandths, _integers, _decimals]
    if len(stops):  # most fields have the form of the last one
        _, point, decimals = text[stops[-1] - lengths[-1] : stops[-1]].partition(b".")
        usual = (_thousandths if len(decimals) == 3 else _decimals) if point else _integers
        readers.sort(key=lambda reader: reader is not usual)
    values, read = readers[0](words, lengths)
    values[skip], read[skip] = 0, True
    rest = np.flatnonzero(~read)
    for reader in readers[1:]:
        if len(rest):
            values[rest], read = reader(words[rest], lengths[rest])
            rest = rest[~read]
    starts = stops[rest] - lengths[rest]
    fields = map(slice, starts.tolist(), stops[rest].tolist())
    values[rest] = _floats(list(map(text.__getitem__, fields)))
    return values


def _thousandths(
    words: NDArray[np.uint64], lengths: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read fields like ``-12.345``; return the values, and which fields have this form."""
    digits, negative = _digits(words, lengths)
    digits ^= _POINT
    read = ((digits + _OVER_NINE_OR_POINT) | digits) & _TOP_BITS == 0
    return _signed(_joined(digits, 1_000) / 1_000.0, negative), read


def _integers(
    words: NDArray[np.uint64], lengths: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read fields like ``00012``; return the values, and which fields have this form."""
    digits, negative = _digits(words, lengths)
    read = ((digits + _OVER_NINE) | digits) & _TOP_BITS == 0
    read &= (lengths > negative) & (lengths <= _WIDTH)
    return _signed(_joined(digits, 10_000).astype(np.float64), negative), read


def _decimals(
    words: NDArray[np.uint64], lengths: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read fields like ``-1.2345``, with the point anywhere; return as `_thousandths` does."""
    digits, negative = _digits(words, lengths)
    others = digits ^ _POINTS
    points = (others - _ONES) & ~others & _TOP_BITS  # the lowest bit is that of the first point
    before = points ^ (points - np.uint64(1))  # all bits to the point's highest
    _, highest = np.frexp((points & before).astype(np.float64))
    # what is before the point moves over it
    digits = (digits & ~before) | (digits & (before >> np.uint64(8))) << np.uint64(8)
    read = ((digits + _OVER_NINE) | digits) & _TOP_BITS == 0
    read &= (points != 0) & (lengths > negative + 1) & (lengths <= _WIDTH)
    return _signed(_joined(digits, 10_000) / _POWERS[_WIDTH - highest // 8], negative), read


def _digits(
    words: NDArray[np.uint64], lengths: NDArray[np.intp]
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Return the digits of each field (a byte each, zeros before), and whether it has a minus."""
    digits = words ^ _ZEROS
    before = (8 * (_WIDTH - lengths)).view(np.uint64)  # bits; beyond 64 nothing is left
    digits >>= before
    negative = digits.astype(np.uint8) == np.uint8(_MINUS)  # the first character
    if negative.any():
        digits ^= negative * _MINUS
    digits <<= before
    return digits, negative


def _joined(digits: NDArray[np.uint64], base: int) -> NDArray[np.int64]:
    """Return the first four digits times base, plus the last four; overwrites the digits.

    Neighbours are joined in all places at once: digits to pairs, pairs to fours, fours to a number.
    """
    for bits, factor, places in (
        (8, 10, 0x00FF00FF00FF00FF),
        (16, 100, 0x0000FFFF0000FFFF),
    ):
        digits *= np.uint64((factor << bits) + 1)
        digits >>= np.uint64(bits)
        digits &= np.uint64(places)
    digits *= np.uint64((base << 32) + 1)
    digits >>= np.uint64(32)
    return digits.view(np.int64)


def _signed(values: NDArray[np.float64], negative: NDArray[np.bool_]) -> NDArray[np.float64]:
    if negative.any():
        np.negative(values, out=values, where=negative)
    return values


def _floats(fields: list[bytes]) -> list[float]:
    try:
        if b"_" not in b"".join(fields):
            return list(map(float, fields))
    except ValueError:
        pass
    return list(map(_float, fields))


def _float(field: bytes) -> float:
    try:
        return np.nan if b"_" in field else float(field)
    except ValueError:
        return np.nan
