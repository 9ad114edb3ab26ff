"""Files that look like tracker files, by their suffix, and are in no format: why, and the fix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from taggingbackends.data.compressed import is_compressed
from taggingbackends.system.csvtext import OWN_TABLES
from taggingbackends.system.filekinds import COPY_AGAIN, file_kind, first_line
from taggingbackends.system.words import listed

__all__ = ["is_own_table", "reason", "reason_for_archive", "reason_for_compressed"]

_COMPRESSIONS = {  # that no reader decompresses, by suffix
    ".bz2": "bzip2",
    ".lzma": "LZMA",
    ".xz": "xz",
    ".z": "compress",
    ".zst": "zstd",
    ".7z": "7z",
    ".rar": "RAR",
}


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
        return f"expected tracks, found {empty}; {COPY_AGAIN}"
    found, fix = file_kind(content) or (first_line(content), "")
    return "; ".join(filter(None, (f"expected {expected}, found {found}", fix or usual_fix)))


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
