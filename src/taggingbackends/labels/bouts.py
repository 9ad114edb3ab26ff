"""Bouts: consecutive frames of a larva with the same label."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from io import StringIO

import numpy as np
from numpy.typing import NDArray

from taggingbackends.labels.labels import Labels
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.stretches import columns_of, find_stretches

__all__ = ["Bouts", "bouts_csv", "find_bouts"]


@dataclass(frozen=True, eq=False)
class Bouts:
    """The bouts of a run, as columns.

    A bout is a longest series of consecutive frames of a larva that have a label. Other labels of
    these frames do not matter, so bouts of different labels may overlap. A gap ends a bout.
    Undefined frames are in no bout.

    Bouts are sorted by larva (in the order of the run), then by first frame.

    Attributes
    ----------
    names : list of str
        Primary names, then secondary names.
    larvae : (n,) int64 array
        Larva identifiers.
    labels : (n,) int64 array
        0-based indices into `names`.
    first_frames : (n,) int64 array
        0-based index of the first frame in the track.
    frames : (n,) int64 array
        Number of frames.
    start, last : (n,) float64 array
        Times of the first and the last frame, s.
    stop : (n,) float64 array
        End of the last frame, s. A frame lasts until the larva's next frame. At a gap, and at the
        end of the track, it lasts for the median frame interval of the run's tracks, but not
        beyond the larva's next frame.
    """

    names: list[str]
    larvae: NDArray[np.int64]
    labels: NDArray[np.int64]
    first_frames: NDArray[np.int64]
    frames: NDArray[np.int64]
    start: NDArray[np.float64]
    last: NDArray[np.float64]
    stop: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.larvae)

    @property
    def durations(self) -> NDArray[np.float64]:
        """(n,) float64 array: ``stop - start``, s."""
        return self.stop - self.start


def find_bouts(run: RunLabels, max_gap: float | None = None) -> Bouts:
    """Find the bouts of all labels of a run.

    Parameters
    ----------
    run : RunLabels
        The labels.
    max_gap : float, optional
        Longest step between successive frames of a bout, s. By default the longer of 1 s and
        5 median frame intervals of the run's tracks.

    Returns
    -------
    Bouts

    Raises
    ------
    ValueError
        `max_gap` is not above 0.
    """
    tracks, times, codes = columns_of(run)
    names = run.names + run.secondary_names
    stretches = find_stretches(tracks, times, max_gap)
    # edge[i]: frames i - 1 and i are in different stretches
    edge = np.ones(len(codes) + 1, dtype=bool)
    edge[1:-1] = stretches.numbers[1:] != stretches.numbers[:-1]
    found = []
    for label, name in enumerate(names):
        has = np.array([name in labels_of(state) for state in run.states])[codes]
        padded = np.concatenate([[False], has, [False]])
        first = np.flatnonzero(padded[1:] & (edge | ~padded[:-1]))
        last = np.flatnonzero(padded[:-1] & (edge | ~padded[1:])) - 1
        found.append((np.full(len(first), label, dtype=np.int64), first, last))
    columns = [np.concatenate(column) for column in zip(*found, strict=True)] if found else []
    labels, first, last = columns or [np.empty(0, dtype=np.int64)] * 3
    order = np.lexsort((labels, first))
    labels, first, last = labels[order], first[order], last[order]
    return Bouts(
        names=names,
        larvae=np.array(list(run), dtype=np.int64)[tracks[first]],
        labels=labels,
        first_frames=first - np.searchsorted(tracks, tracks[first]),
        frames=last - first + 1,
        start=times[first],
        last=times[last],
        stop=stretches.ends[last],
    )


def bouts_csv(labels: Labels, max_gap: float | None = None) -> str:
    """Return the bouts of all runs as CSV.

    The columns are run, larva, label, start, stop, duration and frames. Times are in s, rounded to
    ms. For `max_gap`, see `find_bouts`.
    """
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("run", "larva", "label", "start", "stop", "duration", "frames"))
    for run in labels.values():
        bouts = find_bouts(run, max_gap)
        start, stop = np.round(bouts.start, 3), np.round(bouts.stop, 3)
        times = ([f"{x:.3f}" for x in column] for column in (start, stop, stop - start))
        names = [bouts.names[label] for label in bouts.labels]
        rows = zip(bouts.larvae, names, *times, bouts.frames, strict=True)
        table.writerows((run.id, *row) for row in rows)
    return text.getvalue()
