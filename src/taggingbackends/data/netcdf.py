"""Variables of a NetCDF 4 file, which is HDF5 with named dimensions. Only h5py is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from taggingbackends.data.hdf5 import H5PY_ERRORS, cause
from taggingbackends.errors import TrackFileError, shown
from taggingbackends.system.words import counted

__all__ = ["Variable", "attributes_of", "plain", "variables_of"]

_MOST_OF_FILE = 1032  # bytes in memory per byte of the file: the compression limit of deflate
_MOST_OF_ANY_FILE = 256 << 20  # bytes in memory besides
# how the attribute NAME of a dimension without a coordinate begins
_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable"
_MISSING = ("_FillValue", "missing_value")


class Variable(NamedTuple):
    """A variable with named dimensions.

    Attributes
    ----------
    dims : tuple of str
    shape : tuple of int
    is_text : bool
        Whether the elements are text; else they are numbers.
    attributes : dict
        Texts, numbers and lists of these.
    read : callable
        ``read(key)`` returns part of the values, as indexing does: float64, or integers if none
        can be missing; an object array of str if the variable is text.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    is_text: bool
    attributes: dict[str, Any]
    read: Callable[[Any], NDArray[Any]]


def variables_of(path: Path, file: h5py.File, names: tuple[str, ...]) -> dict[str, Variable]:
    """Return the variables with some of the names, as far as they are in the file.

    A dimension without a coordinate is no variable.

    Raises
    ------
    TrackFileError
        A variable is damaged or has no named dimensions, now or when it is read.
    """
    readers = {name: _Reader(path, file, name) for name in names if name in file}
    found = {name: reader.variable() for name, reader in readers.items()}
    return {name: one for name, one in found.items() if one is not None}


def attributes_of(of: h5py.File | h5py.Dataset) -> dict[str, Any]:
    """Return the attributes that are texts, numbers or lists of these."""
    return {name: plain(of.attrs[name]) for name in of.attrs if name not in _OF_HDF5}


_OF_HDF5 = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid")


def plain(value: Any) -> Any:
    """Return the value of an attribute in types of Python; a list of one element as the element."""
    value = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
    if isinstance(value, (list, tuple)):
        items = [plain(item) for item in value]
        return items[0] if len(items) == 1 else items
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


class _Reader:
    def __init__(self, path: Path, file: h5py.File, name: str) -> None:
        self.path = path
        self.file = file
        self.name = name

    def variable(self) -> Variable | None:
        """Return the variable; None if it is a dimension without a coordinate."""
        try:
            return self._variable()
        except H5PY_ERRORS as error:
            raise self._damaged(error) from None

    def _variable(self) -> Variable | None:
        data = self.file[self.name]
        if not isinstance(data, h5py.Dataset):
            raise self._error(f"expected a variable, found a {type(data).__name__.lower()}")
        if str(plain(data.attrs.get("NAME"))).startswith(_NO_VARIABLE):
            return None
        if data.dtype.kind not in "biufOS":
            raise self._error(f"expected numbers or text, found {shown(str(data.dtype))}")
        dims, shape = self._dims(data), data.shape
        attributes = attributes_of(data)
        if data.dtype == "S1" and shape and len(dims) == data.ndim:
            dims, shape = dims[:-1], shape[:-1]  # the last dimension is that of the characters
        self._check_size(data)
        self._check_texts(data)
        is_text = data.dtype.kind in "OS"
        read = _reading_text(data, len(shape)) if is_text else _reading_numbers(data, attributes)

        def safely(key: Any) -> NDArray[Any]:
            try:
                return read(key)
            except H5PY_ERRORS as error:
                raise self._damaged(error) from None

        return Variable(dims, shape, is_text, attributes, safely)

    def _dims(self, data: h5py.Dataset) -> tuple[str, ...]:
        if "DIMENSION_LIST" in data.attrs:
            scales = [self.file[refs[0]] for refs in data.attrs["DIMENSION_LIST"]]
            return tuple(str(scale.name).rpartition("/")[2] for scale in scales)
        if not data.ndim or plain(data.attrs.get("CLASS")) == "DIMENSION_SCALE":
            # the dimension of its name; a second one is that of the characters of text
            return (self.name, "characters")[: data.ndim]
        problem = f"expected named dimensions, found {counted(data.ndim, 'dimension')} without"
        raise self._error(f"{problem} names; write the dataset with ds.to_netcdf(path)")

    def _check_size(self, data: h5py.Dataset) -> None:
        limit = _MOST_OF_FILE * self.path.stat().st_size + _MOST_OF_ANY_FILE
        size = prod(data.shape) * max(data.dtype.itemsize, 8)
        if size > limit:
            raise self._error(f"expected at most {limit} bytes, found {size}; is the file damaged?")

    def _check_texts(self, data: h5py.Dataset) -> None:
        """Refuse texts that are longer than the file: HDF5 would take memory for them first."""
        if data.dtype.kind != "O" or data.chunks is not None:
            return
        start, size = data.id.get_offset(), data.id.get_storage_size() // max(data.size, 1)
        if start and size:
            path = Path(data.file.filename)  # of the file that a link leads to
            # a text is stored as its length and where it is; the address has 2 bytes or more
            stored = np.dtype({"names": ["length"], "formats": ["<u4"], "itemsize": size})
            longest = np.fromfile(path, stored, data.size, offset=start)["length"].max(initial=0)
            limit = path.stat().st_size
            if longest > limit:
                found = f"found one of {longest}; is the file damaged?"
                raise self._error(f"expected texts of at most {limit} bytes, {found}")

    def _damaged(self, error: Exception) -> TrackFileError:
        if isinstance(error, TrackFileError):
            return error
        problem = f"expected HDF5 that can be read, found damage ({cause(error)}); copy it anew"
        return self._error(problem)

    def _error(self, problem: str) -> TrackFileError:
        return TrackFileError(problem, file=self.path, key=self.name)


def _reading_numbers(
    data: h5py.Dataset, attributes: Mapping[str, Any]
) -> Callable[[Any], NDArray[Any]]:
    missing = [attributes[name] for name in _MISSING if name in attributes]
    missing = [value for value in missing if isinstance(value, (int, float)) and value == value]
    scale, offset = (attributes.get(name) for name in ("scale_factor", "add_offset"))
    is_exact = data.dtype.kind in "biu" and not missing and scale is None and offset is None

    def read(key: Any) -> NDArray[Any]:
        stored = data[key]
        if is_exact:
            return np.asarray(stored)
        values = np.asarray(stored, dtype=np.float64)
        is_missing = np.isin(stored, missing) if missing else None
        if scale is not None:
            values = values * scale
        if offset is not None:
            values = values + offset
        if is_missing is not None:
            values = np.where(is_missing, np.nan, values)
        return values

    return read


def _reading_text(data: h5py.Dataset, ndim: int) -> Callable[[Any], NDArray[Any]]:
    def read(key: Any) -> NDArray[Any]:
        stored = np.asarray(data[key])
        if stored.ndim > ndim and stored.dtype == "S1":
            stored = np.ascontiguousarray(stored).view(f"S{stored.shape[-1]}")[..., 0]
        if stored.dtype.kind == "S":
            distinct, places = np.unique(stored, return_inverse=True)
        else:
            items = stored.ravel().tolist()
            numbers = {item: number for number, item in enumerate(dict.fromkeys(items))}
            distinct = np.array([*numbers], dtype=object)
            places = np.fromiter(map(numbers.__getitem__, items), np.intp, len(items))
        texts = np.array([*map(plain, distinct.tolist()), ""], dtype=object)
        return np.asarray(texts[places], dtype=object).reshape(stored.shape)

    return read
