"""MATLAB 7.3's struct arrays, read element by element; nothing in the file is trusted.

A MATLAB 7.3 file is HDF5 after a header of 512 bytes. MATLAB stores columns first, so that an
n x 11 array is a dataset of shape (11, n); the elements of a struct array are references, those of
a single struct the datasets themselves.
"""

from __future__ import annotations

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

__all__ = ["StructArray", "opened"]

_BLOCK = 1 << 19  # bytes of coordinates read at once
_SIEVE = 1 << 12  # bytes that HDF5 reads at least; 64 kB if not told, of which often 12 are of use
_MOST_DEFLATED = 1032  # bytes out of one; deflate's limit, https://zlib.net/zlib_tech.html
_MOST_LINKS = 16  # soft links one after the other, as in HDF5 itself

_H5PY_ERRORS = (OSError, RuntimeError, ValueError, TypeError, KeyError)  # of a damaged file

_NUMBERS = ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
_TEXT = ("text",)

_Sizes: TypeAlias = tuple[int | None, int | None]  # rows and columns in MATLAB; None: any


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file; a TrackFileError tells that it is no such file, or damaged."""
    try:
        access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
        access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
        access.set_sieve_buf_size(_SIEVE)
        file = h5py.File(h5py.h5f.open(bytes(path), h5py.h5f.ACC_RDONLY, access))
    except OSError as error:
        if error.errno is not None:
            raise  # the system's: no such file, no permission
        problem = (
            "expected HDF5 after a header of 512 bytes, as MATLAB saves with -v7.3, "
            f"found none or a damaged one ({_said(error)}); is the file cut?"
        )
        raise TrackFileError(problem, file=path) from None
    with file:
        yield file


class StructArray:
    """The struct array `trx`, read element by element; nothing in the file is trusted.

    Links to other files are never followed, and nothing is read that declares more than the file
    can hold: together the datasets take up no more than the file has, and each of them holds at
    most as many bytes as deflate can make of its share. (h5py's low level is used since there are
    many small datasets: its high level takes longer to open one than to read it.)

    Parameters
    ----------
    path : Path
        The file, for errors.
    file : h5py.File
        The same, open.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file.id
        self._left = path.stat().st_size  # bytes of the file that nothing read so far takes up
        self._fields: dict[str, list[Any]] = {}
        self._group = self._followed(h5py.h5g.open(self._file, b"/"), "trx", "trx")
        if not isinstance(self._group, GroupID):
            problem = "expected a struct array, found an array; store the tracks as a struct array"
            raise TrackFileError(problem, file=path, key="trx")
        self._size = len(self._elements("id"))
        if not self._size:
            raise TrackFileError("expected a larva or more, found none", file=path, key="trx")

    def __len__(self) -> int:
        return self._size

    def __contains__(self, field: str) -> bool:
        with self._told("trx"):
            return self._group.links.exists(field.encode())  # type: ignore[no-any-return]

    def error(self, field: str, index: int, problem: str) -> TrackFileError:
        """Return an error in a field of an element (`index` is 0-based)."""
        return TrackFileError(problem, file=self.path, key=_key(field, index))

    def text(self, field: str, index: int) -> str:
        """Return a row of characters, which MATLAB stores as UTF-16."""
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
        """Give the points of a spine or contour, some frames at a time.

        Parameters
        ----------
        shape : str
            ``x_<shape>`` and ``y_<shape>`` are the fields.
        index : int
            0-based element.
        sizes : (frames, points)
            Points may be None: any number.

        Yields
        ------
        first : int
            The first frame, 0-based.
        xy : (frames, points, 2) float64 array
            In memory as in the file: x, then y, of each point the frames one after the other.
        """
        fields = (f"x_{shape}", f"y_{shape}")
        datasets = []
        for field in fields:
            expected = f"numbers ({_times(sizes)}, as many rows as in t)"
            dataset, (points, frames) = self._dataset(field, index, sizes, expected)
            datasets.append(dataset)
            sizes = (frames, points)
        step = max(1, _BLOCK // (16 * points))
        chunks = _chunks(datasets[0])
        if chunks is not None:
            step = -(-step // chunks[1]) * chunks[1]  # so that no chunk is read twice
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
        """Return a dataset of such a size and type, from which may be read, and its shape."""
        found = self._elements(field)[index]
        key = _key(field, index)
        if isinstance(found, h5py.Reference):
            if not found:
                raise self.error(field, index, f"expected {expected}, found a reference to nothing")
            with self._told(key):
                found = h5py.h5r.dereference(found, self._file)
        shape, dtype = self._stored(found, key, expected)
        kind = f"{dtype.kind}{dtype.itemsize}"
        with self._told(key):
            if kind == "u2" and h5py.h5a.exists(found, b"MATLAB_int_decode"):
                kind = "text"  # which numbers of that type are without
        if kind not in types or not _fits(shape, sizes):
            name = kind if kind == "text" else dtype
            raise self.error(field, index, f"expected {expected}, found {_array(shape, name)}")
        return found, shape

    def _elements(self, field: str) -> list[Any]:
        """Return a field's references, one an element, or of a single struct its dataset."""
        if field in self._fields:
            return self._fields[field]
        key = f"trx.{field}"
        found = self._followed(self._group, field, key)
        elements: list[Any] = [found]
        if self._refers(found, key):
            shape, dtype = self._stored(found, key, "references")
            references = np.empty(shape, dtype)
            self._read(found, references, key)
            elements = references.ravel().tolist()
        if self._fields and len(elements) != self._size:
            problem = f"expected {self._size} elements, as trx.id has, found {len(elements)}"
            raise TrackFileError(problem, file=self.path, key=key)
        self._fields[field] = elements
        return elements

    def _refers(self, found: Any, key: str) -> bool:
        with self._told(key):
            return (
                isinstance(found, DatasetID) and h5py.check_ref_dtype(found.dtype) is h5py.Reference
            )

    def _followed(self, group: GroupID, name: str, key: str) -> GroupID | DatasetID:
        """Return what a name leads to, along soft links, within this file."""
        steps = [name]
        links = 0
        found = group
        while steps:
            step = steps.pop().encode()
            with self._told(key):
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
        """Return shape and type of what is in this file, and not more than this can hold."""
        with self._told(key):
            is_array = isinstance(found, DatasetID) and found.rank == 2
            if is_array:
                shape, dtype = found.shape, found.dtype
                properties = found.get_create_plist()
                layout = properties.get_layout()
                elsewhere = layout == h5py.h5d.VIRTUAL or properties.get_external_count()
                stored = found.get_storage_size()
                cells = shape
                if layout == h5py.h5d.CHUNKED:  # read as whole chunks
                    chunks = properties.get_chunk()
                    cells = [-(-n // chunk) * chunk for n, chunk in zip(shape, chunks, strict=True)]
        if not is_array:
            other = "a struct" if isinstance(found, GroupID) else "one without, e.g. an empty array"
            problem = f"expected {expected}, with rows and columns, found {other}"
        elif elsewhere:
            problem = "expected data in this file, found a link to others; copy them here"
        elif stored > self._left or cells[0] * cells[1] * dtype.itemsize > _MOST_DEFLATED * stored:
            problem = (
                f"expected {expected}, found {_array(shape, dtype)}, of which the file stores "
                f"{stored} bytes; is it damaged?"
            )
        else:
            self._left -= stored
            return shape, dtype
        raise TrackFileError(problem, file=self.path, key=key)

    def _read(
        self, dataset: DatasetID, values: NDArray[Any], key: str, first: int | None = None
    ) -> None:
        """Fill an array with a dataset, or with as many of its columns, from `first`."""
        with self._told(key):
            there = here = h5py.h5s.ALL
            if first is not None:
                there, here = dataset.get_space(), h5py.h5s.create_simple(values.shape)
                there.select_hyperslab((0, first), values.shape)
            dataset.read(here, there, values)

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """Say where what h5py finds is wrong."""
        try:
            yield
        except _H5PY_ERRORS as error:
            problem = f"expected HDF5 that can be read, found damage ({_said(error)}); copy it anew"
            raise TrackFileError(problem, file=self.path, key=key) from None


def _chunks(dataset: DatasetID) -> tuple[int, int] | None:
    properties = dataset.get_create_plist()
    return properties.get_chunk() if properties.get_layout() == h5py.h5d.CHUNKED else None


def _key(field: str, index: int) -> str:
    return f"trx({index + 1}).{field}"


def _fits(shape: tuple[int, int], sizes: _Sizes) -> bool:
    """Compare a dataset's shape with sizes in MATLAB; a column may be a row."""
    turned = [sizes, sizes[::-1]] if 1 in sizes else [sizes]
    return 0 not in shape and any(
        all(size in (None, found) for size, found in zip(wanted, shape[::-1], strict=True))
        for wanted in turned
    )


def _times(sizes: Iterable[int | None]) -> str:
    return " x ".join("n" if size is None else str(size) for size in sizes)


def _array(shape: tuple[int, int], dtype: np.dtype[Any] | str) -> str:
    """Return how a message names an array, with sizes as in MATLAB."""
    name = "references (a cell or a struct array)" if np.dtype(object) == dtype else dtype
    return f"{_times(shape[::-1])} {name}"


def _said(error: Exception) -> str:
    """Return the cause that h5py gives, in parentheses after what it tried."""
    text = " ".join(str(error).split())
    return text.partition("(")[2].rstrip(")") or shown(text)
