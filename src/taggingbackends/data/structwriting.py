"""Struct arrays of MATLAB 7.3, changed column by column in a file that is open for writing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py.h5d import DatasetID
from h5py.h5g import GroupID
from numpy.typing import NDArray

from taggingbackends.data.structarray import NUMBERS, StructArray, check_array
from taggingbackends.errors import TrackFileError

__all__ = ["StructWriter"]

_REFERENCES = b"#refs#"  # MATLAB's group of the arrays that references lead to


class StructWriter(StructArray):
    """The struct array of tracks in a file that is open for writing.

    Only arrays in this file are written into. A file with a field that is a link is refused, since
    writing would change another field, too. See `StructArray` for the parameters.
    """

    def __init__(self, path: Path, file: h5py.File, required: Collection[str]) -> None:
        super().__init__(path, file, required)
        self._columns: dict[tuple[str, int], DatasetID | None] = {}  # until the field is written
        for field in self.fields:
            if self._is_soft(self._group, field.encode()):
                problem = "expected data, found a link; copy them here"
                raise TrackFileError(problem, file=path, key=f"{self.name}.{field}")

    def column(self, field: str, index: int, n: int) -> DatasetID | None:
        """Return a column (or a row) of n numbers; None if there is something else."""
        if (field, index) not in self._columns:
            self._columns[field, index] = self._column(field, index, n)
        return self._columns[field, index]

    def _column(self, field: str, index: int, n: int) -> DatasetID | None:
        if field not in self.fields:
            return None
        try:
            with self._element(field, index, "numbers") as array:
                check_array(array, (n, 1), NUMBERS)
                self._account(array)
        except TrackFileError:
            return None
        return array.dataset if array.size and _has_plain_type(array.dataset) else None

    def write(
        self, field: str, columns: Iterable[NDArray[np.float64] | None], like: Iterable[str]
    ) -> None:
        """Write a column of each element, in a new field if there is none of this name.

        A column of as many numbers is overwritten in place, in its own type. Otherwise, a column of
        doubles is stored as MATLAB does.

        Parameters
        ----------
        field : str
            Its name.
        columns : iterable of ((n,) float64 array or None)
            One for each element; None leaves it as it is, and is not allowed in a new field.
        like : iterable of str
            Fields with columns as long. The first one that has doubles shows how this file stores
            columns.

        Raises
        ------
        OSError, RuntimeError
            Writing failed.
        """
        is_new = field not in self.fields
        elements: list[Any] = [None] * len(self) if is_new else list(self._elements_of(field))
        is_shared = np.zeros(len(self), bool) if is_new else self._is_shared(field)
        is_stored = False
        like = tuple(like)
        for index, values in enumerate(columns):
            if values is None:
                continue
            there = None if is_new else self.column(field, index, len(values))
            if there is not None and not is_shared[index]:
                fill(there, values)
                continue
            name = field.encode() if self._is_single else self._new_name()
            group = self._group if self._is_single else self._references
            if self._is_single and group.links.exists(name):
                group.unlink(name)
            elements[index] = self._stored(group, name, index, values, like)
            is_stored = True
        if is_stored and not self._is_single:
            self._refer(field, elements)
        if is_new:
            self._declare(field)
        self._elements[field] = elements
        self._columns.clear()

    @cached_property
    def _is_single(self) -> bool:
        return not isinstance(self._elements_of("t")[0], h5py.Reference)

    @cached_property
    def _references(self) -> GroupID:
        if not self._root.links.exists(_REFERENCES):
            return h5py.h5g.create(self._root, _REFERENCES)
        name = _REFERENCES.decode()
        with self._expecting("a group", name):
            found = self._followed(self._root, name)
        if not isinstance(found, GroupID):
            raise TrackFileError("expected a group, found data", file=self.path, key=name)
        return found

    @cached_property
    def _names(self) -> Iterator[bytes]:
        first = self._references.get_num_objs() + 1
        return (f"r{number}".encode() for number in count(first))

    def _new_name(self) -> bytes:
        return next(name for name in self._names if not self._references.links.exists(name))

    def _is_shared(self, field: str) -> NDArray[np.bool_]:
        """Return whether each array is also that of another element, field or variable."""
        found = self._followed(self._group, field)
        if self._is_single:
            return np.array([h5py.h5o.get_info(found).rc > 1])
        return np.array([self._uses[address] > 1 for address in _addresses(found).tolist()])

    @cached_property
    def _uses(self) -> Counter[int]:
        """How many elements of the file's variables each array is."""
        uses: Counter[int] = Counter()
        for name in self._root:
            if name.startswith(b"#") or self._is_soft(self._root, name):
                continue
            found = h5py.h5o.open(self._root, name)
            fields = [found]
            if isinstance(found, GroupID):
                hard = (field for field in found if not self._is_soft(found, field))
                fields = [h5py.h5o.open(found, field) for field in hard]
            for array in fields:
                if isinstance(array, DatasetID) and _has_references(array):
                    uses.update(_addresses(array).tolist())
        return uses

    @staticmethod
    def _is_soft(group: GroupID, name: bytes) -> bool:
        return bool(group.links.get_info(name).type != h5py.h5l.TYPE_HARD)

    def _stored(
        self,
        group: GroupID,
        name: bytes,
        index: int,
        values: NDArray[np.float64],
        like: Iterable[str],
    ) -> Any:
        """Store a column as the file stores others, and return what refers to it."""
        n = len(values)
        if not n:  # as t, which is [], too
            with self._element("t", index, "numbers") as array:
                h5py.h5o.copy(array.dataset, b".", group, name)
        else:
            columns = (self.column(field, index, n) for field in like)
            found = next((one for one in columns if one is not None and _is_double(one)), None)
            if found is None:
                space = h5py.h5s.create_simple((1, n))
                h5py.h5d.create(group, name, h5py.h5t.IEEE_F64LE, space, _untimed())
            else:
                h5py.h5o.copy(found, b".", group, name)
        stored = h5py.h5o.open(group, name)
        if not h5py.h5a.exists(stored, b"MATLAB_class"):
            h5py.Dataset(stored).attrs["MATLAB_class"] = np.bytes_("double")
        if n:
            fill(stored, values)
        return stored if self._is_single else h5py.h5r.create(group, name, h5py.h5r.OBJECT)

    def _refer(self, field: str, elements: list[Any]) -> None:
        """Store references to the elements of a field."""
        name = field.encode()
        is_new = not self._group.links.exists(name)
        found = self._followed(self._group, "t" if is_new else field)
        if is_new or h5py.h5o.get_info(found).rc > 1:  # another field, too
            if not is_new:
                self._group.unlink(name)
            h5py.h5o.copy(found, b".", self._group, name)
            found = self._followed(self._group, field)
        references = np.array(elements, h5py.ref_dtype).reshape(found.shape)
        found.write(h5py.h5s.ALL, h5py.h5s.ALL, references)

    def _declare(self, field: str) -> None:
        """Append a field to the list of fields, if there is one."""
        self.fields.append(field)
        name = "MATLAB_fields"
        attributes = h5py.Group(self._group).attrs
        if name in attributes:
            letters = np.array(list(field), "S1")
            names = [*attributes[name], letters]
            listed = np.empty(len(names), object)
            listed[:] = names
            attributes.create(name, listed, dtype=h5py.vlen_dtype(np.dtype("S1")))


def fill(dataset: DatasetID, values: NDArray[np.float64]) -> None:
    """Overwrite a dataset, in its own type."""
    stored = values.astype(dataset.dtype).reshape(dataset.shape)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, stored)


def _has_plain_type(dataset: DatasetID) -> bool:
    """Return whether the type is numpy's; HDF5 may crash when it converts to damaged types."""
    return bool(dataset.get_type().equal(h5py.h5t.py_create(dataset.dtype, logical=True)))


def _is_double(dataset: DatasetID) -> bool:
    return bool(dataset.dtype == "<f8" and dataset.rank == 2 and dataset.shape[0] == 1)


def _has_references(dataset: DatasetID) -> bool:
    return h5py.check_ref_dtype(dataset.dtype) is h5py.Reference and dataset.shape is not None


def _addresses(dataset: DatasetID) -> NDArray[np.uint64]:
    """Return references as addresses, which are equal if they lead to the same array."""
    addresses = np.empty(dataset.shape, np.uint64)
    if addresses.size:
        dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, addresses, h5py.h5t.STD_REF_OBJ)
    return addresses.ravel()


def _untimed() -> Any:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_obj_track_times(False)
    return properties
