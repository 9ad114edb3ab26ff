"""Colours of labels, and the order of legends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from zlib import crc32

from taggingbackends.labels.runlabels import RunLabels

__all__ = ["OTHERS", "USUAL", "colors_of", "declared_colors", "label_colors", "legend_order"]

USUAL = {
    "run": "#E69F00",
    "cast": "#56B4E9",
    "stop": "#009E73",
    "hunch": "#F0E442",
    "back": "#0072B2",
    "roll": "#D55E00",
    "small_motion": "#CC79A7",
}
"""Colours of the usual labels, in the order of legends: those of Okabe and Ito."""

OTHERS = (
    "#882255",
    "#44AA99",
    "#999933",
    "#CC6677",
    "#332288",
    "#AA4499",
    "#117733",
    "#DDCC77",
    "#661100",
    "#999999",
)
"""Colours of other labels, most of them Paul Tol's. Colour-blind people can distinguish them."""

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


def legend_order(names: Iterable[str]) -> list[str]:
    """Return names as legends list them: the usual labels first, the others by alphabet."""
    place = {name: at for at, name in enumerate(USUAL)}
    return sorted(names, key=lambda name: (place.get(name, len(place)), name))


def colors_of(names: Iterable[str], declared: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a colour for each of some labels.

    Parameters
    ----------
    names : iterable of str
        Labels.
    declared : mapping of str to str, optional
        Colours that files declare, as `declared_colors` returns them.

    Returns
    -------
    dict of str to str
        Colours as ``"#rrggbb"``, in the order of `names`. A label without a declared colour has
        that of `USUAL`, or else one of `OTHERS` that its name selects. If another of these labels
        has this colour, it is the next one that is unused. The order of names does not matter.
    """
    names, declared = list(dict.fromkeys(names)), declared or {}
    chosen = {name: declared[name] for name in names if name in declared}
    taken = {color.lower() for color in chosen.values()}
    for name in legend_order(name for name in names if name not in chosen):
        first = crc32(name.encode("utf-8", "surrogatepass")) % len(OTHERS)
        colors = [*OTHERS[first:], *OTHERS[:first]]
        if name in USUAL:
            colors.insert(0, USUAL[name])
        unused = (color for color in chain(colors, USUAL.values()) if color.lower() not in taken)
        chosen[name] = next(unused, colors[0])
        taken.add(chosen[name].lower())
    return {name: chosen[name] for name in names}


def declared_colors(runs: Iterable[RunLabels]) -> dict[str, str]:
    """Return the colour of each label as ``"#rrggbb"``, where a run has one; the first run decides.

    Colours in another form, such as ``"tan"``, are left out.
    """
    found: dict[str, str] = {}
    for run in runs:
        for name, color in zip(run.names, run.colors or (), strict=False):
            known = _hexadecimal(color)
            if known is not None:
                found.setdefault(name, known)
    return found


def label_colors(run: RunLabels) -> dict[str, str]:
    """Return the colour of each primary and secondary name of a run, in this order.

    See `colors_of`. All displays of a run use these colours.
    """
    return colors_of(run.names + run.secondary_names, declared_colors([run]))


def _hexadecimal(color: str) -> str | None:
    color = _NAMED.get(color.lower(), color)
    if not re.fullmatch(r"#([0-9a-fA-F]{3}){1,2}", color):
        return None
    return color if len(color) == 7 else "#" + "".join(2 * digit for digit in color[1:])
