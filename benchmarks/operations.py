"""Operations on labels, 5 % odd, compared with loops over nested dictionaries.

Operations that change labels include making a copy to change. A dictionary only finds equal times,
but `merge` and lookups find the nearest time within 1 ms. To look up many times,
``track.find(times)`` finds all at once.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

from benchmarks.harness import compare, section
from benchmarks.inputs import label_file
from taggingbackends import Labels

Nested = dict[str, dict[int, dict[float, Any]]]


def count(nested: Nested) -> Counter[str]:
    """Count the frames of each label."""
    counts: Counter[str] = Counter()
    for tracks in nested.values():
        for track in tracks.values():
            for state in track.values():
                counts.update([state] if isinstance(state, str) else state or [""])
    return counts


def changed(nested: Nested, change: Any) -> Nested:
    """Return new dictionaries with the changed state of each frame."""
    return {
        run: {
            larva: {time: change(time, state) for time, state in track.items()}
            for larva, track in tracks.items()
        }
        for run, tracks in nested.items()
    }


def crop(nested: Nested, start: float, stop: float) -> Nested:
    """Return the frames between two times."""
    return {
        run: {
            larva: {time: state for time, state in track.items() if start <= time <= stop}
            for larva, track in tracks.items()
        }
        for run, tracks in nested.items()
    }


def merge(nested: Nested, other: Nested) -> Nested:
    """Return both merged; at the same time, the state of the second replaces that of the first."""
    return {
        run: {larva: {**track, **other[run].get(larva, {})} for larva, track in tracks.items()}
        for run, tracks in nested.items()
    }


def tagged(state: Any) -> tuple[str, ...]:
    """Return a state with one more label."""
    return (state, "edited") if isinstance(state, str) else (*state, "edited") if state else ()


def run(folder: Path) -> None:
    """Measure each operation, including the copy that it needs, if any."""
    labels = Labels.read(label_file(folder / "odd.label", odd=0.05))
    (run_id,) = labels
    nested = labels.to_dict()
    part, nested_part = labels.crop(20, 60), crop(nested, 20, 60)

    def copied(work: Any) -> Any:
        def do() -> Labels:
            copy = labels.crop(-1e9, 1e9)  # crop to everything gives a copy to change
            work(copy)
            return copy

        return do

    track = labels[run_id][1]
    times = track.times[::7].tolist()
    section("", "loops")
    compare("count", lambda: count(nested), labels.count, goal=0.02)
    compare("crop", lambda: crop(nested, 20, 60), lambda: labels.crop(20, 60), goal=0.15)
    compare(
        "fill",
        lambda: changed(nested, lambda _, s: s or "stop"),
        copied(lambda x: x.fill("stop")),
        5,
        goal=0.2,
    )
    compare(
        "tag",
        lambda: changed(nested, lambda _, s: tagged(s)),
        copied(lambda x: x.tag("edited")),
        5,
        goal=0.1,
    )
    section("", "update of dictionaries")
    compare(
        "merge", lambda: merge(nested, nested_part), copied(lambda x: x.merge(part)), 5, goal=3.0
    )
    section("", "deepcopy")
    compare("to_dict", lambda: deepcopy(nested), labels.to_dict, 3, goal=0.4)
    section("", "a dictionary")
    compare(
        f"{len(times)} lookups",
        lambda: [nested[run_id][1][time] for time in times],
        lambda: [track[time] for time in times],
        goal=20.0,
    )
