"""Overview of label files by run: larvae, frames, duration and frames per label."""

from __future__ import annotations

from dataclasses import dataclass

from taggingbackends.labels import Labels
from taggingbackends.labels.confidence import mean_confidence
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.stretches import columns_of

__all__ = ["RunOverview", "overview"]


@dataclass(frozen=True)
class RunOverview:
    """Overview of the labels of a run.

    Attributes
    ----------
    run : str
        Run identifier.
    larvae, frames : int
        Numbers of larvae and frames.
    start, stop : float or None
        First and last time of any larva, s; None without frames.
    labels : dict of str to int
        Frames of each label that occurs. A frame counts for each of its labels.
    undefined : int
        Frames without a label.
    secondary : list of str
        The secondary labels among `labels`.
    confidence : dict of str to float
        Mean confidence of each label, over the frames that have one and that nobody edited.
    rated : dict of str to int
        Number of these frames, for the labels in `confidence`.
    """

    run: str
    larvae: int
    frames: int
    start: float | None
    stop: float | None
    labels: dict[str, int]
    undefined: int
    secondary: list[str]
    confidence: dict[str, float]
    rated: dict[str, int]

    @property
    def duration(self) -> float:
        """Seconds from the first to the last time; 0 without frames."""
        return 0.0 if self.start is None or self.stop is None else self.stop - self.start


def overview(labels: Labels) -> list[RunOverview]:
    """Count larvae, frames and labels of each run.

    Raises
    ------
    LabelFileError
        ``bad-time``: a time is so large that no double holds it in milliseconds.
    """
    return [_of_run(run) for run in labels.values()]


def _of_run(run: RunLabels) -> RunOverview:
    counts = run.count()
    undefined = counts.pop("", 0)
    _, times, _ = columns_of(run)
    confidence = mean_confidence(run)
    return RunOverview(
        run=run.id,
        larvae=len(run),
        frames=len(times),
        start=float(times.min()) if len(times) else None,
        stop=float(times.max()) if len(times) else None,
        labels=counts,
        undefined=undefined,
        secondary=[name for name in run.secondary_names if name in counts],
        confidence={name: mean for name, (mean, _) in confidence.items()},
        rated={name: frames for name, (_, frames) in confidence.items()},
    )
