"""Convert options between command-line arguments and keyword arguments of scripts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import Any, TypeAlias

__all__ = [
    "OptionError",
    "Options",
    "as_list",
    "format_options",
    "parse_options",
    "spelled",
]

Options: TypeAlias = dict[str, str | bool | list[str | bool]]
"""Option -> its text, or True if it has no value; a list of these for a repeated option."""


class OptionError(ValueError):
    """An invalid option or value. A script that raises it prints the message; exit code 2.

    Examples
    --------
    >>> def predict_model(backend, threshold: float = 0.5):
    ...     if not 0 <= threshold <= 1:
    ...         raise OptionError(f"expected a threshold from 0 to 1, found {threshold}")
    """


def parse_options(arguments: Sequence[str]) -> Options:
    """Split arguments such as ``--epochs 20 --labels=run,cast --verbose`` into options.

    An option takes the next argument as its value, unless that begins with a dash. Use ``=`` for
    a value that begins with a dash. Dashes in names become underscores. The options are in the
    order of their last values.

    Raises
    ------
    OptionError
        An argument is neither an option nor the value of one.
    """
    options: Options = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, text = argument.removeprefix("--").partition("=")
        keyword = name.replace("-", "_")
        if not (argument.startswith("--") and keyword.isidentifier()):
            raise OptionError(
                f"expected an option such as --epochs 20, found {argument!r}; options begin with "
                "two dashes, and a value that begins with a dash is given with ="
            )
        value: str | bool = True
        if equals:
            value = text
        elif rest and not rest[0].startswith("-"):
            value = rest.pop(0)
        before = options.pop(keyword, None)
        options[keyword] = value if before is None else [*as_list(before), value]
    return options


def format_options(options: Mapping[str, Any], flags: Collection[str] = ()) -> list[str]:
    """Convert keyword arguments to command-line arguments.

    Parameters
    ----------
    options : mapping
        True becomes an option without a value. A list becomes a repeated option. A member of an
        Enum becomes its name. None is omitted. Other values become text.
    flags : collection of str
        The options of type bool, for which False becomes ``--no-<option>``. For others, False is
        omitted.
    """
    arguments = []
    for name, value in options.items():
        option = spelled(name)
        if value is False and name in flags:
            arguments.append(spelled(f"no_{name}"))
        elif isinstance(value, list | tuple | set | frozenset):
            values = [str(_text(one)) if one is not True else one for one in value]
            if len(values) < 2:  # the value of a single option would be split at commas
                values.insert(0, "")  # an empty value counts as none
            arguments += [option if one is True else f"{option}={one}" for one in values]
        elif value is not None and value is not False:
            arguments.append(option if value is True else f"{option}={_text(value)}")
    return arguments


def _text(value: Any) -> Any:
    return value.name if isinstance(value, Enum) else value


def as_list(given: str | bool | list[str | bool]) -> list[str | bool]:
    """Return all values of an option."""
    return given if isinstance(given, list) else [given]


def spelled(name: str) -> str:
    """Return a keyword as it is on a command line: ``--batch-size``."""
    return f"--{name.replace('_', '-')}"
