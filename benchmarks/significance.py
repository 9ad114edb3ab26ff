"""Statistics of groups: how often intervals cover the truth, and how often tests find nothing.

Each repetition simulates two groups that do not differ. The intervals of both are compared with the
truth, and a family of tests has a positive if one of its corrected p-values is below 0.05. Both
should be 5 %. Seeds make the results the same everywhere: a goal that is not met is a defect, and
this benchmark fails.

The recordings of the second design differ: the responses of their larvae have a correlation of
0.15.
"""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.harness import Row, record, section, share
from taggingbackends import Labels
from taggingbackends.analysis import statistics
from taggingbackends.simulation import simulate_labels

REPETITIONS = 1000
EXPECTED = 0.05
MISSES, POSITIVES = (0.6, 1.4), 1.6  # accepted, in terms of what is expected

SECONDS, FRAMERATE, STIMULUS = 12.0, 10.0, (6.0, 2.0)
RESPONSE = 0.4
DESIGNS: dict[Literal["larva", "recording"], tuple[int, int, float]] = {
    # recordings of a group, larvae of a recording, how much recordings differ
    "larva": (2, 30, 0.0),
    "recording": (20, 6, 0.15),
}


def simulated(run: str, seed: int, larvae: int, spread: float) -> Labels:
    """Return the labels of a recording."""
    return simulate_labels(
        run,
        larvae,
        SECONDS,
        seed,
        response=RESPONSE,
        stimulus=STIMULUS,
        spread=spread,
        framerate=FRAMERATE,
    )


def run(folder: Path) -> None:
    """Measure misses and positives; fail if they are not as they should be."""
    rows = [row for unit in DESIGNS for row in measured(unit)]
    if failed := sum(row.met == "not met" for row in rows):
        raise AssertionError(f"{failed} rows are not as expected")


def measured(unit: Literal["larva", "recording"]) -> list[Row]:
    """Return the rows for a unit."""
    recordings, larvae, spread = DESIGNS[unit]
    shares = _true_shares(spread)
    counts: list[Counter[str]] = [Counter() for _ in range(4)]
    covered, all_intervals, positive, families = counts
    for repetition in range(REPETITIONS):
        labels, groups = [], {}
        for at in range(2 * recordings):
            groups[f"r{at}"] = "ab"[at % 2]
            seed = (repetition * 2 * recordings + at) * 2 + 1
            labels.append(simulated(f"r{at}", seed, larvae, spread))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = statistics(labels, "group", groups=groups, unit=unit, bin=1.0, seed=repetition)
        for case, inside in _covering(found, shares).items():
            covered[case] += int(inside.sum())
            all_intervals[case] += len(inside)
        for measure, tests in found.comparisons.groupby("measure", observed=True):
            positive[measure] += bool((tests["p_adjusted"] < 0.05).any())
            families[measure] += 1
    section(f"{recordings} recordings of {larvae} larvae, by {unit}", "expected")
    rows = []
    for case, n in sorted(all_intervals.items()):
        pair = EXPECTED, 1 - covered[case] / n
        rows.append(record(f"intervals without the truth, {case}", [pair], MISSES, share))
    for measure, n in families.items():
        pair = EXPECTED, positive[measure] / n
        rows.append(record(f"families with a positive, {measure}", [pair], POSITIVES, share))
    return rows


def _covering(found: Any, shares: dict[tuple[str, float], float]) -> dict[str, Any]:
    """Return which intervals cover the truth, of responses and of shares over time by label."""
    responses = found.responses[found.responses["label"] == "hunch"]
    covering = {"response": _inside(responses, np.full(len(responses), RESPONSE))}
    for label, table in found.over_time.groupby("label", observed=True):
        truth = np.array([shares.get((label, start), 0.0) for start in table["start"]])
        usual = truth > 0.05  # no bootstrap knows of what no larva does
        if usual.any():
            covering[f"{label} over time"] = _inside(table[usual], truth[usual])
    return covering


def _inside(table: Any, truth: Any) -> Any:
    return ((table["low"] <= truth) & (truth <= table["high"])).to_numpy()


def _true_shares(spread: float) -> dict[tuple[str, float], float]:
    """Return the share of larvae by label and start of a bin, from 40,000 larvae."""
    larvae, recordings = (40, 1000) if spread == 0 else (10, 4000)
    labels = (simulated(f"r{at}", 2 * at, larvae, spread) for at in range(recordings))
    table = statistics(labels, (), unit="recording", bin=1.0).over_time
    columns = (table[name].tolist() for name in ("label", "start", "share"))
    return {(label, start): share for label, start, share in zip(*columns, strict=True)}
