"""Struct arrays of MATLAB 7.3, read element by element, also from untrusted files.

A MATLAB 7.3 file is HDF5 after a header of 512 bytes. MATLAB stores arrays column by column: an
n x 11 array is a dataset of shape (11, n). The fields of a struct array contain references to
datasets, the fields of a single struct are the datasets themselves.
"""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Collection, Iterable, Iterator
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
from taggingbackends.system.words import counted

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
_UNCLOSED = "file consistency flags"  # message of HDF5

_NUMBERS = ("b1", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
_TEXT = ("text", "u1", "u2", "u4")
_ENCODINGS = {1: "utf-8", 2: "utf-16-le", 4: "utf-32-le"}  # by bytes per code
_OBJECT = 0xDD000000  # a uint32 array that begins so refers to an object
_DIMENSIONS = 32  # most dimensions of an array in HDF5

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
        if _UNCLOSED in str(error):
            problem = (
                "expected a file that was closed after writing; close it in the program that "
                "writes to it, or run `h5clear -s` on a copy if that program has ended"
            )
            raise TrackFileError(problem, file=path) from None
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
    """The struct array of tracks, read element by element, also from an untrusted file.

    Links to other files are never followed. Memory is bounded by what is asked for:

    - all datasets together occupy at most 64 times the file's size and 256 MiB, as float64;
    - each is deflated once at most, and no chunk is inflated to more than its declared size where
      this could exceed the bound.

    The low-level interface of h5py is used because there are many small datasets: the high-level
    interface takes longer to open one than to read it.

    Parameters
    ----------
    path : Path
        The file, for error messages.
    file : h5py.File
        The same file, open.
    required : collection of str
        Fields that distinguish the struct array of tracks. If several have them, the one named
        trx is taken.

    Attributes
    ----------
    name : str
        The name of the variable.
    others : list of str
        Other variables with the required fields.
    fields : list of str
        Names of all fields, sorted.
    """

    def __init__(self, path: Path, file: h5py.File, required: Collection[str]) -> None:
        self.path = path
        self.name = "trx"
        self._file = file.id
        self._bytes = path.stat().st_size
        self._room = _MOST_OF_FILE * self._bytes + _MOST_OF_ANY_FILE  # bytes of memory left
        self._references: dict[str, list[Any]] = {}
        self._objects: tuple[DatasetID, list[list[int]], list[int]] | None = None
        with self._errors_at("trx"):
            root = h5py.h5g.open(self._file, b"/")
            names = [name.decode() for name in root]
            found = [name for name in names if _is_struct(root, name, required)]
        if len(found) > 1 and "trx" not in found:
            problem = f"expected one struct array of tracks, found {', '.join(found)}"
            raise TrackFileError(f"{problem}; rename the one to load to trx", file=path)
        if "trx" not in found:
            if not found and "trx" not in names:
                there = ", ".join(name for name in names if not name.startswith("#")) or "none"
                problem = (
                    f"expected a variable with the fields {', '.join(required)}, found variables: "
                    f"{shown(there)}; docs/contract.md, section 7, lists the fields"
                )
                raise TrackFileError(problem, file=path, key="trx")
            self.name = found[0] if found else "trx"
        self.others = [name for name in found if name != self.name]
        self._group = self._followed(root, self.name, self.name)
        if not isinstance(self._group, GroupID):
            problem = "expected a struct array, found an array; store the tracks as a struct array"
            raise TrackFileError(problem, file=path, key=self.name)
        with self._errors_at(self.name):
            self.fields = sorted(name.decode() for name in self._group)
        self._size = len(self._elements("t"))
        if not self._size:
            raise TrackFileError("expected one larva or more, found none", file=path, key=self.name)

    def __len__(self) -> int:
        return self._size

    def error(self, field: str, index: int, problem: str) -> TrackFileError:
        """Return an error that names a field of an element (`index` is 0-based)."""
        return TrackFileError(problem, file=self.path, key=self._key(field, index))

    def _key(self, field: str, index: int) -> str:
        return f"{self.name}({index + 1}).{field}"

    def text(self, field: str, index: int) -> str | None:
        """Return a text; None if it is empty or an object whose text is not in the file.

        MATLAB stores char as UTF-16, other programs also as UTF-8 or UTF-32.
        """
        key, expected = self._key(field, index), "text (char, 1 x n)"
        found = self._object(field, index, expected)
        for _ in range(_MOST_LINKS):  # a cell, or a cell in a cell
            if not self._refers(found, key):
                break
            shape, dtype = self._stored(found, key, expected)
            if shape != (1, 1):
                raise self.error(field, index, f"expected {expected}, found {_array(shape, dtype)}")
            cell = np.empty(shape, dtype)
            self._read(found, cell, key)
            found = self._pointed(cell[0, 0], key, expected)
        dataset, shape = self._checked(found, key, (1, None), expected, _TEXT)
        codes = np.empty(shape, f"<u{dataset.dtype.itemsize if 0 not in shape else 2}")
        if not codes.size:
            return None
        self._read(dataset, codes, key)
        if codes.dtype.itemsize == 4 and codes.flat[0] == _OBJECT:
            return self._text_of_object(codes.ravel())
        try:
            return codes.tobytes().decode(_ENCODINGS[codes.dtype.itemsize])
        except UnicodeDecodeError:
            found = f"codes {codes.ravel()[:8].tolist()}"
            raise self.error(field, index, f"expected text, found {found}") from None

    def _text_of_object(self, codes: NDArray[np.uint32]) -> str | None:
        """Return the text of an object of class string; None if the file does not contain it.

        The first cell of the subsystem lists, as uint32, the objects and their properties. The
        only property of a string is the number of a cell, counted from the third one on. This
        cell contains, as uint64, 1, the number of dimensions, the size, the number of characters
        of each string, and UTF-16.
        """
        key = "#subsystem#"
        try:
            if self._objects is None:
                root = h5py.h5g.open(self._file, b"/")
                cells = self._followed(self._followed(root, key, key), "MCOS", key)
                words = self._cell(cells, 0, "u1").view("<u4").tolist()
                first, end = (place // 4 for place in words[3:5])
                lists, at = [], first  # of properties: their number, then each in three words
                while at < end:
                    lists.append(words[at : at + 4])
                    at += 1 + 3 * words[at]
                    at += (at - first) % 2
                self._objects = cells, lists, words[end:]
            cells, lists, objects = self._objects
            # an object has six words, the fourth is the number of its list
            count, _, kind, cell = lists[objects[6 * int(codes[-2]) + 3]]
            text = self._cell(cells, cell + 2, "<u8")
            start = 2 + int(text[1])
            if (count, kind, text[0], text[2:start].prod()) != (1, 1, 1, 1):
                return None  # several properties or strings, or another version
            stored = text[start + 1 :].tobytes()[: 2 * int(text[start])]
            return stored.decode("utf-16-le") or None
        except (TrackFileError, *_H5PY_ERRORS):
            return None

    def _cell(self, cells: DatasetID, index: int, dtype: str) -> NDArray[Any]:
        """Return the content of one cell as a 1D array."""
        key = "#subsystem#"
        if key not in self._references:
            shape, stored = self._stored(cells, key, "references")
            references = np.empty(shape, stored)
            self._read(cells, references, key)
            self._references[key] = references.ravel().tolist()
        found = h5py.h5r.dereference(self._references[key][index], self._file)
        values = np.empty(self._stored(found, key, "numbers")[0], dtype)
        self._read(found, values, key)
        return values.ravel()

    def numbers(self, field: str, index: int, sizes: _Sizes) -> NDArray[np.float64]:
        """Return a column (or a row) of numbers, as (n,) float64; (0,) if it is ``[]``."""
        expected = f"numbers ({_times(sizes)}{', as many as in t' if sizes[0] else ''})"
        if sizes == (1, 1):
            expected = "a number"
        dataset, shape = self._dataset(field, index, sizes, expected)
        values = np.empty(shape)
        if values.size:
            self._read(dataset, values, self._key(field, index))
        return values.ravel()

    def points(
        self, shape: str, index: int, sizes: _Sizes
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield the points of a spine or contour, some frames at a time; none if it is ``[]``.

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
        datasets: list[DatasetID] = []
        for field in fields:
            expected = f"numbers ({_times(sizes)}, as many rows as in t)"
            dataset, (points, frames) = self._dataset(field, index, sizes, expected)
            if datasets and not (frames or points) and 0 not in sizes:
                raise self.error(field, index, f"expected {expected}, found an empty array")
            datasets.append(dataset)
            sizes = (frames, points)
        if not frames or not points:
            return
        step = max(1, _BLOCK // (16 * points))
        with self._errors_at(self._key(fields[0], index)):
            chunks = _chunks(datasets[0])
        if chunks is not None:
            step = -(-step // chunks[1]) * chunks[1]  # whole chunks: none is read twice
        for first in range(0, frames, step):
            n = min(step, frames - first)
            xy = np.empty((2, points, n))
            for part, field, dataset in zip(xy, fields, datasets, strict=True):
                self._read(dataset, part, self._key(field, index), first if n < frames else None)
            yield first, xy.T

    def _dataset(
        self, field: str, index: int, sizes: _Sizes, expected: str
    ) -> tuple[DatasetID, tuple[int, int]]:
        """Return a dataset of numbers after checks of its size and type, and its shape."""
        found = self._object(field, index, expected)
        return self._checked(found, self._key(field, index), sizes, expected, _NUMBERS)

    def _object(self, field: str, index: int, expected: str) -> Any:
        found = self._elements(field)[index]
        if isinstance(found, h5py.Reference):
            found = self._pointed(found, self._key(field, index), expected)
        return found

    def _pointed(self, reference: h5py.Reference, key: str, expected: str) -> Any:
        if not reference:
            problem = f"expected {expected}, found a reference to nothing"
            raise TrackFileError(problem, file=self.path, key=key)
        with self._errors_at(key):
            return h5py.h5r.dereference(reference, self._file)

    def _checked(
        self, found: Any, key: str, sizes: _Sizes, expected: str, types: tuple[str, ...]
    ) -> tuple[DatasetID, tuple[int, int]]:
        """Return a dataset after checks of its size and type, and its shape; (0, 0) if empty."""
        if self._is_empty(found, key):
            return found, (0, 0)
        shape, dtype = self._stored(found, key, expected)
        kind = f"{dtype.kind}{dtype.itemsize}"
        with self._errors_at(key):
            if kind == "u2" and h5py.h5a.exists(found, b"MATLAB_int_decode"):
                kind = "text"  # numbers of that type lack this attribute
        if kind not in types or not _fits(shape, sizes):
            problem = (
                f"expected {expected}, found {_array(shape, kind if kind == 'text' else dtype)}"
            )
            raise TrackFileError(problem, file=self.path, key=key)
        return found, shape

    def _is_empty(self, found: Any, key: str) -> bool:
        """Return whether an object is ``[]``, whose size MATLAB stores instead of its content."""
        with self._errors_at(key):
            if not isinstance(found, DatasetID):
                return False
            if found.rank != 1:
                return (
                    found.get_space().get_simple_extent_type() == h5py.h5s.NULL or 0 in found.shape
                )
            if h5py.h5a.exists(found, b"MATLAB_empty") or found.shape == (0,):
                return True
            if found.dtype != np.uint64 or found.shape[0] > _DIMENSIONS:
                return False
        size = np.empty(found.shape, np.uint64)
        self._stored(found, key, "a size")
        self._read(found, size, key)
        return 0 in size

    def _elements(self, field: str) -> list[Any]:
        """Return a field's references, one per element; for a single struct, its dataset."""
        if field in self._references:
            return self._references[field]
        key = f"{self.name}.{field}"
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
        if self._references and len(elements) != self._size:
            expected = f"expected {counted(self._size, 'element')}, as {self.name}.t has"
            problem = f"{expected}, found {len(elements)}"
            raise TrackFileError(problem, file=self.path, key=key)
        self._references[field] = elements
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
        """Return shape and type of a dataset after checks that its content is here and fits.

        A dataset of fewer dimensions, which MATLAB does not write, is a column or a number.
        """
        with self._errors_at(key):
            is_array = isinstance(found, DatasetID) and found.rank <= 2
            if is_array:
                dtype = found.dtype
                shape = (1,) * (2 - found.rank) + found.shape
                properties = found.get_create_plist()
                layout = properties.get_layout()
                elsewhere = layout == h5py.h5d.VIRTUAL or properties.get_external_count()
                stored = found.get_storage_size()
                cells, chunks, filters = shape[0] * shape[1], 1, []
                if layout == h5py.h5d.CHUNKED:  # HDF5 reads whole chunks
                    chunk = (1,) * (2 - found.rank) + properties.get_chunk()
                    cells = chunk[0] * chunk[1]
                    chunks = -(-shape[0] // chunk[0]) * -(-shape[1] // chunk[1])
                    count = properties.get_nfilters()
                    filters = [properties.get_filter(i)[0] for i in range(count)]
                declared = cells * dtype.itemsize
        if not is_array:
            other = "a struct" if isinstance(found, GroupID) else "data without rows and columns"
            problem = f"expected {expected}, with rows and columns, found {other}"
            raise TrackFileError(problem, file=self.path, key=key)
        memory = chunks * max(8 * cells, _CHUNK)
        excess = ""
        if elsewhere:
            problem = "expected data in this file, found a link to others; copy them here"
        elif filters != [filter for filter in _FILTERS if filter in filters]:
            problem = "expected data that are deflated once, found other filters; save with -v7.3"
        elif stored > self._bytes or chunks * declared > _MOST_DEFLATED * stored:
            excess = "; is the file damaged?"
        elif memory > self._room:
            excess = ", too much for this file; if it is whole, save with -nocompression"
        elif _MOST_DEFLATED * stored > self._room and self._grows(found, declared, key):
            excess = ", and longer than that when inflated; is the file damaged?"
        else:
            self._room -= memory
            return shape, dtype
        if excess:
            size = f"{_array(shape, dtype)}, stored in {stored} bytes"
            problem = f"expected {expected}, found {size}{excess}"
        raise TrackFileError(problem, file=self.path, key=key)

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


def _is_struct(root: GroupID, name: str, fields: Collection[str]) -> bool:
    """Return whether a variable has the fields; a link to one does not count."""
    if root.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
        return False
    found = h5py.h5o.open(root, name.encode())
    return isinstance(found, GroupID) and all(found.links.exists(x.encode()) for x in fields)


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
