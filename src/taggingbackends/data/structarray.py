"""Struct arrays of MATLAB 7.3, read element by element, also from untrusted files.

A MATLAB 7.3 file is HDF5 after a header of 512 bytes. MATLAB stores arrays column by column: an
n x 11 array is a dataset of shape (11, n). The fields of a struct array contain references to
datasets, the fields of a single struct are the datasets themselves.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import h5py
import numpy as np
from h5py.h5d import DatasetID
from h5py.h5g import GroupID
from h5py.h5p import PropDCID
from numpy.typing import DTypeLike, NDArray

from taggingbackends.data.hdf5 import H5PY_ERRORS, cause, check_names
from taggingbackends.errors import TrackFileError, shown
from taggingbackends.labels.validation import MAX_LARVA_ID
from taggingbackends.system.words import counted

__all__ = ["H5PY_ERRORS", "NUMBERS", "StructArray", "check_array"]

_BLOCK = 1 << 21  # bytes of coordinates read at once; each point of a block is one read
_CHUNKS = 1 << 19  # the same if they are stored in chunks, which are read in one piece anyway
_MOST_DEFLATED = 1032  # compression limit of deflate, https://zlib.net/zlib_tech.html
_MOST_OF_FILE = 64  # bytes in memory per byte of the file; real tracks are deflated to a third
_MOST_OF_ANY_FILE = 256 << 20  # bytes in memory besides
_CHUNK = 1 << 10  # bytes in memory that HDF5 needs for a chunk however small
_REFERENCE = 1 << 7  # bytes in memory of a reference
_MOST_LINKS = 16  # soft links in a row, the limit of HDF5 itself

_FILTERS = (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32)

NUMBERS = ("b1", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
_TEXT = ("text", "u1", "u2", "u4")
_ENCODINGS = {1: "utf-8", 2: "utf-16-le", 4: "utf-32-le"}  # by bytes per code
_OBJECT = 0xDD000000  # a uint32 array that begins so refers to an object

_Sizes: TypeAlias = tuple[int | None, int | None]  # rows and columns in MATLAB; None: any


class _Found(Exception):  # noqa: N818 - the word of the message
    """What was found, and what was expected instead, by default what the caller asked for."""

    def __init__(self, found: object, expected: str = "") -> None:
        self.found = found
        self.expected = expected


class _Array(NamedTuple):
    """An array of the file.

    Attributes
    ----------
    dataset : DatasetID
    shape : (int, int)
        Columns and rows in MATLAB; (0, 0) if it is ``[]``.
    kind : str
        "text", "references" or a type such as "f8".
    """

    dataset: DatasetID
    shape: tuple[int, int]
    kind: str

    @property
    def size(self) -> int:
        return prod(self.shape)

    def __str__(self) -> str:
        if not self.size:
            return "an empty array"
        names = {"text": "text", "references": "references (a cell or a struct array)"}
        return f"{_times(self.shape[::-1])} {names.get(self.kind, self.dataset.dtype)}"


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
        self._file = file.id
        self._bytes = path.stat().st_size
        self._room = _MOST_OF_FILE * self._bytes + _MOST_OF_ANY_FILE  # bytes of memory left
        self._elements: dict[str, list[Any]] = {}
        with self._expecting("a variable of tracks", "trx"):
            self._root = h5py.h5g.open(self._file, b"/")
            names = [name.decode() for name in self._root]
            found = [name for name in names if self._is_struct(name, required)]
            found.sort(key=lambda name: name != "trx")
            if not found and "trx" not in names:
                there = ", ".join(name for name in names if not name.startswith("#")) or "none"
                fix = "docs/contract.md, section 7, lists the fields"
                expected = f"a variable with the fields {', '.join(required)}"
                raise _Found(f"variables: {shown(there)}; {fix}", expected)
        self.name, *self.others = found or ["trx"]
        if self.others and self.name != "trx":
            problem = f"expected one struct array of tracks, found {', '.join(found)}"
            raise TrackFileError(f"{problem}; rename the one to load to trx", file=path)
        with self._expecting("a struct array", self.name):
            self._group = self._followed(self._root, self.name)
            if not isinstance(self._group, GroupID):
                raise _Found("an array; store the tracks as a struct array")
            self.fields = sorted(name.decode() for name in self._group)
        self._size = len(self._elements_of("t"))

    def __len__(self) -> int:
        return self._size

    def error(self, field: str, index: int, problem: str) -> TrackFileError:
        """Return an error that names a field of an element (`index` is 0-based)."""
        return TrackFileError(problem, file=self.path, key=self._key(field, index))

    def _key(self, field: str, index: int) -> str:
        return f"{self.name}({index + 1}).{field}"

    @contextmanager
    def _expecting(self, expected: str, key: str) -> Iterator[None]:
        """Turn `_Found` and errors of h5py into a TrackFileError that names the key."""
        try:
            yield
            return
        except _Found as error:
            problem = f"expected {error.expected or expected}, found {error.found}"
        except H5PY_ERRORS as error:
            problem = f"expected HDF5 that can be read, found damage ({cause(error)}); copy it anew"
        raise TrackFileError(problem, file=self.path, key=key)

    @contextmanager
    def _element(self, field: str, index: int, expected: str) -> Iterator[_Array]:
        """Give a field of an element to a block, see `_expecting`."""
        found = self._elements_of(field)[index]
        with self._expecting(expected, self._key(field, index)):
            yield self._array(found)

    def text(self, field: str, index: int) -> str | None:
        """Return a text; None if it is empty or an object whose text is not in the file.

        MATLAB stores char as UTF-16, other programs also as UTF-8 or UTF-32.
        """
        with self._element(field, index, "text (char, 1 x n)") as array:
            for _ in range(_MOST_LINKS):  # a cell, or a cell in a cell
                if (array.kind, array.shape) == ("references", (1, 1)):
                    array = self._array(self._read(array, h5py.ref_dtype).item())
            check_array(array, (1, None), _TEXT)
            if not array.size:
                return None
            codes = self._read(array, f"<u{array.dataset.dtype.itemsize}").ravel()
            if codes.itemsize == 4 and codes[0] == _OBJECT:
                return self._text_of_object(codes)
            try:
                return codes.tobytes().decode(_ENCODINGS[codes.itemsize])
            except UnicodeDecodeError:
                raise _Found(f"codes {codes[:8].tolist()}") from None

    def _text_of_object(self, codes: NDArray[np.uint32]) -> str | None:
        """Return the text of an object of class string; None if the file does not contain it.

        The only property of a string is the number of a cell, counted from the third one on. This
        cell contains, as uint64, 1, the number of dimensions, the size, the number of characters
        of each string, and UTF-16.
        """
        try:
            cells, lists, objects = self._objects
            # an object has six words, the fourth is the number of its list
            count, _, kind, cell = lists[objects[6 * int(codes[-2]) + 3]]
            text = self._read(self._array(cells[cell + 2]), "<u8").ravel()
            start = 2 + int(text[1])
            if (count, kind, text[0], text[2:start].prod()) != (1, 1, 1, 1):
                return None  # several properties or strings, or another version
            stored = text[start + 1 :].tobytes()[: 2 * int(text[start])]
            return stored.decode("utf-16-le") or None
        except (_Found, *H5PY_ERRORS):
            return None

    @cached_property
    def _objects(self) -> tuple[list[Any], list[list[int]], list[int]]:
        """The cells of the subsystem, and the properties and objects that the first cell lists."""
        array = self._array(self._followed(self._root, "#subsystem#/MCOS"))
        cells = self._read(array, h5py.ref_dtype).ravel().tolist()
        words = self._read(self._array(cells[0]), "u1").view("<u4").ravel().tolist()
        first, end = (place // 4 for place in words[3:5])
        lists, at = [], first  # of properties: their number, then each in three words
        while at < end:
            lists.append(words[at : at + 4])
            at += 1 + 3 * words[at]
            at += (at - first) % 2
        return cells, lists, words[end:]

    def numbers(self, field: str, index: int, sizes: _Sizes) -> NDArray[np.float64]:
        """Return a column (or a row) of numbers, as (n,) float64; (0,) if it is ``[]``."""
        expected = f"numbers ({_times(sizes)}{', as many as in t' if sizes[0] else ''})"
        if sizes == (1, 1):
            expected = "a number"
        with self._element(field, index, expected) as array:
            check_array(array, sizes, NUMBERS)
            return self._read(array, np.float64).ravel()

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
            then all y, and within each the frames of a point are contiguous. The next frames
            overwrite it.
        """
        datasets: list[DatasetID] = []
        for field in (f"x_{shape}", f"y_{shape}"):
            expected = f"numbers ({_times(sizes)}, as many rows as in t)"
            with self._element(field, index, expected) as array:
                check_array(array, sizes, NUMBERS)
                if datasets and 0 in array.shape and 0 not in sizes:
                    raise _Found(array)
                self._account(array)
            points, frames = array.shape
            sizes = (frames, points)
            datasets.append(array.dataset)
        if not frames or not points:
            return
        step = max(1, _BLOCK // (16 * points))
        chunk = _chunk(datasets[0].get_create_plist())
        if chunk is not None:  # whole chunks: none is read twice
            step = -(-_CHUNKS // (16 * points * chunk[1])) * chunk[1]
        buffer = np.empty(2 * points * min(step, frames))
        for first in range(0, frames, step):
            n = min(step, frames - first)
            xy = buffer[: 2 * points * n].reshape(2, points, n)
            for axis, part, dataset in zip("xy", xy, datasets, strict=True):
                with self._expecting("numbers", self._key(f"{axis}_{shape}", index)):
                    _fill(part, dataset, first if n < frames else None)
            yield first, xy.T

    def _elements_of(self, field: str) -> list[Any]:
        """Return a field's references, one per element; for a single struct, its dataset."""
        if field in self._elements:
            return self._elements[field]
        with self._expecting("an array", f"{self.name}.{field}"):
            found = self._followed(self._group, field)
            array = self._array(found)
            elements: list[Any] = [found]
            if array.kind == "references":
                if array.size > MAX_LARVA_ID + 1:
                    raise _Found(_times(array.shape[::-1]), f"{MAX_LARVA_ID + 1} larvae at most")
                elements = self._read(array, h5py.ref_dtype).ravel().tolist()
            if self._elements and len(elements) != self._size:
                expected = f"{counted(self._size, 'element')}, as {self.name}.t has"
                raise _Found(len(elements), expected)
        self._elements[field] = elements
        return elements

    def _followed(self, group: GroupID, path: str) -> GroupID | DatasetID:
        """Return the object at a path, following soft links within this file."""
        found, steps, links = group, path.split("/")[::-1], 0
        while steps:
            step = steps.pop().encode()
            if not isinstance(found, GroupID) or not found.links.exists(step):
                raise _Found("none; docs/contract.md, section 7, lists the fields", "this field")
            kind = found.links.get_info(step).type
            if kind == h5py.h5l.TYPE_HARD:
                found = self._opened(found, step)
            elif kind != h5py.h5l.TYPE_SOFT:
                raise _Found("a link to another; copy them here", "data in this file")
            elif links == _MOST_LINKS:
                raise _Found("a link that leads in circles", "data")
            else:
                links += 1
                target = found.links.get_val(step).decode()
                if target.startswith("/"):
                    found = self._root
                steps += [part for part in target.split("/") if part not in ("", ".")][::-1]
        return found

    def _opened(self, group: GroupID, name: bytes) -> GroupID | DatasetID:
        """Return the object of a hard link."""
        found = h5py.h5o.open(group, name)
        if isinstance(found, GroupID):
            check_names(self.path, group.links.get_info(name).u)
        return found

    def _is_struct(self, name: str, fields: Collection[str]) -> bool:
        """Return whether a variable has the fields; a link to one does not count."""
        link = self._root.links.get_info(name.encode())
        if link.type != h5py.h5l.TYPE_HARD or name.startswith("#"):  # MATLAB's own groups
            return False
        found = self._opened(self._root, name.encode())
        return isinstance(found, GroupID) and all(found.links.exists(x.encode()) for x in fields)

    def _array(self, found: Any) -> _Array:
        """Return the array that is found, or to which the reference that is found leads.

        A dataset of fewer dimensions, which MATLAB does not write, is a column or a number.
        """
        if isinstance(found, h5py.Reference):
            if not found:
                raise _Found("a reference to nothing")
            found = h5py.h5r.dereference(found, self._file)
        if not isinstance(found, DatasetID):
            raise _Found("a struct")
        dtype, shape = found.dtype, found.shape
        kind = f"{dtype.kind}{dtype.itemsize}"
        if h5py.check_ref_dtype(dtype) is h5py.Reference:
            kind = "references"
        elif kind == "u2" and h5py.h5a.exists(found, b"MATLAB_int_decode"):
            kind = "text"  # numbers of that type lack this attribute
        if shape is None or 0 in shape or (len(shape) == 1 and self._is_size(found, kind)):
            return _Array(found, (0, 0), kind)
        if len(shape) > 2:
            raise _Found(f"an array of {len(shape)} dimensions")
        return _Array(found, (1,) * (2 - len(shape)) + shape, kind)

    def _is_size(self, dataset: DatasetID, kind: str) -> bool:
        """Return whether a dataset is the size of ``[]``, which MATLAB stores for its content."""
        if h5py.h5a.exists(dataset, b"MATLAB_empty"):
            return True
        return (
            kind == "u8"
            and dataset.shape == (2,)
            and 0 in self._read(_Array(dataset, (1, 2), kind), kind)
        )

    def _read(self, array: _Array, dtype: DTypeLike) -> NDArray[Any]:
        """Return the content of an array."""
        self._account(array)
        values = np.empty(array.shape, dtype)
        if values.size:
            _fill(values, array.dataset)
        return values

    def _account(self, array: _Array) -> None:
        """Check that the content is in this file and fits in the memory left, and reduce this.

        HDF5 reads whole chunks, and inflates them before it looks at their size.
        """
        if not array.size:
            return
        dataset, shape = array.dataset, array.dataset.shape
        properties = dataset.get_create_plist()
        chunk = _chunk(properties)
        if properties.get_layout() == h5py.h5d.VIRTUAL or properties.get_external_count():
            raise _Found("a link to others; copy them here", "data in this file")
        filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
        if filters != [filter for filter in _FILTERS if filter in filters]:
            raise _Found("other filters; save with -v7.3", "data that are deflated once")
        stored = dataset.get_storage_size()
        size = prod(chunk or shape)
        chunks = prod(-(-n // most) for n, most in zip(shape, chunk or shape, strict=True))
        declared = size * dataset.dtype.itemsize
        memory = chunks * max(size * (_REFERENCE if array.kind == "references" else 8), _CHUNK)
        can_grow = chunk is not None and _MOST_DEFLATED * stored > self._room
        if (
            stored > self._bytes
            or chunks * declared > _MOST_DEFLATED * stored
            or memory > self._room
            or (can_grow and self._grows(dataset, declared))
        ):
            advice = "copy it anew, or save it with -nocompression"
            raise _Found(f"{array}, stored in {stored} bytes, too much for this file; {advice}")
        self._room -= memory

    def _grows(self, dataset: DatasetID, size: int) -> bool:
        """Return whether a chunk that may exceed the memory left is longer than `size` inflated."""

        def visit(chunk: Any) -> bool | None:
            if _MOST_DEFLATED * chunk.size > self._room:
                data = dataset.read_direct_chunk(chunk.chunk_offset)[1]
                return _inflates_beyond(data, size) or None  # None: go on
            return None

        return dataset.chunk_iter(visit) is True


def _fill(values: NDArray[Any], dataset: DatasetID, first: int | None = None) -> None:
    """Fill an array with a dataset, or with its columns from `first` on."""
    there = here = h5py.h5s.ALL
    if first is not None:
        there, here = dataset.get_space(), h5py.h5s.create_simple(values.shape)
        there.select_hyperslab((0, first), values.shape)
    dataset.read(here, there, values)


def _chunk(properties: PropDCID) -> tuple[int, ...] | None:
    """Return the shape of chunks; None if there are none."""
    return properties.get_chunk() if properties.get_layout() == h5py.h5d.CHUNKED else None


def _inflates_beyond(data: bytes, size: int) -> bool:
    """Return whether deflated data are longer than `size`; damaged data are left to HDF5."""
    try:
        return len(zlib.decompressobj().decompress(data, size + 1)) > size
    except zlib.error:
        return False


def check_array(array: _Array, sizes: _Sizes, kinds: Collection[str]) -> None:
    """Raise `_Found` unless an array is empty or as expected; a column may be a row."""
    turned = [sizes, sizes[::-1]] if 1 in sizes else [sizes]
    fits = any(
        all(size in (None, n) for size, n in zip(wanted, array.shape[::-1], strict=True))
        for wanted in turned
    )
    if array.size and not (fits and array.kind in kinds):
        raise _Found(array)


def _times(sizes: Iterable[int | None]) -> str:
    return " x ".join("n" if size is None else str(size) for size in sizes)
