"""Tracker files, compared with a loop over the lines, pandas and h5py."""

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

from benchmarks.harness import compare, peak_memory, row
from benchmarks.inputs import fimtrack_table, recording, trxmat
from taggingbackends import Labels
from taggingbackends.data import export_trx, load_tracks


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
    """Print times and the peak memory."""
    choreography(folder)
    print()
    fimtrack(folder)
    print()
    trx(folder)
    print()
    export(folder)


def choreography(folder: Path) -> None:
    """Compare with a loop over the lines."""
    spine = recording(folder)
    size = sum(path.stat().st_size for path in (spine, spine.with_suffix(".outline")))
    row(f".spine + .outline, {size / 1e6:.0f} MB", "of the baseline's time", "ours", "baseline")
    compare("both", lambda: line_by_line(spine), lambda: load_tracks(spine), rounds=7)
    prepare = "from taggingbackends.data import choreography, load_tracks"
    work = f"recording = load_tracks({str(spine)!r})\nresult = len(recording)"
    peak, _ = peak_memory(prepare, work)
    row("\npeak memory", "of the files' size", "peak")
    row("both", f"{peak / size:.2f}", f"{peak / 2**20:.1f} MB")


def fimtrack(folder: Path) -> None:
    """Compare with `pandas.read_csv`, which reads the cells of all features."""
    if pandas is None:
        print("FIMTrack: skipped, because its baseline needs pandas (pip install pandas)")
        return
    table = fimtrack_table(folder / "table.csv")
    few = fimtrack_table(folder / "few.csv", larvae=2)
    row("FIMTrack", "of pandas.read_csv's time", "ours", "pandas")
    for case, path in (("20 larvae", table), ("2 larvae", few)):
        compare(
            f"{case}, 3,000 frames, {path.stat().st_size / 1e6:.1f} MB",
            partial(pandas.read_csv, path),
            partial(load_tracks, path, pixelsize=73),
        )
    row("\npeak memory", "of the arrays returned", "peak")
    memory_of_arrays("fimtrack", "20 larvae", table, pixelsize=73)
    for left_out in ("spine", "outline"):
        memory_of_arrays("fimtrack", f"{left_out}=False", table, pixelsize=73, **{left_out: False})


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
    row("trx.mat", "of h5py's time", "ours", "h5py")
    for case, path in files.items():
        compare(case, partial(raw, path), partial(load_tracks, path))
    row("\npeak memory", "of the arrays returned", "peak")
    for case, path in files.items():
        memory_of_arrays("trxmat", case, path)
        for left_out in ("spine", "outline"):
            memory_of_arrays("trxmat", f"... {left_out}=False", path, **{left_out: False})


def memory_of_arrays(format: str, case: str, path: Path, **options: Any) -> None:
    """Print the peak memory of loading a recording."""
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
    row(case, f"{peak / arrays:.2f}", f"{peak / 2**20:.1f} MB")


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
    row("labels export --to trx", "of the baseline's time", "ours", "baseline")
    target = folder / "target.mat"
    for larvae, padded in ((20, 100), (400, 22)):
        like = trxmat(folder / "like.mat", larvae, points=(22, 22), padded=padded, compression=None)
        labels = load_tracks(like, spine=False, outline=False).labels()
        case = f"{larvae} larvae, {like.stat().st_size / 1e6:.0f} MB"
        ours = partial(export_trx, labels, like, target, force=True)
        compare(f"{case}, shutil.copy", partial(shutil.copy, like, target), ours)
        compare(f"{case}, h5py", partial(by_hand, labels, like, target), ours)
    prepare = f"""
from taggingbackends import Labels
from taggingbackends.data import export_trx, load_tracks
labels = load_tracks({str(like)!r}, spine=False, outline=False).labels()
"""
    work = f"result = export_trx(labels, {str(like)!r}, {str(target)!r}, force=True).frames"
    peak, frames = peak_memory(prepare, work)
    row("\npeak memory", "bytes per frame", "peak")
    row(f"{larvae} larvae, 1,000 frames", f"{peak / frames:.1f}", f"{peak / 2**20:.1f} MB")
