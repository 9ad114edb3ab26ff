"""Confidence and second choices of a run: of its frames, and by label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from taggingbackends.labels.origin import EDITED
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.stretches import label_pairs

__all__ = ["edited_states", "known_confidence", "mean_confidence", "second_codes"]


def known_confidence(run: RunLabels) -> NDArray[np.float64]:
    """Return the confidence of the frames of all tracks, concatenated.

    It is NaN if it is unknown, and in frames with the label "edited": they are no longer as the
    model predicted them.
    """
    columns = [np.empty(0)]
    edited = edited_states(run)
    for track in run.values():
        if track.confidence is None:
            columns.append(np.full(len(track), np.nan))
        else:
            columns.append(np.where(edited[track.codes], np.nan, track.confidence))
    return np.concatenate(columns)


def second_codes(run: RunLabels) -> NDArray[np.int32]:
    """Return the number of each frame's second choice, of all tracks, concatenated; 0: none."""
    columns = [np.empty(0, np.int32)]
    for track in run.values():
        second = track.second_codes
        columns.append(np.zeros(len(track), np.int32) if second is None else second)
    return np.concatenate(columns)


def edited_states(run: RunLabels) -> NDArray[np.bool_]:
    """Return which states of a run, by number, have the label "edited"."""
    return np.array([EDITED in labels_of(state) for state in run._table.states])


def mean_confidence(run: RunLabels) -> dict[str, tuple[float, int]]:
    """Return the mean confidence of each label, and the number of frames that have a confidence.

    Labels without such frames are left out. A frame counts for each of its labels.
    """
    confidence = known_confidence(run)
    known = np.flatnonzero(~np.isnan(confidence))
    codes = np.concatenate([np.empty(0, np.int32), *(track.codes for track in run.values())])[known]
    n = len(run._table.states)
    # by state first: there are fewer states than frames
    frames = np.bincount(codes, minlength=n)
    sums = np.bincount(codes, confidence[known], minlength=n)
    states, labels = label_pairs(run, np.flatnonzero(frames))
    used = np.flatnonzero(frames)[states]
    names = run.names + run.secondary_names
    of_label = np.bincount(labels, frames[used], minlength=len(names))
    sum_of_label = np.bincount(labels, sums[used], minlength=len(names))
    return {
        name: (float(total / count), int(count))
        for name, count, total in zip(names, of_label, sum_of_label, strict=True)
        if count
    }
