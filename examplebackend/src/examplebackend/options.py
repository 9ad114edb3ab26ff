"""Options of the scripts, which come as text."""

from __future__ import annotations

from taggingbackends.main import OptionError


def numbers(**options: str | None) -> dict[str, float]:
    """Return as numbers the options that are given.

    Raises
    ------
    OptionError
        One that is no number.
    """
    found = {}
    for name, text in options.items():
        if text is not None:
            try:
                found[name] = float(str(text))
            except ValueError:
                raise OptionError(f"expected a number, found --{name} {text}") from None
    return found
