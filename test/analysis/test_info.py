"""Summaries of files, as printed by `tagging-backend data info`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from support import RUN, STEM, command, write_labels, write_recording
from taggingbackends import Labels
from taggingbackends.analysis import info as analysis_info
from taggingbackends.analysis.info import info
from taggingbackends.data import load_tracks
from variants import trxmat


def test_a_recording(tmp_path: Path) -> None:
    facts, problems = info(write_recording(tmp_path))
    assert problems == []
    assert facts == {
        "format": "Choreography",
        "files": f"{STEM}.spine, {STEM}.outline",
        "run": RUN,
        "larvae": "2",
        "frames": "10",
        "duration": "19.400 s, from 1.000 to 20.400 s",
        "interval": "0.100 s mostly, 90 % from 0.100 to 0.100 s",
        "spine": "11 points, mm",
        "outline": "8 points in most frames, mm",
        "metadata": f"date_time={RUN}, genotype=g, effector=e, tracker=t5, protocol=p",
    }


def test_frames_without_a_spine_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = load_tracks(write_recording(tmp_path))
    track = recording[20]
    assert track.spine is not None
    assert track.outline_offsets is not None
    track.spine[[0, 3]] = np.nan
    track.outline_offsets[3:] -= 8
    monkeypatch.setattr(analysis_info, "load_silently", lambda *_, **__: recording)
    facts, _ = info(tmp_path / "x.spine")
    assert facts["spine"] == "11 points, mm; none in 2 frames"
    assert facts["outline"] == "8 points in most frames, mm; none in 1 frame"
    assert facts["frames"] == "10"
    track.spine[:] = recording[1].spine[:] = np.nan  # type: ignore[index]
    track.outline_offsets[:] = recording[1].outline_offsets[:] = 0  # type: ignore[index]
    facts, _ = info(tmp_path / "x.spine")
    assert facts["spine"] == "11 points, mm; none in 10 frames"
    assert facts["outline"] == "0 points in most frames, mm; none in 10 frames"


def test_a_missing_file_is_reported_beside_the_other_facts(tmp_path: Path) -> None:
    spine = write_recording(tmp_path)
    spine.with_suffix(".outline").unlink()
    facts, (problem,) = info(spine)
    assert "expected this file beside" in problem
    assert facts["spine"] == "11 points, mm"
    assert "outline" not in facts


def test_a_label_file_with_its_recording(tmp_path: Path) -> None:
    label = write_labels(write_recording(tmp_path))
    facts, problems = info(label)
    assert problems == []
    assert facts["format"] == "label file, of Choreography tracks"
    assert facts["labels"] == "run 10"
    label.with_name(f"{STEM}.spine").write_text("")
    facts, (problem,) = info(label)
    assert "bad-dependency" in problem
    assert (facts["run"], facts["larvae"], facts["labels"]) == (RUN, "2", "run 10")


def test_a_label_file_by_itself(tmp_path: Path) -> None:
    labels = Labels()
    labels.set(RUN, 1, [0.1, 0.2, 0.3, 1.4], ["run", (), ("run", "cast"), "cast"])
    labels.write(tmp_path / "x.label")
    facts, problems = info(tmp_path / "x.label")
    assert problems == []
    assert facts["labels"] == "run 2, cast 2, (undefined) 1"
    assert facts["interval"].endswith(", 1 gap longer than 1 s")
    (tmp_path / "x.label").write_text("{")
    facts, (problem,) = info(tmp_path / "x.label")
    assert facts == {"format": "label file"}
    assert "invalid-json" in problem


@pytest.mark.parametrize("content", [b"", b"nothing\0"], ids=["empty", "no tracks"])
def test_the_command(content: bytes, tmp_path: Path) -> None:
    spine = write_recording(tmp_path / "one")
    result = command("data", "info", spine, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[:2] == [str(spine), "  format      Choreography"]
    bad = tmp_path / "bad.spine"
    bad.write_bytes(content)
    result = command("data", "info", spine, bad, tmp_path / "none.label", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (1, "")
    wrong = [line for line in result.stdout.splitlines() if line.startswith("  wrong")]
    assert len(wrong) == 2
    assert str(bad) in wrong[0]


def test_gaps_are_counted_by_run(tmp_path: Path) -> None:
    labels = Labels()
    labels.set(
        "fast", 1, [0, 0.1, 0.2, 0.3, 0.4, 1.4, 2.5, 9], ["run"] * 8
    )  # steps above 1 s are gaps
    labels.set("slow", 1, [0.0, 0.5, 1.0, 1.5, 4.0, 6.6], ["run"] * 6)
    labels.write(tmp_path / "x.label")
    facts, _ = info(tmp_path / "x.label")
    assert facts["interval"].endswith(", 2 gaps longer than 1 s, 1 gap longer than 2.5 s")


def test_a_file_of_several_runs(tmp_path: Path) -> None:
    path = tmp_path / "trx.mat"
    path.write_bytes(trxmat.image(trxmat.larva(1), trxmat.larva(1, id=trxmat.OTHER))["trx.mat"])
    assert (
        info(path)
        == info(tmp_path)
        == (
            {
                "format": "trx.mat",
                "files": "trx.mat",
                "run 1": f"{trxmat.RUN}, 1 larva, 4 frames",
                "run 2": f"{trxmat.OTHER}, 1 larva, 4 frames",
            },
            [],
        )
    )
