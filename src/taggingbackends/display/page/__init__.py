"""Report on label files: a self-contained page for a browser."""

from __future__ import annotations

import html
import json
import warnings
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from itertools import islice
from typing import Any

from taggingbackends.display.page.views import views
from taggingbackends.labels import Labels
from taggingbackends.system.version import own_version

__all__ = ["report"]


def report(labels: Mapping[str, Labels], max_gap: float | None = None, force: bool = False) -> str:
    """Return an HTML page about the labels of some files.

    For each run, the page shows the ethogram, the frames and bouts of each label, their shares
    over time, the lengths of bouts, and the transitions. If several files contain the same run,
    each later file is compared with the first.

    Only the first 500 runs are shown; the page and a warning say so. Of more than 60 labels of a
    run, the most frequent ones are shown; the last one stands for all others.

    The page is self-contained. Its Content-Security-Policy blocks all requests.

    Parameters
    ----------
    labels : mapping of str to Labels
        Labels by the name of their file.
    max_gap : float, optional
        Longest gap within a bout, in s. Default: the longer of 1 s and 5 median frame intervals of
        the run's tracks.
    force : bool
        Also compare labels whose dependencies are the files of different recordings.

    Returns
    -------
    str
        HTML, to be encoded in UTF-8.

    Raises
    ------
    LabelFileError
        ``bad-dependency``: two files have the same run, and depend on different files, and `force`
        is False;
        ``bad-time``: a time is so large that no double holds it in milliseconds.
    ValueError
        `max_gap` is not above 0.
    """
    runs = dict.fromkeys(run for of_file in labels.values() for run in of_file)
    drawn = dict.fromkeys(islice(runs, _RUNS))
    left_out = ""
    if len(runs) > _RUNS:
        left_out = f'<p class="note">Only the first {_RUNS} of {len(runs)} runs are shown.</p>\n'
        warnings.warn(f"the report shows only the first {_RUNS} of {len(runs)} runs", stacklevel=2)
    folder = files(__name__)
    style = folder.joinpath("page.css").read_text("utf-8")
    script = "".join(folder.joinpath("js", f"{name}.js").read_text("utf-8") for name in _SCRIPTS)
    script = f'"use strict";\n(() => {{\n{script}}})();\n'
    title = ", ".join(islice(runs, _IN_TITLE)) + ", ..." * (len(runs) > _IN_TITLE) or "Labels"
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    slots = {
        "policy": policy,
        "generator": f"taggingbackends {own_version()}",
        "title": html.escape(title),
        "style": style,
        "script": script,
        "left_out": left_out,
        "data": _data({"version": own_version(), "views": views(labels, drawn, max_gap, force)}),
    }
    page, *rest = folder.joinpath("page.html").read_text("utf-8").split("{{")
    for piece in rest:  # in one pass: inserted text is not searched for slots
        name, _, text = piece.partition("}}")
        page += slots[name] + text
    return page


_RUNS = 500  # a browser takes seconds to open a page with more
_IN_TITLE = 3  # runs

_SCRIPTS = (
    "elements",
    "spans",
    "tooltip",
    "ethogram",
    "pointing",
    "tables",
    "charts",
    "page",
)
"""Parts of the page's script, in order. They are joined into one function and share its names."""


def _digest(text: str) -> str:
    """Return the source of a Content-Security-Policy that allows exactly this text."""
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def _data(value: Any) -> str:
    """Return JSON that is safe within an HTML element, whatever its strings contain."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
