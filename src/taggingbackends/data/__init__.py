"""Read tracker files into arrays, and cut training sets from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taggingbackends.system.lazy import lazy_names

if TYPE_CHECKING:
    from taggingbackends.data.agreement import find_mismatches
    from taggingbackends.data.bodyframe import body_length, egocentric
    from taggingbackends.data.formats import FORMATS, Format, find_recordings, is_label_file
    from taggingbackends.data.loading import load_runs, load_tracks, runs_in
    from taggingbackends.data.resampling import even_times, resample, resample_states
    from taggingbackends.data.tracks import Recording, Track
    from taggingbackends.data.trxexport import TrxExport, export_trx
    from taggingbackends.windows.plan import DatasetPlan, plan_dataset
    from taggingbackends.windows.shape import WindowShape, predict_frames
    from taggingbackends.windows.windowfile import Dataset, Windows

__all__ = [
    "FORMATS",
    "Dataset",
    "DatasetPlan",
    "Format",
    "Recording",
    "Track",
    "TrxExport",
    "WindowShape",
    "Windows",
    "body_length",
    "egocentric",
    "even_times",
    "export_trx",
    "find_mismatches",
    "find_recordings",
    "is_label_file",
    "load_runs",
    "load_tracks",
    "plan_dataset",
    "predict_frames",
    "resample",
    "resample_states",
    "runs_in",
]

if not TYPE_CHECKING:  # checkers would accept any name
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "taggingbackends.data.agreement": ("find_mismatches",),
            "taggingbackends.data.bodyframe": ("body_length", "egocentric"),
            "taggingbackends.data.formats": (
                "FORMATS",
                "Format",
                "find_recordings",
                "is_label_file",
            ),
            "taggingbackends.data.loading": ("load_runs", "load_tracks", "runs_in"),
            "taggingbackends.data.resampling": ("even_times", "resample", "resample_states"),
            "taggingbackends.data.tracks": ("Recording", "Track"),
            "taggingbackends.data.trxexport": ("TrxExport", "export_trx"),
            "taggingbackends.windows.plan": ("DatasetPlan", "plan_dataset"),
            "taggingbackends.windows.shape": ("WindowShape", "predict_frames"),
            "taggingbackends.windows.windowfile": ("Dataset", "Windows"),
        },
    )
