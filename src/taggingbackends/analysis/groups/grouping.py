"""Groups of recordings: by what is known about each, or by a table."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path, PurePath
from typing import TypeAlias

from taggingbackends.errors import BackendError, shown, wrong_type
from taggingbackends.labels.dependencies import are_different_recordings, names_by_sha1
from taggingbackends.labels.facts import run_facts
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.system.csvtext import plain_text
from taggingbackends.system.words import listed

__all__ = ["Grouping", "Groups", "Recordings", "read_groups"]

Groups: TypeAlias = Mapping[str, str | Mapping[str, str]]
"""Recording -> its group, or recording -> column -> group."""

_RECORDING = "recording"
_SEPARATORS = ",;\t"


class Grouping:
    """The group of each recording.

    The group is a value for each of the columns `by`. It comes from the row of the recording in the
    table of groups, if the table has the column and the row has a value, else from what `run_facts`
    returns.

    Parameters
    ----------
    by : sequence of str
        Columns of the table, or facts. Empty: all recordings are one group.
    groups : path or mapping, optional
        The table of groups, see `read_groups`; or a mapping of each recording to its group, or to
        its values by column.

    Raises
    ------
    BackendError
        ``unusable-data``: the table is not as `read_groups` expects.
    """

    def __init__(
        self, by: Sequence[str], groups: str | PathLike[str] | Groups | None = None
    ) -> None:
        self.by = tuple(by)
        self._source = "the groups" if groups is None or isinstance(groups, Mapping) else groups
        self._rows = _rows_of(self.by, groups)
        self._columns = {column for _, row in self._rows for column in row}
        self._places: dict[str, list[int]] = {}
        for place, (name, _) in enumerate(self._rows):
            self._places.setdefault(name, []).append(place)
        self._used: set[int] = set()

    def group_of(self, file: Path | None, run: RunLabels) -> tuple[str, ...] | None:
        """Return the group of a recording: a value for each of `by`.

        Returns
        -------
        tuple of str, or None
            None if the table has the columns, but not this recording, and nothing else gives them.

        Raises
        ------
        BackendError
            ``unusable-data``: rows that contradict each other match the recording; or neither it
            nor the table has one of the columns.
        """
        row = self._row_of(file, run)
        facts = run_facts(run)
        known = [*(name for name, value in facts.items() if value), *sorted(self._columns)]
        values = []
        for column in self.by:
            value = row.get(column) or facts.get(column)
            if not value:
                if column in self._columns:
                    return None
                problem = f"{_where(file, run)}: expected its {column}, found {_found(known)}"
                fix = "group by one of these, or name the groups of recordings with groups=..."
                raise BackendError("unusable-data", problem, fix)
            values.append(value)
        return tuple(values)

    def unused(self) -> list[str]:
        """Return what the table has as recordings and matched none so far."""
        return [name for place, (name, _) in enumerate(self._rows) if place not in self._used]

    def _row_of(self, file: Path | None, run: RunLabels) -> Mapping[str, str]:
        names = dict.fromkeys(_names_of(file, run))
        places = [place for name in names for place in self._places.get(name, ())]
        self._used.update(places)
        rows = [self._rows[place] for place in sorted(set(places))]
        for name, row in rows[1:]:
            if any(row.get(column) != rows[0][1].get(column) for column in self.by):
                where, first = _where(file, run), rows[0][0]
                problem = (
                    f"{self._source}: expected one row for {where}, "
                    f"found {shown(first)} and {shown(name)} of different groups"
                )
                raise BackendError("unusable-data", problem, "remove all but one of them")
        return rows[0][1] if rows else {}


class Recordings:
    """The recordings seen so far, each of which may be there once."""

    def __init__(self) -> None:
        self._seen: dict[str, list[tuple[Path | None, dict[str, str]]]] = {}

    def add(self, file: Path | None, run: RunLabels) -> None:
        """Add a recording.

        Raises
        ------
        BackendError
            ``repeated-run``: it is there already: labels of the same run, in the same folder or
            without dependencies on the files of different recordings.
        LabelFileError
            ``bad-dependency``: a dependency is invalid.
        """
        names = names_by_sha1(run.dependencies)
        seen = self._seen.setdefault(run.id, [])
        for other, others in seen:
            beside = file is not None and other is not None and file.parent == other.parent
            if beside or not are_different_recordings(names, others):
                problem = f"{_where(file, run)}: expected each recording once, found run {run.id}"
                problem += f" in {other or 'other labels'}, too"
                fix = "name one label file for each recording, e.g. by '**/predicted.label'"
                raise BackendError("repeated-run", problem, fix)
        seen.append((file, names))


def read_groups(path: str | PathLike[str]) -> list[dict[str, str]]:
    """Read a table of groups.

    Parameters
    ----------
    path : path
        A CSV file in UTF-8, separated by commas, semicolons or tabs. Its column ``recording``
        matches recordings by the name of the label file, with or without its suffix; by the name of
        its folder; by the end of the path of either; by the run; or by the name of a tracker file
        that the labels depend on, with or without its suffix. The other columns are groups.

    Returns
    -------
    list of dict
        Column -> text, for each row.

    Raises
    ------
    BackendError
        ``unusable-data``: the file is no such table.
    OSError
        The file cannot be read.
    """
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        problem = f"{path}: expected a table in UTF-8, found other bytes"
        raise BackendError("unusable-data", problem, "save it as CSV in UTF-8") from None
    lines = [line for line in lines if line.strip(f" {_SEPARATORS}")]
    separator = max(_SEPARATORS, key=lines[0].count) if lines else ","
    try:
        table = list(csv.reader(lines, delimiter=separator, strict=True)) or [[""]]
    except csv.Error as error:
        raise BackendError("unusable-data", f"{path}: expected CSV, found: {error}") from None
    columns, *rows = [[plain_text(cell.strip()) for cell in row] for row in table]
    columns = [_RECORDING if name.lower() == _RECORDING else name for name in columns]
    while columns and not columns[-1]:  # spreadsheets write empty columns, too
        columns.pop()
    if _RECORDING not in columns or len(set(columns)) < len(columns):
        problem = (
            f"{path}: expected a column {_RECORDING!r}, and columns of different names, "
            f"found {shown(columns)}"
        )
        raise BackendError("unusable-data", problem)
    for row in rows:
        if any(row[len(columns) :]):
            problem = f"{path}: expected {len(columns)} cells in a row, found {shown(row)}"
            fix = f"put quotes around texts with {separator!r}"
            raise BackendError("unusable-data", problem, fix)
    return [dict(zip(columns, row, strict=False)) for row in rows]


def _rows_of(
    by: tuple[str, ...], groups: str | PathLike[str] | Groups | None
) -> list[tuple[str, dict[str, str]]]:
    """Return recording and groups of each row."""
    if groups is None:
        return []
    if isinstance(groups, Mapping):
        rows = []
        for name, value in groups.items():
            if isinstance(value, str) and len(by) != 1:
                raise wrong_type(f"a dictionary with {listed(by)}", value)
            row = {by[0]: value} if isinstance(value, str) else dict(value)
            rows.append((_posix(str(name)), row))
        return rows
    return [(_posix(row.pop(_RECORDING, "")), row) for row in read_groups(groups) if row]


def _names_of(file: Path | None, run: RunLabels) -> Iterator[str]:
    """Yield what a table may call a recording."""
    yield run.id
    if file is not None:
        yield file.stem
        for path in (file.absolute(), file.absolute().parent):
            yield from ("/".join(path.parts[place:]) for place in range(1, len(path.parts)))
            yield path.as_posix()
    for entry in run.dependencies:
        name = str(entry.get("filename", ""))
        yield from (name, PurePath(name).stem)


def _posix(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./").rstrip("/")


def _where(file: Path | None, run: RunLabels) -> str:
    return str(file or f"run {run.id}")


def _found(facts: Iterable[str]) -> str:
    return listed(facts, 20) or "nothing that is known about it"
