"""Labels from tables of events."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from strategies import EDITED, any_labels, tracks_of_bouts

from support import RUN, write_recording
from taggingbackends import Labels, TrackFileError, dependency
from taggingbackends.data import find_recordings, load_tracks
from taggingbackends.errors import LeftOutWarning
from taggingbackends.labels import export_boris, import_events
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.tablefiles import table_chunks

TABULAR = "Observation id,Subject,Behavior,Behavior type,Time,Comment"
AGGREGATED = "Observation id,Subject,Behavior,Behavior type,Start (s),Stop (s),Duration (s)"
# of BORIS 7: rows about the observation above the table, which has no column for it
BORIS_7 = f"""Observation id\t{RUN}\t\t\t\t\t\t\t
\t\t\t\t\t\t\t\t
Media file(s)\t\t\t\t\t\t\t\t
Player #1\tx.mp4\t\t\t\t\t\t\t
Time offset (s)\t0.0\t\t\t\t\t\t\t
independent variables\t\t\t\t\t\t\t\t
variable\tvalue\t\t\t\t\t\t\t
\t\t\t\t\t\t\t\t
Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus
0.200\tx.mp4\t359.960\t25.0\tlarva 3\trun\t\t\tSTART
0.500\tx.mp4\t359.960\t25.0\tlarva 3\trun\t\t\tSTOP
"""
# as R writes a data frame that it has read
FROM_R = (
    f'"","Observation.id","Subject","Behavior","Behavior.type","Start..s.","Stop..s."\n"1",{RUN}'
)
FROM_R += ',"larva 3","run","STATE",0.2,0.5\n'
EXPECTED = ["", "", "run", "run", "run", "", "", "", "", ""]


def _like() -> Labels:
    labels = Labels()
    labels.set(RUN, 3, np.arange(10) / 10, ["old"] * 10)
    labels.set(RUN, 12, np.arange(5) / 10, [()] * 5)
    return labels


def _import(folder: Path, content: str | bytes, like: Any = None) -> tuple[Labels, list[str]]:
    """Return the labels, and what was reported."""
    file = folder / "events.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        labels = import_events(file, _like() if like is None else like)
    found = [one.message for one in caught]
    assert len(found) <= 1
    sentences: list[str] = []
    for message in found:
        assert isinstance(message, LeftOutWarning)
        assert message.file == file
        sentences += message.sentences
    return labels, sentences


def _states(labels: Labels, larva: int = 3) -> list[str]:
    return ["+".join(labels_of(state)) for state in labels[RUN][larva].states]


def _tabular(*rows: str) -> str:
    return "\n".join([TABULAR, *(f"{RUN},{row}" for row in rows), ""])


def _aggregated(*rows: str) -> str:
    return "\n".join([AGGREGATED, *(f"{RUN},{row}" for row in rows), ""])


STATE = _aggregated("larva 3,run,STATE,0.200,0.500,0.300")
TABLES: dict[str, str | bytes] = {
    "tabular": _tabular("larva 3,run,START,0.200,", "larva 3,run,STOP,0.500,"),
    "rows in another order": _tabular("larva 3,run,STOP,0.500,", "larva 3,run,START,0.200,"),
    "aggregated": STATE,
    "bouts": f"run,larva,label,start,stop,duration,frames\n{RUN},3,run,0.200,0.500,0.300,3\n",
    "BORIS 7": BORIS_7,
    "R": FROM_R,
    "BOM": f"\ufeff{STATE}",
    "UTF-16": STATE.encode("utf-16"),
    "CRLF": STATE.replace("\n", "\r\n"),
    "CR": STATE.replace("\n", "\r"),
    "tabs": STATE.replace(",", "\t"),
    "semicolons": STATE.replace(",", ";").replace("0.", "0,"),
    "sep=": "sep=;\n" + STATE.replace(",", ";"),
    "quoted decimal commas": re.sub(r"0\.(\d+)", r'"0,\1"', STATE),
    "blank rows": STATE.replace("\n", "\n,,,,,,\n\n"),
    "two tables": STATE + STATE.replace("run", "run").splitlines()[0] + "\n",
    "spellings": STATE.replace("Behavior", "behaviour").replace("Subject", " SUBJECT "),
    "number of the larva": STATE.replace("larva 3", "0003"),
    "number of a spreadsheet": STATE.replace("larva 3", "3.0"),
    "other name of the larva": STATE.replace("larva 3", "Larva_03"),
    "no observation": STATE.replace(f"{RUN},", "").replace("Observation id,", ""),
    "another name of the only observation": STATE.replace(RUN, "video 1"),
    "name of its file": STATE.replace(RUN, f"{RUN}@x@y"),
    "without the last line break": STATE.rstrip(),
}


@pytest.mark.parametrize("content", TABLES.values(), ids=list(TABLES))
def test_tables_are_read(content: str | bytes, tmp_path: Path) -> None:
    labels, reported = _import(tmp_path, content)
    assert _states(labels) == EXPECTED
    assert reported == []
    assert labels.count() == {"run": 3, "": 12}


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "expected columns .*, found an empty file"),
    "a workbook": (b"PK\x03\x04" + bytes(200), "Excel workbook; .*save the sheet as CSV"),
    "another table": ("a,b\n1,2\n", "expected columns Subject, Behavior.* 'a,b'"),
    "no type": (f"Subject,Behavior,Time\n{RUN}", "expected columns .*Behavior type"),
    "no events": (TABULAR + "\n", "expected events, found none"),
    "another type": (_tabular("larva 3,run,BEGIN,0.2,"), "line 2: expected START or STOP or POINT"),
    "no number": (_aggregated("larva 3,run,STATE,0.2,later,"), "line 2: .* in seconds, .*'later'"),
    "decimal commas between commas": (
        _aggregated("larva 3,run,STATE,0,2,0,5,0,3"),
        "line 2: expected 7 cells, as many as columns, found 10; a decimal comma",
    ),
    "digits in groups": (
        STATE.replace(",", "\t").replace("0.200", "1,200").replace("0.500", "1,500"),
        "a comma or point could also group digits",
    ),
    "cut": (STATE[:-20], "line 2: expected a cell for each of 7 columns, found .* is the file cut"),
    "a column twice": (
        STATE.replace("Duration (s)", "Subject"),
        "line 1: expected each column once, found 'Subject' again",
    ),
    "stop before start": (
        _aggregated("larva 3,run,STATE,0.5,0.2,"),
        r"line 2: expected a stop after the start \(0\.5 s\), found 0\.2 s",
    ),
    "START twice": (
        _tabular(*(f"larva 3,run,{x}," for x in ("START,0", "START,0.2", "STOP,0.5", "STOP,0.7"))),
        r"line 3: expected STOP after START in line 2, found START \(run of larva 3\)",
    ),
    "two larvae": (
        _aggregated("larvae 3 and 12,run,STATE,0.2,0.5,"),
        "line 2: .*'larvae 3 and 12', which could be larva 3 or 12",
    ),
    "no larva": (
        _aggregated("No focal subject,run,STATE,0.2,0.5,"),
        r"expected larvae of the recording \(3, 12\), found 'No focal subject'",
    ),
    "another run": (
        STATE.replace(RUN, "20200101_000000@x"),
        f"expected an observation of {RUN}, found '20200101_000000@x'; give the observation",
    ),
    "other observations": (
        STATE.replace(RUN, "a") + STATE.replace(RUN, "b"),
        f"expected an observation of {RUN}, found 'a', 'b'",
    ),
    "damaged UTF-16": (b"\xff\xfea", "expected text in utf-16, found other bytes"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=list(REFUSED))
def test_tables_of_several_meanings_are_refused(
    content: str | bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(TrackFileError, match=message):
        _import(tmp_path, content)


REPORTED: dict[str, tuple[str, list[str], list[str]]] = {
    "unknown subjects": (
        _aggregated("No focal subject,run,STATE,0,1,", ",run,STATE,0,1,", "larva 3,cast,POINT,0,,")
        + f"{RUN},larva 17,run,STATE,0,1,\n",
        ["cast", *[""] * 9],
        [
            "3 events of subjects that are no larva of the recording "
            "('No focal subject', 'no subject', 'larva 17'; lines 2, 3, 5)"
        ],
    ),
    "other observations": (
        STATE + STATE.splitlines()[1].replace(RUN, "b"),
        EXPECTED,
        ["1 event of other observations (b; line 3)"],
    ),
    "unpaired": (
        _tabular("larva 3,run,STOP,0.1,", "larva 3,run,START,0.2,", "larva 3,run,STOP,0.5,")
        + f"{RUN},larva 3,run,STOP,0.6,\n{RUN},larva 3,run,START,0.8,\n",
        EXPECTED,
        ["1 START without STOP (line 6)", "2 STOP without START (lines 2, 5)"],
    ),
    "overlap": (
        _aggregated("larva 3,run,STATE,0.2,0.4,", "larva 3,run,STATE,0.3,0.5,"),
        EXPECTED,
        ["1 event overlapping one before (line 3)"],
    ),
    "without frames": (
        _aggregated(
            "larva 3,run,STATE,0.2,0.5,",
            "larva 3,cast,STATE,0.61,0.69,",
            "larva 3,cast,STATE,1,5,",
            "larva 3,cast,POINT,1.5,1.5,NA",
            "larva 3,cast,STATE,-1,0,",
        ),
        EXPECTED,
        ["3 events outside the tracked time (lines 4, 5, 6)", "1 event between frames (line 3)"],
    ),
    "modifiers and comments": (
        f"{AGGREGATED},Modifier #1,Modifier #2,Comment start,Comment stop\n"
        f"{RUN},3,run,STATE,0.2,0.4,,fast,,,\n{RUN},3,run,STATE,0.4,0.5,,,left,None,x\n",
        EXPECTED,
        ["1 row with a comment (line 3)", "2 rows with a modifier (lines 2, 3)"],
    ),
    "confidence": (
        f"run,larva,label,start,stop,duration,frames,confidence\n{RUN},3,run,0.2,0.5,0.3,3,0.9\n",
        EXPECTED,
        ["1 row with a confidence (line 2)"],
    ),
    "without a time or behaviour": (
        _aggregated(
            "larva 3,run,STATE,0.2,0.5,", "larva 3,run,STATE,NA,NA,", "larva 3,,STATE,1,2,"
        ),
        EXPECTED,
        ["1 row without a time (line 3)", "1 row without a behaviour (line 4)"],
    ),
}


@pytest.mark.parametrize(("content", "states", "sentences"), REPORTED.values(), ids=list(REPORTED))
def test_what_is_left_out_is_reported(
    content: str, states: list[str], sentences: list[str], tmp_path: Path
) -> None:
    labels, reported = _import(tmp_path, content)
    assert _states(labels) == states
    assert reported == sentences


def test_modifiers_make_another_state_as_in_boris(tmp_path: Path) -> None:
    table = f"{TABULAR},Modifier #1\n" + "".join(
        f"{RUN},larva 3,run,{type},{time},,{modifier}\n"
        for type, time, modifier in (
            ("START", 0.2, "a"),
            ("START", 0.3, "b"),
            ("STOP", 0.4, "a"),
            ("STOP", 0.5, "b"),
        )
    )
    labels, reported = _import(tmp_path, table)
    assert _states(labels) == EXPECTED
    assert reported[1:] == ["1 event overlapping one before (line 3)"]


def test_another_table_is_refused_without_reading_all_of_it(tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    file.write_text("a,b,c\n" + "1,2,3\n" * 2_000_000)
    begin = time.process_time()
    with pytest.raises(TrackFileError, match="expected columns Subject, Behavior"):
        import_events(file, _like())
    assert time.process_time() - begin < 2  # 20 s if each row might be the header


def test_point_events_label_the_nearest_frame(tmp_path: Path) -> None:
    rows = [f"larva 3,hunch,POINT,{time}," for time in ("0.16", "0.33", "0.95")]
    labels, reported = _import(tmp_path, _tabular(*rows))
    assert [place for place, state in enumerate(_states(labels)) if state] == [2, 3, 9]
    assert reported == []


def test_labels_at_the_same_time_are_several(tmp_path: Path) -> None:
    table = _aggregated("3,cast,STATE,0.1,0.4,", "3,run,STATE,0,0.2,", "3,edited,POINT,0,,")
    like = _like()
    like[RUN].declare(["run", "old"], ["#111111", "#222222"])
    labels, _ = _import(tmp_path, table, like)
    expected = ["run+edited", "run+cast", "cast", "cast"]
    assert _states(labels)[:4] == expected
    assert labels[RUN].names == ["run", "old", "cast"]
    assert labels[RUN].colors == ["#111111", "#222222", "#808080"]
    assert labels[RUN].secondary_names == [EDITED]
    assert _states(like) == ["old"] * 10


def test_new_labels_are_declared_in_the_order_of_the_table(tmp_path: Path) -> None:
    rows = (f"3,{name},STATE,{start},{start}.9," for start, name in enumerate("dbca"))
    like = Labels.from_dict({RUN: {3: dict.fromkeys(range(4), "old")}})
    labels, _ = _import(tmp_path, _aggregated(*rows), like)
    assert labels[RUN].names == ["old", "d", "b", "c", "a"]


def test_labels_of_a_recording_depend_on_its_files(tmp_path: Path) -> None:
    spine = write_recording(tmp_path)
    recording = load_tracks(spine, spine=False, outline=False)
    larva, track = next(iter(recording.items()))
    table = f"run,larva,label,start,stop\nx,{larva},run,-1,{track.times[1]}\n"
    labels, reported = _import(tmp_path, table, recording)
    run = labels[recording.run]
    assert reported == []
    files = sorted([spine, spine.with_suffix(".outline")])
    assert run.dependencies == [dependency(file) for file in files]
    assert run.metadata == recording.metadata
    assert list(run) == list(recording)
    assert run.count()["run"] == 1
    labels.write(tmp_path / "x.label")
    assert Labels.read(tmp_path / "x.label").check_dependencies(tmp_path)
    # labels of the recording, which a model predicted, give the same
    run.metadata["software"] = {"model_instance": "m"}
    again, _ = _import(tmp_path, table, labels)
    assert again[recording.run].dependencies == run.dependencies
    assert "software" not in again[recording.run].metadata


def test_observations_are_runs(tmp_path: Path) -> None:
    like = _like()
    like["b"] = like[RUN]
    like["c"] = like[RUN]
    table = STATE + STATE.splitlines()[1].replace(RUN, "b")
    labels, reported = _import(tmp_path, table, like)
    assert list(labels) == [RUN, "b"]
    assert labels["b"][3].states == labels[RUN][3].states
    assert reported == []


def test_other_types_of_like_are_refused(tmp_path: Path) -> None:
    for like in ("x.spine", tmp_path, [1]):
        with pytest.raises(TypeError, match=r"expected Labels or a recording.*load_tracks"):
            import_events(tmp_path / "x.csv", like)  # type: ignore[arg-type, unused-ignore]


def test_tables_are_no_input_of_a_folder(tmp_path: Path) -> None:
    spine = write_recording(tmp_path)
    (tmp_path / "events.csv").write_text(export_boris(_like()))
    unreadable: dict[Path, Exception] = {}
    assert list(find_recordings(tmp_path, unreadable)) == [spine]
    assert unreadable == {}


def bouts_csv(labels: Labels) -> str:
    return b"".join(table_chunks("bouts", lambda: [labels], ".csv")).decode()


@pytest.mark.parametrize("written", [export_boris, bouts_csv])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(labels=any_labels() | tracks_of_bouts())
def test_a_table_of_labels_gives_the_same_states(
    labels: Labels, written: Callable[[Labels], str], tmp_path: Path
) -> None:
    assume(labels.count().keys() - {""})
    found, reported = _import(tmp_path, written(labels), labels)
    assert [one for one in reported if "with a confidence" not in one] == []
    for run in labels.values():
        if run.count().keys() - {""}:
            assert list(found[run.id]) == list(run)
        for larva, track in found.get(run.id, {}).items():
            assert np.array_equal(track.times, run[larva].times)
            # a table has no order of the labels of a state
            assert [set(labels_of(state)) for state in track.states] == [
                set(labels_of(state)) for state in run[larva].states
            ]
