"""The text of a label file, taken apart: tracks, which are nearly all of it, and the rest."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

__all__ = ["TrackText", "TrackTexts", "take_apart"]


def _pattern(text: bytes) -> re.Pattern[bytes]:
    """Compile a pattern in which a blank stands for any blanks that JSON has between tokens."""
    return re.compile(text.replace(b" ", rb"[ \t\r\n]*"))


_DATA = _pattern(rb'"data" : \[ (?=\{)')
_AFTER_TRACK = _pattern(rb" (?:, (?=\{)|(\]))")
_BEFORE_TIMES = _pattern(rb'\{ "id" : "([0-9]{1,5})" , "t" : (?=\[)')
_BEFORE_STATES = _pattern(rb' , "labels" : (?=\[)')
_AFTER_STATES = _pattern(rb" \}")


class TrackText(NamedTuple):
    """A track as label files nearly always have it: three entries, in their order.

    Attributes
    ----------
    larva : int
    times : memoryview
    states : bytes
        Both from bracket to bracket; whether they are arrays, reading them tells.
    """

    larva: int
    times: memoryview
    states: bytes


class TrackTexts(list[tuple[int, int]]):
    """Where the texts of a run's tracks are in that of a label file, from brace to brace.

    Attributes
    ----------
    content : bytes
        The whole text; nothing of it is copied until it is read.
    depth : int
        How many brackets are around each track.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content
        self.depth = 0

    def object(self, start: int, end: int) -> Any:
        """Return the object that a text tells of; a ValueError if it tells of none."""
        # within as many brackets as there: what is nested too deep is refused
        text = b"[" * self.depth + self.content[start:end] + b"]" * self.depth
        value = orjson.loads(text)
        for _ in range(self.depth):
            (value,) = value
        return value

    def track(self, start: int, end: int) -> TrackText | None:
        """Return the parts of a text, None if it is not made as nearly all are."""
        content = self.content
        before = _BEFORE_TIMES.match(content, start, end)
        if before is None:
            return None
        times = before.end(), content.find(b"]", before.end(), end) + 1
        between = _BEFORE_STATES.match(content, times[1], end)
        if between is None:
            return None
        states = between.end(), content.rfind(b"]", between.end(), end) + 1
        if not _AFTER_STATES.fullmatch(content, states[1], end):
            return None
        if content.find(b'":', *states) != -1:
            return None  # the key of another entry
        if content.find(b"[", times[0] + 1, times[1]) != -1:
            return None  # arrays among the times
        whole = memoryview(content)  # of which nothing is copied for the times, most of it
        return TrackText(int(before[1]), whole[slice(*times)], content[slice(*states)])


def take_apart(content: bytes) -> Any:
    """Return the document that a text tells of, with `TrackTexts` in the place of tracks.

    If each of these turns out to be the text of an object, the document is what the whole text
    tells of.

    Raises
    ------
    ValueError
        The text is to be read as a whole; it may be no JSON at all.
    """
    rest: list[bytes] = []
    found: dict[str, TrackTexts] = {}
    at = 0
    while data := _DATA.search(content, at):
        mark = os.urandom(16).hex()  # which no text has
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
    """Return the texts of tracks from the first one on, and where the bracket after them is."""
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
    """Yield what may be runs, with the number of brackets around their tracks."""
    if isinstance(document, dict):
        yield document, 2
        runs = document.get("runs")
        for run in runs.values() if isinstance(runs, dict) else ():
            if isinstance(run, dict):
                yield run, 4
