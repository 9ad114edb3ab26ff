"""What drills work on: a small backend, recordings and label files; and running the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random

import support
from taggingbackends import LabelFileError, Labels
from torture.drill import Defect, processes_in

__all__ = [
    "FAULTS",
    "Backend",
    "after",
    "check_label_file",
    "check_labels",
    "check_no_leftovers",
    "check_no_processes",
    "command",
    "expect",
    "pace",
    "recordings",
    "signal_and_time",
    "start",
    "succeed",
    "training_set",
]

_PREDICT = """
from taggingbackends import Labels
from taggingbackends.data import find_recordings, load_tracks
from taggingbackends.main import main

def predict_model(backend):
    for file in find_recordings(backend.list_input_files()):
        recording = load_tracks(file, outline=False)
        labels = Labels()
        labels.add_run(recording.run)
        for larva, track in recording.items():
            labels.set(recording.run, larva, track.times, ["run"] * len(track))
        labels.write(backend.output_path(file))

if __name__ == "__main__":
    main(predict_model)
"""

_TRAIN = """
import time
from taggingbackends.main import main

def train_model(backend, content="new", files="20"):
    folder = backend.model_dir()
    for number in range(int(files)):
        (folder / f"{number}.weights").write_text(content * 1000)
        time.sleep(0.005)

if __name__ == "__main__":
    main(train_model)
"""


_WRITE = """
import sys
from taggingbackends.data import plan_dataset
plan_dataset(sys.argv[1], duration=0.2, framerate=10).write(sys.argv[2])
"""


FAULTS = ("exception", "exit", "bad")
"""How `Backend.let_fail` lets predict_model fail."""

_FAULTY = """
import os
FAULTS = dict(line.split() for line in open(FILE))

def failing(write, fault, path):
    if fault == "exception":
        raise ValueError("no larva is long enough")
    if fault == "exit":
        os._exit(3)
    write(path)
    if fault == "bad":
        path.write_bytes(path.read_bytes()[:-9])
"""


class Backend:
    """A backend with a model ``m`` of 20 files, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "backend"
        (self.folder / "scripts").mkdir(parents=True)
        (self.folder / "pyproject.toml").write_text(
            '[project]\nname = "tagger"\nversion = "1"\ndependencies = ["taggingbackends"]\n'
        )
        (self.folder / "scripts" / "predict_model.py").write_text(_PREDICT)
        (self.folder / "scripts" / "train_model.py").write_text(_TRAIN)
        self.model = self.folder / "models" / "m"
        self.model.mkdir(parents=True)
        for number in range(20):
            (self.model / f"{number}.weights").write_text("old" * 1000)

    def let_fail(self, faults: Mapping[Path, str]) -> None:
        """Let predict_model fail for some recordings: an exception, an exit, or a bad file."""
        file = self.folder / "faults"
        file.write_text("".join(f"{spine.stem} {fault}\n" for spine, fault in faults.items()))
        call = "failing(labels.write, FAULTS.get(file.stem), backend.output_path(file))"
        script = _PREDICT.replace("labels.write(backend.output_path(file))", call)
        script = _FAULTY.replace("FILE", repr(str(file))) + script
        (self.folder / "scripts" / "predict_model.py").write_text(script)

    def model_content(self) -> str:
        """Return "old" or "new". Raise `Defect` if the model is neither."""
        expect(self.model.is_dir(), "there is no model")
        contents = {path.read_text() for path in self.model.glob("*.weights")}
        number = len(list(self.model.glob("*.weights")))
        expect(number == 20, f"the model has {number} of 20 files")
        expect(len(contents) == 1, "the model mixes old and new files")
        (content,) = contents
        expect(content in ("old" * 1000, "new" * 1000), "the model has half-written files")
        return content[:3]


def recordings(folder: Path, n: int) -> list[Path]:
    """Write n recordings, each in a folder of its own, and return their .spine files."""
    return [
        support.write_recording(folder / str(i), f"20240611_10{i:02d}00@g@e@t5@p") for i in range(n)
    ]


def command(*arguments: str | Path) -> list[str]:
    """Return the words that run tagging-backend with this Python and this package."""
    return [sys.executable, "-m", "taggingbackends", *map(str, arguments)]


def start(*arguments: str | Path, cwd: Path) -> subprocess.Popen[str]:
    """Start tagging-backend, as the leader of a group of processes."""
    return subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        process_group=0,
    )


def after(
    process: subprocess.Popen[str], seconds: float, number: signal.Signals, group: bool
) -> tuple[int, str]:
    """Send a signal after a time. Return the exit code and the output on standard error."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        (os.killpg if group else os.kill)(process.pid, number)
    try:
        _, errors = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        raise Defect(f"it did not end within 30 s after {number.name}") from None
    return process.returncode, errors


def succeed(*arguments: str | Path, cwd: Path) -> str:
    """Run tagging-backend and return its output on both streams. Raise `Defect` if it fails."""
    done = support.command(*arguments, cwd=cwd)
    text = f"{done.stdout}{done.stderr}"
    expect(done.returncode == 0, f"{arguments[0]} ended with {done.returncode}: {text}")
    expect("Traceback" not in text, f"{arguments[0]} printed a traceback: {text}")
    return text


def expect(condition: object, otherwise: str) -> None:
    """Raise `Defect` unless a condition holds."""
    if not condition:
        raise Defect(otherwise)


def check_label_file(path: Path) -> Labels:
    """Return the content of a label file. Raise `Defect` if it is not one."""
    try:
        return Labels.read(path)
    except (LabelFileError, OSError) as error:
        raise Defect(f"a broken label file is left: {error}") from None


def check_labels(spines: Iterable[Path], *, some: bool = False) -> None:
    """Raise `Defect` unless there are valid labels beside recordings; with `some`, if any."""
    for spine in spines:
        labels = spine.with_name("predicted.label")
        if labels.exists() or not some:
            check_label_file(labels).check_dependencies(spine.parent)


def training_set(folder: Path, labels: Path, output: Path) -> list[str]:
    """Return the command that writes a training set, for which it writes a script."""
    script = folder / "write.py"
    script.write_text(_WRITE)
    return [sys.executable, str(script), str(labels), str(output)]


def check_no_leftovers(*folders: Path, known: Iterable[Path] = ()) -> None:
    """Raise `Defect` if hidden files of the package remain below folders."""
    known = set(known)
    for folder in folders:
        for path in folder.rglob(".*"):
            kept = path.name in (".origins.json", ".sandbox") or path in known
            expect(kept, f"{path.relative_to(folder.parent)} is left behind")


def check_no_processes(folder: Path) -> None:
    """Raise `Defect` if a process that works in a folder is alive after a second."""
    deadline = time.monotonic() + 5
    while pids := processes_in(folder):
        if time.monotonic() > deadline:
            words = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids]
            raise Defect(f"processes are alive: {words}")
        time.sleep(0.02)


def pace() -> float:
    """Return the time (s) that the smallest command takes now, to scale waiting times."""
    began = time.monotonic()
    subprocess.run(command("--version"), capture_output=True, check=True)
    return time.monotonic() - began


def signal_and_time(random: Random, longest: float) -> tuple[signal.Signals, float, bool]:
    """Return a signal, when to send it (s), and whether a whole group of processes gets it.

    Parameters
    ----------
    longest : float
        The longest time, as a multiple of `pace`.
    """
    kill = [signal.SIGKILL] * 3
    number = random.choice([*kill, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    return number, random.uniform(0, longest) * pace(), random.random() < 0.5
