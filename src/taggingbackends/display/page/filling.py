"""Self-contained HTML pages: a frame and a body, filled with the style, scripts and data."""

from __future__ import annotations

import html
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Any

from taggingbackends.system.version import __version__

__all__ = ["filled"]


def filled(
    body: str, scripts: Iterable[str], title: str, data: Mapping[str, Any], **slots: str
) -> str:
    """Return a page. Its Content-Security-Policy blocks all requests.

    Parameters
    ----------
    body : str
        Name of the file with the body of the page. It may have slots such as ``{{left_out}}``.
    scripts : iterable of str
        Names of the parts of the page's script in ``js``, in order. They are joined into one
        function and share its names.
    title : str
        The title, as text.
    data : mapping
        What the script finds in ``data``, besides ``version``.
    **slots : str
        HTML for the slots of the body.
    """
    folder = files("taggingbackends.display.page")
    style = folder.joinpath("page.css").read_text("utf-8")
    script = "".join(folder.joinpath("js", f"{name}.js").read_text("utf-8") for name in scripts)
    script = f'"use strict";\n(() => {{\n{script}}})();\n'
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    slots |= {
        "policy": policy,
        "generator": f"taggingbackends {__version__}",
        "title": html.escape(title),
        "style": style,
        "script": script,
        "data": _json({"version": __version__, **data}),
    }
    frame, own = (folder.joinpath(name).read_text("utf-8") for name in ("frame.html", body))
    page, *rest = frame.replace("{{body}}", own).split("{{")
    for piece in rest:  # in one pass: inserted text is not searched for slots
        name, _, text = piece.partition("}}")
        page += slots[name] + text
    return page


def _digest(text: str) -> str:
    """Return the source of a Content-Security-Policy that allows exactly this text."""
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def _json(value: Any) -> str:
    """Return JSON that is safe within an HTML element, whatever its strings contain."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
