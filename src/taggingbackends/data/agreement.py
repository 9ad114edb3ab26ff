"""Agreement of labels with the tracker files that they depend on: run, larvae and times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taggingbackends.data.formats import (
    find_recordings,
    format_of,
    several_runs,
    stem_of,
    tracker_name,
)
from taggingbackends.data.loading import load_silently
from taggingbackends.data.tracks import Recording
from taggingbackends.errors import LabelFileError, TaggingBackendsError
from taggingbackends.labels.dependencies import are_different_recordings, names_by_sha1
from taggingbackends.labels.inspection import find_errors, unreadable_records
from taggingbackends.labels.labels import Labels
from taggingbackends.labels.origin import undeclared_names
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.tracklabels import find_frames
from taggingbackends.system.messages import describe
from taggingbackends.system.names import local_name, utf8_name
from taggingbackends.system.words import counted, listed

__all__ = ["LabelFileCheck", "find_mismatches", "is_named", "mismatch_errors", "options_for"]

_DATE_TIME = re.compile(r"\d{8}_\d{6}")
_KEPT = 8  # recordings in memory


def find_mismatches(labels: RunLabels, recording: Recording, times: bool = True) -> list[str]:
    """Find what labels of a run have and the recording does not.

    Labels of only some larvae and frames are no mismatch.

    Parameters
    ----------
    labels : RunLabels
        Labels of one run.
    recording : Recording
        Times are sufficient: ``load_tracks(file, spine=False, outline=False)``.
    times : bool
        Whether to compare times. Those of a FIMTrack table depend on the frame rate, which it does
        not contain.

    Returns
    -------
    list of str
        At most one of each kind, counted: ``"the run is b, not a"``, ``"1 of 2 larvae is not
        tracked (7)"``, ``"12 of 90 frames are not tracked within 1 ms (larva 7)"``. The name of the
        run is not compared if the tracker files do not contain it, see `Recording.run_is_derived`.

    Examples
    --------
    >>> from taggingbackends.simulation import simulate, write_tracks, write_truth
    >>> from taggingbackends import Labels
    >>> from taggingbackends.data import load_tracks
    >>> tracks = simulate(larvae=2, seconds=20, seed=1)
    >>> files = write_tracks("recording", "20240611_101500", tracks)
    >>> path = write_truth("recording", "20240611_101500", tracks, files)
    >>> labels = Labels.read(path)["20240611_101500"]
    >>> find_mismatches(labels, load_tracks(path, outline=False))
    []
    """
    found = []
    if not is_named(labels.id, recording):
        found.append(f"the run is {labels.id}, not {recording.run}")
    larvae = [larva for larva in labels if larva not in recording]
    if larvae:
        of = counted(len(labels), "larva", "larvae")
        found.append(f"{_some(len(larvae), of)} not tracked ({listed(larvae)})")
    frames = {larva: _untracked(labels, larva, recording) for larva in labels if times}
    if any(frames.values()):
        of = counted(sum(map(len, labels.values())), "frame")
        larvae = [larva for larva, n in frames.items() if n]
        where = f"{'larva' if len(larvae) == 1 else 'larvae'} {listed(larvae)}"
        found.append(f"{_some(sum(frames.values()), of)} not tracked within 1 ms ({where})")
    return found


def _some(n: int, of: str) -> str:
    return f"{n} of {of} {'is' if n == 1 else 'are'}"


def mismatch_errors(
    labels: RunLabels,
    recording: Recording,
    options: Mapping[str, Any],
    by_default: bool = False,
) -> list[LabelFileError]:
    """Return the mismatches of labels and the recording of their tracker files as errors.

    The options are those with which the recording was loaded, without those of the metadata. Times
    at a default frame rate are compared only if `by_default` is true.
    """
    main = recording.sources[0]
    format = format_of(main)
    has_clock = format is None or "framerate" not in format.options
    known = has_clock or "framerate" in options_for(main, labels, options)
    of = main.name
    if not known and by_default:
        of += " at the default frame rate"
    return [
        LabelFileError("bad-dependency", f"expected labels of {of}, but {mismatch}")
        for mismatch in find_mismatches(labels, recording, times=known or by_default)
    ]


def options_for(file: Path, labels: RunLabels, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options to load a tracker file that labels depend on.

    An option that is missing or None is taken from the metadata of the labels.
    """
    format = format_of(file)
    known = format.options_from(labels.metadata) if format is not None else {}
    return known | {key: value for key, value in options.items() if value is not None}


class LabelFileCheck:
    """Check of label files, with their tracker files and with each other.

    The times of the last few recordings are kept, since several label files may depend on them.

    Parameters
    ----------
    by_default : bool
        Whether to compare times also at a default frame rate, as a training script reads them.
    """

    def __init__(self, by_default: bool = False) -> None:
        self._by_default = by_default
        self._recordings: dict[tuple[Path, str], Recording] = {}
        self._first: dict[str, tuple[Path, dict[str, str]]] = {}  # by run
        self._known: set[tuple[str, str]] = set()  # runs and SHA-1

    def check(self, file: Path) -> tuple[list[LabelFileError], list[str]]:
        """Return the errors in a label file, and sentences for warnings.

        A file without other errors is compared with its tracker files, and with the label files
        that were checked before: their runs of the same identifier must be of the same recording.

        Raises
        ------
        OSError
            The file cannot be read.
        """
        errors = find_errors(file)
        if errors:
            return errors, []
        labels = Labels.read(file)
        for run in labels.values():
            recording, found = self._compared(run, file.parent, {})
            # readers give many recordings the same name if the files contain none
            if recording is None or not recording.run_is_derived:
                found += self._repeated(file, run)
            errors += _placed(found, file, run)
        return errors, undeclared_names(labels) + unreadable_records(labels)

    def mismatches(self, file: Path, labels: Labels, **options: Any) -> list[LabelFileError]:
        """Compare the labels of a file with the tracker files beside it.

        Runs are passed over if they depend on no tracker file of a known format. The SHA-1 of
        files are not compared.

        Parameters
        ----------
        file : Path
            The label file.
        labels : Labels
            Its content.
        **options
            As for `load_tracks`. Options that are missing or None are taken from the metadata of
            each run.

        Returns
        -------
        list of LabelFileError
            ``bad-dependency``: a mismatch, see `find_mismatches`, or a tracker file that cannot be
            read.
        """
        found = []
        for run in labels.values():
            found += _placed(self._compared(run, file.parent, options)[1], file, run)
        return found

    def _compared(
        self, run: RunLabels, folder: Path, options: Mapping[str, Any]
    ) -> tuple[Recording | None, list[LabelFileError]]:
        try:
            recording = self._recording(run, folder, options)
        except LabelFileError as error:
            return None, [error]
        except (TaggingBackendsError, OSError) as error:
            problem = f"expected tracks that can be read, found: {describe(error)}"
            return None, [LabelFileError("bad-dependency", problem)]
        if recording is None:
            return None, []
        return recording, mismatch_errors(run, recording, options, self._by_default)

    def _recording(
        self, run: RunLabels, folder: Path, options: Mapping[str, Any]
    ) -> Recording | None:
        """Return the times of the recording that a run depends on.

        Of several recordings, it is the one of the same name, or else the first one.
        """
        files = [folder / local_name(entry["filename"]) for entry in run.dependencies]
        found: list[Recording] = []
        others: list[str] = []
        for main in find_recordings(files):
            chosen = options_for(main, run, options) | {"spine": False, "outline": False}
            several = several_runs(main)
            if several and run.id not in several:
                others += several
                continue
            if several:
                chosen["run"] = run.id
            found.append(self._loaded(main, chosen))
            if is_named(run.id, found[-1]):
                return found[-1]
        if others and not found:
            problem = f"expected labels of a run in the tracker file ({listed(others)})"
            raise LabelFileError("bad-dependency", f"{problem}, found run {run.id}")
        return found[0] if found else None

    def _loaded(self, main: Path, options: dict[str, Any]) -> Recording:
        key = main, repr(sorted(options.items()))
        if key not in self._recordings:
            recording = load_silently(main, **options)
            if len(self._recordings) == _KEPT:
                del self._recordings[next(iter(self._recordings))]
            self._recordings[key] = recording
        return self._recordings[key]

    def _repeated(self, file: Path, run: RunLabels) -> list[LabelFileError]:
        """Return an error if a run before has the same identifier and is of another recording."""
        names = names_by_sha1(run.dependencies)
        digests = {(run.id, digest) for digest in names}
        is_known = not digests or not digests.isdisjoint(self._known)
        self._known |= digests
        if is_known:
            return []
        first, before = self._first.setdefault(run.id, (file, names))
        if not are_different_recordings(before, names):
            return []
        kinds, others = (
            {tracker_name(name).suffix for name in x.values()} for x in (before, names)
        )
        if first.parent == file.parent and not kinds & others:
            return []  # a recording in two formats
        problem = f"expected the recording of this run in {first}, {listed(before.values())}"
        found = f"found another one of the same identifier, {listed(names.values())}"
        return [LabelFileError("bad-dependency", f"{problem}; {found}")]


def _placed(errors: list[LabelFileError], file: Path, run: RunLabels) -> list[LabelFileError]:
    for error in errors:
        error.file, error.run = file, run.id
    return errors


def is_named(run: str, recording: Recording) -> bool:
    """Return whether a run has the recording's name, or one that the files' names give."""
    if recording.run_is_derived or run == recording.run:
        return True
    if not recording.sources:
        return False
    file = recording.sources[0].absolute()
    stem, folder = utf8_name(stem_of(file)), utf8_name(file.parent.name)
    return run in (stem, stem.split("@")[0]) or (run == folder and bool(_DATE_TIME.fullmatch(run)))


def _untracked(labels: RunLabels, larva: int, recording: Recording) -> int:
    """Return the number of frames without a tracked frame within 1 ms."""
    times = labels[larva].times
    if larva not in recording:
        return len(times)
    return int((find_frames(recording[larva].times, times) < 0).sum())
