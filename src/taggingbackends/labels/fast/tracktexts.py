"""Finds the tracks in the text of a label file, and the arrays in the text of a track."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

import orjson

__all__ = ["TrackTexts", "take_apart"]


def _pattern(text: bytes) -> re.Pattern[bytes]:
    """Compile a pattern in which a blank matches any white space between JSON tokens."""
    return re.compile(text.replace(b" ", rb"[ \t\r\n]*"))


_DATA = _pattern(rb'"data" : \[ (?=\{)')
_AFTER_TRACK = _pattern(rb" (?:, (?=\{)|(\]))")
_NEXT_KEY = rb' , "(?P<key>[\x20!#-[^-~\]]+)" : \['  # without escapes, before an array
_FIRST = _pattern(rb'(\{ "id" : ")[0-9]+("' + _NEXT_KEY + rb")")
_NEXT = _pattern(rb"\](?:" + _NEXT_KEY + rb"| \})")
_BATCH = 1 << 18  # bytes of text: few calls, little memory


class TrackTexts(NamedTuple):
    """The text of a label file, and where a run's tracks are in it, from brace to brace."""

    content: bytes
    places: list[tuple[int, int]]

    def batches(self) -> Iterator[TrackTexts]:
        """Yield neighbours, together as long as they are small."""
        for _, places in groupby(self.places, lambda place: place[1] // _BATCH):
            yield TrackTexts(self.content, list(places))

    def halves(self) -> Iterator[TrackTexts]:
        """Yield the first tracks, then the others."""
        half = len(self.places) // 2
        for places in (self.places[:half], self.places[half:]):
            yield TrackTexts(self.content, places)

    def columns(self) -> dict[str, list[bytes]]:
        """Return the digits of ``id``, and the elements of the array of each other key, by track.

        Whether the elements are valid is found when reading them. A ValueError means that the
        tracks have other entries, or differ in more than their elements.
        """
        content = self.content
        keys, (head, *between, tail) = _frame(content, *self.places[0])
        columns: list[list[bytes]] = [[] for _ in keys]
        *inner, last = columns
        steps = [
            (column.append, text, text.index(b":"))
            for column, text in zip(inner, between, strict=True)
        ]
        for start, end in self.places:
            at = start + len(head)
            is_alike = content.startswith(head, start) and content.endswith(tail, at, end)
            for append, text, colon in steps:
                stop = content.index(b":", at, end) - colon
                is_alike = is_alike and content.startswith(text, stop)
                append(content[at:stop])
                at = stop + len(text)
            last.append(content[at : end - len(tail)])
            if not is_alike:
                raise ValueError("tracks that are not written alike")
        if not b"".join(columns[0]).isdigit():
            raise ValueError("larva identifiers that are not decimal digits")
        return dict(zip(keys, columns, strict=True))

    def parsed(self) -> Any:
        """Return the JSON value of a single track."""
        ((start, end),) = self.places
        # inside at least as many brackets as in the file, so that too deep a nesting is refused
        text = b"[[[[%b]]]]" % self.content[start:end]
        [[[[value]]]] = orjson.loads(text)
        return value


def take_apart(content: bytes) -> Any:
    """Return the document in a text, with `TrackTexts` in place of the lists of tracks.

    If their parts of the text are lists of objects, the document is equal to that of the whole.

    Raises
    ------
    ValueError
        The text has to be read as a whole; it may not be JSON.
    """
    rest: list[bytes] = []
    found: dict[str, TrackTexts] = {}
    at = 0
    while data := _DATA.search(content, at):
        mark = os.urandom(16).hex()  # in no text
        rest += [content[at : data.end()], b'"%b"' % mark.encode()]
        places, at = _split(content, data.end())
        found[mark] = TrackTexts(content, places)
    document = orjson.loads(b"".join((*rest, content[at:])))
    runs = document.get("runs") if isinstance(document, dict) else None
    for run in (document, *(runs.values() if isinstance(runs, dict) else ())):
        match run:
            case {"data": [str(mark)]} if mark in found:
                run["data"] = found.pop(mark)
    if found:
        raise ValueError("tracks that are no run's data")
    return document


def _split(content: bytes, at: int) -> tuple[list[tuple[int, int]], int]:
    """Return where tracks are, from the first one on, and the bracket after them."""
    places = []
    start = at
    while at := content.find(b"}", at) + 1:
        if after := _AFTER_TRACK.match(content, at):  # else, it is a brace within the track
            places.append((start, at))
            if after[1]:
                return places, after.start(1)
            start = at = after.end()
    raise ValueError("tracks without an end")


def _frame(content: bytes, start: int, end: int) -> tuple[list[str], list[bytes]]:
    """Return the keys of a track, and the texts around its columns, such as ``],"labels":[``."""
    found = _FIRST.match(content, start, end)
    keys, texts = ["id"], [*found.groups()[:2]] if found else []
    while found and found["key"]:
        keys.append(found["key"].decode())
        colon = content.find(b":", found.end(), end)  # after the next key
        stop = content.rfind(b"]", found.end(), end if colon == -1 else colon)
        found = _NEXT.match(content, stop, end)
        texts.append(found[0] if found else b"")
    is_usual = found and found.end() == end and {"t", "labels"} < {*keys}
    if not is_usual or len({*keys}) < len(keys):
        raise ValueError("a track that is not in the usual form")
    return keys, texts
