"""Copying several files, all or none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support import posix, tree
from taggingbackends.system.files import copy_files


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
