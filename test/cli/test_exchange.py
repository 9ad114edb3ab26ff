"""`labels convert` to tables, and `labels rename`."""

from __future__ import annotations

import csv
import io
import os
import shutil
from contextlib import chdir
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from support import (
    RUN,
    backend_error,
    command,
    label_error,
    posix,
    refused,
    tree,
    write_labels,
    write_recording,
)
from taggingbackends import Labels
from taggingbackends.cli import cli
from taggingbackends.cli.labelfiles import parse_renames
from variants import trxmat


def run(*arguments: Any, cwd: Path, exit_code: int = 0) -> str:
    """Run a command of labels in this process, and return what it prints."""
    with chdir(cwd):
        result = CliRunner().invoke(cli, ["labels", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == exit_code, result.output
    return result.stdout if exit_code == 0 else result.output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two label files of a recording, one of another one, and a trx.mat."""
    spine = write_recording(tmp_path / "in" / "a")
    write_labels(spine)
    write_labels(spine, "predicted.label", "cast")
    labels = Labels()
    labels.set("b", 3, np.arange(10) / 10, ["roll"] * 10, [0.5] * 10)
    (tmp_path / "in" / "b").mkdir()
    labels.write(tmp_path / "in" / "b" / "b.label")
    (tmp_path / "in" / "c").mkdir()
    content = trxmat.image(trxmat.larva(id="20200101_000000"))
    (tmp_path / "in" / "c" / "trx.mat").write_bytes(content["trx.mat"])
    return tmp_path


@pytest.mark.parametrize("table", ["frames", "bouts", "budget"])
def test_tables_of_a_folder(table: str, folder: Path) -> None:
    printed = run("convert", "in", "--table", table, "-o", "x.parquet", cwd=folder)
    assert printed == "x.parquet\n"
    found = pd.read_parquet(folder / "x.parquet")
    sources = ["in/a/predicted.label", "in/a/truth.label", "in/b/b.label", "in/c/trx.mat"]
    assert found["file"].drop_duplicates().tolist() == [str(Path(file)) for file in sources]
    assert set(found["genotype"][found["run"] == RUN]) == {"g"}
    assert pq.ParquetFile(folder / "x.parquet").metadata.num_row_groups == 4
    run("convert", "in", "--table", table, "-o", "x.csv", cwd=folder)
    text = (folder / "x.csv").read_text("utf-8")
    assert run("convert", "in", "--table", table, "-o", "-", cwd=folder) == text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == list(found)
    assert [row["run"] for row in rows] == found["run"].tolist()
    pattern = run("convert", "in/*/[pb]*.label", "--table", table, "-o", "-", cwd=folder)
    assert len(pattern.splitlines()) < len(text.splitlines())
    if table == "frames":
        assert len(rows) == 10 + 10 + 10 + 4
        assert {"label_run", "cast", "roll", "stop"} <= set(rows[0])


def test_a_trx_mat_and_a_folder_become_label_files(folder: Path) -> None:
    run("convert", "in/c/trx.mat", "-o", "x.label", cwd=folder)
    assert Labels.read(folder / "x.label")["20200101_000000"][1].states == list(trxmat.ACTIONS[:4])
    run("convert", "in/b", "in/c", "-o", "y.label", cwd=folder)
    assert list(Labels.read(folder / "y.label")) == ["b", "20200101_000000"]
    before = tree(folder)
    with backend_error("repeated-run", "expected no run that is also in in"):
        run("convert", "in", "-o", "z.label", cwd=folder)
    printed = run("convert", "in/c/trx.mat", "--in-place", cwd=folder, exit_code=2)
    assert "--in-place replaces label files only" in printed
    assert tree(folder) == before


def test_nothing_is_written_after_an_error(folder: Path) -> None:
    (folder / "in" / "b" / "bad.label").write_text("{")
    before = tree(folder)
    for table in ("frames", "budget"):
        for output in ("x.csv", "x.parquet"):
            with label_error("invalid-json", file=Path("in/b/bad.label")):
                run("convert", "in", "--table", table, "-o", output, cwd=folder)
            assert tree(folder) == before
    shutil.copy(folder / "in" / "b" / "b.label", folder / "x.csv")
    arguments = ("convert", "in/b/b.label", "--table=bouts", "-o")
    with backend_error("existing-file", "x.csv: exists already"):
        run(*arguments, "x.csv", cwd=folder)
    run(*arguments, "x.csv", "--force", cwd=folder)
    assert (folder / "x.csv").read_text().startswith("run,larva,label,")
    printed = run(*arguments, "x.tsv", cwd=folder, exit_code=2)
    assert "expected a name that ends in .csv or .parquet" in printed


def test_only_parquet_needs_libraries(folder: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for module in ("pandas", "pyarrow"):
        (hidden / f"{module}.py").write_text(f"raise ModuleNotFoundError(name={module!r})")
    arguments = ("labels", "convert", "in/b/b.label", "--table", "frames", "-o")
    result = command(*arguments, "-", cwd=folder, PYTHONPATH=str(hidden))
    assert result.stdout.startswith("run,larva,time,duration,state,roll,")
    result = command(*arguments, "x.parquet", cwd=folder, PYTHONPATH=str(hidden))
    refused(result, "a Parquet file needs pyarrow: pip install 'taggingbackends[pandas]'")
    assert not (folder / "x.parquet").exists()


@posix
def test_a_table_into_a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    reading = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    run("convert", "in/b/b.label", "--table", "bouts", "-o", "pipe", cwd=folder)
    assert os.read(reading, 1 << 16).decode().startswith("run,larva,label,")
    os.close(reading)


# rename


def test_rename(folder: Path) -> None:
    file = folder / "in" / "a" / "truth.label"
    run("rename", file, "run=crawl", "-o", "x.label", cwd=folder)
    assert Labels.read(folder / "x.label").count() == {"crawl": 10}
    run("merge", file, "in/b/b.label", "-o", "y.label", cwd=folder)
    run("rename", "y.label", "run=a,roll=a", "--in-place", cwd=folder)
    assert Labels.read(folder / "y.label").count() == {"a": 20}
    before = tree(folder)
    with label_error("bad-label", file=file) as found:
        run("rename", file, "bend=cast", "--in-place", cwd=folder)
    assert "expected names of labels (run), found 'bend'" in str(found.value)
    for wrong in ("bend", "run=", "=x", "run=a=b"):
        printed = run("rename", file, wrong, "--in-place", cwd=folder, exit_code=2)
        assert f"expected OLD=NEW, found {wrong!r}" in printed
    assert tree(folder) == before


def test_parse_renames() -> None:
    assert parse_renames(["bend=cast, back-up=back", "small action=x", "a,b=c,d"]) == {
        "bend": "cast",
        "back-up": "back",
        "small action": "x",
        "a,b": "c,d",
    }
    assert parse_renames(["a=b", "a=b"]) == {"a": "b"}
    assert parse_renames([]) == {}
    assert parse_renames(["a=b,c"]) == {"a": "b,c"}
    for wrong, problem in (
        (["a=b=c"], "OLD=NEW, found 'a=b=c'; Labels.rename takes names with = in them"),
        (["a=b,c=d,e"], "expected OLD=NEW"),
        (["a=b", "a=c"], "one new name of 'a', found 'b' and 'c'"),
    ):
        with pytest.raises(click.UsageError, match=problem):
            parse_renames(wrong)
