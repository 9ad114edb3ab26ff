"""Figures of matplotlib as files."""

from __future__ import annotations

import io
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from taggingbackends.errors import TaggingBackendsError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SUFFIXES", "saved", "suffix_of"]

SUFFIXES = (".png", ".svg", ".pdf")


def suffix_of(path: str | PathLike[str]) -> str:
    """Return the suffix of a picture's name; raise TaggingBackendsError if it is another one."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        problem = f"{path}: expected a name that ends in {', '.join(SUFFIXES)}"
        raise TaggingBackendsError(problem)
    return suffix


def saved(figure: Figure, suffix: str, dpi: int) -> bytes:
    """Return the content of a file with a figure, without the date: equal figures, equal bytes.

    Parameters
    ----------
    suffix : str
        One of `SUFFIXES`.
    """
    about = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}[suffix]
    content = io.BytesIO()
    figure.savefig(content, format=suffix[1:], dpi=dpi, metadata=about)
    return content.getvalue()
