"""Output of the command: results on standard output, and what it says beside them.

Text for people is escaped: a name may hold what a terminal acts on. Data are exact: JSON, which has
escapes of its own, and the content of files. Paths and other names, one per line, are escaped only
on a terminal, because scripts read them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from taggingbackends.system.words import UNPRINTABLE, printable

__all__ = ["echo", "print_json", "print_names", "say", "terminal_width"]


def echo(*lines: object, err: bool = False) -> None:
    """Print lines for people. Each argument is one line, whatever characters it has."""
    click.echo("\n".join(printable(str(line)) for line in lines), err=err)


def say(text: str) -> None:
    """Print text beside the results, on standard error, unless --quiet is given; log it."""
    from taggingbackends.system.messages import is_quiet, log

    for line in text.split("\n"):
        log(line)
        if not is_quiet():
            echo(line, err=True)


def print_names(names: Iterable[object]) -> None:
    """Print paths or names, one per line."""
    for name in names:
        click.echo(printable(str(name)) if sys.stdout.isatty() else name)


def print_json(value: object) -> None:
    """Print a value as JSON, which means the same after escaping."""
    import json

    lines = json.dumps(value, indent=1, ensure_ascii=False).split("\n")
    click.echo(
        "\n".join(UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", x) for x in lines)
    )


def terminal_width() -> int:
    """Return the width of the terminal in characters."""
    from shutil import get_terminal_size

    return get_terminal_size().columns
