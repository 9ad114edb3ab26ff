"""Odd folders and files: each is a failure of its own or skipped, and the rest is found."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import command, posix, write_recording
from taggingbackends import BackendError, BackendExplorer
from taggingbackends.many.discovery import discover

Maker = Callable[..., Path]

pytestmark = posix  # names, links and pipes


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Return a folder with one good recording."""
    write_recording(tmp_path / "lab" / "good", "20240610_120000")
    return tmp_path / "lab"


@pytest.fixture
def found(lab: Path, make_backend: Maker) -> Callable[[], tuple[list[str], dict[str, str]]]:
    """Return a function that returns the names of recordings, and failures with their reasons."""
    backend = BackendExplorer(make_backend(), "m")

    def look() -> tuple[list[str], dict[str, str]]:
        recordings, unusable = discover(backend, [lab])
        failures = {str(path.relative_to(lab)): str(error) for path, error in unusable.items()}
        return [recording.files[0].stem for recording in recordings], failures

    return look


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, int], None]:
    """Return a function that makes a file or folder unreadable, even for root."""

    def refuse(path: Path, number: int = errno.EACCES) -> None:
        for module, name in ((os, "open"), (os, "scandir"), (sys.modules["io"], "open")):
            original = getattr(module, name)

            def check(it: Any, *more: Any, original: Any = original, **options: Any) -> Any:
                if not isinstance(it, int) and Path(it) == path:
                    raise OSError(number, os.strerror(number), str(path))
                return original(it, *more, **options)

            monkeypatch.setattr(module, name, check)

    return refuse


Found = Callable[[], tuple[list[str], dict[str, str]]]
Refused = Callable[..., None]


def test_a_project_file_that_cannot_be_read(lab: Path, found: Found, refused: Refused) -> None:
    for name, text in (("deep", "a=" + "[" * 100_000), ("secret", ""), ("plain", "")):
        write_recording(lab / name / "data", "20240611_120000")
        (lab / name / "pyproject.toml").write_text(text)
    refused(lab / "secret" / "pyproject.toml")
    names, failures = found()
    assert names == ["20240610_120000", "20240611_120000"]
    assert failures.keys() == {"deep/data", "secret/data"}  # perhaps the data of a backend
    assert "deep/pyproject.toml: expected TOML" in failures["deep/data"]
    assert failures["secret/data"].endswith(f"{lab / 'secret' / 'pyproject.toml'}'")


def test_a_root_below_such_a_project_does_not_stop_the_others(
    lab: Path, make_backend: Maker
) -> None:
    (lab / "data").mkdir()
    (lab / "pyproject.toml").write_text("[")
    recordings, unusable = discover(BackendExplorer(make_backend(), "m"), [lab / "data", lab])
    assert [recording.files[0].stem for recording in recordings] == ["20240610_120000"]
    assert list(unusable) == [lab / "data"]


def test_deeply_nested_folders(lab: Path, found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lab)
    for _ in range(1100):
        Path("x").mkdir()
        os.chdir("x")
    write_recording(Path(), "20240611_120000")
    try:
        assert found() == (["20240610_120000", "20240611_120000"], {})
    finally:  # too deep for pytest
        for _ in range(1100):
            os.chdir("..")
            for file in Path("x").iterdir():
                file.unlink() if file.is_file() else file.rmdir()
        Path("x").rmdir()


def test_loops_of_links(lab: Path, found: Found) -> None:
    for i in range(9):  # 9! paths
        (lab / f"f{i}").mkdir()
        for j in set(range(9)) - {i}:
            (lab / f"f{i}" / f"{j}").symlink_to(lab / f"f{j}")
    (lab / "up").symlink_to(lab.parent)
    (lab / "itself").symlink_to("itself")
    (lab / "itself.spine").symlink_to("itself.spine")
    names, failures = found()
    assert names == ["20240610_120000"]
    assert failures.keys() == {"itself.spine"}


def test_unreadable_folders(lab: Path, found: Found, refused: Refused) -> None:
    for name in ("secret", "lost+found", "disk"):
        write_recording(lab / name, "20240611_120000")
    refused(lab / "secret")
    refused(lab / "lost+found")
    refused(lab / "disk", errno.EIO)
    names, failures = found()
    assert names == ["20240610_120000"]
    assert failures.keys() == {"secret", "disk"}


@pytest.mark.parametrize("name", ["lost+found", "$Recycle.Bin", "@eaDir", ".snapshot"])
def test_folders_of_the_file_system(name: str, lab: Path, found: Found) -> None:
    write_recording(lab / "x" / name, "20240611_120000")
    assert found() == (["20240610_120000"], {})


def test_files_of_single_larvae_are_one_recording(lab: Path, found: Found) -> None:
    for larva in (1, 20):
        for suffix in (".spine", ".outline.gz"):
            (lab / "x").mkdir(exist_ok=True)
            (lab / "x" / f"20240611_120000.{larva:05d}{suffix}").write_text("20240611_120000 1 1.5")
    write_recording(lab / "y", "20240612_120000")
    for file in (lab / "y").iterdir():
        file.rename(file.with_suffix(file.suffix.upper()))
    names, failures = found()
    assert not failures
    assert names == ["20240610_120000", "20240611_120000.00001", "20240612_120000"]


def test_a_recording_fails_once(lab: Path, found: Found, refused: Refused) -> None:
    one, other = (write_recording(lab / "two", f"2024061{i}_120000") for i in (1, 2))
    both, _ = (write_recording(lab / "both", f"2024061{i}_120000") for i in (3, 4))
    refused(one)
    refused(both, errno.EIO)
    refused(both.with_suffix(".outline"), errno.EIO)
    names, failures = found()
    assert names == ["20240614_120000", "20240610_120000", other.stem]
    assert failures.keys() == {f"two/{one.name}", f"both/{both.stem}.outline"}


def test_pipes_and_devices_are_skipped(lab: Path, found: Found) -> None:
    os.mkfifo(lab / "x.csv")
    os.mkfifo(lab / "good" / "20240610_120000.mat")
    (lab / "zero.spine").symlink_to("/dev/zero")
    message = rf"skipped 3 pipes, sockets or devices in {lab}: .*/20240610_120000\.mat, \.\.\."
    with pytest.warns(UserWarning, match=message):
        assert found() == (["20240610_120000"], {})


def test_a_name_that_is_not_utf8(lab: Path, make_backend: Maker) -> None:
    try:
        write_recording(lab / "bad", os.fsdecode(b"20240612_120000@\xff"))
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    result = command("predict", "--recursive", lab, "--model-instance=m", cwd=make_backend())
    assert (result.returncode, result.stdout) == (1, f"{lab / 'good' / 'predicted.label'}\n")
    assert "failed 1" in result.stderr
    assert "UTF-8" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_a_folder_of_links_out_of_it(lab: Path, found: Found) -> None:
    """DataLad and git-annex keep the files elsewhere, under names of their own."""
    annex = lab.parent / "annex"
    annex.mkdir()
    for name, is_there in (("20240611_120000", True), ("20240612_120000", False)):
        spine = write_recording(lab / "linked", name)
        for i, file in enumerate((spine, spine.with_suffix(".outline"))):
            target = annex / f"SHA256E-s{i}--{name}{file.suffix}"
            shutil.move(file, target)
            file.symlink_to(os.path.relpath(target, file.parent))
            if not is_there:  # not fetched
                target.unlink()
    names, failures = found()
    assert names == ["20240610_120000", "20240611_120000"]
    assert failures.keys() == {"linked/20240612_120000.outline"}


def test_all_of_these_in_one_run(lab: Path, make_backend: Maker) -> None:
    """Long names, a pipe in the place of labels, broken links in the model, input that changes."""
    project = make_backend()
    (project / "models" / "m" / "weights").symlink_to("nowhere")
    long = write_recording(lab / "long", "20240611_120000@" + "x" * 224)
    several = [write_recording(lab / "several", name) for name in (long.stem, "20240612_120000")]
    piped = write_recording(lab / "piped", "20240613_120000")
    os.mkfifo(piped.with_name("predicted.label"))
    result = command("predict", "--recursive", lab, "--model-instance=m", cwd=project)
    assert result.returncode == 1, result.stderr
    assert sorted(result.stdout.splitlines()) == [
        str(lab / "good" / "predicted.label"),
        str(lab / "long" / "predicted.label"),
        str(lab / "several" / "20240612_120000.predicted.label"),
    ]
    rows = [line.split(None, 2) for line in result.stderr.splitlines()[-2:]]
    assert [row[0] for row in rows] == [str(piped), str(several[0])]
    assert rows[0][2].endswith("predicted.label: expected a file, found a pipe or a device")
    assert rows[1][2] == f"{several[0].with_suffix('.predicted.label')}: File name too long"


def test_a_root_that_is_no_folder_is_refused(lab: Path, make_backend: Maker) -> None:
    with pytest.raises(BackendError, match="expected a folder of recordings"):
        discover(BackendExplorer(make_backend(), "m"), [lab, lab / "nowhere"])
