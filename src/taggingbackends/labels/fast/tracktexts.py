"""Finds the tracks in the text of a label file, and the arrays in the text of a track."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

import orjson

__all__ = ["TrackText", "TrackTexts", "take_apart"]


def _pattern(text: bytes) -> re.Pattern[bytes]:
    """Compile a pattern in which a blank matches any white space between JSON tokens."""
    return re.compile(text.replace(b" ", rb"[ \t\r\n]*"))


_DATA = _pattern(rb'"data" : \[ (?=\{)')
_AFTER_TRACK = _pattern(rb" (?:, (?=\{)|(\]))")
_NEXT_KEY = rb' , "(?P<key>[\x20!#-[^-~\]]+)" : (?=\[)'  # without escapes, before an array
_FIRST = _pattern(rb'\{ "id" : "([0-9]{1,5})"' + _NEXT_KEY)
_NEXT = _pattern(_NEXT_KEY + rb"| \}")
_BATCH = 1 << 17  # bytes of text: few calls, little memory


class TrackText(NamedTuple):
    """Where a track is in the text of a label file, from brace to brace, and its parts.

    Attributes
    ----------
    start, end : int
    columns : dict of str -> memoryview
        The digits of ``id``, and the arrays of the other keys, from bracket to bracket. Whether
        they are valid is found when reading them. Empty if the track has other entries.
    """

    start: int
    end: int
    columns: dict[str, memoryview]


class TrackTexts(NamedTuple):
    """The text of a label file, and where a run's tracks are in it."""

    content: bytes
    places: list[tuple[int, int]]

    def batches(self) -> Iterator[list[TrackText]]:
        """Yield neighbours that have the same columns, together as long as they are small."""
        whole = memoryview(self.content)  # of which parts are no copies
        tracks = (_track(self.content, whole, *place) for place in self.places)
        for _, batch in groupby(tracks, lambda track: (track.end // _BATCH, *track.columns)):
            yield list(batch)

    def objects(self, batch: list[TrackText]) -> list[Any]:
        """Return the JSON values of neighbours."""
        # inside at least as many brackets as in the file, so that too deep a nesting is refused
        text = b"[[[[%b]]]]" % self.content[batch[0].start : batch[-1].end]
        [[[values]]] = orjson.loads(text)
        return values  # type: ignore[no-any-return]


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


def _track(content: bytes, whole: memoryview, start: int, end: int) -> TrackText:
    columns: dict[str, memoryview] = {}
    found = _FIRST.match(content, start, end)
    if found:
        columns["id"] = whole[found.start(1) : found.end(1)]
    while found and found["key"]:
        key, at = found["key"].decode(), found.end()
        colon = content.find(b":", at, end)  # after the next key
        stop = content.rfind(b"]", at, end if colon == -1 else colon) + 1
        if key in columns or (key != "labels" and content.find(b"[", at + 1, stop) != -1):
            break  # arrays in an array, which simdjson would flatten
        columns[key] = whole[at:stop]
        found = _NEXT.match(content, stop, end)
    is_usual = found and found.end() == end and "t" in columns and "labels" in columns
    return TrackText(start, end, columns if is_usual else {})
