"""What statistics of groups were asked for, and what they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from taggingbackends.analysis.protocol import Window

__all__ = ["Design"]


@dataclass(frozen=True)
class Design:
    """What statistics of groups were asked for, and what they are made of. Times are in s.

    Attributes
    ----------
    by : tuple of str
        What recordings are grouped by.
    groups : tuple of str
        The groups, the control first.
    control : str or None
        The group with which the others are compared; None: all pairs are compared.
    unit : str
        ``"larva"`` or ``"recording"``: what is independent.
    labels : tuple of str
        The labels.
    window : Window or None
        The window that was asked for; None: the first stimulus window of each recording.
    windows : dict of str to tuple of Window
        Group -> its windows; several if protocols differ. Without a window, empty tuples: whole
        recordings count, and there are no responses.
    before : Window or None
        Larvae with the label in it do not count for the responses.
    stimulus : dict of str to tuple of Window
        Group -> all stimulus windows of its protocols, sorted.
    bin : float
        Width of the time bins, s.
    min_tracked : float
        Share of the window in which a larva is tracked, at least, to count.
    max_gap : float or None
        Longest step within a stretch; None: the longer of 1 s and 5 median frame intervals.
    seed : int
        Of the random numbers.
    files, recordings, larvae, frames : int
        What was read and is in a group.
    counted : int
        Larvae that are tracked for long enough in the window.
    left_out : tuple of str
        Recordings that are in no group.
    without_window : tuple of str
        Recordings that only count over time, since they have no stimulus window and others do.
    families : dict of str to int
        Measure -> its number of tests, over which p-values are corrected.
    replicates, permutations : int
        Numbers of the bootstrap, and of random permutations of recordings.
    """

    by: tuple[str, ...]
    groups: tuple[str, ...]
    control: str | None
    unit: str
    labels: tuple[str, ...]
    window: Window | None
    windows: Mapping[str, tuple[Window, ...]]
    before: Window | None
    stimulus: Mapping[str, tuple[Window, ...]]
    bin: float
    min_tracked: float
    max_gap: float | None
    seed: int
    files: int
    recordings: int
    larvae: int
    frames: int
    counted: int
    left_out: tuple[str, ...]
    without_window: tuple[str, ...]
    families: Mapping[str, int]
    replicates: int
    permutations: int

    @property
    def has_responses(self) -> bool:
        """Whether there is a window in which larvae respond."""
        return any(self.windows.values())
