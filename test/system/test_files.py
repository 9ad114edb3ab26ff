"""Writing, copying and listing files: all or none, and over nothing that has changed."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import backend_error, posix, tree
from taggingbackends.errors import BackendError
from taggingbackends.system import files, temporaries
from taggingbackends.system.files import (
    copy_file,
    copy_files,
    link_file,
    new_version,
    remove_file,
    remove_folder,
    sha1,
    stamp,
    walk,
    write_file,
)

Copies = list[tuple[Path, Path, files.Stamp | None]]


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    """Return sources and destinations; the second destination exists already."""
    (tmp_path / "to").mkdir()
    sources = [tmp_path / name for name in "abc"]
    for source in sources:
        source.write_text(source.name)
    (tmp_path / "to" / "b").write_text("old")
    (tmp_path / "to" / "b").chmod(0o640)
    places = [tmp_path / "to" / source.name for source in sources]
    return [(source, place, stamp(place)) for source, place in zip(sources, places, strict=True)]


@pytest.fixture(params=["exchange", "no exchange", "no hard links"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test with what file systems can do."""

    def refuse(*names: object, **options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if request.param != "exchange":
        monkeypatch.setattr(files, "exchange", lambda one, other: False)
    if request.param == "no hard links":
        monkeypatch.setattr(os, "link", refuse)


@pytest.fixture
def last_moment(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Return a function that sets what another program does just before the exchange."""
    real = files._swap

    def set_up(action: Callable[[], object]) -> None:
        done: list[object] = []

        def swap(one: Path, other: Path) -> None:
            if not done:
                done.append(action())
            real(one, other)

        monkeypatch.setattr(files, "_swap", swap)

    return set_up


@pytest.mark.usefixtures("file_system")
def test_all_are_copied(copies: Copies) -> None:
    copy_files(copies)
    assert tree(copies[0][1].parent) == {"a": b"a", "b": b"b", "c": b"c"}
    assert (copies[1][1].stat().st_mode & 0o777 == 0o640) or os.name != "posix"


def test_a_copy_that_fails_changes_nothing(copies: Copies) -> None:
    folder = copies[0][1].parent
    copies[2][0].unlink()
    with pytest.raises(FileNotFoundError, match=str(copies[2][0])):
        copy_files(copies)
    assert tree(folder) == {"b": b"old"}


@pytest.mark.usefixtures("file_system")
def test_a_destination_that_appears_is_kept_and_the_others_are_restored(copies: Copies) -> None:
    folder = copies[0][1].parent
    (folder / "c").write_text("mine")
    before = stamp(folder / "b")
    with backend_error("existing-file", "c: exists already"):
        copy_files(copies)
    assert tree(folder) == {"b": b"old", "c": b"mine"}
    assert stamp(folder / "b") == before


@pytest.mark.usefixtures("file_system")
def test_restoring_keeps_what_was_edited_meanwhile(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copies[0][1].parent
    (folder / "c").write_text("mine")
    real = files._Version._accept_same_content

    def edit(version: files._Version, kind: str) -> None:
        for name in "ab":  # these are published already
            (folder / name).write_text(f"edited {name}")
        real(version, kind)

    monkeypatch.setattr(files._Version, "_accept_same_content", edit)
    with backend_error("existing-file"):
        copy_files(copies)
    assert tree(folder) == {"a": b"edited a", "b": b"edited b", "c": b"mine"}


@posix
def test_links_are_followed(copies: Copies) -> None:
    folder = copies[0][1].parent
    (folder / "a").symlink_to("target")
    copy_files(copies)
    assert (folder / "a").readlink() == Path("target")
    assert tree(folder) == {name: name[0].encode() for name in "abc"} | {"target": b"a"}
    write_file(folder / "a", [b"new"])
    assert (folder / "target").read_bytes() == b"new"
    assert (folder / "a").is_symlink()


# -- a file that has changed


def write_new(path: Path, before: files.Expected) -> None:
    write_file(path, [b"new"], before)


def copy_new(path: Path, before: files.Expected) -> None:
    assert before != "anything"
    source = path.with_name("source")
    source.write_text("new")
    try:
        copy_files([(source, path, before)])
    finally:
        source.unlink()


@pytest.mark.parametrize("write", [write_new, copy_new])
@pytest.mark.usefixtures("file_system")
def test_only_the_expected_file_is_replaced(
    write: Callable[[Path, files.Expected], None], tmp_path: Path
) -> None:
    path = tmp_path / "x"
    write(path, None)
    before = stamp(path)
    write(path, before)
    assert tree(tmp_path) == {"x": b"new"}
    path.write_text("edited")
    for expected, kind in ((before, "changed-file"), (None, "existing-file")):
        with backend_error(kind, f"{path}: "):
            write(path, expected)
        assert tree(tmp_path) == {"x": b"edited"}
    path.unlink()
    with backend_error("changed-file", "another program has changed this file meanwhile"):
        write(path, before)
    assert tree(tmp_path) == {}


def test_a_file_with_the_same_content_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("new")
    before = stamp(path)
    write_file(path, [b"new"], None)
    assert stamp(path) == before
    path.write_text("new")
    write_file(path, [b"new"], before)
    assert tree(tmp_path) == {"x": b"new"}


@pytest.mark.parametrize("by", ["writing into it", "renaming another file to it"])
def test_an_edit_at_the_last_moment_is_kept(
    by: str, tmp_path: Path, last_moment: Callable[[Callable[[], object]], None]
) -> None:
    path, other = tmp_path / "x", tmp_path / "other"
    path.write_text("old")
    other.write_text("edited")
    before = stamp(path)
    last_moment(lambda: path.write_text("edited") if by.startswith("w") else other.replace(path))
    with backend_error("changed-file"):
        write_file(path, [b"new"], before)
    other.unlink(missing_ok=True)
    assert tree(tmp_path) == {"x": b"edited"}


def test_an_interrupt_after_the_exchange_restores_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    real = files._swap

    def swap(one: Path, other: Path) -> None:
        real(one, other)
        monkeypatch.setattr(files, "_swap", real)
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "_swap", swap)
    with pytest.raises(KeyboardInterrupt):
        write_file(path, [b"new"], stamp(path))
    assert tree(tmp_path) == {"x": b"old"}


def test_a_file_that_changes_while_it_is_removed_is_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    before = stamp(path)
    assert before is not None
    real = files.temporary_beside

    def edit(path: Path) -> Path:
        path.write_text("edited")
        return real(path)

    monkeypatch.setattr(files, "temporary_beside", edit)
    assert not remove_file(path, before)
    assert tree(tmp_path) == {"x": b"edited"}


def test_removing_only_what_has_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    before = stamp(path)
    assert before is not None
    path.write_text("edited")
    assert not remove_file(path, before)
    assert tree(tmp_path) == {"x": b"edited"}
    before = stamp(path)
    assert before is not None
    assert remove_file(path, before)
    assert tree(tmp_path) == {}


def test_a_copy_or_a_link_replaces_nothing_but_a_broken_link(tmp_path: Path) -> None:
    source, path = tmp_path / "source", tmp_path / "x"
    source.write_text("new")
    path.write_text("mine")
    with backend_error("existing-file"):
        copy_file(source, path)
    with pytest.raises(FileExistsError):
        link_file(source, path)
    assert path.read_text() == "mine"
    path.unlink()
    for make in (copy_file, link_file):
        path.unlink(missing_ok=True)
        if os.name == "posix":
            path.symlink_to("nowhere")
        make(source, path)
        assert path.read_text() == "new"


# -- attributes, and what is not replaced


@posix
def test_the_mode_and_the_attributes_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(0o664)
    names = []
    if sys.platform == "linux":
        try:
            os.setxattr(path, "user.note", b"mine")
            names = ["user.note"]
        except OSError:
            pass  # this file system has none
    owner = (1234, 1234) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(path, *owner)
    for expected in ("anything", stamp(path)):
        write_file(path, [b"new"], expected)
        status = path.stat()
        assert status.st_mode & 0o7777 == 0o664
        assert (status.st_uid, status.st_gid) == owner
        if names:
            assert os.getxattr(path, "user.note") == b"mine"


def test_a_read_only_file_is_not_replaced(tmp_path: Path) -> None:
    path, source = tmp_path / "x", tmp_path / "source"
    path.write_text("old")
    source.write_text("new")
    path.chmod(0o444)
    for write in (
        lambda: write_file(path, [b"new"]),
        lambda: write_file(path, [b"new"], stamp(path)),
        lambda: copy_files([(source, path, stamp(path))]),
    ):
        with pytest.raises(PermissionError, match="read-only; make it writable") as error:
            write()
        assert error.value.filename == str(path)
    assert tree(tmp_path) == {"x": b"old", "source": b"new"}


@posix
def test_pipes_and_devices_are_written_into(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to(os.devnull)
    write_file(tmp_path / "null", [b"x"])
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="expected a pipe that a program reads") as error:
        write_file(pipe, [b"x"])
    assert error.value.filename == str(pipe)
    content = os.urandom(1 << 17)  # more than a pipe holds
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(pipe, os.O_WRONLY)  # otherwise the reader may see the end at once
    os.set_blocking(reading, True)
    with subprocess.Popen(["cat"], stdin=reading, stdout=subprocess.PIPE) as reader:
        os.close(reading)
        write_file(pipe, [content])
        os.close(writing)
        assert reader.stdout is not None
        assert reader.stdout.read() == content
    for path in (tmp_path / "null", pipe):
        with pytest.raises(OSError, match="found a pipe or a device"), new_version(path):
            pass
    assert pipe.is_fifo()
    assert (tmp_path / "null").is_symlink()


# -- temporary files


def leave(folder: Path) -> Path:
    """Leave a temporary file as a killed process does, and return it."""
    code = (
        "import os, sys; from pathlib import Path; "
        "from taggingbackends.system.files import new_version\n"
        f"with new_version(Path({str(folder / 'x')!r})) as path:\n"
        "    path.touch(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    (left,) = (path for path in folder.iterdir() if path.suffix == ".tmp")
    return left


@posix
def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    left = leave(tmp_path)
    others = [
        left.with_name(left.name.replace(temporaries._machine(), "elsewhere.1")),
        left.with_name(left.name.replace(left.name.split("-")[-2], str(os.getppid()))),
        left.with_name(".taggingbackends-notes.tmp"),
        left.with_name(".mine.tmp"),
    ]
    for other in others:
        other.touch()
    with pytest.warns(
        UserWarning, match=f"{tmp_path}: removed 1 temporary file or folder of processes"
    ):
        write_file(tmp_path / "new", [b"x"])
    assert {*tmp_path.iterdir()} == {tmp_path / "new", *others}


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: str | Path, *args: int, **keywords: int) -> int:
        if path == tmp_path:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **keywords)

    monkeypatch.setattr(os, "open", refuse)
    write_file(tmp_path / "x", [b"x"])
    assert (tmp_path / "x").read_bytes() == b"x"


def test_a_folder_that_cannot_be_removed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, **keywords: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").touch()
    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(PermissionError) as raised:
        remove_folder(tmp_path / "folder")
    assert raised.value.filename == str(tmp_path / "folder")


def test_a_folder_is_searched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    real = os.scandir

    def scandir(folder: Path) -> object:
        listed.append(str(folder))
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    for n in range(3):
        write_file(tmp_path / str(n), [b"x"])
    assert listed == [str(tmp_path)]


def test_temporary_files_of_living_processes_are_kept(tmp_path: Path) -> None:
    with new_version(tmp_path / "x") as temporary:
        temporary.touch()
        code = (
            "from pathlib import Path; from taggingbackends.system.files import write_file; "
            f"write_file(Path({str(tmp_path / 'y')!r}), [])"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"x", "y"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BackendError), new_version(tmp_path / "x", None) as temporary:
            temporary.write_text("z")


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


@posix
def test_nobody_waits_for_the_disk_in_a_scratch_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: synced.append(descriptor) or real(descriptor)
    )

    def count(action: Callable[[], object]) -> int:
        synced.clear()
        action()
        return len(synced)

    kept, thrown = tmp_path / "kept", tmp_path / "thrown"
    for folder in (kept, thrown, tmp_path / "thrown away"):
        folder.mkdir()
    (tmp_path / "link").symlink_to("kept")
    (thrown / "link").symlink_to(kept / "x")
    with files.scratch([tmp_path / "link" / ".." / "thrown"]):
        assert count(lambda: write_file(thrown / "x", [b"x"])) == 0
        assert count(lambda: copy_file(thrown / "x", thrown / "y")) == 0
        assert count(lambda: write_file(kept / "x", [b"x"])) == 2  # the file and its folder
        assert count(lambda: write_file(thrown / "link", [b"y"])) == 2  # it leads out
        assert count(lambda: write_file(tmp_path / "thrown away" / "x", [b"x"])) == 2
        with files.scratch([kept]):  # for a process, the last one counts
            assert count(lambda: write_file(kept / "x", [b"x"])) == 0
        assert count(lambda: copy_file(thrown / "x", kept / "z")) == 2
    assert count(lambda: write_file(thrown / "x", [b"x"])) == 2


@pytest.mark.skipif(not hasattr(os, "copy_file_range"), reason="needs copy_file_range (Linux)")
@pytest.mark.parametrize("number", [errno.EXDEV, errno.EOPNOTSUPP, 0])
def test_copies_where_the_kernel_copies_nothing(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> int:
        if number:
            raise OSError(number, os.strerror(number))
        return 0

    (tmp_path / "a").write_bytes(b"content" * 1000)
    copy_file(tmp_path / "a", tmp_path / "b")
    monkeypatch.setattr(os, "copy_file_range", nothing)
    copy_file(tmp_path / "a", tmp_path / "c")
    for name in "bc":
        assert (tmp_path / name).read_bytes() == b"content" * 1000


@pytest.mark.parametrize("age", [0, 3600])
def test_a_changed_file_is_hashed_again(tmp_path: Path, age: float) -> None:
    path = tmp_path / "x"
    for content in (b"one", b"two", b"three"):
        path.write_bytes(content)
        if not age:  # as on a file system with coarse times
            os.utime(path, ns=(0, time.time_ns() // 10**9 * 10**9))
        elif content != b"two":
            os.utime(path, (0, time.time() - age))
        assert sha1(path) == hashlib.sha1(content).hexdigest()
    path.unlink()
    with pytest.raises(FileNotFoundError):
        sha1(path)


def test_a_file_that_changes_and_gets_its_old_time_is_hashed_again(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content in (b"one", b"two"):
        path.write_bytes(content)
        os.utime(path, (0, 0))
        assert sha1(path) == hashlib.sha1(content).hexdigest()
        time.sleep(0.02)  # longer than a tick of the clock that files get their times from
