"""Tests of the paragraph about the methods: it says what was done, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from taggingbackends.analysis import Statistics, statistics
from taggingbackends.simulation import simulate_labels

pytest.importorskip("pandas", reason="no pandas")
pytest.importorskip("scipy", reason="no scipy")

NAMES = ("chi-square", "Fisher", "Mann-Whitney", "permutation")


def compared(larvae: int = 4, **options: Any) -> Statistics:
    recordings = [
        simulate_labels(
            f"20240611_10{n:02}00",
            larvae=larvae,
            seconds=12,
            seed=n,
            genotype="ab"[n % 2],
            stimulus=(6.0, 2.0),
        )
        for n in range(8)
    ]
    return statistics(recordings, **{"bin": 2.0} | options)


def named(text: str) -> list[str]:
    return [name for name in NAMES if name in text]


def test_the_numbers_are_those_of_the_run() -> None:
    found = compared(control="a", before=(4, 6), min_tracked=0.75)
    text = found.methods()
    assert "32 larvae" in text
    assert f"{found.design.frames:,} frames) in 8 recordings, in 2 groups by genotype" in text
    assert "bins of 2 s" in text
    assert "1,000 bootstrap samples of larvae" in text
    assert "from 6 to 8 s, the first stimulus of the recording's protocol" in text
    assert f"the {found.design.counted} larvae that were tracked for at least 75 %" in text
    assert "from 4 to 6 s, or were tracked for less than 75 %" in text
    assert "each group was compared with a: " in text
    assert "proportions of responding larvae: " in text
    assert "all transitions from the same behaviour to another one in the window" in text
    assert "taggingbackends " in text


@pytest.mark.filterwarnings("ignore:.* no p-value can be below")
def test_only_tests_that_were_used_are_named() -> None:
    few = compared(larvae=2)
    used = set(few.comparisons["test"])
    assert used - {""} == {"Fisher's exact", "Mann-Whitney"}
    assert named(few.methods()) == ["Fisher", "Mann-Whitney"]
    by_recording = compared(unit="recording").methods()
    assert named(by_recording) == ["permutation"]
    assert "the two groups were compared: " in by_recording
    assert "adjusted for the variance between recordings" in by_recording
    assert "The effect size is the rank-biserial correlation." in by_recording
    many = compared(larvae=40, labels=["run"])
    assert set(many.comparisons["test"]) >= {"chi-square"}
    assert "Fisher" not in many.methods()


@pytest.mark.filterwarnings("ignore:.* no p-value can be below")
def test_without_window_there_are_no_responses() -> None:
    recordings = []
    for n in range(8):
        labels = simulate_labels(f"20240611_10{n:02}00", larvae=4, seconds=5, genotype="ab"[n % 2])
        del labels[f"20240611_10{n:02}00"].metadata["protocol"]
        recordings.append(labels)
    found = statistics(recordings, unit="recording")
    text = found.methods()
    families = ", ".join(
        f"{name}: {(found.comparisons['measure'] == measure).sum()}"
        for measure, name in (
            ("budget", "shares of time"),
            ("duration", "durations of bouts"),
            ("rate", "rates of bouts"),
        )
    )
    assert f"({families})" in text
    assert "responding" not in text


def test_one_group_without_window() -> None:
    labels = simulate_labels("20240611_100000", larvae=2, seconds=5)
    del labels["20240611_100000"].metadata["protocol"]
    text = statistics([labels], max_gap=2).methods()
    assert "in 1 recording." in text
    assert "at most 2 s apart" in text
    assert "All other measures are of whole recordings." in text
    for word in (*NAMES, "Holm", "proportions", "responded", "effect size", "groups"):
        assert word not in text
