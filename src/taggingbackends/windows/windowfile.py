"""Training sets, in memory and in HDF5 files.

A file has the arrays below, each stored contiguously. Hence a window is read from its offset,
without HDF5, and forked processes share no open HDF5 file.

========== =================== ============================================================
spines     (m, n, points, 2)   float32 or float64, mm; n frames, margins included
labels     (m,) int32          class: 0-based index into the attribute ``names``
recordings (m,) int32          0-based index into ``sources``
larvae     (m,) int32          larva identifier
times      (m,) float64        time of the labelled frame (``anchor_frame`` of the window), s
sources    (recordings,) UTF-8 JSON: ``{"run": ..., "files": [{"filename": ..., "sha1": ...}],
                               "body_length": mm}``
========== =================== ============================================================

The attributes describe how the set was made. All are JSON except ``format``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import BackendError, shown
from taggingbackends.system.files import new_version, open_file
from taggingbackends.system.locks import locked
from taggingbackends.system.words import counted
from taggingbackends.windows.selection import shuffled

__all__ = ["Block", "Dataset", "Windows", "write_windows"]

FORMAT = "taggingbackends windows 2"


class Block(NamedTuple):
    """Columns of some windows, as in the file."""

    spines: NDArray[Any]
    labels: NDArray[np.int32]
    recordings: NDArray[np.int32]
    larvae: NDArray[np.int32]
    times: NDArray[np.float64]


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
        names: list[str],
        sources: list[dict[str, Any]],
        about: dict[str, Any],
    ) -> None:
        self.spines, self.labels = spines, labels
        self.recordings, self.larvae, self.times = recordings, larvae, times
        self.names, self.sources, self.about = names, sources, about

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], int]:
        """Return a copy of the spines of a window, (n, points, 2), and its class."""
        return np.array(self.spines[index]), int(self.labels[index])

    def run(self, index: int) -> str:
        """Return the run identifier of a window."""
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
        size : int
            Number of windows in a batch, 1 or more.
        seed, epoch : int
            0 or more. The order depends only on these, on any machine.
        shuffle : bool
            Shuffle the windows. If False, they are in the order of the set: by recording, larva and
            time.

        Yields
        ------
        spines : (b, n, points, 2) array
        labels : (b,) int32 array
        """
        if size < 1:
            raise ValueError(f"expected batches of 1 window or more, found {size}")
        order = shuffled(len(self), seed, epoch) if shuffle else np.arange(len(self))
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            yield np.array(self.spines[batch]), np.array(self.labels[batch])

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
        ``not-a-dataset``: the file is not a training set, or is truncated.
    OSError
        The file cannot be read.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self.about, self.sources, self._places = _header(self.path)
        self.names = self.about["names"]

    def __getattr__(self, name: str) -> Any:
        if name not in Block._fields:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        dtype, offset, shape = self._places[name]
        column = np.memmap(self.path, dtype, "r", offset, shape)
        setattr(self, name, column)
        return column

    def __len__(self) -> int:
        return self._places["labels"][2][0]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path,)


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
            # refuse links, which may lead out of the file
            columns = {name: file.get(name, getlink=True) for name in (*Block._fields, "sources")}
            for name, link in columns.items():
                if not isinstance(link, h5py.HardLink):
                    raise _not_a_dataset(path, f"no {name} in the file itself")
            sources = [json.loads(text) for text in file["sources"].asstr()[()]]
            places = {name: _place(path, file[name]) for name in Block._fields}
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise _not_a_dataset(path, f"{str(error) or error!r}; is the file truncated?") from error
    if len({shape[0] for _, _, shape in places.values()}) != 1 or len(places["spines"][2]) != 4:
        raise _not_a_dataset(path, "columns of different lengths")
    return about, sources, places


def _place(path: Path, column: Any) -> tuple[np.dtype[Any], int, tuple[int, ...]]:
    offset = column.id.get_offset()
    if offset is None or column.dtype.kind not in "if":
        raise _not_a_dataset(path, f"{column.name} compressed or of another type")
    if offset + column.nbytes > path.stat().st_size:
        raise _not_a_dataset(path, f"an incomplete {column.name}; is the file truncated?")
    return column.dtype, offset, column.shape


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
    import h5py

    path = Path(os.path.realpath(path))
    n = about["frames"] + sum(about["margin_frames"])
    types = {"spines": f"<f{np.dtype(about['dtype']).itemsize}", "times": "<f8"}
    # a fixed version and no times, to give the same bytes for the same content
    options: dict[str, Any] = {"libver": ("v108", "v108"), "locking": False}
    with _replaced(path) as partial, h5py.File(partial, "w", **options) as file:
        attributes = {name: json.dumps(value) for name, value in about.items()}
        for name, text in ({"format": FORMAT} | attributes).items():
            kind = h5py.string_dtype("utf-8", len(text.encode()))
            file.attrs.create(name, text.encode(), dtype=kind)
        texts = [json.dumps(source).encode() for source in sources]
        kind = h5py.string_dtype("utf-8", max(map(len, texts)))
        file.create_dataset("sources", data=np.array(texts, dtype=kind), track_times=False)
        columns = []
        for name in Block._fields:
            shape = (size, n, points, 2) if name == "spines" else (size,)
            kind = types.get(name, "<i4")
            columns.append(file.create_dataset(name, shape, kind, track_times=False))
        row = 0
        for block in blocks:
            stop = row + len(block.labels)
            for column, values in zip(columns, block, strict=True):
                column[row:stop] = values
            row = stop
        if row != size:
            problem = f"{path}: expected {size} windows, found {row}; plan it again"
            raise BackendError("changed-input", problem)
    return Dataset(path)


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """Yield a hidden file to write to, which finally replaces a file."""
    try:
        with locked(path.with_name(f".{path.name}.lock")), new_version(path) as temporary:
            yield temporary
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
    except BlockingIOError:
        problem = f"{path}: another process is writing this file; wait, or choose another file"
        raise BackendError("existing-file", problem) from None
