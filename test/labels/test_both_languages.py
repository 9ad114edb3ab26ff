"""Python and Julia: each reads the other's files and writes the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import RUN, any_labels, tracks_of_bouts

from support import CONTRACT, ROOT, parse, text
from taggingbackends import LabelFileError, Labels
from taggingbackends.analysis import compare
from taggingbackends.backend.juliascripts import JULIA
from taggingbackends.labels.facts import FACTS
from variants import tracks as variants

Ask = Callable[..., str]


@pytest.fixture(scope="module")
def julia(compiling_julia: dict[str, str]) -> Iterator[Ask]:
    """Return a function that sends requests to one Julia process, which serves all tests."""
    arguments = [compiling_julia[JULIA], "--startup-file=no", f"--project={ROOT}"]
    with subprocess.Popen(
        [*arguments, str(ROOT / "test" / "labels" / "rewrite.jl")],
        env=os.environ | compiling_julia,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, answers = process.stdin, process.stdout

        def ask(*request: str | Path | float | None) -> str:
            requests.write("\t".join(map(str, request)) + "\n")
            requests.flush()
            return answers.readline().strip()

        yield ask
        requests.close()


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "one.label", tmp_path / "other.label"


@settings(  # more of them are rewritten in the campaign
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(labels=any_labels())
def test_julia_rewrites_what_python_writes(
    labels: Labels, julia: Ask, places: tuple[Path, Path]
) -> None:
    ours, theirs = places
    labels.write(ours)
    assert julia("rewrite", ours, theirs) == "ok"
    assert theirs.read_bytes() == ours.read_bytes()


def test_python_rewrites_what_julia_writes(julia: Ask, places: tuple[Path, Path]) -> None:
    theirs, _ = places
    frames = 0
    for seed in range(100):
        assert julia("random", seed, theirs) == "ok"
        content = theirs.read_bytes()
        labels = parse(content)
        assert text(labels) == content, seed
        frames += sum(len(track) for run in labels.values() for track in run.values())
    assert frames > 300


@pytest.mark.parametrize("path", sorted(CONTRACT.glob("bad/*.label")), ids=lambda path: path.stem)
def test_both_report_the_same_errors(path: Path, julia: Ask, places: tuple[Path, Path]) -> None:
    with pytest.raises(LabelFileError) as caught:
        Labels.read(path)
    error = caught.value
    shown = (
        "nothing" if error.run is None else f'"{error.run}"',
        "nothing" if error.track is None else str(error.track),
        "nothing" if error.index is None else str(error.index + 1),
    )
    assert julia("rewrite", path, places[0]) == " ".join((error.kind, *shown))


def test_both_read_the_variants_of_other_writers(julia: Ask, places: tuple[Path, Path]) -> None:
    theirs, file = places
    for name, contents, expected in variants.variants():
        (content,) = contents.values()
        file.write_bytes(content)
        answer = julia("rewrite", file, theirs)
        assert (answer == "ok") == (expected == "read"), name
        if expected == "read":
            assert theirs.read_bytes() == text(parse(content)), name
        else:
            with pytest.raises(LabelFileError) as caught:
                parse(content)
            assert answer.split()[0] == caught.value.kind, name


@settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(labels=tracks_of_bouts())
def test_julia_smooths_as_python_does(
    labels: Labels, julia: Ask, places: tuple[Path, Path]
) -> None:
    ours, theirs = places
    labels.write(ours)
    assert julia("smooth", ours, theirs) == "ok"
    labels = Labels.read(ours)
    labels.smooth(0.3)
    assert theirs.read_bytes() == text(labels)


GAPS = [None, 0.1, 0.119, 5.0]


@settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(labels=tracks_of_bouts() | any_labels(), max_gap=st.sampled_from(GAPS))
def test_both_make_the_same_tables(
    labels: Labels, max_gap: float | None, julia: Ask, places: tuple[Path, Path]
) -> None:
    file, answer = places
    labels.write(file)
    labels = Labels.read(file)
    assert julia("tables", file, max_gap, answer) == "ok"
    keys = (key for run in labels.values() for key in run.metadata)
    metadata = [*FACTS, *(key for key in keys if "\0" not in key)]  # no name of a Julia column
    tables = {
        "bouts": labels.to_bouts(max_gap, metadata),
        "budget": labels.to_budget(max_gap, metadata),
    }
    theirs = json.loads(answer.read_text("utf-8"))
    assert theirs.keys() == tables.keys()
    for name, table in tables.items():
        assert list(theirs[name]) == list(table)
        for column, ours in table.items():
            if column == "confidence":  # NumPy adds in another order
                found = np.array(theirs[name][column], dtype=float)
                np.testing.assert_allclose(found, ours, rtol=1e-12)
            else:
                expected = [None if x != x else x for x in ours.tolist()]
                assert theirs[name][column] == expected, (name, column)


@settings(
    max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    one=tracks_of_bouts(),
    other=tracks_of_bouts(),
    shift=st.sampled_from([0, 0, 0.001, 0.05]),
    max_gap=st.sampled_from(GAPS),
)
def test_both_compare_alike(
    one: Labels,
    other: Labels,
    shift: float,
    max_gap: float | None,
    julia: Ask,
    places: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    for larva, track in list(other[RUN].items()):
        other.set(RUN, larva, np.round(track.times + shift, 3), track.states)
    for labels, file in zip((one, other), places, strict=True):
        labels.write(file)
    found = tmp_path / "found.json"
    assert julia("compare", *places, max_gap, found) == "ok"
    (theirs,) = json.loads(found.read_text("utf-8"))
    ours = compare(*(Labels.read(file)[RUN] for file in places), max_gap).to_dict()
    kappas = [np.array(found.pop("kappa"), dtype=float) for found in (theirs, ours)]
    np.testing.assert_allclose(*kappas, atol=1e-12)  # NumPy adds in another order
    assert theirs == ours


def test_python_and_julia_write_real_files_alike(
    julia: Ask, recordings: Path, places: tuple[Path, Path]
) -> None:
    """Both write the same text, and Python rewrites Julia's file unchanged."""
    theirs, ours = places
    files = sorted([*recordings.glob("golden/*.label"), *recordings.glob("labels/*/*.label")])
    assert len(files) > 15
    for path in files:
        labels = Labels.read(path)
        assert julia("rewrite", path, theirs) == "ok"
        assert theirs.read_bytes() == text(labels), path
        Labels.read(theirs).write(ours)
        assert ours.read_bytes() == theirs.read_bytes()
