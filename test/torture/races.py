"""Several processes at once, with one backend and the same data."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from random import Random

import support
from torture.drill import drill
from torture.lab import (
    Backend,
    check_labels,
    check_no_leftovers,
    expect,
    pace,
    recordings,
    start,
    succeed,
)

__all__: list[str] = []

_AT_ONCE = (2, 6, 16)  # processes


def _all(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Wait for processes. Return the exit code and the output on standard error of each."""
    ended = []
    for process in processes:
        _, errors = process.communicate(timeout=200)
        expect("Traceback" not in errors, f"a traceback: {errors}")
        ended.append((process.returncode, errors))
    return ended


@drill("trainings of one instance: one wins, the others say so, and the model is whole", limit=300)
def train(random: Random, folder: Path) -> Counter[str]:
    backend = Backend(folder)
    truth = support.write_labels(support.write_recording(folder / "in"))
    succeed("push", truth, "--model-instance", "m", cwd=backend.folder)
    arguments = ("train", "--model-instance", "m", "--force", "--content", "new")
    ended = _all([start(*arguments, cwd=backend.folder) for _ in range(random.choice(_AT_ONCE))])
    won = sum(code == 0 for code, _ in ended)
    expect(won >= 1, f"no training succeeded: {ended}")
    for code, errors in ended:
        refused = code == 1 and "another training of m is under way" in errors
        expect(code == 0 or refused, f"exit code {code}: {errors}")
    expect(backend.model_content() == "new", "the model is not the new one")
    check_no_leftovers(backend.folder / "models")
    return Counter(trained=won, refused=len(ended) - won)


@drill("pushes into one instance: no file and no origin is lost", limit=300)
def push(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    at_once = random.choice(_AT_ONCE)
    inputs = [recordings(folder / "in" / str(i), 5) for i in range(at_once)]
    for i, spines in enumerate(inputs):  # different names for each push
        for spine in spines:
            for suffix in (".spine", ".outline"):
                path = spine.with_suffix(suffix)
                path.rename(path.with_name(f"{path.stem}{i}{suffix}"))
    pushes = [
        start(
            "push", *(folder / "in" / str(i)).iterdir(), "--model-instance", "m", cwd=backend.folder
        )
        for i in range(at_once)
    ]
    for code, errors in _all(pushes):
        expect(code == 0, f"exit code {code}: {errors}")
    raw = backend.folder / "data" / "raw" / "m"
    files = [path for path in raw.rglob("*") if path.is_file() and path.name[0] != "."]
    expect(len(files) == at_once * 10, f"{len(files)} of {at_once * 10} files are there")
    origins = json.loads((raw / ".origins.json").read_text())
    expect(len(origins) == at_once * 10, f"{len(origins)} of {at_once * 10} origins are known")
    check_no_leftovers(raw)
    return "complete"


@drill("a push that is ended beside another one removes none of the other's files", limit=300)
def push_ended(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    recordings(folder / "in", 8)
    arguments = ("push", folder / "in", "--model-instance", "m")
    first = start(*arguments, cwd=backend.folder)
    second = start(*arguments, cwd=backend.folder)
    try:
        second.wait(random.uniform(0, 4) * pace())
    except subprocess.TimeoutExpired:
        second.terminate()
    (code, errors), _ = _all([first, second])
    expect(code == 0, f"exit code {code}: {errors}")
    pushed = support.tree(backend.folder / "data" / "raw" / "m")
    expect(support.tree(folder / "in").items() <= pushed.items(), "files are missing")
    return "ended" if second.returncode else "finished first"


@drill("predict FILES of one recording in several processes: whole labels, nothing left", limit=300)
def predict_files(random: Random, folder: Path) -> Counter[str]:
    backend = Backend(folder)
    inputs = recordings(folder / "in", 1)
    arguments = ("predict", *inputs, "--model-instance", "m")
    ended = _all([start(*arguments, cwd=backend.folder) for _ in range(random.choice(_AT_ONCE))])
    won = sum(code == 0 for code, _ in ended)
    expect(won >= 1, f"no prediction succeeded: {ended}")
    for code, errors in ended:
        expect(code == 0 or "exists" in errors, f"exit code {code}: {errors}")
    check_labels(inputs)
    check_no_leftovers(folder / "in")
    return Counter(labelled=won, refused=len(ended) - won)


@drill("predict --recursive twice at once: each recording is labelled once", limit=300)
def recursive(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    inputs = recordings(folder / "in", 4)
    script = backend.folder / "scripts" / "predict_model.py"
    note = f"        open({str(folder / 'runs')!r}, 'a').write(f'{{file.stem}}\\n')\n"
    script.write_text(script.read_text().replace("_files()):\n", "_files()):\n" + note))
    arguments = ("predict", "--recursive", folder / "in", "--model-instance", "m", "--jobs", "2")
    arguments += ("--batch", random.choice(["1", "2", "auto"]))
    for code, errors in _all([start(*arguments, cwd=backend.folder) for _ in range(2)]):
        expect(code == 0, f"exit code {code}: {errors}")
    runs = (folder / "runs").read_text().split()
    expect(len(runs) == len(set(runs)) == len(inputs), f"{len(runs)} times for 4 recordings")
    check_labels(inputs)
    check_no_leftovers(folder / "in", backend.folder / "data")
    return "complete"


@drill("trainings of different instances and predictions at once", limit=300)
def mixed(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    truth = support.write_labels(support.write_recording(folder / "truth"))
    inputs = recordings(folder / "in", 3)
    processes = [start("train", truth, cwd=backend.folder) for _ in range(3)]
    processes += [start("predict", x, "--model-instance", "m", cwd=backend.folder) for x in inputs]
    for code, errors in _all(processes):
        expect(code == 0, f"exit code {code}: {errors}")
    models = succeed("models", cwd=backend.folder).split()
    expect(len(models) == 4, f"expected 4 models: {models}")
    for model in (backend.folder / "models").iterdir():
        files = {file.name for file in model.iterdir()}
        expect(("training.json" in files) == (model.name != "m"), f"the record of {model.name}")
        expect(len(files - {"training.json"}) == 20, f"{model.name} has not 20 files")
    return "complete"
