"""Label files in Python, compared with json.load into nested dictionaries, and json.dump.

The extra `fast` is pysimdjson. The rows "only its numbers" show what simdjson itself takes for the
arrays of numbers; besides these, reading decodes the labels, checks everything, and makes an object
for each larva. Names are as many bytes as the numbers. Writing includes the fsync that makes a file
safe against a power cut.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import compare, megabytes, peak_memory, record, section, skip
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
from taggingbackends.labels.fast.tracktexts import take_apart

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


def read_numbers(path: Path) -> Callable[[], None]:
    """Return a function that parses the arrays of numbers in a file, and does nothing else."""
    reader = jsonarrays.ArrayReader()
    batches = [columns for _, columns in take_apart(path.read_bytes())["data"].batches()]
    arrays = [x[key] for x in batches for key in x if key not in ("id", "labels")]

    def read() -> None:
        for texts in arrays:
            reader.read(texts)

    return read


def write_nested(path: Path, nested: Nested) -> None:
    """Write nested dictionaries with json.dump."""
    with path.open("w") as file:
        json.dump(nested, file)


def write_at_once(path: Path, nested: Nested) -> None:
    """Write nested dictionaries with json.dumps, which is faster."""
    path.write_text(json.dumps(nested))


def run(folder: Path) -> None:
    """Measure the times of reading and writing, and the peak memory of reading."""
    clean = label_file(folder / "clean.label")
    odd = label_file(folder / "odd.label", odd=0.05)
    recorded = record_file(folder / "record.label", clean)
    sure = sure_file(folder / "sure.label", clean)
    # each with the largest ratio that is good enough, with the extra and without
    files: dict[str, tuple[Path, float, float]] = {
        "1 M frames": (clean, 1 / 10, 1 / 4),
        "1 M frames, 5 % odd": (odd, 1 / 10, 1 / 4),
        "the same, as json.dump writes it": (dumped_file(folder / "dumped", odd), 1 / 10, 1 / 4),
        "1 M frames, a record of numbers": (recorded, 1 / 10, 1 / 4),
        "1 M frames, confidence and second choice": (sure, 1 / 10, 1 / 4),
        "1 M frames, names": (named_file(folder / "names.label", clean), 1 / 6, 0.40),
    }
    for path in real_label_files():
        name, stem = f"{path.parent.name}/{path.name}", f"{path.parent.name}-{path.stem}"
        files |= {
            name: (path, 1 / 10, 1 / 4),
            f"{name}, a record": (record_file(folder / f"{stem}-record", path), 1 / 10, 1 / 4),
            f"{name}, names": (named_file(folder / f"{stem}-names", path), 1 / 6, 0.40),
            f"{name}, names, indented": (
                named_file(folder / f"{stem}-indented", path, indent=1),
                1 / 6,
                0.40,
            ),
        }
    simdjson = jsonarrays.simdjson
    readers = {"with fast": simdjson, "without fast": None}
    if simdjson is None:
        skip("reading with the extra `fast`, which is not installed")
        del readers["with fast"]
    for name, module in readers.items():
        jsonarrays.simdjson = module
        section(f"reading {name}", "json.load")
        for case, (path, *goals) in files.items():
            reading = partial(Labels.read, path)
            compare(case, partial(read_nested, path), reading, goal=goals[module is None])
            if module is not None and "names" not in case:
                compare(f"{case}: only its numbers", partial(read_nested, path), read_numbers(path))
        section(f"reading {name}", "without odd frames")
        compare(
            "1 M frames, 5 % odd", lambda: Labels.read(clean), lambda: Labels.read(odd), goal=1.75
        )
    jsonarrays.simdjson = simdjson
    section("writing", "json.dump")
    for case, (path, *_) in files.items():
        labels, nested = Labels.read(path), read_nested(path)
        compare(
            case,
            partial(write_nested, folder / "nested.json", nested),
            partial(labels.write, folder / "ours.label"),
            rounds=5,
            goal=1 / 12,
        )
    section("writing", "json.dumps")
    labels, nested = Labels.read(clean), read_nested(clean)
    compare(
        "1 M frames",
        partial(write_at_once, folder / "nested.json", nested),
        partial(labels.write, folder / "ours.label"),
        rounds=5,
        goal=0.2,
    )
    for name in readers:
        section(f"peak memory of reading {name}, above the file's bytes", "the columns")
        for case, (path, *_) in files.items():
            _measure_memory(case, path, name == "with fast")


def _measure_memory(case: str, path: Path, fast: bool) -> None:
    prepare = f"""
from pathlib import Path
from taggingbackends.labels import reading
from taggingbackends.labels.fast import jsonarrays
if not {fast}:
    jsonarrays.simdjson = None
content = Path({str(path)!r}).read_bytes()
"""
    work = """
runs = reading.parse(content).runs
tracks = [track for run in runs.values() for track in run.values()]
names = ("times", "codes", "confidence", "second_codes")
columns = [getattr(track, name) for track in tracks for name in names]
columns += [record for track in tracks for record in track.records.values()]
result = sum(getattr(column, "nbytes", 0) for column in columns)
"""
    peak, columns = peak_memory(prepare, work)
    record(case, [(columns, peak)], 1.5, megabytes)
