"""Run a tutorial as a reader does, and put what it prints and draws into its page.

python docs/run_tutorial.py docs/tutorials/first-tagger.md

A page is run from top to bottom in a temporary folder:

- Indented lines are commands. Those that make or activate an environment are left out.
- A block of Python begins with the comment `# FILE`, and is saved as this file. If the comment is
  `# in FILE`, its imports and definitions are put into this file, in place of those that are there.
- A block without a language is what the last command printed. A line `...` at its beginning or end
  stands for lines that are left out. Bars of progress are left out, too.
- A picture `FOLDER/NAME` is the file `NAME` that a command drew.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PARTS = re.compile(r"^```(\w*)\n(.*?)^```\n|^    (\S[^\n]*)\n|^!\[[^]]*\]\(([^)]*)\)", re.M | re.S)
SKIPPED = re.compile(r"python3? -m venv|\. |pip install|deactivate")
# numbers are the same on each machine only with one thread, and small matrices need no more
VARIABLES = {"COLUMNS": "80", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Output(NamedTuple):
    """A block of output in a page."""

    place: slice  # in the text of the page
    written: str
    printed: str


def parts(text: str) -> Iterator[tuple[slice, str, str]]:
    """Yield place, kind and content of the parts of a page that matter."""
    for found in PARTS.finditer(text):
        language, block, line, picture = found.groups()
        if line is not None:
            yield slice(*found.span(3)), "command", line
        elif picture is not None:
            yield slice(*found.span(4)), "picture", picture
        else:
            yield slice(*found.span(2)), language or "output", block


def run(page: Path, folder: Path) -> tuple[list[Output], dict[str, Path]]:
    """Run a tutorial in a folder.

    Parameters
    ----------
    page : Path
        The page.
    folder : Path
        An empty folder.

    Returns
    -------
    list of Output
        What each block of output shows, and what was printed.
    dict of str to Path
        The pictures, by their paths in the page.
    """
    here, printed = folder, ""
    outputs, pictures = [], {}
    for place, kind, content in parts(page.read_text("utf-8")):
        if kind == "command" and content.startswith("cd "):
            here /= content.removeprefix("cd ")
        elif kind == "command" and not SKIPPED.match(content):
            printed = command(content, here)
        elif kind == "python":
            write(content, here)
        elif kind == "output":
            outputs.append(Output(place, content, shown(content, printed)))
        elif kind == "picture" and ".." not in content:
            pictures[content] = here / Path(content).name
    return outputs, pictures


def command(line: str, folder: Path) -> str:
    """Run a command, and return what it prints for a person, without bars of progress."""
    name, *arguments = shlex.split(line)
    program = {"python": [], "tagging-backend": ["-m", "taggingbackends"]}[name]
    result = subprocess.run(
        [sys.executable, *program, *arguments],
        cwd=folder,
        env=os.environ | VARIABLES,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode > (" diff " in line):  # 1: the files differ
        raise RuntimeError(f"{line}: exit code {result.returncode}\n{result.stdout}")
    lines = result.stdout.splitlines(keepends=True)
    return "".join(line for line in lines if not re.match(r"\d+/\d+ \w+ \[", line))


def write(block: str, folder: Path) -> None:
    """Save a block of Python as the file that its first line names, or put it into the file."""
    first, _, code = block.partition("\n")
    if first.startswith("# in "):
        define(folder / first.removeprefix("# in "), code)
    else:
        (folder / first.removeprefix("# ")).write_text(code, "utf-8")


def define(file: Path, code: str) -> None:
    """Put imports and definitions into a file, in place of those of the same names."""
    lines = file.read_text("utf-8").splitlines(keepends=True)
    present = {name: node for node in ast.parse("".join(lines)).body for name in named(node)}
    added, imported, changed = "", "", []
    for node in ast.parse(code).body:
        text = ast.get_source_segment(code, node) or ""
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.decorator_list:
            first = node.decorator_list[0].lineno - 1
            text = "".join(code.splitlines(keepends=True)[first : node.end_lineno])
        old = next((present[name] for name in named(node) if name in present), None)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imported += f"{text}\n"
        elif old is None:
            added += f"\n\n{text}\n"
        else:
            changed.append((old.lineno - 1, old.end_lineno, text))
    main = [node.lineno - 1 for node in ast.parse("".join(lines)).body if isinstance(node, ast.If)]
    end = main[0] if main else len(lines)
    lines[end:end] = [f"{added}\n\n" if main else added]
    for first, last, text in sorted(changed, reverse=True):
        lines[first:last] = [f"{text}\n"]
    places = [
        node.lineno - 1
        for node in ast.parse("".join(lines)).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    lines.insert(places[0], imported)
    file.write_text("".join(lines), "utf-8")


def named(node: ast.stmt) -> list[str]:
    """Return the names that a statement defines."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


def shown(written: str, printed: str) -> str:
    """Return the part of a text that a block shows."""
    lines, found = written.splitlines(), printed.splitlines()
    begins, ends = lines[:1] == ["..."], lines[-1:] == ["..."]
    lines = lines[begins : len(lines) - ends]
    if begins:
        found = found[next(n for n, line in enumerate(found) if alike(line, lines[0])) :]
    if ends:
        found = found[: len(lines)]
    return "".join(f"{line}\n" for line in ["..."] * begins + found + ["..."] * ends)


def alike(line: str, other: str) -> bool:
    """Return whether two lines are the same, whatever their numbers."""
    return re.sub(r"\d+", "0", line).split() == re.sub(r"\d+", "0", other).split()


def main() -> None:
    """Run the pages that are named, and write what they print and draw."""
    for page in map(Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as folder:
            outputs, pictures = run(page, Path(folder))
            text = page.read_text("utf-8")
            for output in reversed(outputs):
                text = text[: output.place.start] + output.printed + text[output.place.stop :]
            page.write_text(text, "utf-8")
            for name, file in pictures.items():
                (page.parent / name).parent.mkdir(exist_ok=True)
                (page.parent / name).write_bytes(file.read_bytes())


if __name__ == "__main__":
    main()
