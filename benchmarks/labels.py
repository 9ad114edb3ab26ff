"""Label files in Python, compared with json.load into nested dictionaries, and json.dump."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import compare, peak_memory, row
from benchmarks.inputs import (
    dumped_file,
    label_file,
    named_file,
    real_label_files,
    record_file,
    sure_file,
)
from taggingbackends import Labels
from taggingbackends.labels.fast import jsonarrays

Nested = dict[str, dict[int, dict[float, Any]]]


def read_nested(path: Path) -> Nested:
    """Read a label file as a simple script would.

    The result is nested: run -> larva -> time -> label, or a tuple of labels.
    """
    with path.open() as file:
        document = json.load(file)
    names = document["labels"]
    if isinstance(names, dict):
        names = names["names"]

    def state(element: Any) -> Any:
        if isinstance(element, int):
            return names[element - 1]
        return element if isinstance(element, str) else tuple(map(state, element))

    tracks = {
        int(track["id"]): dict(zip(track["t"], map(state, track["labels"]), strict=True))
        for track in document["data"]
    }
    return {document["metadata"]["id"]: tracks}


def write_nested(path: Path, nested: Nested) -> None:
    """Write nested dictionaries with json.dump."""
    with path.open("w") as file:
        json.dump(nested, file)


def write_at_once(path: Path, nested: Nested) -> None:
    """Write nested dictionaries with json.dumps, which is faster."""
    path.write_text(json.dumps(nested))


def run(folder: Path) -> None:
    """Print the times of reading and writing, and the peak memory of reading."""
    clean = label_file(folder / "clean.label")
    odd = label_file(folder / "odd.label", odd=0.05)
    record = record_file(folder / "record.label", clean)
    # each with the largest ratio that is good enough, with simdjson and without
    files: dict[str, tuple[Path, float, float | None]] = {
        "1 M frames": (clean, 1 / 10, None),
        "1 M frames, 5 % with two labels or none": (odd, 1 / 10, None),
        "the same, as json.dump writes it": (
            dumped_file(folder / "dumped.label", odd),
            1 / 10,
            None,
        ),
        "1 M frames, a record": (record, 1 / 10, 1 / 4),
        "1 M frames, names": (named_file(folder / "names.label", clean), 1 / 6, 0.40),
    }
    for path in real_label_files():
        name, stem = f"{path.parent.name}/{path.name}", f"{path.parent.name}-{path.stem}"
        named = named_file(folder / f"{stem}-names.label", path)
        decoded = named_file(folder / f"{stem}-decoded.label", path, indent=1)
        files |= {
            name: (path, 1 / 10, 1 / 4),
            f"{name}, a record": (record_file(folder / f"{stem}-p.label", path), 1 / 10, 1 / 4),
            f"{name}, names": (named, 1 / 6, 0.40),
            f"{name}, names, indented": (decoded, 1 / 6, 0.40),
        }
    simdjson = jsonarrays.simdjson
    readers = {"orjson": None} if simdjson is None else {"simdjson": simdjson, "orjson": None}
    row("reading", "of the baseline's time", "ours", "baseline")
    for name, module in readers.items():
        jsonarrays.simdjson = module
        for case, (path, *goals) in files.items():
            goal = goals[module is None]
            reading = partial(Labels.read, path)
            compare(f"{name}: {case}", partial(read_nested, path), reading, goal=goal)
    jsonarrays.simdjson = simdjson
    row("\nreading, 5 % odd frames", "of the time without")
    for name, module in readers.items():
        jsonarrays.simdjson = module
        compare(f"{name}: 1 M frames", lambda: Labels.read(clean), lambda: Labels.read(odd))
    jsonarrays.simdjson = simdjson
    sure = sure_file(folder / "sure.label", clean)
    row("\nreading with confidence and second choice", "of the time without")
    compare("1 M frames", lambda: Labels.read(clean), lambda: Labels.read(sure))
    row("\nreading with confidence and second choice", "of the time with a record")
    compare("1 M frames", lambda: Labels.read(record), lambda: Labels.read(sure))
    row("\nwriting with confidence and second choice", "of the time with a record")
    ours, theirs = Labels.read(sure), Labels.read(record)
    target = folder / "ours.label"
    compare("1 M frames", partial(theirs.write, target), partial(ours.write, target), rounds=5)
    row("\nwriting", "of the baseline's time", "ours", "baseline")
    for case, (path, *_) in files.items():
        labels, nested = Labels.read(path), read_nested(path)
        compare(
            case,
            partial(write_nested, folder / "nested.json", nested),
            partial(labels.write, folder / "ours.label"),
            rounds=5,
            goal=1 / 12,
        )
    row("\nwriting", "of json.dumps's time", "ours", "baseline")
    labels, nested = Labels.read(clean), read_nested(clean)
    compare(
        "1 M frames",
        partial(write_at_once, folder / "nested.json", nested),
        partial(labels.write, folder / "ours.label"),
        rounds=5,
    )
    row("\npeak memory of reading, above the file's bytes", "of the columns", "peak")
    for name in readers:
        for case, (path, *_) in files.items():
            _print_memory(f"{name}: {case}", path, name)


def _print_memory(case: str, path: Path, reader: str) -> None:
    prepare = f"""
from pathlib import Path
from taggingbackends.labels import reading
from taggingbackends.labels.fast import jsonarrays
if {reader!r} == "orjson":
    jsonarrays.simdjson = None
content = Path({str(path)!r}).read_bytes()
"""
    work = """
runs = reading.parse(content).runs
tracks = [track for run in runs.values() for track in run.values()]
result = sum(track.times.nbytes + track.codes.nbytes for track in tracks)
"""
    peak, columns = peak_memory(prepare, work)
    row(case, f"{peak / columns:.2f}", f"{peak / 2**20:.1f} MB")
