"""Helpers of several test modules: recordings, label files, and the command."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from forkserver import TIMEOUT, ForkServer
from taggingbackends import BackendError, JuliaSetupError, LabelFileError, Labels, dependency
from taggingbackends.cli import cli
from taggingbackends.labels import reading, writing
from taggingbackends.labels.tablefiles import table_chunks

ROOT = Path(__file__).parent.parent
CONTRACT = ROOT / "test" / "contract"
# real recordings; may be missing
RECORDINGS = Path(os.environ.get("TAGGINGBACKENDS_RECORDINGS", ROOT.parent / "shared" / "data"))

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX links, signals, locks or limits")

RUN = "20240611_101500"
STEM = f"{RUN}@g@e@t5@p"


def parse(content: bytes, file: Path | None = None) -> Labels:
    """Parse the text of a label file."""
    return Labels._of(reading.parse(content, file))


def text(labels: Labels, named: bool = False) -> bytes:
    """Return labels as the text of a label file."""
    return writing.text(labels.attributes, labels, named)


def table_csv(labels: Labels, table: str = "bouts", max_gap: float | None = None) -> str:
    """Return a table of labels as CSV, without metadata."""
    return b"".join(table_chunks(table, lambda: [labels], ".csv", max_gap, ())).decode()


def write_recording(folder: Path, stem: str = STEM, larvae: tuple[int, ...] = (1, 20)) -> Path:
    """Write a small pair of Choreography files, and return the path of the .spine file."""
    folder.mkdir(parents=True, exist_ok=True)
    run = stem.split("@")[0]
    for suffix, points in ((".spine", 11), (".outline", 8)):
        lines = []
        for larva in larvae:
            for frame in range(5):
                xy = np.arange(2.0 * points) / 10 + frame + larva / 1000
                numbers = " ".join(f"{x:.3f}" for x in xy)
                lines.append(f"{run} {larva:05d} {larva + frame / 10:.3f} {numbers}\n")
        (folder / f"{stem}{suffix}").write_text("".join(lines))
    return folder / f"{stem}.spine"


def write_labels(spine: Path, name: str = "truth.label", state: str = "run") -> Path:
    """Write a label file for a recording of `write_recording`."""
    labels = Labels()
    run = spine.name.split("@")[0]
    for larva in (1, 20):
        labels.set(run, larva, [larva + frame / 10 for frame in range(5)], [state] * 5)
    labels[run].dependencies = [dependency(spine.with_suffix(".outline")), dependency(spine)]
    labels.write(spine.with_name(name))
    return spine.with_name(name)


@functools.cache
def fork_server() -> ForkServer | None:
    """Return a server that saves the imports of a command, if it runs on this system."""
    return ForkServer() if sys.platform == "linux" else None


def command(
    *arguments: str | Path, cwd: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run tagging-backend in a separate process, which need not be a new Python."""
    environment = os.environ | variables
    server = fork_server()
    if server is None or not server.takes(environment):
        return started(*arguments, cwd=cwd, **variables)
    return server.run(list(map(str, arguments)), cwd, environment)


def started(
    *arguments: str | Path, cwd: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run tagging-backend in a new Python."""
    return subprocess.run(
        [sys.executable, "-m", "taggingbackends", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )


def called(*arguments: str | Path, cwd: Path) -> object:
    """Call a command of tagging-backend in this process, and return its exit code or None.

    Errors are raised. `cwd` is the backend; other paths are relative to the current folder.
    """
    name, *others = map(str, arguments)
    context = click.Context(cli, obj={"project": cwd})
    return cli.commands[name].main(others, standalone_mode=False, parent=context)


def on_a_terminal(*arguments: str, cwd: Path, **variables: str) -> str:
    """Run Python on a terminal, and return its output."""
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    environment = os.environ | variables
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # the process closed the terminal
            break
        if not part:
            break
        text += part
    os.close(ours)
    process.wait()
    return text.decode()


def refused(
    result: subprocess.CompletedProcess[str], message: str, exit_code: int = 1, lines: int = 1
) -> None:
    """Assert that a command failed with a message, in `lines` lines, without a traceback."""
    assert result.returncode == exit_code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == lines, result.stderr


def executable(path: Path, script: str = "") -> str:
    """Write an executable shell script, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def backend_error(kind: str, message: str | None = None) -> Any:
    """Return a context that expects a BackendError of a kind, with a matching message."""
    return pytest.raises(BackendError, match=message, check=lambda error: error.kind == kind)


def julia_error(kind: str, message: str | None = None) -> Any:
    """Return a context that expects a JuliaSetupError of a kind, with a matching message."""
    return pytest.raises(JuliaSetupError, match=message, check=lambda error: error.kind == kind)


def label_error(kind: str, **where: Any) -> Any:
    """Return a context that expects a LabelFileError of a kind and place."""

    def check(found: LabelFileError) -> bool:
        return found.kind == kind and all(getattr(found, k) == v for k, v in where.items())

    return pytest.raises(LabelFileError, check=check)


def blocks(page: str, language: str = "python") -> list[str]:
    """Return the code blocks of a page of the documentation."""
    text = (ROOT / page).read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, at most a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def tree(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder, including hidden ones, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
