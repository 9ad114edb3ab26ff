"""Labels compared with the tracker files that they depend on, and with labels of other files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support import (
    RECORDINGS,
    RUN,
    STEM,
    called,
    command,
    label_error,
    refused,
    write_labels,
    write_recording,
)
from taggingbackends import Labels, dependency
from taggingbackends.analysis import compare, compare_files
from taggingbackends.analysis.info import info
from taggingbackends.data import Recording, Track, find_mismatches, find_recordings, load_runs
from taggingbackends.data import load_tracks as load
from taggingbackends.data.agreement import LabelFileCheck
from taggingbackends.display.page import report
from taggingbackends.labels.dependencies import group_label_files
from variants import fimtrack, trxmat

FILE = f"{STEM}.spine"


def write(
    tracker_files: Iterable[Path],
    run: str = RUN,
    name: str = "x.label",
    tracks: dict[int, Any] | None = None,
    **metadata: Any,
) -> Path:
    """Write labels of the pair of `write_recording`, or of other larvae and times."""
    files = list(tracker_files)
    labels = Labels()
    for larva in (1, 20) if tracks is None else tracks:
        times = larva + np.arange(5) / 10 if tracks is None else tracks[larva]
        labels.set(run, larva, times, ["run"] * len(times))
    labels.add_run(run).metadata |= metadata
    labels[run].dependencies = [dependency(file) for file in files]
    labels.write(files[0].with_name(name))
    return files[0].with_name(name)


def check(*files: Path) -> list[str]:
    """Return the errors that `labels check` prints, and compare those of each file with `info`."""
    together = LabelFileCheck()
    return [str(error) for file in files for error in together.check(file)[0]]


def found_in(file: Path) -> list[str]:
    """Return the mismatches of one label file, from `labels check` and `data info`."""
    found = [error.split(", but ", 1)[-1] for error in check(file)]
    facts, problems = info(file)
    assert [problem.split(", but ", 1)[-1] for problem in problems] == found
    assert facts["format"].startswith("label file")
    return found


def two_trackers(folder: Path) -> tuple[Path, Path]:
    """Write the recordings of two trackers that started at the same time."""
    first = write_recording(folder / "t5", f"{RUN}@g@e@t5@p")
    return first, write_recording(folder / "t15", f"{RUN}@g@e@t15@p", (1, 20, 33))


@pytest.fixture
def spine(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "lab")


# run, larvae and times


def test_labels_of_the_recording(spine: Path) -> None:
    both = (spine, spine.with_suffix(".outline"))
    assert found_in(write(both)) == []
    assert found_in(write(both, tracks={20: [20.1, 20.3]})) == []  # some larvae and frames
    # each within 1 ms, as labels are rounded
    assert found_in(write(both, tracks={1: [1.001, 1.099, 1.2]})) == []
    assert found_in(write(both, tracks={1: []})) == []
    assert found_in(write(both, tracks={})) == []


def test_everything_of_another_recording(spine: Path) -> None:
    file = write([spine], "other", tracks={101: [50.0, 50.1], 102: [50.0], 103: [], 104: [1.0]})
    assert found_in(file) == [
        f"the run is other, not {RUN}",
        "4 of 4 larvae are not tracked (101, 102, 103, ...)",
        "4 of 4 frames are not tracked within 1 ms (larvae 101, 102, 104)",
    ]
    assert check(file)[0].startswith(
        f"{file}: run other: bad-dependency: expected labels of {FILE}, but the run is"
    )


def test_some_larvae_and_times_of_another_recording(spine: Path) -> None:
    assert found_in(write([spine], tracks={1: [1.0, 1.05, 1.1012], 2: [1.0]})) == [
        "1 of 2 larvae is not tracked (2)",
        "2 of 4 frames are not tracked within 1 ms (larvae 1, 2)",
    ]
    file = write([spine], tracks={1: [1.0, 1.0980, 1.102]})
    assert found_in(file) == ["2 of 3 frames are not tracked within 1 ms (larva 1)"]
    assert found_in(write([spine], tracks={1: [0.998]})) == [
        "1 of 1 frame is not tracked within 1 ms (larva 1)"
    ]


@pytest.mark.parametrize("kept", [".spine", ".outline"])
@pytest.mark.parametrize("missing", [False, True])
def test_dependencies_on_one_of_a_pair(kept: str, missing: bool, spine: Path) -> None:
    file = spine.with_suffix(kept)
    if missing:
        spine.with_suffix(".outline" if kept == ".spine" else ".spine").unlink()
    assert check(write([file])) == []
    (error,) = check(write([file], tracks={1: [7.0]}))
    assert "1 of 1 frame" in error


def test_coordinates_do_not_matter(spine: Path) -> None:
    spine.write_text(spine.read_text().replace(" 0.001 ", " what? "))
    assert check(write([spine])) == []
    spine.write_text(spine.read_text().replace(" 1.200 ", " what? "))
    (error,) = check(write([spine]))
    assert "bad-dependency: expected tracks that can be read, found: " in error
    assert "expected a number in field 3" in error


def test_other_errors_come_first(spine: Path) -> None:
    file = write([spine], "other")
    spine.write_text(spine.read_text() + "\n")
    (error,) = check(file)
    assert "expected sha1" in error
    (problem,) = info(file)[1]
    assert "expected sha1" in problem


def test_files_of_unknown_formats_are_not_compared(tmp_path: Path) -> None:
    for name in ("video.avi", "table.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n")
        assert check(write([tmp_path / name])) == []
    labels = Labels()
    labels.set(RUN, 1, [0.0], ["run"])
    labels.write(tmp_path / "none.label")
    assert check(tmp_path / "none.label") == []


def test_a_recording_made_in_memory() -> None:
    labels = Labels()
    labels.set(RUN, 1, [0.0, 0.1], ["run"] * 2)
    recording = Recording("b", {1: Track(np.array([0.0]))}, {}, "own", ())
    assert find_mismatches(labels[RUN], recording) == [
        f"the run is {RUN}, not b",
        "1 of 2 frames is not tracked within 1 ms (larva 1)",
    ]
    assert find_mismatches(labels[RUN], recording, times=False) == [f"the run is {RUN}, not b"]


# names of runs


def test_names_that_files_give_a_run(tmp_path: Path) -> None:
    folder = tmp_path / "20170714_101500"
    spine = write_recording(folder, "a@g@e@t5@p")
    spine.write_text(spine.read_text().replace("a ", "content "))
    spine.with_suffix(".outline").unlink()
    for run in ("content", "a", spine.stem, folder.name):
        assert check(write([spine], run)) == []
    assert len(check(write([spine], "20170714_101501"))) == 1
    folder = folder.rename(tmp_path / "b")
    assert len(check(write([folder / spine.name], "b"))) == 1  # any folder has a name


def test_any_name_if_the_files_contain_none(tmp_path: Path) -> None:
    one = tmp_path / f"{STEM}.00001.spine"
    one.write_text("".join(f"{1 + i / 10} 1 1 2 2 3 3\n" for i in range(5)))
    assert load(one, outline=False).run_is_derived
    assert check(write([one], "any", tracks={1: [1.0]})) == []
    assert len(check(write([one], "any", tracks={2: [1.0]}))) == 2


def test_several_runs_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "trx.mat"
    path.write_bytes(trxmat.image(trxmat.larva(1), trxmat.larva(2, id=trxmat.OTHER))["trx.mat"])
    larvae = {
        run.run: {larva: track.times for larva, track in run.items()} for run in load_runs(path)
    }
    for run, tracks in larvae.items():
        assert found_in(write([path], run, tracks=tracks)) == []
    other = write([path], trxmat.OTHER, tracks=larvae[RUN])
    assert [error.split()[-1] for error in found_in(other)] == ["(1)", "1)"]
    (error,) = check(write([path], "third", tracks=larvae[RUN]))
    assert f"expected labels of a run in the tracker file ({RUN}, {trxmat.OTHER}), found" in error
    assert len(info(tmp_path / "x.label")[1]) == 1
    path.write_bytes(trxmat.image(trxmat.larva(1, id=()))["trx.mat"])
    with pytest.warns(UserWarning, match="1 missing identifier"):
        assert load(path).run_is_derived
    assert check(write([path], "any", tracks=larvae[RUN])) == []


def test_several_runs_in_a_label_file(tmp_path: Path) -> None:
    names = [RUN, "20240612_090000"]
    labels = Labels()
    for name in names:
        spine = write_recording(tmp_path, f"{name}@g@e@t5@p")
        labels.set(name, 1, [1.0], ["run"])
        labels[name].dependencies = [dependency(spine)]
    labels.write(tmp_path / "both.label")
    assert found_in(tmp_path / "both.label") == []
    labels.set(names[1], 3, [1.0], ["run"])
    labels.write(tmp_path / "both.label")
    assert len(found_in(tmp_path / "both.label")) == 2
    assert f"run {names[1]}" in check(tmp_path / "both.label")[0]
    spine.write_text("")
    assert "expected sha1" in info(tmp_path / "both.label")[1][0]


# tables of FIMTrack


def test_the_frame_rate_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(fimtrack.text(fimtrack.rows()).encode())
    times = {
        larva: track.times
        for larva, track in load(path, framerate=16, spine=False, outline=False).items()
    }
    camera = {"framerate": 16}
    assert check(write([path], "any", tracks=times, camera=camera)) == []
    assert check(write([path], "any", tracks=times, camera={"framerate": 30})) != []
    # the table does not contain the frame rate
    file = write([path], "any", tracks=times)
    assert check(file) == []
    assert len(check(write([path], "any", tracks={99: [0.0]}))) == 1
    (problem,) = info(write([path], "any", tracks=times, camera=camera))[1]
    assert "pixelsize" in problem
    assert info(file, pixelsize=73, framerate=16)[1] == []
    (problem,) = info(file, pixelsize=73, framerate=30)[1]
    assert "not tracked within 1 ms" in problem


# several label files


def test_runs_of_one_identifier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = two_trackers(tmp_path)
    files = [write([one]), write([other]), write([one], name="y.label")]
    (error,) = check(*files)
    assert error.startswith(f"{files[1]}: run {RUN}: bad-dependency: expected the recording of")
    assert f"in {files[0]}, {one.name}; found another one" in error
    assert called("labels", "check", *files, cwd=tmp_path) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{files[0]}: nothing to fix",
        error,
        f"{files[2]}: nothing to fix",
    ]
    # each one file of a pair
    assert check(write([one]), write([one.with_suffix(".outline")], name="y.label")) == []


def test_runs_that_readers_name_alike(tmp_path: Path) -> None:
    content = fimtrack.text(fimtrack.rows()).encode()
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "table.csv").write_bytes(content + b"\n" * (name == "b"))
        files.append(write([tmp_path / name / "table.csv"], "table", tracks={}))
    assert check(*files) == []


def test_two_formats_of_a_recording(spine: Path) -> None:
    trx = spine.with_name("trx.mat")
    trx.write_bytes(trxmat.image(trxmat.larva(1))["trx.mat"])
    times = {1: load(trx)[1].times}
    assert check(write([trx], tracks=times), write([spine], name="y.label")) == []
    elsewhere = trx.rename(spine.parent.parent / "trx.mat")
    (error,) = check(write([elsewhere], tracks=times), spine.with_name("y.label"))
    assert "found another one of the same identifier" in error


def test_label_files_of_one_recording(tmp_path: Path) -> None:
    one, other = two_trackers(tmp_path)
    outline = one.with_suffix(".outline")
    files = [
        write([one], name="a.label"),
        write([other], name="b.label"),
        write([outline], name="c.label"),
        write([one, outline], name="d.label"),  # joins a and c
        write([one], "another run", name="e.label"),
    ]
    unknown = tmp_path / "f.label"
    labels = Labels()
    labels.add_run(RUN)
    labels.write(unknown)
    found = group_label_files((file, Labels.read(file)) for file in (*files, unknown))
    assert [(x.run, [file.name for file in x.label_files]) for x in found] == [
        (RUN, ["a.label", "c.label", "d.label"]),
        (RUN, ["b.label"]),
        ("another run", ["e.label"]),
    ]


# combining labels


@pytest.fixture
def others(tmp_path: Path) -> tuple[Path, Path]:
    """Return label files of two recordings with the same run."""
    one, other = two_trackers(tmp_path)
    return write_labels(one), write_labels(other)


def test_labels_of_other_recordings_are_not_combined(others: tuple[Path, Path]) -> None:
    one, other = map(Labels.read, others)
    for combine in (
        lambda **force: one.merge(other, **force),
        lambda **force: one.fill("run", other, **force),
        lambda **force: compare(one[RUN], other[RUN], **force),
        lambda **force: compare_files(*others, **force),
        lambda **force: report({"one": one, "other": other}, **force),
    ):
        with label_error("bad-dependency", run=RUN):
            combine()
        combine(force=True)


def test_fill_with_tracks_of_another_recording(others: tuple[Path, Path]) -> None:
    labels = Labels.read(others[0])
    (own,), (other,) = (find_recordings(file.parent) for file in others)
    for path in (own, own.with_suffix(".outline")):
        labels.fill("run", load(path, spine=False, outline=False))
    labels[RUN].dependencies = labels[RUN].dependencies[:1]  # of the outline
    labels.fill("run", load(own, outline=False))
    with label_error("bad-dependency", run=RUN):
        labels.fill("run", load(other))
    labels.fill("run", load(other), force=True)
    recording = load(other)
    renamed = Recording("other", recording.tracks, {}, "own", recording.sources)
    with label_error("bad-dependency", run="other"):
        labels.fill("run", renamed)  # the file is no dependency of any run
    labels.fill("run", Recording("other", recording.tracks, {}, "own", ()))  # unknown files
    other.unlink()
    other.with_suffix(".outline").unlink()
    labels.fill("run", recording)
    labels[RUN].dependencies = []
    labels.fill("run", load(own))


def test_the_commands(others: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = (str(file.relative_to(tmp_path)) for file in others)
    (spine,) = find_recordings(others[1].parent)
    for arguments in (
        ("merge", *others),
        ("fill", others[0], "--label", "run", "--like", others[1]),
        ("fill", others[0], "--label", "run", "--like", spine),
        ("report", *others),
    ):
        output = tmp_path / ("m.html" if "report" in arguments else "m.label")
        with label_error("bad-dependency", run=RUN):
            called("labels", *arguments, "-o", output, cwd=tmp_path)
        assert not output.exists()
    result = command("labels", "diff", one, other, cwd=tmp_path)
    refused(result, "combine them with --force\n", 2)
    assert result.stderr.startswith(f"Error: {other}: run")
    called("labels", "diff", *others, "--force", cwd=tmp_path)
    called("labels", "merge", *others, "-o", tmp_path / "m.label", "--force", cwd=tmp_path)


def test_fill_takes_the_frame_rate_of_the_labels(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(fimtrack.text(fimtrack.rows()).encode())
    tracks = load(path, framerate=16, spine=False, outline=False)
    file = write([path], "table", tracks={}, camera={"framerate": 16})
    arguments = ("fill", file, "--label", "stop", "--like", path)
    called("labels", *arguments, "-o", tmp_path / "y.label", cwd=tmp_path)
    filled = Labels.read(tmp_path / "y.label")["table"]
    assert {larva: len(track.find(tracks[larva].times)) for larva, track in filled.items()} == {
        larva: len(track) for larva, track in tracks.items()
    }
    assert check(tmp_path / "y.label") == []


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="real recordings are not part of the project")
def test_real_label_files() -> None:
    files = sorted(RECORDINGS.glob("chore/*/*.label"))
    assert files
    assert check(*files) == []
