"""Recordings of tracked larvae: tracker files in, arrays out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taggingbackends.data.bodyframe import body_length, egocentric
    from taggingbackends.data.formats import FORMATS, Format, find_recordings, is_label_file
    from taggingbackends.data.resampling import even_times, resample, resample_states
    from taggingbackends.data.tracks import Recording, Track, load_tracks

__all__ = [
    "FORMATS",
    "Format",
    "Recording",
    "Track",
    "body_length",
    "egocentric",
    "even_times",
    "find_recordings",
    "is_label_file",
    "load_tracks",
    "resample",
    "resample_states",
]

_MODULES = {
    "bodyframe": ("body_length", "egocentric"),
    "formats": ("FORMATS", "Format", "find_recordings", "is_label_file"),
    "resampling": ("even_times", "resample", "resample_states"),
    "tracks": ("Recording", "Track", "load_tracks"),
}
"""No module has the name of something in it: imported, it would hide that."""


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"taggingbackends.data.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
