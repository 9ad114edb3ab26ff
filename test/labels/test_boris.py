"""The table of events for BORIS."""

from __future__ import annotations

import csv
import io

import pytest

from support import RUN
from taggingbackends import Labels
from taggingbackends.labels import export_boris
from taggingbackends.system.csvtext import OWN_TABLES

# of BORIS 10.0.2, as its export writes them
BORIS = (
    "Observation id,Observation date,Description,Observation duration,Observation type,Source,"
    "Time offset (s),Media duration (s),FPS,Subject,Behavior,Behavioral category,Behavior type,"
    "Time,Media file name,Image index,Image file path,Comment"
)


def _rows(labels: Labels) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(export_boris(labels), newline="")))


def _events(labels: Labels) -> list[list[str]]:
    names = ("Observation id", "Time", "Subject", "Behavior", "Behavior type")
    return [[row[name] for name in names] for row in _rows(labels)]


def test_columns_are_those_of_boris_and_of_its_import_of_spreadsheets() -> None:
    table = export_boris(Labels())
    assert table == f"{BORIS},Code,Modifier\n"
    assert table.encode().startswith(OWN_TABLES)
    names = table.lower().split(",")
    assert {"time", "subject", "code", "comment"} <= set(names)
    assert "modifier\n" in names


def test_each_bout_starts_and_stops() -> None:
    labels = Labels()
    states = ["run", "run", ("run", "cast"), "cast", (), "run"]
    labels.set(RUN, 12, [1, 1.1, 1.2, 1.3, 1.4, 5], states)
    labels.set(RUN, 3, [1.1, 1.2], ["cast", "cast"])
    labels.set("other", 3, [0.5], ["stop"])
    assert _events(labels) == [
        [RUN, "1.000", "larva 12", "run", "START"],
        [RUN, "1.100", "larva 3", "cast", "START"],
        [RUN, "1.200", "larva 12", "cast", "START"],
        [RUN, "1.300", "larva 12", "run", "STOP"],
        [RUN, "1.300", "larva 3", "cast", "STOP"],
        [RUN, "1.400", "larva 12", "cast", "STOP"],
        [RUN, "5.000", "larva 12", "run", "START"],
        [RUN, "5.100", "larva 12", "run", "STOP"],
        ["other", "0.500", "larva 3", "stop", "START"],
        ["other", "1.500", "larva 3", "stop", "STOP"],
    ]


def test_a_behaviour_stops_before_it_starts_again() -> None:
    labels = Labels()
    labels.set(RUN, 1, [0, 1, 2], ["run"] * 3)
    table = export_boris(labels, max_gap=0.5)
    assert [row.split(",")[12] for row in table.splitlines()[1:]] == ["START", "STOP"] * 3


def test_the_observation_is_described() -> None:
    labels = Labels()
    labels.set(RUN, 1, [10, 10.25, 10.5], ["=run", (), ()])
    labels[RUN].dependencies = [{"filename": f"x{end}", "sha1": "0"} for end in (".a", ".b")]
    row = _rows(labels)[0]
    year, month, day = RUN[:4], RUN[4:6], RUN[6:8]
    time = f"{RUN[9:11]}:{RUN[11:13]}:{RUN[13:]}"
    assert row["Observation date"] == f"{year}-{month}-{day} {time}"
    assert row["Source"] == "x.a;x.b"
    assert (row["FPS"], row["Observation duration"]) == ("4.000", "0.750")
    assert row["Media file name"] == row["Media duration (s)"] == "NA"
    assert row["Behavior"] == row["Code"] == "'=run"
    labels = Labels()
    labels.set("a", 1, [0], ["run"])
    row = _rows(labels)[0]
    assert (row["Observation date"], row["FPS"], row["Source"]) == ("", "NA", "NA")


def test_max_gap_is_above_0() -> None:
    labels = Labels()
    labels.set(RUN, 1, [0], ["run"])
    with pytest.raises(ValueError, match="max_gap above 0"):
        export_boris(labels, 0)
