"""What is read: made by seeded generators, so that it is the same everywhere."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from taggingbackends import Labels

__all__ = [
    "NAMES",
    "RUN",
    "dumped_file",
    "label_file",
    "named_file",
    "real_label_files",
    "recording",
]

NAMES = ["back", "cast", "hunch", "roll", "run", "small_motion", "stop"]
RUN = "20240611_101500"


def label_file(path: Path, odd: float = 0.0, frames: int = 1_000_000, larvae: int = 400) -> Path:
    """Write a label file of a run.

    Parameters
    ----------
    path : Path
    odd : float
        The share of frames with two labels, or none.
    frames, larvae : int
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


def named_file(path: Path, coded: Path) -> Path:
    """Write a label file whose frames have names in the place of codes."""
    document = json.loads(coded.read_text())
    for track in document["data"]:
        track["labels"] = [NAMES[code - 1] for code in track["labels"]]
    path.write_text(json.dumps(document, separators=(",", ":")))
    return path


def dumped_file(path: Path, written: Path) -> Path:
    """Write a label file with blanks after commas and colons."""
    path.write_text(json.dumps(json.loads(written.read_text())))
    return path


def real_label_files() -> list[Path]:
    """Return real label files, where they are at hand."""
    default = Path(__file__).parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("TAGGINGBACKENDS_RECORDINGS", default))
    return sorted(folder.glob("labels/*/fed.label"))


def recording(folder: Path, larvae: int = 40, frames: int = 600) -> Path:
    """Write a pair of Choreography files; return the .spine."""
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
