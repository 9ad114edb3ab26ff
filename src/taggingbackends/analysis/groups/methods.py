"""The paragraph that describes statistics of groups in a paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from taggingbackends.analysis.groups.design import Design
from taggingbackends.analysis.protocol import Window
from taggingbackends.system.version import __version__
from taggingbackends.system.words import counted

__all__ = ["methods", "windows_text"]

_MEASURES = {
    "response": "proportions of responding larvae",
    "budget": "shares of time",
    "duration": "durations of bouts",
    "rate": "rates of bouts",
}

_TESTS = {
    "chi-square": "Pearson's chi-square test without continuity correction",
    "Fisher's exact": "Fisher's exact test",
    "Mann-Whitney": "the Mann-Whitney test (exact without ties if a group has at most 8 larvae, "
    "else by the normal approximation with corrections for ties and continuity)",
    "permutation": "permutation of recordings between the groups",
}

_EFFECTS = {"Cohen's h": "Cohen's h", "rank-biserial": "the rank-biserial correlation"}


def methods(design: Design, comparisons: Any) -> str:
    """Return the paragraph about some statistics.

    Parameters
    ----------
    design : Design
        What they are of.
    comparisons : DataFrame
        The tests, see `Statistics`. Only those that were used are named.
    """
    sentences = [
        *_data(design),
        *_over_time(design),
        *_window(design),
        *_measures(design),
        *_tests(design, comparisons),
        f"Statistics were computed with taggingbackends {__version__} (seed {design.seed}).",
    ]
    return " ".join(sentences)


def windows_text(windows: Iterable[Window]) -> str:
    """Return windows in words: ``60 to 62 s``."""
    return _joined([f"{start:.9g} to {stop:.9g} s" for start, stop in windows])


def _data(design: Design) -> list[str]:
    groups = ""
    if len(design.groups) > 1:
        groups = f", in {len(design.groups)} groups by {_joined(design.by)}"
    max_gap = "the longer of 1 s and 5 median frame intervals"
    if design.max_gap is not None:
        max_gap = f"{design.max_gap:g} s"
    return [
        f"We analysed {_larvae(design.larvae)} ({design.frames:,} frames) in "
        f"{counted(design.recordings, 'recording')}{groups}.",
        f"A larva counted as tracked between frames that were at most {max_gap} apart.",
    ]


def _over_time(design: Design) -> list[str]:
    return [
        f"The probability of a behaviour over time is its share of a larva's tracked time in bins "
        f"of {design.bin:g} s, averaged over the larvae tracked in the bin.",
        f"Its 95 % intervals are Wilson score intervals for the effective number of larvae (Dean "
        f"and Pagano 2015), from the variance of {design.replicates:,} bootstrap samples of "
        f"{_units(design)}.",
    ]


def _window(design: Design) -> list[str]:
    if not design.has_responses:
        return ["All other measures are of whole recordings."]
    windows = sorted({window for own in design.windows.values() for window in own})
    where = "the window" if len(windows) == 1 else "the windows"
    where += f" from {windows_text(windows)}"
    if design.window is None:
        where += ", the first stimulus of the recording's protocol"
    return [
        f"All other measures are of {where}, and of the {design.counted} larvae that were tracked "
        f"for at least {_percent(design.min_tracked)} of it."
    ]


def _measures(design: Design) -> list[str]:
    sentences = []
    if design.has_responses:
        text = "A larva responded if it showed the behaviour at least once in the window"
        if design.before is not None:
            before = windows_text([design.before])
            text += (
                f"; larvae that showed it from {before}, or were tracked for less than "
                f"{_percent(design.min_tracked)} of that time, were excluded"
            )
        interval = "Wilson score intervals"
        if design.unit == "recording":
            interval += " adjusted for the variance between recordings (Dean and Pagano 2015)"
        sentences = [
            f"{text}.",
            f"Intervals of proportions are 95 % {interval}.",
            "Median latencies are Kaplan-Meier estimates, in which larvae that did not respond are "
            "censored.",
        ]
    return [
        *sentences,
        "Bouts are those that began in the window; their rates are per minute of tracked time."
        if design.has_responses
        else "Rates of bouts are per minute of tracked time.",
        "The probability of a transition is its share of all transitions from the same behaviour "
        f"to another one{' in the window' if design.has_responses else ''}, from a frame to the "
        "next one without a gap.",
    ]


def _tests(design: Design, comparisons: Any) -> list[str]:
    used = comparisons[comparisons["p"].notna()]
    if not len(used):
        return []
    others = "all pairs of groups were compared"
    if len(design.groups) == 2:
        others = "the two groups were compared"
    if design.control is not None:
        others = f"each group was compared with {design.control}"
    by_tests: dict[tuple[str, ...], list[str]] = {}
    for measure, rows in used.groupby("measure", sort=False, observed=True):
        by_tests.setdefault(tuple(sorted(set(rows["test"]))), []).append(_MEASURES[measure])
    parts = [f"{_joined(names)} by {_named(tests)}" for tests, names in by_tests.items()]
    sentences = [f"For each behaviour, {others}: {'; '.join(parts)}."]
    if "permutation" in set(used["test"]):
        sentences.append(
            "The statistic of permutations is the difference between the means of the recordings' "
            f"means; all permutations were used if they were at most {design.permutations + 1:,}, "
            f"and {design.permutations:,} random ones otherwise."
        )
    effects = [_EFFECTS[name] for name in dict.fromkeys(used["effect"])]
    return [
        *sentences,
        f"All tests are two-sided. P-values were corrected after Holm (1979) over the comparisons "
        f"of each measure ({_families(design.families)}).",
        f"The effect size{' is' if len(effects) == 1 else 's are'} {_joined(effects)}.",
    ]


def _named(tests: tuple[str, ...]) -> str:
    if tests == ("Fisher's exact", "chi-square"):
        return f"{_TESTS[tests[1]]}, or {_TESTS[tests[0]]} if an expected count was below 5"
    if tests == ("Fisher's exact",):
        return f"{_TESTS[tests[0]]}, since expected counts were below 5"
    return _joined([_TESTS[test] for test in tests])


def _families(families: Mapping[str, int]) -> str:
    return ", ".join(f"{_MEASURES[name]}: {n}" for name, n in families.items() if n)


def _units(design: Design) -> str:
    return "larvae" if design.unit == "larva" else "recordings, each with all its larvae"


def _larvae(n: int) -> str:
    return counted(n, "larva", "larvae")


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _joined(texts: Iterable[str]) -> str:
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last
