"""Report on label files: a self-contained page for a browser."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.resources import files
from itertools import islice
from typing import Any

from taggingbackends.display.colors import legend_order
from taggingbackends.display.page.filling import filled
from taggingbackends.display.page.tracks import tracks_of
from taggingbackends.display.page.views import views
from taggingbackends.labels import Labels
from taggingbackends.labels.origin import predicting_instance

__all__ = ["report"]


def report(
    labels: Mapping[str, Labels],
    max_gap: float | None = None,
    force: bool = False,
    tracks: bool = False,
) -> str:
    """Return an HTML page about the labels of some files.

    For each run, the page shows the ethogram, the frames and bouts of each label, their shares
    over time, the lengths of bouts, and the transitions. If several files contain the same run,
    each later file is compared with the first. Files that a model predicted come after the others.

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
    tracks : bool
        Also show the larvae: the page carries the spines and, if it stays below 12 MB, the outlines
        of the recordings that the labels depend on. The labels must have been read from files.

    Returns
    -------
    str
        HTML, to be encoded in UTF-8.

    Raises
    ------
    LabelFileError
        ``bad-dependency``: two files have the same run, and depend on different files, and `force`
        is False; with `tracks`, no run names its tracker files, or they are missing or changed;
        ``bad-time``: a time is so large that no double holds it in milliseconds.
    TrackFileError, OSError
        A tracker file cannot be read.
    ValueError
        `max_gap` is not above 0.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> page = report({"my.label": labels})
    >>> page[:15]
    '<!DOCTYPE html>'
    """
    # labels of people are those to compare with
    by_origin = sorted(labels.items(), key=lambda item: predicting_instance(item[1]) is not None)
    labels = dict(by_origin)
    runs = dict.fromkeys(run for of_file in labels.values() for run in of_file)
    drawn = dict.fromkeys(islice(runs, _RUNS))
    left_out = ""
    if len(runs) > _RUNS:
        left_out = f'<p class="note">Only the first {_RUNS} of {len(runs)} runs are shown.</p>\n'
        warnings.warn(f"the report shows only the first {_RUNS} of {len(runs)} runs", stacklevel=2)
    title = ", ".join(islice(runs, _IN_TITLE)) + ", ..." * (len(runs) > _IN_TITLE) or "Labels"
    shown = views(labels, drawn, max_gap, force)
    order = legend_order({name for one in shown for name in one["names"]})
    data: dict[str, Any] = {"views": shown, "order": order}
    if not tracks:
        return filled("report.html", _SCRIPTS, title, data, left_out=left_out, larvae="")
    larvae = files(__name__).joinpath("larvae.html").read_text("utf-8")
    scripts = (*_SCRIPTS[:-1], "tracks", "player", _SCRIPTS[-1])
    without = filled("report.html", scripts, title, data, left_out=left_out, larvae=larvae)
    carried = tracks_of(labels, drawn, _SIZE - len(without), max_gap)
    for view in shown:
        view["tracks"] = carried.places.get((view["file"], view["run"]))
    data["tracks"] = carried.data
    page = filled("report.html", scripts, title, data, left_out=left_out, larvae=larvae)
    if len(page) > _SIZE:
        size = f"{len(page) / 1e6:.0f} MB"
        warnings.warn(f"the report has {size}; report fewer recordings at once", stacklevel=2)
    return page


_SIZE = 12_000_000  # characters of a page with tracks; beyond, less of them is carried
_RUNS = 500  # a browser takes seconds to open a page with more
_IN_TITLE = 3  # runs

_SCRIPTS = (
    "elements",
    "spans",
    "tooltip",
    "ethogram",
    "pointing",
    "datatable",
    "bars",
    "budgets",
    "tables",
    "charts",
    "downloads",
    "page",
)
"""Parts of the page's script, in order. They are joined into one function and share its names."""
