"""Simulated larvae: their files, and that they move and behave as larvae do."""

import hashlib

import numpy as np
import pytest

from taggingbackends import Labels, simulation
from taggingbackends.simulation import STATES, simulate, simulate_labels, write_tracks, write_truth

RUN = "20240611_101500"


@pytest.fixture(scope="module")
def recording():
    return simulate(larvae=3, seconds=40.0, seed=5)


def test_the_same_seed_gives_the_same_files(tmp_path):
    contents = []
    for name, seed in {"a": 1, "b": 1, "c": 2}.items():
        paths = write_tracks(tmp_path / name, RUN, simulate(larvae=2, seconds=10.0, seed=seed))
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_files_are_in_the_format_of_choreography(recording, tmp_path):
    outline, spine = write_tracks(tmp_path / "new" / "folder", RUN, recording)
    assert outline.name == f"{RUN}@sim@none@t0@n#n#n#n@100.outline"
    assert spine.name == f"{RUN}@sim@none@t0@n#n#n#n@100.spine"
    lines = spine.read_text(encoding="ascii").splitlines()
    contours = outline.read_text(encoding="ascii").splitlines()
    assert len(lines) == len(contours) == sum(len(track[0]) for track in recording.values())
    expected = (
        (larva, time, shape, contour)
        for larva, (times, shapes, outlines, _) in recording.items()
        for time, shape, contour in zip(times, shapes, outlines, strict=True)
    )
    for line, other, (larva, time, shape, contour) in zip(lines, contours, expected, strict=True):
        assert line.startswith(f"{RUN} {larva:05d} {time:.3f} ")
        assert other.startswith(f"{RUN} {larva:05d} {time:.3f} ")
        assert [float(number) for number in line.split(" ")[3:]] == shape.ravel().tolist()
        assert [float(number) for number in other.split(" ")[3:]] == contour.ravel().tolist()


def test_larvae_are_found_late_and_lost_early_and_identifiers_are_not_consecutive():
    tracks = simulate(larvae=6, seconds=50.0, seed=3)
    identifiers = list(tracks)
    assert identifiers == sorted(set(identifiers))
    assert np.diff(identifiers).min() > 1
    assert len({times[0] for times, *_ in tracks.values()}) > 1
    assert len({times[-1] for times, *_ in tracks.values()}) > 1
    for times, spine, outlines, states in tracks.values():
        assert len(times) == len(spine) == len(outlines) == len(states)
        assert 0.05 < np.diff(times).min() < np.diff(times).max() < 0.11
        assert np.array_equal(times, times.round(3))
        assert set(states) <= set(STATES)


def test_bodies_are_continuous_and_of_the_size_of_a_larva(recording):
    for _, spine, _, _ in recording.values():
        segments = np.linalg.norm(np.diff(spine, axis=1), axis=2)
        lengths = segments.sum(axis=1)
        assert spine.shape[1:] == (11, 2)
        assert 2.7 < lengths.min() < lengths.max() < 4.4
        assert segments.max() < 2.0 * segments.min()
        assert np.abs(np.diff(spine, axis=0)).max() < 1.0  # no jumps


def test_outlines_go_clockwise_round_the_spine_from_tail_to_tail(recording):
    for _, spine, outlines, _ in recording.values():
        counts = [len(outline) for outline in outlines]
        assert min(counts) >= 20
        assert max(counts) <= 40
        assert len(set(counts)) > 5
        for points, outline in zip(spine, outlines, strict=True):
            assert np.abs(outline[0] - points[-1]).max() < 0.0015
            x, y = outline.T
            assert 1.0 < np.sum(np.roll(x, -1) * y - x * np.roll(y, -1)) / 2 < 3.5  # mm²


def test_a_recording_may_be_shorter_than_a_frame():
    for times, spine, outlines, states in simulate(larvae=2, seconds=0.01, seed=1).values():
        assert len(times) == len(spine) == len(outlines) == len(states) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"larvae": 0},
        {"seconds": 0.0},
        {"seconds": np.inf},
        {"speed": -1.0},
        {"speed": np.nan},
        {"framerate": 0.0},
        {"framerate": 501.0},
    ],
)
def test_no_larvae_no_time_and_no_speed_are_refused(wrong):
    with pytest.raises(ValueError, match="larvae >= 1, seconds > 0, speed > 0 and 0 < framerate"):
        simulate(**wrong)


def test_slow_larvae_crawl_less_and_have_longer_bouts():
    usual, slow = simulate(seed=4), simulate(seed=4, speed=0.5)
    moved, bouts = [], []
    for tracks in (usual, slow):
        steps = [
            np.hypot(*np.diff(track.spine.mean(axis=1), axis=0).T) / np.diff(track.times)
            for track in tracks.values()
        ]
        runs = [np.array(track.states[1:]) == "run" for track in tracks.values()]
        moved.append(np.median(np.concatenate(steps)[np.concatenate(runs)]))
        states = [np.array(track.states) for track in tracks.values()]
        bouts.append(sum((one[1:] != one[:-1]).sum() for one in states))
    assert 0.4 < moved[1] / moved[0] < 0.65
    assert 0.35 < bouts[1] / bouts[0] < 0.65


@pytest.mark.parametrize("framerate", [5.0, 30.0, 500.0])
def test_frames_are_as_frequent_as_asked(framerate):
    for track in simulate(larvae=2, seconds=20.0, framerate=framerate).values():
        intervals = np.diff(track.times)
        assert abs(intervals.mean() * framerate - 1) < 0.02
        assert intervals.min() > 0
        assert intervals.max() < 1.25 / framerate + 1.1e-3


def test_the_truth_is_a_label_file_beside_the_tracks(recording, tmp_path):
    sources = write_tracks(tmp_path, RUN, recording)
    path = write_truth(tmp_path, RUN, recording, sources)
    labels = Labels.read(path)
    assert path == tmp_path / "truth.label"
    assert list(labels) == [RUN]
    assert list(labels[RUN].names) == list(STATES)
    assert len(labels[RUN].colors) == len(STATES)
    labels.check_dependencies(tmp_path)
    assert {entry["filename"]: entry["sha1"] for entry in labels[RUN].dependencies} == {
        source.name: hashlib.sha1(source.read_bytes()).hexdigest() for source in sources
    }
    for larva, (times, _, _, states) in recording.items():
        assert labels[RUN][larva].times.tolist() == times.tolist()
        assert list(labels[RUN][larva].states) == states


def test_the_command_prints_the_files_it_wrote(tmp_path, capsys):
    simulation.main([str(tmp_path / "x"), "--larvae", "1", "--seconds", "3", "--run", RUN])
    printed = capsys.readouterr().out.splitlines()
    assert sorted(printed) == sorted(str(path) for path in (tmp_path / "x").iterdir())
    assert len(printed) == 3


@pytest.mark.parametrize(
    "arguments", [["--run", "../x"], ["--larvae", "0"], ["--seconds", "0"], ["--speed", "nan"]]
)
def test_the_command_refuses_invalid_options(tmp_path, arguments):
    with pytest.raises(SystemExit) as stopped:
        simulation.main([str(tmp_path / "x"), *arguments])
    assert stopped.value.code == 2
    assert not (tmp_path / "x").exists()


def test_the_truth_of_another_run_is_not_replaced(tmp_path, capsys):
    options = [str(tmp_path), "--seconds=1"]
    simulation.main(options)
    files = sorted(tmp_path.iterdir())
    simulation.main(options)  # the same run again
    with pytest.raises(SystemExit):
        simulation.main([*options, "--run=20240612_090000"])
    expected = (
        "truth.label: expected run 20240612_090000, found 20240611_101500; name another folder"
    )
    assert expected in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == files


def test_labels_of_larvae_that_respond():
    one = simulate_labels("r", 400, 20.0, 3, response=0.3, stimulus=(10.0, 2.0), framerate=5)
    assert one == simulate_labels(
        "r", 400, 20.0, 3, response=0.3, stimulus=(10.0, 2.0), framerate=5
    )
    assert one["r"].names == [*STATES, "hunch"]
    assert one["r"].metadata == {"genotype": "sim", "protocol": "p_8_10s1x2s0s#n#n#n"}
    hunches = 0
    for track in one["r"].values():
        times = track.times[[state == "hunch" for state in track.states]]
        hunches += len(times) > 0
        assert track.times[-1] - track.times[0] >= 0.8 * 20 - 0.4
        assert not len(times) or 10 <= times[0] <= 11.2
    assert hunches == pytest.approx(120, abs=30)


def test_recordings_that_differ():
    def responses(spread):
        return [
            simulate_labels("r", 50, 4.0, seed, stimulus=(1.0, 2.0), spread=spread)
            .count()
            .get("hunch", 0)
            for seed in range(30)
        ]

    assert np.std(responses(0.5)) > 2 * np.std(responses(0.0))


@pytest.mark.parametrize("options", [{"larvae": 0}, {"response": 1.1}, {"spread": 1.0}])
def test_labels_that_cannot_be_simulated(options):
    with pytest.raises(ValueError, match="expected larvae >= 1"):
        simulate_labels("r", **options)
