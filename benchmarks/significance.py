"""Statistics of groups: how often intervals cover the truth, and how often tests find nothing.

Each repetition simulates two groups that do not differ. The intervals of both are compared with the
truth, and a family of tests fails if one of its corrected p-values is below 0.05.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import row
from taggingbackends import Labels
from taggingbackends.analysis import statistics
from taggingbackends.simulation import simulate_labels

REPETITIONS = 1000
COVERAGE, POSITIVES = (0.93, 0.97), 0.08  # what is accepted

SECONDS, FRAMERATE, STIMULUS = 12.0, 10.0, (6.0, 2.0)
RESPONSE = 0.4
DESIGNS = {  # recordings of a group, larvae of a recording, how much recordings differ
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
    """Print coverage and positives; fail if they are not as they should be."""
    row("", "found", "accepted")
    failed = [case for unit in DESIGNS for case in measured(unit)]
    if failed:
        sys.exit(f"not as accepted: {', '.join(failed)}")


def measured(unit: str) -> list[str]:
    """Print the results for a unit; return the cases that are not accepted."""
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
    failed = []
    for case, n in sorted(all_intervals.items()):
        share = covered[case] / n
        title = f"{unit}: 95 % intervals that cover, {case}"
        row(title, f"{share:.1%}", f"{COVERAGE[0]:.0%} to {COVERAGE[1]:.0%}")
        failed += [] if COVERAGE[0] <= share <= COVERAGE[1] else [title]
    for measure, n in families.items():
        share = positive[measure] / n
        title = f"{unit}: families with a positive, {measure}"
        row(title, f"{share:.1%}", f"at most {POSITIVES:.0%}")
        failed += [] if share <= POSITIVES else [title]
    return failed


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
