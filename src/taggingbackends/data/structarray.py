"""Struct arrays of MATLAB 7.3, read element by element, also from untrusted files.

A MATLAB 7.3 file is HDF5 after a header of 512 bytes. MATLAB stores arrays column by column: an
n x 11 array is a dataset of shape (11, n). The fields of a struct array contain references to
datasets, the fields of a single struct are the datasets themselves.
"""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from h5py.h5d import DatasetID
from h5py.h5g import GroupID
from numpy.typing import NDArray

from taggingbackends.errors import TrackFileError, shown
from taggingbackends.labels.validation import MAX_LARVA_ID

__all__ = ["StructArray", "opened"]

_BLOCK = 1 << 19  # bytes of coordinates read at once
_SIEVE = 1 << 12  # least bytes per read of HDF5; of its default, 64 kB, often 12 bytes are used
_MOST_DEFLATED = 1032  # compression limit of deflate, https://zlib.net/zlib_tech.html
_MOST_OF_FILE = 64  # bytes in memory per byte of the file; real tracks are deflated to a third
_MOST_OF_ANY_FILE = 256 << 20  # bytes in memory besides
_CHUNK = 1 << 10  # bytes in memory that HDF5 needs for a chunk however small
_INPUT = 1 << 14  # bytes inflated at once in a check
_MOST_LINKS = 16  # soft links in a row, the limit of HDF5 itself

_H5PY_ERRORS = (OSError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)
"""What h5py raises for a damaged file."""

_FILTERS = (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32)

_UNLOCKED = "unable to lock file"  # message of HDF5

_NUMBERS = ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
_TEXT = ("text",)

_Sizes: TypeAlias = tuple[int | None, int | None]  # rows and columns in MATLAB; None: any


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file; raise TrackFileError if it is not a MATLAB 7.3 file, is damaged or locked."""
    try:
        try:
            file = _open(path)
        except OSError as error:
            if error.errno in (None, errno.EAGAIN) or _UNLOCKED not in str(error):
                raise
            file = _open(path, locking=False)  # this file system does not support locks
    except OSError as error:
        if error.errno is None:
            problem = (
                "expected HDF5 after a header of 512 bytes, as MATLAB saves with -v7.3, "
                f"found none or a damaged one ({_said(error)}); is the file cut?"
            )
            raise TrackFileError(problem, file=path) from None
        if _UNLOCKED in str(error):
            problem = (
                f"cannot lock this file ({os.strerror(error.errno)}); close it in other programs, "
                "or set the environment variable HDF5_USE_FILE_LOCKING=FALSE to read it unlocked"
            )
            raise TrackFileError(problem, file=path) from None
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from None
    with file:
        yield file


def _open(path: Path, locking: bool = True) -> h5py.File:
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    access.set_sieve_buf_size(_SIEVE)
    if not locking:
        access.set_file_locking(False, True)
    return h5py.File(h5py.h5f.open(bytes(path), h5py.h5f.ACC_RDONLY, access))


class StructArray:
    """Struct array `trx`, read element by element, also from an untrusted file.

    Links to other files are never followed. A dataset is read only if the file can contain it:

    - all datasets together occupy at most as many bytes as the file has;
    - each is deflated once at most, to no less than a 1032th, the limit of deflate;
    - all together occupy at most 64 times the file's size and 256 MiB in memory, as float64;
    - a chunk that could be inflated beyond this has its declared size.

    The low-level interface of h5py is used because there are many small datasets: the high-level
    interface takes longer to open one than to read it.

    Parameters
    ----------
    path : Path
        The file, for error messages.
    file : h5py.File
        The same file, open.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file.id
        self._left = path.stat().st_size  # bytes of the file not yet accounted for by datasets
        self._room = _MOST_OF_FILE * self._left + _MOST_OF_ANY_FILE  # bytes of memory left
        self._fields: dict[str, list[Any]] = {}
        with self._errors_at("trx"):
            root = h5py.h5g.open(self._file, b"/")
        self._group = self._followed(root, "trx", "trx")
        if not isinstance(self._group, GroupID):
            problem = "expected a struct array, found an array; store the tracks as a struct array"
            raise TrackFileError(problem, file=path, key="trx")
        self._size = len(self._elements("id"))
        if not self._size:
            raise TrackFileError("expected one larva or more, found none", file=path, key="trx")

    def __len__(self) -> int:
        return self._size

    def __contains__(self, field: str) -> bool:
        with self._errors_at("trx"):
            return self._group.links.exists(field.encode())  # type: ignore[no-any-return]

    def error(self, field: str, index: int, problem: str) -> TrackFileError:
        """Return an error that names a field of an element (`index` is 0-based)."""
        return TrackFileError(problem, file=self.path, key=_key(field, index))

    def text(self, field: str, index: int) -> str:
        """Return a text, a row of characters that MATLAB stores as UTF-16."""
        dataset, shape = self._dataset(field, index, (1, None), "text (char, 1 x n)", _TEXT)
        codes = np.empty(shape, "<u2")
        self._read(dataset, codes, _key(field, index))
        try:
            return codes.tobytes().decode("utf-16-le")
        except UnicodeDecodeError:
            found = f"codes {codes.ravel()[:8].tolist()}"
            raise self.error(field, index, f"expected text, found {found}") from None

    def numbers(self, field: str, index: int, sizes: _Sizes) -> NDArray[np.float64]:
        """Return a column (or a row) of numbers, as (n,) float64."""
        expected = f"numbers ({_times(sizes)}{', as many as in t' if sizes[0] else ''})"
        if sizes == (1, 1):
            expected = "a number"
        dataset, shape = self._dataset(field, index, sizes, expected)
        values = np.empty(shape)
        self._read(dataset, values, _key(field, index))
        return values.ravel()

    def points(
        self, shape: str, index: int, sizes: _Sizes
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield the points of a spine or contour, some frames at a time.

        Parameters
        ----------
        shape : str
            The fields are ``x_<shape>`` and ``y_<shape>``.
        index : int
            0-based index of the element.
        sizes : (frames, points)
            Expected numbers of frames and points; None for any number of points.

        Yields
        ------
        first : int
            0-based index of the first frame.
        xy : (frames, points, 2) float64 array
            Points of these frames. The memory order is that of the file, Fortran order: all x,
            then all y, and within each the frames of a point are contiguous.
        """
        fields = (f"x_{shape}", f"y_{shape}")
        datasets = []
        for field in fields:
            expected = f"numbers ({_times(sizes)}, as many rows as in t)"
            dataset, (points, frames) = self._dataset(field, index, sizes, expected)
            datasets.append(dataset)
            sizes = (frames, points)
        step = max(1, _BLOCK // (16 * points))
        with self._errors_at(_key(fields[0], index)):
            chunks = _chunks(datasets[0])
        if chunks is not None:
            step = -(-step // chunks[1]) * chunks[1]  # whole chunks: none is read twice
        for first in range(0, frames, step):
            n = min(step, frames - first)
            xy = np.empty((2, points, n))
            for part, field, dataset in zip(xy, fields, datasets, strict=True):
                self._read(dataset, part, _key(field, index), first if n < frames else None)
            yield first, xy.T

    def _dataset(
        self,
        field: str,
        index: int,
        sizes: _Sizes,
        expected: str,
        types: tuple[str, ...] = _NUMBERS,
    ) -> tuple[DatasetID, tuple[int, int]]:
        """Return a dataset after checks of its size and type, and its shape."""
        found = self._elements(field)[index]
        key = _key(field, index)
        if isinstance(found, h5py.Reference):
            if not found:
                raise self.error(field, index, f"expected {expected}, found a reference to nothing")
            with self._errors_at(key):
                found = h5py.h5r.dereference(found, self._file)
        shape, dtype = self._stored(found, key, expected)
        kind = f"{dtype.kind}{dtype.itemsize}"
        with self._errors_at(key):
            if kind == "u2" and h5py.h5a.exists(found, b"MATLAB_int_decode"):
                kind = "text"  # numbers of that type lack this attribute
        if kind not in types or not _fits(shape, sizes):
            name = kind if kind == "text" else dtype
            raise self.error(field, index, f"expected {expected}, found {_array(shape, name)}")
        return found, shape

    def _elements(self, field: str) -> list[Any]:
        """Return a field's references, one per element; for a single struct, its dataset."""
        if field in self._fields:
            return self._fields[field]
        key = f"trx.{field}"
        found = self._followed(self._group, field, key)
        elements: list[Any] = [found]
        if self._refers(found, key):
            shape, dtype = self._stored(found, key, "references")
            if shape[0] * shape[1] > MAX_LARVA_ID + 1:
                problem = f"expected {MAX_LARVA_ID + 1} larvae at most, found {_times(shape[::-1])}"
                raise TrackFileError(problem, file=self.path, key=key)
            references = np.empty(shape, dtype)
            self._read(found, references, key)
            elements = references.ravel().tolist()
        if self._fields and len(elements) != self._size:
            problem = f"expected {self._size} elements, as trx.id has, found {len(elements)}"
            raise TrackFileError(problem, file=self.path, key=key)
        self._fields[field] = elements
        return elements

    def _refers(self, found: Any, key: str) -> bool:
        with self._errors_at(key):
            return (
                isinstance(found, DatasetID) and h5py.check_ref_dtype(found.dtype) is h5py.Reference
            )

    def _followed(self, group: GroupID, name: str, key: str) -> GroupID | DatasetID:
        """Return the object of a name, following soft links within this file."""
        steps = [name]
        links = 0
        found = group
        while steps:
            step = steps.pop().encode()
            with self._errors_at(key):
                there = isinstance(found, GroupID) and found.links.exists(step)
                kind = found.links.get_info(step).type if there else None
                if kind == h5py.h5l.TYPE_HARD:
                    found = h5py.h5o.open(found, step)
                elif kind == h5py.h5l.TYPE_SOFT:
                    target = found.links.get_val(step).decode()
                    if target.startswith("/"):
                        found = h5py.h5g.open(self._file, b"/")
            if kind == h5py.h5l.TYPE_SOFT and links < _MOST_LINKS:
                links += 1
                steps += [part for part in target.split("/") if part not in ("", ".")][::-1]
            elif kind != h5py.h5l.TYPE_HARD:
                problem = {
                    None: "expected this field, found none; "
                    "docs/contract.md, section 7, lists the fields",
                    h5py.h5l.TYPE_SOFT: "expected data, found a link that leads in circles",
                }.get(kind, "expected data in this file, found a link to another; copy them here")
                raise TrackFileError(problem, file=self.path, key=key)
        return found

    def _stored(self, found: Any, key: str, expected: str) -> tuple[tuple[int, int], np.dtype[Any]]:
        """Return shape and type of a dataset after checks that this file can contain it."""
        with self._errors_at(key):
            is_array = isinstance(found, DatasetID) and found.rank == 2
            if is_array:
                shape, dtype = found.shape, found.dtype
                properties = found.get_create_plist()
                layout = properties.get_layout()
                elsewhere = layout == h5py.h5d.VIRTUAL or properties.get_external_count()
                stored = found.get_storage_size()
                chunk, chunks, filters = shape, 1, []
                if layout == h5py.h5d.CHUNKED:  # HDF5 reads whole chunks
                    chunk = properties.get_chunk()
                    chunks = -(-shape[0] // chunk[0]) * -(-shape[1] // chunk[1])
                    count = properties.get_nfilters()
                    filters = [properties.get_filter(i)[0] for i in range(count)]
        if not is_array:
            other = (
                "a struct"
                if isinstance(found, GroupID)
                else "data without rows and columns, e.g. an empty array"
            )
            problem = f"expected {expected}, with rows and columns, found {other}"
            raise TrackFileError(problem, file=self.path, key=key)
        if elsewhere:
            problem = "expected data in this file, found a link to others; copy them here"
        elif filters != [filter for filter in _FILTERS if filter in filters]:
            problem = "expected data that are deflated once, found other filters; save with -v7.3"
        else:
            excess = self._excess(found, key, stored, chunk[0] * chunk[1], chunks)
            if not excess:
                return shape, dtype
            size = f"{_array(shape, dtype)}, stored in {stored} bytes"
            problem = f"expected {expected}, found {size}{excess}"
        raise TrackFileError(problem, file=self.path, key=key)

    def _excess(self, found: DatasetID, key: str, stored: int, cells: int, chunks: int) -> str:
        """Return in what a dataset is too large; "" if it is not, and then count it."""
        chunk = cells * found.dtype.itemsize
        memory = chunks * max(8 * cells, _CHUNK)
        if stored > self._left or chunks * chunk > _MOST_DEFLATED * stored:
            return "; is the file damaged?"
        if memory > self._room:
            return ", too much for this file; if it is whole, save with -nocompression"
        if _MOST_DEFLATED * stored > self._room and self._grows(found, chunk, key):
            return ", and longer than that when inflated; is the file damaged?"
        self._left -= stored
        self._room -= memory
        return ""

    def _grows(self, dataset: DatasetID, size: int, key: str) -> bool:
        """Return whether a chunk exceeds its size when it is inflated, which HDF5 does first.

        Only chunks are inflated here that might occupy too much memory.
        """
        large: list[tuple[int, ...]] = []

        def visit(chunk: Any) -> None:
            if _MOST_DEFLATED * chunk.size > self._room:
                large.append(chunk.chunk_offset)

        with self._errors_at(key):
            if _chunks(dataset):
                dataset.chunk_iter(visit)
            return any(_inflates_beyond(dataset.read_direct_chunk(at)[1], size) for at in large)

    def _read(
        self, dataset: DatasetID, values: NDArray[Any], key: str, first: int | None = None
    ) -> None:
        """Fill an array with a dataset, or with its columns from `first` on."""
        with self._errors_at(key):
            there = here = h5py.h5s.ALL
            if first is not None:
                there, here = dataset.get_space(), h5py.h5s.create_simple(values.shape)
                there.select_hyperslab((0, first), values.shape)
            dataset.read(here, there, values)

    @contextmanager
    def _errors_at(self, key: str) -> Iterator[None]:
        """Turn errors of h5py into a TrackFileError that names the key."""
        try:
            yield
        except _H5PY_ERRORS as error:
            problem = f"expected HDF5 that can be read, found damage ({_said(error)}); copy it anew"
            raise TrackFileError(problem, file=self.path, key=key) from None


def _chunks(dataset: DatasetID) -> tuple[int, int] | None:
    properties = dataset.get_create_plist()
    return properties.get_chunk() if properties.get_layout() == h5py.h5d.CHUNKED else None


def _inflates_beyond(data: bytes, size: int) -> bool:
    """Return whether deflated data are longer than `size`; damaged data are left to HDF5."""
    stream = zlib.decompressobj()
    inflated = 0
    try:
        for start in range(0, len(data), _INPUT):
            inflated += len(stream.decompress(data[start : start + _INPUT]))
            if inflated > size or stream.eof:
                break
    except zlib.error:
        pass
    return inflated > size


def _key(field: str, index: int) -> str:
    return f"trx({index + 1}).{field}"


def _fits(shape: tuple[int, int], sizes: _Sizes) -> bool:
    """Return whether a dataset's shape matches sizes in MATLAB; a column may be a row."""
    turned = [sizes, sizes[::-1]] if 1 in sizes else [sizes]
    return 0 not in shape and any(
        all(size in (None, found) for size, found in zip(wanted, shape[::-1], strict=True))
        for wanted in turned
    )


def _times(sizes: Iterable[int | None]) -> str:
    return " x ".join("n" if size is None else str(size) for size in sizes)


def _array(shape: tuple[int, int], dtype: np.dtype[Any] | str) -> str:
    """Return the description of an array for messages, with sizes as in MATLAB."""
    name = "references (a cell or a struct array)" if np.dtype(object) == dtype else dtype
    return f"{_times(shape[::-1])} {name}"


def _said(error: Exception) -> str:
    """Return the cause of an error of h5py, which is in parentheses after the attempted action."""
    text = " ".join(str(error).split())
    return text.partition("(")[2].rstrip(")") or shown(text)
