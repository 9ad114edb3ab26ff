"""Recordings of tracked larvae: tracker files in, arrays out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taggingbackends.data.formats import FORMATS, Format, find_recordings, is_label_file
    from taggingbackends.data.tracks import Recording, Track, load_tracks

__all__ = [
    "FORMATS",
    "Format",
    "Recording",
    "Track",
    "find_recordings",
    "is_label_file",
    "load_tracks",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module

        module = "tracks" if name in ("Recording", "Track", "load_tracks") else "formats"
        return getattr(import_module(f"taggingbackends.data.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
