"""Growth of time: labels that are four times as large take about four times as long.

The table has, for each shape of labels, the operation that grows most.
"""

from __future__ import annotations

import copy
import gc
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from benchmarks.harness import record, section
from taggingbackends import LabelFileError, Labels
from taggingbackends.analysis import review
from taggingbackends.analysis.comparison import compare_files
from taggingbackends.analysis.info import info
from taggingbackends.analysis.overview import overview
from taggingbackends.display.page import report
from taggingbackends.display.picture import plot_ethogram
from taggingbackends.display.tables import confusion_table, differences_table, label_table
from taggingbackends.display.terminal import ethogram
from taggingbackends.labels.conversion import united
from taggingbackends.labels.inspection import find_errors
from taggingbackends.labels.tablefiles import table_chunks

Shape = Callable[[int], Labels]
Operations = Iterable[tuple[str, Callable[[], object]]]


def names(n: int) -> Labels:
    """Return a larva with another label in each frame."""
    labels = Labels()
    labels.set("run", 1, range(n), [f"name {i}" for i in range(n)])
    return labels


def secondary_names(n: int) -> Labels:
    """Return a larva with another secondary label in each frame."""
    labels = Labels()
    labels.set("run", 1, range(n), [("run", f"name {i}") for i in range(n)])
    labels["run"].secondary_names = [f"name {i}" for i in range(n)]
    return labels


def states(n: int) -> Labels:
    """Return larvae with other combinations of labels in each of their frames."""
    labels = Labels()
    for larva in range(n // 10):
        of_larva = [(f"name {i % 100}", f"other {i // 100}") for i in range(10 * larva, n)][:10]
        labels.set("run", larva, range(10), of_larva)
    return labels


def one_state(n: int) -> Labels:
    """Return a larva with all labels at once in one frame."""
    labels = Labels()
    labels.set("run", 1, range(n), ["run"] * (n - 1) + [tuple(f"name {i}" for i in range(n))])
    return labels


def runs(n: int) -> Labels:
    """Return many runs of one larva."""
    labels = Labels()
    for i in range(n):
        labels.set(f"run {i}", 1, (0.0, 0.1), ("run", "cast"))
    return labels


def tracks(n: int) -> Labels:
    """Return many larvae."""
    labels = Labels()
    for larva in range(n):
        labels.set("run", larva, (0.0, 0.1), ("run", f"name {larva % 50}"))
    return labels


def frames(n: int) -> Labels:
    """Return a larva with another label than before in each frame."""
    labels = Labels()
    labels.set("run", 1, range(n), ("run", "cast", "stop", ()) * (n // 4))
    return labels


def sure_frames(n: int) -> Labels:
    """Return the same with confidence and second choices."""
    labels = Labels()
    states = ("run", "cast", "stop", ()) * (n // 4)
    labels.set("run", 1, range(n), states, (0.5, 0.6, 0.7, 0.8) * (n // 4), states[::-1])
    return labels


def attributes(n: int) -> Labels:
    """Return a run with many metadata, attributes and records."""
    labels = frames(4)
    run = labels["run"]
    run.metadata |= {f"key {i}": {"deep": [[i]]} for i in range(n)}
    run.attributes |= {f"key {i}": {"deep": [[i]]} for i in range(n)}
    run[1].records |= {f"key {i}": [1, 2, 3, 4] for i in range(n)}
    return labels


SHAPES: dict[Shape, int] = {
    names: 2000,
    secondary_names: 2000,
    states: 2000,
    one_state: 2000,
    runs: 500,
    tracks: 1000,
    frames: 12_000,
    sure_frames: 12_000,
    attributes: 2000,
}


def operations(labels: Labels, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the operations on some labels, by name. None of them changes the labels."""
    file, other = folder / "one.label", folder / "other.label"
    labels.write(file)
    labels.write(other)
    same, first = Labels.read(file), next(iter(labels))
    run = labels[first]

    def changed(work: Callable[[Labels], object]) -> Callable[[], object]:
        return lambda: work(copy.copy(labels))

    def set_tracks(labels: Labels) -> None:
        new = labels.add_run("new")
        for larva, track in run.items():
            new[larva] = track

    def compared() -> None:
        for comparison in compare_files(file, other):
            confusion_table(comparison, 80)
            differences_table(comparison)
            comparison.to_dict()

    def written() -> None:
        # the other tables have a cell for each frame, or larva, and label
        deque(table_chunks("bouts", lambda: [labels], ".csv"), maxlen=0)

    yield "read", lambda: Labels.read(file)
    yield "write", lambda: labels.write(other)
    yield "check", lambda: find_errors(file)
    yield "==", lambda: labels == same
    yield "copy", lambda: copy.copy(labels)
    yield "set tracks", changed(set_tracks)
    yield "count", labels.count
    yield "repr", lambda: (labels._repr_html_(), run._repr_html_())
    yield "to_dict, from_dict", lambda: Labels.from_dict(labels.to_dict())
    yield "merge", changed(lambda x: x.merge(same))
    yield "crop", lambda: labels.crop(0, 1e9)
    yield "fill", changed(lambda x: x.fill("stop", like=same))
    yield "tag", changed(lambda x: x.tag("edited"))
    yield "smooth", changed(lambda x: x.smooth(1.5))
    yield "review", lambda: review(labels)
    yield "declare", changed(lambda x: x[first].declare(reversed(x[first].names)))
    yield (
        "secondary names",
        changed(lambda x: setattr(x[first], "secondary_names", run.secondary_names)),
    )
    yield "convert", lambda: united([Labels.read(file)])
    yield "table of bouts", written
    yield "show", lambda: (label_table(overview(labels)), list(map(ethogram, labels.values())))
    yield "diff", compared
    yield "data info", lambda: info(file)
    yield "report", lambda: report({"one": labels, "other": same})
    yield "plot", lambda: plot_ethogram(labels, folder / "picture.png")


def invalid(n: int, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the reading and checking of names that are declared twice."""
    text = ",".join(f'"name {i}"' for i in range(n)).encode()
    file = folder / "twice.label"
    file.write_bytes(
        b'{"metadata":{"id":"r"},"labels":[%b],"secondarylabels":[%b],"data":[]}' % (text, text)
    )

    def refused() -> None:
        try:
            Labels.read(file)
        except LabelFileError:
            return
        raise AssertionError("expected an error")

    yield "read", refused
    yield "check", lambda: find_errors(file)


def run(folder: Path) -> None:
    """Measure each operation at n and at 4 n. Of each shape, keep the one that grows most."""
    section("4 times", "one time")
    for shape, n in SHAPES.items():
        pair = [operations(shape(size), _folder(folder, size)) for size in (n, 4 * n)]
        _compare(f"{n} {shape.__name__.replace('_', ' ')}", *pair)
    n = 2000
    _compare(
        f"{n} names, primary and secondary",
        *(invalid(size, _folder(folder, size)) for size in (n, 4 * n)),
    )


def _folder(folder: Path, size: int) -> Path:
    made = folder / f"growth-{size}"
    made.mkdir(exist_ok=True)
    return made


def _compare(case: str, small: Operations, large: Operations) -> None:
    times = {}
    for (name, of_small), (_, of_large) in zip(small, large, strict=True):
        one, four = (min(_seconds(work) for _ in range(3)) for work in (of_small, of_large))
        times[name] = one, four
        print(f"{case}: {name} {four / one:.1f}", flush=True)
    most = max(times, key=lambda name: times[name][1] / times[name][0])
    record(f"{case}: {most}, the most of {len(times)} operations", [times[most]], 5.0)


def _seconds(work: Callable[[], object]) -> float:
    """Return the time of a call on the processor, in seconds, without garbage collection."""
    gc.collect()
    gc.disable()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about runs that are not drawn
        start = time.process_time()
        work()
        elapsed = time.process_time() - start
    gc.enable()
    return elapsed
