"""Label files in Python, compared with json.load into nested dictionaries, and json.dump.

The extra `fast` is pysimdjson. Writing includes the fsync that makes a file safe against a power
cut.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import compare, megabytes, peak_memory, record, section, skip
from benchmarks.inputs import dumped_file, label_file, named_file, real_label_files, sure_file
from taggingbackends import Labels
from taggingbackends.labels.fast import jsonarrays

Nested = dict[str, dict[int, dict[float, Any]]]

GOALS = {  # of reading, with the extra `fast` and without
    "1 M frames": (0.1, 0.25),
    "1 M frames, 5 % odd": (0.12, 0.25),
    "the same, as json.dump writes it": (0.14, 0.27),
    "1 M frames, names": (0.167, 0.4),
    "real file": (0.1, 0.25),
}


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
    """Measure the times of reading and writing, and the peak memory of reading."""
    clean = label_file(folder / "clean.label")
    odd = label_file(folder / "odd.label", odd=0.05)
    files = {
        "1 M frames": clean,
        "1 M frames, 5 % odd": odd,
        "the same, as json.dump writes it": dumped_file(folder / "dumped.label", odd),
        "1 M frames, names": named_file(folder / "names.label", clean),
        **{f"{path.parent.name}/{path.name}": path for path in real_label_files()},
    }
    simdjson = jsonarrays.simdjson
    readers = {"with fast": simdjson, "without fast": None}
    if simdjson is None:
        skip("reading with the extra `fast`, which is not installed")
        del readers["with fast"]
    for name, module in readers.items():
        jsonarrays.simdjson = module
        section(f"reading {name}", "json.load")
        for case, path in files.items():
            goal = GOALS.get(case, GOALS["real file"])[module is None]
            compare(case, partial(read_nested, path), partial(Labels.read, path), goal=goal)
        section(f"reading {name}", "without odd frames")
        compare(
            "1 M frames, 5 % odd", lambda: Labels.read(clean), lambda: Labels.read(odd), goal=1.75
        )
    jsonarrays.simdjson = simdjson
    recorded = sure_file(folder / "record.label", clean, as_record=True)
    sure = sure_file(folder / "sure.label", clean)
    section(f"reading {next(iter(readers))}", "json.load")
    case = "1 M frames, a record of numbers"
    compare(case, partial(read_nested, recorded), partial(Labels.read, recorded), goal=0.1)
    case = "1 M frames, confidence and second choice"
    compare(case, partial(read_nested, sure), partial(Labels.read, sure), goal=0.12)
    section(f"reading {next(iter(readers))}", "a record of numbers")
    compare(case, partial(Labels.read, recorded), partial(Labels.read, sure), goal=1.0)
    section("writing", "a record of numbers")
    ours, theirs = Labels.read(sure), Labels.read(recorded)
    target = folder / "ours.label"
    compare(case, partial(theirs.write, target), partial(ours.write, target), 5, goal=1.5)
    section("writing", "json.dump")
    for case, path in files.items():
        labels, nested = Labels.read(path), read_nested(path)
        compare(
            case,
            partial(write_nested, folder / "nested.json", nested),
            partial(labels.write, folder / "ours.label"),
            rounds=5,
            goal=0.083,
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
        for case, path in files.items():
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
result = sum(track.times.nbytes + track.codes.nbytes for track in tracks)
"""
    peak, columns = peak_memory(prepare, work)
    record(case, [(columns, peak)], 1.5, megabytes)
