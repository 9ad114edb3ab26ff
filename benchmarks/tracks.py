"""Tracker files: beside a loop over the lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import compare, peak_memory, row
from benchmarks.inputs import recording
from taggingbackends.data import load_tracks


def line_by_line(spine: Path) -> dict[int, list[Any]]:
    """Read larva -> times, spine, outline, and the outlines' offsets."""
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


def run(folder: Path) -> None:
    """Print times, and the peak memory."""
    spine = recording(folder)
    size = sum(path.stat().st_size for path in (spine, spine.with_suffix(".outline")))
    row(f".spine + .outline, {size / 1e6:.0f} MB", "of the baseline's time", "ours", "baseline")
    compare("both", lambda: line_by_line(spine), lambda: load_tracks(spine), rounds=7)
    prepare = "from taggingbackends.data import choreography, load_tracks"
    work = f"recording = load_tracks({str(spine)!r})\nresult = len(recording)"
    peak, _ = peak_memory(prepare, work)
    row("\npeak memory", "of the files' size", "peak")
    row("both", f"{peak / size:.2f}", f"{peak / 2**20:.1f} MB")
