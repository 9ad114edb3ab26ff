"""Tables of events: those that BORIS exports, and the tables of bouts of this package.

BORIS is an event-logging program (https://www.boris.unito.it). Its tables are those of its versions
8.27.4 and 10.0.2, which are the same, and of version 7, whose tabular events have rows about the
observation above the table.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from taggingbackends.data.dialect import decoded, encoding_of
from taggingbackends.data.nearmisses import reason
from taggingbackends.data.numerals import decimal_mark, number
from taggingbackends.errors import TrackFileError, shown
from taggingbackends.system.csvtext import plain_text
from taggingbackends.system.words import counted, listed

__all__ = ["Event", "EventTable", "read_events"]

_SEPARATORS = ",;\t|"
_EMPTY = ("", "na", "nan", "none")  # of BORIS, pandas and R
_SECONDS = ("starts", "stops")
_HEAD = 1024  # bytes that tell what another file is
_ABOVE = 2**18  # characters in which the header is, below rows about the observation


class Event(NamedTuple):
    """A behaviour of a subject.

    Attributes
    ----------
    observation : str
        Its identifier; "" if the table has none.
    subject, behavior : str
        As in the table.
    start : float
        Seconds.
    stop : float or None
        Seconds; None for a point event.
    line : int
        1-based line in the file.
    """

    observation: str
    subject: str
    behavior: str
    start: float
    stop: float | None
    line: int


class EventTable(NamedTuple):
    """The events of a table, in the order of the file, and what was left out, counted."""

    events: list[Event]
    left_out: list[str]


def read_events(path: str | PathLike[str]) -> EventTable:
    """Read a table of events.

    Parameters
    ----------
    path : path
        A text file with one of these tables. The order of columns does not matter, and other
        columns may be between them. Columns are separated by commas, semicolons, tabs or ``|``.

        - *Tabular events* of BORIS: Subject, Behavior, Time, and Behavior type (before version 8:
          Status). A state event has a row START and a row STOP.
        - *Aggregated events* of BORIS: Subject, Behavior, Start (s), Stop (s), Behavior type.
        - Bouts of this package: run, larva, label, start, stop.

    Raises
    ------
    TrackFileError
        It is no such table, or a row has several meanings.
    OSError
        The file cannot be read.
    """
    path = Path(path)
    return _Table(path, path.read_bytes()).read()


class _Row(NamedTuple):
    line: int
    cells: dict[str, str]  # by column


class _Table:
    """Parser of a table."""

    def __init__(self, file: Path, content: bytes) -> None:
        self.file = file
        try:
            text = decoded(content, encoding_of(content[:4]))
        except ValueError as error:
            raise TrackFileError(str(error), file=file) from None
        for separator in _SEPARATORS:
            for place, (_, cells) in enumerate(_split(text[:_ABOVE], separator)):
                names = _columns(cells)
                kind = _kind(names)
                if kind and (lines := _split(text, separator)):
                    self.separator, self.lines, self.header = separator, lines, place
                    self.names, self.kind = names, kind
                    return
        expected = "columns Subject, Behavior, Behavior type and Time, or Start (s) and Stop (s)"
        fix = "export tabular or aggregated events of BORIS as CSV, or name a table of bouts"
        problem = f"expected {expected}, found an empty file"
        if text.strip():
            problem = reason(content[:_HEAD], content[:_HEAD], expected, fix)
        raise TrackFileError(problem, file=file)

    def read(self) -> EventTable:
        self.left_out: list[str] = []
        rows = self._complete(list(self._rows()))
        columns = _SECONDS if self.kind == "aggregated" else ("time",)
        times = {row.cells[name] for row in rows for name in columns}
        try:
            self.mark = decimal_mark(times, self.separator)
        except ValueError as error:
            raise TrackFileError(str(error), file=self.file) from None
        events = self._bouts(rows) if self.kind == "aggregated" else self._paired(rows)
        self._leave_out("comment", rows)
        self._leave_out("modifier", rows)
        self._leave_out("confidence", rows)
        return EventTable(sorted(events, key=lambda event: event.line), self.left_out)

    # -- rows

    def _rows(self) -> Iterator[_Row]:
        """Yield the rows of the table that are not blank."""
        names = self.names
        header = self.lines[self.header][1]
        twice = [name for name in _COLUMNS[self.kind] if names.count(name) > 1]
        if twice:
            found = shown(header[names.index(twice[0])])
            line = self.lines[self.header][0]
            self._refuse(line, f"expected each column once, found {found} again")
        observation = "" if "observationid" in names else self._observation()
        for line, cells in self.lines[self.header + 1 :]:
            if not any(map(str.strip, cells)) or cells == header:
                continue  # blank, or the header of another table after this one
            if any(map(str.strip, cells[len(names) :])):
                found = f"found {len(cells)}; a decimal comma needs another separator, or quotes"
                self._refuse(line, f"expected {len(names)} cells, as many as columns, {found}")
            row = dict(zip(names, cells, strict=False))
            if "observationid" not in names:
                row["observationid"] = observation
            lacking = [name for name in _COLUMNS[self.kind] if name not in row]
            if lacking:
                found = f"found {len(cells)} cells; is the file cut?"
                self._refuse(line, f"expected a cell for each of {len(names)} columns, {found}")
            yield _Row(line, row)

    def _observation(self) -> str:
        """Return the observation that the rows above the table name; "" if they do not."""
        for _, cells in self.lines[: self.header]:
            if len(cells) > 1 and _columns(cells[:1]) == ["observationid"]:
                return cells[1]
        return ""

    def _complete(self, rows: list[_Row]) -> list[_Row]:
        """Return the rows with a behaviour and times; report the others."""
        times = _SECONDS[:1] if self.kind == "aggregated" else ("time",)
        without: dict[str, list[int]] = defaultdict(list)
        kept = []
        for row in rows:
            if not row.cells["behavior"]:
                without["behaviour"].append(row.line)
            elif any(_is_empty(row.cells[name]) for name in times):
                without["time"].append(row.line)
            else:
                kept.append(row)
        for what, lines in without.items():
            self._report(lines, f"row without a {what}", f"rows without a {what}")
        return kept

    def _leave_out(self, what: str, rows: list[_Row]) -> None:
        """Report the cells of columns that are not read."""
        columns = [name for name in self.names if name.startswith(what)]
        lines = [
            row.line
            for row in rows
            if any(not _is_empty(row.cells.get(name, "")) for name in columns)
        ]
        self._report(lines, f"row with a {what}", f"rows with a {what}")

    def _report(self, lines: Collection[int], one: str, several: str) -> None:
        if lines:
            places = f"line{'s' * (len(lines) > 1)} {listed(sorted(lines))}"
            self.left_out.append(f"{counted(len(lines), one, several)} ({places})")

    def _refuse(self, line: int, problem: str) -> None:
        raise TrackFileError(problem, file=self.file, line=line)

    # -- events

    def _time(self, row: _Row, column: str) -> float:
        cell = row.cells[column].strip()
        value = number(cell, self.mark)
        if value is None:
            problem = f"expected a time in seconds, found {shown(cell)}"
            raise TrackFileError(problem, file=self.file, line=row.line)
        return value

    def _type(self, row: _Row, known: tuple[str, ...]) -> str:
        found = row.cells.get("behaviortype", row.cells.get("status", "")).strip().upper()
        if found not in known:
            self._refuse(row.line, f"expected {' or '.join(known)}, found {shown(found)}")
        return found

    def _event(self, row: _Row, start: float, stop: float | None) -> Event:
        observation, subject, behavior = (
            plain_text(row.cells[name]) for name in ("observationid", "subject", "behavior")
        )
        return Event(observation, subject.strip(), behavior, start, stop, row.line)

    def _bouts(self, rows: Iterable[_Row]) -> Iterator[Event]:
        """Yield the events of a table with a row for each event."""
        has_type = not {"behaviortype", "status"}.isdisjoint(self.names)
        for row in rows:
            type = self._type(row, ("STATE", "POINT")) if has_type else "STATE"
            start, stop = self._time(row, "starts"), None
            if type == "STATE":
                stop = self._time(row, "stops")
                if stop < start:
                    problem = f"expected a stop after the start ({start:g} s), found {stop:g} s"
                    self._refuse(row.line, problem)
            yield self._event(row, start, stop)

    def _paired(self, rows: Iterable[_Row]) -> Iterator[Event]:
        """Yield the events of a table with a row for each start and stop."""
        modifiers = [name for name in self.names if name.startswith("modifier")]
        by_state: dict[tuple[str, ...], dict[float, dict[str, list[_Row]]]] = {}
        for row in rows:
            type = self._type(row, ("START", "STOP", "POINT"))
            time = self._time(row, "time")
            if type == "POINT":
                yield self._event(row, time, None)
                continue
            names = ("observationid", "subject", "behavior", *modifiers)
            # as in BORIS, modifiers make another state
            times = by_state.setdefault(tuple(row.cells.get(name, "") for name in names), {})
            times.setdefault(time, {"START": [], "STOP": []})[type].append(row)
        unpaired: dict[str, list[int]] = {"START": [], "STOP": []}
        for times in by_state.values():
            begun: tuple[float, _Row] | None = None
            for time in sorted(times):
                starts, stops = times[time]["START"], times[time]["STOP"]
                while starts or stops:
                    # at one time, a state that is on ends before it begins again
                    if stops and (begun or not starts or stops[0].line < starts[0].line):
                        row = stops.pop(0)
                        if not begun:
                            unpaired["STOP"].append(row.line)
                        else:
                            yield self._event(begun[1], begun[0], time)
                            begun = None
                        continue
                    row = starts.pop(0)
                    if begun:
                        problem = f"expected STOP after START in line {begun[1].line}, found START"
                        of = f"{row.cells['behavior']} of {row.cells['subject']}"
                        self._refuse(row.line, f"{problem} ({of}); pair the events in BORIS")
                    begun = time, row
            if begun:
                unpaired["START"].append(begun[1].line)
        self._report(unpaired["START"], "START without STOP", "START without STOP")
        self._report(unpaired["STOP"], "STOP without START", "STOP without START")


_COLUMNS = {  # that each row has, by kind
    "aggregated": ("observationid", "subject", "behavior", *_SECONDS),
    "tabular": ("observationid", "subject", "behavior", "time"),
}
_OWN = {  # columns of tables of bouts
    "run": "observationid",
    "larva": "subject",
    "label": "behavior",
    "start": "starts",
    "stop": "stops",
}


def _split(text: str, separator: str) -> list[tuple[int, list[str]]]:
    """Return the 1-based line and the cells of each row."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows, line = [], 1
    try:
        for cells in reader:
            rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error:
        return []  # e.g. in binary files
    return rows


def _columns(header: Iterable[str]) -> list[str]:
    """Return the names of columns in one spelling: R writes ``Start..s.``."""
    names = [re.sub("[^a-z0-9]+", "", cell.lower()) for cell in header]
    if _OWN.keys() <= set(names):
        return [_OWN.get(name, name) for name in names]
    return [name.replace("behaviour", "behavior") for name in names]


def _kind(names: Collection[str]) -> str:
    """Return "tabular", "aggregated", or "" for a row that is no header."""
    if {"subject", "behavior", *_SECONDS}.issubset(names):
        return "aggregated"
    has_type = not {"behaviortype", "status"}.isdisjoint(names)
    return "tabular" if has_type and {"subject", "behavior", "time"}.issubset(names) else ""


def _is_empty(cell: str) -> bool:
    return cell.strip().lower() in _EMPTY
