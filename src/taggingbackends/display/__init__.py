"""Display labels: as text in a terminal, as pictures, and as a page in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taggingbackends.system.lazy import lazy_names

if TYPE_CHECKING:
    from taggingbackends.display.page import report
    from taggingbackends.display.picture import plot_ethogram
    from taggingbackends.display.terminal import ethogram

__all__ = ["ethogram", "plot_ethogram", "report"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "taggingbackends.display.page": ("report",),
        "taggingbackends.display.picture": ("plot_ethogram",),
        "taggingbackends.display.terminal": ("ethogram",),
    },
)
