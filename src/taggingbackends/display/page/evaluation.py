"""Report on an evaluation: a self-contained page for a browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taggingbackends.display.evaluation import confusion_of, how, names_of
from taggingbackends.display.page.filling import filled

__all__ = ["evaluation_page"]

_SCRIPTS = ("elements", "bars", "tables", "scores")
_CLASSES = 60  # rows and columns of the confusion matrix


def evaluation_page(result: Mapping[str, Any]) -> str:
    """Return an HTML page with the figures of an evaluation. It needs no network.

    Parameters
    ----------
    result : mapping
        As `taggingbackends.many.evaluation.summary` returns it.

    Returns
    -------
    str
        HTML, to be encoded in UTF-8.
    """
    name = result["backend"].get("name", "Backend")
    names, matrix = confusion_of(result).condensed(_CLASSES)
    short = names_of(result)
    rows = [{**one, "name": short[one["recording"]]} for one in result["recordings"]]
    data = {**result, "names": names, "matrix": matrix.tolist(), "recordings": rows}
    data["how"] = how(result)
    return filled("evaluation.html", _SCRIPTS, f"{name}: evaluation", data)
