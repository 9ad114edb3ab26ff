"""Which files are input: of recordings, of the backend's own formats, or all."""

from __future__ import annotations

import json
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from support import (
    STEM,
    backend_error,
    called,
    command,
    posix,
    refused,
    write_labels,
    write_recording,
)
from taggingbackends import BackendExplorer, TrackFileError
from taggingbackends.backend import prediction, training
from taggingbackends.backend.check import check
from taggingbackends.backend.inputfiles import Choice, warn_of_unreadable
from taggingbackends.backend.staging import collect
from taggingbackends.labels.dependencies import dependency
from taggingbackends.many.executors import LocalExecutor
from taggingbackends.many.folders import label_all, plan
from taggingbackends.many.labelling import Result
from variants import trxmat

Maker = Callable[..., Path]

TRAIN = """
from taggingbackends.main import main

def train_model(backend):
    names = [file.name for file in backend.list_input_files()]
    (backend.model_dir() / "input").write_text(" ".join(names))

if __name__ == "__main__":
    main(train_model)
"""
MATLAB_5 = b"MATLAB 5.0 MAT-file"
REASON = "found a MATLAB 5 file; save it in MATLAB with -v7.3"
PAIR = [f"{STEM}.outline", f"{STEM}.spine"]


@pytest.fixture
def project(make_backend: Maker) -> Path:
    return make_backend(train_model=TRAIN)


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Return a folder with a recording, an old label file, and files that are no input."""
    spine = write_recording(tmp_path / "lab")
    write_labels(spine)
    spine.with_name("notes.txt").write_text("fed")
    spine.with_name("bouts.csv").write_text("run,larva,label,start\n")
    (tmp_path / "lab" / "old").mkdir()
    (tmp_path / "lab" / "old" / "trx.mat").write_bytes(MATLAB_5)
    (tmp_path / "lab" / "old" / "genotypes.csv").write_text("animal,genotype\n")
    return tmp_path / "lab"


@pytest.fixture
def trx(lab: Path) -> Path:
    """Return a trx.mat beside the recording, of the same run."""
    (lab / "trx.mat").write_bytes(trxmat.image(trxmat.larva(1))["trx.mat"])
    return lab / "trx.mat"


def own_suffixes(project: Path, *suffixes: str) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write(f"[tool.taggingbackends]\nsuffixes = {json.dumps(suffixes)}\n")


def messages(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines on standard error without the progress."""
    return [line for line in result.stderr.splitlines() if "recordings [" not in line]


def test_predict_of_a_folder_takes_recordings_and_reports_the_rest(
    project: Path, lab: Path
) -> None:
    result = command("predict", lab, "--model-instance=m", cwd=project)
    assert (result.returncode, result.stdout) == (0, f"{lab / 'predicted.label'}\n")
    csv, mat, count, left = messages(result)
    assert f"{lab / 'old' / 'genotypes.csv'}: expected a FIMTrack file" in csv
    assert f"{lab / 'old' / 'trx.mat'}: " in mat
    assert REASON in mat
    assert count == "Warning: 2 files cannot be read"
    expected = "left out 1 file outside of recordings (notes.txt); take all with --all-files"
    assert left == f"Warning: {expected}"


def test_predict_recursive_counts_them(project: Path, lab: Path) -> None:
    result = command("predict", "--recursive", lab, "--model-instance=m", cwd=project)
    csv, mat, last = messages(result)
    assert (result.returncode, last) == (0, "labelled 1, not readable 2")
    assert "genotypes.csv: expected a FIMTrack file" in csv
    assert REASON in mat
    expected = f"no recording of a known format below {lab / 'old'}"
    with pytest.warns() as caught, backend_error("no-input", expected):
        plan(BackendExplorer(project, "m"), [lab / "old"], {})
    assert REASON in str(caught[1].message)


@pytest.mark.parametrize("step", ["predict", "train"])
def test_a_file_that_cannot_be_read_is_refused_before_a_script_runs(
    step: str, make_backend: Maker, lab: Path
) -> None:
    project = make_backend(make_dataset="raise SystemExit(9)", train_model=TRAIN)
    instance = "m" if step == "predict" else "new"
    file = lab / "old" / "trx.mat"
    result = command(step, file, f"--model-instance={instance}", cwd=project)
    refused(
        result,
        f"{file}: expected a trx.mat file, which begins with `MATLAB 7.3 MAT-file`, {REASON}",
    )
    assert not list(project.glob("data/raw/*/*"))


def test_data_info_lists_them(lab: Path) -> None:
    result = command("data", "info", lab / "old", cwd=lab)
    assert result.returncode == 1
    assert result.stdout.count(REASON) == 1
    assert result.stdout.count("  wrong  ") == 2


def test_all_files(project: Path, lab: Path) -> None:
    backend = BackendExplorer(project, "m")
    every = Choice(all_files=True, purpose="predict")
    for files in ([lab], [lab / "old" / "trx.mat", lab / f"{STEM}.spine"]):
        assert Path("old/trx.mat") in collect(backend, files, every)
    instance = training.train(backend.with_instance("t"), [lab], {}, choice=Choice(None, True))
    names = (backend.model_dir(instance) / "input").read_text().split()
    assert names == [*PAIR, "bouts.csv", "notes.txt", "genotypes.csv", "trx.mat", "truth.label"]


def test_files_of_the_backends_own_formats(project: Path, lab: Path) -> None:
    own_suffixes(project, ".CSV", ".txt")
    backend = BackendExplorer(project)
    with pytest.warns(UserWarning, match=REASON) as caught:
        instance = training.train(backend, [lab], {})
    assert len(caught) == 1
    names = (backend.model_dir(instance) / "input").read_text().split()
    assert names == [*PAIR, "bouts.csv", "notes.txt", "genotypes.csv", "truth.label"]
    pushed = backend.with_instance("n")
    assert BackendExplorer(project, "n").push(lab / "notes.txt", lab / "old" / "genotypes.csv")
    assert len(pushed.list_input_files()) == 2
    assert check(project) == []


def test_a_file_of_an_unknown_format_is_taken_with_a_warning(project: Path, lab: Path) -> None:
    backend = BackendExplorer(project, "m")
    expected = "1 file in no known format: notes.txt; list the backend's own suffixes"
    with pytest.warns(UserWarning, match=expected):
        assert len(backend.push(lab / "notes.txt")) == 1
    with pytest.warns(UserWarning, match=expected):
        assert len(collect(backend, [lab / "notes.txt"], Choice(purpose="train"))) == 1


def test_push_takes_all_files_and_warns(project: Path, lab: Path, trx: Path) -> None:
    backend = BackendExplorer(project, "m")
    with pytest.warns() as caught:
        pushed = backend.push(lab)
    assert len(pushed) == len([path for path in lab.rglob("*") if path.is_file()])
    texts = [str(warning.message) for warning in caught]
    assert texts[2] == "2 files cannot be read"
    assert texts[3].startswith("1 file in no known format: notes.txt; ")
    assert len(texts) == 4
    backend.push(lab, all_files=True)  # without a warning


def test_a_folder_without_recordings_is_refused(project: Path, lab: Path) -> None:
    expected = "old: expected recordings of a known format, found none"
    with pytest.warns() as caught, backend_error("no-input", expected):
        collect(BackendExplorer(project), [lab / "old"], Choice(purpose="predict"))
    assert len(caught) == 3


def test_label_files_bring_what_they_depend_on(project: Path, lab: Path) -> None:
    movie = lab / "old" / "x.avi"
    movie.write_text("frames")
    label = json.loads((lab / "truth.label").read_text())
    label["dependencies"] = dependency(movie)
    (lab / "old" / "movie.label").write_text(json.dumps(label))
    (lab / "notes.txt").unlink()
    (lab / "old" / "trx.mat").unlink()
    (lab / "old" / "genotypes.csv").unlink()
    found = collect(BackendExplorer(project), [lab], Choice(purpose="train"))
    assert {path.name for path in found} == {*PAIR, "movie.label", "x.avi", "truth.label"}


def test_the_other_form_of_a_recording(project: Path, lab: Path, trx: Path) -> None:
    (lab / "notes.txt").unlink()
    backend = BackendExplorer(project, "m")
    again = [lab / name for name in [*PAIR, "trx.mat"]]
    expected = "left out 1 file in other formats \\(trx.mat\\); choose a format with format=..."
    with pytest.warns(UserWarning, match=expected):
        (path,) = prediction.predict_files(backend, again, {})
    assert path == lab / "predicted.label"
    assert label(backend, lab) == [Result.CURRENT]
    assert label(backend, lab, "trx.mat") == [Result.LABELLED]
    depends = json.loads(path.read_text())["dependencies"]
    assert depends["filename"] == "trx.mat"
    assert label(backend, lab, "trx.mat") == [Result.CURRENT]
    assert label(backend, lab) == [Result.LABELLED]


def label(backend: BackendExplorer, lab: Path, format: str | None = None) -> list[Result]:
    """Label the recordings below a folder that need it."""
    tasks = plan(backend, [lab], {}, format=format).tasks
    return [outcome.result for outcome in label_all(tasks, LocalExecutor())]


def test_the_format_of_a_push(project: Path, lab: Path, trx: Path) -> None:
    backend = BackendExplorer(project, "m")
    with pytest.warns() as caught:
        pushed = backend.push(lab, format="trx.mat")
    top = backend.raw_data_dir()
    names = [path.relative_to(top).as_posix() for path in pushed]
    assert names == ["notes.txt", "old/trx.mat", "trx.mat"]
    left = str(caught[-1].message)
    assert left.startswith("left out 5 files in other formats (")  # with truth.label
    for name in (PAIR[1], "truth.label"):
        with backend_error("no-input", "expected a file in the format trx.mat, found another"):
            backend.push(lab / name, format="trx.mat")
    known = "Choreography, trx.mat, FIMTrack, movement"
    with backend_error("unknown-format", f"out of {known}, found 'trx'"):
        backend.push(lab, format="trx")


@posix
def test_broken_links_to_files_that_are_no_input(project: Path, lab: Path) -> None:
    (lab / "old" / "trx.mat").unlink()
    for name in ("movie.avi", "old/table.csv"):
        (lab / name).symlink_to("not-fetched")
    request = ("predict", lab, "--model-instance=m")
    result = command(*request, "--format=Choreography", cwd=project)
    assert (result.returncode, result.stdout) == (0, f"{lab / 'predicted.label'}\n")
    assert "left out 2 files outside of recordings (movie.avi, notes.txt) and 3" in result.stderr
    result = command(*request, cwd=project)
    refused(result, f"{lab / 'old' / 'table.csv'}: found a broken link to not-fetched")
    (lab / "old" / "table.csv").unlink()
    result = command(*request, "--all-files", cwd=project)
    refused(result, f"{lab / 'movie.avi'}: found a broken link to not-fetched")


def test_a_folder_without_files_of_the_format(project: Path, lab: Path) -> None:
    (lab / "old" / "trx.mat").unlink()
    request = (lab / "old", "--format=Choreography", "--model-instance=m")
    result = command("predict", *request, cwd=project)
    refused(result, "old: expected files in the format Choreography, found none", lines=2)
    result = command("predict", "--recursive", *request, cwd=project)
    refused(result, f"no recording in the format Choreography below {lab / 'old'}")


def test_many_files_with_one_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    errors: dict[Path, Exception] = {
        tmp_path / f"{n}.mat": TrackFileError(REASON, file=tmp_path / f"{n}.mat") for n in range(31)
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_unreadable(errors)
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == 22
    assert texts[20:] == ["and 11 more", "31 files cannot be read"]
    logged = [record.getMessage() for record in caplog.records]
    assert len(logged) == 11
    assert logged[-1].endswith(REASON)


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ('suffixes = ".avi"', "'.avi'"),
        ('suffixes = ["avi"]', "['avi']"),
        ("suffixes = [1]", "[1]"),
        ('suffix = [".avi"]', "suffix"),
    ],
)
def test_an_invalid_table_in_pyproject(table: str, found: str, project: Path, lab: Path) -> None:
    path = project / "pyproject.toml"
    path.write_text(f"{path.read_text()}[tool.taggingbackends]\n{table}\n")
    with backend_error("not-a-backend", r"pyproject.toml: expected .*\[tool\.taggingbackends\]"):
        BackendExplorer(project, "m").push(lab)
    (problem,) = check(project)
    assert problem.what.endswith(f"found {found}")
    assert problem.fix == 'write it like suffixes = [".avi"]'


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "--model-instance=m", "--all-files"),
        ("predict", "--recursive", ".", "--model-instance=m", "--all-files"),
        ("train", "--model-instance=m", "--format=trx.mat"),
    ],
)
def test_options_that_need_files(arguments: tuple[str, ...], project: Path) -> None:
    with pytest.raises(click.UsageError, match="--all-files"):
        called(*arguments, cwd=project)
