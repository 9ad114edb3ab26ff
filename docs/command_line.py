"""Writes docs/command-line.md from the help of the command itself.

python docs/command_line.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from taggingbackends.cli import cli

PAGE = Path(__file__).with_name("command-line.md")

BEGIN = """# The command `tagging-backend`

(`python docs/command_line.py` writes this page from the command's own help.)

    tagging-backend [OPTIONS] COMMAND [ARGS]...

Run it in a backend's folder, or name that with `--project`; with Poetry, as `poetry run
tagging-backend ...`; without either, as `python -m taggingbackends ...`. Results go to standard
output; warnings, errors and progress go to standard error.

`--quiet`, `--verbose` and `--log` also hold for the backend's scripts, in Python and in Julia: for
warnings, and for the messages of `logging` and of `@info`, `@warn` and `@error`. A line in the
log is date, time, process, level (`info`, `warning`, `error`) and text; tracebacks follow their
error. Several processes may append to one log.

"""

END = """## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | an error that you can mend, told in one line; or what a command that checks has found |
| 2 | wrong usage |
| 130, 143 | ended by Ctrl-C, or by SIGTERM; the scripts that ran have ended, too |
| others | a script's own |

## Environment variables

| variable | meaning |
|---|---|
| `NO_COLOR` | no colours, which are for terminals only anyway |
| `TAGGINGBACKENDS_DEBUG` | as `--debug`; the command sets it for the backend's scripts |
| `TAGGINGBACKENDS_VERBOSITY` | `quiet` or `verbose`, as these options; likewise |
| `TAGGINGBACKENDS_LOG` | a file, as for `--log`; likewise |
| `TAGGINGBACKENDS_JULIA` | the Julia to use, rather than `julia` on `PATH` |

## Completion in a shell

Commands, options and the names of models are completed with Tab after

    eval "$(_TAGGING_BACKEND_COMPLETE=bash_source tagging-backend)"

in `~/.bashrc`; for zsh, with `zsh_source`, in `~/.zshrc`; for fish, in
`~/.config/fish/completions/tagging-backend.fish`:

    _TAGGING_BACKEND_COMPLETE=fish_source tagging-backend | source
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


def page() -> str:
    """Return the page."""
    found = contexts(click.Context(cli))
    sections = [
        section(context)
        for context in found
        if context.parent is None or not isinstance(context.command, click.Group)
    ]
    return BEGIN + "\n".join([*sections, END])


def contexts(context: click.Context) -> Iterator[click.Context]:
    """Yield a command and those in it, in the order of its help."""
    context.info_name = context.info_name or "tagging-backend"
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.commands[name]
            yield from contexts(click.Context(command, parent=context, info_name=name))


def section(context: click.Context) -> str:
    """Return the part of the page that is about a command."""
    command = context.command
    lines = []
    if context.parent is not None:
        usage = context.get_usage().removeprefix("Usage: ")
        lines += [f"## `{context.command_path}`", "", f"    {usage}", ""]
    lines += [paragraphs(cleandoc(command.help or "")), ""]
    records = [
        record
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option)
        and (record := parameter.get_help_record(context))
        and (context.parent is None or "--help" not in parameter.opts)
    ]
    if records:
        lines += ["| option | |", "|---|---|"]
        lines += [f"| `{escaped(option)}` | {escaped(text)} |" for option, text in records]
        lines.append("")
    if isinstance(command, click.Group) and context.parent is None:
        lines += ["| command | |", "|---|---|"]
        for other in list(contexts(context))[1:]:
            if not isinstance(other.command, click.Group):
                link = "#" + re.sub(r"[^a-z -]", "", other.command_path).replace(" ", "-")
                name = other.command_path.removeprefix("tagging-backend ")
                lines.append(f"| [{name}]({link}) | {other.command.get_short_help_str(200)} |")
        lines.append("")
    return "\n".join(lines)


def paragraphs(text: str) -> str:
    """Return a help text as Markdown: what is not to be wrapped is code."""
    found = []
    for paragraph in re.split(r"\n{2,}", text.strip()):
        rows = paragraph.split("\n")
        if rows[0] == "\b":
            paragraph = "\n".join(f"    {row}" for row in rows[1:])
            paragraph = paragraph.replace("    Example: ", "For example:\n\n    ")
        found.append(paragraph)
    return "\n\n".join(found)


def escaped(text: str) -> str:
    """Return text as a cell of a table takes it."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
