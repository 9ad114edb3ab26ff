"""Tracker files that are compressed with gzip. Their first bytes decide, not their names."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING

from taggingbackends.errors import TrackFileError
from taggingbackends.system.files import open_file

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["decompressed_head", "is_compressed", "open_data"]

_MAGIC = b"\x1f\x8b"
_RATIO = 64  # largest size of the content, relative to the file's; text has 3 to 20
_SMALL = 64 << 20  # bytes of content that are never too large


def is_compressed(head: bytes) -> bool:
    """Return whether a file that begins with these bytes is compressed."""
    return head.startswith(_MAGIC)


def decompressed_head(head: bytes, size: int) -> bytes:
    """Return the first bytes of a file's content, at most `size`; none if it is damaged."""
    if not is_compressed(head):
        return head
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, size)
    except zlib.error:
        return b""


@contextmanager
def open_data(file: Path) -> Iterator[BufferedIOBase]:
    """Open a file for reading, decompressed if necessary.

    Raises
    ------
    TrackFileError
        While reading: the compressed data are damaged or cut, or the content exceeds both 64 times
        the file's size and 64 MiB.
    OSError
        See `open_file`.
    """
    with open_file(file) as stream:
        if is_compressed(stream.peek(len(_MAGIC))):
            with BufferedReader(_Decompressed(file, stream), 1 << 16) as content:
                yield content
        else:
            yield stream


class _Decompressed(RawIOBase):
    def __init__(self, file: Path, stream: BufferedReader) -> None:
        import gzip  # takes a few milliseconds

        self._file = file
        self._content = gzip.GzipFile(fileobj=stream)
        self._damaged = (EOFError, gzip.BadGzipFile, zlib.error)
        self._left = max(_RATIO * file.stat().st_size, _SMALL)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        try:
            n = self._content.readinto(buffer)
        except self._damaged as error:
            problem = f"expected complete data of gzip, found: {error}; is the file cut?"
            raise TrackFileError(problem, file=self._file) from None
        self._left -= n
        if self._left < 0:
            problem = (
                f"expected a content of at most {_RATIO} times the file's size or "
                f"{_SMALL >> 20} MiB, found more; decompress it with gunzip if it is in order"
            )
            raise TrackFileError(problem, file=self._file)
        return n
