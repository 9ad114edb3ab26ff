"""What a terminal would act on is escaped; data are exact."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import taggingbackends
from support import command, on_a_terminal, posix
from taggingbackends import Labels
from taggingbackends.cli.output import echo, print_json, print_names

HOSTILE = "\x1b]0;x\x07\x9b2J\u202eb\na"
ESCAPED = r"\x1b]0;x\x07\x9b2J\u202eb\na"
ACTED_ON = "\x1b\x07\x9b\u202e"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a label file whose names and whose own name are hostile."""
    labels = Labels()
    labels.set(HOSTILE, 1, [0.0, 0.1], [HOSTILE, "cast"])
    labels.write(tmp_path / "x.label")
    return (tmp_path / "x.label").rename(tmp_path / f"{HOSTILE}.label")


@posix
@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "FILE"),
        ("show", "FILE", "--json"),
        ("diff", "FILE", "FILE"),
        ("check", "FILE", f"{HOSTILE}.missing"),
        ("show", f"{HOSTILE}.missing"),
        ("crop", "FILE", "-o", f"{HOSTILE}.csv"),
        ("merge", "FILE", "FILE", "-o", "FILE"),
    ],
)
def test_labels_on_a_terminal(file: Path, arguments: tuple[str, ...]) -> None:
    words = [str(file) if word == "FILE" else word for word in arguments]
    shown = on_a_terminal(
        *("-m", "taggingbackends", "labels", *words), cwd=file.parent, NO_COLOR="1"
    )
    assert not any(character in shown for character in ACTED_ON), shown
    if "--json" in words:
        (found,) = json.loads(shown)
        assert found["runs"][0]["run"] == HOSTILE
    else:
        # an error is one line, with blanks for line breaks
        assert ESCAPED.replace(r"\n", " ") in shown.replace(r"\n", " ")


@posix
def test_data_info_on_a_terminal(file: Path) -> None:
    shown = on_a_terminal("-m", "taggingbackends", "data", "info", str(file), cwd=file.parent)
    assert shown.count(ESCAPED) == 3  # the file, the run, the label


@posix
def test_names_are_exact_in_a_pipe_and_in_a_log(file: Path) -> None:
    output = file.parent / f"{HOSTILE}.csv"
    arguments = ("labels", "convert", file, "--table", "bouts", "-o", output)
    result = command("--log", "log", *arguments, cwd=file.parent)
    assert result.stdout == f"{output}\n"
    output.write_text("other")
    assert command("--log", "log", *arguments, cwd=file.parent).returncode == 1  # exists
    log = (file.parent / "log").read_text("utf-8")
    assert ESCAPED.removesuffix(r"\na") in log
    assert not any(character in log for character in ACTED_ON)


def test_output(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    echo("a", HOSTILE, Path("שלום 🐛"))
    assert capsys.readouterr().out == f"a\n{ESCAPED}\nשלום 🐛\n"
    print_json({"ä": HOSTILE, "lone": "\udc80"})
    shown = capsys.readouterr().out
    assert shown.isprintable() or set(shown) - {"\n"} == {c for c in shown if c.isprintable()}
    assert json.loads(shown) == {"ä": HOSTILE, "lone": "\udc80"}
    print_names([HOSTILE])
    assert capsys.readouterr().out == f"{HOSTILE}\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_names([HOSTILE])
    assert capsys.readouterr().out == f"{ESCAPED}\n"


def test_only_one_module_prints() -> None:
    """Elsewhere, click.echo is called only with content of files, and with ethograms."""
    calls = {
        (path.name, ast.unparse(node.args[0]).split("(")[0])
        for path in (Path(taggingbackends.__file__).parent / "cli").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("click.echo", "print")
        if path.name != "output.py"
    }
    assert calls == {("labelfiles.py", "chunk"), ("labels.py", "ethogram")}
