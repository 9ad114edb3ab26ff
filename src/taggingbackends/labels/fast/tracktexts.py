"""Finds the tracks in the text of a label file, and the arrays in the text of a track."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
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
_BATCH = 1 << 17  # bytes of text: few calls, little memory


class TrackTexts(NamedTuple):
    """The text of a label file, and where a run's tracks are in it, from brace to brace."""

    content: bytes
    places: list[tuple[int, int]]

    def batches(self) -> Iterator[tuple[TrackTexts, dict[str, list[memoryview]]]]:
        """Yield neighbours that are written alike, together as long as they are small.

        Yields
        ------
        tracks : TrackTexts
        columns : dict of str -> list of memoryview
            The digits of ``id``, and the elements of the array of each other key, by track. Whether
            they are valid is found when reading them, but only elements of ``labels`` may be
            arrays. Empty for a track that has other entries.
        """
        first = 0
        while first < len(self.places):
            columns = self._columns(first)
            n = len(columns["id"]) if columns else 1
            yield TrackTexts(self.content, self.places[first : first + n]), columns
            first += n

    def _columns(self, first: int) -> dict[str, list[memoryview]]:
        """Return the columns of a track, and of those after it that differ in nothing else."""
        content, places = self
        whole = memoryview(content)  # of which parts are no copies
        keys, (head, *texts) = _frame(content, *places[first])
        if not keys:
            return {}
        # the last text has no colon
        steps = [
            (text, text.find(b":"), key == "labels") for key, text in zip(keys, texts, strict=True)
        ]
        limit = max(places[first][0] + _BATCH, places[first][1])
        tracks: list[list[memoryview]] = []
        for n in range(first, len(places)):
            start, end = places[n]
            at = start + len(head)
            if end > limit or not content.startswith(head, start):
                break
            parts = []
            for text, colon, has_arrays in steps:
                found = content.find(b":", at, end)
                stop = end - len(text) if found < 0 else found - colon
                is_alike = content.startswith(text, stop)
                if not (is_alike and (has_arrays or content.find(b"[", at, stop) < 0)):
                    break
                parts.append(whole[at:stop])
                at = stop + len(text)
            if len(parts) < len(keys):
                break
            tracks.append(parts)
        return dict(zip(keys, map(list, zip(*tracks, strict=True)), strict=False))

    def parsed(self) -> list[Any]:
        """Return the JSON values of the tracks."""
        # inside at least as many brackets as in the file, so that too deep a nesting is refused
        text = b"[[[[%b]]]]" % self.content[self.places[0][0] : self.places[-1][1]]
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


def _frame(content: bytes, start: int, end: int) -> tuple[list[str], list[bytes]]:
    """Return the keys of a track, and the texts around its columns, such as ``],"labels":[``.

    There are no keys if the track is not in the usual form.
    """
    found = _FIRST.match(content, start, end)
    keys, texts = ["id"], [*found.groups()[:2]] if found else []
    while found and found["key"]:
        keys.append(found["key"].decode())
        colon = content.find(b":", found.end(), end)  # after the next key
        stop = content.rfind(b"]", found.end(), end if colon == -1 else colon)
        found = _NEXT.match(content, stop, end)
        texts.append(found[0] if found else b"")
    is_usual = found and found.end() == end and {"t", "labels"} < {*keys}
    return (keys, texts) if is_usual and len({*keys}) == len(keys) else ([], [b""])
