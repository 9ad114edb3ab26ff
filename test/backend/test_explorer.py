"""BackendExplorer: paths and listings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support import STEM, backend_error, posix, write_labels, write_recording
from taggingbackends import BackendExplorer
from taggingbackends.backend.folder import TRAINING
from taggingbackends.backend.unfinished import unfinished_model
from taggingbackends.data import formats

Maker = Callable[..., Path]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    "text", ["tool = []", "[[project]]", 'project = "x"', "[tool]\npoetry = 1"]
)
def test_a_project_with_odd_tables(text: str, make_backend: Maker) -> None:
    project = make_backend()
    (project / "pyproject.toml").write_text(text)
    with backend_error("not-a-backend", "expected a table as"):
        BackendExplorer(project)


def test_the_nearest_backend_is_found(
    make_backend: Maker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = make_backend("My-Tagger")
    inner = project / "some" / "where"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    backend = BackendExplorer()
    assert backend.project_dir == project
    assert backend.package_name == "my_tagger"
    assert (backend.model_instance, backend.sandbox) == (None, None)
    monkeypatch.chdir(tmp_path)
    with backend_error("not-a-backend", "expected a backend here or above"):
        BackendExplorer()


def test_a_relative_project_becomes_absolute(
    make_backend: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_backend()
    monkeypatch.chdir(project.parent)
    assert BackendExplorer(project.name).project_dir == project


@pytest.mark.parametrize("having", [(), ("pyproject.toml",), ("models/m/x", "scripts/x.py")])
def test_folders_that_are_not_backends(having: tuple[str, ...], tmp_path: Path) -> None:
    touch(tmp_path, *having)
    with backend_error("not-a-backend", "expected a backend: pyproject.toml"):
        BackendExplorer(tmp_path)


@pytest.mark.parametrize(
    "having",
    [
        "models/m/x",
        "scripts/predict_model.py",
        "scripts/predict_model.jl",
        "src/x_y/models/predict_model.py",
    ],
)
def test_folders_that_are_backends(having: str, tmp_path: Path) -> None:
    touch(tmp_path, "pyproject.toml", having)
    (tmp_path / "pyproject.toml").write_text('[tool.poetry]\nname = "X-y"\n')
    assert BackendExplorer(tmp_path).package_name == "x_y"


def test_a_project_that_is_not_toml(make_backend: Maker) -> None:
    project = make_backend()
    (project / "pyproject.toml").write_text("[project\n")
    with backend_error("not-a-backend", "pyproject.toml: expected TOML"):
        BackendExplorer(project)


@pytest.mark.parametrize("good", ["m", "20240611_101500", "a" * 128, "0._@+=-x"])
def test_valid_identifiers(good: str, make_backend: Maker) -> None:
    backend = BackendExplorer(make_backend(), good, good)
    assert (backend.model_instance, backend.sandbox) == (good, good)


@pytest.mark.parametrize(
    "bad", ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "-x", "é", "a b", "a" * 129, "a\n"]
)
def test_invalid_identifiers(bad: str, make_backend: Maker) -> None:
    project = make_backend()
    for arguments in ((bad,), ("m", bad)):
        with backend_error("bad-identifier", "expected at most 128 characters"):
            BackendExplorer(project, *arguments)
    with backend_error("bad-identifier"):
        BackendExplorer(project).model_dir(bad)
    with backend_error("bad-identifier"):
        BackendExplorer(project).pretrained_model_dir(bad)
    assert not (project / "data").exists()


def test_data_folders_are_created_on_demand(make_backend: Maker) -> None:
    project = make_backend()
    backend = BackendExplorer(project, "m")
    assert not (project / "data").exists()
    assert backend.raw_data_dir() == project / "data" / "raw" / "m"
    assert backend.interim_data_dir() == project / "data" / "interim" / "m"
    assert backend.processed_data_dir() == project / "data" / "processed" / "m"
    assert all((project / "data" / x / "m").is_dir() for x in ("raw", "interim", "processed"))
    sandbox = BackendExplorer(project, "m", "s").raw_data_dir()
    assert sandbox == project / "data" / "raw" / "m" / "s"
    assert (sandbox / ".sandbox").exists()


@pytest.mark.parametrize(
    "member", ["raw_data_dir", "list_input_files", "model_dir", "reset_data", "reset_model"]
)
def test_members_that_need_an_instance(member: str, make_backend: Maker) -> None:
    backend = BackendExplorer(make_backend(model=None))
    with backend_error(
        "no-model-instance", r"needs a model instance; name it with model_instance="
    ):
        getattr(backend, member)()


def test_input_is_listed_without_hidden_files_and_sandboxes(make_backend: Maker) -> None:
    backend = BackendExplorer(make_backend(), "m")
    top = backend.raw_data_dir()
    assert backend.list_input_files() == []
    touch(top, "b/z", "b-/z", "a", "B", ".hidden", ".folder/x", "b/.y", "b/c/d", "é", "s/in/x")
    touch(top, "t/.sandbox", "t/y", "b/u/.sandbox", "b/u/z")
    listed = ["B", "a", "b/c/d", "b/u/z", "b/z", "b-/z", "s/in/x", "é"]
    assert [path.relative_to(top).as_posix() for path in backend.list_input_files()] == listed
    assert list(backend.list_input_files(group_by_directories=True).items()) == [
        (".", [top / "B", top / "a", top / "é"]),
        ("b", [top / "b" / "z"]),
        ("b/c", [top / "b" / "c" / "d"]),
        ("b/u", [top / "b" / "u" / "z"]),
        ("b-", [top / "b-" / "z"]),
        ("s/in", [top / "s" / "in" / "x"]),
    ]
    sandbox = BackendExplorer(backend.project_dir, "m", "t")
    assert sandbox.list_input_files() == [top / "t" / "y"]


@posix
def test_linked_folders_are_listed(make_backend: Maker, tmp_path: Path) -> None:
    backend = BackendExplorer(make_backend(), "m")
    top = backend.raw_data_dir()
    touch(tmp_path / "elsewhere", "x")
    (top / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(top)
    (top / "again").symlink_to(tmp_path / "elsewhere")
    assert backend.list_input_files() == [top / "again" / "x", top / "link" / "x"]


def test_interim_and_processed_files(make_backend: Maker) -> None:
    backend = BackendExplorer(make_backend(), "m")
    touch(backend.interim_data_dir(), "a/x")
    touch(backend.processed_data_dir(), "y")
    assert backend.list_interim_files(group_by_directories=True) == {
        "a": [backend.interim_data_dir() / "a" / "x"]
    }
    assert backend.list_processed_files() == [backend.processed_data_dir() / "y"]


def test_models_are_listed(make_backend: Maker) -> None:
    backend = BackendExplorer(make_backend(model="b"))
    touch(backend.project_dir / "models", "a/x", ".b.partial/x", "file")
    touch(backend.project_dir / "pretrained_models", "p/x")
    assert backend.list_models() == ["a", "b"]
    assert backend.list_pretrained_models() == ["p"]
    assert backend.model_dir("b") == backend.project_dir / "models" / "b"
    assert backend.pretrained_model_dir("p") == backend.project_dir / "pretrained_models" / "p"
    with backend_error("unknown-model", "no pretrained model q .* there are p"):
        backend.pretrained_model_dir("q")
    assert BackendExplorer(make_backend("other", model=None)).list_pretrained_models() == []


def test_an_unknown_model_suggests_a_similar_one(make_backend: Maker) -> None:
    backend = BackendExplorer(make_backend(model="20240611_101500"), "2024061_101500")
    with backend_error("unknown-model", r"did you mean 20240611_101500\?"):
        backend.check_model()


def test_model_dir_is_created_only_while_training(
    make_backend: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = BackendExplorer(make_backend(model=None), "m")
    assert backend.model_dir() == backend.project_dir / "models" / "m"
    assert not backend.model_dir().exists()
    monkeypatch.setenv(TRAINING, "m")
    assert backend.model_dir() == backend.project_dir / "models" / ".m.partial"
    assert backend.model_dir().is_dir()
    assert backend.model_dir("other") == backend.project_dir / "models" / "other"
    assert backend.list_models() == []


def test_output_path(make_backend: Maker) -> None:
    backend = BackendExplorer(make_backend(), "m")
    raw, processed = backend.raw_data_dir(), backend.processed_data_dir()
    spine = write_recording(raw / "a" / "b")
    label = write_labels(spine)
    for file in (spine, spine.with_suffix(".outline"), label, spine.relative_to(raw)):
        assert backend.output_path(file) == processed / "a" / "b" / "predicted.label"
    assert (processed / "a" / "b").is_dir()
    other = write_recording(raw / "a" / "b", "20240612_090000@x")
    assert backend.output_path(spine).name == f"{STEM}.predicted.label"
    assert backend.output_path(label).name == f"{STEM}.predicted.label"
    assert backend.output_path(other).name == "20240612_090000@x.predicted.label"


def test_interim_path(make_backend: Maker, tmp_path: Path) -> None:
    backend = BackendExplorer(make_backend(), "m")
    raw, interim = backend.raw_data_dir(), backend.interim_data_dir()
    spine = write_recording(raw / "a" / "b")
    label = write_labels(spine)
    larva = spine.with_name(f"{STEM}.00012.spine.gz")
    for file in (spine, spine.with_suffix(".outline"), label, spine.relative_to(raw), larva):
        assert backend.interim_path(file, ".npz") == interim / "a" / "b" / f"{STEM}.npz"
    assert (interim / "a" / "b").is_dir()
    assert backend.interim_path("a.b.avi", "_poses.npz") == interim / "a.b_poses.npz"
    with backend_error("no-input", "expected an input file below"):
        backend.interim_path(tmp_path / "x.spine", ".npz")


def test_output_path_of_a_custom_format(make_backend: Maker) -> None:
    backend = BackendExplorer(make_backend(), "m")
    raw = backend.raw_data_dir()
    touch(raw, "a.avi", "notes.txt")
    assert backend.output_path(raw / "a.avi").name == "predicted.label"
    touch(raw, "b.avi")
    assert backend.output_path(raw / "a.avi").name == "a.predicted.label"


def test_output_path_when_a_file_is_filled_later(make_backend: Maker) -> None:
    backend = BackendExplorer(make_backend(), "m")
    raw = backend.raw_data_dir()
    for name in ("a.csv", "b.csv"):
        (raw / name).touch()
    (raw / "a.csv").write_text(",larva(0)\n")
    assert backend.output_path("a.csv").name == "predicted.label"
    (raw / "b.csv").write_text(",larva(0)\n")
    assert backend.output_path("a.csv").name == "a.predicted.label"


def test_output_path_reads_few_files(make_backend: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called for each recording of a folder, so it must not read all of them each time."""
    backend = BackendExplorer(make_backend(), "m")
    raw = backend.raw_data_dir()
    for n in range(200):
        (raw / f"{n}.csv").write_text(",larva(0)\n")
    opened: list[Path] = []
    head = formats._head
    monkeypatch.setattr(formats, "_head", lambda path: opened.append(path) or head(path))
    for n in range(200):
        assert backend.output_path(f"{n}.csv").name == f"{n}.predicted.label"
    assert len(opened) <= 3 * 200


def test_output_path_refuses_other_files(make_backend: Maker, tmp_path: Path) -> None:
    backend = BackendExplorer(make_backend(), "m")
    for path in (tmp_path / "x.spine", "../other/x.spine"):
        with backend_error("no-input", "expected an input file below"):
            backend.output_path(path)
    assert backend.output_path("x.json").name == "predicted.label"


def test_reset_removes_only_the_data_of_the_instance(make_backend: Maker) -> None:
    project = make_backend()
    touch(project, "data/raw/m/x", "data/interim/m/x", "data/processed/m/x", "data/raw/n/x")
    BackendExplorer(project, "m").reset_data()
    assert [p.relative_to(project).as_posix() for p in (project / "data").rglob("*/x")] == [
        "data/raw/n/x"
    ]
    assert (project / "models" / "m").is_dir()
    BackendExplorer(project, "m").reset_model()
    assert not (project / "models" / "m").exists()


def test_reset_leaves_a_running_training_alone(make_backend: Maker) -> None:
    pytest.importorskip("fcntl", reason="flock is on POSIX systems only")
    backend = BackendExplorer(make_backend(), "m")
    with unfinished_model(backend, force=True):
        half = backend.unfinished_model_dir("m")
        with backend_error("existing-model", "another training of m is under way"):
            backend.reset_model()
        assert half.is_dir() and backend.model_dir().is_dir()
    assert [path.name for path in backend.model_dir().parent.iterdir()] == ["m"]
    assert backend.reset_model() == [backend.model_dir()]
    assert list(backend.model_dir().parent.iterdir()) == []


def test_reset_of_a_sandbox(make_backend: Maker) -> None:
    project = make_backend()
    touch(project, "data/raw/m/s/.sandbox", "data/raw/m/s/x", "data/raw/m/in/x")
    with backend_error("not-a-sandbox", "found a folder of input"):
        BackendExplorer(project, "m", "in").reset_data()
    BackendExplorer(project, "m", "s").reset_data()
    assert [path.name for path in (project / "data" / "raw" / "m").iterdir()] == ["in"]


def test_scripts_are_found_in_both_folders(make_backend: Maker) -> None:
    backend = BackendExplorer(make_backend())
    assert backend.find_script("predict_model") == (
        backend.project_dir / "scripts" / "predict_model.py"
    )
    assert backend.find_script("train_model") is None
    touch(backend.project_dir, "src/backend/models/predict_model.py")
    both = "found src/backend/models/predict_model.py and scripts/predict_model.py"
    with backend_error("ambiguous-script", both):
        backend.find_script("predict_model")
