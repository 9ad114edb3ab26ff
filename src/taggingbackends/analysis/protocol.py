"""Protocols of experiments: when a stimulus is on."""

from __future__ import annotations

import re
from typing import NamedTuple

from taggingbackends.labels.facts import run_facts
from taggingbackends.labels.runlabels import RunLabels

__all__ = ["Window", "parse_protocol", "stimulus_windows"]

# <start>s<n>x<on>s<off>s after an underscore, e.g. p_8_60s1x30s0s
_NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
_TRAIN = re.compile(rf"(?:.*_)?{_NUMBER}s(\d{{1,9}})x{_NUMBER}s{_NUMBER}s", re.ASCII)

_MOST = 10_000  # pulses; more than any experiment has, few enough to draw


class Window(NamedTuple):
    """An interval in which a stimulus is on: from `start` to `stop`, s."""

    start: float
    stop: float


def stimulus_windows(run: RunLabels) -> list[Window]:
    """Return the stimulus windows of a run.

    The protocol is ``protocol`` in the metadata, else the fifth part of the names of the tracker
    files, ``date_time@genotype@effector@tracker@protocol@...``.

    Parameters
    ----------
    run : RunLabels
        Labels of a run, with metadata or dependencies.

    Returns
    -------
    list of Window
        Sorted, not overlapping. Empty if there is no protocol, or an unknown one.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> labels["run1"].metadata["protocol"] = "p_8_60s1x30s0s#n#n#n"
    >>> stimulus_windows(labels["run1"])
    [Window(start=60.0, stop=90.0)]
    """
    return parse_protocol(run_facts(run).get("protocol", ""))


def parse_protocol(protocol: str) -> list[Window]:
    """Return the stimulus windows of a protocol.

    Parameters
    ----------
    protocol : str
        Trains of pulses separated by ``#``; each is ``n`` (none) or ends in
        ``<start>s<n>x<on>s<off>s``: from `start`, `n` times `on` seconds with and `off` seconds
        without the stimulus. The part before (device and intensity) is ignored.

    Returns
    -------
    list of Window
        Sorted; windows that touch or overlap are joined. Empty if any part is unknown: a picture
        shows the whole stimulus or none of it.

    Examples
    --------
    >>> parse_protocol("p_8_60s1x30s0s#n#n#n")
    [Window(start=60.0, stop=90.0)]
    >>> parse_protocol("r_LED100_30s2x15s30s#n#n#n")
    [Window(start=30.0, stop=45.0), Window(start=75.0, stop=90.0)]
    """
    pulses: list[Window] = []
    for part in protocol.split("#"):
        if part == "n":
            continue
        train = _TRAIN.fullmatch(part)
        if train is None or int(train[2]) + len(pulses) > _MOST:
            return []
        start, on, off = float(train[1]), float(train[3]), float(train[4])
        if on > 0:
            begins = [start + pulse * (on + off) for pulse in range(int(train[2]))]
            pulses += [Window(begin, begin + on) for begin in begins]
    windows: list[Window] = []
    for pulse in sorted(pulses):
        if windows and pulse.start <= windows[-1].stop:
            windows[-1] = Window(windows[-1].start, max(windows[-1].stop, pulse.stop))
        else:
            windows.append(pulse)
    return windows
