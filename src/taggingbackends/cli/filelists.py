"""The argument FILES, and lists of more files: ``--files-from LIST``."""

from __future__ import annotations

import codecs
import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import click

from taggingbackends.errors import BackendError

__all__ = ["takes_files"]

Command = Callable[..., Any]

_PATH = click.Path(readable=False, path_type=Path)
_LIST = click.Path(readable=False, allow_dash=True, path_type=Path)
_STDIN = Path("-")


def takes_files(name: str = "files", required: bool = True) -> Callable[[Command], Command]:
    """Return a decorator that adds the argument FILES and the option ``--files-from``.

    Parameters
    ----------
    name : str
        The command's parameter. It receives a tuple of paths: FILES, then those of the lists.
    required : bool
        Refuse a call that names no file.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_lists(*args: Any, files_from: tuple[Path, ...], **options: Any) -> Any:
            options[name] += tuple(file for one in files_from for file in listed_files(one))
            if required and not options[name]:
                problem = f"name {name.upper()}, or a list of them with --files-from"
                raise click.UsageError(problem, click.get_current_context())
            return command(*args, **options)

        argument = click.argument(name, nargs=-1, type=_PATH)
        option = click.option(
            "--files-from",
            metavar="LIST",
            multiple=True,
            type=_LIST,
            help="Also take the paths in the file LIST, one per line; - is standard input.",
        )
        return argument(option(with_lists))

    return decorate


def listed_files(source: Path) -> list[Path]:
    """Return the paths in a list, relative to the current folder as they are.

    The list has one path per line: LF or CRLF, with or without a byte order mark; in UTF-16 with
    one. If it contains a NUL byte, each path ends with NUL, as those of ``find -print0``. Lines
    without a path are skipped. Names are bytes, in any encoding.

    Raises
    ------
    BackendError
        ``no-input``: the list is empty, or there is nothing at one of the paths.
    OSError
        The list cannot be read, or it is a folder or a device.
    """
    name = "standard input" if source == _STDIN else str(source)
    entries = list(_entries(_content(source)))
    if not entries:
        raise BackendError("no-input", f"{name}: expected a list of paths, found none")
    missing = []
    for place, path in entries:
        try:
            os.lstat(path)  # what broken links mean is up to the command
        except OSError as error:
            missing.append(f"{name}, {place}: {os.fsdecode(path)!r}: {error.strerror}")
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise BackendError("no-input", missing[0] + more)
    return [Path(os.fsdecode(path)) for _, path in entries]


def _content(source: Path) -> bytes:
    if source == _STDIN:
        return sys.stdin.buffer.read()
    with source.open("rb") as file:  # may be a pipe: --files-from <(find ...)
        mode = os.fstat(file.fileno()).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise OSError(errno.EINVAL, "expected a file or a pipe, found a device", str(source))
        return file.read()


def _entries(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the place and the path of each entry of a list."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # as PowerShell writes it
        content = content.decode("utf-16", "replace").encode()
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"\0" in content:
        yield from ((f"path {i}", path) for i, path in enumerate(content.split(b"\0"), 1) if path)
        return
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            yield f"line {number}", line.removesuffix(b"\r")
