"""Training sets, in memory and in HDF5 files.

A file has the arrays below, each stored contiguously, without chunks. Hence a window is read from
its offset, without HDF5, and forked processes share no open HDF5 file. HDF5 reads shuffled windows
many times slower, and slower still from chunks (`benchmarks/windows.py`). A shuffled epoch first
reads what fits into memory in the order of the file, with few accesses to the disk.

========== =================== ============================================================
spines     (m, n, points, 2)   float32 or float64, mm; n frames, margins included
labels     (m,) int32          class: 0-based index into the attribute ``names``
recordings (m,) int32          0-based index into ``sources``
larvae     (m,) int32          larva identifier
times      (m,) float64        time of the labelled frame (``anchor_frame`` of the window), s
edited     (m,) uint8          1 if the labelled frame has the label "edited", else 0
sources    (recordings,) UTF-8 JSON: ``{"run": ..., "files": [{"filename": ..., "sha1": ...}],
                               "body_length": mm}``
========== =================== ============================================================

The attributes describe how the set was made. All are JSON except ``format``.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BufferedRandom
from os import PathLike
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import BackendError, shown
from taggingbackends.system.files import new_version, open_file
from taggingbackends.system.locks import locked
from taggingbackends.system.words import counted
from taggingbackends.windows.selection import shuffled

__all__ = ["Block", "Dataset", "Windows", "write_windows"]

FORMAT = "taggingbackends windows 3"

# bytes of spines that are neighbours, and that are shuffled together
_BLOCK, _PART = 2**21, 2**29


class Block(NamedTuple):
    """Columns of some windows, as in the file."""

    spines: NDArray[Any]
    labels: NDArray[np.int32]
    recordings: NDArray[np.int32]
    larvae: NDArray[np.int32]
    times: NDArray[np.float64]
    edited: NDArray[np.bool_]


class Windows:
    """A training set in memory; a map-style dataset in the sense of PyTorch.

    Attributes
    ----------
    spines : (m, n, points, 2) float32 or float64 array
        Spines of n frames per window, margins included, mm.
    labels : (m,) int32 array
        Class of each window: 0-based index into `names`.
    recordings : (m,) int32 array
        Recording of each window: 0-based index into `sources`.
    larvae : (m,) int32 array
        Larva identifiers.
    times : (m,) float64 array
        Times of the labelled frames, s.
    edited : (m,) bool array
        Whether a person edited the labels of the frame: it has the label "edited".
    names : list of str
        The classes.
    sources : list of dict
        Each recording: ``{"run": ..., "files": [{"filename": ..., "sha1": ...}, ...],
        "body_length": ...}``. The body length is `body_length(recording)`, in mm, or None if the
        recording has no complete spine.
    about : dict
        How the set was made: the parameters of `plan_dataset`, counts and versions.
    """

    def __init__(
        self,
        spines: NDArray[Any],
        labels: NDArray[np.int32],
        recordings: NDArray[np.int32],
        larvae: NDArray[np.int32],
        times: NDArray[np.float64],
        edited: NDArray[np.bool_],
        names: list[str],
        sources: list[dict[str, Any]],
        about: dict[str, Any],
    ) -> None:
        self.spines = spines
        self.labels = labels
        self.recordings = recordings
        self.larvae = larvae
        self.times = times
        self.edited = edited
        self.names = names
        self.sources = sources
        self.about = about

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, index: int) -> tuple[NDArray[Any], int]: ...
    @overload
    def __getitem__(
        self, index: Sequence[int] | NDArray[np.integer[Any]]
    ) -> tuple[NDArray[Any], NDArray[np.int32]]: ...
    def __getitem__(self, index: Any) -> tuple[NDArray[Any], Any]:
        """Return copies of the spines of a window, (n, points, 2), and its class.

        For a list of b indices, these are arrays (b, n, points, 2) and (b,).
        """
        spines, labels = self.spines[index], np.array(self.labels[index])
        if spines.base is not None:  # a view, not the copy that a list of indices gives
            spines = spines.copy()
        return spines, labels if labels.ndim else int(labels)

    def __iter__(self) -> Iterator[tuple[NDArray[Any], int]]:
        return map(self.__getitem__, range(len(self)))

    def run(self, index: int) -> str:
        """Return the run identifier of a window.

        Parameters
        ----------
        index : int
            0-based index of the window.
        """
        return str(self.sources[self.recordings[index]]["run"])

    @property
    def body_lengths(self) -> NDArray[np.float64]:
        """(m,) float64 array: body length of each window's recording, mm, to scale windows by."""
        lengths = np.array([source["body_length"] for source in self.sources], dtype=np.float64)
        return lengths[self.recordings]

    def batches(
        self, size: int, seed: int = 0, epoch: int = 0, shuffle: bool = True
    ) -> Iterator[tuple[NDArray[Any], NDArray[np.int32]]]:
        """Yield all windows once, in batches. The last batch may be smaller.

        Parameters
        ----------
        size, seed, epoch, shuffle
            As in `indices`.

        Yields
        ------
        spines : (b, n, points, 2) array
        labels : (b,) int32 array
        """
        for rows in self.indices(size, seed, epoch, shuffle):
            yield self[rows]

    def indices(
        self, size: int, seed: int = 0, epoch: int = 0, shuffle: bool = True
    ) -> Iterator[NDArray[np.intp]]:
        """Yield the indices of the windows of each batch. The last batch may be smaller.

        These are the batches of `batches`, and what a PyTorch ``DataLoader`` takes as ``sampler``.

        Parameters
        ----------
        size : int
            Number of windows in a batch, 1 or more.
        seed, epoch : int
            0 or more. The order of a set depends only on these, on any machine.
        shuffle : bool
            Shuffle the windows. If False, they are in the order of the set: by recording, larva and
            time.

        Yields
        ------
        rows : (b,) int array

        Notes
        -----
        If the spines take 512 MiB or more, blocks of 2 MiB of neighbouring windows are drawn at
        random, and the windows of up to 256 blocks are shuffled together. Before the first batch of
        these, the blocks are read in the order of the file. Later, the system has them in memory.
        """
        if size < 1:
            raise ValueError(f"expected batches of 1 window or more, found {size}")
        rows = np.empty(0, dtype=np.intp)
        for part in self._parts(seed, epoch) if shuffle else [np.arange(len(self))]:
            rows = np.concatenate([rows, part])
            while len(rows) >= size:
                yield rows[:size]
                rows = rows[size:]
        if len(rows):
            yield rows

    def _parts(self, seed: int, epoch: int) -> Iterator[NDArray[np.intp]]:
        """Yield all windows in random order, in parts of blocks of neighbours."""
        size = math.prod(self.spines.shape[1:]) * self.spines.itemsize
        n = max(1, _BLOCK // size)
        blocks = shuffled(math.ceil(len(self) / n), seed, epoch)
        parts = np.array_split(blocks, len(blocks) * _BLOCK // _PART + 1)  # of similar lengths
        for number, part in enumerate(parts, start=1):
            starts = n * np.sort(part)
            self._read_ahead(starts, n)
            rows = (starts[:, None] + np.arange(n)).ravel()
            rows = rows[rows < len(self)]
            yield rows[shuffled(len(rows), seed, epoch, number)]

    def _read_ahead(self, starts: NDArray[np.intp], n: int) -> None:
        """Do nothing, as the windows are in memory."""

    def __repr__(self) -> str:
        kind = type(self).__name__
        windows = counted(len(self), "window")
        return f"<{kind}: {windows} of {counted(self.spines.shape[1], 'frame')}, {self.names}>"


class Dataset(Windows):
    """A training set in an HDF5 file, read window by window.

    Opening reads only the header. A Dataset can be pickled and used after a fork: each process
    reads the file itself.

    Parameters
    ----------
    path : path
        A file written by `DatasetPlan.write`.

    Raises
    ------
    BackendError
        ``not-a-dataset``: the file is not a training set, or is damaged. Classes and recordings
        are checked when they are first used.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> from taggingbackends.simulation import simulate, write_tracks, write_truth
    >>> from taggingbackends.data import plan_dataset
    >>> tracks = simulate(larvae=2, seconds=20, seed=1)
    >>> files = write_tracks("recording", "20240611_101500", tracks)
    >>> path = write_truth("recording", "20240611_101500", tracks, files)
    >>> plan_dataset(path, duration=1, framerate=10).write("train.h5")
    <Dataset: 387 windows of 10 frames, ['run', 'cast']>
    >>> dataset = Dataset("train.h5")
    >>> spines, code = dataset[0]
    >>> spines.shape, dataset.names[code]
    ((10, 11, 2), 'run')
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path: Path = Path(path).absolute()
        self.about: dict[str, Any]
        self.sources: list[dict[str, Any]]
        self.about, self.sources, self._places = _header(self.path)
        self.names: list[str] = self.about["names"]
        self._was_read = False

    if not TYPE_CHECKING:  # checkers would accept any name

        def __getattr__(self, name: str) -> Any:
            if name not in Block._fields:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            dtype, offset, shape = self._places[name]
            if self.path.stat().st_size < offset + math.prod(shape) * dtype.itemsize:
                raise _not_a_dataset(self.path, f"an incomplete {name}; is the file truncated?")
            # indexing an array takes less time than indexing a memmap
            column = np.memmap(self.path, dtype, "r", offset, shape).view(np.ndarray)
            most = {"labels": len(self.names), "recordings": len(self.sources), "edited": 2}.get(
                name
            )
            if most is not None and not 0 <= column.min() <= column.max() < most:
                raise _not_a_dataset(self.path, f"{name} that are not from 0 to {most - 1}")
            values = column.view(np.bool_) if name == "edited" else column
            setattr(self, name, values)
            return values

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *Block._fields]

    def __len__(self) -> int:
        return self._places["labels"][2][0]

    def _read_ahead(self, starts: NDArray[np.intp], n: int) -> None:
        """Read blocks of n windows in order, so that the system keeps them in memory."""
        whole = n * len(starts) >= len(self)
        if whole and self._was_read:
            return
        offset, size = self._places["spines"][1], self.spines.strides[0]
        block = bytearray(n * size)
        # the file may have been removed since it was opened
        with suppress(FileNotFoundError), self.path.open("rb", buffering=0) as file:
            for start in starts.tolist():
                file.seek(offset + start * size)
                file.readinto(block)
        self._was_read = whole

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path,)


_KINDS = {"spines": ("f4 f8", 4), "times": ("f8", 1), "edited": ("u1", 1)}  # types and rank

_Columns = dict[str, tuple[np.dtype[Any], tuple[int, ...]]]  # type and shape by name
_Places = dict[str, tuple[np.dtype[Any], int, tuple[int, ...]]]


def _header(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]], _Places]:
    import h5py

    with open_file(path):
        pass  # raises OSError if the file cannot be read
    try:
        # no process ever changes the file, so HDF5 need not lock it (some file systems cannot)
        with h5py.File(path, "r", locking=False) as file:
            found = file.attrs.get("format")
            if found != FORMAT.encode():
                raise _not_a_dataset(path, f"format {shown(found)}")
            if "names" not in file.attrs:
                raise _not_a_dataset(path, "no names of labels")
            about = {
                name: json.loads(text) for name, text in file.attrs.items() if name != "format"
            }
            # links may lead out of the file
            columns = {name: file.get(name, getlink=True) for name in (*Block._fields, "sources")}
            for name, link in columns.items():
                if not isinstance(link, h5py.HardLink):
                    raise _not_a_dataset(path, f"no {name} in the file itself")
            _place(path, file["sources"], "S")
            sources = [json.loads(text) for text in file["sources"][()]]
            places = {name: _place(path, file[name], "iuf") for name in Block._fields}
    except BackendError:
        raise
    except Exception as error:  # h5py raises many kinds for a damaged file
        raise _not_a_dataset(path, f"{str(error) or error!r}; is the file truncated?") from error
    names = about["names"]
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise _not_a_dataset(path, f"names {shown(names)}")
    if not all(map(_is_source, sources)):
        raise _not_a_dataset(path, "sources without run, files or body_length")
    count = places["labels"][2][0]
    for name, (dtype, _, shape) in places.items():
        kinds, rank = _KINDS.get(name, ("i4", 1))
        if f"{dtype.kind}{dtype.itemsize}" not in kinds.split() or len(shape) != rank:
            raise _not_a_dataset(path, f"{name} of type {dtype} and shape {shape}")
        if shape[0] != count or 0 in shape:
            raise _not_a_dataset(path, f"{shape[0]} {name} of {count} windows")
    return about, sources, places


def _place(path: Path, column: Any, kinds: str) -> tuple[np.dtype[Any], int, tuple[int, ...]]:
    """Return where an array is in the file, after checks that it is there as a whole."""
    offset, dtype = column.id.get_offset(), column.dtype
    if offset is None or dtype.kind not in kinds:
        raise _not_a_dataset(path, f"{column.name} compressed or of another type")
    if not column.shape or offset + math.prod(column.shape) * dtype.itemsize > path.stat().st_size:
        raise _not_a_dataset(path, f"an incomplete {column.name}; is the file truncated?")
    return dtype, offset, column.shape


def _is_source(source: Any) -> bool:
    return (
        isinstance(source, dict)
        and isinstance(source.get("run"), str)
        and isinstance(source.get("files"), list)
        and isinstance(source.get("body_length", ""), (float, int, NoneType))
    )


def _not_a_dataset(path: Path, found: str) -> BackendError:
    problem = f"{path}: expected a file written by DatasetPlan.write, found {found}"
    return BackendError("not-a-dataset", problem)


def write_windows(
    path: Path,
    size: int,
    points: int,
    sources: list[dict[str, Any]],
    about: dict[str, Any],
    blocks: Iterable[Block],
) -> Dataset:
    """Write windows atomically, and open the file; see `DatasetPlan.write`.

    Parameters
    ----------
    path : Path
        File to write. Its folder must exist.
    size, points : int
        Number of windows in total, number of points of a spine.
    sources, about
        As in `Windows`.
    blocks : iterable of Block
        All windows, in order.
    """
    path = Path(os.path.realpath(path))
    n = about["frames"] + sum(about["margin_frames"])
    columns: _Columns = dict.fromkeys(Block._fields, (np.dtype("<i4"), (size,)))
    columns["spines"] = (np.dtype(about["dtype"]).newbyteorder("<"), (size, n, points, 2))
    columns["times"] = (np.dtype("<f8"), (size,))
    columns["edited"] = (np.dtype("u1"), (size,))
    header, offsets = _header_of(columns, sources, about)
    with _replaced(path) as stream:
        _reserve(stream.fileno(), header.size)
        stream.truncate(header.size)
        for offset, data in header.writes:
            stream.seek(offset)
            stream.write(data)
        row = 0
        for block in blocks:
            for (dtype, shape), offset, values in zip(
                columns.values(), offsets, block, strict=True
            ):
                stream.seek(offset + row * math.prod(shape[1:]) * dtype.itemsize)
                stream.write(np.ascontiguousarray(values, dtype).data)
            row += len(block.labels)
        if row != size:
            problem = f"{path}: expected {size} windows, found {row}; plan it again"
            raise BackendError("changed-input", problem)
        stream.flush()
        os.fsync(stream.fileno())
    return Dataset(path)


def _header_of(
    columns: _Columns, sources: list[dict[str, Any]], about: dict[str, Any]
) -> tuple[_Memory, list[int]]:
    """Return a file with all but the columns' content, and each column's offset."""
    import h5py

    header = _Memory()
    offsets = []
    # a fixed version and no times, to give the same bytes for the same content
    with h5py.File(header, "w", libver=("v108", "v108")) as file:
        attributes = {name: json.dumps(value) for name, value in about.items()}
        for name, text in ({"format": FORMAT} | attributes).items():
            kind = h5py.string_dtype("utf-8", len(text.encode()))
            file.attrs.create(name, text.encode(), dtype=kind)
        texts = [json.dumps(source).encode() for source in sources]
        kind = h5py.string_dtype("utf-8", max(map(len, texts)))
        file.create_dataset("sources", data=np.array(texts, dtype=kind), track_times=False)
        for name, (dtype, shape) in columns.items():
            options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            options.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            options.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            column = file.create_dataset(name, shape, dtype, dcpl=options, track_times=False)
            offsets.append(column.id.get_offset())
    return header, offsets


class _Memory:
    """A file in memory for HDF5, which may crash on a full disk.

    Only what is written takes memory.
    """

    def __init__(self) -> None:
        self.writes: list[tuple[int, bytes]] = []  # offset and data, in order
        self.size = 0
        self._at = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (self.size if whence == os.SEEK_END else 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        self.writes.append((self._at, bytes(data)))
        self._at += len(data)
        self.size = max(self.size, self._at)
        return len(data)

    def read(self, size: int) -> bytes:
        found = bytearray(size)
        for offset, data in self.writes:
            start, stop = max(offset, self._at), min(offset + len(data), self._at + size)
            if start < stop:
                found[start - self._at : stop - self._at] = data[start - offset : stop - offset]
        self._at += size
        return bytes(found)

    def readinto(self, buffer: Any) -> int:
        buffer[:] = self.read(len(buffer))
        return len(buffer)

    def truncate(self, size: int) -> None:
        self.size = size

    def flush(self) -> None:
        """Do nothing, as there is no buffer."""


def _reserve(descriptor: int, size: int) -> None:
    """Reserve space where this is possible, to fail before the work begins."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # not on this file system
                raise


@contextmanager
def _replaced(path: Path) -> Iterator[BufferedRandom]:
    """Yield a hidden file to write to, which finally replaces a file."""
    try:
        lock = path.with_name(f".{path.name}.lock")
        with locked(lock), new_version(path) as temporary, temporary.open("w+b") as stream:
            yield stream
    except BlockingIOError:
        problem = f"{path}: another process is writing this file; wait, or choose another file"
        raise BackendError("existing-file", problem) from None
