"""Tests of reading many numbers in text at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taggingbackends.data.decimals import parse, split

BLANKS = [" ", "\t", "\n", "\r", "\v", "\f", "  ", "\r\n"]
SIGNS = ["", "-", "+"]


def digits(most: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", max_size=most)


NUMBERS = st.one_of(
    st.builds("{}{}.{}".format, st.sampled_from(SIGNS), digits(5), digits(4)),
    st.builds("{}{}.{}".format, st.sampled_from(SIGNS), digits(20), digits(20)),
    st.builds("{}{}".format, st.sampled_from(SIGNS), digits(10)),
    st.floats().map(repr),
    st.floats(-9999, 9999).map("{:.3f}".format),
)
OTHERS = st.text([chr(code) for code in range(128) if not chr(code).isspace()], max_size=10)


def read(field: bytes) -> float:
    """Read a field as documented for `parse`."""
    try:
        return math.nan if b"_" in field else float(field)
    except ValueError:
        return math.nan


def assert_same(found: np.ndarray, expected: list[float]) -> None:
    assert found.dtype == np.float64
    assert np.array_equal(found, expected, equal_nan=True)
    signs = np.signbit(expected) | np.isnan(expected)
    assert np.array_equal(np.signbit(found) | np.isnan(found), signs)


@given(st.lists(NUMBERS | OTHERS, max_size=30), st.sampled_from(BLANKS))
@example(["-0.000", "0.000", "-0", "-", ".", "-.", ".000", "-.125", "", "--1.000", "1-.000"], " ")
@example(["9999.999", "-999.999", "10000.000", "-9999.999", "99999999", "-9999999"], " ")
@example(
    ["123456789", "-12345678", "1.2345", "1.", "12.34.567", "1.2.345", "1/.000", "1:.000"], " "
)
@example(["nan", "inf", "-inf", "1_0.000", "1e3", "0x10.000", "1,000", "1 .000", "-_1.000"], "\n")
def test_numbers_are_those_of_float(fields: list[str], blank: str) -> None:
    text = blank.join(fields).encode()
    stops, lengths, _ = split(text)
    assert_same(parse(text, stops, lengths), [read(field) for field in text.split()])


def test_all_numbers_with_three_decimals() -> None:
    for sign in SIGNS[:2]:
        text = " ".join(f"{sign}{n // 1000}.{n % 1000:03}" for n in range(200_000)).encode()
        assert_same(parse(text, *split(text)[:2]), list(map(float, text.split())))


@pytest.mark.parametrize("place", range(8))
def test_any_character_at_any_place(place: int) -> None:
    fields = [b"1234.567"[:place] + bytes([code]) + b"1234.567"[place + 1 :] for code in range(256)]
    fields = [field for field in fields if field.split() == [field]]
    text = b" ".join(fields)
    assert_same(parse(text, *split(text)[:2]), list(map(read, fields)))


@given(st.binary() | st.text([*"\0\b\t\n\v\f\r\x0e\x1c\x1f !~x1."]).map(str.encode))
def test_fields_are_those_of_split(text: bytes) -> None:
    stops, lengths, counts = split(text)
    fields = [text[stop - length : stop] for stop, length in zip(stops, lengths, strict=True)]
    assert fields == text.split()
    lines = text.removesuffix(b"\n").split(b"\n")
    assert counts.tolist() == [len(line.split()) for line in lines]


def test_fields_to_skip() -> None:
    text = b"run 1.5 x 20170714_101500"
    values = parse(text, *split(text)[:2], skip=np.array([0, 3]))
    assert_same(values, [0.0, 1.5, math.nan, 0.0])


def test_no_fields() -> None:
    assert parse(b"", *split(b"")[:2]).shape == (0,)
