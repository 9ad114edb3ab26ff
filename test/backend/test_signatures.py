"""Options of scripts that are known without running them, with real commands."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from support import (
    called,
    command,
    on_a_terminal,
    posix,
    refused,
    tree,
    write_labels,
    write_recording,
)
from taggingbackends import BackendExplorer
from taggingbackends.backend import running
from taggingbackends.backend.options import OptionError, parse_options
from taggingbackends.backend.signatures import read_signatures

Maker = Callable[..., Path]

TRAIN = '''
from __future__ import annotations
import sys
from enum import Enum
from pathlib import Path
from typing import Literal, Optional
from taggingbackends import BackendExplorer
from taggingbackends.main import main

class Mode(Enum):
    FAST = "fast"
    SLOW = "slow"

def train_model(
    backend: BackendExplorer,
    iterations: int = 100,
    rate: float = 0.1,
    shuffle: bool = True,
    mode: Mode = Mode.FAST,
    device: Literal["cpu", "gpu"] | None = None,
    weights: Optional[Path] = None,
    labels: list[str] = ["run", "cast"],
    plain="x",
) -> None:
    """Train.

    Parameters
    ----------
    backend : BackendExplorer
        The backend.
    iterations : int
        Number of passes over the training data. More passes take longer.
    rate : float
        Size of a step, which is
        relative to the gradient.
    mode, device : Mode, str
        How to train.

    Returns
    -------
    iterations : not a parameter
    """
    found = [iterations, rate, shuffle, mode, device, weights, labels, plain]
    (backend.model_dir() / "options").write_text(repr(found))

if __name__ == "__main__":
    main(train_model)
'''
FEATURES = """
import pathlib
from taggingbackends.main import main
def build_features(backend, window: float = 0.5):
    pathlib.Path(backend.project_dir, "ran").touch()
if __name__ == "__main__":
    main(build_features)
"""


@pytest.fixture
def project(make_backend: Maker) -> Path:
    """Return a backend with a model m that was trained with other options."""
    project = make_backend(train_model=TRAIN, build_features=FEATURES)
    (project / "models" / "m" / "options").write_text("old")
    return project


@pytest.fixture
def label(tmp_path: Path) -> Path:
    return write_labels(write_recording(tmp_path / "lab"))


def train(project: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return command("train", *arguments, "--model-instance=m", "--force", cwd=project)


def refused_usage(result: subprocess.CompletedProcess[str], message: str) -> None:
    """Assert that a command refused its usage: two lines of usage, a blank one, the error."""
    refused(result, f"Error: {message}", exit_code=2, lines=4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--iteratons", "5"], "no script takes --iteratons; did you mean --iterations?"),
        (["--no-shufle"], "no script takes --no-shufle; did you mean --no-shuffle or --shuffle?"),
        (["--no-plain"], "no script takes --no-plain; "),
        (["--iterations=five"], "train_model.py: --iterations: expected int, found 'five'"),
        (["--window", "wide"], "build_features.py: --window: expected float, found 'wide'"),
        (["--rate"], "train_model.py: --rate: expected float, found no value"),
        (["--shuffle=5"], "train_model.py: --shuffle: expected true or false, found '5'"),
        (["--no-shuffle=5"], "train_model.py: --no-shuffle: expected no value, found '5'"),
        (
            ["--mode=fats"],
            "train_model.py: --mode: expected fast or slow, found 'fats'; did you mean fast?",
        ),
        (["--device", "tpu"], "train_model.py: --device: expected cpu or gpu, found 'tpu'"),
        (["--pixelsize", "wide"], "--pixelsize: expected a positive number, found 'wide'"),
        (["--framerate=-1"], "--framerate: expected a positive number, found '-1'"),
        (["--window=1", "--skip-build-features"], "no script takes --window; known options: "),
    ],
)
def test_wrong_options(arguments: list[str], message: str, project: Path) -> None:
    skip = ["build_features"] if "--skip-build-features" in arguments else []
    options = parse_options([one for one in arguments if not one.startswith("--skip")])
    with pytest.raises(OptionError) as caught:
        running.checked(BackendExplorer(project), options, "train_model", skip)
    assert str(caught.value).startswith(message)


def test_wrong_options_are_refused_before_anything_happens(project: Path, label: Path) -> None:
    before = tree(project)
    result = train(project, label, "--iteratons=5")
    refused_usage(result, "no script takes --iteratons; did you mean --iterations?")
    for argument, message in (
        ("--iterations=five", "train_model.py: --iterations: expected int, found 'five'"),
        ("--pixelsize=wide", "--pixelsize: expected a positive number, found 'wide'"),
    ):
        with pytest.raises(click.UsageError, match=message):
            called("train", label, "--model-instance=m", "--force", argument, cwd=project)
    assert tree(project) == before


def test_options_arrive_as_declared(project: Path, label: Path) -> None:
    arguments = ("--iterations=5", "--rate=1", "--no-shuffle", "--mode", "slow", "--device=gpu")
    more = ("--weights=a/b", "--labels=run,stop", "--plain=5", "--window=1", "--pixelsize=73")
    result = train(project, label, *arguments, *more)
    assert result.returncode == 0, result.stderr
    found = (project / "models" / "m" / "options").read_text()
    path = repr(project / "a" / "b")
    mode = "<Mode.SLOW: 'slow'>"
    assert found == f"[5, 1.0, False, {mode}, 'gpu', {path}, ['run', 'stop'], '5']"


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("--forse", "did you mean --force?"),
        ("--verbose", "for the command's own --verbose, put it before train"),
        ("--model-instanc", "did you mean --model-instance?"),
    ],
)
def test_options_of_the_command_are_suggested(
    option: str, hint: str, project: Path, label: Path
) -> None:
    with pytest.raises(click.UsageError) as caught:
        called("train", label, f"{option}=5", cwd=project)
    assert caught.value.message.startswith(f"no script takes {option}; known options: --")
    assert caught.value.message.endswith(f"; {hint}")


def test_paths_are_those_of_the_caller(
    project: Path, label: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check that a path means the caller's file, although scripts run in the backend's folder."""
    text = TRAIN.replace("labels: list[str] =", "labels: list[Path] | None =")
    (project / "scripts" / "train_model.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    where = ("train", label, "--model-instance=m", "--force")
    called(*where, "--weights=a", "--labels=b,/c", cwd=project)
    found = (project / "models" / "m" / "options").read_text()
    labels = [tmp_path / "b", Path("/c")]
    assert (
        found == f"[100, 0.1, True, <Mode.FAST: 'fast'>, None, {tmp_path / 'a'!r}, {labels}, 'x']"
    )
    one = parse_options(["--labels=", "--labels=b,c"])  # the comma belongs to the name
    options = running.checked(BackendExplorer(project, "m"), one, "train_model")
    assert options == {"labels": ["", str(tmp_path / "b,c")]}


def test_options_of_calls_in_python(project: Path) -> None:
    backend = BackendExplorer(project, "m")
    for options, message in (
        ({"iteratons": 5}, "no script takes --iteratons"),
        ({"iterations": 5.5}, "--iterations: expected int, found '5.5'"),
        ({"labels": []} | {"rate": True}, "--rate: expected float, found no value"),
    ):
        with pytest.raises(OptionError, match=message):
            backend.train_model(force=True, **options)
    assert (project / "models" / "m" / "options").read_text() == "old"
    values: dict[str, Any] = {"shuffle": False, "weights": Path("w"), "device": None}
    backend.train_model(force=True, labels=["a,b"], rate=1, **values)
    found = (project / "models" / "m" / "options").read_text()
    weights = repr(Path("w").absolute())
    assert found == f"[100, 1.0, False, <Mode.FAST: 'fast'>, None, {weights}, ['a,b'], 'x']"


def test_predictions_are_checked_before_they_run(project: Path, label: Path) -> None:
    spine = next(label.parent.glob("*.spine"))
    before = tree(project)
    window = "build_features.py: --window: expected float, found 'x'"
    for files in ((spine,), ("--recursive", spine.parent)):
        for option, message in (
            ("--lable=x", "no script takes --lable; did you mean --label?"),
            ("--window=x", window),
        ):
            with pytest.raises(click.UsageError, match=message.replace("?", r"\?")):
                called("predict", *files, "--model-instance=m", option, cwd=project)
    assert tree(project) == before
    # as Nyx calls it
    BackendExplorer(project, "m").push(spine)
    result = command("predict", "--model-instance=m", "--lable=x", cwd=project)
    assert (result.returncode, result.stderr) == (0, "Warning: no script took the option --lable\n")
    with pytest.raises(click.UsageError, match=window):
        called("predict", "--model-instance=m", "--window=x", cwd=project)


def test_a_missing_option_is_found_before_earlier_steps(project: Path, label: Path) -> None:
    script = project / "scripts" / "train_model.py"
    script.write_text(TRAIN.replace("iterations: int = 100", "iterations: int"))
    refused_usage(train(project, label), "train_model.py: train_model needs --iterations")
    assert not (project / "ran").exists()


HELP = """\
  --window FLOAT            [default: 0.5]
  --iterations INT          Number of passes over the training data. [default:
                            100]
  --rate FLOAT              Size of a step, which is relative to the gradient.
                            [default: 0.1]
  --shuffle / --no-shuffle  [default: shuffle]
  --mode fast|slow          How to train. [default: fast]
  --device cpu|gpu          How to train.
  --weights PATH
  --labels TEXT,...         [default: run,cast]
  --plain TEXT              [default: x]
  --pixelsize NUMBER        Pixel size of FIMTrack tables and NetCDF files in
                            pixels, in µm.
  --framerate NUMBER        Frames per second of FIMTrack tables and NetCDF
                            files in frames.
"""


@posix
def test_help(project: Path) -> None:
    shown = on_a_terminal("-m", "taggingbackends", "train", "--help", cwd=project)
    lines = shown.replace("\r", "").splitlines()
    assert max(map(len, lines)) <= 80
    start = lines.index("Options of the backend's scripts:")
    assert lines[start + 1 :] == HELP.splitlines()
    assert not (project / "ran").exists()


@pytest.mark.parametrize("folder", ["", "empty"])
def test_help_without_options_of_scripts(folder: str, project: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (project / "scripts" / "build_features.py").unlink()
    cwd = tmp_path / folder if folder else project
    result = command("finetune", "--help", cwd=cwd)
    assert result.returncode == 0
    assert "Options of the backend's scripts" not in result.stdout


# -- reading signatures

FUNCTION = "def f(backend, x: int = 1): ..."


@pytest.mark.parametrize(
    "script",
    [
        f"from taggingbackends.main import main\n{FUNCTION}\nmain(f)",
        f"from taggingbackends.main import main\n{FUNCTION}\nmain(function=f)",
        f"from taggingbackends.main import main as run\n{FUNCTION}\nrun(f)",
        f"import taggingbackends.main\n{FUNCTION}\ntaggingbackends.main.main(f)",
        f"import taggingbackends.main as tb\n{FUNCTION}\ntb.main(f)",
        f"from taggingbackends import main\n{FUNCTION}\nmain.main(f)",
        f"from taggingbackends.main import main\n@cached\n@timed(3)\n{FUNCTION}\nmain(f)",
        f"from taggingbackends.main import main\n{FUNCTION}\ng = f\ndef run():\n    main(g)\nrun()",
        f"from taggingbackends.main import main\nif True:\n    {FUNCTION}\n    main(f)",
        "from taggingbackends.main import main\nfrom backend.train import f\nmain(f)",
        "from taggingbackends.main import main\nfrom backend.train import f as g\nmain(g)",
        "from taggingbackends.main import main\nfrom backend import f\nmain(f)",
        "from taggingbackends.main import main\nfrom backend import train\nmain(train.f)",
        "from taggingbackends.main import main\nimport backend.train\nmain(backend.train.f)",
        "from taggingbackends.main import main\nfrom beside import f\nmain(f)",
    ],
)
def test_functions_that_are_found(script: str, make_backend: Maker) -> None:
    found = signature(make_backend(), script)
    assert found.function == "f"
    assert {name: one.type.name for name, one in found.parameters.items()} == {"x": "int"}


@pytest.mark.parametrize(
    "script",
    [
        "print(1)",
        "not Python",
        f"{FUNCTION}\nf(1)",
        f"from taggingbackends.main import main\n{FUNCTION}\nmain(lambda backend: f(backend))",
        f"from functools import partial\nfrom taggingbackends.main import main\n{FUNCTION}\n"
        "main(partial(f, x=5))",
        f"from taggingbackends.main import main\n{FUNCTION}\nmain(f, [])",
        f"from taggingbackends.main import main\n{FUNCTION}\n{FUNCTION}\nmain(f)",
        f"from taggingbackends.main import main\n{FUNCTION}\nf = timed(f)\nmain(f)",
        f"from taggingbackends.main import main\n{FUNCTION}\ndef g(backend): ...\nmain(f)\nmain(g)",
        "from taggingbackends.main import main\nfrom elsewhere import f\nmain(f)",
        "from taggingbackends.main import main\nfrom backend.around import f\nmain(f)",
        "from taggingbackends.main import main\nf = g\ng = f\nmain(f)",
        "from taggingbackends.main import main\ndef f(): ...\nmain(f)",
    ],
)
def test_functions_that_are_not_found(script: str, make_backend: Maker) -> None:
    assert signature(make_backend(), script) is None


def signature(project: Path, script: str) -> Any:
    package = project / "src" / "backend"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from .train import f\n")
    (package / "train.py").write_text(FUNCTION)
    (package / "around.py").write_text("from .about import f")
    (package / "about.py").write_text("from backend.around import f")
    (project / "scripts" / "beside.py").write_text(FUNCTION)
    (project / "scripts" / "predict_model.py").write_text(script)
    (found,) = read_signatures(BackendExplorer(project), ["predict_model"]).values()
    return found


ANNOTATIONS = """
from __future__ import annotations
import enum
import pathlib
import typing as t
from collections.abc import Sequence as Several
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional, TypeAlias, Union

import numpy as np
from taggingbackends.main import main
from backend.modes import Choice, Mode

if TYPE_CHECKING:
    from pathlib import Path

Seed = int
Device: TypeAlias = Literal["cpu", "gpu"]

class Level(enum.IntEnum):
    LOW = enum.auto()
    HIGH = 5

class Odd(enum.Enum):
    A = np.pi

class Own:
    pass

def f(
    backend, a: Seed, b: Device, c: Mode, d: Choice, e: Level, g: Odd, h: Own, i: Optional[Path],
    j: t.Optional[int], k: Several[float], l: "Union[int, str]", m: Annotated[bool, "x"],
    n: np.ndarray, o: Literal["x", "y"], p: Literal[Mode.FAST], q: Any, r: pathlib.Path,
    s: dict[str, int], u: tuple[int, int], v: None, w: t.List[Mode] | None = None,
): ...
if __name__ == "__main__":
    main(f)
"""
MODES = """
from enum import StrEnum
from typing import Literal
class Mode(StrEnum):
    FAST = "fast"
    SLOW = "slow"
    @property
    def is_fast(self):
        return True
Choice = Literal["one", "other"]
"""


def test_annotations_mean_the_same_without_running_a_script(
    make_backend: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare what the command reads with what `main` reads from the function itself."""
    from taggingbackends.backend.optiontypes import signature_of

    project = make_backend(predict_model=ANNOTATIONS)
    package = project / "src" / "backend"
    package.mkdir(parents=True)
    (package / "modes.py").write_text(MODES)
    (read,) = read_signatures(BackendExplorer(project), ["predict_model"]).values()
    assert read is not None
    monkeypatch.syspath_prepend(str(project / "src"))
    names: dict[str, Any] = {"__name__": "script"}
    exec(compile(ANNOTATIONS, "script", "exec"), names)
    real = signature_of(names["f"])
    shown = {name: (one.type.name, one.type.flag) for name, one in read.parameters.items()}
    for name, one in real.parameters.items():
        if name != "g":  # an Enum with a member that only Python can compute: `main` checks it
            assert shown[name] == (one.type.name, one.type.flag), name
    assert shown["g"] == ("text", False)
    assert {name: kind for name, (kind, _) in shown.items()} == {
        "a": "int",
        "b": "cpu or gpu",
        "c": "fast or slow",
        "d": "one or other",
        "e": "LOW or HIGH",
        "g": "text",
        "h": "text",
        "i": "a path",
        "j": "int",
        "k": "float, several with commas between",
        "l": "int or str",
        "m": "true or false",
        "n": "text",
        "o": "x or y",
        "p": "fast",
        "q": "text",
        "r": "a path",
        "s": "text",
        "u": "2 values with commas between, each int",
        "v": "text",
        "w": "fast or slow",
    }


def test_a_script_that_cannot_be_read(make_backend: Maker, label: Path) -> None:
    text = TRAIN.replace("    main(train_model)", "    main(globals()['train_model'])")
    project = make_backend(model=None, train_model=text)
    result = command("train", label, "--model-instance=m", "--other=1", cwd=project)
    assert result.returncode == 0
    assert "Warning: no script took the option --other" in result.stderr
    result = command("train", "--model-instance=n", label, "--iterations=five", cwd=project)
    assert result.returncode == 2
    assert "train_model.py: --iterations: expected int, found 'five'" in result.stderr
    assert [path.name for path in (project / "models").iterdir()] == ["m"]
    shown = command("train", "--help", cwd=project).stdout
    assert "The options of train_model.py are unknown until it runs." in shown


# -- Julia

JULIA_TRAIN = '''
using TaggingBackends
const RATE = 0.5

"""
    train_model(backend; epochs=20, ...)

# Arguments
- `epochs`: number of passes
  over the data. More take longer.
"""
function train_model(backend::BackendExplorer; epochs::Int=20, rate=RATE, shuffle=true,
                     labels=["run", "cast"], mode::Union{Nothing,String}=nothing, plain=nothing,
                     tags=String[])
    found = (epochs, rate, shuffle, labels, mode, plain)
    write(joinpath(model_dir(backend), "options"), repr(found))
end

if abspath(PROGRAM_FILE) == @__FILE__
    TaggingBackends.main(train_model)
end
'''


@pytest.fixture
def julia_project(project: Path) -> Path:
    """Return a backend whose script train_model is in Julia, and the others in Python."""
    (project / "scripts" / "train_model.py").unlink()
    (project / "scripts" / "train_model.jl").write_text(JULIA_TRAIN)
    return project


def test_options_of_julia_scripts(
    julia_project: Path, label: Path, any_julia: dict[str, str]
) -> None:
    def trained(*arguments: str) -> subprocess.CompletedProcess[str]:
        where = ("train", label, "--model-instance=m", "--force")
        return command(*where, *arguments, cwd=julia_project, **any_julia)

    before = tree(julia_project)
    for arguments, message in (
        (["--epoch=5"], "no script takes --epoch; did you mean --epochs?"),
        (["--epochs=five"], "train_model.jl: --epochs: expected int, found 'five'"),
        (["--rate=a"], "train_model.jl: --rate: expected float, found 'a'"),
        (["--window=x"], "build_features.py: --window: expected float, found 'x'"),
    ):
        refused_usage(trained(*arguments), message)
        assert tree(julia_project) == before
    result = trained("--epochs=5", "--no-shuffle", "--labels=a", "--mode=x", "--plain=5")
    assert result.returncode == 0, result.stderr
    found = (julia_project / "models" / "m" / "options").read_text()
    assert found == '(5, 0.5, false, ["a"], "x", "5")'
    shown = command("train", "--help", cwd=julia_project, **any_julia).stdout
    assert shown.endswith("""\
  --window FLOAT            [default: 0.5]
  --epochs INT              number of passes over the data. [default: 20]
  --rate FLOAT              [default: RATE]
  --shuffle / --no-shuffle  [default: shuffle]
  --labels TEXT,...         [default: run,cast]
  --mode TEXT
  --plain TEXT
  --tags TEXT,...
  --pixelsize NUMBER        Pixel size of FIMTrack tables and NetCDF files in
                            pixels, in µm.
  --framerate NUMBER        Frames per second of FIMTrack tables and NetCDF
                            files in frames.
""")


@pytest.mark.parametrize(
    "text",
    [
        JULIA_TRAIN.replace("main(train_model)", "main(backend -> train_model(backend))"),
        JULIA_TRAIN + "\ntrain_model(one, two) = 1\n",
        JULIA_TRAIN + "\n)",
        "using Elsewhere\nTaggingBackends.main(Elsewhere.train_model)",
    ],
)
def test_julia_scripts_that_cannot_be_read(
    text: str, julia_project: Path, any_julia: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (julia_project / "scripts" / "train_model.jl").write_text(text)
    monkeypatch.setenv("TAGGINGBACKENDS_JULIA", any_julia["TAGGINGBACKENDS_JULIA"])
    found = read_signatures(BackendExplorer(julia_project), ["train_model"], ["build_features"])
    assert list(found.values()) == [None]


def test_without_julia(julia_project: Path, label: Path) -> None:
    nothing = {"TAGGINGBACKENDS_JULIA": "/none"}
    result = command("train", "--help", cwd=julia_project, **nothing)
    assert (result.returncode, "Options of the backend's" in result.stdout) == (0, False)
    result = command("train", label, "--epochs=5", cwd=julia_project, **nothing)
    refused(result, "TAGGINGBACKENDS_JULIA: expected a Julia that can be run, found /none")
