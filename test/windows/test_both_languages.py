"""Julia cuts the windows that Python cuts."""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from support import RECORDINGS, ROOT
from taggingbackends import BackendError, Labels, dependency
from taggingbackends.backend.juliascripts import JULIA
from taggingbackends.data import (
    WindowShape,
    egocentric,
    load_tracks,
    plan_dataset,
    predict_frames,
)

STATES = ["run", "cast", "stop", "run_large", ("run", "stop"), (), ("cast", "edited"), ("edited",)]
SETS = 30  # random ones
FILES = 10
TOLERANCE = 1e-12  # of body lengths and of egocentric spines, whose operations differ


def write(folder: Path, rng: np.random.Generator) -> Path:
    """Write a recording with gaps and missing spines, and labels of it, some of other frames."""
    folder.mkdir()
    run = f"20240611_{int(rng.integers(100000)):06}"
    spine = folder / f"{run}.spine"
    run = f"labels of {run}"
    labels = Labels()
    labels.add_run(run).declare(
        [str(x) for x in rng.permutation(["unused", "stop", "run", "cast"])]
    )
    labels[run].secondary_names = ["edited"] if rng.random() < 0.7 else []
    lines = []
    for larva in range(int(rng.integers(1, 4))):
        steps = rng.choice([0.03331, 0.04, 0.1, 1.2, 3.0], p=[0.5, 0.2, 0.26, 0.03, 0.01], size=200)
        times = np.round(rng.random() + np.cumsum(steps), int(rng.integers(2, 6)))
        for time in times:
            points = rng.normal(size=10).round(4).tolist()
            if rng.random() < 0.03:
                points = ["nan"] * 10
            lines.append(f"{spine.stem} {larva:05} {time} {' '.join(map(str, points))}\n")
        if rng.random() < 0.9:
            states = rng.integers(len(STATES), size=50).repeat(4)
            kept = rng.random(200) < 0.95
            states = [STATES[i] for i in states[kept]]
            labels.set(run, larva, np.round(times[kept], 3), states)
    labels.set(run, 70, [0.1, 0.2], ["run", "stop"])  # a larva without a track
    spine.write_text("".join(lines))
    if rng.random() < 0.5:
        labels[run].metadata["software"] = {"model_instance": "m"}
    labels[run].dependencies = [dependency(spine)]
    labels.write(folder / "truth.label")
    return folder / "truth.label"


def options(rng: np.random.Generator) -> dict[str, Any]:
    framerate = float(rng.choice([10, 20, 12.5]))
    frames = int(rng.integers(1, 12))
    chosen: dict[str, Any] = {"duration": frames / framerate, "framerate": framerate}
    chosen["margin"] = [0, 3 / framerate, [0, 2 / framerate]][rng.integers(3)]
    chosen["labels"] = ["*", "run*", ["stop", "[!s]*"], ["c?st", "run", "unused"]][rng.integers(4)]
    chosen["exclude"] = [[], "stop", "*_large"][rng.integers(3)]
    chosen["balance"] = [None, "minority", "majority", 1.5][rng.integers(4)]
    chosen["seed"] = int(rng.choice([0, 7, 2**40 + 1]))
    chosen["max_gap"] = [None, 0.05, 2.0][rng.integers(3)]
    chosen["edited_only"] = bool(rng.integers(2))
    return chosen


def cases(folder: Path) -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)
    files = [write(folder / f"recording{i:02}", rng) for i in range(FILES)]
    return [
        {
            "files": [str(files[i]) for i in sorted(rng.choice(FILES, rng.integers(1, 4), False))],
            "options": options(rng),
            "type": str(rng.choice(["float32", "float64"])),
        }
        for _ in range(SETS)
    ]


def asked(requests: list[dict[str, Any]], folder: Path, julia: dict[str, str]) -> list[Any]:
    """Return the answers of Julia, whose arrays are in the folder."""
    file = folder / "requests.json"
    file.write_text(json.dumps(requests))
    out = subprocess.run(
        [
            *(julia[JULIA], "--startup-file=no", "-O0", f"--project={ROOT}"),
            *(str(ROOT / "test" / "windows" / "cut.jl"), str(file), str(folder)),
        ],
        env=os.environ | julia,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ).stdout
    return [json.loads(line) for line in out.splitlines()]


def compare(request: dict[str, Any], answer: Any, file: Path) -> int:
    """Compare the arrays of both languages; return the number of windows."""
    given = dict(request["options"])
    if isinstance(given["margin"], list):
        given["margin"] = tuple(given["margin"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plan = plan_dataset(request["files"], **given)
            ours = plan.load(request["type"])
    except BackendError as error:
        assert answer == error.kind
        return 0
    names, dimensions, about, runs = answer
    assert names == ours.names
    assert dimensions == list(ours.spines.shape)
    assert about == {key: value for key, value in ours.about.items() if key in about}
    assert len(about) == len(ours.about) - 3  # options, versions and dtype
    assert runs == [source["run"] for source in ours.sources]
    content = file.read_bytes()
    for name in ("spines", "labels", "recordings", "larvae", "times", "edited"):
        array = getattr(ours, name)
        expected = np.ascontiguousarray(array).tobytes()
        assert content[: len(expected)] == expected, name
        content = content[len(expected) :]
    lengths = ours.body_lengths
    own = egocentric(ours.spines, lengths)
    floats = np.frombuffer(content)
    np.testing.assert_allclose(floats[: len(lengths)], lengths, rtol=TOLERANCE)
    np.testing.assert_allclose(floats[len(lengths) :], own.ravel(), rtol=0, atol=TOLERANCE * 1e3)
    return len(ours)


def compare_predicted(path: str, file: Path) -> None:
    columns = []
    for track in load_tracks(path, outline=False).values():
        shape = WindowShape(1, 10)
        times, found = predict_frames(track, shape, lambda x: x[:, 0, 0, 0] + x[:, -1, -1, 1])
        floats = [np.nan if x == () else x for x in found.tolist()]
        columns += [times, np.array(floats, dtype=np.float64)]
    expected = np.concatenate(columns)
    assert np.array_equal(np.fromfile(file), expected, equal_nan=True), path


def test_windows_are_the_same_in_both_languages(
    compiling_julia: dict[str, str], tmp_path: Path
) -> None:
    """Random sets, sets of real recordings if there are any, and frames predicted from windows."""
    requests = cases(tmp_path)
    least = [0] * len(requests)
    real = [str(file) for file in sorted(RECORDINGS.glob("chore/*/groundtruth.label"))]
    if real:
        given = {"duration": 1.1, "framerate": 10, "margin": 0.5, "balance": None, "seed": 5}
        requests.append({"files": real, "options": given, "type": "float32"})
        given = given | {"balance": 50, "exclude": "run"}
        requests.append({"files": real[:1], "options": given, "type": "float64"})
        least += [5000, 100]
    files = [str(file) for file in sorted(tmp_path.glob("*/truth.label"))]
    answers = asked([*requests, *({"predict": file} for file in files)], tmp_path, compiling_julia)
    counts = [
        compare(request, answer, tmp_path / str(i))
        for i, (request, answer) in enumerate(zip(requests, answers, strict=False))
    ]
    assert all(found >= expected for found, expected in zip(counts, least, strict=True))
    assert sum(counts[:SETS]) > 3000
    assert sum(map(bool, counts[:SETS])) > 0.7 * SETS
    for i, path in enumerate(files, len(requests)):
        compare_predicted(path, tmp_path / str(i))
