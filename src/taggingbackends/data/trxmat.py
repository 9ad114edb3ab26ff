"""trx.mat: tracks and indicators of actions, as MATLAB 7.3 stores a struct array.

The fields are those of docs/contract.md, section 7. A MATLAB 7.3 file is HDF5 after a header of 512
bytes. MATLAB stores columns first, so that an n x 11 array is a dataset of shape (11, n); the
elements of a struct array are references, those of a single struct the datasets themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from h5py.h5d import DatasetID
from h5py.h5g import GroupID
from numpy.typing import NDArray

from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import TrackFileError, shown
from taggingbackends.labels import Labels
from taggingbackends.memory import keep_freed_memory
from taggingbackends.runlabels import MAX_LARVA_ID, TrackLabels
from taggingbackends.states import State

__all__ = ["load"]

_ACTIONS = ("back", "cast", "hunch", "roll", "run", "small_motion", "stop")
_KINDS = {"plain": "", "large": "_large", "strong": "_strong", "weak": "_weak"}
_SPINE_POINTS = 11

_BLOCK = 1 << 19  # bytes of coordinates read at once
_SIEVE = 1 << 12  # bytes that HDF5 reads at least; 64 kB if not told, of which often 12 are of use
_ROOM = 16  # times as much as needed so far, for an outline that grows
_MOST_DEFLATED = 1032  # bytes out of one; deflate's limit, https://zlib.net/zlib_tech.html
_MOST_LINKS = 16  # soft links one after the other, as in HDF5 itself

_H5PY_ERRORS = (OSError, RuntimeError, ValueError, TypeError, KeyError)  # of a damaged file

_NUMBERS = ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
_TEXT = ("text",)

_Sizes: TypeAlias = tuple[int | None, int | None]  # rows and columns in MATLAB; None: any


def load(
    path: Path,
    spine: bool = True,
    outline: bool = True,
    labels: str | Iterable[str] = "plain",
) -> Recording:
    """Load a trx.mat.

    Coordinates are mm and times s, as they are in the file. Only what is asked for is read.

    Parameters
    ----------
    path : Path
        The file.
    spine, outline : bool
        Whether to load the one and the other; without both, there are times and indicators.
    labels : str or iterable of str
        Which indicators become the recording's labels, under their own names: ``"plain"`` (``run``,
        ``cast``...), ``"large"`` (``run_large``...), ``"strong"``, ``"weak"``, or several of these.
        ``small_motion``, which has no variants, is among each. A frame with several indicators on
        has several labels, one with none is undefined.

    Returns
    -------
    Recording
        With `Track.indicators`: all actions and variants in the file, (n,) int8, 1 on, -1 off.

    Raises
    ------
    TrackFileError
        No trx.mat, a damaged one, or one that lacks fields or has others than expected; with the
        field, e.g. ``trx(2).x_spine``, elements counted from 1 as in MATLAB; no such kind of
        labels.
    """
    kinds = (labels,) if isinstance(labels, str) else tuple(labels)
    for kind in kinds:
        if kind not in _KINDS:
            expected = ", ".join(_KINDS)
            problem = f"expected labels out of {expected}, found {shown(kind)}"
            raise TrackFileError(problem, file=path)
    keep_freed_memory()
    with _opened(path) as file:
        trx = _Trx(path, file)
        indicators = [name for name in _names(*_KINDS) if name in trx]
        names = _chosen(trx, kinds, indicators)
        run, larvae = _run(trx), _larvae(trx)
        tracks = {
            larva: _track(trx, index, spine, outline, indicators)
            for index, larva in enumerate(larvae)
        }
    metadata = {"date_time": run} if re.fullmatch(r"\d{8}_\d{6}", run) else {}
    return Recording(run, tracks, metadata, "trx.mat", (path,), _labels(run, tracks, names))


def _names(*kinds: str) -> list[str]:
    """Return the names of indicators, each once."""
    names = (
        name if name == "small_motion" else name + _KINDS[kind]
        for kind in kinds
        for name in _ACTIONS
    )
    return list(dict.fromkeys(names))


def _chosen(trx: _Trx, kinds: tuple[str, ...], indicators: list[str]) -> list[str]:
    """Return the indicators that become labels."""
    for kind in kinds:
        suffix = _KINDS[kind]
        if suffix and not any(name.endswith(suffix) for name in indicators):
            found = ", ".join(indicators) or "no indicators"
            problem = f"expected indicators such as run{suffix}, found {found}; choose other labels"
            raise TrackFileError(problem, file=trx.path, key="trx")
    return [name for name in _names(*kinds) if name in indicators]


def _run(trx: _Trx) -> str:
    run = ""
    for index in range(len(trx)):
        text = trx.text("id", index)
        if not text.isprintable():
            raise trx.error("id", index, f"expected the run's identifier, found {shown(text)}")
        run = run or text
        if text != run:
            problem = f"expected run {run}, as in trx(1), found {shown(text)}; store a file a run"
            raise trx.error("id", index, problem)
    return run


def _larvae(trx: _Trx) -> list[int]:
    larvae: dict[int, int] = {}
    for index in range(len(trx)):
        number = float(trx.numbers("numero_larva_num", index, (1, 1))[0])
        if not (number.is_integer() and 0 <= number <= MAX_LARVA_ID):
            problem = f"expected a larva identifier from 0 to {MAX_LARVA_ID}, found {number:g}"
            raise trx.error("numero_larva_num", index, problem)
        first = larvae.setdefault(int(number), index)
        if first != index:
            problem = f"expected another larva than in trx({first + 1}), found {number:g} again"
            raise trx.error("numero_larva_num", index, problem)
    return list(larvae)


def _track(trx: _Trx, index: int, spine: bool, outline: bool, indicators: list[str]) -> Track:
    times = trx.numbers("t", index, (None, 1))
    bad = ~np.isfinite(times)
    bad[1:] |= ~(times[1:] > times[:-1])
    if bad.any():
        at = int(bad.argmax())
        expected = f"a time after {times[at - 1]}" if at else "a finite time"
        raise trx.error("t", index, f"expected {expected}, found {times[at]} in frame {at + 1}")
    n = len(times)
    midline = _spine(trx, index, n) if spine else None
    contours, offsets = _outline(trx, index, n) if outline else (None, None)
    states = {name: _indicator(trx, index, name, n) for name in indicators}
    return Track(times, midline, contours, offsets, states)


def _spine(trx: _Trx, index: int, n: int) -> NDArray[np.float64]:
    spine = np.empty((n, _SPINE_POINTS, 2))
    for first, xy in trx.points("spine", index, (n, _SPINE_POINTS)):
        finite = np.isfinite(xy)
        if not finite.all():
            raise _bad_point(trx, "spine", index, first, xy, ~finite, "a finite number")
        _copy(xy, spine[first : first + len(xy)])
    return spine


def _outline(trx: _Trx, index: int, n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    outline = np.empty((0, 2))
    offsets = np.zeros(n + 1, dtype=np.int64)
    end = 0
    for first, xy in trx.points("contour", index, (n, None)):
        most = n * xy.shape[1]
        sizes = offsets[first + 1 : first + 1 + len(xy)]
        sizes[:] = xy.shape[1]
        there = np.isfinite(xy)
        is_full = there.all()
        if not is_full:
            filled = ~np.isnan(xy).all(axis=(0, 2))
            used = slice(np.flatnonzero(filled).max(initial=-1) + 1)
            xy, there = xy[:, used], there[:, used]  # often most of it is padding
            valid = there[:, :, 0]
            bad = ~there & ~np.isnan(xy)
            bad[:, 1:] |= (there[:, 1:] & ~there[:, :-1]) & ~bad.any()
            bad[:, :, 1] |= (there[:, :, 1] != valid) & ~bad.any()
            if bad.any():
                expected = "finite x and y, and NaN for both after the contour's last point"
                raise _bad_point(trx, "contour", index, first, xy, bad, expected)
            valid.sum(axis=1, out=sizes)
        start, end = end, end + int(sizes.sum())
        if end > len(outline):  # room for more takes up no memory until it is used
            grown = np.empty((min(_ROOM * end, most), 2))
            grown[:start] = outline[:start]
            outline = grown
        if is_full:
            _copy(xy, outline[start:end].reshape(xy.shape))
        else:
            points = np.empty(xy.shape)
            _copy(xy, points)
            points.reshape(-1, 2).compress(valid.ravel(), axis=0, out=outline[start:end])
    outline.resize((end, 2), refcheck=False)
    return outline, np.cumsum(offsets, out=offsets)


def _copy(xy: NDArray[np.float64], to: NDArray[np.float64]) -> None:
    """Copy points; x and y one after the other take less time than both at once."""
    to[:, :, 0] = xy[:, :, 0]
    to[:, :, 1] = xy[:, :, 1]


def _bad_point(
    trx: _Trx,
    shape: str,
    index: int,
    first: int,
    xy: NDArray[np.float64],
    bad: NDArray[np.bool_],
    expected: str,
) -> TrackFileError:
    frame, point, axis = np.unravel_index(int(bad.argmax()), bad.shape)
    found = f"{xy[frame, point, axis]} as point {point + 1} of frame {first + frame + 1}"
    return trx.error(f"{'xy'[axis]}_{shape}", index, f"expected {expected}, found {found}")


def _indicator(trx: _Trx, index: int, name: str, n: int) -> NDArray[np.int8]:
    values = trx.numbers(name, index, (n, 1))
    good = np.abs(values) == 1
    if not good.all():
        at = int(good.argmin())
        problem = f"expected 1 (on) or -1 (off), found {values[at]:g} in frame {at + 1}"
        raise trx.error(name, index, problem)
    return values.astype(np.int8)


def _labels(run: str, tracks: dict[int, Track], names: list[str]) -> Labels:
    """Return the states that the indicators `names` make; no labels where there are no names."""
    labels = Labels()
    if not names:
        return labels
    states = labels.add_run(run)
    states.declare(names)
    table = states._table
    for larva, track in tracks.items():
        bits = np.zeros(len(track), dtype=np.int64)
        for place, name in enumerate(names):
            bits |= (track.indicators[name] > 0).astype(np.int64) << place
        distinct, codes = np.unique(bits, return_inverse=True)
        # numbered here: `Labels.set` would look at each frame's state
        numbers = [table.number(_state(names, number)) for number in distinct.tolist()]
        columns = track.times.copy(), np.array(numbers, np.int32)[codes]
        states._tracks[larva] = TrackLabels(table, *columns)
    return labels


def _state(names: list[str], bits: int) -> State:
    on = tuple(name for place, name in enumerate(names) if bits >> place & 1)
    return on[0] if len(on) == 1 else on


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
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


class _Trx:
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
