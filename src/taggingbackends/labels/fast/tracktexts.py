"""Splits the text of a label file into the tracks, which are most of it, and the rest."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

__all__ = ["TrackText", "TrackTexts", "take_apart"]


def _pattern(text: bytes) -> re.Pattern[bytes]:
    """Compile a pattern in which a blank matches any white space between JSON tokens."""
    return re.compile(text.replace(b" ", rb"[ \t\r\n]*"))


_DATA = _pattern(rb'"data" : \[ (?=\{)')
_AFTER_TRACK = _pattern(rb" (?:, (?=\{)|(\]))")
_BEFORE_TIMES = _pattern(rb'\{ "id" : "([0-9]{1,5})" , "t" : (?=\[)')
_BEFORE_STATES = _pattern(rb' , "labels" : (?=\[)')
_COLUMNS = _pattern(rb'(?: , "confidence" : (\[[^][]*\]))?(?: , "second" : (\[[^][]*\]))? \}')


class TrackText(NamedTuple):
    """A track in its usual form: these entries, in this order. The last two may be missing.

    Attributes
    ----------
    larva : int
    times : memoryview
    states : bytes
    confidence, second : bytes or None
        All from bracket to bracket. Whether they are valid arrays is found when reading them.
    """

    larva: int
    times: memoryview
    states: bytes
    confidence: bytes | None
    second: bytes | None


class TrackTexts(list[tuple[int, int]]):
    """Where the tracks of a run are in the text of a label file, from brace to brace.

    Attributes
    ----------
    content : bytes
        The whole text; a part is copied only when it is read.
    depth : int
        Number of brackets around each track.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content
        self.depth = 0

    def object(self, start: int, end: int) -> Any:
        """Return the object in a part of the text; a ValueError if it is not one object."""
        # inside as many brackets as in the file, so that too deep a nesting is refused
        text = b"[" * self.depth + self.content[start:end] + b"]" * self.depth
        value = orjson.loads(text)
        for _ in range(self.depth):
            (value,) = value
        return value

    def track(self, start: int, end: int) -> TrackText | None:
        """Return the parts of a track, None if it is not in the usual form."""
        content = self.content
        before = _BEFORE_TIMES.match(content, start, end)
        if before is None:
            return None
        times = before.end(), content.find(b"]", before.end(), end) + 1
        between = _BEFORE_STATES.match(content, times[1], end)
        if between is None:
            return None
        key = content.find(b'":', between.end(), end)  # of another entry
        stop = end if key == -1 else key
        states = between.end(), content.rfind(b"]", between.end(), stop) + 1
        columns = _COLUMNS.fullmatch(content, states[1], end)
        if columns is None:
            return None
        if content.find(b"[", times[0] + 1, times[1]) != -1:
            return None  # arrays among the times
        whole = memoryview(content)  # so that the times, most of the text, are not copied
        return TrackText(
            int(before[1]), whole[slice(*times)], content[slice(*states)], *columns.groups()
        )


def take_apart(content: bytes) -> Any:
    """Return the document in a text, with `TrackTexts` in place of the lists of tracks.

    If each part is the text of one object, the document is equal to the one in the whole text.

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
        found[mark], at = _split(content, data.end())
    document = orjson.loads(b"".join((*rest, content[at:])))
    for run, depth in _runs(document):
        match run.get("data"):
            case [str(mark)] if mark in found:
                found[mark].depth = depth
                run["data"] = found.pop(mark)
    if found:
        raise ValueError("tracks that are no run's data")
    return document


def _split(content: bytes, at: int) -> tuple[TrackTexts, int]:
    """Return the tracks from the first one on, and the position of the bracket after them."""
    tracks = TrackTexts(content)
    start = at
    while end := content.find(b"}", at) + 1:
        after = _AFTER_TRACK.match(content, end)
        at = end
        if after is None:
            continue  # a brace within the track
        tracks.append((start, end))
        if after[1]:
            return tracks, after.start(1)
        start = at = after.end()
    raise ValueError("tracks without an end")


def _runs(document: Any) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield possible runs, with the number of brackets around their tracks."""
    if isinstance(document, dict):
        yield document, 2
        runs = document.get("runs")
        for run in runs.values() if isinstance(runs, dict) else ():
            if isinstance(run, dict):
                yield run, 4
