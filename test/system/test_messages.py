"""Messages: verbosity, log, colours, suggestions and shell completion."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from support import RUN, command, on_a_terminal, posix, refused, write_labels, write_recording
from taggingbackends import Labels

Maker = Callable[..., Path]

SCRIPT = """
from taggingbackends import BackendError
from taggingbackends.main import main
def build_features({}):
    {}
main(build_features)
"""


def assert_records(log: str, *patterns: str) -> None:
    """Assert that a log has these records, "level: text", ignoring tracebacks."""
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \d+"
    found = re.findall(rf"^{stamp} ([a-z]+: .*)$", log, re.MULTILINE)
    assert len(found) == len(patterns), found
    for record, pattern in zip(found, patterns, strict=True):
        assert fnmatchcase(record, pattern), record


@pytest.fixture
def project(make_backend: Maker) -> Path:
    return make_backend()


@pytest.fixture
def spine(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "lab")


def test_quiet_shows_only_errors_and_results(project: Path, spine: Path) -> None:
    other = spine.with_name("table.parquet")
    other.write_text("its own format")
    predict = ("predict", spine, other, "--model-instance", "m", "--force")
    result = command(*predict, cwd=project)
    assert result.stderr.startswith("Warning: 1 file in no known format")
    quiet = command("--quiet", *predict, cwd=project)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, result.stdout, "")
    spine.with_name("predicted.label").write_text("mine")
    refused(command("--quiet", *predict[:-1], cwd=project), "exists already")


def test_verbose_shows_every_step(project: Path, spine: Path) -> None:
    result = command("--verbose", "predict", spine, "--model-instance", "m", cwd=project)
    started, ended = result.stderr.splitlines()
    assert re.fullmatch(
        r"predict_model: .*predict_model.py --model-instance=m --sandbox=\S+", started
    )
    assert re.fullmatch(r"predict_model: exit code 0 after [\d.]+ s", ended)
    both = command("--verbose", "--quiet", "models", cwd=project)
    refused(both, "--quiet cannot be used with --verbose", 2, lines=4)


def test_quiet_and_verbose_after_the_subcommand_are_for_scripts(
    make_backend: Maker, spine: Path
) -> None:
    script = SCRIPT.format("backend, verbose, quiet, log", "print('got', verbose, quiet, log)")
    project = make_backend(build_features=script)
    options = ("--verbose", "--quiet=2", "--log", "x")
    result = command("predict", spine, "--model-instance", "m", *options, cwd=project)
    assert result.stdout.splitlines()[0] == "got True 2 x"
    assert not (project / "x").exists()


def test_the_log_has_messages_of_all_levels(make_backend: Maker, spine: Path) -> None:
    script = SCRIPT.format("backend", "raise BackendError('no-input', 'too dark')")
    project = make_backend(build_features=script)
    predict = ("predict", spine, "--model-instance", "m")
    result = command("--quiet", "--log", "../a.log", *predict, cwd=project)
    assert result.stderr.splitlines() == [
        "Error: too dark",
        "Error: build_features failed with exit code 1 (scripts/build_features.py)",
    ]
    command("--log", "../a.log", "models", cwd=project)
    log = (project / "../a.log").read_text()
    assert_records(
        log,
        f"info: started: tagging-backend --quiet --log ../a.log predict {spine} *",
        "info: build_features: *build_features.py --model-instance=m *",
        "error: too dark",
        "info: build_features: exit code 1 after * s",
        "warning: input and results are kept in *",
        "error: build_features failed with exit code 1 (scripts/build_features.py)",
        "info: exit code 1",
        "info: started: tagging-backend --log ../a.log models",
        "info: exit code 0",
    )
    error, where = "error: too dark\nTraceback (most recent call last):\n", "raise BackendError("
    assert error in log and where in log.partition(error)[2]


def test_the_log_has_the_traceback_of_an_internal_error(project: Path) -> None:
    fault = "from taggingbackends.backend import folder; folder.BackendFolder.list_models = None; "
    program = f"{fault}from taggingbackends.cli import main; main()"
    arguments = [sys.executable, "-c", program, "--log", "a.log", "models"]
    result = subprocess.run(arguments, cwd=project, capture_output=True, text=True)
    assert result.stderr.startswith("Traceback")
    log = (project / "a.log").read_text()
    assert "TypeError: 'NoneType' object is not callable" in log
    assert_records(log, "info: started: *", "error: TypeError: *", "info: exit code 1")


def test_an_unwritable_log_is_reported_before_anything_is_done(project: Path, spine: Path) -> None:
    log = project / "none" / "a.log"
    result = command("--log", log, "predict", spine, "--model-instance", "m", cwd=project)
    refused(result, f"{log}: No such file or directory")
    assert not (spine.parent / "predicted.label").exists()


WARNS = """
import logging
import warnings
from pathlib import Path
from taggingbackends.data import plan_dataset
from taggingbackends.main import main
def build_features(backend):
    warnings.warn("few\\n  frames")
    for file in backend.list_input_files():
        if file.suffix == ".label":
            plan_dataset(file, 0.2, 10)
    logging.getLogger("torch").warning("no %s", "GPU")
    logging.getLogger("torch.optim").info("epoch 1")
    logging.debug("never")
    try:
        1 / 0
    except ZeroDivisionError:
        logging.exception("weights are NaN")
main(build_features)
"""


@pytest.fixture
def warning(make_backend: Maker) -> tuple[Path, str]:
    """Return a backend that warns and logs, its input, and the warning of the library."""
    project = make_backend(build_features=WARNS)
    labels = write_labels(write_recording(project / "data" / "raw" / "m"))
    predicted = Labels.read(labels)
    predicted[RUN].metadata["software"] = {"model_instance": "old"}
    predicted.write(labels)
    return project, f"{labels}: training on labels that old predicted and nobody edited"


def test_the_options_reach_warnings_and_records_of_scripts(warning: tuple[Path, str]) -> None:
    project, ours = warning
    predict = ("predict", "--model-instance", "m")
    shown = ["Warning: few frames", f"Warning: {ours}", "Warning: no GPU"]
    error = "Error: weights are NaN"
    assert command(*predict, cwd=project).stderr.splitlines() == [*shown, error]
    verbose = command("--verbose", *predict, cwd=project).stderr.splitlines()
    assert verbose[1:6] == [*shown, "epoch 1", error]
    quiet = command("--quiet", "--log", "a.log", *predict, cwd=project)
    assert quiet.stderr.splitlines() == [error]
    log = (project / "a.log").read_text()
    assert_records(
        log,
        "info: started: *",
        "info: build_features: *",
        "warning: few",
        f"warning: {ours}",
        "warning: no GPU",
        "info: epoch 1",
        "error: weights are NaN",
        "info: build_features: exit code 0 *",
        "info: predict_model: *",
        "info: predict_model: exit code 0 *",
        "info: exit code 0",
    )
    assert "ZeroDivisionError: division by zero\n" in log
    debugged = command("--debug", *predict, cwd=project).stderr
    assert "ZeroDivisionError: division by zero\nError: weights are NaN\n" in debugged


def test_a_script_run_directly_uses_the_environment(warning: tuple[Path, str]) -> None:
    project, ours = warning
    variables = {"TAGGINGBACKENDS_VERBOSITY": "quiet", "TAGGINGBACKENDS_LOG": str(project / "log")}
    result = subprocess.run(
        [sys.executable, project / "scripts" / "build_features.py", "--model-instance=m"],
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "Error: weights are NaN\n")
    assert f"warning: {ours}\n" in (project / "log").read_text()


def test_the_log_has_the_traceback_of_a_script_error(make_backend: Maker) -> None:
    project = make_backend(build_features=SCRIPT.format("backend", "backend.none"))
    result = command("--log", "a.log", "predict", "--model-instance=m", cwd=project)
    assert result.stderr.startswith("Traceback")
    log = (project / "a.log").read_text()
    assert "error: AttributeError: 'BackendExplorer' object has no attribute 'none'\nTrace" in log


@pytest.mark.parametrize(
    ("setup", "shown", "kept"),
    [
        ("logging.basicConfig()", "Warning: here\n", ""),
        ("logging.basicConfig(filename='own')", "Warning: here\n", "WARNING:root:here\n"),
        ("logging.basicConfig(stream=open('own', 'w'))", "Warning: here\n", "WARNING:root:here\n"),
    ],
)
def test_handlers_of_a_script_are_kept_except_on_standard_streams(
    setup: str, shown: str, kept: str, make_backend: Maker
) -> None:
    script = SCRIPT.format("backend", "logging.warning('here')").replace(
        "main(build", f"import logging; {setup}\nmain(build"
    )
    project = make_backend(build_features=script)
    result = command("predict", "--model-instance=m", cwd=project)
    assert shown in result.stderr.splitlines(keepends=True)
    assert result.stderr.count("here") == 1
    own = project / "own"
    assert (own.read_text() if own.exists() else "") == kept


@pytest.mark.parametrize(
    "setup",
    [
        "logging.config.dictConfig({'version': 1, 'root': {'handlers': []}})",
        "logging.basicConfig(filename='own', force=True)",
        "logging.disable()",
    ],
)
@pytest.mark.parametrize(
    "error", ["BackendError('no-input', 'too dark')", "OptionError('too dark')"]
)
def test_errors_are_shown_whatever_a_script_does_to_logging(
    setup: str, error: str, make_backend: Maker
) -> None:
    imports = "import logging.config\nfrom taggingbackends.main import OptionError\n"
    project = make_backend(
        build_features=imports + SCRIPT.format("backend", f"{setup}; raise {error}")
    )
    result = command("--log", "a.log", "predict", "--model-instance=m", cwd=project)
    shown, _ = result.stderr.splitlines()
    assert shown.startswith("Error: ") and shown.endswith("too dark")
    assert "too dark\n" in (project / "a.log").read_text()


def test_warnings_are_shown_after_a_script_has_disabled_loggers(make_backend: Maker) -> None:
    setup = "logging.config.dictConfig({'version': 1}); warnings.warn('few frames')"
    script = "import logging.config, warnings\n" + SCRIPT.format("backend", setup)
    result = command("predict", "--model-instance=m", cwd=make_backend(build_features=script))
    assert "few frames" in result.stderr


@posix
def test_only_a_file_is_a_log(tmp_path: Path) -> None:
    pipe, null = tmp_path / "pipe", tmp_path / "null"
    os.mkfifo(pipe)
    null.symlink_to(os.devnull)
    for path in (pipe, null):
        result = command("--log", path, "julia", "status", cwd=tmp_path)
        refused(result, f"{path}: expected a file for the log, found a pipe or a device")
    result = command("--version", cwd=tmp_path, TAGGINGBACKENDS_LOG=str(pipe))
    assert result.returncode == 0


def test_importing_configures_nothing() -> None:
    program = (
        "import logging, warnings\n"
        "before = warnings.showwarning, logging.root.level\n"
        "from taggingbackends import BackendExplorer, Labels, data, main, analysis\n"
        "from taggingbackends.system import messages\n"
        "assert before == (warnings.showwarning, logging.root.level)\n"
        "assert logging.root.handlers == messages.logger.handlers == []\n"
        "warnings.warn('few frames')\n"
        "messages.logger.info('not shown')\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stderr.splitlines()[0] == "<string>:7: UserWarning: few frames"
    assert "not shown" not in result.stderr


def test_many_processes_append_to_one_log(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from taggingbackends.system.messages import configure, logger\n"
        "configure()\n"
        "for n in range(200): logger.info(f'{sys.argv[1]} {n} ' + 'x' * 2000)\n"
    )
    log = tmp_path / "log"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(process)],
            env=os.environ | {"TAGGINGBACKENDS_LOG": str(log)},
        )
        for process in range(4)
    ]
    assert [process.wait() for process in started] == [0] * 4
    lines = log.read_text().splitlines()
    assert len(lines) == 800
    assert all(re.fullmatch(r"\S+ \S+ \d+ info: \d \d+ x{2000}", line) for line in lines)


def test_commands_go_on_without_a_lost_log(tmp_path: Path) -> None:
    program = (
        "import os\n"
        "from taggingbackends.system.messages import configure, logger\n"
        "configure()\n"
        "logger.warning('one')\n"
        "os.remove('log'); os.mkdir('log')\n"
        "logger.warning('two')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"TAGGINGBACKENDS_LOG": "log"},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "Warning: one\nWarning: two\n")


@posix
def test_colours_only_on_terminals_without_no_color(project: Path) -> None:
    arguments = ("predict", "--model-instance", "none")
    error = "no model none in"
    coloured = on_a_terminal("-m", "taggingbackends", *arguments, cwd=project, NO_COLOR="")
    assert f"\x1b[31mError:\x1b[0m {error}" in coloured
    assert f"Error: {error}" in on_a_terminal(
        "-m", "taggingbackends", *arguments, cwd=project, NO_COLOR="1"
    )
    assert f"Error: {error}" in command(*arguments, cwd=project).stderr


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["predict", "x", "--model-instance", "2024061"], "did you mean 20240611_101500?"),
        (["predict", "x", "--model-instance", "2024"], "did you mean 20240611_101500?"),
        (["predict", "--model-instnce=m"], "'--model-instance'; did you mean --model-instance?"),
        (
            ["predict", "--model-instnce", "m", "x"],
            "no such option --model-instnce; did you mean --model-instance?",
        ),
        (["predict", "--model_instance", "m"], "did you mean --model-instance?"),
        (["predict", "--recursiv", ".", "--model-instance", "m"], "did you mean --recursive?"),
        (
            ["predict", "--quiet", "x.spine", "--model-instance", "m"],
            "put files before such options",
        ),
        (["predcit"], "predict"),
        (["labels", "shwo"], "show"),
    ],
)
def test_similar_options_are_suggested(
    make_backend: Maker, arguments: list[str], hint: str
) -> None:
    project = make_backend(model="20240611_101500")
    result = command(*arguments, cwd=project)
    assert result.returncode in (1, 2)
    assert hint in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("tagging-backend pre", ["predict"]),
        ("tagging-backend predict --model-i", ["--model-instance"]),
        ("tagging-backend predict --model-instance 2", ["20240611_101500"]),
        ("tagging-backend finetune --original-model-instance 2", ["20240611_101500"]),
        ("tagging-backend train --pretrained-model-instance b", ["base"]),
        ("tagging-backend labels sh", ["show"]),
    ],
)
def test_shells_complete(make_backend: Maker, words: str, found: list[str]) -> None:
    project = make_backend(model="20240611_101500")
    (project / "pretrained_models" / "base").mkdir(parents=True)
    asked = {
        "_TAGGING_BACKEND_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    result = command(cwd=project, **asked)
    assert [line.split(",")[1] for line in result.stdout.splitlines()] == found


def test_completion_outside_a_backend_finds_no_models(tmp_path: Path) -> None:
    asked = {
        "_TAGGING_BACKEND_COMPLETE": "bash_complete",
        "COMP_WORDS": "tagging-backend predict --model-instance 2",
        "COMP_CWORD": "3",
    }
    result = command(cwd=tmp_path, **asked)
    assert (result.returncode, result.stdout.strip(), result.stderr) == (0, "", "")
