"""Commands that are ended by a signal at any time, and then run again."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from random import Random

import support
from taggingbackends import Labels
from taggingbackends.data import Dataset
from torture import lab
from torture.drill import drill
from torture.lab import (
    FAULTS,
    Backend,
    after,
    check_label_file,
    check_labels,
    check_no_leftovers,
    check_no_processes,
    expect,
    pace,
    recordings,
    signal_and_time,
    start,
    succeed,
)

__all__: list[str] = []


def _killed(random: Random, folder: Path, *arguments: str | Path, longest: float = 4) -> str:
    """Run a command, end it by a signal, check how it ended, and return the outcome."""
    number, seconds, group = signal_and_time(random, longest)
    code, errors = after(start(*arguments, cwd=folder), seconds, number, group)
    if code == 0:
        return "finished first"
    # Python itself was still starting, or ended: none of the package's code is in the traceback
    outside = "taggingbackends" not in errors
    if outside and (code == -number or "Traceback" in errors):
        check_no_processes(folder)
        return number.name
    if number in (signal.SIGINT, signal.SIGTERM):
        expect(code == 128 + number, f"{number.name} gave exit code {code}: {errors}")
    if number != signal.SIGKILL:
        expect("Traceback" not in errors, f"{number.name} gave a traceback: {errors}")
    check_no_processes(folder)
    return number.name


@drill("labels convert: the output is whole or absent; the next convert leaves nothing behind")
def convert(random: Random, folder: Path) -> str:
    source = folder / "source.label"
    labels = Labels()
    for larva in range(300):
        labels.set(support.RUN, larva, [t / 10 for t in range(300)], ["run"] * 300)
    labels.write(source)
    (folder / "out").mkdir()
    output = folder / "out" / "copy.label"
    arguments = ("labels", "convert", source, "-o", output)
    outcome = _killed(random, folder, *arguments)
    if output.exists():
        expect(check_label_file(output) == labels, "the output differs from the input")
    succeed(*arguments, cwd=folder)
    check_no_leftovers(folder / "out")
    return outcome


@drill("labels tag --in-place: the file is the old or the new one")
def in_place(random: Random, folder: Path) -> str:
    spine = support.write_recording(folder)
    file = support.write_labels(spine)
    old = file.read_bytes()
    outcome = _killed(random, folder, "labels", "tag", file, "edited", "--in-place")
    labels = check_label_file(file)
    tagged = "edited" in labels[support.RUN].secondary_names
    expect(tagged or file.read_bytes() == old, "the file is neither the old nor the new one")
    succeed("labels", "tag", file, "edited", "--in-place", cwd=folder)
    check_no_leftovers(folder)
    return outcome


@drill("push: the next push completes or removes what is half-way; every file has an origin")
def push(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    inputs = recordings(folder / "in", 10)
    arguments = ("push", folder / "in", "--model-instance", "m")
    outcome = _killed(random, backend.folder, *arguments)
    succeed(*arguments, cwd=backend.folder)
    pushed = backend.folder / "data" / "raw" / "m"
    expect(support.tree(folder / "in").items() <= support.tree(pushed).items(), "files differ")
    check_no_leftovers(pushed)
    succeed("predict", "--model-instance", "m", cwd=backend.folder)
    succeed("pull", "--model-instance", "m", cwd=backend.folder)  # needs the origins
    expect(all(s.with_name("predicted.label").exists() for s in inputs), "labels are missing")
    return outcome


@drill("pull: all label files or none; the next pull needs no --force and leaves nothing behind")
def pull(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    inputs = recordings(folder / "in", 20)
    succeed("push", folder / "in", "--model-instance", "m", cwd=backend.folder)
    succeed("predict", "--model-instance", "m", cwd=backend.folder)
    arguments = ("pull", "--model-instance", "m")
    outcome = _killed(random, backend.folder, *arguments)
    check_labels(inputs, some=True)
    succeed(*arguments, cwd=backend.folder)
    check_labels(inputs)
    check_no_leftovers(folder / "in")
    return outcome


@drill("predict FILES: labels are whole or absent; the next one removes the sandbox of the dead")
def predict_files(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    inputs = recordings(folder / "in", 1)
    arguments = ("predict", *inputs, "--model-instance", "m")
    outcome = _killed(random, backend.folder, *arguments, longest=10)
    check_labels(inputs, some=True)
    succeed(*arguments, cwd=backend.folder)
    check_labels(inputs)
    if outcome == "SIGKILL":  # others keep the sandbox on purpose and say so
        raw = backend.folder / "data" / "raw" / "m"
        expect(not any(raw.iterdir()), f"left in data/raw: {sorted(raw.iterdir())}")
    check_no_leftovers(folder / "in")
    return outcome


@drill("predict --recursive: run again, it completes all recordings and leaves nothing behind")
def recursive(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    inputs = recordings(folder / "in", 3)
    arguments = ("predict", "--recursive", folder / "in", "--model-instance", "m", "--jobs", "2")
    outcome = _killed(random, backend.folder, *arguments, longest=20)
    check_labels(inputs, some=True)
    succeed(*arguments, cwd=backend.folder)
    check_labels(inputs)
    check_no_leftovers(folder / "in", backend.folder / "data")
    for stage in ("raw", "interim", "processed"):
        left = list((backend.folder / "data" / stage / "m").glob("*"))
        expect(not left, f"left in data/{stage}: {left}")
    return outcome


@drill(
    "predict --recursive in batches: only recordings with a fault fail, others are labelled once"
)
def batches(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    inputs = recordings(folder / "in", random.randrange(5, 13))
    faults = {x: random.choice(FAULTS) for x in random.sample(inputs, random.randrange(4))}
    backend.let_fail(faults)
    size = random.choice(["2", "5", "auto", "auto"])
    arguments = ("predict", "--recursive", folder / "in", "--model-instance", "m")
    arguments += ("--batch", size, "--jobs", random.choice("12"))
    number, seconds, group = signal_and_time(random, 30)
    after(start(*arguments, cwd=backend.folder), seconds, number, group)
    check_no_processes(folder)
    check_labels(inputs, some=True)
    before = {path: path.stat().st_mtime_ns for path in (folder / "in").rglob("*.label")}
    done = support.command(*arguments, cwd=backend.folder)
    expect("Traceback" not in done.stderr, f"a traceback: {done.stderr}")
    expect(done.returncode == bool(faults), f"exit code {done.returncode}: {done.stderr}")
    _, _, table = done.stderr.partition("\n\nfailed ")
    failed = {row.split()[0] for row in table.splitlines()[1:]}
    expect(failed == set(map(str, faults)), f"expected failures of {list(faults)}: {table}")
    check_labels(set(inputs) - set(faults))
    expect(not any(x.with_name("predicted.label").exists() for x in faults), "a fault has labels")
    written = set(done.stdout.splitlines())
    expect(len(written) + len(before) + len(faults) == len(inputs), "a recording is labelled twice")
    again = [path for path, time in before.items() if path.stat().st_mtime_ns != time]
    expect(not again, f"written again: {again}")
    check_no_leftovers(folder / "in", backend.folder / "data")
    for stage in ("raw", "interim", "processed"):
        left = list((backend.folder / "data" / stage / "m").glob("*"))
        expect(not left, f"left in data/{stage}: {left}")
    return f"{number.name}, {len(faults)} faults"


@drill("train --force: there is always a whole model, the old or the new one")
def train(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    spine = support.write_recording(folder / "in")
    truth = support.write_labels(spine)
    succeed("push", truth, "--model-instance", "m", cwd=backend.folder)
    arguments = ("train", "--model-instance", "m", "--force")
    outcome = _killed(random, backend.folder, *arguments, longest=10)
    succeed("models", cwd=backend.folder)
    content = backend.model_content()
    if random.random() < 0.5:
        (backend.folder / "scripts" / "train_model.py").write_text("raise SystemExit(3)\n")
        failed = support.command(*arguments, cwd=backend.folder)
        expect(failed.returncode == 3, f"expected exit code 3: {failed.stderr}")
        expect(backend.model_content() == content, "a failed training changed the model")
    else:
        succeed(*arguments, cwd=backend.folder)
        expect(backend.model_content() == "new", "the new model is not in place")
    check_no_leftovers(backend.folder / "models")
    return outcome


@drill("reset --model after a killed training, and another training: a whole new model")
def reset_model(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    truth = support.write_labels(support.write_recording(folder / "in"))
    succeed("push", truth, "--model-instance", "m", cwd=backend.folder)
    arguments = ("train", "--model-instance", "m", "--force")
    outcome = _killed(random, backend.folder, *arguments, longest=10)
    reset = start("reset", "--model-instance", "m", "--model", cwd=backend.folder)
    after(reset, random.uniform(0, 4) * pace(), signal.SIGKILL, False)
    succeed("reset", "--model-instance", "m", "--model", cwd=backend.folder)
    expect(not backend.model.exists(), "reset --model left the model")
    check_no_leftovers(backend.folder / "models")
    succeed("push", truth, "--model-instance", "m", cwd=backend.folder)
    succeed("train", "--model-instance", "m", cwd=backend.folder)
    expect(backend.model_content() == "new", "an old model came back")
    check_no_leftovers(backend.folder / "models")
    return outcome


@drill("writing a training set: the file is whole or absent; nothing is left after the next one")
def training_set(random: Random, folder: Path) -> str:
    truth = support.write_labels(support.write_recording(folder / "in"))
    output = folder / "out" / "windows.h5"
    output.parent.mkdir()
    words = lab.training_set(folder, truth, output)
    process = subprocess.Popen(
        words,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    code, _ = after(process, random.uniform(0, 8) * pace(), signal.SIGKILL, False)
    if output.exists():
        expect(len(Dataset(output)) > 0, "the training set has no windows")
    done = subprocess.run(words, capture_output=True, text=True)
    expect(done.returncode == 0, f"the next one fails: {done.stderr}")
    expect(len(Dataset(output)) > 0, "the training set has no windows")
    check_no_leftovers(output.parent)
    return "finished first" if code == 0 else "SIGKILL"
