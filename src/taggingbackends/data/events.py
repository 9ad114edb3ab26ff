"""Labels from a table of events, such as those of BORIS."""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data.eventtable import Event, read_events
from taggingbackends.data.tracks import Recording
from taggingbackends.errors import LeftOutWarning, TrackFileError, located, shown, wrong_type
from taggingbackends.labels.dependencies import dependency
from taggingbackends.labels.labels import Labels
from taggingbackends.labels.nested import copied
from taggingbackends.labels.origin import EDITED
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.stretches import Stretches, find_stretches
from taggingbackends.labels.tracklabels import TrackLabels
from taggingbackends.system.words import counted, listed

__all__ = ["import_events"]

_DATE_TIME = re.compile(r"\d{8}_\d{6}")
_LARVA = re.compile(r"(?:larva[ _#.:(-]*)?0*([0-9]{1,5})(?:\.0+)?\)?", re.IGNORECASE)
_NAMED = 5  # names that a message lists at most

Like = Labels | Recording


def import_events(path: str | PathLike[str], like: Like | Iterable[Like]) -> Labels:
    """Read labels from a table of events: of BORIS, or of bouts.

    A state event labels the frames with start <= time < stop, in whole ms, as label files hold
    them. A point event labels the nearest frame. Behaviours at the same time are several labels at
    once. All other frames are undefined.

    Parameters
    ----------
    path : path
        A table in a text file: tabular or aggregated events of BORIS, or bouts with the columns
        run, larva, label, start and stop. Columns are in any order, separated by commas,
        semicolons, tabs or ``|``. Subjects are larvae, named ``larva 12``, ``12`` or ``0012``. An
        observation has the identifier of its run, unless there is only one
        of each.
    like : Labels, Recording, or iterable of these
        The recording. It gives the run, the larvae and their times; its labels do not matter, apart
        from the order, the colours and the kinds of the names.

    Returns
    -------
    Labels
        The runs that have an observation. They depend on the files of the recording. The label
        "edited" is secondary.

    Raises
    ------
    TrackFileError
        The table cannot be read, has several meanings, or is of another recording.
    OSError
        A file cannot be read.

    Warns
    -----
    LeftOutWarning
        What the labels do not have, counted: unknown subjects, other observations, modifiers,
        comments, START without STOP, events without a frame; and events that overlap.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> from pathlib import Path
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> text = "run,larva,label,start,stop\\nrun1,7,cast,0.1,0.25\\n"
    >>> _ = Path("events.csv").write_text(text)
    >>> import_events("events.csv", like=labels)["run1"][7].states
    [(), 'cast', 'cast', ()]
    """
    path = Path(path)
    runs = _runs(like)
    table = read_events(path)
    if not table.events:
        raise TrackFileError("expected events, found none", file=path)
    left_out = _LeftOut(path, list(table.left_out))
    by_observation: dict[str, list[Event]] = defaultdict(list)
    for event in table.events:
        by_observation[event.observation].append(event)
    labels = Labels()
    for observation, run in _matched(path, by_observation, runs, left_out).items():
        events = by_observation[observation]
        with located(run=run):
            labels._runs[run] = _labelled(run, runs[run], events, left_out)
    if left_out.sentences:
        warnings.warn(LeftOutWarning(path, left_out.sentences), stacklevel=2)
    return labels


class _LeftOut:
    """What was left out of a table, counted, with the lines of the events."""

    def __init__(self, file: Path, sentences: list[str]) -> None:
        self.file = file
        self.sentences = sentences

    def add(self, what: str, events: Collection[Event], names: Iterable[str] = ()) -> None:
        if events:
            lines = sorted(event.line for event in events)
            places = f"line{'s' * (len(lines) > 1)} {listed(lines)}"
            places = "; ".join(filter(None, (listed(names, _NAMED), places)))
            self.sentences.append(f"{counted(len(events), 'event')} {what} ({places})")


def _runs(like: Like | Iterable[Like]) -> dict[str, RunLabels | Recording]:
    if isinstance(like, (str, PathLike)):
        raise wrong_type("Labels or a recording", like, "load_tracks loads a recording")
    runs: dict[str, RunLabels | Recording] = {}
    for one in [like] if isinstance(like, (Labels, Recording)) else like:
        if isinstance(one, Labels):
            runs |= one
        elif isinstance(one, Recording):
            runs[one.run] = one
        else:
            raise wrong_type("Labels or a recording", one, "load_tracks loads a recording")
    return runs


def _matched(
    file: Path, observations: Mapping[str, list[Event]], runs: Collection[str], left_out: _LeftOut
) -> dict[str, str]:
    """Return the run of each observation that has one."""
    matched = {name: name for name in observations if name in runs}
    if not matched and len(observations) == len(runs) == 1:
        (name,), (run,) = observations, runs
        dates = {match[0] for match in map(_DATE_TIME.match, (name, run)) if match}
        if len(dates) < 2:  # otherwise it is of another run
            matched[name] = run
    if not matched:
        found = listed(map(shown, observations), _NAMED)
        problem = f"expected an observation of {listed(runs, _NAMED) or 'a run'}, found {found}"
        fix = "give the observation the identifier of its run"
        raise TrackFileError(f"{problem}; {fix}", file=file)
    others = [name for name in observations if name not in matched]
    events = [event for name in others for event in observations[name]]
    left_out.add("of other observations", events, others)
    return matched


def _labelled(
    run: str, like: RunLabels | Recording, events: list[Event], left_out: _LeftOut
) -> RunLabels:
    """Return the labels of a run."""
    labels = _empty(run, like)
    times = {larva: track.times for larva, track in like.items()}
    by_larva = _by_larva(events, times, left_out)
    names = list(dict.fromkeys(event.behavior for larva in by_larva.values() for event in larva))
    declared = [*labels.names, *labels.secondary_names]
    if EDITED in names and EDITED not in declared:
        labels.secondary_names = [*labels.secondary_names, EDITED]
    names.sort(key=lambda name: declared.index(name) if name in declared else len(declared))
    names.sort(key=lambda name: name in labels.secondary_names)
    sizes = [len(column) for column in times.values()]
    together = np.concatenate([np.empty(0), *times.values()])
    stretches = find_stretches(np.repeat(np.arange(len(sizes)), sizes), together)
    unused: dict[str, list[Event]] = defaultdict(list)
    begin = 0
    for larva, column in times.items():
        frames = slice(begin, begin := begin + len(column))
        ends, numbers = stretches.ends[frames], stretches.numbers[frames]
        of_larva = Stretches(numbers, ends, stretches.interval)
        on = _columns(column, of_larva, names, by_larva.get(larva, ()), unused)
        codes = labels._table.encode_columns(names, on)
        labels._tracks[larva] = TrackLabels(labels._table, column.copy(), codes)
    for what in ("outside the tracked time", "between frames", "overlapping one before"):
        left_out.add(what, unused[what])
    return labels


def _empty(run: str, like: RunLabels | Recording) -> RunLabels:
    """Return labels without tracks that have the names, metadata and dependencies."""
    if isinstance(like, RunLabels):
        labels = like._copy(run, tracks=False)
        labels.metadata.pop("software", None)  # a person made the events
        return labels
    labels = RunLabels(run)
    labels.metadata = copied(like.metadata)
    labels.dependencies = [dependency(file) for file in sorted(like.files)]
    for known in like.labels().values():
        if known.id == run:
            labels._table.redeclare(known.names, known.secondary_names, known.colors)
    return labels


def _by_larva(
    events: Iterable[Event], larvae: Collection[int], left_out: _LeftOut
) -> dict[int, list[Event]]:
    """Return the events of each larva, and report those of other subjects."""
    found: dict[int, list[Event]] = defaultdict(list)
    unknown: dict[str, list[Event]] = defaultdict(list)
    known: dict[str, int | None] = {}
    for event in events:
        subject = event.subject
        if subject not in known:
            known[subject] = _larva(event, larvae, left_out.file)
        larva = known[subject]
        if larva is None:
            unknown[subject or "no subject"].append(event)
        else:
            found[larva].append(event)
    if not found:
        names = listed(map(shown, unknown), _NAMED)
        problem = f"expected larvae of the recording ({listed(larvae, _NAMED)}), found {names}"
        fix = "name the subjects 'larva N'"
        raise TrackFileError(f"{problem}; {fix}", file=left_out.file)
    left_out.add(
        "of subjects that are no larva of the recording",
        [event for of_subject in unknown.values() for event in of_subject],
        map(shown, unknown),
    )
    return found


def _larva(event: Event, larvae: Collection[int], file: Path) -> int | None:
    match = _LARVA.fullmatch(event.subject)
    if match:
        return int(match[1]) if int(match[1]) in larvae else None
    numbers = dict.fromkeys(int(digits[:9]) for digits in re.findall("[0-9]+", event.subject))
    several = [number for number in numbers if number in larvae]
    if len(several) > 1:
        problem = f"expected a subject such as 'larva {several[0]}', found {shown(event.subject)}"
        problem += f", which could be larva {' or '.join(map(str, several))}"
        raise TrackFileError(problem, file=file, line=event.line)
    return None


def _columns(
    times: NDArray[np.float64],
    stretches: Stretches,
    names: list[str],
    events: Collection[Event],
    unused: dict[str, list[Event]],
) -> NDArray[np.bool_]:
    """Return whether each label is on in each frame of a larva: (labels, frames).

    Events that label nothing new are added to `unused`.
    """
    thousandths = np.round(times * 1000)
    on = np.zeros((len(names), len(times)), dtype=bool)
    latest: dict[str, float] = {}  # stop of the events before, by behaviour
    for event in sorted(events, key=lambda event: event.start):
        if event.stop is None:
            frames = _nearest(times, stretches, event.start)
        else:
            limits = np.round(np.array([event.start, event.stop]) * 1000)
            first, last = np.searchsorted(thousandths, limits)
            frames = slice(int(first), int(last))
            if event.start < latest.get(event.behavior, -np.inf):
                unused["overlapping one before"].append(event)
            latest[event.behavior] = max(event.stop, latest.get(event.behavior, -np.inf))
        if frames.start < frames.stop:
            on[names.index(event.behavior), frames] = True
        elif _is_tracked(times, stretches, event):
            unused["between frames"].append(event)
        else:
            unused["outside the tracked time"].append(event)
    return on


def _nearest(times: NDArray[np.float64], stretches: Stretches, time: float) -> slice:
    """Return the frame of a point event; none if it is further than a frame from a stretch."""
    after = int(np.searchsorted(times, time))
    near = [frame for frame in (after - 1, after) if 0 <= frame < len(times)]
    if not near:
        return slice(0, 0)
    frame = min(near, key=lambda frame: abs(float(times[frame]) - time))
    within = len(near) == 2 and stretches.numbers[after - 1] == stretches.numbers[after]
    if within or abs(float(times[frame]) - time) <= stretches.interval:
        return slice(frame, frame + 1)
    return slice(0, 0)


def _is_tracked(times: NDArray[np.float64], stretches: Stretches, event: Event) -> bool:
    """Return whether an event without frames begins while the larva is tracked."""
    before = int(np.searchsorted(times, event.start, "right")) - 1
    return before >= 0 and event.start < float(stretches.ends[before])
