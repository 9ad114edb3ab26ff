"""Display labels: as text in a terminal, as pictures, and as a page in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taggingbackends.system.lazy import lazy_names

if TYPE_CHECKING:
    from taggingbackends.display.figures import (
        plot_budgets,
        plot_over_time,
        plot_responses,
        plot_transitions,
    )
    from taggingbackends.display.page import report
    from taggingbackends.display.picture import plot_ethogram
    from taggingbackends.display.results import write_statistics
    from taggingbackends.display.terminal import ethogram

__all__ = [
    "ethogram",
    "plot_budgets",
    "plot_ethogram",
    "plot_over_time",
    "plot_responses",
    "plot_transitions",
    "report",
    "write_statistics",
]

if not TYPE_CHECKING:  # checkers would accept any name
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "taggingbackends.display.figures": (
                "plot_budgets",
                "plot_over_time",
                "plot_responses",
                "plot_transitions",
            ),
            "taggingbackends.display.page": ("report",),
            "taggingbackends.display.picture": ("plot_ethogram",),
            "taggingbackends.display.results": ("write_statistics",),
            "taggingbackends.display.terminal": ("ethogram",),
        },
    )
