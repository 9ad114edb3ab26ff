"""A person saves a label file while a command is about to replace it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from random import Random

import support
from taggingbackends import Labels
from torture.drill import drill
from torture.lab import Backend, check_label_file, expect, pace, recordings, start, succeed

__all__: list[str] = []


def _save(file: Path, random: Random) -> None:
    """Save an edited label file, as an editor does: by a rename, or in place."""
    labels = Labels()
    labels.set(support.RUN, 1, [1.0], ["edited by hand"])
    if random.random() < 0.5 or not file.exists():
        labels.write(file.with_name("person.label"))
        file.with_name("person.label").replace(file)
    else:
        file.write_bytes(support.text(labels))


def _while_running(
    random: Random, file: Path, longest: float, *arguments: str | Path, cwd: Path
) -> int:
    """Run a command, save the file at a random time, and return the exit code."""
    wait = pace()
    process = start(*arguments, cwd=cwd)
    reader = threading.Thread(target=process.communicate)
    reader.start()
    time.sleep(random.uniform(0, longest) * wait)
    running = process.poll() is None
    _save(file, random)
    reader.join()
    code = process.returncode
    names = {name for run in check_label_file(file).values() for name in run.names}
    expect("edited by hand" in names, f"the edit is lost; exit code {code}")
    return -1 if not running else code


@drill("predict FILES: labels that a person saves meanwhile stay")
def predict_files(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    (spine,) = recordings(folder / "in", 1)
    file = spine.with_name("predicted.label")
    arguments = ("predict", spine, "--model-instance", "m")
    code = _while_running(random, file, 8, *arguments, cwd=backend.folder)
    return "saved after the end" if code == -1 else f"exit code {code}"


@drill("predict --recursive: labels that a person saves meanwhile stay, also outdated ones")
def recursive(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    (spine,) = recordings(folder / "in", 1)
    file = spine.with_name("predicted.label")
    arguments = ("predict", "--recursive", folder / "in", "--model-instance", "m")
    if random.random() < 0.5:
        succeed(*arguments, cwd=backend.folder)
        pyproject = backend.folder / "pyproject.toml"
        pyproject.write_text(pyproject.read_text().replace('"1"', '"2"'))
    code = _while_running(random, file, 10, *arguments, cwd=backend.folder)
    expect(code in (-1, 0), f"exit code {code}")
    return "saved after the end" if code == -1 else "saved meanwhile"


@drill("labels tag --in-place: the edit is tagged, or the command refuses to replace it")
def in_place(random: Random, folder: Path) -> str:
    file = support.write_labels(support.write_recording(folder))
    arguments = ("labels", "tag", file, "seen", "--in-place")
    code = _while_running(random, file, 4, *arguments, cwd=folder)
    return "saved after the end" if code == -1 else f"exit code {code}"


@drill("pull without --force never replaces labels that appear meanwhile")
def pull(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    (spine,) = recordings(folder / "in", 1)
    succeed("push", spine, "--model-instance", "m", cwd=backend.folder)
    succeed("predict", "--model-instance", "m", cwd=backend.folder)
    file = spine.with_name("predicted.label")
    code = _while_running(random, file, 4, "pull", "--model-instance", "m", cwd=backend.folder)
    return "saved after the end" if code == -1 else f"exit code {code}"
