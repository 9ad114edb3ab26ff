"""Recordings of tracked larvae: tracker files in, arrays out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taggingbackends.data.tracks import Recording, Track, load_tracks
    from taggingbackends.labels import Labels
