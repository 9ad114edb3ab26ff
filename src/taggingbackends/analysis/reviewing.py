"""Review: the bouts in which the labels of a model are most likely wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taggingbackends.labels import Labels
from taggingbackends.labels.bouts import find_bouts
from taggingbackends.labels.confidence import known_confidence, second_codes
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.stretches import columns_of, find_stretches
from taggingbackends.system.csvtext import text_cell

__all__ = ["Review", "UnsureBout", "review", "review_csv"]


@dataclass(frozen=True)
class UnsureBout:
    """A bout of a primary label, with the confidence of its frames.

    Only the frames count that have a confidence and that nobody edited.

    Attributes
    ----------
    run : str
        Run identifier.
    larva : int
        Larva identifier.
    label : str
        The label.
    start, stop : float
        Time of the first frame, and end of the last one, s.
    confidence : float
        Mean over the frames.
    second : str
        The second choice that the model makes for the longest time; "" if it makes none.
    doubt : float
        Sum over the frames of (1 - confidence) times duration, s. This is how much of the bout is
        expected to be wrong, if confidence is the share of the frames that are right.
    """

    run: str
    larva: int
    label: str
    start: float
    stop: float
    confidence: float
    second: str
    doubt: float


@dataclass(frozen=True)
class Review:
    """The bouts of a model's labels, those with the largest doubt first.

    Attributes
    ----------
    bouts : list of UnsureBout
        The bouts that have a frame with a confidence.
    others : int
        Number of bouts without: of edited frames, and of frames without a confidence.
    """

    bouts: list[UnsureBout]
    others: int


def review(labels: Labels, max_gap: float | None = None) -> Review | None:
    """List the bouts to look at first: the longest ones of which the model is least sure.

    Parameters
    ----------
    labels : Labels
        Labels with a confidence.
    max_gap : float, optional
        Longest step between successive frames of a bout, s. By default the longer of 1 s and
        5 median frame intervals of the run's tracks.

    Returns
    -------
    Review or None
        None if no frame has a confidence, edited or not.

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
    >>> labels.set("run1", 7, [0.0, 0.1], ["run", "cast"], [0.9, 0.6], [(), "run"])
    >>> bout = review(labels).bouts[0]
    >>> bout.label, bout.second, round(bout.doubt, 3)
    ('cast', 'run', 0.04)
    """
    found = [_of_run(run, max_gap) for run in labels.values()]
    tracks = (track.confidence for run in labels.values() for track in run.values())
    if all(column is None or np.isnan(column).all() for column in tracks):
        return None
    bouts = [bout for of_run, _ in found for bout in of_run]
    bouts.sort(key=lambda bout: -bout.doubt)  # a stable sort
    return Review(bouts, sum(others for _, others in found))


def _of_run(run: RunLabels, max_gap: float | None) -> tuple[list[UnsureBout], int]:
    """Return the bouts of a run that have a confidence, and the number of the others."""
    found = find_bouts(run, max_gap)
    primary = found.labels < len(run.names)
    frames, larvae, labels = found.frames[primary], found.larvae[primary], found.labels[primary]
    n = len(frames)
    # the frames of each bout, which may overlap, among those of all tracks
    sizes = [len(track) for track in run.values()]
    begins = dict(zip(run, np.cumsum(sizes) - sizes, strict=True))
    first = found.first_frames[primary] + np.array([begins[larva] for larva in larvae.tolist()])
    bout = np.repeat(np.arange(n), frames)
    frame = np.arange(len(bout)) + np.repeat(first - np.cumsum(frames) + frames, frames)
    frame = frame.astype(np.int64)
    confidence = known_confidence(run)[frame]
    known = np.flatnonzero(~np.isnan(confidence))
    bout, frame, confidence = bout[known], frame[known], confidence[known]
    tracks, times, _ = columns_of(run)
    seconds = (find_stretches(tracks, times, max_gap).ends - times)[frame]
    counts = np.bincount(bout, minlength=n)
    mean = np.bincount(bout, confidence, minlength=n) / counts.clip(min=1)
    doubt = np.bincount(bout, (1 - confidence) * seconds, minlength=n)
    second = _longest(bout, second_codes(run)[frame], seconds, n)
    starts, stops = found.start[primary], found.stop[primary]
    bouts = [
        UnsureBout(
            run=run.id,
            larva=int(larvae[i]),
            label=found.names[labels[i]],
            start=float(starts[i]),
            stop=float(stops[i]),
            confidence=float(mean[i]),
            second="".join(run._table.states[second[i]]),
            doubt=float(doubt[i]),
        )
        for i in np.flatnonzero(counts).tolist()
    ]
    return bouts, n - len(bouts)


def _longest(
    bouts: NDArray[np.int64], codes: NDArray[np.int32], seconds: NDArray[np.float64], n: int
) -> NDArray[np.int64]:
    """Return, for each of n bouts, the code above 0 that lasts longest; 0 if there is none."""
    chosen = codes > 0
    number = int(codes.max(initial=0)) + 1
    pairs, places = np.unique(bouts[chosen] * number + codes[chosen], return_inverse=True)
    time = np.bincount(places, seconds[chosen], minlength=len(pairs))
    order = np.lexsort((pairs, -time, pairs // number))  # by bout, the longest first
    of_bout, first = np.unique(pairs[order] // number, return_index=True)
    longest = np.zeros(n, dtype=np.int64)
    longest[of_bout] = pairs[order][first] % number
    return longest


def review_csv(bouts: Iterable[tuple[str, UnsureBout]]) -> str:
    """Return bouts, each with the name of its file, as CSV.

    Times are in s, rounded to ms. For texts, see `text_cell`.
    """
    lines = ["file,run,larva,label,start,stop,confidence,second,doubt"]
    for file, x in bouts:
        texts = map(text_cell, (file, x.run, x.label, x.second))
        name, run, label, second = texts
        lines.append(
            f"{name},{run},{x.larva},{label},{x.start:.3f},{x.stop:.3f},{x.confidence:.3f},"
            f"{second},{x.doubt:.3f}"
        )
    return "\n".join([*lines, ""])
