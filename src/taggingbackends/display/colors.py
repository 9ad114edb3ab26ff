"""Colours of labels."""

from __future__ import annotations

import re

from taggingbackends.labels.runlabels import RunLabels

__all__ = ["PALETTE", "label_colors"]

PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999")
"""Okabe and Ito's colours, which colour-blind people can distinguish."""

_NAMED = {
    "black": "#000000",
    "blue": "#0000ff",
    "brown": "#a52a2a",
    "cyan": "#00ffff",
    "gray": "#808080",
    "green": "#008000",
    "grey": "#808080",
    "magenta": "#ff00ff",
    "orange": "#ffa500",
    "pink": "#ffc0cb",
    "purple": "#800080",
    "red": "#ff0000",
    "white": "#ffffff",
    "yellow": "#ffff00",
}


def label_colors(run: RunLabels) -> dict[str, str]:
    """Return the colour of each primary and secondary name of a run, in this order.

    Returns
    -------
    dict of str to str
        Colours as ``"#rrggbb"``. A name without a colour in the run, or with an unknown one, gets
        the colour of `PALETTE` at its position.
    """
    names = run.names + run.secondary_names
    own = dict(zip(run.names, run.colors or (), strict=False))
    return {
        name: _hexadecimal(own.get(name, "")) or PALETTE[place % len(PALETTE)]
        for place, name in enumerate(names)
    }


def _hexadecimal(color: str) -> str | None:
    color = _NAMED.get(color.lower(), color)
    if not re.fullmatch(r"#([0-9a-fA-F]{3}){1,2}", color):
        return None
    return color if len(color) == 7 else "#" + "".join(2 * digit for digit in color[1:])
