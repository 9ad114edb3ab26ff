"""Tables of labels, 5 % odd, compared with DataFrames made of lists, and with pandas' writers.

Tables are written one recording at a time, and the recordings are read twice, since all labels must
be known before the first row of frames. The baseline `groupby` finds no gaps.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.harness import compare, megabytes, peak_memory, record, section
from benchmarks.inputs import NAMES, label_file
from taggingbackends import Labels
from taggingbackends.labels.facts import FACTS
from taggingbackends.labels.tablefiles import table_chunks


def listed(labels: Labels) -> pd.DataFrame:
    """Return the times and states as a simple script would, from a list of rows."""
    rows = [
        (run, larva, time, state)
        for run, larvae in labels.items()
        for larva, track in larvae.items()
        for time, state in track.items()
    ]
    return pd.DataFrame(rows, columns=["run", "larva", "time", "state"])


def grouped(frames: pd.DataFrame) -> pd.DataFrame:
    """Return the bouts of all labels by pandas, without gaps."""
    parts = []
    for name in NAMES:
        is_on = frames["label_run" if name == "run" else name]
        changes = (is_on != is_on.shift()) | (frames["larva"] != frames["larva"].shift())
        parts.append(
            frames[is_on]
            .groupby(changes.cumsum()[is_on])
            .agg(larva=("larva", "first"), start=("time", "first"), frames=("time", "size"))
        )
    return pd.concat(parts)


def from_lists(frames: pd.DataFrame) -> Labels:
    """Return labels of a table by `Labels.set`, for each larva."""
    labels = Labels()
    for (run, larva), part in frames.groupby(["run", "larva"], observed=True):
        states = [x.split("+") if isinstance(x, str) else () for x in part["state"].tolist()]
        labels.set(run, larva, part["time"].to_numpy(), states)
    return labels


def run(folder: Path) -> None:
    """Measure the time and the peak memory of each table."""
    file = label_file(folder / "odd.label", odd=0.05)
    labels = Labels.read(file)
    frames, bouts = labels.to_frames(), labels.to_bouts()
    section("", "a list of rows")
    compare("to_frames", lambda: listed(labels), labels.to_frames, 3, goal=0.2)
    section("", "groupby")
    compare("to_bouts", lambda: grouped(frames), labels.to_bouts, 3, goal=0.3)
    section("", "Labels.set")
    compare(
        "from_frames", lambda: from_lists(frames), lambda: Labels.from_frames(frames), 3, goal=0.1
    )
    section("", "to_bouts")
    compare(
        "from_bouts",
        labels.to_bouts,
        lambda: Labels.from_bouts(bouts, like=labels),
        3,
        goal=8.0,
    )
    with_file = labels.to_frames(metadata=("file", *FACTS))
    section("", "pandas")
    for suffix, pandas_writer, goal in (
        (".csv", partial(with_file.to_csv, folder / "pandas.csv", index=False), 0.5),
        (".parquet", partial(with_file.to_parquet, folder / "pandas.parquet"), 2.0),
    ):
        compare(f"frames as {suffix}", pandas_writer, _write(labels, suffix), 3, goal)
    prepare = f"""
import pandas
from taggingbackends import Labels
labels = Labels.read({str(file)!r})
"""
    work = "table = labels.to_frames()\nresult = table.memory_usage(deep=True).sum()"
    peak, table = peak_memory(prepare, work)
    section("", "the table")
    record("peak memory of to_frames", [(table, peak)], 2.0, megabytes)


def _write(labels: Labels, suffix: str) -> Any:
    return lambda: deque(table_chunks("frames", lambda: [labels], suffix), maxlen=0)
