"""Files that are no files, in each place where a command looks for one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import support
from torture.drill import Defect, drill
from torture.lab import Backend, expect, recordings, start

__all__: list[str] = []


def _make_odd(path: Path, random: Random) -> str:
    """Put something at a path that is no regular file, and return what it is."""
    kind = random.choice(["pipe", "link to a pipe", "device", "loop", "dangling link", "folder"])
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a pipe":
        pipe = path.parent.parent / f"pipe{random.random()}"
        os.mkfifo(pipe)
        path.symlink_to(pipe)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "dangling link":
        path.symlink_to("nothing")
    else:
        path.mkdir()
    return kind


def _ends(*arguments: str | Path, cwd: Path) -> tuple[int, str]:
    """Run a command. Raise `Defect` if it hangs or prints a traceback."""
    process = start(*arguments, cwd=cwd)
    try:
        output, errors = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        raise Defect(f"{arguments[0]} hangs") from None
    expect("Traceback" not in errors, f"{arguments[0]} printed a traceback: {errors}")
    expect(process.returncode in (0, 1, 2), f"exit code {process.returncode}: {errors}")
    return process.returncode, output + errors


@drill("pipes, devices, loops and folders named as tracker or label files")
def among_recordings(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    spine, good = recordings(folder / "in", 2)
    suffix = random.choice([".spine", ".outline", ".csv", ".mat", ".label"])
    odd = spine.with_suffix(suffix) if random.random() < 0.7 else spine.with_name(f"other{suffix}")
    kind = _make_odd(odd, random)
    model = ("--model-instance", "m")
    what = random.choice(["recursive", "predict", "push", "push folder", "train", "labels"])
    if what == "recursive":
        _, text = _ends("predict", "--recursive", folder / "in", *model, cwd=backend.folder)
        expect(good.with_name("predicted.label").is_file(), f"the other is not labelled: {text}")
    elif what == "labels":
        _ends("labels", random.choice(["show", "check", "report"]), odd, cwd=folder)
    elif what == "push folder":
        _ends("push", folder / "in", *model, cwd=backend.folder)
    elif what == "train":
        _ends("train", folder / "in", "--model-instance", "n", cwd=backend.folder)
    else:
        _ends(what, odd, *model, cwd=backend.folder)
    return f"{what}: {kind}"


@drill("a predicted.label that is no file is never replaced")
def at_the_destination(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    (spine,) = recordings(folder / "in", 1)
    odd = spine.with_name("predicted.label")
    kind = _make_odd(odd, random)
    before = odd.lstat().st_ino
    arguments = ["predict", spine, "--model-instance", "m"]
    if random.random() < 0.5:
        arguments = ["predict", "--recursive", folder / "in", "--model-instance", "m"]
    if random.random() < 0.3:
        arguments.append("--force")
    code, text = _ends(*arguments, cwd=backend.folder)
    expect(os.path.lexists(odd) and odd.lstat().st_ino == before, f"{kind} was replaced: {text}")
    expect(
        code != 0 or kind == "dangling link" or "left alone" in text, f"no error for {kind}: {text}"
    )
    return f"{kind}: exit code {code}"


@drill("output and log files that are pipes or devices")
def output(random: Random, folder: Path) -> str:
    file = support.write_labels(support.write_recording(folder))
    where = folder / random.choice(["pipe", "null"])
    if where.name == "pipe":
        os.mkfifo(where)
    else:
        where.symlink_to("/dev/null")
    before = where.stat().st_mode
    if random.random() < 0.5:
        code, _ = _ends("labels", "convert", file, "-o", where, "--force", cwd=folder)
    else:
        code, _ = _ends("--log", where, "labels", "check", file, cwd=folder)
    expect(where.stat().st_mode == before, f"{where.name} was replaced")
    expect(Path("/dev/null").is_char_device(), "/dev/null was replaced")
    return f"{where.name}: exit code {code}"


@drill("one odd folder does not end a recursive run")
def odd_folder(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    (good,) = recordings(folder / "in", 1)
    odd = folder / "in" / "odd"
    odd.mkdir()
    kind = random.choice(["brackets", "nested", "long", "loop", "bytes", "broken"])
    if kind == "brackets":
        (odd / "pyproject.toml").write_text("a = " + "[" * 100_000)
        support.write_recording(odd / "data")
    elif kind == "nested":
        here = Path.cwd()
        os.chdir(odd)
        for _ in range(1100):
            Path("d").mkdir()
            os.chdir("d")
        os.chdir(here)
    elif kind == "long":
        support.write_recording(odd, f"20240611_101500@{'g' * 220}")
    elif kind == "loop":
        (odd / "again").symlink_to(folder / "in")
    elif kind == "bytes":
        spine = support.write_recording(odd)
        spine.rename(odd / os.fsdecode(b"20240611_101500@\xff.spine"))
    else:
        (odd / "20240611_101500@g.spine").write_bytes(random.randbytes(500))
        (odd / "20240611_101500@g.outline").write_bytes(random.randbytes(500))
    _, text = _ends(
        "predict", "--recursive", folder / "in", "--model-instance", "m", cwd=backend.folder
    )
    expect(good.with_name("predicted.label").is_file(), f"the good one is not labelled: {text}")
    return kind


@drill("modules of the caller's folder are never run")
def foreign_code(random: Random, folder: Path) -> str:
    backend = Backend(folder)
    (spine,) = recordings(folder / "in", 1)
    name = random.choice(
        ["numpy", "h5py", "orjson", "pickle", "shutil", "click", "logging", "tqdm"]
    )
    (folder / "in" / f"{name}.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    console = Path(sys.executable).with_name("tagging-backend")
    arguments = ["--project", str(backend.folder), "predict", "--model-instance", "m"]
    recursive = random.random() < 0.5
    arguments += ["--recursive", "."] if recursive else [str(spine)]
    environment = os.environ | ({"PYTHONPATH": random.choice([":", "", "::/nothing"])})
    done = subprocess.run(
        [console, *arguments], cwd=folder / "in", env=environment, capture_output=True, text=True
    )
    expect(not (folder / "ran").exists(), f"{name}.py of the data folder was run: {done.stderr}")
    expect(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")
    return "recursive" if recursive else "predict FILES"
