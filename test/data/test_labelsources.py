"""Labels in files, folders and patterns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support import RUN, backend_error, label_error, posix, write_labels, write_recording
from taggingbackends import Labels, iter_labels
from taggingbackends.data import Recording, ownlabels
from taggingbackends.data.labelsources import label_sources, read_labels
from taggingbackends.data.loading import load_silently
from variants import trxmat


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with label files, trx.mat with and without labels, and others."""
    spine = write_recording(tmp_path / "a")
    write_labels(spine)
    write_labels(spine, "predicted.label")
    labels = Labels()
    for run in ("one", "two"):
        labels.set(run, 1, [0.0], ["run"])
    labels.attributes["project"] = "p"
    (tmp_path / "b" / "deep").mkdir(parents=True)
    labels.write(tmp_path / "b" / "deep" / "x.json")
    (tmp_path / "b" / "y.json").write_text('{"some": "thing"}')
    (tmp_path / "b" / "hidden").mkdir()
    write_labels(spine, ".hidden.label")
    larva = trxmat.larva()
    without = {field: value for field, value in larva.items() if field not in trxmat.ACTIONS}
    for name, content in (("c", larva), ("d", without)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "trx.mat").write_bytes(trxmat.image(content)["trx.mat"])
    return tmp_path


def names(files: list[Path], folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in files]


def test_a_folder(folder: Path) -> None:
    assert names(label_sources(folder), folder) == [
        "a/predicted.label",
        "a/truth.label",
        "b/deep/x.json",
        "c/trx.mat",
    ]
    # a label file decides about a trx.mat beside it
    (folder / "c" / "x.label").write_bytes((folder / "a" / "truth.label").read_bytes())
    assert names(label_sources([folder / "c"]), folder) == ["c/x.label"]
    with backend_error("no-input", "expected label files, or tracker files .* found none"):
        label_sources(folder / "d")


def test_a_trx_mat_is_found_by_its_fields(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one without known actions is read, since others may be indicators."""
    larva = trxmat.larva()
    for action in trxmat.ACTIONS:
        larva["climb"] = larva.pop(action)
    (folder / "d" / "trx.mat").write_bytes(trxmat.image(larva)["trx.mat"])
    read: list[Path] = []

    def load(file: Path, **options: Any) -> Recording:
        read.append(file)
        return load_silently(file, **options)

    monkeypatch.setattr(ownlabels, "load_silently", load)
    found = label_sources([folder / "c", folder / "d"])
    assert names(found, folder) == ["c/trx.mat", "d/trx.mat"]
    assert read == found[1:]


def test_patterns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert label_sources("**/*.label") == [Path("a/predicted.label"), Path("a/truth.label")]
    assert label_sources(str(folder / "*" / "p*.label")) == [folder / "a" / "predicted.label"]
    assert label_sources(["**/truth.label", Path("a"), "a/truth.label"]) == [
        Path("a/truth.label"),
        Path("a/predicted.label"),
    ]
    assert label_sources(["a/truth.label", folder / "a"])[0] == Path("a/truth.label")
    assert len(label_sources(["a", folder / "a"])) == 2
    with backend_error("no-input", "none.*: expected matching files, found none"):
        label_sources("none.*")
    Path("[1].label").write_bytes(Path("a/truth.label").read_bytes())
    assert label_sources("[1].label") == [Path("[1].label")]  # a file of that name
    assert label_sources([]) == []
    with pytest.raises(TypeError, match="the path of a file or folder, or a pattern, found an int"):
        label_sources([1])  # type: ignore[list-item]


def test_iter_labels(folder: Path) -> None:
    found = [(one.file, list(one)) for one in iter_labels([folder / "b", folder / "a"])]
    file = folder / "b" / "deep" / "x.json"
    assert found == [
        (file, ["one"]),
        (file, ["two"]),
        (folder / "a" / "predicted.label", [RUN]),
        (folder / "a" / "truth.label", [RUN]),
    ]
    first = next(iter_labels(file))
    assert first.attributes == {"project": "p"}
    assert first["one"] == Labels.read(file)["one"]
    assert list(iter_labels([])) == []


def test_files_are_read_one_by_one(folder: Path) -> None:
    labels = iter_labels([folder / "a", folder / "none.label"])
    assert [next(labels).file, next(labels).file] == label_sources(folder / "a")
    with pytest.raises(FileNotFoundError):
        next(labels)


def test_read_labels(folder: Path) -> None:
    file = folder / "c" / "trx.mat"
    labels = read_labels(file)
    assert labels.file == file
    (run,) = labels.values()
    assert run[1].states == list(trxmat.ACTIONS[:4])
    with backend_error("no-input", "found a recording without labels"):
        read_labels(folder / "d" / "trx.mat")
    with label_error("invalid-json"):
        (folder / "bad.label").write_text("{")
        read_labels(folder / "bad.label")
    for other in ("b/y.json", "c"):
        with pytest.raises((OSError, ValueError)):
            read_labels(folder / other)


@posix
def test_links(folder: Path) -> None:
    (folder / "d" / "link.label").symlink_to(folder / "a" / "truth.label")
    (folder / "d" / "broken.label").symlink_to("nowhere")
    assert names(label_sources(folder / "d"), folder) == ["d/link.label"]
