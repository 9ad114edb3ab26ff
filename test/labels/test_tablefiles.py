"""Tables as CSV and Parquet, one recording at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from strategies import tracks_of_bouts

from support import backend_error, label_error, table_csv
from taggingbackends import Labels
from taggingbackends.labels.tablefiles import table_chunks
from taggingbackends.labels.tables import TABLES


def recordings() -> list[Labels]:
    one, other, empty = Labels(), Labels(), Labels()
    one.set("a", 1, [0, 0.1, 0.2], ["run", "=cast", ()], [0.5, 0.123456789, np.nan])
    one["a"].metadata["genotype"] = 'w,"1'
    other.set("b", 1, [1, 1.04], ["roll", ("roll", "=cast")], None, ["run", ()])
    other["b"][1].records["i"] = np.array([1, 2])
    empty.add_run("c").declare(["rest"])
    return [one, other, empty]


def parquet(table: str, labels: list[Labels]) -> pq.ParquetFile:
    content = b"".join(table_chunks(table, lambda: labels, ".parquet"))
    return pq.ParquetFile(io.BytesIO(content))


def united(labels: list[Labels]) -> Labels:
    together = Labels()
    for one in labels:
        for run in one.values():
            together[run.id] = run
    return together


def data_frame(table: str, labels: Labels) -> pd.DataFrame:
    metadata = ("file", "date_time", "genotype", "effector", "tracker", "protocol")
    return getattr(labels, f"to_{table}")(metadata=metadata)


@pytest.mark.parametrize("table", TABLES)
def test_parquet(table: str) -> None:
    file = parquet(table, recordings())
    assert file.metadata.num_row_groups == 2  # none for a recording without rows
    found = file.read().to_pandas()
    expected = data_frame(table, united(recordings()))
    assert found.dtypes.astype(str).tolist() == expected.dtypes.astype(str).tolist()
    pd.testing.assert_frame_equal(found, expected, check_categorical=False)
    assert len(parquet(table, []).read()) == 0
    assert parquet(table, []).schema_arrow.names[0] == "run"


def test_csv() -> None:
    content = b"".join(table_chunks("frames", recordings, ".csv")).decode()
    rows = list(csv.reader(io.StringIO(content, newline="")))
    facts = ["file", "date_time", "genotype", "effector", "tracker", "protocol"]
    names = ["label_run", "'=cast", "roll", "rest"]
    fixed = ["run", "larva", "time", "duration", "state"]
    assert rows == [
        [*fixed, *names, "confidence", "second", "i", *facts],
        [*("a", "1", "0.000", "0.100", "run"), "TRUE", *["FALSE"] * 3, "0.5", "", "", "", "",
         'w,"1', "", "", ""],
        [*("a", "1", "0.100", "0.100", "'=cast"), "FALSE", "TRUE", "FALSE", "FALSE", "0.123457",
         "", "", "", "", 'w,"1', "", "", ""],
        [*("a", "1", "0.200", "0.100", ""), *["FALSE"] * 4, "", "", "", "", "", 'w,"1', "", "", ""],
        [*("b", "1", "1.000", "0.040", "roll"), "FALSE", "FALSE", "TRUE", "FALSE", "", "run",
         "1.0", *[""] * 6],
        [*("b", "1", "1.040", "0.040", "roll+=cast"), "FALSE", "TRUE", "TRUE", "FALSE", "", "",
         "2.0", *[""] * 6],
    ]  # fmt: skip
    assert table_csv(recordings()[0], "budget").splitlines() == [
        "run,larva,label,seconds,share,frames,bouts,tracked",
        "a,1,run,0.100,0.333333,1,1,0.300",
        "a,1,'=cast,0.100,0.333333,1,1,0.300",
    ]


@settings(max_examples=30)
@given(tracks_of_bouts())
def test_the_csv_has_the_numbers_of_the_table(labels: Labels) -> None:
    for table in TABLES:
        content = b"".join(table_chunks(table, lambda: [labels], ".csv")).decode()
        found = pd.read_csv(io.StringIO(content), keep_default_na=False, na_values=[""])
        expected = data_frame(table, labels)
        assert list(found) == list(expected)
        for name in found:
            column = expected[name]
            if column.dtype == "category":
                texts = found[name].astype(object).where(found[name].notna(), None).tolist()
                assert texts == column.astype(object).where(column.notna(), None).tolist()
            else:
                # a duration is a difference of rounded times
                np.testing.assert_allclose(found[name].astype(column.dtype), column, atol=1.01e-3)


def test_many_rows() -> None:
    labels = Labels()
    labels.set("a", 1, np.arange(50_000) / 10, ["run", "cast"] * 25_000)
    lines = table_csv(labels, "frames").splitlines()
    assert len(lines) == 50_001
    assert lines[-1].startswith("a,1,4999.900,0.100,cast,FALSE,TRUE,")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_one_recording_is_in_memory_at_a_time(suffix: str) -> None:
    alive = 0

    class Counted(Labels):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def read() -> Iterator[Labels]:
        nonlocal alive
        for n in range(5):
            labels = Counted()
            labels.set(f"run {n}", n, [0, 1], ["run", f"name {n}"])
            alive += 1
            assert alive <= 2  # the next one is read while a loop still names the last one
            yield labels
            del labels

    assert sum(map(len, table_chunks("frames", read, suffix))) > 100


def test_labels_that_appear_meanwhile(tmp_path: Path) -> None:
    calls = 0

    def read() -> list[Labels]:
        nonlocal calls
        calls += 1
        labels = Labels()
        labels.file = tmp_path / "x.label"
        labels.set("a", 1, [0], [f"name {calls}"])
        return [labels]

    with backend_error("changed-input", "x.label: expected the same labels as before"):
        list(table_chunks("frames", read, ".csv"))


def test_errors_name_the_file(tmp_path: Path) -> None:
    labels = Labels()
    labels.set("a", 1, [1e300], ["run"])
    labels.file = tmp_path / "x.label"
    for table in TABLES:
        with label_error("bad-time", file=labels.file, run="a"):
            list(table_chunks(table, lambda: [labels], ".csv"))
