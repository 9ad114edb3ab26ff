"""Tests of the whole backend through the command: train on some recordings, predict others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import h5py
import numpy as np
import pytest

from examplebackend.features.spine import WINDOW, resample_spine
from examplebackend.models.forest import Model, read_examples, read_model
from examplebackend.models.predict_model import predict_model, tag
from examplebackend.models.train_model import train_from
from taggingbackends import BackendExplorer, Labels, __version__
from taggingbackends.analysis import review
from taggingbackends.data import (
    Recording,
    Track,
    find_recordings,
    load_runs,
    load_tracks,
    resample,
    resample_states,
)
from taggingbackends.labels import find_bouts
from taggingbackends.simulation import STATES, SimulatedTrack, write_tracks, write_truth
from taggingbackends.simulation import main as simulate
from taggingbackends.simulation import simulate as simulated_tracks

PROJECT = Path(__file__).parent.parent
SHARED = PROJECT.parent.parent / "shared" / "data"
SIMULATED = PROJECT / "models" / "simulated"
RECORDINGS = Path(os.environ.get("TAGGINGBACKENDS_RECORDINGS", SHARED)) / "chore"


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the backend, to leave the data and models of the original unchanged."""
    copy = tmp_path_factory.mktemp("backend") / PROJECT.name
    shutil.copytree(PROJECT / "src", copy / "src")
    shutil.copytree(PROJECT / "models" / "simulated", copy / "models" / "simulated")
    shutil.copytree(copy / "models", copy / "pretrained_models")
    shutil.copy(PROJECT / "pyproject.toml", copy)
    return copy


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three simulated recordings."""
    folder = tmp_path_factory.mktemp("lab")
    for seed in (11, 12, 13):
        run = f"20240611_1015{seed}"
        simulate([str(folder / str(seed)), "--seconds=40", f"--seed={seed}", f"--run={run}"])
    return folder


PIXEL = 73.0  # µm
FRAME = 0.08  # s


def write_fimtrack(folder: Path, run: str, seed: int) -> Path:
    """Write simulated larvae as a FIMTrack table with 14 points per spine; return the labels."""
    table: dict[str, dict[int, dict[int, float]]] = {}  # feature -> frame -> larva -> pixels
    truth = {}
    parts = ["head", *(f"spinepoint_{k}" for k in range(1, 13)), "tail"]
    for larva, (times, spine, outlines, states) in simulated_tracks(4, 40.0, seed).items():
        even = resample(Track(times, spine), FRAME, anchor=0.0)
        frames = np.rint(even.times / FRAME).astype(int).tolist()
        assert even.spine is not None
        pixels = resample_spine(even.spine, len(parts)) * 1000 / PIXEL
        for i, part in enumerate(parts):
            for j, axis in enumerate("xy"):
                rows = table.setdefault(f"{part}_{axis}", {})
                for frame, value in zip(frames, pixels[:, i, j].tolist(), strict=True):
                    rows.setdefault(frame, {})[larva] = value
        labels = Labels()
        labels.set(run, larva, times, states)
        codes = resample_states(labels[run][larva], even.times)
        names = [str(labels[run].states[code]) for code in codes]
        truth[larva] = SimulatedTrack(even.times, even.spine, outlines, names)
    lines = ["".join(f",larva({larva})" for larva in truth)]
    for feature, rows in table.items():
        for frame in range(min(rows), max(rows) + 1):
            cells = (f"{rows[frame][k]:.4f}" if k in rows.get(frame, {}) else "" for k in truth)
            lines.append(f"{feature}({frame}),{','.join(cells)}")
    folder.mkdir(parents=True)
    path = folder / f"{run}.csv"
    path.write_text("\n".join(lines) + "\n")
    return write_truth(folder, run, truth, [path])


def write_trxmat(folder: Path, run: str, seed: int) -> Path:
    """Write simulated larvae as a trx.mat with the states as indicators."""
    folder.mkdir(parents=True)
    path = folder / "trx.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        fields: dict[str, list[h5py.Reference]] = {}
        for larva, (times, spine, _, states) in simulated_tracks(4, 40.0, seed).items():
            on = {name: np.where(np.array(states) == name, 1.0, -1.0)[None] for name in STATES}
            strong = {f"{name}_strong": on[name] for name in ("run", "cast")}
            values = {
                "numero_larva_num": [[float(larva)]],
                "t": times[None],
                "x_spine": spine[..., 0].T,
                "y_spine": spine[..., 1].T,
            }
            text = np.frombuffer(run.encode("utf-16-le"), "<u2")[:, None]
            file[f"#refs#/id{larva}"] = text
            file[f"#refs#/id{larva}"].attrs["MATLAB_int_decode"] = 2
            for name, value in (values | on | strong).items():
                file[f"#refs#/{name}{larva}"] = value
            for name in ("id", *values, *on, *strong):
                fields.setdefault(name, []).append(file[f"#refs#/{name}{larva}"].ref)
        for name, references in fields.items():
            file[f"trx/{name}"] = np.array([references], dtype=h5py.ref_dtype)
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path


def run_in(project: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "taggingbackends", "--project", project, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


def tagging_backend(project: Path, *arguments: str | Path) -> str:
    result = run_in(project, *arguments)
    assert result.returncode == 0, result.stderr
    if arguments[0] in ("train", "finetune"):  # shows what it trains on
        assert "Warning" not in result.stderr
    else:
        assert result.stderr == ""
    return result.stdout


def trained(
    files: Iterable[Path], folder: Path, earlier: Path | None = None, **options: Any
) -> Model:
    """Train in this process, as the scripts do, on recordings with labels; return the model."""
    inputs = [path for file in files for path in (file, *find_recordings(file.parent))]
    folder.mkdir(parents=True)
    backend = SimpleNamespace(
        list_input_files=lambda: inputs,
        tracker_options=options.pop("tracker_options", {}),
        interim_data_dir=lambda: folder,
        model_dir=lambda: folder,
    )
    defaults = {"trees": 30, "seed": 0, "labels": ("*",), "indicators": None}
    train_from(earlier, cast(BackendExplorer, backend), **(defaults | options))
    return read_model(folder)


def predicted_by(model: Model, spine: Path) -> Labels:
    return tag(load_tracks(spine, outline=False), model)


def refused(result: subprocess.CompletedProcess[str], message: str, exit_code: int = 1) -> None:
    assert result.returncode == exit_code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def recalls(truth: Labels, predicted: Labels, names: list[str]) -> list[float]:
    """Return the share of frames of each label that were predicted correctly."""
    right = dict.fromkeys(names, 0)
    total = dict.fromkeys(names, 0)
    for run in truth.values():
        for larva, track in run.items():
            found = predicted[run.id][larva]
            assert np.array_equal(found.times, track.times)
            for expected, state in zip(track.states, found.states, strict=True):
                if expected in total:
                    total[str(expected)] += 1
                    right[str(expected)] += state == expected
    return [right[name] / total[name] for name in names]


def test_trained_and_used_on_simulated_larvae(backend: Path, lab: Path) -> None:
    labels = [lab / seed / "truth.label" for seed in ("11", "12")]
    output = tagging_backend(backend, "train", *labels, "--model-instance=new", "--trees=30")
    assert output == "new\n"
    spine = next((lab / "13").glob("*.spine"))
    tagging_backend(backend, "predict", spine, "--model-instance=new")
    predicted = Labels.read(spine.with_name("predicted.label"))
    truth = Labels.read(spine.with_name("truth.label"))
    names = ["run", "cast", "stop", "back"]
    assert np.mean(recalls(truth, predicted, names)) > 0.85
    run = predicted["20240611_101513"]
    assert run.names == names
    assert run.colors == truth["20240611_101513"].colors
    assert len(run.metadata["software"].pop("model_digest")) == 40
    assert run.metadata["software"] == {
        "name": "examplebackend",
        "version": "0.1.0",
        "model_instance": "new",
        "taggingbackends": __version__,
    }
    assert len(predicted.check_dependencies(spine.parent)) == 2
    assert load_tracks(spine.with_name("predicted.label")).run == run.id


def test_the_included_model_instance(lab: Path) -> None:
    spine = next((lab / "13").glob("*.spine"))
    truth = Labels.read(spine.with_name("truth.label"))
    predicted = predicted_by(read_model(SIMULATED), spine)
    assert np.mean(recalls(truth, predicted, list(STATES))) > 0.85


def test_the_backend_follows_the_contract() -> None:
    backend = BackendExplorer(PROJECT)
    assert backend.check() == []
    assert "simulated" in backend.list_models()
    names = {path.name for path in backend.model_dir("simulated").iterdir()}
    assert names == {"forest.skops", "windows.npz", "training.json"}


@pytest.mark.parametrize(
    ("trained_on", "used_on"),
    [("20170714_101500", "20170714_113000"), ("20170714_113000", "20170714_101500")],
)
def test_trained_and_used_on_real_larvae(trained_on: str, used_on: str, tmp_path: Path) -> None:
    if not RECORDINGS.is_dir():
        pytest.skip("real recordings are not part of the project: TAGGINGBACKENDS_RECORDINGS=DIR")
    model = trained([RECORDINGS / trained_on / "groundtruth.label"], tmp_path / "model", trees=50)
    predicted = predicted_by(model, next((RECORDINGS / used_on).glob("*.spine")))
    truth = Labels.read(RECORDINGS / used_on / "groundtruth.label")
    assert np.mean(recalls(truth, predicted, ["run", "cast", "stop"])) >= 0.80


def test_any_format_is_labelled(backend: Path, tmp_path: Path) -> None:
    # the model was trained on Choreography's 11 points; the table has 14, and even frames
    instance = ("--model-instance", "simulated")
    fimtrack = write_fimtrack(tmp_path / "fimtrack", "20240611_120000", seed=21)
    trxmat = write_trxmat(tmp_path / "trxmat", "20240611_130000", seed=22)
    table = fimtrack.with_name("20240611_120000.csv")
    camera = ("--pixelsize=73", f"--framerate={1 / FRAME}")
    predicted = predicted_by(read_model(SIMULATED), trxmat)
    truth = load_tracks(trxmat, outline=False).labels()
    assert np.mean(recalls(truth, predicted, list(STATES))) > 0.85
    dated = tmp_path / "20240611_120000" / "table.csv"  # the folder names the run
    dated.parent.mkdir()
    dated.write_bytes(table.read_bytes())
    tagging_backend(backend, "predict", dated, *instance, *camera)
    predicted = Labels.read(dated.with_name("predicted.label"))
    assert list(predicted) == ["20240611_120000"]
    assert np.mean(recalls(Labels.read(fimtrack), predicted, list(STATES))) > 0.85
    # the metadata of the labels is enough to load the table
    recording = load_tracks(dated.with_name("predicted.label"), outline=False)
    assert recording.metadata["camera"] == {"pixelsize": PIXEL, "framerate": 1 / FRAME}


def test_any_format_is_trained_on(lab: Path, tmp_path: Path) -> None:
    with_camera = write_fimtrack(tmp_path / "with_camera", "20240611_120000", seed=21)
    labels = Labels.read(with_camera)
    labels["20240611_120000"].metadata["camera"] = {"pixelsize": PIXEL, "framerate": 1 / FRAME}
    labels.write(with_camera)
    without = write_fimtrack(tmp_path / "without", "20240611_121500", seed=22)
    trxmat = write_trxmat(tmp_path / "trxmat", "20240611_130000", seed=23)
    spine = next((lab / "13").glob("*.spine"))
    truth = Labels.read(spine.with_name("truth.label"))
    camera = {"pixelsize": PIXEL, "framerate": 1 / FRAME}
    strong: dict[str, Any] = {"indicators": ["strong"], "labels": ["run_strong", "cast_strong"]}
    for name, file, options in (
        ("with_camera", with_camera, {}),
        ("without", without, {"tracker_options": camera}),
        ("trxmat", trxmat, {"indicators": ["plain"]}),
        ("strong", trxmat, strong),
    ):
        model = trained([file], tmp_path / name / "model", **options)
        if name == "strong":
            assert list(model.colors) == strong["labels"]
        else:
            predicted = predicted_by(model, spine)
            assert np.mean(recalls(truth, predicted, list(STATES))) > 0.8, name


def test_labels_can_be_selected(lab: Path, tmp_path: Path) -> None:
    labels = ["stop", "r*"]
    model = trained([lab / "11" / "truth.label"], tmp_path / "model", labels=labels, trees=5)
    (run,) = predicted_by(model, next((lab / "13").glob("*.spine"))).values()
    assert run.names == ["stop", "run"]
    assert run.colors == ["#bcbd22", "#2ca02c"]


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two recordings of slower larvae, seen by another camera."""
    folder = tmp_path_factory.mktemp("slow")
    for seed in (1, 2):
        options = (f"--seed={seed}", f"--run=20240612_10150{seed}", "--seconds=60")
        simulate([str(folder / str(seed)), *options, "--speed=0.5", "--framerate=20"])
    return folder


def correct(labels: Labels, truth: Labels, bouts: int) -> None:
    """Correct the wrong bouts that `review` lists first, as somebody does in Nyx."""
    found = review(labels)
    assert found is not None
    for bout in found.bouts:
        track, true = labels[bout.run][bout.larva], truth[bout.run][bout.larva].states
        states = track.states
        inside = (track.times >= bout.start) & (track.times < bout.stop - 1e-6)
        frames = np.flatnonzero(inside).tolist()
        if bouts and any(states[frame] != true[frame] for frame in frames):
            bouts -= 1
            for frame in frames:
                states[frame] = (str(true[frame]), "edited")
            labels.set(bout.run, bout.larva, track.times, states, track.confidence, track.second)
            labels[bout.run].secondary_names = ["edited"]
    assert not bouts


def test_corrections_teach_another_kind_of_larva(backend: Path, slow: Path, lab: Path) -> None:
    corrected, other = (next((slow / seed).glob("*.spine")) for seed in "12")
    usual = next((lab / "13").glob("*.spine"))
    simulated = read_model(backend / "models" / "simulated")

    def accuracy(model: Model, spine: Path) -> float:
        truth = Labels.read(spine.with_name("truth.label"))
        return float(np.mean(recalls(truth, predicted_by(model, spine), list(STATES))))

    tagging_backend(backend, "predict", corrected, "--model-instance=simulated")
    file = corrected.with_name("predicted.label")
    labels = Labels.read(file)
    correct(labels, Labels.read(corrected.with_name("truth.label")), bouts=50)
    labels.write(file)
    edited = labels.count()["edited"]
    options = ("--model-instance=slow", "--original-model-instance=simulated")
    tagging_backend(backend, "finetune", file, *options)
    finetuned = read_model(backend / "models" / "slow")
    assert finetuned.colors == simulated.colors
    assert accuracy(finetuned, other) > accuracy(simulated, other) + 0.08
    assert accuracy(finetuned, usual) > 0.85
    kept = read_examples(backend / "models" / "slow")
    new = kept.recordings == 2
    assert np.array_equal(kept.edited, new)  # none of the unedited predictions
    assert 0.8 * edited < kept.frames[new].sum() < edited + 1
    # a pretrained model is the same; with the same seed, so is the result
    options = ("--model-instance=again", "--pretrained-model-instance=simulated")
    tagging_backend(backend, "train", file, *options)
    again = read_examples(backend / "models" / "again")
    assert np.array_equal(again.features, kept.features)


def test_short_bouts_get_the_labels_of_neighbours(backend: Path, lab: Path, tmp_path: Path) -> None:
    spine = next((lab / "12").glob("*.spine"))
    here = SimpleNamespace(
        model_dir=lambda: SIMULATED,
        list_input_files=lambda: list(spine.parent.iterdir()),
        load_runs=load_runs,
        output_path=lambda file, run: tmp_path / "predicted.label",
    )
    predict_model(cast(BackendExplorer, here), shortest=1.2)
    smoothed = Labels.read(tmp_path / "predicted.label")
    raw = predicted_by(read_model(SIMULATED), spine)
    expected = copy(raw)
    expected.smooth(1.2)
    (run,), (smooth,) = expected.values(), smoothed.values()
    for larva, track in run.items():
        assert track.states == smooth[larva].states
        known = smooth[larva].confidence
        assert known is not None
        assert np.allclose(known, track.confidence, atol=0.006, equal_nan=True)
        assert smooth[larva].second == track.second
    starts = (find_bouts(one).start for one in (smooth, raw[run.id]))
    assert len(next(starts)) < len(next(starts))
    result = run_in(backend, "predict", spine, "--model-instance=simulated", "--shortest=0")
    refused(result, "--shortest: expected a duration above 0 s, found 0", 2)


def test_ends_of_tracks_are_labelled_and_short_tracks_are_undefined(tmp_path: Path) -> None:
    tracks = simulated_tracks(3, 40.0, seed=24)
    short = next(iter(tracks))
    tracks[short] = SimulatedTrack(*(part[:12] for part in tracks[short]))  # less than a window
    file = write_tracks(tmp_path, "20240611_140000", tracks)[1]
    (labels,) = predicted_by(read_model(SIMULATED), file).values()
    assert list(labels) == list(tracks)
    assert set(labels[short].states) == {()}
    for larva, track in labels.items():
        if larva == short:
            continue
        times = tracks[larva][0]
        assert np.array_equal(track.times, times)
        fits = np.flatnonzero(WINDOW.fits(times, times))
        assert len(set(track.states[: fits[0] + 1])) == len(set(track.states[fits[-1] :])) == 1


def test_frames_without_a_spine_take_the_nearest_label() -> None:
    model = read_model(SIMULATED)
    tracks = {
        larva: Track(times, spine)
        for larva, (times, spine, *_) in simulated_tracks(3, 40.0, seed=24).items()
    }
    run = "20240611_140000"
    whole = tag(Recording(run, tracks, {}, "x", ()), model)[run]
    one, two, three = tracks
    spines = {larva: np.array(track.spine) for larva, track in tracks.items()}
    times = tracks[one].times
    few = np.flatnonzero((times > 10) & (times < 10.5))
    many = (times > 20) & (times < 26)
    spines[one][few] = spines[one][many] = np.nan
    spines[two][:] = np.nan
    spines[three][[0, -1]] = np.nan
    lacking = {larva: replace(track, spine=spines[larva]) for larva, track in tracks.items()}
    labels = tag(Recording(run, lacking, {}, "x", ()), model)[run]
    assert list(labels) == list(tracks)
    assert all(np.array_equal(labels[larva].times, tracks[larva].times) for larva in tracks)
    assert set(labels[two].states) == {()}
    states = labels[one].states
    assert {states[frame] for frame in few} <= {states[few[0] - 1], states[few[-1] + 1]}
    # 0.5 s before and after the gap have no window; 1 s farther is max_gap
    assert {states[frame] for frame in np.flatnonzero((times > 20.6) & (times < 25.4))} == {()}
    assert () not in [states[frame] for frame in np.flatnonzero(~many)]
    assert labels[three].states[0] == labels[three].states[1] == whole[three].states[1]
    nothing = tag(Recording(run, {two: lacking[two]}, {}, "x", ()), model)
    assert nothing.count() == {"": len(tracks[two])}
    assert tag(Recording(run, {}, {}, "x", ()), model).count() == {}
    some = {**model.colors, "stop": None}
    tagged = tag(Recording(run, tracks, {}, "x", ()), replace(model, colors=some))[run]
    assert tagged.colors == [some[name] or "#808080" for name in some]


def test_bad_options_of_formats(backend: Path, lab: Path, tmp_path: Path) -> None:
    spine = next((lab / "13").glob("*.spine"))
    trxmat = write_trxmat(tmp_path / "trxmat", "20240611_130000", seed=23)
    instance = ("--model-instance=simulated", "--output", tmp_path / "out")
    result = run_in(backend, "predict", spine, *instance, "--pixelsize=wide")
    refused(result, "--pixelsize: expected a positive number, found 'wide'", 2)
    result = run_in(backend, "train", trxmat, "--model-instance=loud", "--indicators=loud")
    refused(result, "plain, large, strong, weak, global_state*, found 'loud'")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--trees=many", "train_model.py: --trees: expected int, found 'many'"),
        ("--trees", "--trees: expected int, found no value"),
        ("--trees=0", "--trees: expected at least 1, found 0"),
        ("--seed=-1", "--seed: expected a number from 0 to 2^32 - 1, found -1"),
        ("--tree=5", "no script takes --tree; did you mean --trees?"),
    ],
)
def test_bad_options(option: str, message: str, backend: Path, lab: Path) -> None:
    label = lab / "11" / "truth.label"
    result = run_in(backend, "train", label, "--model-instance=bad", option)
    refused(result, message, 2)
    assert not (backend / "models" / "bad").exists()


def test_no_labels_to_train_on(backend: Path, lab: Path) -> None:
    spine = next((lab / "13").glob("*.spine"))
    result = run_in(backend, "train", spine, "--model-instance=none")
    refused(result, "expected the labels of one run, found 0; name label files")


def test_a_model_that_cannot_be_read(backend: Path, lab: Path, tmp_path: Path) -> None:
    (backend / "models" / "broken").mkdir()
    (backend / "models" / "broken" / "forest.skops").write_bytes(b"not a model")
    spine = next((lab / "13").glob("*.spine"))
    result = run_in(backend, "predict", spine, "--model-instance=broken", "--output", tmp_path)
    refused(result, "forest.skops: expected a model that train_model made, found: ")
