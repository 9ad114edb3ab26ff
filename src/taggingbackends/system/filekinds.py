"""What a file is, by its first bytes, for messages about files of another kind."""

from __future__ import annotations

from taggingbackends.errors import shown
from taggingbackends.system.csvtext import OWN_TABLES

__all__ = ["COPY_AGAIN", "file_kind", "first_line"]

COPY_AGAIN = "copy the file again, or remove it"

_KINDS = (  # first bytes in lower case, what has them, and the fix if there is a certain one
    (b"matlab 5.0 mat-file", "a MATLAB 5 file", ""),
    (b"matlab 7.3 mat-file", "a MATLAB 7.3 file", ""),
    (b"\x89hdf\r\n\x1a\n", "HDF5 without the header of MATLAB", ""),
    (b"cdf\x01", "a NetCDF 3 file", ""),
    (b"cdf\x02", "a NetCDF 3 file", ""),
    (b"cdf\x05", "a NetCDF 3 file", ""),
    (b"# created by octave", "a text file of Octave", ""),
    (b"octave-1-l", "a binary file of Octave", ""),
    (b"pk\x03\x04", "a ZIP archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"\x1f\x8b", "a file compressed with gzip", "decompress it first"),
    (b"bzh", "a file compressed with bzip2", "decompress it first"),
    (b"\xfd7zxz\0", "a file compressed with xz", "decompress it first"),
    (b"\x28\xb5\x2f\xfd", "a file compressed with zstd", "decompress it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"rar!\x1a\x07", "a RAR archive", "unpack it"),
    (b"\x89png\r\n\x1a\n", "a PNG picture", ""),
    (b"\xff\xd8\xff", "a JPEG picture", ""),
    (b"%pdf-", "a PDF document", ""),
    (b"par1", "a Parquet table", ""),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file (git lfs pull)"),
    (b"/annex/objects/", "a pointer of git-annex", "fetch the file (git annex get)"),
    (b"<!doctype html", "a web page", "download the file again"),
    (b"<html", "a web page", "download the file again"),
    (b"<?xml", "an XML file", ""),
    *((start.lower(), "a table that this package wrote", "") for start in OWN_TABLES),
)
_SHOWN = 40  # characters of an unknown file
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def file_kind(content: bytes) -> tuple[str, str] | None:
    """Return what a file is by its first bytes, and the fix or ""; None if it is unknown.

    Parameters
    ----------
    content : bytes
        The first bytes, at least 64 unless the file is shorter.
    """
    if not content:
        return "an empty file", COPY_AGAIN
    start = content.lstrip()[:64].lower()
    for first, what, fix in _KINDS:
        if start.startswith(first):
            return what, fix
    if not content.strip(b"\0"):
        return "zeros, as in a copy that was interrupted", COPY_AGAIN
    return None


def first_line(content: bytes) -> str:
    """Return the first characters of a text file, quoted, to show what it is."""
    is_utf16 = content.startswith(_UTF16)
    encoding = "utf-16" if is_utf16 else "utf-8-sig"
    text = content[: len(content) // 2 * 2].decode(encoding, "replace")
    line = (text.strip().splitlines() or [""])[0]
    return shown(line[:_SHOWN]) + " in UTF-16" * is_utf16
