"""The main function of scripts: running scripts directly, and passing options."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import command, refused
from taggingbackends.backend.options import OptionError, format_options, parse_options

Maker = Callable[..., Path]

SHOW = """
from taggingbackends.main import main
def predict_model({parameters}):
    print({shown})
if __name__ == "__main__":
    main(predict_model)
"""


def by_hand(script: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, script, *arguments], cwd=cwd, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["--epochs", "20"], {"epochs": "20"}),
        (["--labels=run,cast"], {"labels": "run,cast"}),
        (["--verbose"], {"verbose": True}),
        (["--verbose", "--epochs", "20"], {"verbose": True, "epochs": "20"}),
        (["--learning-rate=-0.5"], {"learning_rate": "-0.5"}),
        (["--learning-rate", "-0.5"], None),
        (["--a=", "--b", ""], {"a": "", "b": ""}),
        (["--a=b=c"], {"a": "b=c"}),
        (["--a", "1", "--a", "2", "--a=3"], {"a": ["1", "2", "3"]}),
        (["--a", "1", "--a"], {"a": ["1", True]}),
        (["stray"], None),
        (["-v"], None),
        (["--"], None),
        (["--2x"], None),
        (["--a.b=1"], None),
    ],
)
def test_options_become_keyword_arguments(
    arguments: list[str], options: dict[str, Any] | None
) -> None:
    if options is None:
        with pytest.raises(OptionError, match="expected an option such as --epochs 20, found"):
            parse_options(arguments)
    else:
        assert parse_options(arguments) == options


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", fullmatch=True), st.just(True) | st.text()
    )
)
def test_options_survive_a_command_line(options: dict[str, Any]) -> None:
    assert parse_options(format_options(options)) == options


@pytest.mark.parametrize(
    ("parameters", "arguments", "printed", "unknown"),
    [
        ("backend, **options", ["--a", "1", "--b"], "{'a': '1', 'b': True}", []),
        ("backend, a='0', *, b=None", ["--a", "1"], "['1', None]", []),
        ("backend, a='0', *, b=None", ["--c", "1", "--b=2"], "['0', '2']", ["c"]),
        ("backend, /, **backend_options", ["--backend_options=1"], None, []),
    ],
)
def test_a_function_receives_only_its_options(
    parameters: str,
    arguments: list[str],
    printed: str | None,
    unknown: list[str],
    make_backend: Maker,
) -> None:
    shown = parameters.rpartition("**")[2] if "**" in parameters else "[a, b]"
    text = SHOW.format(parameters=parameters, shown=shown)
    project = make_backend(predict_model=text)
    result = by_hand(project / "scripts" / "predict_model.py", *arguments, cwd=project)
    if unknown:
        refused(result, f"predict_model takes no --{unknown[0]}; known options: --a, --b", 2)
    else:
        assert result.returncode == 0, result.stderr
        assert result.stdout.strip() == (printed or "{'backend_options': '1'}")
    result = command("predict", "--model-instance=m", *arguments, cwd=project)  # as Nyx does
    assert result.stdout.strip() == (printed or "{'backend_options': '1'}"), result.stderr
    for name in unknown:
        assert f"Warning: no script took the option --{name}" in result.stderr
    assert ("no script took" in result.stderr) is bool(unknown)


def test_options_are_converted_by_annotations(make_backend: Maker) -> None:
    text = """
from __future__ import annotations
from functools import partial, wraps
from typing import TYPE_CHECKING
from taggingbackends.main import main
if TYPE_CHECKING:
    from pathlib import Path
    from nowhere import Missing

def decorated(function):
    @wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper

@decorated
def predict_model(
    backend: Missing, epochs: int = 1, model: Path | None = None, other: Missing = None
):
    print(epochs, model is not None and model.name, other)
if __name__ == "__main__":
    main(predict_model)
"""
    project = make_backend(predict_model=text)
    script = project / "scripts" / "predict_model.py"
    arguments = ("--epochs=5", "--model=a/b", "--other=1")
    for changed in (text, text.replace("main(pred", "main(partial(pred").replace("l)\n", "l))\n")):
        script.write_text(changed)
        result = by_hand(script, *arguments, cwd=project)
        assert result.stdout == "5 b 1\n", result.stderr
        result = command("predict", "--model-instance=m", *arguments, cwd=project)
        assert result.stdout == "5 b 1\n", result.stderr
        refused(by_hand(script, "--epochs=x", cwd=project), "--epochs: expected int, found 'x'", 2)


def test_tracker_options_count_as_taken(make_backend: Maker) -> None:
    script = make_backend(predict_model=SHOW.format(parameters="backend", shown="1"))
    script = script / "scripts" / "predict_model.py"
    result = by_hand(script, "--pixelsize", "73", cwd=script.parent)
    assert (result.stdout, result.stderr) == ("1\n", "")
    result = by_hand(script, "--pixelsize", "wide", cwd=script.parent)
    refused(result, "--pixelsize: expected a positive number, found 'wide'", 2)
    own = SHOW.format(parameters="backend, pixelsize", shown="pixelsize, backend.tracker_options")
    script.write_text(own)
    result = by_hand(script, "--pixelsize=73", "--framerate=2", cwd=script.parent)
    assert result.stdout == "73 {'framerate': 2.0}\n"
    assert result.stderr == ""


def test_options_that_a_function_needs(make_backend: Maker) -> None:
    text = SHOW.format(parameters="backend, learning_rate", shown="learning_rate")
    project = make_backend(predict_model=text)
    script = project / "scripts" / "predict_model.py"
    refused(by_hand(script, cwd=project), "predict_model needs --learning-rate", 2)
    refused(by_hand(script, "stray", cwd=project), "predict_model.py: expected an option", 2)
    assert by_hand(script, "--learning-rate=1", cwd=project).stdout == "1\n"


def test_the_first_parameter_is_not_an_option(make_backend: Maker) -> None:
    text = SHOW.format(parameters="backend, **options", shown="options")
    project = make_backend(predict_model=text)
    result = by_hand(project / "scripts" / "predict_model.py", "--backend=1", cwd=project)
    refused(result, "--backend is reserved", 2)


def test_a_script_runs_directly_from_any_folder(make_backend: Maker, tmp_path: Path) -> None:
    shown = "backend.project_dir, backend.model_instance, backend.sandbox"
    project = make_backend(predict_model=SHOW.format(parameters="backend", shown=shown))
    script = project / "scripts" / "predict_model.py"
    result = by_hand(script, "--model-instance", "m", "--sandbox=s", cwd=tmp_path)
    assert result.stdout == f"{project} m s\n", result.stderr
    assert by_hand(script, cwd=tmp_path).stdout == f"{project} None None\n"
    helped = by_hand(script, "--help", cwd=tmp_path)
    assert "usage: predict_model.py --model-instance NAME" in helped.stdout
    refused(by_hand(script, "--model-instance=../x", cwd=tmp_path), "model instance '../x'")
    refused(by_hand(script, "--model-instance", cwd=tmp_path), "--model-instance needs a value", 2)


def test_user_errors_of_scripts_are_one_line(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend(
        predict_model=SHOW.format(parameters="backend", shown="backend.raw_data_dir()")
    )
    script = project / "scripts" / "predict_model.py"
    refused(by_hand(script, cwd=project), "Error: data/raw needs a model instance")
    result = command("--debug", "predict", "--model-instance", "none", cwd=project)
    assert "Traceback" in result.stderr
    assert "Error: no model none" in result.stderr


UNCLOSED = """
from taggingbackends.main import main
class Log:
    file = open("log", "w")
def predict_model(backend):
    Log.file.write("written")
if __name__ == "__main__":
    main(predict_model)
"""


def test_a_file_that_a_class_of_a_script_holds_is_written(make_backend: Maker) -> None:
    project = make_backend(predict_model=UNCLOSED)
    assert by_hand(project / "scripts" / "predict_model.py", cwd=project).returncode == 0
    assert (project / "log").read_text() == "written"


TRAIN = """
import sys
from taggingbackends.main import main
def train_model(backend, fail=None, code=None):
    (backend.model_dir() / "weights").write_text("new")
    if fail == "busy":
        raise BlockingIOError("the camera is busy")
    if fail:
        raise RuntimeError("died")
    if code:
        sys.exit(int(code))
if __name__ == "__main__":
    main(train_model)
"""


def test_training_directly_leaves_no_partial_model(make_backend: Maker) -> None:
    project = make_backend(model=None, train_model=TRAIN)
    script = project / "scripts" / "train_model.py"
    result = by_hand(script, "--model-instance=new", "--fail", cwd=project)
    assert "RuntimeError: died" in result.stderr
    assert list((project / "models").iterdir()) == []
    result = by_hand(script, "--model-instance=new", "--fail=busy", cwd=project)
    assert "BlockingIOError: the camera is busy" in result.stderr  # unrelated to locks
    assert by_hand(script, "--model-instance=new", cwd=project).returncode == 0
    assert (project / "models" / "new" / "weights").read_text() == "new"
    refused(by_hand(script, "--model-instance=new", cwd=project), "model new exists already")
    assert by_hand(script, cwd=project).returncode == 0
    assert len(list((project / "models").iterdir())) == 2
    assert by_hand(script, "--model-instance=three", "--code=3", cwd=project).returncode == 3
    assert by_hand(script, "--model-instance=zero", "--code=0", cwd=project).returncode == 0
    names = {path.name for path in (project / "models").iterdir()}
    assert "zero" in names
    assert not {"three", ".zero.partial", ".three.partial"} & names
