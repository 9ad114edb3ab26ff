"""Analysis of labels: comparisons, statistics of groups, shares over time, bouts, protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taggingbackends.system.lazy import lazy_names

if TYPE_CHECKING:
    from taggingbackends.analysis.comparison import Comparison, compare, compare_files
    from taggingbackends.analysis.groups.design import Design
    from taggingbackends.analysis.groups.statistics import Statistics, statistics
    from taggingbackends.analysis.protocol import parse_protocol, stimulus_windows
    from taggingbackends.analysis.reviewing import Review, UnsureBout, review
    from taggingbackends.analysis.summaries import bout_lengths, shares_over_time, transitions

__all__ = [
    "Comparison",
    "Design",
    "Review",
    "Statistics",
    "UnsureBout",
    "bout_lengths",
    "compare",
    "compare_files",
    "parse_protocol",
    "review",
    "shares_over_time",
    "statistics",
    "stimulus_windows",
    "transitions",
]

if not TYPE_CHECKING:  # checkers would accept any name
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "taggingbackends.analysis.comparison": ("Comparison", "compare", "compare_files"),
            "taggingbackends.analysis.groups.design": ("Design",),
            "taggingbackends.analysis.protocol": ("parse_protocol", "stimulus_windows"),
            "taggingbackends.analysis.reviewing": ("Review", "UnsureBout", "review"),
            "taggingbackends.analysis.groups.statistics": ("Statistics", "statistics"),
            "taggingbackends.analysis.summaries": (
                "bout_lengths",
                "shares_over_time",
                "transitions",
            ),
        },
    )
