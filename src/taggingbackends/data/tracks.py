"""Recordings of tracked larvae, whatever tracker made them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taggingbackends.labels.labels import Labels
from taggingbackends.system.messages import counted

__all__ = ["Recording", "Track"]


@dataclass(frozen=True)
class Track:
    """The shape of one larva over time.

    Attributes
    ----------
    times : (n,) float64 array
        Seconds, strictly increasing.
    spine : (n, points, 2) float64 array or None
        Midline, in mm, points in the order of the file; None if not loaded.
    outline : (total points, 2) float64 array or None
        The contours of all frames, one after the other, in mm; None if not loaded.
    outline_offsets : (n + 1,) int64 array or None
        The contour of frame i is ``outline[outline_offsets[i]:outline_offsets[i + 1]]``.
    indicators : dict of str to (n,) array
        Per-frame indicators of actions, in the formats that carry them.
    """

    times: NDArray[np.float64]
    spine: NDArray[np.float64] | None = None
    outline: NDArray[np.float64] | None = None
    outline_offsets: NDArray[np.int64] | None = None
    indicators: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, eq=False)
class Recording(Mapping[int, Track]):
    """The larvae of one run: larva identifier -> `Track`.

    Attributes
    ----------
    run : str
        The run's identifier, typically ``date_time``.
    tracks : dict
        Larva identifier -> Track, in the order of the file.
    metadata : dict
        What the file or its name says about the recording.
    format : str
        The name of the format.
    sources : tuple of Path
        The files read.
    """

    run: str
    tracks: dict[int, Track]
    metadata: dict[str, Any]
    format: str
    sources: tuple[Path, ...]
    own_labels: Labels = field(default_factory=Labels, repr=False)

    def labels(self) -> Labels:
        """Return the labels that the loaded file itself carries; empty if it carries none."""
        return self.own_labels

    def __getitem__(self, larva: int) -> Track:
        return self.tracks[larva]

    def __iter__(self) -> Iterator[int]:
        return iter(self.tracks)

    def __len__(self) -> int:
        return len(self.tracks)

    def __repr__(self) -> str:
        larvae = counted(len(self), "larva", "larvae")
        frames = counted(sum(map(len, self.tracks.values())), "frame")
        return f"<Recording {self.run} ({self.format}): {larvae}, {frames}>"
