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
_AFTER_COLUMN = _pattern(rb' (?:\}|, "([\x20!#-[^-~\]]+)" : (?=\[))')  # a key without escapes
_BATCH = 1 << 17  # bytes of text: few calls, little memory


class TrackText(NamedTuple):
    """Where a track is in the text of a label file, from brace to brace.

    Attributes
    ----------
    start, end : int
    larva : int
    columns : dict of str -> slice
        Where the arrays are, from bracket to bracket: ``t``, ``labels``, then others, in the order
        of the text. Whether they are valid is found when reading them. Empty if the track is not in
        the usual form: these entries after the identifier, and all of them arrays.
    """

    start: int
    end: int
    larva: int
    columns: dict[str, slice]


class TrackTexts(list[TrackText]):
    """The tracks of a run in the text of a label file.

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

    def batches(self) -> Iterator[list[TrackText]]:
        """Yield the tracks, together as long as they are small and have the same columns."""
        batch: list[TrackText] = []
        for track in self:
            if batch and (
                track.end - batch[0].start > _BATCH or [*track.columns] != [*batch[0].columns]
            ):
                yield batch
                batch = []
            batch.append(track)
        yield batch

    def object(self, track: TrackText) -> Any:
        """Return the object in the text of a track; a ValueError if it is not one object."""
        # inside as many brackets as in the file, so that too deep a nesting is refused
        text = b"[" * self.depth + self.content[track.start : track.end] + b"]" * self.depth
        value = orjson.loads(text)
        for _ in range(self.depth):
            (value,) = value
        return value


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
    while at := content.find(b"}", at) + 1:
        if after := _AFTER_TRACK.match(content, at):  # else, it is a brace within the track
            tracks.append(_track(content, start, at))
            if after[1]:
                return tracks, after.start(1)
            start = at = after.end()
    raise ValueError("tracks without an end")


def _track(content: bytes, start: int, end: int) -> TrackText:
    before = _BEFORE_TIMES.match(content, start, end)
    at = content.find(b"]", before.end(), end) + 1 if before else start
    between = _BEFORE_STATES.match(content, at, end)
    if before and between and content.find(b"[", before.end() + 1, at) == -1:
        columns = {"id": slice(0), "t": slice(before.end(), at)}
        key, at = "labels", between.end()
        colon = content.find(b":", at, end)  # after the key of another column
        stop = content.rfind(b"]", at, end if colon == -1 else colon)
        while key not in columns:
            columns[key] = slice(at, stop + 1)
            if key != "labels" and content.find(b"[", at + 1, stop) != -1:
                break  # arrays in an array
            after = _AFTER_COLUMN.match(content, stop + 1, end)
            if after and after[1]:
                key, at = after[1].decode(), after.end()
                stop = content.find(b"]", at, end)
            elif after and after.end() == end:
                del columns["id"]
                return TrackText(start, end, int(before[1]), columns)
    return TrackText(start, end, -1, {})


def _runs(document: Any) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield possible runs, with the number of brackets around their tracks."""
    if isinstance(document, dict):
        yield document, 2
        runs = document.get("runs")
        for run in runs.values() if isinstance(runs, dict) else ():
            if isinstance(run, dict):
                yield run, 4
