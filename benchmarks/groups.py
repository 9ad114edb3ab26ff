"""Statistics of 1000 recordings, compared with reading the same label files.

One recording is in memory at a time. What is kept of it are 4 bytes for each larva, label and time
bin; by recording, for each label and bin.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.harness import megabytes, peak_memory, record, section
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
    """Measure processor times and peak memory, for a quarter of the recordings and for all."""
    folder = folder / "groups"
    folder.mkdir()
    write(folder)
    section("processor time", "reading")
    times = {}
    statistics(folder / "0", ())  # imports scipy and pandas
    for n in (RECORDINGS // 4, RECORDINGS):
        files = [folder / str(at) / "predicted.label" for at in range(n)]
        million = n * LARVAE * FRAMES / 1e6
        for unit in ("larva", "recording"):
            ours = partial(statistics, files, control="a", unit=unit)
            pairs = [
                (_processor_time(partial(read, files)), _processor_time(ours))
                for _ in range(RECORDINGS // n)
            ]
            record(f"{n} recordings, {million:.1f} M frames, unit {unit}", pairs, 4.0)
            times[n, unit] = median(time for _, time in pairs)
    section("4 times the recordings", "once")
    for unit in ("larva", "recording"):
        record(f"unit {unit}", [(times[RECORDINGS // 4, unit], times[RECORDINGS, unit])], 5.0)
    section(f"peak memory of {RECORDINGS} recordings", "limit")
    for unit, limit in (("larva", 600e6), ("recording", 300e6)):
        peak, _ = peak_memory(
            "from taggingbackends.analysis import statistics",
            f"result = statistics({str(folder)!r}, control='a', unit={unit!r}).design.frames",
        )
        record(f"unit {unit}", [(limit, peak)], 1.0, megabytes)
