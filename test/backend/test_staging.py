"""Push and pull: which files are copied, where they go, and which input is refused."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import RUN, STEM, backend_error, posix, tree, write_labels, write_recording
from taggingbackends import BackendExplorer, LabelFileError, Labels
from taggingbackends.backend import staging

OTHER = "20240612_090000@x"


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
    spine.with_name("new.txt").write_text("new")
    with backend_error("existing-file", r"exists already, and differs from .*; remove it"):
        backend.push(lab)
    assert tree(backend.raw_data_dir()) == before


@posix
def test_links_out_of_a_folder_are_refused(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab / "elsewhere")
    folder = lab / "folder"
    folder.mkdir()
    (folder / "real.txt").write_text("x")
    (folder / "inside.txt").symlink_to(folder / "real.txt")
    backend.push(folder)
    assert listed(backend) == ["inside.txt", "real.txt"]
    (folder / ".hidden").symlink_to(lab / "elsewhere")
    backend.push(folder)
    (folder / spine.name).symlink_to(spine)
    with backend_error("outside-link", "a link out of"):
        backend.push(folder)
    (folder / spine.name).unlink()
    (folder / "sub").symlink_to(lab / "elsewhere")
    with backend_error("outside-link"):
        backend.push(folder)
    assert listed(backend) == ["inside.txt", "real.txt"]


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
    (lab / "x").touch()
    real = staging.copy_file

    def fail(source: Path, path: Path) -> None:
        if source == spine.with_suffix(".outline"):
            raise OSError(28, "No space left on device", str(path))
        real(source, path)

    monkeypatch.setattr(staging, "copy_file", fail)
    with pytest.raises(OSError, match="No space left"):
        backend.push(spine, lab / "x")
    assert list(backend.raw_data_dir().iterdir()) == []


def test_a_missing_file_comes_from_beside_the_others(backend: BackendExplorer, lab: Path) -> None:
    for folder in ("a", "b"):
        write_recording(lab / folder)
    backend.push(lab)
    missing = backend.raw_data_dir() / "b" / f"{STEM}.mat"
    assert staging.origin(backend, missing) == lab / "b" / missing.name


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
    with pytest.raises(PermissionError, match=re.escape(str(lab))):
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
    assert {staging.origin(backend, path) for path in pushed} == {
        spine,
        spine.with_suffix(".outline"),
    }
    missing = pushed[0].with_suffix(".other")
    assert staging.origin(backend, missing) == spine.with_suffix(".other")
    unknown = backend.raw_data_dir() / "other"
    assert staging.origin(backend, unknown) == unknown
    assert staging.origin(backend, spine) == spine


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


def test_invalid_destinations_of_labels(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab / "a")
    backend.push(spine)
    predicted(backend, spine)
    with backend_error("existing-file", "expected a folder, found a file"):
        backend.pull(spine / "x")
    (lab / "a" / "predicted.label").mkdir()
    with backend_error("existing-file", "expected a file, found a folder"):
        backend.pull(force=True)


def test_broken_origins_are_reported(backend: BackendExplorer, lab: Path) -> None:
    spine = write_recording(lab)
    backend.push(spine)
    predicted(backend, spine)
    (backend.raw_data_dir() / ".origins.json").write_text("{")
    with backend_error("unknown-origin", "the origins of the input cannot be read"):
        backend.pull()


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
