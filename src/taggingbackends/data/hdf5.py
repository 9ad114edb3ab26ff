"""HDF5 files, opened for reading, also if they are damaged or their locks fail."""

from __future__ import annotations

import errno
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from taggingbackends.errors import TrackFileError, shown

__all__ = ["H5PY_ERRORS", "cause", "check_names", "opened"]

H5PY_ERRORS = (OSError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)
"""What h5py raises for a damaged file."""

_HEADER = 512  # bytes before HDF5 in files of MATLAB
_SIEVE = 1 << 12  # least bytes per read of HDF5; of its default, 64 kB, often 12 bytes are used

_SYMBOLS = 0x11  # type of the message that has the address of a group's names
_LAST = 1  # what the last free block of a heap gives as the next one

_HEAP = b"GCOL\x01"  # begins a heap of texts or references
_OBJECT = struct.Struct("<H6xQ")  # of such a heap: its number, and its size

_UNLOCKED = "unable to lock file"  # message of HDF5
_UNCLOSED = "file consistency flags"  # message of HDF5


@contextmanager
def opened(path: Path, header: int = _HEADER, write: bool = False) -> Iterator[h5py.File]:
    """Open a file; raise TrackFileError if it is not HDF5 after the header, damaged or locked.

    Parameters
    ----------
    path : Path
        The file.
    header : int
        Bytes before HDF5; by default those of MATLAB 7.3.
    write : bool
        Open it to change it.
    """
    try:
        file = _open(path, header, h5py.h5f.ACC_RDWR if write else h5py.h5f.ACC_RDONLY)
    except OSError as error:
        if _UNCLOSED in str(error):
            problem = (
                "expected a file that was closed after writing; close it in the program that "
                "writes to it, or run `h5clear -s` on a copy if that program has ended"
            )
        elif error.errno is None:
            after = " after a header of 512 bytes, as MATLAB saves with -v7.3" if header else ""
            problem = (
                f"expected HDF5{after}, found none or a damaged one ({cause(error)}); "
                "is the file cut?"
            )
        elif _UNLOCKED in str(error):
            problem = (
                f"cannot lock this file ({os.strerror(error.errno)}); close it in other programs, "
                "or set the environment variable HDF5_USE_FILE_LOCKING=FALSE to read it unlocked"
            )
        else:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from None
        raise TrackFileError(problem, file=path) from None
    with file:
        yield file


def _open(path: Path, header: int, mode: int) -> h5py.File:
    check_names(path, None, header)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    if header:
        access.set_cache(0, 0, 0, 0)  # no chunk is read twice
    else:  # the reader of MATLAB's files reads nothing that is in these heaps
        _check_heaps(path)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    access.set_sieve_buf_size(_SIEVE)
    try:
        return h5py.File(h5py.h5f.open(bytes(path), mode, access))
    except OSError as error:
        if error.errno in (None, errno.EAGAIN) or _UNLOCKED not in str(error):
            raise
    access.set_file_locking(False, True)  # this file system does not support locks
    return h5py.File(h5py.h5f.open(bytes(path), mode, access))


def check_names(path: Path, group: int | None, header: int = _HEADER) -> None:
    """Raise OSError if HDF5 would never end reading the names in a group.

    The names are in a heap. HDF5 copies the list of its free blocks to memory, also a list that
    leads in circles.

    Parameters
    ----------
    path : Path
        The file.
    group : int or None
        Address of the group's object header; None for the root.
    header : int
        Bytes before HDF5.
    """
    size = path.stat().st_size
    with path.open("rb") as file:

        def read(address: int, form: str) -> tuple[int, ...]:
            file.seek(header + min(address, size))
            return struct.unpack(form, file.read(struct.calcsize(form)))

        try:
            if group is None:
                (group,) = read(0, "<64xQ")
            version, message, heap = read(group, "<B15xH14xQ")
            if (version, message) != (1, _SYMBOLS):
                return  # a newer kind of group
            length, free, start = read(heap, "<8xQQQ")
            passed = set()
            while free != _LAST and free < length and free not in passed:
                passed.add(free)
                (free,) = read(start + free, "<Q")
        except struct.error:
            return  # the file is cut, as HDF5 finds, too
    if free in passed:
        raise OSError("a heap whose list of free blocks leads in circles")


def _check_heaps(path: Path) -> None:
    """Raise OSError if HDF5 would never end reading a heap of texts or references.

    A heap is a row of objects, each with its size. HDF5 goes from one to the next, also if a size
    is 0 or negative.
    """
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            start = content.find(_HEAP)
            while start >= 0:
                (size,) = struct.unpack("<Q", content[start + 8 : start + 16].ljust(8, b"\0"))
                at, end = start + 16, min(start + size, len(content))
                while at + 16 <= end:
                    number, size = _OBJECT.unpack_from(content, at)
                    # sums of sizes overflow, as in HDF5
                    step = (size if number == 0 else 16 + (size + 7) // 8 * 8) % (1 << 64)
                    if not 0 < step < 1 << 63:
                        raise OSError("a heap that does not end")
                    at += step
                start = content.find(_HEAP, start + 1)


def cause(error: Exception) -> str:
    """Return the cause of an error of h5py, which is in parentheses after the attempted action."""
    text = " ".join(str(error).split())
    return text.partition("(")[2].rstrip(")") or shown(text)
