"""Input files, written by seeded generators, which give the same files everywhere."""

from __future__ import annotations

import json
import os
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from taggingbackends import Labels

__all__ = [
    "NAMES",
    "RUN",
    "dumped_file",
    "fimtrack_table",
    "label_file",
    "named_file",
    "real_label_files",
    "record_file",
    "recording",
    "sure_file",
    "trxmat",
]

NAMES = ["back", "cast", "hunch", "roll", "run", "small_motion", "stop"]
RUN = "20240611_101500"


def label_file(path: Path, odd: float = 0.0, frames: int = 1_000_000, larvae: int = 400) -> Path:
    """Write a label file with one run.

    Parameters
    ----------
    path : Path
        The file to write.
    odd : float
        Share of frames with two labels or none.
    frames, larvae : int
        Total number of frames, and number of larvae.
    """
    rng = np.random.default_rng(1)
    n = frames // larvae
    states = [*NAMES, (), *((a, b) for a in NAMES for b in NAMES if a != b)]
    labels = Labels()
    labels.add_run(RUN).declare(NAMES)
    for larva in range(1, larvae + 1):
        times = rng.uniform(0, 60) + np.cumsum(rng.normal(0.08, 0.01, n).clip(0.02))
        numbers = np.repeat(rng.integers(0, len(NAMES), n // 5 + 1), 5)[:n]
        is_odd = rng.random(n) < odd
        numbers[is_odd] = rng.integers(len(NAMES), len(states), is_odd.sum())
        labels.set(RUN, larva, times.round(3), [states[number] for number in numbers])
    labels.write(path)
    return path


def sure_file(path: Path, coded: Path) -> Path:
    """Write a label file with confidence and second choices."""
    rng = np.random.default_rng(2)
    labels = Labels.read(coded)
    for larva, track in list(labels[RUN].items()):
        confidence = rng.integers(30, 101, len(track)) / 100
        second = [NAMES[number] for number in rng.integers(0, len(NAMES), len(track))]
        labels.set(RUN, larva, track.times, track.states, confidence, second)
    labels.write(path)
    return path


def record_file(path: Path, coded: Path) -> Path:
    """Write a label file with one record of numbers a frame."""
    rng = np.random.default_rng(2)
    labels = Labels.read(coded)
    for track in (track for run in labels.values() for track in run.values()):
        track.records["p"] = rng.integers(0, 101, len(track))
    labels.write(path)
    return path


def named_file(path: Path, coded: Path, indent: int | None = None) -> Path:
    """Write a label file with names instead of codes; with an indent of 1, as Nyx does."""
    document = json.loads(coded.read_text())
    names = document["labels"]
    names = names["names"] if isinstance(names, dict) else names
    for track in document["data"]:
        track["labels"] = [
            [names[code - 1] for code in element]
            if isinstance(element, list)
            else names[element - 1]
            for element in track["labels"]
        ]
    separators = (",", ":") if indent is None else (",", ": ")
    path.write_text(json.dumps(document, separators=separators, indent=indent))
    return path


def dumped_file(path: Path, written: Path) -> Path:
    """Write a label file with spaces after commas and colons."""
    path.write_text(json.dumps(json.loads(written.read_text())))
    return path


def real_label_files() -> list[Path]:
    """Return real label files, if available."""
    default = Path(__file__).parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("TAGGINGBACKENDS_RECORDINGS", default))
    return sorted(folder.glob("labels/*/fed.label"))


def recording(folder: Path, larvae: int = 40, frames: int = 600) -> Path:
    """Write a .spine and .outline file of Choreography, and return the .spine."""
    rng = np.random.default_rng(1)
    spine = folder / f"{RUN}@a@b@t5@c.spine"
    with spine.open("w") as spines, spine.with_suffix(".outline").open("w") as outlines:
        for larva in range(1, larvae + 1):
            for time in rng.uniform(0, 60) + 0.08 * np.arange(frames):
                head = f"{RUN} {larva:05d} {time:.3f}"
                for file, points in ((spines, 11), (outlines, int(rng.integers(60, 100)))):
                    numbers = rng.uniform(0, 200, 2 * points)
                    file.write(head + "".join(f" {x:.3f}" for x in numbers) + "\n")
    return spine


def fimtrack_table(path: Path, larvae: int = 20, frames: int = 3000) -> Path:
    """Write a FIMTrack table with each larva tracked in most frames.

    Numbers are in pixels and have the form of those of a real table: moments and lengths have three
    decimals, spine points are whole numbers, radii have six digits.
    """
    rng = np.random.default_rng(1)
    starts = rng.integers(0, frames // 10, larvae)
    stops = frames - rng.integers(0, frames // 10, larvae)
    frame = np.arange(frames)[:, None]
    tracked = (starts <= frame) & (frame < stops)
    middles = rng.uniform(200, 1800, (2, 1, larvae)).repeat(frames, axis=1)
    middles += rng.normal(0, 0.5, middles.shape).cumsum(axis=1)
    length = 65 + rng.normal(0, 2, (frames, larvae))
    angle = rng.uniform(0, 6, larvae) + rng.normal(0, 0.05, (frames, larvae)).cumsum(0)
    direction = np.stack([np.cos(angle), np.sin(angle)])

    features = {f"mom_{axis}": (middles[i], ".3f") for i, axis in enumerate("xy")}
    features["spine_length"] = (length, ".3f")
    parts = ["head", "spinepoint_1", "spinepoint_2", "spinepoint_3", "tail"]
    for part, place in zip(parts, np.linspace(0.5, -0.5, len(parts)), strict=True):
        points = middles + place * length * direction
        features |= {f"{part}_{axis}": (points[i], ".0f") for i, axis in enumerate("xy")}
    features |= {
        f"radius_{k}": (length * share, ".5f") for k, share in enumerate((0.1, 0.13, 0.1), 1)
    }
    features["is_coiled"] = (rng.random((frames, larvae)) < 0.02, "d")
    with path.open("w") as file:
        file.write("".join(f",larva({larva})" for larva in range(larvae)) + "\n")
        for feature, (values, form) in features.items():
            texts = np.where(tracked, np.char.mod(f"%{form}", values), "").tolist()
            for i, row in enumerate(texts):
                file.write(f"{feature}({i}),{','.join(row)}\n")
    return path


def trxmat(
    path: Path,
    larvae: int = 20,
    frames: int = 1000,
    points: tuple[int, int] = (60, 100),
    padded: int = 100,
    compression: str | None = "gzip",
) -> Path:
    """Write a trx.mat as MATLAB does: 512 bytes, then HDF5 with references to each larva's arrays.

    Parameters
    ----------
    path : Path
        The file to write.
    larvae, frames : int
        Number of larvae, and of frames of each larva.
    points : (int, int)
        Minimum and maximum number of points of a contour.
    padded : int
        Size of the arrays of contours in points. NaN follows the last point.
    compression : str, optional
        Compression of the arrays of points; None for none. Other arrays are not compressed.
    """
    rng = np.random.default_rng(1)
    with h5py.File(path, "w", userblock_size=512) as file:
        references: dict[str, list[h5py.Reference]] = {}

        def store(field: str, values: NDArray[np.generic], compression: str | None = None) -> None:
            name = f"#refs#/{field}{len(references.setdefault(field, []))}"
            # MATLAB stores arrays column by column
            dataset = file.create_dataset(name, data=values.T, compression=compression)
            if field == "id":
                dataset.attrs["MATLAB_int_decode"] = 2
            references[field].append(dataset.ref)

        for larva in range(1, larvae + 1):
            store("id", np.array([list(RUN.encode())], np.uint16))
            store("numero_larva_num", np.array([[float(larva)]]))
            store("t", np.round(rng.uniform(0, 60) + 0.08 * np.arange(frames), 3)[:, None])
            middles = rng.uniform(20, 200, (2, 1)) + rng.normal(0, 0.02, (2, frames)).cumsum(1)
            for shape, size in (("spine", 11), ("contour", padded)):
                beyond = np.arange(size) >= rng.integers(points[0], points[1] + 1, frames)[:, None]
                for axis, middle in zip("xy", middles, strict=True):
                    values = rng.normal(rng.normal(0, 0.5, size), 0.01, (frames, size))
                    values += middle[:, None]
                    if shape == "contour":
                        values[beyond] = np.nan
                    store(f"{axis}_{shape}", np.round(values, 3), compression)
            states = rng.integers(0, len(NAMES), frames)
            for place, name in enumerate(NAMES):
                is_on = np.where(states == place, 1.0, -1.0)[:, None]
                store(name, is_on)
                if name != "small_motion":
                    store(f"{name}_large", is_on)
        for field, ones in references.items():
            file.create_dataset(f"trx/{field}", data=np.array([ones], dtype=h5py.ref_dtype))
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64 HDF5 schema 1.00 .".ljust(124))
        stream.write(b"\x00\x02IM")
    return path
