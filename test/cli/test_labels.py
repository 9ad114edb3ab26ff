"""`tagging-backend labels`: showing, checking, converting, comparing and editing."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import (
    CONTRACT,
    RUN,
    STEM,
    backend_error,
    command,
    parse,
    posix,
    refused,
    text,
    tree,
    write_recording,
)
from taggingbackends import LabelFileError, Labels, TaggingBackendsError, dependency
from taggingbackends.analysis.comparison import compare_files
from taggingbackends.analysis.overview import overview
from taggingbackends.cli import cli
from taggingbackends.data.labelsources import read_labels
from taggingbackends.display.tables import aligned, confusion_table, label_table, run_table
from taggingbackends.labels import writing
from taggingbackends.labels.conversion import split, united
from taggingbackends.labels.inspection import find_errors
from variants import trxmat

OTHER = "20240612_090000"


@pytest.fixture
def labels() -> Labels:
    labels = Labels()
    labels.set(RUN, 7, np.arange(100) / 10, ["run"] * 50 + ["cast"] * 30 + [()] * 20)
    labels.set(RUN, 12, np.arange(20, 60) / 10, [("roll", "small")] * 40)
    labels[RUN].declare(["run", "cast", "roll", "small"], ["#111111"] * 4)
    labels[RUN].secondary_names = ["small"]
    return labels


@pytest.fixture
def file(tmp_path: Path, labels: Labels) -> Path:
    labels.write(tmp_path / "x.label")
    return tmp_path / "x.label"


@pytest.fixture
def several_runs(tmp_path: Path, labels: Labels) -> Path:
    labels.attributes["project"] = "p"
    labels.set(OTHER, 1, [0.0], ["stop"])
    labels.write(tmp_path / "both.label")
    return tmp_path / "both.label"


@pytest.fixture
def predicted(tmp_path: Path) -> Path:
    """Return predicted labels of a larva, of which somebody has edited some frames."""
    labels = Labels()
    states = ["run"] * 6 + ["cast"] + ["run"] * 4 + [("cast", "edited")] * 4
    confidence = [0.9] * 5 + [0.7] + [np.nan] + [0.7] * 4 + [0.2] * 4
    labels.set(RUN, 7, np.arange(15) / 10, states, confidence, ["cast"] * 15)
    labels[RUN].secondary_names = ["edited"]
    labels.write(tmp_path / "predicted.label")
    return tmp_path / "predicted.label"


def run(*arguments: Any, cwd: Path, exit_code: int = 0) -> str:
    result = command("labels", *arguments, cwd=cwd)
    assert (result.returncode, result.stderr) == (exit_code, "")
    return result.stdout


# show


def test_show(file: Path) -> None:
    lines = run("show", file, cwd=file.parent).splitlines()
    assert lines[:10] == [
        str(file),
        "",
        "run              larvae  frames  duration     from       to",
        "20240611_101500       2     140   9.900 s  0.000 s  9.900 s",
        "",
        "label           frames   share",
        "run                 50   35.7%",
        "cast                30   21.4%",
        "roll                40   28.6%",
        "small               40   28.6%",
    ]
    assert lines[10:13] == ["(undefined)         20   14.3%", "", f"run {RUN}"]
    assert lines[14].startswith(" 7 rrrr")


def test_show_json(file: Path, several_runs: Path) -> None:
    (one, two) = json.loads(run("show", file, several_runs, "--json", cwd=file.parent))
    assert one == {
        "file": str(file),
        "runs": [
            {
                "run": RUN,
                "larvae": 2,
                "frames": 140,
                "start": 0.0,
                "stop": 9.9,
                "labels": {"run": 50, "cast": 30, "roll": 40, "small": 40},
                "undefined": 20,
                "secondary": ["small"],
                "confidence": {},
                "rated": {},
            }
        ],
    }
    assert [run["run"] for run in two["runs"]] == [RUN, OTHER]


def test_show_prints_the_mean_confidence(predicted: Path) -> None:
    lines = run("show", predicted, cwd=predicted.parent).splitlines()
    assert lines[5:8] == [
        "label      frames   share  confidence",
        "run            10   66.7%         80%",
        "cast            5   33.3%",  # one without confidence, the others edited
    ]
    (shown,) = json.loads(run("show", "--json", predicted, cwd=predicted.parent))
    (of_run,) = shown["runs"]
    assert of_run["confidence"] == {"run": pytest.approx(0.8)}
    assert of_run["rated"] == {"run": 10}


@pytest.fixture
def sources(tmp_path: Path, file: Path) -> Path:
    """Return a folder with a label file, and with a trx.mat in a folder of its own."""
    folder = tmp_path / "lab"
    (folder / "b").mkdir(parents=True)
    file.rename(folder / "x.label")
    (folder / "b" / "trx.mat").write_bytes(*trxmat.image(trxmat.larva(3)).values())
    return folder


def test_show_plot_and_report_take_folders_and_trx_mat(sources: Path) -> None:
    files = [str(Path("lab/b/trx.mat")), str(Path("lab/x.label"))]
    found = json.loads(run("show", "--json", "lab", cwd=sources.parent))
    assert [one["file"] for one in found] == files
    assert found[0]["runs"][0]["labels"] == dict.fromkeys(trxmat.ACTIONS[:4], 1)
    assert "hunch" in run("show", "lab/b/trx.mat", cwd=sources.parent)
    assert files[1] in run("show", "lab/*.label", cwd=sources.parent)
    assert run("report", "lab", "-o", "r.html", cwd=sources.parent) == "r.html\n"
    assert run("report", "lab/b/trx.mat", "-o", "t.html", cwd=sources.parent) == "t.html\n"
    page = (sources.parent / "r.html").read_text("utf-8")
    assert all(f'"file":{json.dumps(name)}' in page for name in files)


NOT_LABELS = {
    "table.csv": (b"a,b\n1,2\n", "expected a label file (JSON), found 'a,b'; name a label file"),
    "README.md": (b"# Title\n", "found '# Title'; name a label file, such as predicted.label"),
    "x.png": (b"\x89PNG\r\n\x1a\n\0\0", "found a PNG picture; name a label file"),
    "renamed.label": (
        b"\x89PNG\r\n\x1a\n\0\0",
        "invalid-json: expected a label file (JSON), found a",
    ),
    "none": (b"", "found an empty file; copy the file again"),
    "none.label": (b"", "invalid-json: expected a label file (JSON), found an empty file"),
    "v5.mat": (b"MATLAB 5.0 MAT-file, Plat", "found a MATLAB 5 file; save it in MATLAB with -v7.3"),
    "x.nc": (b"\x89HDF\r\n\x1a\n\0\0", "expected HDF5, found none or a damaged one"),
    "old.nc": (b"CDF\x01\0\0", "found a NetCDF 3 file; save it as NetCDF 4"),
    "bouts.csv": (
        b"run,larva,label,start\n",
        "found a table that this package wrote; name",
    ),
    "x.label.gz": (b"\x1f\x8b\x08\0", "found a file compressed with gzip; decompress it first"),
    "package.json": (
        b'{"name": 1}',
        'not-a-label-file: expected "data" (or "runs"), found neither',
    ),
    "cut.label": (b'{"metadata":', "invalid-json: expected JSON, found: unexpected end of data"),
    "x.spine": (b"20240611_101500 1 0.5 1 2\n", "found a recording without labels (Choreography)"),
    "utf16.label": ("{}".encode("utf-16"), "found '{}' in UTF-16; name a label file"),
}


@pytest.mark.parametrize("name", NOT_LABELS)
def test_a_file_of_another_kind_is_refused_with_its_kind(name: str, tmp_path: Path) -> None:
    content, message = NOT_LABELS[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TaggingBackendsError) as refusal:
        read_labels(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert refusal.value.exit_code == 1


def test_what_has_no_labels_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "table.csv").write_text("a,b\n")
    for command_ in (("show",), ("report", "-o", "x.html"), ("plot", "-o", "x.png")):
        for name, message in {
            "none": "none: expected label files, or tracker files with labels, found none; name",
            "table.csv": "table.csv: invalid-json: expected a label file (JSON), found 'a,b'; name",
            "*.label": "*.label: expected matching files, found none",
        }.items():
            refused(command("labels", *command_, name, cwd=tmp_path), message)
    refused(command("labels", "crop", "table.csv", "-o", "x.label", cwd=tmp_path), "found 'a,b'")
    assert {path.name for path in tmp_path.iterdir()} == {"none", "table.csv"}


def test_tables_fit_the_width(labels: Labels) -> None:
    labels[RUN].declare(["run", "cast", "roll", "a_very_long_name_of_a_label_" * 2])
    labels.set(RUN, 1, [0.0], ["a_very_long_name_of_a_label_" * 2])
    runs = overview(labels)
    for table in (label_table(runs, 40), run_table(runs, 62)):
        assert max(map(len, table.splitlines())) <= 62
    assert "a_very_lon…f_a_label_  " in label_table(runs, 40).splitlines()[4]
    assert aligned([["a", "1"], ["bcd", "23"]]) == "a     1\nbcd  23"
    empty = Labels()
    empty.add_run(RUN)
    assert label_table(overview(empty)) == "label     frames   share"
    assert run_table(overview(empty)).splitlines()[1].split() == [RUN, "0", "0", "0.000", "s"]


# check


def test_every_error_is_found(tmp_path: Path) -> None:
    document = {
        "runs": {
            "a": {
                "metadata": {"id": "a"},
                "units": {"t": "min"},
                "labels": ["run", "run", 5, ""],
                "dependencies": [{"filename": "../x", "sha1": "0"}, {"filename": "none.spine"}],
                "data": [
                    {"id": 1, "t": [0.1, 0.1, "x", 0.3, 0.2], "labels": [[], "", [], "run"]},
                    {"id": "1", "t": [], "labels": []},
                    {"id": 70000, "t": [1, 0], "labels": [[], [["run"]]]},
                    {"id": 2, "t": 3, "labels": []},
                    7,
                ],
            },
            "b": {
                "metadata": {"id": "c"},
                "labels": ["run"],
                "secondarylabels": ["run"],
                "data": [],
            },
            "d": {
                "metadata": {"id": "d"},
                "labels": ["run"],
                "dependencies": {"filename": "none.spine", "sha1": "0"},
                "data": [{"id": 3, "t": [0, 1, 2], "labels": [2, 1, [1, 1]]}],
            },
            "e": 3,
        }
    }
    path = tmp_path / "x.label"
    path.write_text(json.dumps(document))
    found = [(e.run, e.track, e.index, e.kind) for e in find_errors(path)]
    assert found == [
        ("a", None, None, "bad-units"),
        ("a", None, 1, "bad-label"),
        ("a", None, 2, "bad-label"),
        ("a", None, 3, "bad-label"),
        ("a", None, 0, "bad-dependency"),
        ("a", None, 1, "bad-dependency"),
        ("a", 1, 1, "duplicate-larva"),
        ("a", None, 2, "bad-larva-id"),
        ("a", None, 4, "not-a-label-file"),
        ("a", 1, 1, "bad-time"),
        ("a", 1, 2, "bad-time"),
        ("a", 1, 4, "bad-time"),
        ("a", 1, 1, "bad-label"),
        ("a", 1, None, "length-mismatch"),
        ("a", None, 1, "bad-time"),
        ("a", None, 1, "bad-code"),
        ("a", 2, None, "length-mismatch"),
        ("b", None, None, "not-a-label-file"),
        ("c", None, None, "overlapping-names"),
        ("d", None, 0, "bad-dependency"),
        ("d", 3, 0, "bad-code"),
        ("d", 3, 2, "bad-code"),
        ("e", None, None, "not-a-label-file"),
    ]
    lines = run("check", path, cwd=tmp_path, exit_code=1).splitlines()
    assert len(lines) == len(found)
    assert lines[0] == f"{path}: run a: bad-units: expected \"s\" as units.t, found 'min'"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (
            {"labels": {"names": ["a", "a"], "colors": [1, "#fff", 3]}},
            [(1, "bad-label"), (0, "bad-label"), (2, "bad-label"), (None, "bad-label")],
        ),
        (
            {"labels": ["a", "b"], "secondarylabels": ["a", "c", "b"]},
            [(None, "overlapping-names"), (None, "overlapping-names")],
        ),
        (
            {"labels": ["a", "a", "b"], "secondarylabels": ["b"]},
            [(1, "bad-label"), (None, "overlapping-names")],
        ),
        (
            {"units": {"t": "h"}, "runs": {}},
            [(None, "not-a-label-file"), (None, "bad-units")],
        ),
    ],
)
def test_errors_do_not_hide_each_other(
    entries: dict[str, Any], expected: list[tuple[int | None, str]], tmp_path: Path
) -> None:
    path = tmp_path / "x.label"
    path.write_text(json.dumps({"metadata": {"id": "r"}, **entries, "data": []}))
    assert [(error.index, error.kind) for error in find_errors(path)] == expected


def test_errors_in_a_track_with_an_invalid_identifier_have_its_position(tmp_path: Path) -> None:
    data = [{"id": 0, "t": [0], "labels": [[]]}, {"id": "abc", "t": [0, 0], "labels": [[], []]}]
    path = tmp_path / "x.label"
    path.write_text(json.dumps({"metadata": {"id": "r"}, "data": data}))
    first, second = map(str, find_errors(path))
    assert "run r, index 1: bad-larva-id" in first
    assert second.endswith(
        "run r, index 1: bad-time: expected a time after 0.0, found 0.0 (in track 1 of data)"
    )


def test_a_run_under_another_key_is_reported_once(tmp_path: Path) -> None:
    run = {"metadata": {"id": "r"}, "data": [{"id": 1, "t": [0, 0], "labels": [[], []]}]}
    path = tmp_path / "x.label"
    path.write_text(json.dumps({"runs": {"k": run, "l": {"metadata": {"id": "l"}}}}))
    assert [(error.run, error.kind) for error in find_errors(path)] == [
        ("r", "bad-time"),
        ("k", "not-a-label-file"),
        ("l", "not-a-label-file"),
    ]


def test_names_that_a_file_does_not_declare_are_a_warning(tmp_path: Path) -> None:
    head = f'{{"metadata":{{"id":"{RUN}"}},'
    data = '"data":[{"id":"1","t":[0.5,0.6,0.7],"labels":["run","NA",["run","NA"]]}]}'
    (tmp_path / "x.label").write_text(f'{head}"labels":["run"],{data}')
    (tmp_path / "none.label").write_text(head + data)
    (tmp_path / "after.label").write_text(f'{head}{data[:-1]},"labels":["run","NA"]}}')
    result = command("labels", "check", "x.label", "none.label", "after.label", cwd=tmp_path)
    assert result.returncode == 0
    assert result.stdout.count("nothing to fix") == 3
    assert result.stderr == (
        f"Warning: x.label: run {RUN}: labels that the file does not declare: 'NA' (2 frames)\n"
    )


def test_records_that_nyx_cannot_read_are_a_warning(tmp_path: Path) -> None:
    head = f'{{"metadata":{{"id":"{RUN}"}},'
    records = '"a":[1.0,0.9],"b":[0.9,1.0],"c":[null,1]'
    data = f'"data":[{{"id":"1","t":[0.5,0.6],"labels":["run","run"],{records}}}]}}'
    (tmp_path / "x.label").write_text(head + data)
    result = command("labels", "check", "x.label", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "x.label: nothing to fix\n")
    assert result.stderr.splitlines() == [
        f"Warning: x.label: run {RUN}: Nyx cannot read the record 'a' of larva 1: "
        "a whole number first, and others that are not whole",
        f"Warning: x.label: run {RUN}: Nyx cannot read the record 'c' of larva 1: "
        "null among its values",
    ]


def test_unreadable_files_do_not_stop_the_check_of_others(file: Path) -> None:
    (file.parent / "folder.label").mkdir()
    names = ("none.label", "folder.label", "x.label")
    lines = run("check", *names, cwd=file.parent, exit_code=1).splitlines()
    assert lines == [
        "none.label: cannot be read: No such file or directory",
        "folder.label: cannot be read: Is a directory",
        "x.label: nothing to fix",
    ]


BAD = sorted((CONTRACT / "bad").glob("*.label"))


@pytest.mark.parametrize("path", BAD, ids=[path.stem for path in BAD])
def test_the_first_error_is_that_of_reading(path: Path) -> None:
    with pytest.raises(LabelFileError) as caught:
        Labels.read(path)
    assert str(find_errors(path)[0]) == str(caught.value)


@pytest.mark.parametrize("path", sorted((CONTRACT / "good").glob("*.label")), ids=lambda p: p.stem)
def test_valid_files_have_no_errors(path: Path) -> None:
    # the files do not exist beside the labels
    assert {error.kind for error in find_errors(path)} <= {"bad-dependency"}


def test_dependencies_are_checked(tmp_path: Path) -> None:
    spine = write_recording(tmp_path)
    labels = Labels()
    labels.set(RUN, 1, [1.0], ["run"])
    labels[RUN].dependencies = [dependency(spine), dependency(spine.with_suffix(".outline"))]
    labels.write(tmp_path / "x.label")
    assert run("check", "x.label", cwd=tmp_path) == "x.label: nothing to fix\n"
    with spine.open("a") as file:
        file.write("\n")
    spine.with_suffix(".outline").unlink()
    first, second = run("check", "x.label", cwd=tmp_path, exit_code=1).splitlines()
    assert f"{STEM}.spine: run {RUN}, index 0: bad-dependency: expected sha1" in first
    assert f"{STEM}.outline: run {RUN}, index 1: bad-dependency: expected this file" in second


def test_errors_of_a_list_are_limited(tmp_path: Path) -> None:
    data = [{"id": 1, "t": [*range(1000)], "labels": [9] * 1000}]
    (tmp_path / "x.label").write_text(json.dumps({"metadata": {"id": "r"}, "data": data}))
    assert len(find_errors(tmp_path / "x.label")) == 20


# convert


def test_convert_to_names_and_back(file: Path) -> None:
    folder = file.parent
    assert run("convert", file, "--names", "-o", "names.label", cwd=folder) == "names.label\n"
    named = (folder / "names.label").read_text()
    assert '"labels":["run","run",' in named
    assert '"labels":[["roll","small"],' in named
    assert Labels.read(folder / "names.label") == Labels.read(file)
    run("convert", folder / "names.label", "--in-place", cwd=folder)
    assert (folder / "names.label").read_bytes() == file.read_bytes()


@given(
    st.lists(
        st.lists(
            st.one_of(
                st.sampled_from(["run", "a b", 'quo"te', "ü"]),
                st.lists(st.sampled_from(["run", "x", "[1]"]), max_size=3, unique=True).map(tuple),
            ),
            max_size=5,
        ),
        max_size=4,
    ),
)
def test_states_as_names_are_read_back_unchanged(tracks: list[list[Any]]) -> None:
    labels = Labels()
    labels.add_run(RUN)
    for larva, states in enumerate(tracks):
        labels.set(RUN, larva, np.arange(len(states)), states)
    assert parse(text(labels, named=True)) == parse(text(labels))


def test_split_into_runs_and_back(several_runs: Path) -> None:
    folder = several_runs.parent
    printed = run("convert", several_runs, "--split", "-o", "runs", cwd=folder).split()
    assert printed == [f"runs/{RUN}.label", f"runs/{OTHER}.label"]
    one = Labels.read(folder / "runs" / f"{OTHER}.label")
    assert (list(one), one.attributes) == ([OTHER], {"project": "p"})
    run("convert", *printed, "-o", "again.label", cwd=folder)
    assert (folder / "again.label").read_bytes() == several_runs.read_bytes()
    before = tree(folder)
    run("convert", several_runs, "--split", "-o", "runs", cwd=folder)  # nothing to write
    assert tree(folder) == before
    (folder / "runs" / f"{OTHER}.label").write_text("mine")
    before = tree(folder)
    again = command("labels", "convert", several_runs, "--split", "-o", "runs", cwd=folder)
    refused(again, "exists already; replace with --force")
    assert tree(folder) == before


def test_runs_that_cannot_be_combined_or_split(file: Path, several_runs: Path) -> None:
    with backend_error("repeated-run", f"expected no run that is also in {file}, found {RUN}"):
        united(map(Labels.read, [file, several_runs]))
    labels = Labels()
    labels.set("good", 1, [0.0], ["run"])
    labels.set("../x", 1, [0.0], ["run"])
    with backend_error("bad-identifier"):
        split(labels, file.parent / "out")
    same = Labels()
    same.set("good", 1, [0.0], ["run"])
    same.set("same", 1, [0.0, 0.0001], ["run", "run"])
    with pytest.raises(LabelFileError, match="differ in milliseconds"):
        split(same, file.parent / "out")
    assert not (file.parent / "out").exists()


def test_convert_to_a_table_of_bouts(file: Path) -> None:
    run("convert", file, "--table", "bouts", "-o", "bouts.csv", cwd=file.parent)
    with (file.parent / "bouts.csv").open(newline="") as table:
        rows = list(csv.reader(table))
    facts = ["file", "date_time", "genotype", "effector", "tracker", "protocol"]
    known = ["", str(file), "", "", "", "", ""]
    assert rows == [
        ["run", "larva", "label", "start", "stop", "duration", "frames", "confidence", *facts],
        [RUN, "7", "run", "0.000", "5.000", "5.000", "50", *known],
        [RUN, "7", "cast", "5.000", "8.000", "3.000", "30", *known],
        [RUN, "12", "roll", "2.000", "6.000", "4.000", "40", *known],
        [RUN, "12", "small", "2.000", "6.000", "4.000", "40", *known],
    ]


def test_gaps_longer_than_max_gap_end_bouts(tmp_path: Path) -> None:
    labels = Labels()
    labels.set(RUN, 1, [*np.arange(10) / 10, *(3 + np.arange(10) / 10)], ["run"] * 20)
    labels.write(tmp_path / "x.label")
    for options, stops in (((), ["1.000", "4.000"]), (("--max-gap", "2.5"), ["4.000"])):
        arguments = ("convert", "x.label", "--table", "bouts", "-o", "bouts.csv", *options)
        run(*arguments, "--force", cwd=tmp_path)
        with (tmp_path / "bouts.csv").open(newline="") as table:
            assert [row["stop"] for row in csv.DictReader(table)] == stops
    blank = run("show", "x.label", cwd=tmp_path).splitlines()[-2]
    filled = run("show", "x.label", "--max-gap=2.5", cwd=tmp_path).splitlines()[-2]
    assert blank.count("r") < len(blank.strip()) - 10
    assert set(filled) == set("1 r")
    assert "  " not in filled
    for command_ in ("plot", "report"):
        pages = []
        for options in ((), ("--max-gap", "2.5")):
            target = f"{command_}{len(options)}" + (".svg" if command_ == "plot" else ".html")
            run(command_, "x.label", "-o", target, *options, cwd=tmp_path)
            pages.append((tmp_path / target).read_text("utf-8"))
        assert pages[0] != pages[1]
    for bad in ("0", "-1", "nan"):
        result = command("labels", "show", "x.label", f"--max-gap={bad}", cwd=tmp_path)
        assert result.returncode == 2
        assert "expected seconds above 0" in result.stderr
    result = command("labels", "convert", "x.label", "--max-gap=1", "-o", "y", cwd=tmp_path)
    assert result.returncode == 2
    assert "--max-gap needs --table" in result.stderr


# diff


def test_diff(file: Path, labels: Labels) -> None:
    folder = file.parent
    assert run("diff", file, file, cwd=folder).splitlines()[:2] == [
        f"run {RUN}: 140 frames in both, 0 only in ONE, 0 only in OTHER",
        "agreement 1.0000, Cohen's kappa 1.0000",
    ]
    labels.set(RUN, 7, np.arange(100) / 10, ["run"] * 40 + ["cast"] * 40 + [()] * 20)
    labels.write(folder / "y.label")
    assert run("diff", "x.label", "y.label", cwd=folder, exit_code=1).splitlines() == [
        f"run {RUN}: 140 frames in both, 0 only in ONE, 0 only in OTHER",
        "agreement 0.9286, Cohen's kappa 0.9028",
        "",
        "             run  cast  roll  (undefined)",
        "run           40    10     0            0",
        "cast           0    30     0            0",
        "roll           0     0    40            0",
        "(undefined)    0     0     0           20",
        "",
        "1 difference:",
        "larva  start   stop  frames  one  other",
        "    7  4.000  5.000      10  run  cast",
    ]
    (found,) = json.loads(run("diff", "x.label", "y.label", "--json", cwd=folder, exit_code=1))
    assert found["matrix"][0] == [40, 10, 0, 0]
    assert found["differences"] == [
        {"larvae": 7, "start": 4.0, "stop": 5.0, "frames": 10, "one": "run", "other": "cast"}
    ]


def test_diff_with_a_larva_that_has_no_frames(file: Path, labels: Labels) -> None:
    labels.set(RUN, 99, [], [])
    labels.write(file.with_name("y.label"))
    run("diff", file, "y.label", cwd=file.parent)
    run("diff", "y.label", file, cwd=file.parent)


def test_control_characters_in_names_are_escaped(tmp_path: Path) -> None:
    labels = Labels()
    labels.set(RUN, 1, [0.0, 0.1, 0.2], ["\x1b[2J", "a\nb", "走る"])
    labels.write(tmp_path / "x.label")
    shown = run("show", "x.label", cwd=tmp_path)
    assert "\x1b" not in shown
    rows = shown.split("\n\n")[2].splitlines()[1:]
    assert rows == [
        "\\x1b[2J          1   33.3%",
        "a\\nb             1   33.3%",
        "走る             1   33.3%",  # each character has the width of two columns
    ]
    plain = command("labels", "show", "x.label", cwd=tmp_path, PYTHONIOENCODING="latin-1")
    assert (plain.returncode, plain.stderr) == (0, "")


def test_diff_of_other_runs(file: Path, several_runs: Path) -> None:
    result = command("labels", "diff", file, several_runs, cwd=file.parent)
    refused(result, f"expected the runs of {file}, {RUN}; found {RUN}, {OTHER}", exit_code=2)


def test_diff_exit_codes(file: Path, tmp_path: Path) -> None:
    result = command("labels", "diff", file, "none.label", cwd=tmp_path)
    refused(result, "none.label: No such file or directory", exit_code=2)
    (tmp_path / "bad.label").write_text("{")
    refused(command("labels", "diff", "bad.label", file, cwd=tmp_path), "invalid-json", exit_code=2)


def test_an_empty_confusion_table(tmp_path: Path) -> None:
    labels = Labels()
    labels.add_run(RUN)
    labels.write(tmp_path / "x.label")
    (found,) = compare_files(tmp_path / "x.label", tmp_path / "x.label")
    assert confusion_table(found, 80) == ""
    assert "agreement nan" in run("diff", "x.label", "x.label", cwd=tmp_path)


def test_a_wide_confusion_table_has_numbered_columns(file: Path) -> None:
    (found,) = compare_files(file, file)
    assert confusion_table(found, 30).splitlines() == [
        "                1   2   3   4",
        "1 run          50   0   0   0",
        "2 cast          0  30   0   0",
        "3 roll          0   0  40   0",
        "4 (undefined)   0   0   0  20",
    ]


# merge, crop, fill, tag


def test_merge(file: Path) -> None:
    other = Labels()
    other.set(RUN, 7, [0.0, 20.0], ["stop", "stop"])
    other.set(OTHER, 1, [0.0], ["run"])
    other.write(file.with_name("y.label"))
    run("merge", "x.label", "y.label", "-o", "z.label", cwd=file.parent)
    expected = Labels.read(file)
    expected.merge(other)
    assert Labels.read(file.with_name("z.label")) == expected
    refused(command("labels", "merge", file, "--in-place", cwd=file.parent), "two files", 2, 4)


def test_crop(file: Path) -> None:
    run("crop", file, "--start", "3", "--stop", "4.5", "-o", "y.label", cwd=file.parent)
    assert Labels.read(file.with_name("y.label")) == Labels.read(file).crop(3, 4.5)
    run("crop", file, "--start", "7", "--in-place", cwd=file.parent)
    assert list(Labels.read(file)[RUN]) == [7]
    result = command("labels", "crop", file, "--start=2", "--stop=1", "--in-place", cwd=file.parent)
    refused(result, "--start 2 is after --stop 1", 2, lines=4)


def test_fill(tmp_path: Path) -> None:
    spine = write_recording(tmp_path)
    labels = Labels()
    labels.set(RUN, 1, [1.0, 1.1], ["run", ()])
    labels.write(tmp_path / "x.label")
    run("fill", "x.label", "--label", "stop", "-o", "y.label", cwd=tmp_path)
    assert Labels.read(tmp_path / "y.label")[RUN][1].states == ["run", "stop"]
    run("fill", "x.label", "--label", "stop", "--like", spine, "--in-place", cwd=tmp_path)
    filled = Labels.read(tmp_path / "x.label")
    assert filled.count() == {"run": 1, "stop": 9}
    run("fill", "y.label", "--label", "a", "--like", "x.label", "--in-place", cwd=tmp_path)
    assert Labels.read(tmp_path / "y.label").count() == {"run": 1, "stop": 1, "a": 8}


def test_fill_like_a_file_of_several_runs(tmp_path: Path) -> None:
    image = trxmat.image(*(trxmat.larva(1, id=name) for name in (trxmat.RUN, trxmat.OTHER)))
    (tmp_path / "trx.mat").write_bytes(image["trx.mat"])
    labels = Labels()
    labels.set(trxmat.OTHER, 1, [0.125], ["run"])
    labels.write(tmp_path / "x.label")
    fill = ("fill", "x.label", "--label", "stop", "--like", "trx.mat", "-o", "y.label")
    run(*fill, cwd=tmp_path)
    filled = Labels.read(tmp_path / "y.label")
    assert (list(filled), filled.count()) == ([trxmat.OTHER], {"run": 1, "stop": 3})
    labels = Labels()
    labels.set("other", 1, [1.0], ["run"])
    labels.write(tmp_path / "x.label")
    result = command("labels", *fill, "--force", cwd=tmp_path)
    refused(result, f"expected a run of the labels (other), found {trxmat.RUN}, {trxmat.OTHER}")


def test_tag(file: Path) -> None:
    run("tag", file, "edited", "--unless", "cast", "-o", "y.label", cwd=file.parent)
    assert Labels.read(file.with_name("y.label")).count()["edited"] == 90
    result = command("labels", "tag", file, "run", "--in-place", cwd=file.parent)
    refused(result, "overlapping-names")


# output


def test_standard_output(file: Path) -> None:
    folder = file.parent
    cases: list[tuple[str | Path, ...]] = [
        ("convert", file, "--names"),
        ("merge", file, file),
        ("crop", file, "--stop", "3"),
        ("fill", file, "--label", "stop"),
        ("tag", file, "edited"),
    ]
    for case in cases:
        run(*case, "-o", "z.label", "--force", cwd=folder)
        assert run(*case, "-o", "-", cwd=folder) == (folder / "z.label").read_text()
    run("convert", file, "--table", "bouts", "-o", "z.csv", cwd=folder)
    printed = run("convert", file, "--table", "bouts", "-o", "-", cwd=folder)
    assert printed.splitlines() == (folder / "z.csv").read_text().splitlines()
    assert not (folder / "-").exists()


@pytest.mark.parametrize("output", [("--in-place",), ("-o", "y.label", "--force")])
def test_a_file_that_was_edited_meanwhile_is_not_replaced(
    output: tuple[str, ...], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    shutil.copy(file, "y.label")
    written = Path(output[1] if output[0] == "-o" else "x.label")
    real = writing.text

    def edit(*arguments: Any) -> bytes:
        written.write_text("mine")
        return real(*arguments)

    monkeypatch.setattr(writing, "text", edit)
    with backend_error("changed-file", f"{written}: another program has changed this file"):
        cli.main(["labels", "tag", "x.label", "new", *output], standalone_mode=False)
    assert written.read_text() == "mine"


def test_the_same_content_needs_no_force(file: Path) -> None:
    for _ in range(2):
        run("convert", file, "--names", "-o", "y.label", cwd=file.parent)


def test_a_read_only_file_is_not_replaced(file: Path) -> None:
    before = tree(file.parent)
    file.chmod(0o444)
    result = command("labels", "tag", file, "new", "--in-place", cwd=file.parent)
    refused(result, f"{file}: this file is read-only; make it writable first")
    assert tree(file.parent) == before


@posix
def test_output_into_pipes_and_devices(file: Path) -> None:
    text = file.read_text()
    assert run("convert", file, "-o", "/dev/stdout", cwd=file.parent) == text
    null = file.with_name("null.label")
    null.symlink_to(os.devnull)
    pipe = file.with_name("pipe.label")
    os.mkfifo(pipe)
    assert run("convert", file, "-o", null, cwd=file.parent) == ""
    for force in ((), ("--force",)):
        result = command("labels", "convert", file, "-o", pipe, *force, cwd=file.parent)
        refused(result, f"{pipe}: expected a pipe that a program reads, found no reader")
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert run("convert", file, "-o", pipe, cwd=file.parent) == ""
    assert os.read(reading, 1 << 16).decode() == text
    os.close(reading)
    for path in (pipe, null):
        result = command("labels", "tag", path, "new", "--in-place", cwd=file.parent)
        refused(result, f"{path}: expected a file, found a pipe or a device")
    assert pipe.is_fifo()
    assert null.is_symlink()


def test_nothing_is_written_after_an_error(file: Path) -> None:
    before = tree(file.parent)
    shutil.copy(file, file.with_name("y.label"))
    before = tree(file.parent)

    def fails(message: str, *arguments: Any, exit_code: int = 1) -> None:
        result = command("labels", *arguments, cwd=file.parent)
        refused(result, message, exit_code, lines=4 if exit_code == 2 else 1)
        assert tree(file.parent) == before

    where = "name where to write: either --output FILE or --in-place"
    fails(where, "tag", "x.label", "edited", exit_code=2)
    fails(where, "tag", "x.label", "edited", "--in-place", "-o", "z.label", exit_code=2)
    fails("y.label: exists already", "tag", "x.label", "edited", "-o", "y.label")
    fails("none.label", "merge", "x.label", "none.label", "-o", "z.label")
    fails("No such file or directory", "crop", "x.label", "-o", "none/z.label")
    in_place = ("convert", "x.label", "--table", "bouts", "--in-place")
    fails("--table and --split need", *in_place, exit_code=2)
    split_to_stdout = ("convert", "x.label", "--split", "-o", "-")
    fails("--split needs --output FOLDER", *split_to_stdout, exit_code=2)
    suffixes = ".label or .labels or .nyxlabel or .json"
    for names in (
        ("convert", "x.label"),
        ("merge", "x.label", "y.label"),
        ("crop", "x.label"),
        ("fill", "x.label", "--label", "run"),
        ("tag", "x.label", "edited"),
    ):
        expected = f"z.csv: expected a name that ends in {suffixes}"
        fails(expected, *names, "-o", "z.csv", exit_code=2)
    fails("; with --table, a table is written", "convert", "x.label", "-o", "z.csv", exit_code=2)
    table = ("convert", "x.label", "--table", "bouts", "-o", "z.label")
    expected = "z.label: expected a name that ends in .csv or .parquet; without --table"
    fails(expected, *table, exit_code=2)
    fails("-: expected a name that ends in .png", "plot", "x.label", "-o", "-", exit_code=2)
    both = ("convert", "x.label", "--table", "bouts", "--names", "-o", "z")
    fails("--table cannot be used with", *both, exit_code=2)
    run("tag", "x.label", "edited", "-o", "y.label", "--force", cwd=file.parent)
    assert "edited" in Labels.read(file.with_name("y.label")).count()


def test_times_that_become_equal_are_refused(tmp_path: Path) -> None:
    """Times are written in milliseconds; the error names the file to write."""
    text = (
        '{"metadata":{"id":"r"},"labels":["a"],"data":[{"id":"1","t":[1e-4,2e-4],"labels":[1,1]}]}'
    )
    (tmp_path / "x.label").write_text(text)
    result = command("labels", "convert", "x.label", "-o", "y.label", cwd=tmp_path)
    refused(result, "y.label: run r, larva 1, index 1: bad-time")
    assert not (tmp_path / "y.label").exists()


# review and smooth


def test_review(predicted: Path, several_runs: Path) -> None:
    folder = predicted.parent
    assert run("review", predicted.name, cwd=folder).splitlines() == [
        "larva  label  start   stop  confidence  second  doubt",
        "    7  run    0.700  1.100         70%  cast    0.120",
        "    7  run    0.000  0.600         87%  cast    0.080",
        "",
        "2 bouts; not listed: 2 without confidence or edited",
    ]
    found = json.loads(run("review", "--json", "--most", "1", predicted.name, cwd=folder))
    (bout,) = found.pop("bouts")
    assert found == {"total": 2, "others": 2}
    assert bout == {
        "file": "predicted.label",
        "run": RUN,
        "larva": 7,
        "label": "run",
        "start": 0.7,
        "stop": pytest.approx(1.1),
        "confidence": pytest.approx(0.7),
        "second": "cast",
        "doubt": pytest.approx(0.12),
    }
    assert run("review", "--most", "1", predicted.name, "-o", "x.csv", cwd=folder) == "x.csv\n"
    assert (folder / "x.csv").read_text() == (
        "file,run,larva,label,start,stop,confidence,second,doubt\n"
        f"predicted.label,{RUN},7,run,0.700,1.100,0.700,cast,0.120\n"
    )
    files = ("predicted.label", "both.label")
    result = command("labels", "review", "--most", "1", *files, cwd=folder, COLUMNS="120")
    assert result.returncode == 0
    assert result.stderr == "Warning: both.label: no frame has a confidence\n"
    assert result.stdout.splitlines() == [
        "file             run              larva  label  start   stop  confidence  second  doubt",
        f"predicted.label  {RUN}      7  run    0.700  1.100         70%  cast    0.120",
        "",
        "the first 1 of 2 bouts; not listed: 2 without confidence or edited",
    ]


def test_review_refuses(predicted: Path, file: Path) -> None:
    result = command("labels", "review", file.name, cwd=file.parent)
    refused(result, "x.label: no frame has a confidence", lines=2)
    assert "Error: expected labels with a confidence, found none" in result.stderr
    both = ("labels", "review", predicted.name, "--json", "-o", "x.csv")
    refused(command(*both, cwd=file.parent), "--json and --output", exit_code=2, lines=4)
    for more in (("-o", "x.txt"), ("--most", "0")):
        result = command("labels", "review", predicted.name, *more, cwd=file.parent)
        assert result.returncode == 2


def test_smooth(predicted: Path) -> None:
    folder = predicted.parent
    arguments = ("smooth", predicted.name, "--shortest", "0.3")
    assert run(*arguments, "-o", "out.label", cwd=folder) == "out.label\n"
    track = Labels.read(folder / "out.label")[RUN][7]
    assert track.states == ["run"] * 11 + [("cast", "edited")] * 4
    assert track.confidence is not None
    assert np.isnan(track.confidence[6])
    content = (folder / "out.label").read_bytes()
    run("smooth", "out.label", "--shortest", "0.3", "--in-place", cwd=folder)
    assert (folder / "out.label").read_bytes() == content
    for wrong in (("--shortest", "0"), ("--shortest", "nan"), ()):
        result = command("labels", "smooth", predicted.name, *wrong, "--in-place", cwd=folder)
        assert result.returncode == 2
