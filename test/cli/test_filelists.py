"""Lists of files: ``--files-from LIST``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support import (
    RUN,
    backend_error,
    called,
    command,
    posix,
    refused,
    write_labels,
    write_recording,
)
from taggingbackends import BackendError, BackendExplorer
from taggingbackends.cli.filelists import listed_files

Maker = Callable[..., Path]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lab"
    for name in ("a b", "#c", "é"):
        write_recording(folder / name, f"{RUN}@x")
    monkeypatch.chdir(folder)
    return folder


NAMES = [Path(folder, f"{RUN}@x.spine") for folder in ("a b", "#c", "é")]
LINES = [str(name).encode() for name in NAMES]


@pytest.mark.parametrize(
    "content",
    [
        b"\n".join(LINES),
        b"\n".join(LINES) + b"\n",
        b"\xef\xbb\xbf\r\n\r\n" + b"\r\n".join(LINES) + b"\r\n  \r\n",
        LINES[0] + b"\r\n" + LINES[1] + b"\n\n" + LINES[2],
        b"\0".join(LINES) + b"\0",
        b"\0".join(LINES),
        "\r\n".join(map(str, NAMES)).encode("utf-16"),
        b"\xfe\xff" + "\n".join(map(str, NAMES)).encode("utf-16-be"),
    ],
    ids=["LF", "LF at the end", "BOM, CRLF, blank", "mixed", "NUL", "NUL between", "UTF-16", "BE"],
)
def test_forms_of_lists(content: bytes, lab: Path) -> None:
    (lab / "list").write_bytes(content)
    assert listed_files(Path("list")) == NAMES


@posix
def test_names_in_lists_are_bytes(lab: Path) -> None:
    names = [b"\xff.label", b" x\r.label ", b"a\nb"]
    for name in names:
        Path(os.fsdecode(name)).touch()
    (lab / "list").write_bytes(b"\0".join(names))
    assert [os.fsencode(path) for path in listed_files(lab / "list")] == names
    Path("gone.label").symlink_to("nothing")  # the command says what is wrong with it
    (lab / "list").write_bytes(b"\xff.label\ngone.label\n")
    assert len(listed_files(lab / "list")) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "list: expected a list of paths, found none"),
        (b"\xef\xbb\xbf\r\n \n", "list: expected a list of paths, found none"),
        (b"#c\n\nnone.spine\nb\n", "list, line 3: 'none.spine': No such file or directory (and 1"),
        (b"#c\0none.spine\0", "list, path 2: 'none.spine': No such file or directory"),
        (b"#c \n", "list, line 1: '#c ': No such file"),
        (b"x" * 5000, "File name too long"),
        (b"\xff\xfe\x23", "list, line 1: '\N{REPLACEMENT CHARACTER}': No such file"),
    ],
)
def test_lists_that_are_refused(content: bytes, message: str, lab: Path) -> None:
    (lab / "list").write_bytes(content)
    with pytest.raises(BackendError) as caught:
        listed_files(Path("list"))
    assert caught.value.kind == "no-input"
    assert message in str(caught.value)


def test_lists_that_cannot_be_read(lab: Path) -> None:
    for source, problem in (
        ("no", "No such file or directory"),
        ("#c", "Is a directory"),
        (os.devnull, "expected a file or a pipe, found a device"),
    ):
        with pytest.raises(OSError, match=problem):
            listed_files(Path(source))
    result = command("labels", "show", cwd=lab)
    refused(result, "name FILES, or a list of them with --files-from", 2, lines=4)


def test_commands_for_label_files_take_lists(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, other = (write_labels(lab / name) for name in NAMES)
    (lab / "list").write_text(f"{two.relative_to(lab)}\n")
    (lab / "more").write_text(f"{other}\n")
    files = (one, "--files-from", "list", "--files-from", "more")
    called("labels", "check", *files, cwd=lab)
    expected = [one, two.relative_to(lab), other]
    assert capsys.readouterr().out.splitlines() == [f"{file}: nothing to fix" for file in expected]
    called("labels", "show", *files, cwd=lab)
    called("labels", "merge", *files, "-o", "m.label", cwd=lab)
    called("labels", "report", *files, "-o", "r.html", cwd=lab)
    with backend_error("repeated-run", "expected no run that is also in"):
        called("labels", "convert", *files, "-o", "all.label", cwd=lab)


@posix
def test_backends_take_lists(lab: Path, make_backend: Maker) -> None:
    train = """from taggingbackends.main import main
def train_model(backend, **options):
    (backend.model_dir() / "files").write_text(str(len(backend.list_input_files())))
if __name__ == "__main__":
    main(train_model)
"""
    project = make_backend(train_model=train)
    (lab / "list").write_text("\n".join(map(str, NAMES[1:])))
    run = f'"{sys.executable}" -m taggingbackends --project "{project}"'

    def shell(line: str) -> list[str]:
        line = line.replace("tagging-backend", run)
        result = subprocess.run(["bash", "-c", line], cwd=lab, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return result.stdout.splitlines()

    printed = shell("tagging-backend predict --files-from <(cat list) --model-instance m")
    assert printed == [str(lab / name.parent / "predicted.label") for name in NAMES[1:]]
    shell("find . -name '*.spine' -print0 | tagging-backend push --model-instance=n --files-from -")
    assert len(BackendExplorer(project, "n").list_input_files()) == 6
    called("train", "a b", "--files-from=list", "--model-instance=t", "--epochs=3", cwd=project)
    assert (project / "models" / "t" / "files").read_text() == "6"
    (lab / "folders").write_text("a b\n#c\n")
    recursive = ("predict", "--recursive", "--files-from=folders", "--model-instance=m")
    called(*recursive, cwd=project)
    assert (lab / "a b" / "predicted.label").exists()
    (lab / "empty").touch()
    with pytest.raises(BackendError, match="empty: expected a list of paths, found none"):
        called("predict", "--files-from=empty", "--model-instance=m", cwd=project)
