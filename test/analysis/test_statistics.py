"""Statistics of groups, compared with pandas and scipy on columns of frames."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from taggingbackends import Labels
from taggingbackends.analysis import Statistics, statistics
from taggingbackends.analysis.groups.responses import (
    clustered_wilson,
    median_latency,
    score_interval,
    wilson,
)
from taggingbackends.analysis.groups.significance import compare_ranks, compare_recordings, holm
from taggingbackends.labels.states import labels_of
from taggingbackends.simulation import simulate_labels

WINDOW, BEFORE, BIN = (6.0, 8.0), (3.0, 5.5), 0.5
RESPONSE = {"control": 0.3, "mutant": 0.6}


def simulated(at: int, larvae: int = 8, response: Mapping[str, float] = RESPONSE) -> Labels:
    """Return labels of a genotype, with gaps, and with several labels or none in some frames."""
    genotype = list(response)[at % 2]
    labels = simulate_labels(
        f"run{at}",
        larvae,
        12.0,
        at,
        genotype=genotype,
        response=response[genotype],
        stimulus=(6.0, 2.0),
        framerate=10,
        spread=0.02,
    )
    rng = np.random.default_rng(at)
    run = labels[f"run{at}"]
    for larva in list(run)[::3]:
        times, states = run[larva].times, list(run[larva].states)
        kept = np.ones(len(times), dtype=bool)
        first = rng.integers(20, 60)
        kept[first : first + rng.integers(5, 20)] = False
        for place in rng.integers(0, len(times), 10):
            states[place] = [(), ("run", "stop"), ("cast", "edited")][place % 3]
        labels.set(run.id, larva, times[kept], list(itertools.compress(states, kept)))
    run.secondary_names = ["edited"]
    return labels


@pytest.fixture(scope="module")
def recordings() -> list[Labels]:
    return [simulated(at) for at in range(40)]


@pytest.fixture(scope="module")
def found(recordings: list[Labels]) -> Statistics:
    return statistics(recordings, window=WINDOW, before=BEFORE, control="control")


@pytest.fixture(scope="module")
def by_recording(recordings: list[Labels]) -> Statistics:
    return statistics(recordings, window=WINDOW, before=BEFORE, control="control", unit="recording")


@pytest.fixture(scope="module")
def frames(recordings: list[Labels]) -> pd.DataFrame:
    """Return a row for each frame and label, and for each frame without a label."""
    found: list[tuple[object, ...]] = []
    for labels in recordings:
        for run in labels.values():
            interval = np.median(np.concatenate([np.diff(t.times) for t in run.values()]))
            for larva, track in run.items():
                times, stretch = track.times.tolist(), 0
                for at, (time, state) in enumerate(zip(times, track.states, strict=True)):
                    step = times[at + 1] - time if at + 1 < len(times) else np.inf
                    is_last = step > 1.0 + 1e-6
                    end = time + (min(interval, step) if is_last else step)
                    names = labels_of(state) or ("",)
                    found += [(run.id, larva, stretch, at, label, time, end) for label in names]
                    stretch += is_last
    columns = ["run", "larva", "stretch", "frame", "label", "start", "end"]
    table = pd.DataFrame(found, columns=columns)
    table["group"] = np.where(table["run"].str[3:].astype(int) % 2, "mutant", "control")
    return table


LABELS = ("run", "cast", "stop", "back", "hunch")
LARVA = ["group", "run", "larva"]


def rows(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    """Return the rows that have these values in their columns."""
    for name, value in values.items():
        table = table[table[name] == value]
    return table


def overlap(frames: pd.DataFrame, start: float, stop: float) -> pd.Series:
    return (frames["end"].clip(upper=stop) - frames["start"].clip(lower=start)).clip(lower=0)


def seconds(frames: pd.DataFrame, window: tuple[float, float]) -> pd.DataFrame:
    """Return the time of each larva with each label in a window, and `tracked`."""
    part = frames.assign(seconds=overlap(frames, *window))
    table = part.pivot_table(index=LARVA, columns="label", values="seconds", aggfunc="sum")
    whole = part.drop_duplicates([*LARVA, "frame"]).groupby(LARVA)["seconds"].sum()
    return table.reindex(columns=LABELS).fillna(0).assign(tracked=whole)


def counted(frames: pd.DataFrame) -> pd.DataFrame:
    table = seconds(frames, WINDOW)
    return table[table["tracked"] >= 0.8 * (WINDOW[1] - WINDOW[0]) - 1e-9]


def at_risk(frames: pd.DataFrame, label: str) -> pd.DataFrame:
    """Return who counts for the response, and whether it responds."""
    before = seconds(frames, BEFORE)
    enough = before["tracked"] >= 0.8 * (BEFORE[1] - BEFORE[0]) - 1e-9
    table = counted(frames)
    table = table[enough.reindex(table.index)]
    table = table.assign(before=before[label].reindex(table.index) > 1e-9)
    return table.assign(responded=table[label] > 1e-9)


def test_groups(found: Statistics, recordings: list[Labels]) -> None:
    frames = [
        sum(len(track) for run in one.values() for track in run.values()) for one in recordings
    ]
    assert found.groups.to_dict("list") == {
        "group": ["control", "mutant"],
        "genotype": ["control", "mutant"],
        "recordings": [20, 20],
        "larvae": [160, 160],
        "frames": [sum(frames[::2]), sum(frames[1::2])],
    }
    assert found.design.labels == LABELS
    assert found.design.stimulus == dict.fromkeys(RESPONSE, (WINDOW,))
    assert found.methods()


def test_shares_over_time(
    found: Statistics, by_recording: Statistics, frames: pd.DataFrame
) -> None:
    for start in np.arange(0, 12, BIN):
        table = seconds(frames, (start, start + BIN))
        table = table[table["tracked"] > 1e-9]
        shares = table[list(LABELS)].div(table["tracked"], axis=0)
        for group, of_group in shares.groupby(level="group"):
            own = rows(found.over_time, group=group, start=start)
            assert own["label"].tolist() == list(LABELS)
            assert (own["larvae"] == len(of_group)).all()
            np.testing.assert_allclose(own["share"], of_group.mean(), atol=1e-6)
            # the variance of the mean of n independent larvae, instead of a bootstrap
            n = len(of_group)
            expected = score_interval(of_group.mean(), of_group.var(ddof=0) / n, n, n)
            np.testing.assert_allclose(own[["low", "high"]].T, expected, atol=0.02)
            same = rows(by_recording.over_time, group=group, start=start)
            np.testing.assert_allclose(same["share"], own["share"], atol=1e-6)
            assert (same["low"] <= same["share"] + 1e-6).all()
            assert (same["share"] <= same["high"] + 1e-6).all()


def test_responses(found: Statistics, frames: pd.DataFrame) -> None:
    for label, group in itertools.product(LABELS, RESPONSE):
        table = at_risk(frames, label).loc[group]
        chosen = table[~table["before"]]
        (row,) = rows(found.responses, group=group, label=label).to_dict("records")
        assert row["tracked"] == len(table)
        assert row["excluded"] == table["before"].sum()
        k = int(chosen["responded"].sum())
        assert row["responded"] == k
        ends = scipy.stats.binomtest(k, len(chosen)).proportion_ci(method="wilson")
        assert row["proportion"] == pytest.approx(k / len(chosen))
        assert (row["low"], row["high"]) == pytest.approx((ends.low, ends.high))
        latency, censored = [], []
        own = frames[(frames["end"] > WINDOW[0] + 1e-9) & (frames["start"] < WINDOW[1] - 1e-9)]
        by_larva = dict(iter(own[own["group"] == group].groupby(["run", "larva"])))
        for larva, responded in chosen["responded"].items():
            of_larva = by_larva[larva]
            if responded:
                first = of_larva.loc[of_larva["label"] == label, "start"].min()
                latency.append(max(first - WINDOW[0], 0))
            else:
                censored.append(min(of_larva["end"].max(), WINDOW[1]) - WINDOW[0])
        latencies = rows(found.latencies, group=group, label=label)["latency"]
        np.testing.assert_allclose(sorted(latencies), sorted(latency + censored), atol=1e-9)
        sample = scipy.stats.CensoredData(uncensored=latency, right=censored)
        survival = scipy.stats.ecdf(sample).sf
        half = survival.quantiles[survival.probabilities <= 0.5 + 1e-12]
        assert row["median_latency"] == pytest.approx(half[0] if len(half) else np.nan, nan_ok=True)


def bouts(frames: pd.DataFrame) -> pd.DataFrame:
    """Return the bouts of each label and larva."""
    ordered = frames.sort_values([*LARVA, "label", "frame"])
    keys = [*LARVA, "label", "stretch"]
    begins = (ordered[keys] != ordered[keys].shift()).any(axis=1) | (ordered["frame"].diff() != 1)
    grouped = ordered.assign(bout=begins.cumsum()).groupby([*keys, "bout"])
    return grouped.agg(start=("start", "min"), stop=("end", "max")).reset_index()


def of_larvae(frames: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return each measure by larva and label."""
    table = counted(frames)
    begun = bouts(frames).query("@WINDOW[0] <= start < @WINDOW[1]")
    begun = begun.assign(duration=begun["stop"] - begun["start"])
    keys = {"index": LARVA, "columns": "label", "values": "duration"}
    count = begun.pivot_table(**keys, aggfunc="count")
    mean = begun.pivot_table(**keys, aggfunc="mean")
    count, mean = (x.reindex(index=table.index, columns=LABELS) for x in (count, mean))
    responses = {}
    for label in LABELS:
        chosen = at_risk(frames, label).query("not before")
        responses[label] = chosen["responded"].astype(float)
    return {
        "response": pd.DataFrame(responses),
        "budget": table[list(LABELS)].div(table["tracked"], axis=0),
        "duration": mean,
        "rate": count.fillna(0).mul(60).div(table["tracked"], axis=0),
    }


def test_budgets_and_bouts(found: Statistics, frames: pd.DataFrame) -> None:
    expected = of_larvae(frames)
    for table, column, measure in (
        (found.budgets, "share", "budget"),
        (found.bouts, "rate", "rate"),
        (found.bouts, "mean_duration", "duration"),
    ):
        assert len(table) == len(expected["budget"]) * len(LABELS)
        for (label, group), part in table.groupby(["label", "group"], observed=True):
            own = part.set_index(["run", "larva"])[column]
            own.index = own.index.set_levels(own.index.levels[0].astype(object), level=0)
            other = expected[measure][label].loc[group]
            np.testing.assert_allclose(own.reindex(other.index), other, atol=1e-9)


def test_transitions(found: Statistics, frames: pd.DataFrame) -> None:
    expected: dict[tuple[str, str, str], int] = {}
    names = frames[~frames["label"].isin(["edited"])].drop_duplicates([*LARVA, "frame"])
    larvae = set(counted(frames).index)
    for larva, part in names.groupby(LARVA):
        columns = (part[name].tolist() for name in ("label", "stretch", "frame", "start"))
        for one, two in itertools.pairwise(zip(*columns, strict=True)):
            follows = one[1] == two[1] and two[2] == one[2] + 1 and one[0] != two[0]
            inside = WINDOW[0] + 1e-9 < two[3] < WINDOW[1] - 1e-9
            if follows and inside and one[0] and two[0] and larva in larvae:
                key = (larva[0], one[0], two[0])
                expected[key] = expected.get(key, 0) + 1
    table = found.transitions
    keys = zip(table["group"], table["before"], table["after"], strict=True)
    assert dict(zip(keys, table["count"], strict=True)) == expected
    total = table.groupby(["group", "before"], observed=True)["probability"].sum()
    np.testing.assert_allclose(total, 1)


def corrected(p: list[float]) -> list[float]:
    """Return p-values after Holm, by its definition."""
    order = sorted(range(len(p)), key=lambda at: p[at])
    result, largest = [0.0] * len(p), 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min((len(p) - rank) * p[at], 1.0))
        result[at] = largest
    return result


def test_comparisons_of_larvae(found: Statistics, frames: pd.DataFrame) -> None:
    for measure, values in of_larvae(frames).items():
        tests = rows(found.comparisons, measure=measure)
        assert tests["label"].tolist() == list(LABELS)
        expected = []
        for label, row in zip(LABELS, tests.to_dict("records"), strict=True):
            group, control = (values[label].loc[name].dropna() for name in ("mutant", "control"))
            assert (row["n"], row["n_control"]) == (len(group), len(control))
            assert (row["value"], row["value_control"]) == pytest.approx(
                (group.mean(), control.mean())
            )
            if measure == "response":
                table = [[x.sum(), len(x) - x.sum()] for x in (group, control)]
                is_small = scipy.stats.contingency.expected_freq(table).min() < 5
                assert row["test"] == ("Fisher's exact" if is_small else "chi-square")
                expected.append(
                    scipy.stats.fisher_exact(table).pvalue
                    if is_small
                    else scipy.stats.chi2_contingency(table, correction=False).pvalue
                )
                angles = [2 * np.arcsin(np.sqrt(x.mean())) for x in (group, control)]
                assert row["effect_size"] == pytest.approx(angles[0] - angles[1])
            else:
                group, control = group.round(9), control.round(9)  # equal, but for rounding errors
                test = scipy.stats.mannwhitneyu(group, control)
                assert row["statistic"] == test.statistic
                expected.append(test.pvalue)
                more = np.sign(np.subtract.outer(group.to_numpy(), control.to_numpy()))
                assert row["effect_size"] == pytest.approx(more.mean())
        np.testing.assert_allclose(tests["p"], expected)
        np.testing.assert_allclose(tests["p_adjusted"], corrected(expected))


def test_comparisons_of_recordings(by_recording: Statistics, frames: pd.DataFrame) -> None:
    for measure, values in of_larvae(frames).items():
        tests = rows(by_recording.comparisons, measure=measure).set_index("label")
        means = values.groupby(level=["group", "run"]).mean()
        for label in LABELS:
            group, control = (means[label].loc[name].dropna() for name in ("mutant", "control"))
            row = tests.loc[label]
            assert (row["n"], row["n_control"]) == (len(group), len(control))
            assert row["statistic"] == pytest.approx(group.mean() - control.mean())
            assert row["test"] == "permutation"
            test = scipy.stats.ttest_ind(group, control)  # close to it with 20 recordings
            if measure == "budget":  # not with values of which many are equal
                assert row["p"] == pytest.approx(test.pvalue, abs=0.03)


def test_the_effect_is_found(found: Statistics, by_recording: Statistics) -> None:
    for one in (found, by_recording):
        positive = rows(one.comparisons, measure="response").query("p_adjusted < 0.05")
        assert positive["label"].tolist() == ["hunch"]
        assert positive["effect_size"].item() > 0.3
        for group, response in RESPONSE.items():
            row = rows(one.responses, group=group, label="hunch")
            assert row["low"].item() < response < row["high"].item()


def test_the_same_numbers_from_files(
    recordings: list[Labels], found: Statistics, tmp_path: Path
) -> None:
    for at, labels in enumerate(recordings):
        (tmp_path / str(at)).mkdir()
        labels.write(tmp_path / str(at) / "predicted.label")
    again = statistics(tmp_path, window=WINDOW, before=BEFORE, control="control")
    assert again.design.files == 40
    pd.testing.assert_frame_equal(again.responses, found.responses)
    pd.testing.assert_frame_equal(again.comparisons, found.comparisons)
    assert again.budgets["file"].nunique() == 40
    # the window of the protocol is the same
    protocol = statistics(tmp_path, before=BEFORE, control="control")
    pd.testing.assert_frame_equal(protocol.responses, found.responses)


def test_exact_permutations() -> None:
    rng = np.random.default_rng(1)
    for n in (2, 4):  # with groups of one size, the distribution is symmetric, as scipy takes it
        group, control = rng.normal(0.5, 1, n), np.round(rng.normal(0, 1, n), 1)
        result = compare_recordings(group, control, 0)
        test = scipy.stats.permutation_test(
            (group, control), lambda x, y, axis: x.mean(axis) - y.mean(axis), n_resamples=np.inf
        )
        assert (result.statistic, result.p) == pytest.approx((test.statistic, test.pvalue))
    # 3 recordings above each of 5: of 56 permutations, only one is as extreme
    assert compare_recordings(np.array([7.0, 8, 9]), np.arange(1.0, 6), 0).p == 1 / 56


def test_without_differences_there_is_nothing_to_find() -> None:
    zeros = np.zeros(5)
    assert compare_ranks(zeros, zeros)[:3] == ("Mann-Whitney", 12.5, 1.0)
    assert compare_recordings(zeros, zeros, 0).p == 1
    assert np.isnan(compare_ranks(zeros, zeros[:0]).p)


def test_intervals_at_the_ends() -> None:
    low, high = wilson([0, 5, 0], [5, 5, 0])
    assert low[0] == 0
    assert high[1] == 1
    assert np.isnan([low[2], high[2]]).all()
    assert np.isnan(clustered_wilson(np.array([1]), np.array([5]))).all()
    # without a larva with the label: as of independent larvae
    low, high = score_interval(0.0, 0.0, 40, 40)
    t = scipy.stats.t.ppf(0.975, 39)
    assert (float(low), float(high)) == pytest.approx((0, t**2 / (40 + t**2)))


def test_median_latency_of_censored_larvae() -> None:
    latency = np.array([1.0, 2.0, 2.0, 3.0, 4.0])
    assert median_latency(latency, np.ones(5, bool)) == 2
    assert np.isnan(median_latency(latency, np.zeros(5, bool)))
    assert np.isnan(median_latency(latency[:0], np.ones(0, bool)))
    # of 5, then of 4, then of 2 at risk
    assert median_latency(latency, np.array([True, True, False, True, False])) == 3


def test_values_that_differ_by_rounding_errors_are_ties() -> None:
    durations = np.array([60.24 - 60.16, 1.08 - 1, 0.08, 4.08 - 4])
    assert len(set(durations)) > 1
    assert compare_ranks(durations[:2], durations[2:])[1:3] == (2, 1)
    more = np.array([0.16, 0.24])
    assert compare_ranks(np.append(durations, more), durations) == compare_ranks(
        np.append(np.full(4, 0.08), more), np.full(4, 0.08)
    )


def test_labels_asked_for_do_not_change_probabilities_of_transitions(
    recordings: list[Labels], found: Statistics
) -> None:
    some = statistics(recordings, window=WINDOW, control="control", labels=["hunch", "run"])
    keys = ["group", "before", "after"]
    expected = found.transitions.astype(dict.fromkeys(keys, str)).set_index(keys)
    one = some.transitions.astype(dict.fromkeys(keys, str)).set_index(keys)
    assert len(one) == 4
    pd.testing.assert_frame_equal(one, expected.loc[one.index])


def test_holm_ignores_tests_without_a_result() -> None:
    assert holm([0.01, np.nan, 0.04]).round(3).tolist()[::2] == [0.02, 0.04]
    assert len(holm([])) == 0
