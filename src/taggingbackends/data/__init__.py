"""Recordings of tracked larvae: tracker files in, arrays out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taggingbackends.data.bodyframe import body_length, egocentric
    from taggingbackends.data.dataset import DatasetPlan, plan_dataset
    from taggingbackends.data.datasetfile import Dataset, Windows
    from taggingbackends.data.formats import FORMATS, Format, find_recordings, is_label_file
    from taggingbackends.data.resampling import even_times, resample, resample_states
    from taggingbackends.data.tracks import Recording, Track, load_tracks
    from taggingbackends.data.windows import WindowShape, predict_frames

__all__ = [
    "FORMATS",
    "Dataset",
    "DatasetPlan",
    "Format",
    "Recording",
    "Track",
    "WindowShape",
    "Windows",
    "body_length",
    "egocentric",
    "even_times",
    "find_recordings",
    "is_label_file",
    "load_tracks",
    "plan_dataset",
    "predict_frames",
    "resample",
    "resample_states",
]

_MODULES = {
    "bodyframe": ("body_length", "egocentric"),
    "dataset": ("DatasetPlan", "plan_dataset"),
    "datasetfile": ("Dataset", "Windows"),
    "formats": ("FORMATS", "Format", "find_recordings", "is_label_file"),
    "resampling": ("even_times", "resample", "resample_states"),
    "tracks": ("Recording", "Track", "load_tracks"),
    "windows": ("WindowShape", "predict_frames"),
}
"""No module has the name of something in it: imported, it would hide that."""


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"taggingbackends.data.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
