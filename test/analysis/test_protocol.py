"""Stimulus windows from the protocols in Choreography's file names."""

from __future__ import annotations

import pytest

from support import RUN
from taggingbackends.analysis.protocol import parse_protocol, stimulus_windows
from taggingbackends.labels.runlabels import RunLabels


@pytest.mark.parametrize(
    ("protocol", "windows"),
    [
        ("n#n#n#n", []),
        ("p_8_60s1x30s0s#n#n#n", [(60, 90)]),
        ("r_LED100_30s2x15s30s#n#n#n", [(30, 45), (75, 90)]),
        ("p_8_45s1x30s0s#p_8_105s3x2s10s#n#n", [(45, 75), (105, 107), (117, 119), (129, 131)]),
        ("60s1x30s0s", [(60, 90)]),
        ("p_0.5s2x0.25s1s", [(0.5, 0.75), (1.75, 2.0)]),
        ("p_10s3x5s0s", [(10, 25)]),  # nothing between the pulses: one window
        ("b_20s1x10s0s#a_5s1x20s0s", [(5, 30)]),
        ("p_8_60s0x30s0s", []),
        ("p_8_60s2x0s5s", []),
    ],
)
def test_windows(protocol: str, windows: list[tuple[float, float]]) -> None:
    assert parse_protocol(protocol) == windows


@pytest.mark.parametrize(
    "protocol",
    [
        "",
        "p",
        "protocol",
        "p_8_60s1x30s",
        "p_8_60s1x30s0s#whatever",  # half of a stimulus would mislead
        "p_8_-60s1x30s0s",
        "p_8_60s1x30s0s ",
        "p_8_6²s1x30s0s",
        "p_8_60s999999999x30s1s",
        "p_8_60s9999999999x30s1s",
        "_" * 50_000,
    ],
)
def test_unknown_protocols_have_no_stimulus(protocol: str) -> None:
    assert parse_protocol(protocol) == []


def test_protocols_have_at_most_ten_thousand_pulses() -> None:
    assert len(parse_protocol("p_0s9999x1s1s#p_0.5s1x9s0s")) == 9995  # one covers five
    assert parse_protocol("p_0s9999x1s1s#p_0.5s2x9s0s") == []


def test_a_train_within_another_is_ignored() -> None:
    assert parse_protocol("p_0s1x30s0s#p_5s1x5s0s") == [(0, 30)]


def test_metadata_take_precedence_over_file_names() -> None:
    run = RunLabels(RUN)
    assert stimulus_windows(run) == []
    run.dependencies = [{"filename": f"{RUN}@g@e@t5@p_8_60s1x30s0s#n#n#n@100.spine", "sha1": ""}]
    assert stimulus_windows(run) == [(60, 90)]
    run.metadata["protocol"] = "p_8_5s1x1s0s"
    assert stimulus_windows(run) == [(5, 6)]
    for protocol in ("n#n#n#n", 8, ["p_8_5s1x1s0s"]):
        run.metadata["protocol"] = protocol
        assert stimulus_windows(run) == []
