"""Training sets: writing and reading windows, compared with NumPy and h5py."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import (
    compare,
    compare_times,
    fact,
    megabytes,
    peak_memory,
    record,
    seconds,
    section,
)
from benchmarks.inputs import NAMES, RUN, recording
from taggingbackends import Labels, dependency
from taggingbackends.data import Dataset, load_tracks, plan_dataset
from taggingbackends.windows import windowfile
from taggingbackends.windows.windowfile import Block, write_windows

_SHAPE = (2.0, 10.0)  # duration, s; frames/s
_LARVAE, _FRAMES = 10, 200  # of a recording
_SET = 200_000  # windows of a set that is read, 0.35 GB
_BATCHES = (64, 512)
_PART = 2**26  # bytes


def run(folder: Path) -> None:
    """Measure windows per second, memory, and how fast shuffled batches are read."""
    recordings = _recordings(folder / "recordings", 160)
    ten = recordings[:10]
    written, other = folder / "ours.h5", folder / "loop.h5"
    section("plan and write", "a loop with NumPy and h5py")
    compare(
        "10 recordings",
        lambda: looped(ten, other),
        lambda: plan_dataset(ten, *_SHAPE).write(written),
        rounds=3,
    )
    section("plan and write", "16 x the time of 10")
    compare_times(
        "160 recordings",
        lambda: 16 * seconds(lambda: plan_dataset(ten, *_SHAPE).write(written)),
        lambda: seconds(lambda: plan_dataset(recordings, *_SHAPE).write(other)),
        rounds=3,
        goal=1.2,
    )
    plan = plan_dataset(recordings, *_SHAPE)
    elapsed = seconds(lambda: plan.write(written))
    fact(f"160 recordings, writing {len(plan):,} windows", f"{len(plan) / elapsed:,.0f} per second")
    section("peak memory of plan and write", "the loop")
    for n in (10, 160):
        files, path = list(map(str, recordings[:n])), str(other)
        theirs, ours = (
            peak_memory(_PREPARE, work.format(files=files, path=path))[0] for work in (_LOOP, _OURS)
        )
        record(f"{n} recordings", [(theirs, ours)], None, megabytes)
    _read(folder)


_PREPARE = """
from pathlib import Path
from benchmarks.windows import looped, plan_dataset
"""
_OURS = "plan_dataset({files}, 2.0, 10.0).write({path!r}); result = Path({path!r}).stat().st_size"
_LOOP = "looped({files}, Path({path!r})); result = Path({path!r}).stat().st_size"


def _recordings(folder: Path, n: int) -> list[Path]:
    """Write a recording with labels, and link it into n folders; return the label files."""
    first = folder / "0"
    first.mkdir(parents=True)
    spine = recording(first, _LARVAE, _FRAMES)
    labels = Labels()
    for larva, track in load_tracks(spine, outline=False).items():
        states = [NAMES[frame // 5 % len(NAMES)] for frame in range(len(track))]
        labels.set(RUN, larva, track.times, states)
    labels[RUN].dependencies = [dependency(spine)]
    labels.write(first / "truth.label")
    for place in range(1, n):
        shutil.copytree(first, folder / str(place), copy_function=os.link)
    return [folder / str(place) / "truth.label" for place in range(n)]


def looped(files: list[Path], path: Path) -> None:
    """Write windows as one would without this package: a window at a time, appended to HDF5."""
    duration, framerate = _SHAPE
    frames = round(duration * framerate)
    offsets = (np.arange(frames) - frames // 2) / framerate
    classes = {name: code for code, name in enumerate(NAMES)}
    with h5py.File(path, "w") as file:
        spines = file.create_dataset(
            "spines", (0, frames, 11, 2), "f4", maxshape=(None, frames, 11, 2)
        )
        codes = file.create_dataset("labels", (0,), "i4", maxshape=(None,))
        for label_file in files:
            tracks = load_tracks(label_file, outline=False)
            for larva, labels in tracks.labels()[RUN].items():
                track = tracks[larva]
                assert track.spine is not None
                points = track.spine.reshape(len(track), -1).T
                found: list[NDArray[Any]] = []
                chosen = []
                for anchor, state in zip(labels.times, labels.states, strict=True):
                    at = anchor + offsets
                    if at[0] >= track.times[0] and at[-1] <= track.times[-1]:
                        window = [np.interp(at, track.times, column) for column in points]
                        found.append(np.stack(window, axis=1).reshape(frames, 11, 2))
                        chosen.append(classes[str(state)])
                begin = len(codes)
                spines.resize(begin + len(found), axis=0)
                codes.resize(begin + len(found), axis=0)
                spines[begin:] = np.array(found, "f4")
                codes[begin:] = chosen


def _read(folder: Path) -> None:
    path = folder / "read.h5"
    _write_set(path)
    size = path.stat().st_size
    section(f"shuffled epochs of {megabytes(size)} on disk", "2 x reading it in order")
    for batch in _BATCHES:
        compare_times(
            f"batches of {batch}",
            lambda: 2 * _in_order(path),
            lambda batch=batch: _shuffled(path, batch),  # type: ignore[misc]
            rounds=5,
            goal=1.0,
        )
    with mock.patch.object(windowfile, "_PART", _PART):
        compare_times(
            f"in parts of {megabytes(_PART)}, as a large file",
            lambda: 2 * _in_order(path),
            lambda: _shuffled(path, 512),
            rounds=5,
        )
    section("shuffled batches of 256 from memory", "")
    fact("Dataset", f"{_speed(path, lambda: Dataset(path).spines):.0f} MB/s")
    with h5py.File(path) as file:
        fact("h5py, the same file", f"{_speed(path, lambda: file['spines']):.0f} MB/s")
        for chunk in (1, 32, 256):
            other = folder / "chunked.h5"
            with h5py.File(other, "w") as copy:
                shape = file["spines"].shape
                copy.create_dataset("spines", data=file["spines"], chunks=(chunk, *shape[1:]))
            with h5py.File(other) as copy:
                speed = _speed(other, lambda: copy["spines"])
                fact(f"h5py, chunks of {chunk}", f"{speed:.1f} MB/s")


def _write_set(path: Path) -> None:
    rng = np.random.default_rng(1)
    frames = round(_SHAPE[0] * _SHAPE[1])

    def blocks() -> Any:
        for begin in range(0, _SET, 1000):
            n = min(1000, _SET - begin)
            yield Block(
                rng.random((n, frames, 11, 2), dtype=np.float32),
                rng.integers(0, len(NAMES), n).astype(np.int32),
                np.zeros(n, np.int32),
                np.ones(n, np.int32),
                np.arange(n) / 10,
                np.zeros(n, np.bool_),
            )

    about = {"frames": frames, "margin_frames": [0, 0], "dtype": "float32", "names": NAMES}
    source = {"run": RUN, "files": [], "body_length": 4.0}
    write_windows(path, _SET, 11, [source], about, blocks())


def _forget(path: Path) -> None:
    """Remove a file from the memory of the system, so that it is read from disk again."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _in_order(path: Path) -> float:
    _forget(path)
    start = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass
    return time.perf_counter() - start


def _shuffled(path: Path, batch: int) -> float:
    """Return the time of an epoch. A file that is still mapped would not be forgotten."""
    _forget(path)
    start = time.perf_counter()
    for _ in Dataset(path).batches(batch, seed=1):
        pass
    return time.perf_counter() - start


def _speed(path: Path, opened: Callable[[], Any]) -> float:
    """Return how many MB/s batches of sorted, randomly chosen windows give."""
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass
    rng = np.random.default_rng(2)
    spines = opened()
    start, windows = time.perf_counter(), 0
    while time.perf_counter() - start < 1:
        spines[np.sort(rng.choice(_SET, 256, replace=False))]
        windows += 256
    return float(windows * spines[:1].nbytes / 1e6 / (time.perf_counter() - start))
