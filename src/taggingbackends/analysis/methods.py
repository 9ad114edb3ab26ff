"""The paragraph that describes statistics of groups in a paper."""

from __future__ import annotations

from taggingbackends.analysis.design import Design
from taggingbackends.system.words import counted

__all__ = ["methods"]


def methods(design: Design) -> str:
    """Return the paragraph about some statistics."""
    larvae = counted(design.larvae, "larva", "larvae")
    return f"{larvae} of {counted(design.recordings, 'recording')} were compared."
