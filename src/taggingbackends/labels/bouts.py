"""Bouts: what a larva does from one frame to another."""

from __future__ import annotations

import csv
from io import StringIO
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taggingbackends.labels.labels import Labels
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.stretches import columns_of

__all__ = ["Bouts", "bouts_csv", "find_bouts"]


class Bouts(NamedTuple):
    """The bouts of a run, column by column: by larva as in the run, then by first frame.

    A bout of a label is as many consecutive frames of a track as have it, whatever other labels
    they have; so bouts of different labels may overlap. Undefined frames are in no bout.

    Attributes
    ----------
    names : list of str
        Primary names, then secondary names.
    larvae : (n,) int64 array
        Larva identifiers.
    labels : (n,) int64 array
        0-based indices into `names`.
    first, last : (n,) int64 array
        The first and the last frame, 0-based in the track.
    start, stop : (n,) float64 array
        Their times, s. Both frames are in the bout: that of one frame stops when it starts.
    """

    names: list[str]
    larvae: NDArray[np.int64]
    labels: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.larvae)


def find_bouts(run: RunLabels) -> Bouts:
    """Find the bouts of all labels of a run."""
    names = run.names + run.secondary_names
    tracks, times, codes = columns_of(run)
    # edge[i]: frame i is not of the track of frame i - 1
    edge = np.ones(len(codes) + 1, dtype=bool)
    edge[1:-1] = tracks[1:] != tracks[:-1]
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
    larvae = np.array(list(run), dtype=np.int64)[tracks[first]]
    begins = np.searchsorted(tracks, tracks[first])
    return Bouts(names, larvae, labels, first - begins, last - begins, times[first], times[last])


def bouts_csv(labels: Labels) -> str:
    """Return the bouts of all runs as CSV: run, larva, label, start, stop (s), frames."""
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("run", "larva", "label", "start", "stop", "frames"))
    for run in labels.values():
        bouts = find_bouts(run)
        table.writerows(
            (run.id, larva, bouts.names[label], f"{start:.3f}", f"{stop:.3f}", last - first + 1)
            for larva, label, first, last, start, stop in zip(*bouts[1:], strict=True)
        )
    return text.getvalue()
