"""Bouts: consecutive frames of a larva with the same label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.stretches import Spans, find_spans, label_pairs

__all__ = ["Bouts", "bouts_of_spans", "find_bouts"]


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

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> from taggingbackends.labels import find_bouts
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> bouts = find_bouts(labels["run1"])
    >>> runs = bouts.labels == bouts.names.index("run")
    >>> bouts.durations[runs].sum().round(3).item()
    0.3
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
    LabelFileError
        ``bad-time``: a time is so large that no double holds it in milliseconds.
    ValueError
        `max_gap` is not above 0.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> bouts = find_bouts(labels["run1"])
    >>> len(bouts)
    3
    >>> [bouts.names[code] for code in bouts.labels]
    ['run', 'cast', 'run']
    >>> bouts.durations.round(3).tolist()
    [0.2, 0.1, 0.1]
    """
    bouts, _ = bouts_of_spans(run, find_spans(run, max_gap))
    return bouts


def bouts_of_spans(run: RunLabels, spans: Spans) -> tuple[Bouts, NDArray[np.int64]]:
    """Return the bouts that all spans of a run consist of, and the 0-based index of their larva."""
    places, labels = label_pairs(run, spans.states)
    order = np.argsort(labels, kind="stable")  # by label, then by span
    places, labels = places[order], labels[order]
    goes_on = (labels[1:] == labels[:-1]) & (places[1:] == places[:-1] + 1)
    goes_on &= spans.stretches[places[1:]] == spans.stretches[places[:-1]]
    edges = np.flatnonzero(np.concatenate([[True], ~goes_on, [True]])) if len(places) else [0]
    first, last = places[edges[:-1]], places[np.array(edges[1:], dtype=np.intp) - 1]
    labels = labels[edges[:-1]]
    order = np.lexsort((labels, first))
    first, last, labels = first[order], last[order], labels[order]
    ends = np.cumsum(spans.frames)  # in the frames of all tracks
    begins = ends - spans.frames
    sizes = np.array([len(track) for track in run.values()], dtype=np.int64)
    tracks = spans.tracks[first]
    bouts = Bouts(
        names=run.names + run.secondary_names,
        larvae=np.array(list(run), dtype=np.int64)[tracks],
        labels=labels,
        first_frames=begins[first] - (np.cumsum(sizes) - sizes)[tracks],
        frames=ends[last] - begins[first],
        start=spans.start[first],
        last=spans.last[last],
        stop=spans.stop[last],
    )
    return bouts, tracks
