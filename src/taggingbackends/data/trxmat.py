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
from numpy.typing import NDArray

from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import TrackFileError, shown
from taggingbackends.labels import Labels
from taggingbackends.runlabels import MAX_LARVA_ID
from taggingbackends.states import State

__all__ = ["load"]

_ACTIONS = ("back", "cast", "hunch", "roll", "run", "small_motion", "stop")
_KINDS = {"plain": "", "large": "_large", "strong": "_strong", "weak": "_weak"}
_SPINE_POINTS = 11

_BLOCK = 1 << 20  # bytes of coordinates read at once
_MOST_DEFLATED = 1032  # bytes out of one; deflate's limit, https://zlib.net/zlib_tech.html
_SLACK = 1 << 16  # bytes; datasets so small are not worth a suspicion
_MOST_LINKS = 16  # soft links one after the other, as in HDF5 itself

_H5PY_ERRORS = (OSError, RuntimeError, ValueError, TypeError, KeyError)  # of a damaged file

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
        field, e.g. ``trx(2).x_spine``, elements counted from 1 as in MATLAB.
    ValueError
        No such kind of labels.
    """
    kinds = (labels,) if isinstance(labels, str) else tuple(labels)
    for kind in kinds:
        if kind not in _KINDS:
            expected = ", ".join(_KINDS)
            raise ValueError(f"expected labels out of {expected}, found {shown(kind)}")
    with _opened(path) as file:
        trx = _Trx(path, file)
        indicators = [name for kind in _KINDS for name in _names(kind) if name in trx]
        names = _chosen(trx, kinds, indicators)
        run, larvae = _run(trx), _larvae(trx)
        tracks = {
            larva: _track(trx, index, spine, outline, indicators)
            for index, larva in enumerate(larvae)
        }
    metadata = {"date_time": run} if re.fullmatch(r"\d{8}_\d{6}", run) else {}
    return Recording(run, tracks, metadata, "trx.mat", (path,), _labels(run, tracks, names))


def _names(kind: str) -> list[str]:
    return [name + _KINDS[kind] if name != "small_motion" else name for name in _ACTIONS]


def _chosen(trx: _Trx, kinds: Iterable[str], indicators: list[str]) -> list[str]:
    """Return the indicators that become labels."""
    for kind in kinds:
        suffix = _KINDS[kind]
        if suffix and not any(name.endswith(suffix) for name in indicators):
            found = ", ".join(indicators) or "no indicators"
            problem = f"expected indicators such as run{suffix}, found {found}; choose other labels"
            raise TrackFileError(problem, file=trx.path, key="trx")
    wanted = dict.fromkeys(name for kind in kinds for name in _names(kind))
    return [name for name in wanted if name in indicators]


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
    return Track(
        times,
        _spine(trx, index, n) if spine else None,
        *(_outline(trx, index, n) if outline else (None, None)),
        {name: _indicator(trx, index, name, n) for name in indicators},
    )


def _spine(trx: _Trx, index: int, n: int) -> NDArray[np.float64]:
    spine = np.empty((n, _SPINE_POINTS, 2))
    for first, xy in trx.points("spine", index, (n, _SPINE_POINTS)):
        finite = np.isfinite(xy)
        if not finite.all():
            raise _bad_point(trx, "spine", index, first, xy, ~finite, "a finite number")
        spine[first : first + len(xy)] = xy
    return spine


def _outline(trx: _Trx, index: int, n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    outline = bytearray()  # grows in place; to join arrays would take the memory twice
    offsets = np.zeros(n + 1, dtype=np.int64)
    for first, xy in trx.points("contour", index, (n, None)):
        there = np.isfinite(xy)
        valid = there[:, :, 0]
        if there.all():
            outline += xy.data
        else:
            bad = ~there & ~np.isnan(xy)
            bad[:, 1:] |= (there[:, 1:] & ~there[:, :-1]) & ~bad.any()
            bad[:, :, 1] |= (there[:, :, 1] != valid) & ~bad.any()
            if bad.any():
                expected = "finite x and y, and NaN for both after the contour's last point"
                raise _bad_point(trx, "contour", index, first, xy, bad, expected)
            outline += xy[valid].data
        offsets[first + 1 : first + 1 + len(xy)] = valid.sum(axis=1)
    return np.frombuffer(outline).reshape(-1, 2), np.cumsum(offsets, out=offsets)


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
    labels.add_run(run).declare(names)
    for larva, track in tracks.items():
        bits = np.zeros(len(track), dtype=np.int64)
        for place, name in enumerate(names):
            bits |= (track.indicators[name] > 0).astype(np.int64) << place
        distinct, codes = np.unique(bits, return_inverse=True)
        states = [_state(names, number) for number in distinct.tolist()]
        labels.set(run, larva, track.times, [states[code] for code in codes.tolist()])
    return labels


def _state(names: list[str], bits: int) -> State:
    on = tuple(name for place, name in enumerate(names) if bits >> place & 1)
    return on[0] if len(on) == 1 else on


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        file = h5py.File(path, "r")
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
    most as many bytes as deflate can make of its share.

    Parameters
    ----------
    path : Path
        The file, for errors.
    file : h5py.File
        The same, open.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file
        self._left = path.stat().st_size  # bytes of the file that nothing read so far takes up
        self._fields: dict[str, list[Any]] = {}
        self._group = self._followed(file, "trx", "trx")
        if not isinstance(self._group, h5py.Group):
            found = f"{_kind(self._group)}; store the tracks as a struct array"
            raise TrackFileError(f"expected a struct array, found {found}", file=path, key="trx")
        self._size = len(self._elements("id"))

    def __len__(self) -> int:
        return self._size

    def __contains__(self, field: str) -> bool:
        with self._told("trx"):
            return self._group.get(field, getlink=True) is not None

    def error(self, field: str, index: int, problem: str) -> TrackFileError:
        """Return an error in a field of an element (`index` is 0-based)."""
        return TrackFileError(problem, file=self.path, key=_key(field, index))

    def text(self, field: str, index: int) -> str:
        """Return a row of characters, which MATLAB stores as UTF-16."""
        dataset = self._dataset(field, index, (1, None), "text (char, 1 x n)", "u", 2)
        codes = self._read(dataset, _key(field, index))
        try:
            return codes.astype("<u2").tobytes().decode("utf-16-le")
        except UnicodeDecodeError:
            found = f"codes {codes.ravel()[:8].tolist()}"
            raise self.error(field, index, f"expected text, found {found}") from None

    def numbers(self, field: str, index: int, sizes: _Sizes) -> NDArray[np.float64]:
        """Return a column (or a row) of numbers, as (n,) float64."""
        expected = f"numbers ({_times(sizes)}{', as many as in t' if sizes[0] else ''})"
        if sizes == (1, 1):
            expected = "a number"
        dataset = self._dataset(field, index, sizes, expected)
        return self._read(dataset, _key(field, index)).ravel().astype(np.float64, copy=False)

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
        """
        fields = (f"x_{shape}", f"y_{shape}")
        datasets: list[h5py.Dataset] = []
        for field in fields:
            expected = f"numbers ({_times(sizes)}, as many rows as in t)"
            datasets.append(self._dataset(field, index, sizes, expected))
            points, frames = datasets[0].shape
            sizes = (frames, points)
        chunk = datasets[0].chunks[1] if datasets[0].chunks else 1
        step = chunk * max(1, _BLOCK // (16 * points * chunk))  # no chunk is read twice
        for first in range(0, frames, step):
            xy = np.empty((min(step, frames - first), points, 2))
            part = () if step >= frames else np.s_[:, first : first + step]
            for axis, (field, dataset) in enumerate(zip(fields, datasets, strict=True)):
                xy[:, :, axis] = self._read(dataset, _key(field, index), part).T
            yield first, xy

    def _dataset(
        self,
        field: str,
        index: int,
        sizes: _Sizes,
        expected: str,
        kinds: str = "fiu",
        itemsize: int | None = None,
    ) -> h5py.Dataset:
        """Return a dataset of such a size and type, from which may be read."""
        elements = self._elements(field)
        key = _key(field, index)
        found = elements[index]
        if isinstance(found, h5py.Reference):
            if not found:
                raise self.error(field, index, f"expected {expected}, found a reference to nothing")
            with self._told(key):
                found = self._file[found]
        self._check_stored(found, key, expected)
        fits = (
            _fits(found.shape, sizes)
            and found.dtype.kind in kinds
            and found.dtype.itemsize == (itemsize or found.dtype.itemsize)
        )
        if not fits:
            raise self.error(field, index, f"expected {expected}, found {_kind(found)}")
        return found

    def _elements(self, field: str) -> list[Any]:
        """Return a field's references, one an element, or of a single struct its dataset."""
        if field in self._fields:
            return self._fields[field]
        key = f"trx.{field}"
        found = self._followed(self._group, field, key)
        self._check_stored(found, key, "an array")
        elements = [found]
        if h5py.check_ref_dtype(found.dtype) is h5py.Reference:
            elements = self._read(found, key).ravel().tolist()
        if len(elements) != (self._size if self._fields else len(elements) or 1):
            expected = f"{self._size} elements, as trx.id has" if self._fields else "elements"
            problem = f"expected {expected}, found {len(elements)}"
            raise TrackFileError(problem, file=self.path, key=key)
        self._size = len(elements)
        self._fields[field] = elements
        return elements

    def _followed(self, group: h5py.Group, name: str, key: str) -> Any:
        """Return what a path of names leads to, within this file."""
        steps = name.split("/")[::-1]
        links = 0
        found: Any = group
        while steps:
            step = steps.pop()
            with self._told(key):
                link = found.get(step, getlink=True) if isinstance(found, h5py.Group) else None
            if isinstance(link, h5py.SoftLink) and links < _MOST_LINKS:
                links += 1
                if link.path.startswith("/"):
                    found = self._file
                steps += [part for part in link.path.split("/") if part not in ("", ".")][::-1]
                continue
            if not isinstance(link, h5py.HardLink):
                raise TrackFileError(_no_link(link), file=self.path, key=key)
            with self._told(key):
                found = found[step]
        return found

    def _check_stored(self, dataset: Any, key: str, expected: str) -> None:
        """Refuse what is not in this file, or declares more than this file can hold."""
        problem = ""
        if not isinstance(dataset, h5py.Dataset) or dataset.shape is None or dataset.ndim != 2:
            problem = f"expected {expected}, found {_kind(dataset)}"
            raise TrackFileError(problem, file=self.path, key=key)
        with self._told(key):
            plist = dataset.id.get_create_plist()
            elsewhere = plist.get_external_count() or plist.get_layout() == h5py.h5d.VIRTUAL
            stored = dataset.id.get_storage_size()
            rows, columns = dataset.shape
            if plist.get_layout() == h5py.h5d.CHUNKED:  # read as whole chunks
                rows, columns = (
                    -(-size // chunk) * chunk
                    for size, chunk in zip(dataset.shape, plist.get_chunk(), strict=True)
                )
            declared = rows * columns * dataset.dtype.itemsize
        self._left -= stored
        if elsewhere:
            problem = "expected data in this file, found a link to others; store the data itself"
        elif self._left < 0 or declared > _MOST_DEFLATED * stored:
            problem = (
                f"expected {expected}, found {_kind(dataset)}, of which the file stores "
                f"{stored} bytes; is the file damaged?"
            )
        if problem:
            raise TrackFileError(problem, file=self.path, key=key)

    def _read(self, dataset: h5py.Dataset, key: str, part: Any = ()) -> NDArray[Any]:
        with self._told(key):
            values: NDArray[Any] = dataset[part]
        return values

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """Say where what h5py finds is wrong."""
        try:
            yield
        except _H5PY_ERRORS as error:
            problem = f"expected HDF5 that can be read, found damage ({_said(error)}); copy it anew"
            raise TrackFileError(problem, file=self.path, key=key) from None


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


def _kind(found: Any) -> str:
    """Return how a message names what was found, with sizes as in MATLAB."""
    if not isinstance(found, h5py.Dataset):
        return "a struct" if isinstance(found, h5py.Group) else "none"
    if found.shape is None or found.ndim != 2:
        return "an empty array, or none that MATLAB stores"  # these have at least two dimensions
    name = "references (a cell or a struct array)" if found.dtype.kind == "O" else found.dtype
    return f"{_times(found.shape[::-1])} {name}"


def _no_link(link: Any) -> str:
    if isinstance(link, h5py.ExternalLink):
        return f"expected data in this file, found a link to {shown(link.filename)}; copy them here"
    if isinstance(link, h5py.SoftLink):
        return f"expected data, found a link that leads in circles, to {shown(link.path)}"
    return "expected this field, found none; docs/contract.md, section 7, lists the fields"


def _said(error: Exception) -> str:
    """Return the cause that h5py gives, in parentheses after what it tried."""
    text = " ".join(str(error).split())
    return text.partition("(")[2].rstrip(")") or shown(text)
