"""Command line, compared with importing click and with running the script alone.

All commands but ``--help`` load `logging`, which takes 5 ms. None of these imports NumPy or h5py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import compare, section

COMMAND = [sys.executable, "-m", "taggingbackends"]


def process(folder: Path, *arguments: str) -> Callable[[], None]:
    """Return a function that runs a process in `folder`."""
    # use bytecode, as an installed command does
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def work() -> None:
        subprocess.run(arguments, cwd=folder, env=variables, capture_output=True, check=True)

    return work


def run(folder: Path) -> None:
    """Measure whole processes."""
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

    section("", "import click")
    for argument, goal in (("--help", 1.6), ("models", 2.0), ("check", 2.0)):
        compare(argument, click, process(backend, *COMMAND, argument), 15, goal)
    section("", "import click + the script")
    predict = process(backend, *COMMAND, "predict", "--model-instance", "m")
    compare("predict of an empty script", both, predict, 15, goal=2.0)
