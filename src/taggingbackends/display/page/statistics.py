"""Report on a comparison of groups: a self-contained page for a browser."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING

from taggingbackends.display.page.filling import filled
from taggingbackends.display.statistics import facts_of, records

if TYPE_CHECKING:
    from taggingbackends.analysis.groups.statistics import Statistics

__all__ = ["statistics_page"]

_SCRIPTS = ("elements", "tables", "statistics")

_FIGURES = {
    "over_time": ("Over time", "Probability of each label by group, with 95 % intervals."),
    "responses": ("Responses", "Proportion of larvae that respond in the window, by group."),
    "budgets": ("Budgets", "Share of the tracked time of each larva, by label and group."),
    "transitions": ("Transitions", "Probability of each label after another, by group."),
}
"""Title and description of each figure."""


def statistics_page(statistics: Statistics, figures: Mapping[str, bytes]) -> str:
    """Return an HTML page about a comparison of groups. It needs no network.

    Parameters
    ----------
    statistics : Statistics
        Result of `taggingbackends.analysis.statistics`.
    figures : mapping of str to bytes
        The content of an SVG file for each of the figures ``over_time``, ``responses``,
        ``budgets`` and ``transitions`` that is to be shown.

    Returns
    -------
    str
        HTML, to be encoded in UTF-8.
    """
    title = "Comparison of groups" if len(statistics.groups) > 1 else "Statistics"
    data = {
        "title": title,
        "facts": facts_of(statistics.design),
        "groups": records(statistics.groups),
        "figures": [
            {
                "title": _FIGURES[name][0],
                "note": _FIGURES[name][1],
                "source": f"data:image/svg+xml;base64,{b64encode(content).decode()}",
            }
            for name, content in figures.items()
        ],
        "responses": records(statistics.responses),
        "comparisons": records(statistics.comparisons),
        "methods": statistics.methods(),
    }
    return filled("statistics.html", _SCRIPTS, title, data)
