"""Copying several files, all or none, and listing files."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from support import posix, tree
from taggingbackends.system.files import copy_files, walk


@pytest.fixture
def pairs(tmp_path: Path) -> list[tuple[Path, Path]]:
    """Return sources and destinations; the second destination exists already."""
    (tmp_path / "to").mkdir()
    sources = [tmp_path / name for name in "abc"]
    for source in sources:
        source.write_text(source.name)
    (tmp_path / "to" / "b").write_text("old")
    (tmp_path / "to" / "b").chmod(0o640)
    return [(source, tmp_path / "to" / source.name) for source in sources]


def test_all_are_copied(pairs: list[tuple[Path, Path]]) -> None:
    copy_files(pairs)
    assert tree(pairs[0][1].parent) == {"a": b"a", "b": b"b", "c": b"c"}


def test_a_copy_that_fails_changes_nothing(pairs: list[tuple[Path, Path]]) -> None:
    folder = pairs[0][1].parent
    pairs[2][0].unlink()
    with pytest.raises(FileNotFoundError, match=str(pairs[2][0])):
        copy_files(pairs)
    assert tree(folder) == {"b": b"old"}


def test_a_rename_that_fails_changes_nothing(pairs: list[tuple[Path, Path]]) -> None:
    folder = pairs[0][1].parent
    (folder / "c").mkdir()
    (folder / "c" / "mine").write_text("mine")
    with pytest.raises(OSError, match="directory") as failure:
        copy_files(pairs)
    assert failure.value.filename == str(folder / "c")
    assert tree(folder) == {"b": b"old", "c/mine": b"mine"}
    assert (folder / "b").stat().st_mode & 0o777 == 0o640 or os.name != "posix"


@posix
def test_a_replaced_link_is_restored(pairs: list[tuple[Path, Path]]) -> None:
    folder = pairs[0][1].parent
    (folder / "a").symlink_to("nowhere")
    (folder / "c").mkdir()
    with pytest.raises(OSError, match="directory"):
        copy_files(pairs)
    assert (folder / "a").readlink() == Path("nowhere")
    (folder / "c").rmdir()
    copy_files(pairs)
    assert tree(folder) == {"a": b"a", "b": b"b", "c": b"c"}
    assert not (folder / "a").is_symlink()


@posix
def test_walk_follows_links_but_not_upwards(tmp_path: Path) -> None:
    top = tmp_path / "a" / "top"
    (top / "b").mkdir(parents=True)
    (tmp_path / "a" / "beside").mkdir()
    for name in ("top/b/x", "top/c", "beside/y"):
        (tmp_path / "a" / name).touch()
    (top / "b" / "up").symlink_to(tmp_path)
    (top / "b" / "side").symlink_to(tmp_path / "a" / "beside")
    (top / "broken").symlink_to("nowhere")
    (top / "null").symlink_to("/dev/null")
    with pytest.warns(UserWarning, match="skipped 1 pipe, socket or device in .*: .*/null$"):
        files = list(walk(top))
    assert [file.relative_to(top).as_posix() for file in files] == [
        "b/side/y",
        "b/x",
        "broken",
        "c",
    ]


def test_walk_passes_errors_on_unless_they_are_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("bad", "good", "lost+found"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()
    scandir = os.scandir

    def refuse(folder: Path) -> Any:
        if folder.name in ("bad", "lost+found"):
            raise PermissionError(errno.EACCES, "Permission denied")  # without the name
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError) as failure:
        list(walk(tmp_path))
    assert failure.value.filename == str(tmp_path / "bad")
    unreadable: dict[Path, OSError] = {}
    assert list(walk(tmp_path, unreadable=unreadable)) == [tmp_path / "good" / "x"]
    assert list(unreadable) == [tmp_path / "bad"]
