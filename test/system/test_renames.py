"""Renames that neither lose a file nor leave a moment without one."""

import errno
import os

import pytest

from taggingbackends.system import renames
from taggingbackends.system.files import open_file


def test_folders_are_exchanged(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    if not renames.exchange(tmp_path / "old", tmp_path / "new"):
        pytest.skip("this file system cannot exchange two folders")
    assert (tmp_path / "old/file").read_text() == "new"
    assert (tmp_path / "new/file").read_text() == "old"


def test_a_missing_name_is_not_exchanged(tmp_path):
    (tmp_path / "one").touch()
    with pytest.raises(FileNotFoundError):
        renames.exchange(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "one").exists()


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_new_name_replaces_nothing(tmp_path, monkeypatch, hard_links):
    def refuse(*args, **options):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if not hard_links:
        monkeypatch.setattr(os, "link", refuse)
    source, path = tmp_path / "source", tmp_path / "path"
    source.write_text("new")
    path.write_text("old")
    with pytest.raises(FileExistsError, match=r"File exists.*path"):
        renames.rename_new(source, path)
    assert (source.read_text(), path.read_text()) == ("new", "old")
    path.unlink()
    renames.rename_new(source, path)
    assert path.read_text() == "new"
    assert not source.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(OSError, match="expected a file, found a pipe or a device"):
            open_file(tmp_path / name)
    with pytest.raises(IsADirectoryError):
        open_file(tmp_path)
