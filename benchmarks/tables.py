"""Tables of labels, compared with DataFrames that are made of lists, and with pandas' writers."""

from __future__ import annotations

from collections import deque
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.harness import compare, peak_memory, row
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
    """Print the times and the peak memory of each table."""
    file = label_file(folder / "odd.label", odd=0.05)
    labels = Labels.read(file)
    frames, bouts = labels.to_frames(), labels.to_bouts()
    row("1 M frames, 5 % with two labels or none", "of the baseline's time", "ours", "baseline")
    compare("to_frames, compared with a list of rows", lambda: listed(labels), labels.to_frames, 3)
    compare("to_bouts, compared with groupby", lambda: grouped(frames), labels.to_bouts, 3)
    compare(
        "from_frames, compared with Labels.set",
        lambda: from_lists(frames),
        lambda: Labels.from_frames(frames),
        3,
    )
    compare(
        "from_bouts, compared with to_bouts",
        labels.to_bouts,
        lambda: Labels.from_bouts(bouts, like=labels),
        3,
    )
    with_file = labels.to_frames(metadata=("file", *FACTS))
    for suffix, pandas_writer in (
        (".csv", partial(with_file.to_csv, folder / "pandas.csv", index=False)),
        (".parquet", partial(with_file.to_parquet, folder / "pandas.parquet")),
    ):
        compare(
            f"frames as {suffix}, compared with pandas", pandas_writer, _write(labels, suffix), 3
        )
    row("\npeak memory of to_frames", "of the table", "peak")
    prepare = f"""
import pandas
from taggingbackends import Labels
labels = Labels.read({str(file)!r})
"""
    work = "table = labels.to_frames()\nresult = table.memory_usage(deep=True).sum()"
    peak, table = peak_memory(prepare, work)
    row("1 M frames", f"{peak / table:.2f}", f"{peak / 2**20:.1f} MB")


def _write(labels: Labels, suffix: str) -> Any:
    return lambda: deque(table_chunks("frames", lambda: [labels], suffix), maxlen=0)
