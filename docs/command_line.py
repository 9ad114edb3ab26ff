"""Write docs/command-line.md from the help texts of the command.

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

BEGIN = """\
<!-- `python docs/command_line.py` generates this page from the help texts of the command. -->

# The command `tagging-backend`

    tagging-backend [OPTIONS] COMMAND [ARGS]...

Run the command in a backend's folder, or pass the folder with `--project`. With Poetry, use
`poetry run tagging-backend ...`. If the command is not on `PATH`, use
`python -m taggingbackends ...`.

Results go to standard output. Warnings, errors and progress go to standard error.

`--quiet`, `--verbose` and `--log` also apply to the backend's scripts in Python and Julia. They
affect warnings and the messages of `logging`, `@info`, `@warn` and `@error`.

The log contains messages of all levels. New messages are appended, and several processes may use
the same log. A line has the date, time, process ID, level (`info`, `warning`, `error`) and text.
The traceback of an error follows its line.

"""

END = """## Lists of files

Commands that take FILES also take lists of them, in addition or instead:

    find lab -name '*.spine' -print0 | tagging-backend predict --files-from - --model-instance NAME

- A list has one path per line. Relative paths are relative to the current folder.
- Lines without a path are skipped. Lines may end with CRLF, and a byte order mark is skipped.
- If the list contains a NUL byte, each path ends with NUL. Only such a list can have names with
  line breaks.
- `--files-from` may be repeated. `-` is standard input, and LIST may be a pipe.
- A list without a path is refused. So is a path at which there is nothing: the error names the list
  and the line.

## Exit codes

| code | meaning |
|---|---|
| 0 | success |
| 1 | an error, described in one line; or problems found by a command that checks files |
| 2 | wrong usage; for `labels diff`, also files that cannot be compared |
| 129, 130, 143 | ended by SIGHUP, Ctrl-C (130) or SIGTERM (143); running scripts have ended, too |
| 141 | the reader of standard output is gone, as after `\\| head` |
| others | the exit code of a script that failed |

## Environment variables

| variable | meaning |
|---|---|
| `NO_COLOR` | use no colours; they appear only on terminals |
| `TAGGINGBACKENDS_DEBUG` | same as `--debug` |
| `TAGGINGBACKENDS_VERBOSITY` | `quiet` or `verbose`, same as these options |
| `TAGGINGBACKENDS_LOG` | a file, same as `--log` |
| `TAGGINGBACKENDS_DATA` | a folder, same as `--data` |
| `TAGGINGBACKENDS_JULIA` | the Julia to use instead of `julia` on `PATH` |

The options `--data`, `--debug`, `--quiet`, `--verbose` and `--log` set these variables for the
backend's scripts.

## After a kill

A command that is killed, or that a power failure ends, may leave files. They do no harm.

| command | what it leaves | removed by |
|---|---|---|
| `predict` | a sandbox | the next `predict FILES` with the model, `reset --sandboxes` |
| `train`, `finetune` | hidden files in models/ | the same command, `reset --model` |
| `train FILES` without a name | its input | the next such command |
| `push` | some of the files | the next push, which completes or removes them |
| any | a file `.taggingbackends-*.tmp` | the next one that writes there |

A warning says what was removed, except for hidden files in models/. `check` lists all of these
except what a push has left and temporary files.

## Shell completion

Tab completes commands, options, files, and the names of models, sandboxes and formats. For bash,
add this line to `~/.bashrc`:

    eval "$(_TAGGING_BACKEND_COMPLETE=bash_source tagging-backend)"

For zsh, add it to `~/.zshrc` with `zsh_source`. For fish, add this line to
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
    """Yield the contexts of a command and its subcommands, in the order of its help."""
    context.info_name = context.info_name or "tagging-backend"
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.commands[name]
            yield from contexts(click.Context(command, parent=context, info_name=name))


def section(context: click.Context) -> str:
    """Return the section of the page about a command."""
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
    """Return a help text as Markdown. Paragraphs marked as not wrapped become code blocks."""
    found = []
    for paragraph in re.split(r"\n{2,}", text.strip()):
        rows = paragraph.split("\n")
        if rows[0] == "\b":
            paragraph = "\n".join(f"    {row}" for row in rows[1:])
            paragraph = paragraph.replace("    Example: ", "For example:\n\n    ")
        found.append(paragraph)
    return "\n\n".join(found)


def escaped(text: str) -> str:
    """Return text escaped for a table cell."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
