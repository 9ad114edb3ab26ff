"""Numbers from options of the scripts, which are text."""

from __future__ import annotations

from taggingbackends.main import OptionError


def numbers(**options: str | None) -> dict[str, float]:
    """Convert options to numbers, except those that are None.

    Raises
    ------
    OptionError
        An option is not a number.
    """
    found = {}
    for name, text in options.items():
        if text is not None:
            try:
                found[name] = float(str(text))
            except ValueError:
                raise OptionError(f"expected a number, found --{name} {text}") from None
    return found
