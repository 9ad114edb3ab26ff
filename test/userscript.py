"""What users write: every public name, typed as a user's own strict checkers want it.

`test_public_names.py` gives this to mypy and pyright, and runs it in an empty folder.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import taggingbackends
from taggingbackends import (
    BackendError,
    BackendExplorer,
    JuliaSetupError,
    LabelFileError,
    Labels,
    ScriptError,
    TaggingBackendsError,
    TrackFileError,
    __version__,
    dependency,
    iter_labels,
    julia,
    simulation,
)
from taggingbackends.analysis import (
    Comparison,
    Design,
    Review,
    Statistics,
    UnsureBout,
    bout_lengths,
    compare,
    compare_files,
    parse_protocol,
    review,
    shares_over_time,
    statistics,
    stimulus_windows,
    transitions,
)
from taggingbackends.data import (
    FORMATS,
    Dataset,
    DatasetPlan,
    Format,
    Recording,
    Track,
    TrxExport,
    Windows,
    WindowShape,
    body_length,
    egocentric,
    even_times,
    export_trx,
    find_mismatches,
    find_recordings,
    is_label_file,
    load_runs,
    load_tracks,
    plan_dataset,
    predict_frames,
    resample,
    resample_states,
    runs_in,
)
from taggingbackends.display import (
    ethogram,
    plot_budgets,
    plot_ethogram,
    plot_over_time,
    plot_responses,
    plot_transitions,
    report,
    write_statistics,
)
from taggingbackends.explorer import BackendExplorer as Explorer
from taggingbackends.julia import Module, include
from taggingbackends.labels import (
    Bouts,
    RunLabels,
    Spans,
    State,
    TrackLabels,
    default_max_gap,
    export_boris,
    find_bouts,
    find_spans,
    import_events,
)
from taggingbackends.main import OptionError, main
from taggingbackends.simulation import (
    STATES,
    SimulatedTrack,
    simulate,
    simulate_labels,
    write_tracks,
    write_truth,
)

RUN = "20240611_101500"


# -- labels


def edit_labels() -> Labels:
    labels = Labels()
    labels.set(RUN, 1, [0.08, 0.16, 0.24], ["run", ("run", "cast"), ()])
    labels.set(RUN, np.int64(2), np.arange(3) / 10, np.array(["run", "cast", "run"]))
    labels.set(RUN, 3, (0.1, 0.2), ("run", "cast"), confidence=[0.9, 0.4], second=["cast", ()])
    run: RunLabels = labels[RUN]
    run.declare(["run", "cast"], colors=["#2ca02c", None])
    run.metadata["genotype"] = "attP2"
    run.metadata |= {"effector": "UAS_TNT"}
    track: TrackLabels = run[1]
    state: State = track[0.16]
    early: TrackLabels = track[:0.2]
    assert state == ("run", "cast") and len(early) == 2 and dict(track)[0.24] == ()
    for larva, each in run.items():
        assert larva + 1 and each.times[0].round() == 0.0
        for time, found in each.items():
            names = (found,) if isinstance(found, str) else found
            assert time > 0.0 or names == ("run",)
    if run[3].confidence is not None:
        assert run[3].confidence.max() == 0.9
    labels.merge(labels.crop(0, 0.2), when=lambda names: "cast" in names)
    labels.rename({"cast": "bend"})
    labels.tag("checked", unless=["bend"])
    labels.smooth(0.2)
    labels.write("my.label")
    labels.write(Path("again.label"))
    again = Labels.from_dict({RUN: {1: {0.1: "run", 0.2: ["run", "cast"]}}})
    assert again.to_dict()[RUN][1][0.2] == ("run", "cast")
    assert Labels.read("my.label") == labels
    return labels


def count_bouts(run: RunLabels) -> dict[str, float]:
    gap: float = default_max_gap(run.values())
    bouts: Bouts = find_bouts(run, max_gap=gap)
    spans: Spans = find_spans(run)
    counts: NDArray[np.int64]
    names, counts = transitions(run, spans)
    assert counts.shape == (len(names), len(names))
    shares, lengths = shares_over_time(run), bout_lengths(bouts)
    assert len(shares.edges) > 1 and len(lengths.edges) > 1
    longest: dict[str, float] = {}
    for label, seconds in zip(bouts.labels.tolist(), bouts.durations.tolist(), strict=True):
        name = bouts.names[label]
        longest[name] = max(seconds, longest.get(name, 0.0))
    return longest


def exchange(labels: Labels) -> None:
    Path("events.csv").write_text(export_boris(labels), "utf-8")
    assert import_events("events.csv", like=labels).keys() == labels.keys()
    frames, bouts = labels.to_frames(), labels.to_bouts(max_gap=1)
    assert len(bouts[bouts["label"] == "run"]) > 0
    assert Labels.from_frames(frames).keys() == labels.keys()
    assert Labels.from_bouts(bouts, like=labels).keys() == labels.keys()
    labels.to_budget().to_csv("budget.csv", index=False)


def read_labels(file: str) -> Labels | None:
    try:
        return Labels.read(file)
    except LabelFileError as error:
        print(error.kind, error.file, error.run, error.track, error.index)
    except OSError as error:
        print(error.strerror)
    return None


# -- simulated larvae, tracks and windows


def simulate_larvae(folder: str) -> Path:
    tracks: dict[int, SimulatedTrack] = simulate(larvae=2, seconds=20, framerate=20)
    files = write_tracks(folder, RUN, tracks)
    truth = write_truth(folder, RUN, tracks, files)
    simulation.main(["more", "--larvae", "1", "--seconds", "5", "--run", "20240611_120000"])
    return truth


def measure(track: Track) -> float:
    if track.spine is None or track.outline is None:
        raise TrackFileError("expected a spine and an outline")
    assert track.has_spine.all()
    aligned = egocentric(track.spine, length=body_length(track.spine))
    even: Track = resample(track, interval=0.1)
    assert len(even_times(track.times, 0.1, anchor=0.0)) > 0 and len(even) < len(track)
    return float(np.linalg.norm(aligned[:, 0] - aligned[:, -1], axis=-1).mean())


def read_tracks(truth: Path) -> Recording:
    for file, files in find_recordings(truth.parent).items():
        assert file in files and not is_label_file(file)
    assert runs_in(truth) == [RUN]
    for recording in load_runs(truth, outline=False):
        assert recording.run == RUN
    recording = load_tracks(truth)
    labels = recording.labels()
    labels.fill("run", like=recording)
    mismatches: list[str] = find_mismatches(labels[RUN], recording)
    assert mismatches == []
    assert dependency(recording.sources[0]) in labels[RUN].dependencies
    for larva, track in recording.items():
        assert measure(track) > 0
        codes = resample_states(labels[RUN][larva], times=[0, 1])
        states = [labels[RUN].states[code] for code in codes.tolist()]
        assert len(states) == 2
    early: Track = next(iter(recording.values()))[:5.0]
    assert early.times[-1] <= 5
    recording.crop(0, 5).write("early.nc", framerate=10)
    assert load_tracks("early.nc").to_xarray().sizes["individuals"] == len(recording)
    return recording


def train(recording: Recording) -> Labels:
    plan: DatasetPlan = plan_dataset(
        ["recordings"],
        duration=1,
        framerate=10,
        margin=(0.2, 0),
        labels=STATES[:3],
        balance="minority",
    )
    windows: Windows = plan.load(dtype=np.float32)
    dataset: Dataset = plan.write("train.h5")
    spines, code = windows[0]
    assert spines.shape[1:] == (11, 2) and dataset.names[code] in STATES
    assert [code for _, code in Dataset("train.h5")] == windows.labels.tolist()
    for batch, labels in dataset.batches(8, seed=1, epoch=0):
        assert len(batch) == len(labels)
    rows: NDArray[np.intp] = next(dataset.indices(8, seed=1, epoch=0))
    assert dataset.edited[rows].shape == rows.shape

    def predict(spines: NDArray[np.float64]) -> list[str]:
        return ["run"] * len(spines)

    def predict_surely(spines: NDArray[np.float64]) -> tuple[list[str], NDArray[Any], list[str]]:
        return ["run"] * len(spines), np.full(len(spines), 0.6), ["cast"] * len(spines)

    shape: WindowShape = WindowShape(1, 10).for_tracks(recording.values())
    predicted = Labels()
    for larva, track in recording.items():
        times, states = predict_frames(track, shape, predict, batch=256)
        predicted.set(RUN, larva, times, states)
        predicted.set(RUN, larva, *predict_frames(track, shape, predict_surely, confidence=True))
    return predicted


def load_mine(path: Path, spine: bool = True) -> Recording:
    times = np.loadtxt(path)
    return Recording(path.stem, {1: Track(times)}, {}, "mine", (path,))


def add_format() -> None:
    mine = Format(
        name="mine",
        suffixes=(".mine",),
        recognize=lambda head: head[:1].isdigit(),
        load=load_mine,
        beginning="a time",
        options=("spine",),
    )
    FORMATS.append(mine)
    Path("x.mine").write_text("0.1\n0.2\n")
    assert load_tracks("x.mine")[1].spine is None
    FORMATS.remove(mine)


def to_matlab(labels: Labels, trx: Path) -> str:
    export: TrxExport = export_trx(labels, trx, "updated.mat", variant="large", reset=True)
    return f"{export.file.name}: {', '.join(export.fields)}, {export.frames} frames"


# -- analysis and display


def compare_labels(truth: Path, predicted: Labels) -> float:
    comparison: Comparison = compare(Labels.read(truth)[RUN], predicted[RUN], force=True)
    for each in compare_files(truth, str(truth)):
        assert each.is_same
    unsure: Review | None = review(predicted)
    bouts: list[UnsureBout] = [] if unsure is None else unsure.bouts
    for bout in bouts[:3]:
        print(f"{bout.larva}: {bout.label} from {bout.start:.2f} s, or {bout.second}")
    return comparison.kappa


def compare_groups() -> Statistics:
    for number in range(4):
        genotype = "mutant" if number % 2 else "wild"
        labels = simulate_labels(
            f"2024061{number}_100000",
            larvae=6,
            seconds=20,
            seed=number,
            genotype=genotype,
            stimulus=(10, 2),
        )
        labels.write(f"group{number}.label")
    for labels in iter_labels("group*.label"):
        for run in labels.values():
            start, stop = stimulus_windows(run)[0]
            assert (start, stop) == tuple(parse_protocol(run.metadata["protocol"])[0])
    found: Statistics = statistics(
        Path.cwd().glob("group*.label"),
        by="genotype",
        control="wild",
        window=(10, 12),
        labels=["run", "hunch"],
        groups={f"2024061{n}_100000": "mutant" if n % 2 else "wild" for n in range(4)},
    )
    design: Design = found.design
    assert design.groups == ("wild", "mutant") and found.methods()
    hunches = found.responses[found.responses["label"] == "hunch"]
    assert len(hunches) == 2
    return found


def draw(labels: Labels, found: Statistics) -> None:
    print(ethogram(labels[RUN], width=60))
    plot_ethogram(labels, "ethogram.png")
    for plot in (plot_budgets, plot_over_time, plot_responses):
        assert plot(found, labels=["run"]).axes
    plot_over_time(found, labels="hunch", times=(5, 15)).savefig("over_time.png")
    plot_transitions(found, Path("transitions.svg"), groups="wild")
    Path("report.html").write_text(report({"mine": labels}), "utf-8")
    assert "methods.txt" in [file.name for file in write_statistics(found, "results")]


# -- a backend and its scripts


def predict_model(backend: Explorer, threshold: str = "0.5", **options: Any) -> None:
    try:
        float(threshold)
    except ValueError:
        raise OptionError("--threshold needs a number") from None
    for file in find_recordings(backend.list_input_files()):
        recording = backend.load_tracks(file, outline=False)
        predicted = Labels()
        for larva, track in recording.items():
            predicted.set(recording.run, larva, track.times, ["run"] * len(track))
        predicted.write(backend.output_path(file))


def use_backend(folder: str, files: list[Path]) -> Mapping[str, int]:
    backend = BackendExplorer(folder, model_instance="default", data_folder=Path("data"))
    try:
        backend.push(*files, link=True)
        backend.train_model(force=True, epochs=20)
        for file in backend.predict_model(threshold=0.4):
            print(file.name)
        return {file.name: len(Labels.read(file)) for file in backend.pull("labels", force=True)}
    except ScriptError as error:
        print(error.step, error.exit_code)
    except BackendError as error:
        print(error.kind, error.problem, error.fix)
    except TaggingBackendsError as error:
        sys.exit(error.exit_code)
    return {}


# -- Julia


def use_julia(file: Path) -> Labels:
    try:
        julia.start()
    except JuliaSetupError as error:
        print(error.fix)
    features: Module = include("my_features.jl")
    speed = features.speed(julia.to_julia(load_tracks(file)))
    assert julia.from_julia(speed) is not None
    package: Module = taggingbackends.julia.TaggingBackends
    labels: Labels = package.readlabels(str(file))
    return labels


def work(trx: Path) -> None:
    """Do all that needs neither a backend nor Julia."""
    print(__version__)
    labels = edit_labels()
    print(count_bouts(labels[RUN]))
    exchange(labels)
    assert read_labels("my.label") and read_labels("events.csv") is None
    assert read_labels("nowhere.label") is None
    truth = simulate_larvae("recordings")
    predicted = train(read_tracks(truth))
    add_format()
    print(compare_labels(truth, predicted))
    draw(predicted, compare_groups())
    labels = load_tracks(trx, labels="plain").labels()
    print(to_matlab(labels, trx))
    assert taggingbackends.labels.Labels is Labels
    assert len(list(taggingbackends.labels.iter_labels("my.label"))) == 1
    assert taggingbackends.labels.dependency(trx)["filename"] == trx.name


if __name__ == "__main__":
    main(predict_model)
