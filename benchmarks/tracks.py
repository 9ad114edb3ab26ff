"""Tracker files, compared with a loop over the lines, pandas and h5py.

Our times include checks, spines, outlines and states. Baselines:

- Choreography: a loop over the lines that makes a list of floats from each;
- FIMTrack: `pandas.read_csv`, which returns all cells unchanged. In a table of 2 larvae, most text
  is names of rows; it does not check them, whereas the reader does;
- trx.mat: h5py, which reads the same arrays as they are stored. Without compression it only copies
  bytes, whereas the reader also turns the arrays from columns to rows and checks them.

The peak memory of recordings of a few megabytes contains that of HDF5 itself: 1 to 2 MB when it
opens.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

try:
    import pandas
except ImportError:  # the benchmark of FIMTrack is skipped
    pandas = None

from benchmarks.harness import compare, fact, megabytes, peak_memory, record, section, skip
from benchmarks.inputs import fimtrack_table, recording, trxmat
from taggingbackends import Labels
from taggingbackends.data import export_trx, load_tracks

MEMORY, PARTS = 2.5, 6.0  # goals, of all arrays and without some, which checks need nonetheless


def line_by_line(spine: Path) -> dict[int, list[Any]]:
    """Read a recording line by line: larva -> times, spine, outline and offsets."""
    tracks: dict[int, list[Any]] = {}
    for path in (spine, spine.with_suffix(".outline")):
        larvae: dict[int, tuple[list[float], list[list[float]]]] = {}
        with path.open() as file:
            for line in file:
                fields = line.split()
                times, frames = larvae.setdefault(int(fields[1]), ([], []))
                times.append(float(fields[2]))
                frames.append([float(x) for x in fields[3:]])
        for larva, (times, frames) in larvae.items():
            if path.suffix == ".spine":
                tracks[larva] = [np.array(times), np.array(frames).reshape(-1, 11, 2)]
            else:
                sizes = [len(frame) // 2 for frame in frames]
                points = np.concatenate([np.array(frame) for frame in frames]).reshape(-1, 2)
                tracks[larva] += [points, np.concatenate([[0], np.cumsum(sizes)])]
    return tracks


def raw(path: Path) -> list[Any]:
    """Read the arrays of a trx.mat as they are stored."""
    with h5py.File(path) as file:
        fields = file["trx"].values()
        return [file[reference][()] for field in fields for reference in field[()].ravel()]


def run(folder: Path) -> None:
    """Measure times and the peak memory."""
    choreography(folder)
    fimtrack(folder)
    trx(folder)
    export(folder)


def choreography(folder: Path) -> None:
    """Compare with a loop over the lines."""
    spine = recording(folder)
    size = sum(path.stat().st_size for path in (spine, spine.with_suffix(".outline")))
    section(f".spine + .outline, {megabytes(size)}", "a loop over lines")
    compare("reading", lambda: line_by_line(spine), lambda: load_tracks(spine), 7, goal=0.3)
    prepare = "from taggingbackends.data import choreography, load_tracks"
    work = f"recording = load_tracks({str(spine)!r})\nresult = len(recording)"
    peak, _ = peak_memory(prepare, work)
    section(f".spine + .outline, {megabytes(size)}", "the files")
    record("peak memory", [(size, peak)], 2.5, megabytes)


def fimtrack(folder: Path) -> None:
    """Compare with `pandas.read_csv`, which reads the cells of all features."""
    if pandas is None:
        skip("FIMTrack: its baseline needs pandas (pip install pandas)")
        return
    table = fimtrack_table(folder / "table.csv")
    few = fimtrack_table(folder / "few.csv", larvae=2)
    section("FIMTrack", "pandas.read_csv")
    for case, path in (("20 larvae", table), ("2 larvae", few)):
        compare(
            f"{case}, 3,000 frames, {megabytes(path.stat().st_size)}",
            partial(pandas.read_csv, path),
            partial(load_tracks, path, pixelsize=73),
            goal=1.5,
        )
    section("FIMTrack, peak memory", "the arrays")
    memory_of_arrays("fimtrack", "20 larvae", table, pixelsize=73)
    for left_out in ("spine", "outline"):
        memory_of_arrays(
            "fimtrack", f"20 larvae, {left_out}=False", table, pixelsize=73, **{left_out: False}
        )


def trx(folder: Path) -> None:
    """Compare with h5py reading the same arrays."""
    files = {
        "20 larvae, 1,000 frames, gzip": trxmat(folder / "trx.mat"),
        "NaN as 87 % of the contours, gzip": trxmat(
            folder / "padded.mat", larvae=5, points=(50, 80), padded=500
        ),
        "one larva, 300,000 frames, not compressed": trxmat(
            folder / "long.mat", 1, 300_000, points=(22, 22), padded=22, compression=None
        ),
    }
    section("trx.mat", "h5py")
    for case, path in files.items():
        compare(case, partial(raw, path), partial(load_tracks, path), goal=1.4)
    section("trx.mat, peak memory", "the arrays")
    for case, path in files.items():
        memory_of_arrays("trxmat", case, path)
        for left_out in ("spine", "outline"):
            memory_of_arrays("trxmat", f"{case}, {left_out}=False", path, **{left_out: False})


def memory_of_arrays(format: str, case: str, path: Path, **options: Any) -> None:
    """Measure the peak memory of loading a recording."""
    prepare = f"from taggingbackends.data import {format}, load_tracks"
    work = f"""
recording = load_tracks({str(path)!r}, **{options!r})
result = sum(
    array.nbytes
    for track in recording.values()
    for array in (
        track.times,
        track.spine,
        track.outline,
        track.outline_offsets,
        *track.indicators.values(),
    )
    if array is not None
)
"""
    peak, arrays = peak_memory(prepare, work)
    record(case, [(arrays, peak)], PARTS if False in options.values() else MEMORY, megabytes)


def by_hand(labels: Labels, like: Path, target: Path) -> None:
    """Copy a trx.mat and overwrite its indicators, as a simple script would."""
    shutil.copy(like, target)
    (larvae,) = labels.values()
    with h5py.File(target, "r+") as file:
        trx = file["trx"]
        numbers = [int(file[ref][()].item()) for ref in trx["numero_larva_num"][0]]
        for name in larvae.names:
            for number, ref in zip(numbers, trx[name][0], strict=True):
                on = np.array([state == name for state in larvae.states])
                file[ref][...] = np.where(on[larvae[number].codes], 1.0, -1.0)


def export(folder: Path) -> None:
    """Compare the export of labels with a copy of the file, and with a simple script."""
    target = folder / "target.mat"
    for larvae, padded in ((20, 100), (400, 22)):
        like = trxmat(folder / "like.mat", larvae, points=(22, 22), padded=padded, compression=None)
        labels = load_tracks(like, spine=False, outline=False).labels()
        case = f"{larvae} larvae, {megabytes(like.stat().st_size)}"
        ours = partial(export_trx, labels, like, target, force=True)
        section("labels export --to trx", "shutil.copy")
        compare(case, partial(shutil.copy, like, target), ours)
        section("labels export --to trx", "a script with h5py")
        compare(case, partial(by_hand, labels, like, target), ours, goal=2.0)
    prepare = f"""
from taggingbackends import Labels
from taggingbackends.data import export_trx, load_tracks
labels = load_tracks({str(like)!r}, spine=False, outline=False).labels()
"""
    work = f"result = export_trx(labels, {str(like)!r}, {str(target)!r}, force=True).frames"
    peak, frames = peak_memory(prepare, work)
    fact(f"{larvae} larvae, peak memory", f"{peak / frames:.0f} bytes per frame")
