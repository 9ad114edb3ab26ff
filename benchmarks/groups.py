"""Statistics of 1000 recordings, compared with reading the same label files."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.harness import peak_memory, row
from taggingbackends import iter_labels
from taggingbackends.analysis import statistics
from taggingbackends.simulation import simulate_labels

RECORDINGS, LARVAE, FRAMES = 1000, 30, 3000
DISTINCT = 20  # the others have the same larvae under another identifier
FRAMERATE = 25.0


def write(folder: Path) -> None:
    """Write the label files of recordings of two genotypes."""
    for at in range(DISTINCT):
        labels = simulate_labels(
            "run-0",
            LARVAE,
            FRAMES / FRAMERATE / 0.9,  # larvae are tracked for 90 % of it, in the mean
            at,
            genotype="ab"[at % 2],
            response=(0.4, 0.5)[at % 2],
            framerate=FRAMERATE,
        )
        labels.write(folder / "one.label")
        content = (folder / "one.label").read_bytes()
        for other in range(at, RECORDINGS, DISTINCT):
            (folder / str(other)).mkdir(parents=True)
            target = folder / str(other) / "predicted.label"
            target.write_bytes(content.replace(b"run-0", b"run-%d" % other, 1))
    (folder / "one.label").unlink()


def read(files: list[Path]) -> int:
    """Read label files one by one."""
    return sum(len(labels) for labels in iter_labels(files))


def _processor_time(work: Callable[[], object]) -> float:
    """Return the processor time of a call, s; in a run this long, others disturb the clock's."""
    start = time.process_time()
    work()
    return time.process_time() - start


def run(folder: Path) -> None:
    """Print processor times and peak memory, for a quarter of the recordings and for all."""
    folder = folder / "groups"
    folder.mkdir()
    write(folder)
    row("", "of the baseline's time", "ours", "baseline")
    times = {}
    statistics(folder / "0", ())  # imports scipy and pandas
    for n in (RECORDINGS // 4, RECORDINGS):
        files = [folder / str(at) / "predicted.label" for at in range(n)]
        million = n * LARVAE * FRAMES / 1e6
        reading = _processor_time(partial(read, files))
        for unit in ("larva", "recording"):
            ours = _processor_time(partial(statistics, files, control="a", unit=unit))
            case = f"{n} recordings, {million:.1f} M frames, unit {unit}"
            row(case, f"{ours / reading:.2f}", f"{ours:.1f} s", f"{reading:.1f} s")
            times[n, unit] = ours
    row("\n4 times the recordings", "of the time")
    for unit in ("larva", "recording"):
        row(f"unit {unit}", f"{times[RECORDINGS, unit] / times[RECORDINGS // 4, unit]:.2f}")
    row("\npeak memory", "", "MB")
    for unit in ("larva", "recording"):
        peak, _ = peak_memory(
            "from taggingbackends.analysis import statistics",
            f"result = statistics({str(folder)!r}, control='a', unit={unit!r}).design.frames",
        )
        row(f"{RECORDINGS} recordings, unit {unit}", "", f"{peak / 2**20:.0f}")
