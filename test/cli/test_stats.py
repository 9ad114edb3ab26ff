"""`tagging-backend stats`: what it writes and prints, and that it writes all or nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
import numpy as np
import pytest

from support import backend_error, called, command, refused, tree
from taggingbackends import Labels, TaggingBackendsError
from taggingbackends.analysis import Statistics, statistics
from taggingbackends.display import results, write_statistics
from taggingbackends.display.figures import plot_budgets
from taggingbackends.display.statistics import statistics_text
from taggingbackends.simulation import simulate_labels
from taggingbackends.system.csvtext import OWN_TABLES

pd = pytest.importorskip("pandas", reason="no pandas")
pytest.importorskip("scipy", reason="no scipy")
pytest.importorskip("matplotlib", reason="no matplotlib")

TABLES = [
    "groups",
    "over_time",
    "responses",
    "latencies",
    "budgets",
    "bouts",
    "transitions",
    "comparisons",
]
FIGURES = ["over_time", "responses", "budgets", "transitions"]
OTHERS = {f"{name}.csv" for name in TABLES} | {"report.html", "methods.txt"}
NAMES = OTHERS | {f"{name}.png" for name in FIGURES}
FEW = OTHERS | {"budgets.png"}
FORMULA = "=1+1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with four recordings of two genotypes."""
    folder = tmp_path_factory.mktemp("stats")
    for number in range(4):
        run = f"20240611_10{number:02}00"
        genotype, response = [("attP2", 0.1), (FORMULA, 0.9)][number % 2]
        options = {"genotype": genotype, "response": response, "stimulus": (6.0, 2.0)}
        labels = simulate_labels(run, larvae=12, seconds=12, seed=number, **options)
        (folder / "recordings" / run).mkdir(parents=True)
        labels.write(folder / "recordings" / run / "predicted.label")
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> Statistics:
    return statistics(folder / "recordings", control="attP2")


@pytest.fixture
def one_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw only budgets, to save time."""
    for name in set(FIGURES) - {"budgets"}:
        monkeypatch.delitem(results.FIGURES, name)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def stats(folder: Path, *arguments: str | Path) -> object:
    return called("stats", folder / "recordings", *arguments, cwd=folder)


def test_the_command(folder: Path, found: Statistics, tmp_path: Path) -> None:
    result = command("stats", "recordings", "--control", "attP2", "-o", tmp_path / "o", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert names(tmp_path / "o") == NAMES
    written = statistics_text(found, 80)
    assert (
        result.stdout == f"{written}\n\n14 files in {tmp_path}/o; open {tmp_path}/o/report.html\n"
    )
    assert "4 recordings, 2 groups; window: 6 to 8 s" in written
    row = found.responses.set_index(["group", "label"]).loc[(FORMULA, "hunch")]
    hunch = [FORMULA, "hunch", f"{row['responded']:.0f}", f"{row['tracked']:.0f}"]
    hunch += [f"{row['proportion']:.3f}", f"({row['low']:.3f}"]
    assert hunch in [line.split()[:6] for line in written.splitlines()]
    again = command("stats", "recordings", "--control", "attP2", "-o", tmp_path / "o", cwd=folder)
    refused(again, f"{tmp_path}/o: expected a new or empty folder, found 14 files in it")
    assert "--force" in again.stderr


@pytest.mark.usefixtures("one_figure")
def test_tables_are_those_of_the_library(folder: Path, found: Statistics, tmp_path: Path) -> None:
    write_statistics(found, tmp_path / "csv")
    write_statistics(found, tmp_path / "parquet", table="parquet", figures="svg")
    for name in TABLES:
        expected = getattr(found, name)
        pq = pd.read_parquet(tmp_path / "parquet" / f"{name}.parquet")
        pd.testing.assert_frame_equal(pq, expected)
        csv = pd.read_csv(tmp_path / "csv" / f"{name}.csv", keep_default_na=False, na_values=[""])
        assert list(csv.columns) == list(expected.columns)
        for column in expected.columns:
            if pd.api.types.is_numeric_dtype(expected[column]):
                np.testing.assert_allclose(csv[column], expected[column], rtol=1e-8)
            else:  # spreadsheets compute no formulas
                texts = expected[column].astype(str).replace(FORMULA, f"'{FORMULA}")
                assert csv[column].fillna("").tolist() == texts.tolist()
    assert (tmp_path / "parquet" / "budgets.svg").read_bytes().startswith(b"<?xml")
    assert (tmp_path / "csv" / "methods.txt").read_text() == f"{found.methods()}\n"
    # in a folder of recordings, results are no input, and nothing to warn of
    for table in (tmp_path / "csv").glob("*.csv"):
        assert table.read_bytes().startswith(OWN_TABLES), table


@pytest.mark.usefixtures("one_figure")
def test_json(
    folder: Path, found: Statistics, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stats(folder, "--json", "-o", tmp_path / "o")
    data = json.loads(capsys.readouterr().out)
    assert data["design"]["windows"][FORMULA] == [[6.0, 8.0]]
    assert [row["group"] for row in data["groups"]] == sorted(["attP2", FORMULA])
    assert len(data["responses"]) == len(found.responses)
    assert {Path(file) for file in data["files"]} == set((tmp_path / "o").iterdir())


@pytest.mark.usefixtures("one_figure")
def test_options(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    runs = [path.name for path in sorted((folder / "recordings").iterdir())]
    rows = [f"{run},{'fed' if run < runs[2] else 'starved'}" for run in runs]
    table.write_text("\n".join(["recording,diet", *rows]))
    options = "--window 5:7 --before 3:5 --bin 2 --min-tracked 0.5 --figures pdf --table parquet"
    stats(
        folder,
        *("--by", "diet, genotype", "--groups", table, "-o", tmp_path / "o"),
        *("--control", "fed, attP2", "--max-gap", "0.5", *options.split()),
    )
    groups = pd.read_parquet(tmp_path / "o" / "groups.parquet")
    assert groups["group"].tolist()[0] == "fed, attP2"
    assert groups["diet"].tolist() == ["fed", "fed", "starved", "starved"]
    over_time = pd.read_parquet(tmp_path / "o" / "over_time.parquet")
    assert set(over_time["stop"] - over_time["start"]) == {2.0}
    text = (tmp_path / "o" / "methods.txt").read_text()
    for part in ("by diet and genotype", "window from 5 to 7 s,", "from 3 to 5 s", "50 %", "0.5 s"):
        assert part in text
    assert "protocol" not in text
    assert {path.suffix for path in (tmp_path / "o").iterdir()} == {
        *(".parquet", ".pdf", ".html", ".txt")
    }


@pytest.mark.parametrize("window", ["60", "62:60", "a:b", "1:2:3", "0:inf", "nan:1"])
def test_windows_that_are_none(window: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(click.BadParameter, match="expected START:STOP in seconds, such as 60:62"):
        stats(folder, "--window", window, "-o", tmp_path / "o")


@pytest.mark.parametrize("option", ["--bin=inf", "--bin=nan", "--bin=0", "--min-tracked=nan"])
def test_numbers_that_are_none(option: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(click.BadParameter):
        stats(folder, option, "-o", tmp_path / "o")


def test_bins_that_are_too_many(folder: Path, tmp_path: Path) -> None:
    for width in ("1e-9", "1e-320"):
        with backend_error("unusable-data", "expected at most 100000 bins"):
            stats(folder, f"--bin={width}", "-o", tmp_path / "o")


@pytest.mark.usefixtures("one_figure")
def test_force_replaces_results_and_leaves_the_rest(
    folder: Path, found: Statistics, tmp_path: Path
) -> None:
    write_statistics(found, tmp_path / "o", figures="svg", table="parquet")
    for name in ("mine.txt", "budgets.md"):
        (tmp_path / "o" / name).write_text("mine")
    with backend_error("existing-file", "found 13 files in it"):
        write_statistics(found, tmp_path / "o")
    write_statistics(found, tmp_path / "o", force=True)
    assert names(tmp_path / "o") == FEW | {"mine.txt", "budgets.md"}
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".DS_Store").write_text("")
    write_statistics(found, tmp_path / "empty")
    (tmp_path / "empty" / ".DS_Store").unlink()
    assert names(tmp_path / "empty") == FEW
    assert tree(tmp_path / "empty").items() <= tree(tmp_path / "o").items()


@pytest.mark.usefixtures("one_figure")
def test_all_or_nothing(
    folder: Path, found: Statistics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with backend_error("no-input", "expected a folder, found none"):
        stats(folder, "-o", tmp_path / "missing" / "o")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError):
        stats(folder, "-o", tmp_path / "file")
    with backend_error("unusable-data"):
        stats(folder, "-o", tmp_path / "o", "--control", "nobody")
    files = results.result_files(found)
    # a file that another program writes meanwhile ends it: nothing of it is there
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "report.html").write_text("mine")
    with backend_error("existing-file"):
        results.write_results(tmp_path / "o", files, {})
    assert names(tmp_path / "o") == {"report.html"}

    def fail(_: Statistics) -> None:
        raise TaggingBackendsError("no")

    monkeypatch.setitem(results.FIGURES, "budgets", fail)
    with pytest.raises(TaggingBackendsError):
        stats(folder, "-o", tmp_path / "p")
    monkeypatch.setitem(results.FIGURES, "budgets", plot_budgets)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("taggingbackends.system.files._copy", full)
    with pytest.raises(OSError, match="No space"):
        results.write_results(tmp_path / "q", files, {})
    assert names(tmp_path) == {"file", "o"}


def test_fixes_are_in_words_of_the_command(folder: Path, tmp_path: Path) -> None:
    for arguments, fix in (
        (("--by", "diet"), "or name the groups of recordings with --groups TABLE"),
        (("--window", "600:602"), "set --window START:STOP to a time with larvae"),
        (("--control", "wt"), f"the groups are attP2, {FORMULA}"),
        (("--bin", "0.00001"), "set a longer --bin, or see whether times are in seconds"),
    ):
        refused(command("stats", "recordings", *arguments, "-o", tmp_path / "o", cwd=folder), fix)
    result = command("stats", "recordings", "--by", "genotype,", "-o", tmp_path / "o", cwd=folder)
    assert "expected names separated by commas" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("library", ["matplotlib", "pyarrow"])
def test_libraries_are_missed_before_anything_is_read(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(TaggingBackendsError, match=rf"{library}: pip install .*\[stats\]"):
        called("stats", "missing", "--table", "parquet", "-o", tmp_path / "o", cwd=tmp_path)


@pytest.mark.usefixtures("one_figure")
def test_one_group(folder: Path, tmp_path: Path) -> None:
    stats(folder, "--by", "", "-o", tmp_path / "o")
    assert (tmp_path / "o" / "groups.csv").read_text().startswith("group,recordings,")
    assert "groups" not in (tmp_path / "o" / "methods.txt").read_text()


def test_a_recording_twice_and_no_window(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = Labels.read(next((folder / "recordings").rglob("*.label")))
    (run,) = labels
    (tmp_path / "recordings").mkdir()
    for name in ("truth", "predicted"):
        labels.write(tmp_path / "recordings" / f"{name}.label")
    result = command("stats", "recordings", "-o", "o", cwd=tmp_path)
    refused(result, "name one label file for each recording, e.g. by '**/predicted.label'")
    del labels[run].metadata["protocol"]
    labels.write(tmp_path / "recordings" / "predicted.label")
    pattern = tmp_path / "recordings" / "pre*.label"
    called("stats", pattern, "--figures", "svg", "-o", tmp_path / "o", cwd=tmp_path)
    assert "1 recording, 1 group; window: whole recordings" in capsys.readouterr().out
    assert names(tmp_path / "o") == OTHERS | {
        f"{name}.svg" for name in set(FIGURES) - {"responses"}
    }
    assert len((tmp_path / "o" / "responses.csv").read_text().splitlines()) == 1
