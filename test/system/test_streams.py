"""Standard streams that are closed, full, or have lost their reader."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support import posix, write_labels, write_recording

Maker = Callable[..., Path]

pytestmark = posix


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_labels(write_recording(tmp_path))


def redirected(redirection: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a shell, with a redirection."""
    shell = ["sh", "-c", f'exec "$@" {redirection}', "sh"]
    words = [*shell, sys.executable, "-m", "taggingbackends", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [["--help"], ["labels", "show"]])
def test_nobody_reads_the_output(arguments: list[str], labels: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    if "labels" in arguments:
        arguments = [*arguments, str(labels)]
    result = subprocess.run(
        [sys.executable, "-m", "taggingbackends", *arguments],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (141, "")


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_streams_are_like_dev_null(closed: str, make_backend: Maker, labels: Path) -> None:
    project = str(make_backend())
    spine = next(labels.parent.glob("*.spine"))
    arguments = ["--project", project, "predict", "--model-instance=m", str(spine)]
    result = redirected(closed, *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    assert labels.with_name("predicted.label").is_file()


def unread(script: Path) -> subprocess.CompletedProcess[str]:
    """Run a script whose output nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, script], stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    return result


@pytest.mark.parametrize("lines", [1, 100_000])  # the buffer of Python 3.14 has 128 KiB
def test_nobody_reads_the_output_of_a_script(
    lines: int, make_backend: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    text = f"""from taggingbackends.main import main
def predict_model(backend):
    for _ in range({lines}):
        print("a line")
main(predict_model)
"""
    script = make_backend(predict_model=text) / "scripts" / "predict_model.py"
    result = unread(script)
    assert (result.returncode, result.stderr) == (141, "")


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("os.kill(os.getpid(), signal.SIGINT)", 130),
        ("os.kill(os.getpid(), signal.SIGTERM)", 143),
        ("raise OptionError('no')", 2),
        ("sys.exit(3)", 3),
        ("sys.exit(0)", 141),
    ],
)
def test_a_script_ends_early_while_nobody_reads_its_output(
    end: str, code: int, make_backend: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    text = f"""import os, signal, sys
from taggingbackends.main import OptionError, main
def predict_model(backend):
    print("a line")
    {end}
main(predict_model)
"""
    script = make_backend(predict_model=text) / "scripts" / "predict_model.py"
    result = unread(script)
    assert result.returncode == code
    assert result.stderr == ("Error: predict_model.py: no\n" if code == 2 else "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_script_exits_with_0_while_the_disk_is_full(
    make_backend: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    text = """import sys
from taggingbackends.main import main
def predict_model(backend):
    print("a line")
    sys.exit()
main(predict_model)
"""
    script = make_backend(predict_model=text) / "scripts" / "predict_model.py"
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, script], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (result.returncode, result.stderr) == (1, "Error: [Errno 28] No space left on device\n")
