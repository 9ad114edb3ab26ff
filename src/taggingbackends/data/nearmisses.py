"""Files that look like tracker files, by their suffix, and are in no format: why, and the fix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from taggingbackends.data.compressed import is_compressed
from taggingbackends.errors import shown
from taggingbackends.system.csvtext import OWN_TABLES
from taggingbackends.system.words import listed

__all__ = ["is_own_table", "reason", "reason_for_archive", "reason_for_compressed"]

_KINDS = (  # first bytes in lower case, what has them, and the fix if it is not the format's own
    (b"matlab 5.0 mat-file", "a MATLAB 5 file", ""),
    (b"\x89hdf\r\n\x1a\n", "HDF5 without the header of MATLAB", ""),
    (b"cdf\x01", "a NetCDF 3 file", ""),
    (b"cdf\x02", "a NetCDF 3 file", ""),
    (b"cdf\x05", "a NetCDF 3 file", ""),
    (b"# created by octave", "a text file of Octave", ""),
    (b"octave-1-l", "a binary file of Octave", ""),
    (b"pk\x03\x04", "a ZIP archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"bzh", "a file compressed with bzip2", "decompress it first"),
    (b"\xfd7zxz\0", "a file compressed with xz", "decompress it first"),
    (b"\x28\xb5\x2f\xfd", "a file compressed with zstd", "decompress it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"rar!\x1a\x07", "a RAR archive", "unpack it"),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file (git lfs pull)"),
    (b"/annex/objects/", "a pointer of git-annex", "fetch the file (git annex get)"),
    (b"<!doctype html", "a web page", "download the file again"),
    (b"<html", "a web page", "download the file again"),
)
_COMPRESSIONS = {  # that no reader decompresses, by suffix
    ".bz2": "bzip2",
    ".lzma": "LZMA",
    ".xz": "xz",
    ".z": "compress",
    ".zst": "zstd",
    ".7z": "7z",
    ".rar": "RAR",
}
_COPY_AGAIN = "copy the file again, or remove it"
_SHOWN = 40  # characters of an unknown file
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def reason(head: bytes, content: bytes, expected: str, usual_fix: str) -> str:
    """Return why a file is in none of the formats that have its suffix, and the fix.

    Parameters
    ----------
    head : bytes
        The file's first bytes.
    content : bytes
        The first bytes of the content: those of `head`, decompressed if necessary.
    expected : str
        How files of these formats begin.
    usual_fix : str
        The fix for files of other kinds than those that have one of their own.
    """
    if not content:
        empty = "no content or damaged gzip" if is_compressed(head) else "an empty file"
        return f"expected tracks, found {empty}; {_COPY_AGAIN}"
    found, fix = _kind(content)
    return "; ".join(filter(None, (f"expected {expected}, found {found}", fix or usual_fix)))


def _kind(content: bytes) -> tuple[str, str]:
    """Return what a file is by its first bytes, and the fix."""
    start = content.lstrip()[:32].lower()
    for first, what, fix in _KINDS:
        if start.startswith(first):
            return what, fix
    if not content.strip(b"\0"):
        return "zeros, as in a copy that was interrupted", _COPY_AGAIN
    is_utf16 = content.startswith(_UTF16)
    encoding = "utf-16" if is_utf16 else "utf-8-sig"
    text = content[: len(content) // 2 * 2].decode(encoding, "replace")
    line = (text.strip().splitlines() or [""])[0]
    return shown(line[:_SHOWN]) + " in UTF-16" * is_utf16, ""


def is_own_table(content: bytes) -> bool:
    """Return whether a file is a table that this package writes, by its first bytes."""
    return content.startswith(OWN_TABLES)


def reason_for_archive(path: Path, is_tracker_name: Callable[[str], bool]) -> str | None:
    """Return the fix for a ZIP archive with tracker files; None for other archives and files.

    Parameters
    ----------
    path : Path
        A file with the suffix .zip.
    is_tracker_name : callable
        Returns whether a name is that of a tracker file.
    """
    import zipfile  # takes a few milliseconds

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return None
    names = [name for name in names if is_tracker_name(name) and "__MACOSX/" not in name]
    if not names:
        return None
    return f"expected tracker files, found an archive of them ({listed(names)}); unpack it"


def reason_for_compressed(path: Path, is_tracker_name: Callable[[str], bool]) -> str | None:
    """Return the fix for a tracker file that is compressed otherwise than with gzip, by its name.

    Parameters
    ----------
    path : Path
        A file, e.g. ``x.spine.xz``.
    is_tracker_name : callable
        As for `reason_for_archive`.
    """
    how = _COMPRESSIONS.get(path.suffix.lower())
    if how is None or not is_tracker_name(path.stem):
        return None
    return f"expected a tracker file, found one compressed with {how}; decompress it first"
