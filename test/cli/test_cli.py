"""The command: arguments, errors and output."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support import RUN, STEM, command, posix, refused, write_labels, write_recording
from taggingbackends import BackendExplorer, Labels, __version__

Maker = Callable[..., Path]

OPTIONS = """
from taggingbackends.main import main
def predict_model(backend, **options):
    print(options)
if __name__ == "__main__":
    main(predict_model)
"""


@pytest.fixture
def backend(make_backend: Maker) -> Path:
    return make_backend(predict_model=OPTIONS)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["--epochs", "20"], {"epochs": "20"}),
        (["--verbose", "--sandbox", "s"], {"verbose": True}),
        (["--verbose", "--skip-make-dataset"], {"verbose": True}),
        (["--a=--b", "--c", "d"], {"a": "--b", "c": "d"}),
        (["--a", "1", "--a", "2"], {"a": "2"}),
        (["--output-folder", "x"], {"output_folder": "x"}),
    ],
)
def test_unknown_options_reach_the_scripts(
    arguments: list[str], options: dict[str, object], backend: Path
) -> None:
    for order in (
        ["predict", "--model-instance", "m", *arguments],
        ["predict", *arguments, "--model-instance=m"],
    ):
        result = command(*order, cwd=backend)
        assert result.stdout.strip() == str(options), result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict"], "Missing option '--model-instance'"),
        (["predict", "--model-instance"], "requires an argument"),
        (["predict", "--model-instance=m", "-x"], "expected an option such as"),
        (["predict", "--model-instance=m", "--a", "1", "x.spine"], "put files before such options"),
        (["predict", "--model_instance=m"], "did you mean --model-instance?"),
        (["predict", "--model-instance=m", "--debug"], "put --debug before predict"),
        (["train", "x", "--project", "y"], "put --project before train"),
        (["predict", "--model-instance=m", "-o", "x"], "options begin with two dashes"),
        (
            ["predict", "--model-instance=m", "--output=x"],
            "--output, --force, --link, --format and --all-files need FILES",
        ),
        (["train", "x", "--sandbox=s"], "--sandbox is not an option for the scripts"),
        (
            ["reset", "--model-instance=m", "--sandbox=s", "--model"],
            "cannot be used with --sandbox",
        ),
        (["none"], "No such command 'none'"),
        (["models", "--epochs=5"], "No such option"),
        (["--none", "models"], "No such option"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, backend: Path) -> None:
    result = command(*arguments, cwd=backend)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (backend / "data").exists()


def test_files_before_script_options_or_after_dashes(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend()
    one, two = write_recording(tmp_path / "a"), write_recording(tmp_path / "b")
    result = command(
        "predict", one, "--model-instance=m", "--label", "stop", "--", two, cwd=project
    )
    assert result.returncode == 0, result.stderr
    for spine in (one, two):
        assert Labels.read(spine.with_name("predicted.label")).count() == {"stop": 10}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "--model-instance", "../x"], "model instance '../x': expected at most 128"),
        (["predict", "--model-instance", "mm"], "no model mm in"),
        (["predict", "--model-instance", "m", "--sandbox", ".."], "sandbox '..': expected"),
        (["predict", "none.spine", "--model-instance", "m"], "none.spine: no such file"),
        (["train", "none.label"], "expected a script src/backend/models/train_model.py"),
        (["--project", "none", "models"], "expected a backend: pyproject.toml"),
        (["--project", "..", "models"], "expected a backend: pyproject.toml"),
    ],
)
def test_user_errors_are_one_line(arguments: list[str], message: str, backend: Path) -> None:
    refused(command(*arguments, cwd=backend), message)
    assert not (backend / "data").exists()


def test_a_missing_script(make_backend: Maker) -> None:
    project = make_backend()
    (project / "scripts" / "predict_model.py").unlink()
    result = command("predict", "--model-instance=m", cwd=project)
    refused(result, "expected a script src/backend/models/predict_model.py or scripts/")


def test_models(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend()
    (project / "models" / "a").mkdir()
    assert command("models", cwd=project / "scripts").stdout == "a\nm\n"
    assert command("--project", project, "models", cwd=tmp_path).stdout == "a\nm\n"
    refused(command("models", cwd=tmp_path), "expected a backend here or above")


def test_push_pull_and_reset(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend()
    spine = write_recording(tmp_path / "lab")
    raw = project / "data" / "raw" / "m" / "s"
    sandbox = ("--model-instance=m", "--sandbox=s")
    result = command("push", spine, *sandbox, cwd=project)
    assert result.stdout == f"{raw / spine.name}\n{raw / (STEM + '.outline')}\n", result.stderr
    refused(command("pull", *sandbox, cwd=project), "nothing to pull")
    result = command("predict", *sandbox, cwd=project)
    assert result.returncode == 0, result.stderr
    out = tmp_path / "out"
    assert command("pull", out, *sandbox, cwd=project).stdout == f"{out / 'predicted.label'}\n"
    again = command("pull", out, *sandbox, cwd=project)
    assert (again.returncode, again.stderr) == (0, "")
    (out / "predicted.label").write_text("mine")
    refused(command("pull", out, *sandbox, cwd=project), "exists already; replace with --force")
    assert command("pull", *sandbox, cwd=project).stdout == f"{spine.parent / 'predicted.label'}\n"
    assert f"removed {raw}\n" in command("reset", *sandbox, cwd=project).stdout
    assert command("reset", *sandbox, cwd=project).stdout == "nothing to remove\n"
    assert not raw.exists()
    assert (project / "models" / "m").is_dir()
    command("reset", "--model-instance=m", "--model", cwd=project)
    assert not (project / "models" / "m").exists()
    (project / "models" / "mm").mkdir()
    again = command("reset", "--model-instance=m", "--model", cwd=project).stdout
    assert again == "nothing to remove: no model m; did you mean mm?\n"


@posix
def test_links_are_pushed_when_asked_for(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend()
    spine = write_recording(tmp_path / "lab")
    command("push", spine, "--model-instance=m", "--link", cwd=project)
    assert all(path.is_symlink() for path in BackendExplorer(project, "m").list_input_files())


def test_check(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend()
    result = command("check", cwd=project)
    assert (result.returncode, result.stdout) == (0, f"{project}: nothing to fix\n")
    (project / "scripts" / "predict_model.py").write_text("print(1)\n")
    result = command("check", cwd=project)
    assert result.returncode == 1
    assert "expected a main program, found none; end it with" in result.stdout
    result = command("check", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stdout.startswith(f"{tmp_path / 'pyproject.toml'}: expected this file")


def test_labels_show(tmp_path: Path) -> None:
    path = write_labels(write_recording(tmp_path))
    result = command("labels", "show", path, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "run           10  100.0%" in result.stdout
    assert f"run {RUN}" in result.stdout
    assert "\x1b" not in result.stdout
    path.write_text("{")
    refused(command("labels", "show", path, cwd=tmp_path), f"{path}: invalid-json: expected JSON")
    refused(command("labels", "show", "none", cwd=tmp_path), "none: No such file or directory")
    path.unlink()
    refused(command("labels", "show", tmp_path, cwd=tmp_path), "expected label files")


def test_version_and_help(tmp_path: Path) -> None:
    result = command("--version", cwd=tmp_path)
    assert result.stdout == f"tagging-backend, version {__version__}\n"
    for arguments in ([], ["predict"], ["train"], ["init"], ["push"]):
        result = command(*arguments, "--help", cwd=tmp_path)
        assert result.returncode == 0
        assert "\n  Example: tagging-backend" in result.stdout or not arguments


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["--help"], 1),
        (["--version"], 1),
        (["data", "info", "x.label"], 1),
        (["labels", "diff", "x.label", "x.label"], 2),  # 1 would mean that a frame differs
        (["labels", "diff", "x.label", "x.label", "--json"], 2),
    ],
)
def test_full_standard_output_is_one_line(
    arguments: list[str], exit_code: int, tmp_path: Path
) -> None:
    write_labels(write_recording(tmp_path), "x.label")
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "taggingbackends", *arguments],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    message = "Error: standard output: No space left on device\n"
    assert (result.returncode, result.stderr) == (exit_code, message)


def test_the_installed_command_is_the_module(tmp_path: Path) -> None:
    installed = Path(sys.executable).with_name("tagging-backend")
    result = subprocess.run([installed, "--version"], capture_output=True, text=True)
    assert result.stdout == command("--version", cwd=tmp_path).stdout


def test_the_command_loads_nothing_heavy(loaded_modules: Callable[[str], set[str]]) -> None:
    modules = loaded_modules(
        "import taggingbackends.cli; from taggingbackends.backend import prediction, training"
    )
    assert not modules & {"numpy", "h5py", "orjson", "juliacall", "tqdm"}
    modules = loaded_modules("import taggingbackends.cli")  # all that --help imports
    assert not modules & {"logging", "traceback", "shutil", "dataclasses"}


def test_importing_the_package_loads_nothing_heavy(
    loaded_modules: Callable[[str], set[str]],
) -> None:
    modules = loaded_modules("import taggingbackends")
    assert not modules & {"numpy", "h5py", "juliacall", "click", "logging"}
    modules = loaded_modules("from taggingbackends import Labels, BackendExplorer")
    assert not modules & {"h5py", "juliacall", "click"}


def test_labels_can_be_imported_under_all_names() -> None:
    import taggingbackends.data.labels
    import taggingbackends.explorer
    import taggingbackends.labels

    assert taggingbackends.Labels is taggingbackends.labels.Labels
    assert taggingbackends.Labels is taggingbackends.data.labels.Labels
    assert taggingbackends.BackendExplorer is taggingbackends.explorer.BackendExplorer
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        taggingbackends.nothing  # noqa: B018
