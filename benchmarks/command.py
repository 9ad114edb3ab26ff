"""Command line, compared with importing click and with running the script alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import compare, row

COMMAND = [sys.executable, "-m", "taggingbackends"]


def process(folder: Path, *arguments: str) -> Callable[[], None]:
    """Return a function that runs a process in `folder`."""
    # use bytecode, as an installed command does
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def work() -> None:
        subprocess.run(arguments, cwd=folder, env=variables, capture_output=True, check=True)

    return work


def run(folder: Path) -> None:
    """Print the times of whole processes."""
    backend = folder / "empty"
    (backend / "scripts").mkdir(parents=True)
    (backend / "models" / "m").mkdir(parents=True)
    (backend / "pyproject.toml").write_text(
        '[project]\nname = "empty"\nversion = "1"\ndependencies = ["taggingbackends"]\n'
    )
    script = backend / "scripts" / "predict_model.py"
    script.write_text('if __name__ == "__main__":\n    pass\n')
    click = process(backend, sys.executable, "-c", "import click")
    alone = process(backend, sys.executable, str(script))

    def both() -> None:
        click()
        alone()

    row("", "of the baseline's time", "ours", "baseline")
    compare("--help, compared with import click", click, process(backend, *COMMAND, "--help"), 15)
    compare("models, compared with import click", click, process(backend, *COMMAND, "models"), 15)
    compare("check, compared with import click", click, process(backend, *COMMAND, "check"), 15)
    predict = process(backend, *COMMAND, "predict", "--model-instance", "m")
    compare("predict, compared with import click + the script", both, predict, 15)
