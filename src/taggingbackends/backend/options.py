"""Convert options between command-line arguments and keyword arguments of scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

__all__ = [
    "TRACKER_OPTIONS",
    "OptionError",
    "Options",
    "format_options",
    "numbers",
    "parse_options",
]

TRACKER_OPTIONS = ("pixelsize", "framerate")
"""Options of `BackendExplorer.load_tracks`: numbers."""

Options: TypeAlias = dict[str, str | bool]
"""Keyword arguments: a string, or True for an option without a value."""


class OptionError(ValueError):
    """An invalid option or value. A script that raises it prints the message; exit code 2."""


def parse_options(arguments: Sequence[str]) -> Options:
    """Convert arguments such as ``--epochs 20 --labels=run,cast --verbose`` to keyword arguments.

    An option takes the next argument as its value, unless that begins with a dash. Use ``=`` for
    a value that begins with a dash. Dashes in names become underscores. If an option is repeated,
    the last value is used.

    Raises
    ------
    OptionError
        An argument is neither an option nor the value of one.
    """
    options: Options = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.removeprefix("--").partition("=")
        keyword = name.replace("-", "_")
        if not (argument.startswith("--") and keyword.isidentifier()):
            raise OptionError(
                f"expected an option such as --epochs 20, found {argument!r}; options begin with "
                "two dashes, and a value that begins with a dash is given with ="
            )
        if equals:
            options[keyword] = value
        elif rest and not rest[0].startswith("-"):
            options[keyword] = rest.pop(0)
        else:
            options[keyword] = True
    return options


def format_options(options: Mapping[str, Any]) -> list[str]:
    """Convert keyword arguments to command-line arguments. `parse_options` is the inverse.

    True becomes an option without a value. False and None are omitted. Other values become text.
    """
    return [
        f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
        for name, value in options.items()
        if value is not None and value is not False
    ]


def numbers(options: Mapping[str, str | bool]) -> dict[str, float]:
    """Convert the values of options to numbers; raise OptionError for another value."""
    found = {}
    for name, text in options.items():
        try:
            found[name] = float(str(text))
        except ValueError:
            option = f"--{name.replace('_', '-')}"
            given = "" if text is True else f" {text}"
            raise OptionError(f"expected a number, found {option}{given}") from None
    return found
