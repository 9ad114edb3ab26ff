"""Events of BORIS, an event-logging program (https://www.boris.unito.it)."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from taggingbackends.labels.bouts import find_bouts
from taggingbackends.labels.facts import run_facts
from taggingbackends.labels.labels import Labels
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.stretches import columns_of, find_stretches
from taggingbackends.system.csvtext import text_cell

__all__ = ["COLUMNS", "export_boris"]

COLUMNS = (
    "Observation id",
    "Observation date",
    "Description",
    "Observation duration",
    "Observation type",
    "Source",
    "Time offset (s)",
    "Media duration (s)",
    "FPS",
    "Subject",
    "Behavior",
    "Behavioral category",
    "Behavior type",
    "Time",
    "Media file name",
    "Image index",
    "Image file path",
    "Comment",
    "Code",
    "Modifier",
)
"""The columns of BORIS's tabular events (of versions 8.27.4 and 10.0.2, which are the same), and
Code and Modifier: BORIS imports a spreadsheet with the columns Time, Subject, Code, Modifier and
Comment."""

_UNKNOWN = "NA"  # as BORIS writes it


def export_boris(labels: Labels, max_gap: float | None = None) -> str:
    """Return bouts as the CSV table of events that BORIS exports (*Tabular events*).

    A run is an observation, a larva is the subject ``larva 12``, and a label is a behaviour. Each
    bout is a state event: a row START at its start, and a row STOP at its stop. Undefined frames
    have no event.

    Parameters
    ----------
    labels : Labels
        The labels.
    max_gap : float, optional
        Seconds, see `find_bouts`.

    Returns
    -------
    str
        The rows of each run are sorted by time. Of those of a time, STOP precedes START. Times are
        in s, rounded to ms.

    Raises
    ------
    LabelFileError
        ``bad-time``: a time is so large that no double holds it in milliseconds.
    ValueError
        `max_gap` is not above 0.

    See Also
    --------
    import_events : Read such a table.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> rows = export_boris(labels).splitlines()
    >>> for row in rows[:3]:
    ...     print(*(row.split(",")[n] for n in (9, 10, 12)))
    Subject Behavior Behavior type
    larva 7 run START
    larva 7 run STOP
    """
    lines = [",".join(COLUMNS)]
    for run in labels.values():
        lines += _rows(run, max_gap)
    return "\n".join([*lines, ""])


def _rows(run: RunLabels, max_gap: float | None) -> list[str]:
    bouts = find_bouts(run, max_gap)
    names = [text_cell(name) for name in bouts.names]
    before = _of_observation(run, max_gap)
    times = np.round(np.concatenate([bouts.stop, bouts.start]), 3)
    n = len(bouts)
    rows = []
    for place in np.argsort(times, kind="stable").tolist():
        bout = place % n
        name = names[bouts.labels[bout]]
        type = "STOP" if place < n else "START"
        time = f"{times[place]:.3f}"
        rows.append(f"{before},larva {bouts.larvae[bout]},{name},,{type},{time},NA,NA,NA,,{name},")
    return rows


def _of_observation(run: RunLabels, max_gap: float | None) -> str:
    """Return the cells of a run, which are the same in all its rows."""
    tracks, times, _ = columns_of(run)
    stretches = find_stretches(tracks, times, max_gap)
    duration, rate = _UNKNOWN, _UNKNOWN
    if len(times):
        duration = f"{stretches.ends.max() - times.min():.3f}"
        if max(map(len, run.values())) > 1:
            rate = f"{1 / stretches.interval:.3f}"
    files = [str(file.get("filename", "")) for file in run.dependencies]
    cells = [
        run.id,
        _date(run_facts(run).get("date_time", run.id)),
        "",
        duration,
        "Live observation",  # there is no media file
        ";".join(files) or _UNKNOWN,
        "0",
        _UNKNOWN,
        rate,
    ]
    return ",".join(map(text_cell, cells))


def _date(date_time: str) -> str:
    """Return the date as BORIS writes it, or "" if it is not known."""
    try:
        return datetime.strptime(date_time, "%Y%m%d_%H%M%S").isoformat(" ")
    except ValueError:
        return ""
