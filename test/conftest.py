"""Fixtures: backends, Julia and real recordings."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, settings

from browsing import Browser, opened_browser
from support import RECORDINGS, executable
from taggingbackends.backend.juliascripts import JULIA
from taggingbackends.labels import reading

# The speed of the machine must not affect the results.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

# Processes that a shell starts in the background ignore Ctrl-C, and so do their children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# With nohup, this process goes on when the terminal is closed, but those of tests end by it.
if os.name != "nt" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

PREDICT = """
from taggingbackends import Labels
from taggingbackends.data import find_recordings, load_tracks
from taggingbackends.main import main

def predict_model(backend, label="run"):
    for file in find_recordings(backend.list_input_files()):
        recording = load_tracks(file, outline=False)
        labels = Labels()
        labels.add_run(recording.run)
        for larva, track in recording.items():
            labels.set(recording.run, larva, track.times, [label] * len(track))
        labels.write(backend.output_path(file))

if __name__ == "__main__":
    main(predict_model)
"""


@pytest.fixture
def recordings() -> Path:
    """Return the folder of real recordings, which is not part of the project."""
    if not RECORDINGS.is_dir():
        pytest.skip("real recordings are not part of the project: TAGGINGBACKENDS_RECORDINGS=DIR")
    return RECORDINGS


@pytest.fixture(scope="session")
def compiling_julia(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return environment variables for processes that run long computations in Julia."""
    found = shutil.which(os.environ.get(JULIA) or "julia")
    if found is None:
        pytest.skip(f"no Julia: neither julia on PATH nor in {JULIA}; `make test` gets one")
    depot = tmp_path_factory.mktemp("depot")  # do not write to the user's depot
    variables = {JULIA: found, "JULIA_DEPOT_PATH": f"{depot}{os.pathsep}"}
    return with_option("-O0", variables, tmp_path_factory)  # compiling well takes longer


@pytest.fixture(scope="session")
def any_julia(
    compiling_julia: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Return environment variables for an interpreting Julia, which is faster for short tests."""
    return with_option("--compile=min", compiling_julia, tmp_path_factory)


def with_option(
    option: str, variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Return the variables, with a Julia that is run with an option."""
    if os.name != "posix":
        return variables
    script = f'exec {shlex.quote(variables[JULIA])} {option} "$@"'
    return variables | {JULIA: executable(tmp_path_factory.mktemp("julia") / "julia", script)}


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with opened_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def make_backend(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that creates a backend with scripts, given as text."""

    def make(name: str = "backend", model: str | None = "m", **scripts: str) -> Path:
        project = tmp_path / name
        (project / "scripts").mkdir(parents=True)
        (project / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\nversion = "1.2"\ndependencies = ["taggingbackends"]\n'
        )
        for step, text in ({"predict_model": PREDICT} | scripts).items():
            (project / "scripts" / f"{step}.py").write_text(text)
        (project / "models").mkdir()
        if model is not None:
            (project / "models" / model).mkdir()
        return project

    return make


@pytest.fixture
def loaded_modules() -> Callable[[str], set[str]]:
    """Return a function that returns the modules loaded by a statement."""

    def loaded(statement: str) -> set[str]:
        script = f"{statement}\nimport sys\nprint(*sys.modules)"
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return set(result.stdout.split())

    return loaded


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Counter[Path]:
    """Return how often each label file has been parsed."""
    found, read = Counter[Path](), reading.read

    def counting(path: Path) -> object:
        found[path] += 1
        return read(path)

    monkeypatch.setattr(reading, "read", counting)
    return found


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Counter[Path]:
    """Return how often each file has been read for its SHA-1."""
    found, digest = Counter[Path](), hashlib.file_digest

    def counting(file: BinaryIO, name: str) -> object:
        found[Path(file.name)] += 1
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counting)
    return found


FLOCK = """
#include <errno.h>
#include <stdlib.h>
int flock(int file, int operation) {
    errno = atoi(getenv("FLOCK_ERRNO"));
    return -1;
}
"""


@pytest.fixture(scope="session")
def no_flock(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return environment variables that make flock fail."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C compiler, and Linux")
    folder = tmp_path_factory.mktemp("flock")
    (folder / "flock.c").write_text(FLOCK)
    library = folder / "flock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, folder / "flock.c"], check=True)
    return {"LD_PRELOAD": str(library), "PYTHONWARNINGS": "default"}
