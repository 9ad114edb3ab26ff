"""Labels written into a copy of a trx.mat, as indicators.

Section 7 of docs/contract.md lists the fields.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data.agreement import is_named
from taggingbackends.data.changes import unchanged
from taggingbackends.data.formats import examined, find_recordings
from taggingbackends.data.hdf5 import H5PY_ERRORS, cause, opened
from taggingbackends.data.structarray import StructArray
from taggingbackends.data.structwriting import StructWriter
from taggingbackends.data.tracks import Recording
from taggingbackends.data.trxmat import (
    KINDS,
    KNOWN,
    NO_INDICATORS,
    REQUIRED,
    STATE_FIELD,
    STATES,
    Larva,
    LeftOut,
    check_times,
    is_indicator,
    read_larvae,
)
from taggingbackends.errors import (
    BackendError,
    LabelFileError,
    TaggingBackendsError,
    TrackFileError,
    located,
    shown,
    wrong_type,
)
from taggingbackends.labels.dependencies import names_by_sha1, other_recording
from taggingbackends.labels.editing import missing_names
from taggingbackends.labels.labels import Labels
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import State, labels_of
from taggingbackends.labels.validation import check_names
from taggingbackends.system.files import (
    check_replaceable,
    copy_content,
    new_version,
    sha1,
    stamp,
    sync_file,
)
from taggingbackends.system.names import local_name
from taggingbackends.system.words import listed

__all__ = ["TrxExport", "export_trx"]

_NUMBERED = "global_state_large_state"  # column of the numbers of STATES
_LONGEST = 63  # characters of a name in MATLAB
_KEYWORDS = re.compile(
    "break|case|catch|classdef|continue|else|elseif|end|for|function|global|if|otherwise|parfor|"
    "persistent|return|spmd|switch|try|while"
)

_Path = str | PathLike[str]


@dataclass(frozen=True)
class TrxExport:
    """What `export_trx` has written.

    Attributes
    ----------
    file : Path
        The new trx.mat.
    fields : tuple of str
        The indicators that were written, besides those that `reset` sets to -1.
    larvae : int
        Larvae of the file with labels.
    frames : int
        Frames of the file with labels.
    undefined : int
        How many of these frames are undefined.
    unlabelled : int
        Frames of the file without labels, in the labelled runs.
    sentences : tuple of str
        What of the labels is not in the new file, and what to look at, counted. Usually empty.
    """

    file: Path
    fields: tuple[str, ...]
    larvae: int
    frames: int
    undefined: int
    unlabelled: int
    sentences: tuple[str, ...]


def export_trx(
    labels: Labels,
    like: _Path,
    output: _Path,
    *,
    rename: Mapping[str, str] | None = None,
    variant: Literal["plain", "large", "strong", "weak"] = "plain",
    reset: bool = False,
    force: bool = False,
) -> TrxExport:
    """Write labels into a copy of a trx.mat.

    Each primary label becomes an indicator: 1 in the frames with the label, -1 in all others of
    the run (0 in columns of a type without negative numbers). An indicator that is there is
    overwritten in its own type; a new one has doubles. ``global_state_large_state`` gets the
    number of the frame's state, if the file has this column and the frame has such a label.
    Everything else is as in the file. Frames are matched by larva and time, within 1 ms.

    Parameters
    ----------
    labels : Labels
        Labels of one run or several. Runs of the file without labels keep their indicators, and
        are -1 throughout in new ones.
    like : path
        The trx.mat to copy.
    output : path
        The new file. It is written completely or not at all.
    rename : mapping of str to str, optional
        Label -> name of the indicator. Several labels may become one indicator. By default, an
        indicator has the name of the label. A secondary label is written only if it is named here.
    variant : str
        ``"large"``, ``"strong"`` or ``"weak"`` write the variants of the indicators, such as
        ``run_large`` for ``run``. The indicator itself is created if it is missing, and
        otherwise stays. ``small_motion`` has no variants.
    reset : bool
        First set ``run``, ``cast``, ``stop``, ``hunch``, ``back``, ``roll``, all their variants and
        ``small_motion`` to -1.
    force : bool
        Replace an existing file. Also write labels of another recording.

    Returns
    -------
    TrxExport
        Numbers of frames, and what of the labels is not in the file.

    Raises
    ------
    TrackFileError
        `like` is not a trx.mat, is damaged, locked, or changes meanwhile.
    LabelFileError
        ``bad-dependency``: the labels are of another recording, and `force` is False.
        ``bad-label``: there is no label of any name in `rename`, or a new name is not a string
        or empty.
    BackendError
        ``bad-name``: a name cannot be a field in MATLAB, or is a field that is no indicator.
        ``no-input``: there are no labels. ``existing-file``: `output` exists, and `force` is
        False, or it is `like`.
    OSError
        A file cannot be read or written.
    """
    if not isinstance(labels, Labels):
        raise wrong_type("Labels", labels, "Labels.read(path) reads a label file")
    like, output = Path(like), Path(output)
    if variant not in KINDS:
        raise ValueError(f"expected a variant out of {', '.join(KINDS)}, found {shown(variant)}")
    _check_files(like, output)
    expected = stamp(output) if force else None
    with unchanged(like):
        with read_larvae(like, LeftOut()) as (trx, larvae):
            runs = _runs(labels, trx, larvae, force)
            labelled = _Labelled(runs, larvae, rename or {})
            labelled.note_others(labels)
            fields = _fields(labelled, trx, larvae, variant)
            for larva in larvae:
                check_times(trx, larva)
        with new_version(output, expected) as temporary:
            copy_content(like, temporary)
            with _named(like, output), opened(temporary, write=True) as file:
                writer = _Writer(StructWriter(like, file, REQUIRED), labelled, larvae)
                writer.write(fields, reset)
            sync_file(temporary)
    return labelled.result(output, fields)


@contextmanager
def _named(like: Path, output: Path) -> Iterator[None]:
    """Raise OSError with the system's error, or else TrackFileError, if HDF5 cannot write."""
    try:
        yield
    except TaggingBackendsError:
        raise
    except H5PY_ERRORS as error:
        found = re.search(r"errno = (\d+)", str(error))
        if found:
            number = int(found[1])
            raise OSError(number, os.strerror(number), str(output)) from error
        problem = f"expected HDF5 that can be copied, found damage ({cause(error)})"
        raise TrackFileError(problem, file=like) from error


def _check_files(like: Path, output: Path) -> None:
    """Raise an error unless there is a trx.mat to copy, and another file to write."""
    format, error, _ = examined(like)
    if error is not None:
        raise error
    if format is None or format.name != "trx.mat":
        like.stat()
        found = "another file" if format is None else f"a {format.name} file"
        problem = f"expected a trx.mat, as MATLAB saves with -v7.3, found {found}"
        raise TrackFileError(problem, file=like)
    if output.exists() and output.samefile(like):
        problem = f"{output}: expected another file than the trx.mat that is copied"
        raise BackendError("existing-file", problem, "name a new file")
    check_replaceable(output)


def _runs(
    labels: Labels, trx: StructArray, larvae: list[Larva], force: bool
) -> dict[str, RunLabels]:
    """Return the labels of each run of the file that has any."""
    there = list(dict.fromkeys(one.run for one in larvae))
    runs = {run: labels[run] for run in there if run in labels}
    derived = not ("id" in trx.fields and trx.text("id", larvae[0].place))
    recordings = [_recording(trx.path, run, derived) for run in there]
    if not runs and len(there) == len(labels) == 1:
        (run,) = labels.values()
        if force or is_named(run.id, recordings[0]):
            runs = {there[0]: run}
    if not labels:
        raise BackendError("no-input", "expected labels, found no run", "name another label file")
    if not runs:
        fix = "if this is one recording, combine them with force=True"
        problem = f"expected labels of {trx.path} (run {listed(there)}), found run {listed(labels)}"
        several = len(there) > 1 or len(labels) > 1
        raise LabelFileError("bad-dependency", problem, fix="" if several else fix)
    for recording in recordings if not force else ():
        if recording.run in runs:
            _check_recording(runs[recording.run], recording)
    return runs


def _recording(path: Path, run: str, derived: bool) -> Recording:
    return Recording(run, {}, {}, "trx.mat", (path,), run_is_derived=derived)


def _check_recording(run: RunLabels, recording: Recording) -> None:
    """Raise an error if labels depend on files of another recording.

    Labels of files beside the trx.mat, of which it is another form, are of the same recording.
    """
    (like,) = recording.sources
    with located(run=run.id):
        names = names_by_sha1(run.dependencies)
        files = recording.other_files(names) if names else []
        if not files:
            return
        beside = [like.parent / local_name(name) for name in names.values()]
        known = [file for file in beside if file.is_file() and sha1(file) in names]
        if not known or like in find_recordings([like, *known]):
            raise other_recording(names.values(), files)


def _fields(
    labelled: _Labelled, trx: StructArray, larvae: list[Larva], variant: str
) -> dict[str, set[str]]:
    """Return the fields to write, with the labels of each.

    Raises
    ------
    BackendError
        ``bad-name``
    """
    fields: dict[str, set[str]] = {}
    bad: dict[str, str] = {}  # label -> another name
    for name, field in labelled.names.items():
        suffix = f"_{variant}"
        has_variant = variant != "plain" and field != "small_motion" and not field.endswith(suffix)
        written = [f"{field}{suffix}", field] if has_variant else [field]
        if not _is_identifier(written[0]):
            bad[name] = _identifier(field, len(written[0]) - len(field))
            continue
        fields.setdefault(written[0], set()).add(name)
        if has_variant and field not in trx.fields:  # without it, the variant is none
            fields.setdefault(field, set()).add(name)
        if _has_other_meaning(trx, field, larvae):
            bad[name] = f"label_{field[:50]}"
    if bad:
        problem = f"{trx.path}: expected names of indicators (letters, digits, _; at most "
        problem += f"{_LONGEST}; no keyword of MATLAB, no field of another meaning), found "
        problem += listed((shown(labelled.names[name]) for name in bad), 7)
        raise BackendError("bad-name", problem, f"give other names with rename={bad}")
    return fields


def _is_identifier(name: str) -> bool:
    is_name = re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) is not None
    return is_name and len(name) <= _LONGEST and not _KEYWORDS.fullmatch(name)


def _identifier(name: str, suffix: int) -> str:
    """Return an identifier like a name, with room for a suffix."""
    name = re.sub(r"\W", "_", name, flags=re.ASCII)
    if not re.match("[A-Za-z]", name) or _KEYWORDS.fullmatch(name):
        name = f"label_{name}"
    return name[: _LONGEST - suffix]


def _has_other_meaning(trx: StructArray, field: str, larvae: list[Larva]) -> bool:
    if field in NO_INDICATORS or field.startswith(STATE_FIELD):
        return True
    return field in trx.fields and field not in KNOWN and not is_indicator(trx, field, larvae)


class _Labelled:
    """The state of each frame of the file, and what is counted on the way.

    Attributes
    ----------
    names : dict of str to str
        Labels to write -> names of their fields, without the suffix of a variant.
    codes : dict of int to (n,) int32 array
        Place of a larva -> state of each frame in the run's table of states; -1: none.
    runs : dict of str to RunLabels
        Run of the file -> its labels.
    """

    def __init__(
        self, runs: dict[str, RunLabels], larvae: list[Larva], rename: Mapping[str, str]
    ) -> None:
        self.runs = runs
        self._left_out = LeftOut()
        self.names = self._named(rename)
        self.codes: dict[int, NDArray[np.int32]] = {}
        matched = lacking = 0
        for larva in larvae:
            if larva.run not in runs:
                continue
            run = runs[larva.run]
            codes = self.codes[larva.place] = np.full(len(larva.times), -1, np.int32)
            if larva.number not in run:
                continue
            track = run[larva.number]
            frames = np.arange(len(codes))[larva.timed]
            at = track.match(larva.times[larva.timed])
            codes[frames[at >= 0]] = track.codes[at[at >= 0]]
            matched += int((at >= 0).sum())
            lacking += self._note_frames(larva.number, len(track) - int((at >= 0).sum()))
        for name, run in runs.items():
            there = {larva.number for larva in larvae if larva.run == name}
            for number in run.keys() - there:
                words = "of the labels is not in the file", "of the labels are not in the file"
                self._left_out.add((f"larva {words[0]}", f"larvae {words[1]}"), number)
                lacking += self._note_frames(number, len(run[number]))
        if lacking and not matched:
            problem = "expected frames of the file within 1 ms, found none"
            raise LabelFileError("bad-dependency", problem, run=next(iter(runs.values())).id)

    def _note_frames(self, larva: int, n: int) -> int:
        words = "of the labels is not in the file", "of the labels are not in the file"
        self._left_out.add((f"frame {words[0]}", f"frames {words[1]} within 1 ms"), larva, n)
        return n

    def _named(self, rename: Mapping[str, str]) -> dict[str, str]:
        for name in rename.values():
            check_names([name])
        primary = dict.fromkeys(name for run in self.runs.values() for name in run.names)
        secondary = {name for run in self.runs.values() for name in run.secondary_names}
        for name in missing_names(rename, primary.keys() | secondary):
            self._left_out.add(
                ("name to rename is no label", "names to rename are no labels"), name
            )
        for name in sorted(secondary - rename.keys()):
            words = "secondary label is not written", "secondary labels are not written"
            self._left_out.add(words, name)
        chosen = [*primary, *(name for name in rename if name not in primary)]
        return {name: rename.get(name, name) for name in chosen}

    def note_others(self, labels: Labels) -> None:
        """Count the runs that the file lacks."""
        for run in labels.values():
            if run not in self.runs.values():
                words = "of the labels is not in the file", "of the labels are not in the file"
                self._left_out.add((f"run {words[0]}", f"runs {words[1]}"), run.id)

    def note(self, one: str, several: str, larva: int, n: int) -> None:
        """Count frames to look at."""
        self._left_out.add((one, several), larva, n)

    def result(self, output: Path, fields: Mapping[str, object]) -> TrxExport:
        """Return the numbers of the frames."""
        states = [codes[codes >= 0] for codes in self.codes.values()]
        frames = sum(map(len, states))
        return TrxExport(
            output,
            tuple(fields),
            sum(1 for codes in states if len(codes)),
            frames,
            sum(int((codes == 0).sum()) for codes in states),
            sum(map(len, self.codes.values())) - frames,
            self._left_out.sentences(),
        )


class _Writer:
    """Writes the columns of all elements, one field after the other."""

    def __init__(self, trx: StructWriter, labelled: _Labelled, larvae: list[Larva]) -> None:
        self._trx = trx
        self._labelled = labelled
        self._larvae = {larva.place: larva for larva in larvae}
        # columns that show how the file stores them
        self._like = (*(name for name in trx.fields if name in KNOWN), "t")

    def write(self, fields: Mapping[str, set[str]], reset: bool) -> None:
        for field in sorted(KNOWN - fields.keys()) if reset else ():
            if field in self._trx.fields:
                self._trx.write(field, self._reset(field), self._like)
        for field, labels in fields.items():
            self._trx.write(field, self._indicators(field, labels), self._like)
        number_of = {
            label: number
            for number, state in enumerate(STATES, 1)
            for field in (state, f"{state}_large")
            for label in fields.get(field, ())
        }
        if _NUMBERED in self._trx.fields and (number_of or reset):
            self._trx.write(_NUMBERED, self._numbers(number_of, reset), self._like)

    def _reset(self, field: str) -> Iterator[NDArray[np.float64] | None]:
        off = self._off(field)
        for place in range(len(self._trx)):
            n = len(self._labelled.codes.get(place, ()))
            there = n and self._trx.column(field, place, n) is not None
            yield np.full(n, off) if there else None

    def _indicators(self, field: str, labels: set[str]) -> Iterator[NDArray[np.float64] | None]:
        off = self._off(field)
        values = {
            run: np.array([1.0 if labels.intersection(labels_of(x)) else off for x in states])
            for run, states in self._states()
        }
        for place in range(len(self._trx)):
            codes = self._labelled.codes.get(place)
            if codes is not None:
                # the state of number 0 is off, as is none
                yield values[self._larvae[place].run][codes.clip(0)]
            elif field in self._trx.fields:
                yield None
            else:
                larva = self._larvae.get(place)
                times = self._trx.numbers("t", place, (None, 1)) if larva is None else larva.times
                yield np.full(len(times), off)

    def _states(self) -> Iterator[tuple[str, list[State]]]:
        for run, labels in self._labelled.runs.items():
            yield run, labels.states

    def _off(self, field: str) -> float:
        """Return what stands for off: -1, or 0 if the column's types or its other runs need it."""
        for place, larva in self._larvae.items() if field in self._trx.fields else ():
            there = self._trx.column(field, place, len(larva.times))
            if there is None:
                continue
            is_kept = place not in self._labelled.codes
            if there.dtype.kind in "bu" or (
                is_kept and 0 in self._trx.numbers(field, place, (len(larva.times), 1))
            ):
                return 0.0
        return -1.0

    def _numbers(
        self, number_of: Mapping[str, int], reset: bool
    ) -> Iterator[NDArray[np.float64] | None]:
        """Yield the numbers of states of each element; None where none changes."""

        def distinct(names: tuple[str, ...]) -> list[int]:
            return list(dict.fromkeys(number_of[name] for name in names if name in number_of))

        numbers = {
            run: [distinct(labels_of(state)) for state in states] for run, states in self._states()
        }
        for place in range(len(self._trx)):
            codes = self._labelled.codes.get(place)
            yield (
                None
                if codes is None
                else self._numbered(
                    self._larvae[place], codes, numbers[self._larvae[place].run], reset
                )
            )

    def _numbered(
        self, larva: Larva, codes: NDArray[np.int32], numbers: list[list[int]], reset: bool
    ) -> NDArray[np.float64] | None:
        n = len(codes)
        old = np.zeros(n)
        if self._trx.column(_NUMBERED, larva.place, n) is not None:
            old = self._trx.numbers(_NUMBERED, larva.place, (n, 1))
        first = np.array([x[0] if x else 0 for x in numbers])[codes.clip(0)]
        new = np.where(first > 0, first, old)
        several = 0
        for code in np.unique(codes[codes > 0]).tolist():
            if len(numbers[code]) > 1:
                frames = codes == code
                several += int(frames.sum())
                keeps = frames & np.isin(old, numbers[code])
                new[keeps] = old[keeps]
        self._labelled.note(
            f"frame has several states; {_NUMBERED} is one of them",
            f"frames have several states; {_NUMBERED} is one of them",
            larva.number,
            several,
        )
        stale = (first == 0) & ((codes >= 0) | reset) & np.isin(old, range(1, len(STATES) + 1))
        self._labelled.note(
            f"frame keeps its number in {_NUMBERED}, since its labels have none",
            f"frames keep their number in {_NUMBERED}, since their labels have none",
            larva.number,
            int(stale.sum()),
        )
        return None if np.array_equal(new, old, equal_nan=True) else new
