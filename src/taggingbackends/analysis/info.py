"""Summary of a tracker file or a label file, and its problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from taggingbackends.data.agreement import LabelFileCheck, mismatch_errors
from taggingbackends.data.formats import is_label_file
from taggingbackends.data.loading import file_and_runs, load_silently
from taggingbackends.data.tracks import Recording, Track, without_spine
from taggingbackends.errors import LabelFileError, TaggingBackendsError
from taggingbackends.labels import Labels
from taggingbackends.labels.stretches import default_max_gap, is_gap
from taggingbackends.labels.tracklabels import TrackLabels
from taggingbackends.system.messages import describe
from taggingbackends.system.words import counted

__all__ = ["info"]

_COORDINATES = "mm"


def info(path: str | PathLike[str], **options: Any) -> tuple[dict[str, str], list[str]]:
    """Summarize a file, and list its problems.

    Parameters
    ----------
    path : path
        A tracker file or a label file.
    **options
        As for `load_tracks`.

    Returns
    -------
    facts : dict of str to str
        Name of each property -> its value. Parts that cannot be read are left out.
    problems : list of str
        Each problem, with how to fix it.
    """
    path = Path(path)
    if is_label_file(path):
        return _label_file_info(path, options)
    problems: list[str] = []
    try:
        path, runs = file_and_runs(path)
    except (TaggingBackendsError, OSError):
        runs = []  # the error comes again below
    if runs:
        return _facts_of_runs(path, runs, options, problems), problems
    recording = _load(path, options, problems)
    return {} if recording is None else _recording_facts(recording), problems


def _facts_of_runs(
    path: Path, runs: Sequence[str], options: dict[str, Any], problems: list[str]
) -> dict[str, str]:
    facts: dict[str, str] = {}
    for number, run in enumerate(runs, 1):
        recording = _load(path, options | {"run": run}, problems)
        if recording is not None:
            own = _recording_facts(recording)
            facts |= {name: own[name] for name in ("format", "files")}
            larvae = counted(len(recording), "larva", "larvae")
            facts[f"run {number}"] = f"{run}, {larvae}, {counted(int(own['frames']), 'frame')}"
    return facts


def _label_file_info(path: Path, options: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    try:
        labels = Labels.read(path)
    except (LabelFileError, OSError) as error:
        return {"format": "label file"}, [describe(error)]
    problems: list[str] = []
    recording = None
    if any(run.dependencies for run in labels.values()):  # else there is no recording to load
        if len(labels) == 1:
            recording = _load(path, options, problems)
        problems += (
            _mismatches(path, labels, recording, options) if not problems or recording else []
        )
    facts = {} if recording is None else _recording_facts(recording)
    of = f", of {facts['format']} tracks" if facts else ""
    facts = {"format": f"label file{of}"} | {k: v for k, v in facts.items() if k != "format"}
    return facts | _label_facts(labels, frames_known=recording is not None), problems


def _mismatches(
    path: Path, labels: Labels, recording: Recording | None, options: dict[str, Any]
) -> list[str]:
    """Return what labels have and their tracker files do not, which may be loaded already."""
    if recording is not None:
        (run,) = labels.values()
        return list(map(describe, mismatch_errors(run, recording, options)))
    try:
        labels.check_dependencies(path.parent)
    except (LabelFileError, OSError) as error:
        return [describe(error)]
    return list(map(describe, LabelFileCheck().mismatches(path, labels, **options)))


def _load(path: Path, options: dict[str, Any], problems: list[str]) -> Recording | None:
    """Load a recording; if that fails, try without outlines, without spines, or without both."""
    parts: tuple[dict[str, bool], ...] = ({}, {"outline": False}, {"spine": False})
    for given in (part | options for part in (*parts, {"spine": False, "outline": False})):
        try:
            return load_silently(path, **given)  # what is left out is one of the facts
        except (TaggingBackendsError, OSError, ValueError) as error:
            if not problems:
                problems.append(describe(error))
    return None


def _recording_facts(recording: Recording) -> dict[str, str]:
    tracks = list(recording.values())
    frames = sum(map(len, tracks))
    facts = {
        "format": recording.format,
        "files": ", ".join(source.name for source in recording.sources),
        "run": recording.run,
        "larvae": str(len(recording)),
        "frames": str(frames),
    }
    facts |= _time_facts([tracks])
    spines = {track.spine.shape[1] for track in tracks if track.spine is not None}
    if spines:
        facts["spine"] = f"{' or '.join(map(str, sorted(spines)))} points, {_COORDINATES}"
        facts["spine"] += _none_in(without_spine(tracks))
    outlined = [track.outline_offsets for track in tracks if track.outline_offsets is not None]
    if outlined and frames:
        points = np.concatenate([np.diff(offsets) for offsets in outlined])
        usual = int(np.median(points[points > 0])) if points.any() else 0
        facts["outline"] = f"{usual} points in most frames, {_COORDINATES}"
        facts["outline"] += _none_in(int((points == 0).sum()))
    indicators = dict.fromkeys(name for track in tracks for name in track.indicators)
    if indicators:
        facts["indicators"] = ", ".join(indicators)
    if recording.left_out:
        facts["left out"] = "; ".join(recording.left_out)
    if recording.metadata:
        facts["metadata"] = ", ".join(f"{k}={v}" for k, v in recording.metadata.items())
    if len(recording.labels()):
        facts |= _label_facts(recording.labels(), frames_known=True)
    return facts


def _none_in(frames: int) -> str:
    return f"; none in {counted(frames, 'frame')}" if frames else ""


@np.errstate(over="ignore", invalid="ignore")  # times may be as large as doubles
def _time_facts(runs: Iterable[Sequence[Track | TrackLabels]]) -> dict[str, str]:
    """Return the duration and the frame interval (mode in ms, spread, gaps)."""
    runs = [[track for track in run if len(track)] for run in runs]
    columns = [track.times for run in runs for track in run]
    if not columns:
        return {}
    start, stop = min(times[0] for times in columns), max(times[-1] for times in columns)
    facts = {"duration": f"{stop - start:.3f} s, from {start:.3f} to {stop:.3f} s"}
    intervals = np.concatenate([np.diff(times) for times in columns])
    if len(intervals):
        milliseconds, counts = np.unique(np.rint(1000 * intervals), return_counts=True)
        usual = milliseconds[counts.argmax()] / 1000
        low, high = np.quantile(intervals, [0.05, 0.95])
        facts["interval"] = f"{usual:.3f} s mostly, 90 % from {low:.3f} to {high:.3f} s"
        gaps: Counter[float] = Counter()
        for run in runs:
            max_gap = default_max_gap(run)
            gaps[max_gap] += sum(int(is_gap(np.diff(x.times), max_gap).sum()) for x in run)
        for max_gap, n in gaps.items():
            if n:
                facts["interval"] += f", {counted(n, 'gap')} longer than {max_gap:.6g} s"
    return facts


def _label_facts(labels: Labels, frames_known: bool) -> dict[str, str]:
    facts = {}
    if not frames_known:
        runs = [list(run.values()) for run in labels.values()]
        tracks = [track for run in runs for track in run]
        facts["run"] = ", ".join(labels)
        facts["larvae"] = str(len(tracks))
        facts["frames"] = str(sum(map(len, tracks)))
        facts |= _time_facts(runs)
    counts = {name or "(undefined)": n for name, n in labels.count().items()}
    facts["labels"] = ", ".join(f"{name} {n}" for name, n in counts.items()) or "none"
    return facts
