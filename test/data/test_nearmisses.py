"""Files that look like tracker files and cannot be read, and other forms of recordings."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import CONTRACT, RUN, STEM, table_csv, write_recording
from taggingbackends import BackendExplorer, Labels, TrackFileError
from taggingbackends.analysis.info import info
from taggingbackends.data import find_recordings, formats, load_tracks
from taggingbackends.labels.tables import TABLES
from taggingbackends.system.csvtext import OWN_TABLES
from variants import trxmat

CASES = json.loads((CONTRACT / "nearmisses.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[f"{n} {x['file']}" for n, x in enumerate(CASES)])
def test_the_reason_is_the_same_everywhere(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / case["file"]
    path.write_bytes(bytes.fromhex(case["hex"]))
    unreadable: dict[Path, Exception] = {}
    find_recordings([path], unreadable)
    if case["problem"] is None:
        assert unreadable == {}
        return
    error = unreadable[path]
    assert isinstance(error, TrackFileError)
    pattern = ".*".join(map(re.escape, case["problem"].split("found ...")))
    assert re.fullmatch(pattern, error.problem)
    with pytest.raises(TrackFileError, check=lambda found: str(found) == str(error)):
        load_tracks(path)
    assert info(path) == ({}, [str(error)])


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    real = formats.open_file
    monkeypatch.setattr(formats, "open_file", lambda path: (opened.append(path), real(path))[1])
    spine = write_recording(tmp_path)
    foreign = tmp_path / "x.csv"
    foreign.write_text("a,b\n")
    find_recordings(tmp_path, {})
    assert sorted(opened) == sorted([spine, spine.with_suffix(".outline"), foreign])


def test_tables_of_this_package_are_passed_over() -> None:
    for table in TABLES:
        assert table_csv(Labels(), table).encode().startswith(OWN_TABLES)


def test_files_of_single_larvae_are_reported_when_loading(tmp_path: Path) -> None:
    for suffix in (".spine", ".outline"):
        (tmp_path / f"x.00001{suffix}").touch()
        (tmp_path / f"x.00002{suffix}").write_text(f"{RUN} 2 0.5 1 2 3 4 5 6\n")
    unreadable: dict[Path, Exception] = {}
    (main,) = find_recordings(tmp_path, unreadable)
    assert unreadable == {}
    assert main.name == "x.00002.spine"
    with pytest.warns(UserWarning, match=r"left out: 1 empty \.spine file"):
        assert list(load_tracks(main)) == [2]


def test_a_folder_without_recordings_lists_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "trx.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    with pytest.raises(TrackFileError, match=r"found none; cannot be read: .*trx\.mat.*MATLAB 5"):
        load_tracks(tmp_path)


# -- a trx.mat beside .spine and .outline

Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Return a function that writes a trx.mat of some runs."""

    def write(name: str, *runs: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        larvae = [trxmat.larva(n, id=run) for n, run in enumerate(runs, 1)]
        path.write_bytes(trxmat.image(*larvae)["trx.mat"])
        return path

    return write


OTHER = "20240612_090000"


@pytest.mark.parametrize("name", ["trx.mat", "A.MAT", f"{STEM}.mat", "zz.updated.mat"])
def test_a_trxmat_of_the_same_run_is_no_other_recording(
    name: str, put: Put, tmp_path: Path
) -> None:
    spine = write_recording(tmp_path)
    put(name, RUN)
    assert find_recordings(tmp_path) == {spine: [spine.with_suffix(".outline"), spine]}
    assert load_tracks(tmp_path).format == "Choreography"
    trx = tmp_path / name
    assert find_recordings(tmp_path, format="trx.mat") == {trx: [trx]}
    with pytest.raises(ValueError, match=r"expected a format out of .*, found .trx."):
        find_recordings(tmp_path, format="trx")


def test_the_run_is_that_of_the_lines(put: Put, tmp_path: Path) -> None:
    pair = write_recording(tmp_path)
    for file in (pair, pair.with_suffix(".outline")):
        content = gzip.compress(file.read_bytes())
        file.with_name(f"renamed{file.suffix}.gz").write_bytes(content)
        file.unlink()
    put("trx.mat", RUN)
    assert [file.name for file in find_recordings(tmp_path)] == ["renamed.spine.gz"]


def test_the_run_of_files_of_single_larvae(put: Put, tmp_path: Path) -> None:
    (tmp_path / f"{STEM}.00001.spine").write_text("0.5 1 2 3 4 5 6\n")
    trx = put("trx.mat", RUN)
    assert [file.name for file in find_recordings(tmp_path)] == [f"{STEM}.00001.spine"]
    trx.unlink()
    put("trx.mat", OTHER)
    assert len(find_recordings(tmp_path)) == 2


def test_several_runs(put: Put, tmp_path: Path) -> None:
    one = write_recording(tmp_path)
    trx = put("trx.mat", RUN, OTHER)
    assert list(find_recordings(tmp_path)) == [one, trx]  # the pair has not all of it
    two = write_recording(tmp_path, OTHER)
    assert list(find_recordings(tmp_path)) == [one, two]


def test_recordings_that_stay_apart(put: Put, tmp_path: Path) -> None:
    spine = write_recording(tmp_path / "a")
    put("b/trx.mat", RUN)  # in another folder
    put("a/other.mat", OTHER)
    (tmp_path / "a" / "damaged.mat").write_bytes(b"MATLAB 7.3 MAT-file")
    (tmp_path / "a" / "table.csv").write_text(",larva(0)\n")
    (tmp_path / "c").mkdir()
    put("c/trx.mat", RUN)
    put("c/old.mat", RUN)
    (tmp_path / "c" / "x.spine").touch()  # damaged, so the trx.mat is needed
    names = [file.relative_to(tmp_path).as_posix() for file in find_recordings(tmp_path)]
    pair = spine.relative_to(tmp_path).as_posix()
    assert sorted(names) == sorted(
        [
            *("a/damaged.mat", "a/other.mat", "a/table.csv", pair),
            *("b/trx.mat", "c/old.mat", "c/trx.mat", "c/x.spine"),
        ]
    )


def test_no_file_is_opened_without_need(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_recording(tmp_path / "pairs")
    write_recording(tmp_path / "pairs", OTHER)
    (tmp_path / "pairs" / "table.csv").write_text(",larva(0)\n")
    put("trx/a.mat", RUN)
    put("trx/b.mat", OTHER)

    def refuse(file: Path) -> Any:
        raise AssertionError(file)

    monkeypatch.setattr(formats, "_runs_of", refuse)
    assert len(find_recordings(tmp_path)) == 5


def test_the_paths_of_labels(put: Put, tmp_path: Path, make_backend: Callable[..., Path]) -> None:
    backend = BackendExplorer(make_backend(), "m")
    raw = backend.raw_data_dir()
    one = write_recording(raw / "x")
    trx = put("trx.mat", RUN)
    trx.replace(raw / "x" / "trx.mat")

    def names() -> set[str]:
        return {backend.output_path(file).name for file in backend.list_input_files()}

    assert names() == {"predicted.label"}
    write_recording(raw / "x", OTHER)
    assert backend.output_path(one).name == f"{STEM}.predicted.label"
    assert backend.output_path(raw / "x" / "trx.mat").name == "trx.predicted.label"
    for file in raw.glob(f"x/{OTHER}*"):
        file.unlink()
    put("trx.mat", OTHER).replace(raw / "x" / "trx.mat")
    assert names() == {f"{STEM}.predicted.label", "trx.predicted.label"}
