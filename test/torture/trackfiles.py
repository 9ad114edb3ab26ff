"""Damaged tracker files, label files and training sets, some of which change during reading."""

from __future__ import annotations

import io
import os
import resource
import shutil
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import h5py
import numpy as np

from taggingbackends import Labels, TaggingBackendsError
from taggingbackends.data import Dataset, compressed, featuretable, load_tracks, structarray
from taggingbackends.data.tracks import Recording
from taggingbackends.windows import windowfile
from torture.drill import Defect, drill
from variants.movement import FRAMES, content, dataset

__all__: list[str] = []

RUN = "20240611_101500"
STEM = f"{RUN}@line@none@t1@protocol"
ACTIONS = ("back", "cast", "hunch", "roll", "run", "small_motion", "stop")
_SPACE = 3 << 29  # bytes of address space that reading one small file may need
_MEMORY = 10**9  # bytes of memory
_FILES = 100  # of a trial

# -- whole files


def spine(rng: np.random.Generator, frames: int, points: int = 11) -> np.ndarray:
    return np.round(rng.normal(50, 9, (frames, points, 2)), 3)


def write_choreography(folder: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    texts = {".spine": "", ".outline": ""}
    for larva in (1, 2, 40):
        for frame in range(12):
            start = f"{RUN} {larva:05} {frame / 8:.3f}"
            for suffix, points in ((".spine", 11), (".outline", 4 + frame % 3)):
                numbers = spine(rng, 1, points).ravel()
                texts[suffix] += " ".join([start, *(f"{x:.3f}" for x in numbers)]) + "\n"
    files = [folder / f"{STEM}{suffix}" for suffix in texts]
    for file, text in zip(files, texts.values(), strict=True):
        file.write_text(text)
    return files


def write_fimtrack(folder: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    parts = ["head", *(f"spinepoint_{k}" for k in range(1, 4)), "tail"]
    names = ["mom_x", *(f"{part}_{axis}" for part in parts for axis in "xy")]
    names += ["radius_1", "radius_2", "radius_3", "is_coiled"]
    lines = [",larva(0),larva(3)"]
    for name in names:
        for frame in range(10):
            cells = ["" if frame == 7 else f"{x:.5g}" for x in rng.uniform(1, 900, 2)]
            lines.append(f"{name}({frame}),{','.join(cells)}")
    file = folder / "table.csv"
    file.write_text("\n".join(lines) + "\n")
    return [file]


def write_trxmat(folder: Path, larvae: int = 2, frames: int = 30, **options: Any) -> list[Path]:
    rng = np.random.default_rng(0)
    path = folder / "trx.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        fields: dict[str, list[h5py.Dataset]] = {}
        for larva in range(larvae):
            contour = spine(rng, frames, 6)
            contour[::3, 4:] = np.nan
            columns = {"numero_larva_num": np.array([[larva + 1.0]]), "t": np.arange(frames) / 8}
            for name, xy in (("spine", spine(rng, frames)), ("contour", contour)):
                columns |= {f"{axis}_{name}": xy[:, :, i] for i, axis in enumerate("xy")}
            columns |= {name: rng.choice([-1.0, 1.0], frames) for name in ACTIONS}
            for name, values in columns.items():
                data = values.reshape(len(values), -1).T
                at = f"#refs#/{name}{larva}"
                fields.setdefault(name, []).append(file.create_dataset(at, data=data, **options))
            text = np.array([list(RUN.encode())], "<u2").T
            fields.setdefault("id", []).append(file.create_dataset(f"#refs#/id{larva}", data=text))
            fields["id"][-1].attrs["MATLAB_int_decode"] = 2
        for name, datasets in fields.items():
            if larvae == 1:
                file[f"trx/{name}"] = datasets[0]
            else:
                references = np.array([[dataset.ref for dataset in datasets]], h5py.ref_dtype)
                file.create_dataset(f"trx/{name}", data=references)
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return [path]


def write_netcdf(folder: Path) -> list[Path]:
    path = folder / "poses.nc"
    labels = ("time", ["cast", "run"] * (FRAMES // 2))
    path.write_bytes(content(dataset().assign_coords(labels=labels)))
    return [path]


def write_dataset(folder: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    path = folder / "set.h5"
    m, n = 40, 10
    labels, recordings = (np.arange(m, dtype=np.int32) // k % 2 for k in (1, m // 2))
    block = windowfile.Block(
        rng.normal(size=(m, n, 11, 2)),
        labels,
        recordings,
        np.full(m, 7, np.int32),
        np.arange(m) / 8,
        np.arange(m) % 3 == 0,
    )
    sources = [
        {
            "run": f"{RUN[:-1]}{i}",
            "files": [{"filename": "a", "sha1": "0" * 40}],
            "body_length": 3.5,
        }
        for i in range(2)
    ]
    about = {"names": ["cast", "run"], "frames": n, "margin_frames": [0, 0], "dtype": "float32"}
    windowfile.write_windows(path, m, 11, sources, about, [block])
    return [path]


def write_labels(folder: Path) -> list[Path]:
    labels = Labels()
    for larva in (1, 2):
        times = np.arange(40) / 8
        labels.set(RUN, larva, times, [ACTIONS[i // 7 % 3] for i in range(40)])
    labels[RUN].metadata["camera"] = {"pixelsize": 73}
    path = folder / "x.label"
    labels.write(path)
    return [path]


# -- what must hold of whatever is read


def check_recording(recording: Recording) -> None:
    assert len(recording), "no larva"
    for track in recording.values():
        n = len(track)
        assert n, "no frame"
        assert np.isfinite(track.times).all(), "times that are not finite"
        assert (np.diff(track.times) > 0).all(), "times that do not increase"
        if track.spine is not None:
            assert track.spine.shape[::2] == (n, 2), "a spine of another length"
            missing = np.isnan(track.spine).all(axis=(1, 2))
            assert np.isfinite(track.spine[~missing]).all(), "a spine that is not finite"
        if track.outline is not None:
            assert track.outline_offsets is not None
            assert np.isfinite(track.outline).all(), "an outline that is not finite"
            assert (np.diff(track.outline_offsets) >= 0).all(), "offsets that decrease"
            assert track.outline_offsets[[0, -1]].tolist() == [0, len(track.outline)], "offsets"
        assert all(len(values) == n for values in track.indicators.values()), "indicators"


def check_pair(path: Path) -> None:
    """Compare what is read with what a loop over the lines gives, which refuses what it must."""
    recording = load_tracks(path)
    check_recording(recording)
    if recording.left_out or not all(track.has_spine.all() for track in recording.values()):
        return  # read in part, as it says
    spines, outlines = (lines_of(path.with_suffix(suffix)) for suffix in (".spine", ".outline"))
    numbers = (x for lines in outlines.values() for _, xy in lines for x in xy)
    if not np.isfinite(list(numbers)).all():
        return  # missing points at the end of an outline are cut off
    assert list(recording) == list(spines), "other larvae"
    assert spines.keys() == outlines.keys(), "larvae that only one file has"
    for larva, track in recording.items():
        assert track.spine is not None
        assert track.outline is not None
        assert track.outline_offsets is not None
        assert track.times.tolist() == [time for time, _ in spines[larva]]
        assert track.times.tolist() == [time for time, _ in outlines[larva]], "other frames"
        assert track.spine.ravel().tolist() == [x for _, xy in spines[larva] for x in xy]
        assert track.outline.ravel().tolist() == [x for _, xy in outlines[larva] for x in xy]
        assert np.diff(track.outline_offsets).tolist() == [
            len(xy) // 2 for _, xy in outlines[larva]
        ]


def lines_of(path: Path) -> dict[int, list[tuple[float, list[float]]]]:
    """Return times and coordinates by larva."""
    found: dict[int, list[tuple[float, list[float]]]] = {}
    runs = set()
    content = path.read_bytes()
    assert not content[-1:].strip(), "no line break at the end"
    for line in content.splitlines():  # also those of old Macs
        if line.strip():
            run, larva, *numbers = line.split()
            runs.add(run)
            time, *xy = map(float, numbers)
            assert float(larva).is_integer()
            assert xy and len(xy) % 2 == 0, "half a point"
            assert path.suffix != ".spine" or len(xy) == 22
            found.setdefault(int(float(larva)), []).append((time, xy))
    assert runs == {RUN.encode()}, f"runs {runs}"
    return found


def check_dataset(path: Path) -> None:
    dataset = Dataset(path)
    assert len(dataset), "no window"
    assert dataset.body_lengths.shape == (len(dataset),)
    for spines, labels in dataset.batches(16):
        assert spines.ndim == 4
        assert all(dataset.names[label] for label in labels)
    assert all(dataset.run(i) for i in range(len(dataset)))
    assert len(dataset.times) == len(dataset.larvae) == len(dataset)


Reader = Callable[[Path], object]
FORMATS: dict[str, tuple[Callable[[Path], list[Path]], Reader]] = {
    "choreography": (write_choreography, check_pair),
    "spine": (
        lambda folder: write_choreography(folder)[:1],
        lambda path: check_recording(load_tracks(path, outline=False)),
    ),
    "outline": (
        lambda folder: write_choreography(folder)[1:],
        lambda path: check_recording(load_tracks(path, spine=False)),
    ),
    "fimtrack": (write_fimtrack, lambda path: check_recording(load_tracks(path, pixelsize=73))),
    "trx.mat": (write_trxmat, lambda path: check_recording(load_tracks(path))),
    "movement": (write_netcdf, lambda path: check_recording(load_tracks(path))),
    "deflated trx.mat": (
        lambda folder: write_trxmat(folder, 1, 400, compression="gzip", shuffle=True),
        lambda path: check_recording(load_tracks(path)),
    ),
    "training set": (write_dataset, check_dataset),
    "label file": (write_labels, lambda path: Labels.read(path).to_dict()),
}

# -- damage

TOKENS = [
    *(b"nan", b"inf", b"-", b"1e308", b"-1e308", b"1e-320", b"1e999", b"9" * 40, b"0x1p3", b"1_0"),
    *(
        b"\x00",
        b"\xff",
        b"\xe9",
        b"\xed\xa0\x80",
        b"\r",
        b"\n",
        b"\n\n",
        b" ",
        b"\t",
        b"\x0b",
        b",",
    ),
    *(b"larva(0)", b"(", b")", b"@", b"65536", b"-1", b"0.5", b"\xef\xbb\xbf", b'"', b"[", b"{"),
]


def flip(data: bytearray, rng: Random) -> None:
    for _ in range(rng.choice([1, 1, 2, 4, 8])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def overwrite(data: bytearray, rng: Random) -> None:
    at = rng.randrange(len(data))
    n = rng.choice([1, 1, 2, 4, 8, 64])
    fill = rng.choice([bytes(n), b"\xff" * n, rng.randbytes(n), rng.choice(TOKENS)])
    data[at : at + len(fill)] = fill[: len(data) - at]


def insert(data: bytearray, rng: Random) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice([rng.choice(TOKENS), rng.randbytes(rng.choice([1, 8, 100]))])


def remove(data: bytearray, rng: Random) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice([1, 2, 8, 100, 2000])]


def cut(data: bytearray, rng: Random) -> None:
    del data[rng.randrange(len(data)) :]


def repeat(data: bytearray, rng: Random) -> None:
    at, n = rng.randrange(len(data)), rng.choice([1, 20, 500])
    data[at:at] = data[at : at + n]


def move(data: bytearray, rng: Random) -> None:
    at, to, n = rng.randrange(len(data)), rng.randrange(len(data)), rng.choice([8, 64, 512])
    data[to : to + n] = data[at : at + n]


def field(data: bytearray, rng: Random) -> None:
    """Replace a field between blanks or commas."""
    at = rng.randrange(len(data))
    start = max(data.rfind(separator, 0, at) for separator in (b" ", b",", b"\n")) + 1
    stops = [data.find(separator, at) for separator in (b" ", b",", b"\n")]
    stop = min((stop for stop in stops if stop >= 0), default=len(data))
    data[start:stop] = rng.choice(TOKENS)


DAMAGES = [flip, flip, overwrite, overwrite, insert, remove, cut, repeat, move, field]


class Moving(io.BufferedReader):
    """A file that changes at the n-th read."""

    change: Callable[[], None]
    left: int

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.change()

    def read(self, *size: Any) -> bytes:
        self._count()
        return super().read(*size)

    def readline(self, *size: Any) -> bytes:
        self._count()
        return super().readline(*size)


@contextmanager
def changing(path: Path, rng: Random) -> Iterator[None]:
    """Cut, extend or overwrite the file at one of the first reads."""
    size = path.stat().st_size
    kind, at = rng.choice(["cut", "grow", "overwrite"]), rng.randrange(size)
    turn = rng.randint(1, 6)

    def change() -> None:
        with path.open("r+b", buffering=0) as file:
            if kind == "cut":
                file.truncate(at)
            elif kind == "grow":
                file.seek(0, os.SEEK_END)
                file.write(rng.randbytes(50))
            else:
                file.seek(at)
                file.write(rng.randbytes(200))

    whole = structarray._fill
    reads = 0

    def fill(*arguments: Any) -> None:
        nonlocal reads
        reads += 1
        if reads == 4 * turn:
            change()
        whole(*arguments)

    def opening(target: Path) -> io.BufferedReader:
        stream = Moving(io.FileIO(target))
        stream.left, stream.change = turn if target == path else 0, change
        return stream

    with (
        mock.patch.object(structarray, "_fill", fill),
        mock.patch.object(compressed, "open_file", opening),
        mock.patch.object(featuretable, "open_file", opening),
    ):
        yield


def attempt(name: str, rng: Random, whole: list[Path], folder: Path) -> str:
    """Read one damaged file and return what came of it. Raise `Defect` if it must not."""
    files = [folder / file.name for file in whole]
    for file, copy in zip(whole, files, strict=True):
        shutil.copyfile(file, copy)
    target = rng.choice(files)
    moves = name in ("choreography", "fimtrack", "trx.mat") and rng.random() < 0.15
    if not moves:
        data = bytearray(target.read_bytes())
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            if data:
                rng.choice(DAMAGES)(data, rng)
        target.write_bytes(data)
    read = FORMATS[name][1]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of what is left out
            warnings.simplefilter("error", RuntimeWarning)
            if moves:
                with changing(target, rng):
                    read(files[0])
            else:
                read(files[0])
    except (TaggingBackendsError, OSError) as error:
        return type(error).__name__
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}:{where.lineno}"
        raise Defect(f"{type(error).__name__}: {error} at {place}") from None
    return "read"


def _drill(name: str) -> Callable[[Random, Path], Counter[str]]:
    def damaged(random: Random, folder: Path) -> Counter[str]:
        resource.setrlimit(resource.RLIMIT_AS, (_SPACE, _SPACE))
        (whole := folder / "whole").mkdir()
        (work := folder / RUN).mkdir()
        write, read = FORMATS[name]
        files = write(whole)
        read(files[0])
        outcomes = Counter(attempt(name, random, files, work) for _ in range(_FILES))
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if peak > _MEMORY:
            raise Defect(f"{peak / 1e6:.0f} MB of memory")
        return outcomes

    return damaged


for _name in FORMATS:
    drill(
        "damaged files: what is read is whole, others are refused by the package's errors",
        name=f"trackfiles.{_name.replace(' ', '_')}",
    )(_drill(_name))
