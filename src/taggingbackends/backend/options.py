"""Options on their way from the command line to a script's function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["TAKEN", "OptionError", "Options", "format_options", "parse_options"]

TAKEN = "TAGGINGBACKENDS_TAKEN"
"""Environment variable of scripts: a file to add the names of the options to that were taken."""

Options: TypeAlias = dict[str, str | bool]
"""Keyword arguments: a text, or True for an option without a value."""


class OptionError(ValueError):
    """An invalid option or value. A script that raises it ends with exit code 2 and the message."""


def parse_options(arguments: Sequence[str]) -> Options:
    """Turn ``--epochs 20 --labels=run,cast --verbose`` into keyword arguments.

    An option takes the next argument as its value unless that begins with a dash; a value that
    does is given with ``=``. Dashes in names become underscores; the last of repeats counts.

    Raises
    ------
    OptionError
        An argument that is neither an option nor the value of one.
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
    """Turn keyword arguments into arguments that `parse_options` turns into the same.

    True becomes an option without a value; False and None are left out; other values become text.
    """
    return [
        f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
        for name, value in options.items()
        if value is not None and value is not False
    ]
