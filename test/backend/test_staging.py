"""Push and pull: which files are copied, where they go, and which input is refused."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from support import (
    RUN,
    STEM,
    backend_error,
    command,
    posix,
    tree,
    write_labels,
    write_recording,
)
from taggingbackends import BackendExplorer, LabelFileError, Labels, dependency
from taggingbackends.backend import origins, sandboxes, staging
from taggingbackends.backend.provenance import complete
from taggingbackends.system.files import copy_file
from taggingbackends.system.temporaries import temporary_beside

OTHER = "20240612_090000@x"
LINE = f"{RUN} 1 1.000 2.000".encode()  # as in a .spine file


@pytest.fixture
def backend(make_backend: Callable[..., Path]) -> BackendExplorer:
    return BackendExplorer(make_backend(), "m")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return tmp_path / "lab"


def listed(backend: BackendExplorer) -> list[str]:
    top = backend.raw_data_dir()
    return [path.relative_to(top).as_posix() for path in backend.list_input_files()]


def test_the_content_of_one_folder_goes_to_the_top(backend: BackendExplorer, lab: Path) -> None:
    write_recording(lab)
    write_recording(lab / "a" / "b", OTHER)
    (lab / ".hidden").touch()
    pushed = backend.push(lab)
    assert listed(backend) == [
        f"{STEM}.outline",
        f"{STEM}.spine",
        f"a/b/{OTHER}.outline",
        f"a/b/{OTHER}.spine",
    ]
    assert sorted(pushed) == backend.list_input_files()
    for path in pushed:
        assert path.read_bytes() == (lab / path.relative_to(backend.raw_data_dir())).read_bytes()
        assert not path.is_symlink()


def test_paths_go_below_their_deepest_common_folder(backend: BackendExplorer, lab: Path) -> None:
    one = write_recording(lab / "x" / "a")
    write_recording(lab / "x" / "b" / "c")
    backend.push(one, lab / "x" / "b")
    files = [f"{STEM}.outline", f"{STEM}.spine"]
    assert listed(backend) == [f"{folder}/{file}" for folder in ("a", "b/c") for file in files]


def test_related_files_are_included(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab)
    write_recording(lab, OTHER)
    backend.push(write_labels(spine))
    assert listed(backend) == [f"{STEM}.outline", f"{STEM}.spine", "truth.label"]


@pytest.mark.parametrize(
    "names",
    [
        [f"{STEM}.00001.spine", f"{STEM}.00020.outline.gz", f"{STEM}.00020.spine"],
        [f"{STEM}.OUTLINE", f"{STEM}.spine"],
        [f"{STEM}.outline.gz", f"{STEM}.spine.gz"],
    ],
)
def test_files_of_a_recording_under_other_names(
    names: list[str], backend: BackendExplorer, lab: Path
) -> None:
    """Any file brings the others, and the labels have the stem of the recording."""
    lab.mkdir()
    for name in names:
        (lab / name).write_bytes(gzip.compress(LINE) if name.endswith(".gz") else LINE)
    for name in names:
        backend.push(lab / name)
        assert listed(backend) == names
        output = backend.output_path(backend.list_input_files()[-1])
        assert output.name == "predicted.label"
        labels = Labels()
        labels.set(RUN, 1, [1.0], ["run"])
        labels.write(output)
        complete(backend, [output])
        run = Labels.read(output)[RUN]
        assert [entry["filename"] for entry in run.dependencies] == names
        write_recording(backend.raw_data_dir(), OTHER)
        output = backend.output_path(backend.raw_data_dir() / name)
        assert output.name == f"{STEM}.predicted.label"
        backend.reset_data()


def test_invalid_dependencies_are_refused(backend: BackendExplorer, lab: Path) -> None:
    label = write_labels(write_recording(lab))
    (lab / f"{STEM}.outline").unlink()
    for paths in ((label,), (lab,)):
        with pytest.raises(LabelFileError, match="bad-dependency"):
            backend.push(*paths)
    label.write_text("{")
    with pytest.raises(LabelFileError, match="invalid-json"):
        backend.push(label)
    assert listed(backend) == []


def test_missing_input(backend: BackendExplorer, lab: Path) -> None:
    with backend_error("no-input", "none.spine: no such file"):
        backend.push(lab / "none.spine")
    lab.mkdir()
    (lab / ".hidden").touch()
    with backend_error("no-input", "expected visible files, found none"):
        backend.push(lab)
    with backend_error("no-input"):
        backend.push()


def test_hidden_input_is_refused(backend: BackendExplorer, lab: Path) -> None:
    one, two = write_recording(lab / ".a"), write_recording(lab / "b")
    with backend_error("no-input", "hidden, so it would not be found"):
        backend.push(one, two)
    assert listed(backend) == []


def test_pushing_an_existing_file_again(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab)
    backend.push(spine)
    backend.push(spine)
    before = tree(backend.raw_data_dir())
    spine.write_text(spine.read_text().replace("1.1", "1.2"))
    write_recording(lab, OTHER)
    with backend_error("existing-file", r"exists already, and differs from .*; remove it"):
        backend.push(lab)
    assert tree(backend.raw_data_dir()) == before


@posix
def test_links_to_files_keep_their_names(backend: BackendExplorer, lab: Path) -> None:
    """As in a folder of git-annex or DataLad."""
    folder, annex = lab / "folder", lab / "annex"
    folder.mkdir(parents=True)
    for n, file in enumerate([write_recording(annex), annex / f"{STEM}.outline"]):
        stored = file.rename(annex / f"SHA256E-{n}{file.suffix}")
        (folder / file.name).symlink_to(Path("..", "annex", stored.name))
    backend.push(folder)
    assert listed(backend) == [f"{STEM}.outline", f"{STEM}.spine"]
    pushed = backend.raw_data_dir() / f"{STEM}.spine"
    assert not pushed.is_symlink()
    assert origins.origin(backend, pushed) == folder / pushed.name
    label = write_labels(folder / f"{STEM}.spine")
    backend.push(label)
    predicted(backend, folder / f"{STEM}.spine")
    assert backend.pull() == [folder / "predicted.label"]


@posix
def test_links_to_folders_outside_are_refused(backend: BackendExplorer, lab: Path) -> None:
    write_recording(lab / "elsewhere")
    folder = lab / "folder"
    folder.mkdir()
    (folder / "real.spine").write_bytes(LINE)
    (folder / ".hidden").symlink_to(lab / "elsewhere")
    backend.push(folder)
    (folder / "sub").symlink_to(lab / "elsewhere")
    with backend_error(
        "outside-link", "sub: found a link to a folder outside .*folder; remove it, and"
    ):
        backend.push(folder)
    assert listed(backend) == ["real.spine"]


@posix
@pytest.mark.parametrize("target", ["link.spine", "../gone", "real.txt/x"])
def test_broken_links_are_refused(target: str, backend: BackendExplorer, lab: Path) -> None:
    lab.mkdir()
    (lab / "real.txt").write_text("x")
    (lab / "link.spine").symlink_to(target)
    for path in (lab, lab / "link.spine"):
        with backend_error(
            "no-input", f"link.spine: found a broken link to {target}; fetch the file"
        ):
            backend.push(path)
    assert listed(backend) == []


@posix
@pytest.mark.parametrize("suffix", ["spine", "csv", "label", "json"])
def test_pipes_and_devices(suffix: str, backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab)
    pipe = lab / f"a.{suffix}"
    os.mkfifo(pipe)
    (lab / "zero.csv").symlink_to("/dev/zero")
    for path in (pipe, lab / "zero.csv"):
        with backend_error("no-input", "expected a file or a folder, found a pipe, a socket or"):
            backend.push(spine, path)
    with pytest.warns(UserWarning, match="skipped 2 pipes, sockets or devices in"):
        backend.push(lab)
    assert listed(backend) == [f"{STEM}.outline", f"{STEM}.spine"]


def test_unreadable_folders_are_skipped(
    backend: BackendExplorer, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_recording(lab)
    (lab / "private").mkdir()
    scandir = os.scandir

    def refuse(path: Path) -> object:  # root may read everything
        if Path(path).name == "private":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.warns(UserWarning, match="skipped 1 folder that cannot be read: .*private: Per"):
        backend.push(lab)
    assert listed(backend) == [f"{STEM}.outline", f"{STEM}.spine"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system of bytes")
def test_names_that_are_not_utf8_are_refused(backend: BackendExplorer, lab: Path) -> None:
    write_recording(lab)
    for bad in (os.fsdecode(b"M\xfcller"), os.fsdecode(b"\xfc.csv")):
        folder = lab.parent / bad
        shutil.copytree(lab, folder)
        with backend_error("bad-name", r"\\udcfc.*': expected a name in UTF-8; rename"):
            backend.push(folder)
    assert listed(backend) == []
    file = lab / os.fsdecode(b"\xfc.csv")
    file.touch()
    with pytest.raises(
        LabelFileError, match="bad-dependency: expected a file with a name in UTF-8"
    ):
        dependency(file)


@posix
def test_names_in_a_locale_without_utf8(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab / "M\xfcller", f"{RUN}@K\xfc@e@t5@p")
    ascii_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    arguments = ("--project", backend.project_dir, "predict", "--model-instance", "m")
    for more in ((spine,), ("--recursive", lab)):  # the latter finds the labels up to date
        result = command(*arguments, *more, cwd=lab, **ascii_locale)
        assert result.returncode == 0, result.stderr
    labels = Labels.read(spine.with_name("predicted.label"))
    assert [x.name for x in labels.check_dependencies(spine.parent)] == [
        f"{spine.stem}.outline",
        spine.name,
    ]
    command("--project", backend.project_dir, "push", lab, "--model-instance", "m", cwd=lab,
            **ascii_locale)  # fmt: skip
    assert origins.origin(backend, backend.raw_data_dir() / "M\xfcller" / spine.name) == spine


@posix
def test_links_within_a_folder_are_included(backend: BackendExplorer, lab: Path) -> None:
    write_recording(lab / "real")
    (lab / "alias").symlink_to(lab / "real")
    (lab / "real" / "loop").symlink_to(lab)
    backend.push(lab)
    files = [f"{STEM}.outline", f"{STEM}.spine"]
    assert listed(backend) == [f"{folder}/{file}" for folder in ("alias", "real") for file in files]


def test_a_folder_of_input_does_not_become_a_sandbox(backend: BackendExplorer, lab: Path) -> None:
    write_recording(backend.raw_data_dir() / "session1")
    sandbox = BackendExplorer(backend.project_dir, "m", "session1")
    with backend_error("not-a-sandbox", "found a folder of input"):
        sandbox.push(write_recording(lab))
    assert not (backend.raw_data_dir() / "session1" / ".sandbox").exists()


def test_other_input_is_refused_with_alone(backend: BackendExplorer, lab: Path) -> None:
    one, two = write_recording(lab / "a"), write_recording(lab / "b", OTHER)
    backend.push(one, alone=True)
    backend.push(one, alone=True)
    with backend_error("existing-file", "other input is in place already"):
        backend.push(two, alone=True)


def test_long_names(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab, "字" * 80)
    backend.push(spine)
    assert (backend.raw_data_dir() / spine.name).read_bytes() == spine.read_bytes()


@posix
def test_links_instead_of_copies(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab)
    for path in backend.push(spine, link=True):
        assert path.is_symlink()
        assert path.resolve() == lab / path.name


def test_a_failed_push_leaves_nothing(
    backend: BackendExplorer, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spine = write_recording(lab / "a")
    (lab / "x.spine").write_bytes(LINE)
    real = staging.copy_file

    def fail(source: Path, path: Path) -> None:
        if source == spine.with_suffix(".outline"):
            raise OSError(28, "No space left on device", str(path))
        real(source, path)

    monkeypatch.setattr(staging, "copy_file", fail)
    with pytest.raises(OSError, match="No space left"):
        backend.push(spine, lab / "x.spine")
    assert tree(backend.raw_data_dir()) == {}


def test_a_push_that_fails_at_its_end_leaves_no_folders(
    backend: BackendExplorer, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, origins: object) -> None:
        if path.name == ".origins.json":
            raise OSError(28, "No space left on device", str(path))

    write_recording(lab / "a")
    monkeypatch.setattr(origins, "_write", fail)
    with pytest.raises(OSError, match="No space left"):
        backend.push(lab)
    assert list(backend.raw_data_dir().iterdir()) == []


def test_the_record_of_another_user_is_replaced(backend: BackendExplorer, lab: Path) -> None:
    backend.push(write_recording(lab / "a"))
    (backend.raw_data_dir() / ".origins.json").chmod(0o444)  # as good as that of another user
    other = write_recording(lab / "b", OTHER)
    backend.push(other)
    assert len(origins.read_origins(backend.raw_data_dir())) == 4


def test_a_sandbox_named_push_does_not_stop_a_push(backend: BackendExplorer, lab: Path) -> None:
    sandbox = BackendExplorer(backend.project_dir, backend.model_instance, "push")
    with sandboxes.hold(sandbox):
        backend.push(write_recording(lab))


def test_pushes_at_once_lose_no_origin(backend: BackendExplorer, lab: Path) -> None:
    folders = []
    for n in range(16):
        folders.append(lab / str(n))
        folders[-1].mkdir(parents=True)
        for file in range(10):
            (folders[-1] / f"{n}-{file}.spine").write_bytes(LINE)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(backend.push, folders))
    files = backend.list_input_files()
    assert len(files) == 160
    sources = {origins.origin(backend, file) for file in files}
    assert sources == {file for folder in folders for file in folder.iterdir()}


def test_one_push_at_a_time(
    backend: BackendExplorer, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second push of the same files neither brings nor, when it fails, removes them."""
    write_recording(lab)
    copied = []
    second = Thread(target=backend.push, args=(lab,))

    def copy(source: Path, path: Path) -> None:
        if not copied:
            second.start()
            second.join(0.3)
            assert second.is_alive()
            assert (path.parent / ".push-lock").exists()  # which Julia uses, too
        copied.append(path)
        copy_file(source, path)

    monkeypatch.setattr(staging, "copy_file", copy)
    pushed = backend.push(lab)
    second.join()
    assert copied == pushed
    assert all(path.exists() for path in pushed)
    assert {path.name for path in backend.raw_data_dir().iterdir()} == {
        ".origins.json",
        *(path.name for path in pushed),
    }


def killed_push(backend: BackendExplorer, folder: Path) -> None:
    """Push a folder in a process that is killed while it copies the second file."""

    def copy(source: Path, path: Path) -> None:
        if any(path.parent.iterdir()):
            for beside in (path, path.parent):
                temporary_beside(beside).write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
        copy_file(source, path)

    pid = os.fork()
    if pid == 0:
        staging.copy_file = copy
        backend.push(folder)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL


@posix
def test_the_next_push_completes_a_killed_one(backend: BackendExplorer, lab: Path) -> None:
    write_recording(lab / "sub")
    killed_push(backend, lab)
    assert (backend.raw_data_dir() / ".pushing.json").exists()
    (brought,) = backend.list_input_files()
    assert origins.origin(backend, brought) == lab / "sub" / brought.name
    brought.with_name(".mine.tmp").touch()
    with pytest.warns(UserWarning, match="earlier push did not finish.*: 1 pushed again"):
        backend.push(lab)
    assert tree(backend.raw_data_dir()).keys() == {
        ".origins.json",
        "sub/.mine.tmp",
        f"sub/{STEM}.outline",
        f"sub/{STEM}.spine",
    }
    backend.push(lab)  # without a warning


@posix
def test_the_next_push_removes_a_killed_one(backend: BackendExplorer, lab: Path) -> None:
    write_recording(lab / "a" / "sub")
    other = write_recording(lab / "b", OTHER)
    killed_push(backend, lab / "a")
    with pytest.warns(UserWarning, match="earlier push did not finish.*: 1 removed"):
        backend.push(other, alone=True)
    assert not (backend.raw_data_dir() / "sub").exists()
    assert listed(backend) == [f"{OTHER}.outline", f"{OTHER}.spine"]


@posix
def test_a_killed_push_leaves_the_places_of_its_files_to_others(
    backend: BackendExplorer, lab: Path
) -> None:
    for folder, text in (("a", "one"), ("b", "two")):
        (lab / folder / "sub").mkdir(parents=True)
        (lab / folder / "sub" / "1.spine").write_text(f"{RUN} 1 {text}")
        (lab / folder / "sub" / "2.spine").write_text(f"{RUN} 1 {text}")
    killed_push(backend, lab / "a")
    with pytest.warns(UserWarning, match="earlier push did not finish.*: 1 removed"):
        backend.push(lab / "b")
    assert {path.read_text() for path in backend.list_input_files()} == {f"{RUN} 1 two"}
    assert len(listed(backend)) == 2


@posix
def test_an_unfinished_push_without_locks_may_be_running(
    backend: BackendExplorer, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_recording(lab / "sub")
    killed_push(backend, lab)
    monkeypatch.setattr(origins, "locked", lambda path, wait: nullcontext())
    before = tree(backend.raw_data_dir())
    with backend_error(
        "existing-file", r"killed; wait, or remove all with .*'m'\)\.reset_data\(\)"
    ):
        backend.push(lab)
    assert tree(backend.raw_data_dir()) == before


@posix
def test_files_that_changed_after_a_killed_push_are_kept(
    backend: BackendExplorer, lab: Path
) -> None:
    write_recording(lab / "a" / "sub")
    other = write_recording(lab / "b", OTHER)
    killed_push(backend, lab / "a")
    (brought,) = backend.list_input_files()
    brought.write_text("changed")
    with pytest.warns(UserWarning, match="did not finish.*: 1 kept because they have changed"):
        backend.push(other)
    assert brought.read_text() == "changed"
    assert origins.origin(backend, brought) == lab / "a" / "sub" / brought.name


@posix
def test_a_killed_push_of_files_that_were_removed_by_hand(
    backend: BackendExplorer, lab: Path
) -> None:
    write_recording(lab / "sub")
    for path in backend.push(lab):
        path.unlink()
    killed_push(backend, lab)
    with pytest.warns(UserWarning, match="earlier push did not finish.*: 1 pushed again"):
        backend.push(lab)


def test_a_missing_file_comes_from_beside_the_others(backend: BackendExplorer, lab: Path) -> None:
    for folder in ("a", "b"):
        write_recording(lab / folder)
    backend.push(lab)
    missing = backend.raw_data_dir() / "b" / f"{STEM}.mat"
    assert origins.origin(backend, missing) == lab / "b" / missing.name


def test_two_label_files_do_not_go_to_one_place(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab)
    write_recording(lab, OTHER)
    backend.push(spine)
    label = predicted(backend, spine)
    shutil.copy(label, label.with_name(f"{STEM}.predicted.label"))
    with backend_error("existing-file", "two label files would be copied there"):
        backend.pull()
    assert list(lab.glob("*.label")) == []


def test_files_alike_in_size_and_time_differ(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab)
    (pushed, *_) = (path for path in backend.push(spine) if path.suffix == ".spine")
    spine.write_text(spine.read_text().replace("1.000", "2.000", 1))
    for path in (spine, pushed):
        os.utime(path, (0, 0))
    with backend_error("existing-file", "exists already, and differs from"):
        backend.push(spine)


def test_a_folder_that_cannot_be_written_is_refused(
    backend: BackendExplorer, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spine = write_recording(lab)
    backend.push(spine)
    predicted(backend, spine)
    # root may write everywhere
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != lab)
    said = f"expected a folder that you can write to; name another folder: {str(lab)!r}"
    with pytest.raises(PermissionError, match=re.escape(said)):
        backend.pull()
    assert list(lab.glob("*.label")) == []


def test_a_folder_with_the_name_of_a_sandbox_is_refused(
    backend: BackendExplorer, lab: Path
) -> None:
    BackendExplorer(backend.project_dir, "m", "a").raw_data_dir()
    write_recording(lab / "a")
    with backend_error("existing-file", "a sandbox of this name"):
        backend.push(lab)


def predicted(backend: BackendExplorer, spine: Path) -> Path:
    """Write labels for pushed input, as predict_model would."""
    target = backend.output_path(next(iter(sorted(backend.raw_data_dir().rglob(spine.name)))))
    Labels.read(write_labels(spine, "temporary.label")).write(target)
    (spine.parent / "temporary.label").unlink()
    return target


def test_labels_are_pulled_beside_their_input(backend: BackendExplorer, lab: Path) -> None:
    one, two = write_recording(lab / "a"), write_recording(lab / "b")
    backend.push(one, two)
    files = [predicted(backend, one), predicted(backend, one)]
    backend.raw_data_dir()
    assert files[0] == backend.processed_data_dir() / "a" / "predicted.label"
    pulled = backend.pull()
    assert pulled == [lab / "a" / "predicted.label"]
    assert pulled[0].read_bytes() == files[0].read_bytes()


def test_two_recordings_in_one_folder(backend: BackendExplorer, lab: Path) -> None:
    spines = [write_recording(lab), write_recording(lab, OTHER)]
    backend.push(*spines)
    for spine in spines:
        predicted(backend, spine)
    assert backend.pull() == [
        lab / f"{STEM}.predicted.label",
        lab / f"{OTHER}.predicted.label",
    ]


def test_recordings_from_two_folders_in_one_input_folder(
    backend: BackendExplorer, lab: Path
) -> None:
    one, two = write_recording(lab / "a"), write_recording(lab / "b", OTHER)
    backend.push(one)
    backend.push(two)
    for spine in (one, two):
        predicted(backend, spine)
    assert sorted(backend.pull()) == [
        lab / "a" / f"{STEM}.predicted.label",
        lab / "b" / f"{OTHER}.predicted.label",
    ]
    (backend.processed_data_dir() / "all.label").write_bytes(
        (lab / "a" / f"{STEM}.predicted.label").read_bytes()
    )
    with backend_error("unknown-origin", "comes from 2 folders; name a folder"):
        backend.pull(force=True)


def test_labels_are_pulled_into_a_folder(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab / "a" / "b")
    write_recording(lab / "c")
    backend.push(lab)
    predicted(backend, spine)
    out = lab.parent / "out"
    assert backend.pull(out) == [out / "a" / "b" / "predicted.label"]
    (pulled,) = backend.pull(out)  # the same content
    Labels().write(pulled)
    with backend_error("existing-file", "exists already; replace with force=True"):
        backend.pull(out)
    backend.pull(out, force=True)
    assert RUN in Labels.read(out / "a" / "b" / "predicted.label")


def test_an_existing_file_is_refused_before_anything_is_written(
    backend: BackendExplorer, lab: Path
) -> None:
    spines = [write_recording(lab / "a"), write_recording(lab / "b")]
    backend.push(*spines)
    for folder in ("a", "b"):
        target = backend.processed_data_dir() / folder / "predicted.label"
        target.parent.mkdir(parents=True)
        Labels.read(write_labels(lab / folder / spines[0].name)).write(target)
    (lab / "b" / "predicted.label").write_text("mine")
    with backend_error("existing-file"):
        backend.pull()
    assert not (lab / "a" / "predicted.label").exists()
    assert (lab / "b" / "predicted.label").read_text() == "mine"


@posix
@pytest.mark.parametrize("force", [False, True])
def test_a_failed_pull_leaves_everything_as_it_was(
    force: bool, backend: BackendExplorer, lab: Path
) -> None:
    import resource

    spines = [write_recording(lab / "a"), write_recording(lab / "b")]
    backend.push(*spines)
    for folder, name in (("a", "run"), ("b", "x" * 100_000)):
        target = backend.processed_data_dir() / folder / "predicted.label"
        target.parent.mkdir(parents=True)
        label = write_labels(lab / folder / spines[0].name, state=name)
        Labels.read(label).write(target)
        label.unlink()
    if force:
        (lab / "a" / "predicted.label").write_text("old")
    before = tree(lab)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))  # like a full disk
    try:
        with pytest.raises(OSError, match="File too large"):
            backend.pull(force=force)
        with pytest.raises(OSError, match="File too large"):
            backend.pull(lab / "out" / "more")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert tree(lab) == before
    assert not (lab / "out").exists()
    assert len(backend.pull(force=force)) == 2
    assert RUN in Labels.read(lab / "a" / "predicted.label")


@pytest.mark.parametrize("there", [False, True])
def test_a_file_that_changes_during_a_pull_stays(
    there: bool, backend: BackendExplorer, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spines = [write_recording(lab / "a"), write_recording(lab / "b")]
    backend.push(*spines)
    for folder in ("a", "b"):
        target = backend.processed_data_dir() / folder / "predicted.label"
        target.parent.mkdir(parents=True)
        label = write_labels(lab / folder / spines[0].name)
        target.write_bytes(label.read_bytes())
        label.unlink()
    place = lab / "b" / "predicted.label"
    if there:
        place.write_text("old")
    before = tree(lab)
    real = staging.copy_files

    def copy_files(copies: Any) -> None:  # after everything has been checked
        place.write_text("mine")
        real(copies)

    monkeypatch.setattr(staging, "copy_files", copy_files)
    with backend_error("changed-file" if there else "existing-file", f"{place}: "):
        backend.pull(force=True)
    assert tree(lab) == before | {"b/predicted.label": b"mine"}


@posix
def test_destinations_that_must_not_be_replaced(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab)
    backend.push(spine)
    label = predicted(backend, spine)
    place = lab / "predicted.label"
    os.mkfifo(place)
    with pytest.raises(OSError, match="expected a file, found a pipe or a device"):
        backend.pull(force=True)
    place.unlink()
    place.write_text("old")
    place.chmod(0o444)
    with pytest.raises(PermissionError, match="read-only"):
        backend.pull(force=True)
    assert place.read_text() == "old"
    place.rename(lab / "kept").chmod(0o664)
    place.symlink_to("kept")
    backend.pull(force=True)
    assert place.is_symlink()
    assert (lab / "kept").read_bytes() == label.read_bytes()
    assert (lab / "kept").stat().st_mode & 0o777 == 0o664


def test_dependencies_are_checked_when_pulling(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab)
    backend.push(spine)
    predicted(backend, spine)
    pushed = backend.raw_data_dir() / spine.name
    pushed.write_text(pushed.read_text() + "\n")
    with pytest.raises(LabelFileError, match="bad-dependency"):
        backend.pull()
    assert not (lab / "predicted.label").exists()


def test_the_recordings_of_a_folder_one_at_a_time(backend: BackendExplorer, lab: Path) -> None:
    """Labels of recordings that are pushed separately have different names."""
    for spine in (write_recording(lab), write_recording(lab, OTHER)):
        write_recording(lab, OTHER)
        alone = BackendExplorer(backend.project_dir, "m", spine.stem.split("@")[0])
        alone.push(spine)
        assert predicted(alone, spine).name == "predicted.label"
        assert alone.pull() == [lab / f"{spine.stem}.predicted.label"]


def test_origins(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab)
    pushed = backend.push(spine)
    assert {origins.origin(backend, path) for path in pushed} == {
        spine,
        spine.with_suffix(".outline"),
    }
    missing = pushed[0].with_suffix(".other")
    assert origins.origin(backend, missing) == spine.with_suffix(".other")
    unknown = backend.raw_data_dir() / "other"
    assert origins.origin(backend, unknown) == unknown
    assert origins.origin(backend, spine) == spine


def test_stems_that_begin_alike(backend: BackendExplorer, lab: Path) -> None:
    spines = [write_recording(lab, stem) for stem in (f"{RUN}@0", f"{RUN}@0.5")]
    backend.push(*spines)
    for spine in spines:
        predicted(backend, spine)
    pulled = backend.pull()
    assert [path.name for path in pulled] == [
        f"{RUN}@0.5.predicted.label",
        f"{RUN}@0.predicted.label",
    ]


def test_the_work_grows_with_the_number_of_files(
    make_backend: Callable[..., Path], lab: Path
) -> None:
    """Not with its square."""
    backend = BackendExplorer(make_backend(), "m")

    def work(n: int) -> int:
        """Push, predict and pull n recordings in one folder, and return the number of calls."""
        calls = 0

        def count(*event: object) -> None:
            nonlocal calls
            calls += 1

        spines = [write_recording(lab / str(n), f"20240611_{i:06d}@g", (1,)) for i in range(n)]
        sys.setprofile(count)
        try:
            pushed = [path for path in backend.push(*spines) if path.suffix == ".spine"]
            places = [backend.output_path(path) for path in pushed]
            staging.check_destinations(backend, places)
            for path, place in zip(pushed, places, strict=True):
                labels = Labels()
                labels.set(path.stem.split("@")[0], 1, [0.0], ["run"])
                labels.write(place)
            complete(backend, places)
            assert len(backend.pull()) == n
        finally:
            sys.setprofile(None)
        backend.reset_data()
        return calls

    work(1)
    assert work(80) < 2.4 * work(40)


def test_invalid_destinations_of_labels(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab / "a")
    backend.push(spine)
    predicted(backend, spine)
    with backend_error("existing-file", "expected a folder, found a file"):
        backend.pull(spine / "x")
    (lab / "a" / "predicted.label").mkdir()
    with backend_error("existing-file", "expected a file, found a folder"):
        backend.pull(force=True)


@pytest.mark.parametrize("text", ["{", "1", "[]", '{"a": 1}', "[" * 100_000, "\xff"])
def test_broken_origins_are_reported(text: str, backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab)
    backend.push(spine)
    predicted(backend, spine)
    (backend.raw_data_dir() / ".origins.json").write_text(text, "latin-1")
    for work in (backend.pull, lambda: backend.push(spine)):
        with backend_error("unknown-origin", "the origins of the input cannot be read"):
            work()


def test_pull_without_labels(backend: BackendExplorer, lab: Path) -> None:
    backend.push(write_recording(lab))
    (backend.processed_data_dir() / "notes.txt").write_text("")
    with backend_error("no-output", "nothing to pull"):
        backend.pull()


@posix
def test_broken_links_are_listed(make_backend: Callable[..., Path]) -> None:
    backend = BackendExplorer(make_backend(), "m")
    raw = backend.raw_data_dir()
    (raw / "file").touch()
    (raw / "loop").symlink_to("loop")
    (raw / "nowhere").symlink_to("gone")
    (raw / "through").symlink_to("file/x")
    assert [path.name for path in backend.list_input_files()] == [
        "file",
        "loop",
        "nowhere",
        "through",
    ]
