"""Full disks, and power cuts."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import support
from torture.drill import Unavailable, drill
from torture.lab import (
    Backend,
    check_label_file,
    command,
    expect,
    pace,
    recordings,
    start,
    succeed,
    training_set,
)

__all__: list[str] = []


@contextmanager
def _mounted(folder: Path, *arguments: str) -> Iterator[Path]:
    """Mount a file system within the block."""
    top = folder / "mounted"
    top.mkdir(exist_ok=True)
    if os.geteuid() != 0:
        raise Unavailable("mounting needs root")
    done = subprocess.run(["mount", *arguments, top], capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"cannot mount: {done.stderr.strip()}")
    try:
        yield top
    finally:
        for _ in range(50):
            if subprocess.run(["umount", top], capture_output=True).returncode == 0:
                break
            time.sleep(0.1)


@drill("a disk that is full: old files stay, nothing half-written remains, no traceback")
def full(random: Random, folder: Path) -> str:
    size = random.randrange(8, 200) * 1024
    with _mounted(folder, "-t", "tmpfs", "-o", f"size={size}", "tmpfs") as disk:
        file = support.write_labels(support.write_recording(folder / "in", larvae=(1, 20)))
        what = random.choice(["convert", "training set", "pull", "push"])
        before: dict[str, bytes] = {}
        if what == "convert":
            words = command("labels", "convert", file, "-o", disk / "x.label")
        elif what == "training set":
            words = training_set(folder, file, disk / "x.h5")
        elif what == "push":
            try:
                backend = Backend(disk)
            except OSError:
                return "too small for a backend"
            before = support.tree(backend.folder)
            words = command(
                "--project", backend.folder, "push", folder / "in", "--model-instance", "m"
            )
        else:
            backend = Backend(folder)
            succeed("push", folder / "in", "--model-instance", "m", cwd=backend.folder)
            succeed("predict", "--model-instance", "m", cwd=backend.folder)
            words = command("--project", backend.folder, "pull", disk, "--model-instance", "m")
        filler = disk / "filler"
        with filler.open("wb") as stream:
            room = random.randrange(0, 16) * 1024
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
            with suppress(OSError):
                stream.write(bytes(max(0, free - room)))
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60)
        text = done.stdout + done.stderr
        if done.returncode == 0:
            return f"{what}: enough room"
        if what != "training set":  # the script shows the traceback of its own error
            expect("Traceback" not in text, f"{what}: a traceback: {text}")
        expect(done.returncode == 1, f"{what}: exit code {done.returncode}: {text}")
        expect("No space left" in text, f"{what}: the reason is not named: {text}")
        filler.unlink()
        left = {name: text for name, text in support.tree(disk).items() if "data/" not in name}
        if what == "push":
            left = {name.removeprefix("backend/"): text for name, text in left.items()}
            expect(left == before, f"{what}: files changed: {left.keys() ^ before.keys()}")
        else:
            expect(not left, f"{what}: left behind: {sorted(left)}")
        return f"{what}: refused"


@drill("a power cut after success was reported, or before: a whole model, the old or the new one")
def power_cut(random: Random, folder: Path) -> str:
    image, cut = folder / "disk.img", folder / "cut.img"
    if shutil.which("mkfs.ext4") is None:
        raise Unavailable("mkfs.ext4 is missing")
    with image.open("wb") as stream:
        stream.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    reported = False
    with _mounted(folder, "-o", "loop,commit=300", str(image)) as disk:
        backend = Backend(disk)
        truth = support.write_labels(support.write_recording(folder / "in"))
        succeed("push", truth, "--model-instance", "m", cwd=backend.folder)
        (spine,) = recordings(disk / "lab", 1)
        os.sync()
        training = start("train", "--model-instance", "m", "--force", cwd=backend.folder)
        with suppress(subprocess.TimeoutExpired):
            training.wait(random.uniform(2, 20) * pace())
        if training.poll() == 0:
            reported = True
            labelled = start("predict", spine, "--model-instance", "m", cwd=backend.folder)
            labelled.communicate(timeout=60)
        shutil.copy(image, cut)  # what is on the disk at this moment
        training.communicate(timeout=60)
    with _mounted(folder, "-o", "loop", str(cut)) as disk:
        backend_folder = disk / "backend"
        succeed("models", cwd=backend_folder)
        survivor = Backend.__new__(Backend)
        survivor.folder, survivor.model = backend_folder, backend_folder / "models" / "m"
        content = survivor.model_content()
        if reported:
            expect(content == "new", "training said success, and the old model is there")
            check_label_file(disk / "lab" / "0" / "predicted.label")
    return "cut after success" if reported else f"cut before success: {content} model"
