"""The contract's cases, which are data: test/contract/README.md says what they look like."""

from __future__ import annotations

import builtins
import json
import struct
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matlab
from support import CONTRACT, backend_error, label_error, parse, text
from taggingbackends import BackendExplorer, LabelFileError, Labels
from taggingbackends.analysis import compare
from taggingbackends.backend.options import OptionError, format_options, parse_options
from taggingbackends.backend.optiontypes import TEXT, Parameter, Signature, type_of
from taggingbackends.backend.project import project_metadata
from taggingbackends.data import find_recordings
from taggingbackends.labels import TrackLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.system.names import check_identifier, did_you_mean


def cases(folder: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted(CONTRACT.glob(f"{folder}/*.label"))]


def meaning(labels: Labels) -> dict[str, Any]:
    """Return labels in the normalized form of the cases."""
    return {
        "attributes": labels.attributes,
        "runs": [
            {
                "id": run.id,
                "metadata": run.metadata,
                "units": run.units,
                "names": run.names,
                "colors": run.colors,
                "secondary_names": run.secondary_names,
                "dependencies": run.dependencies,
                "attributes": run.attributes,
                "tracks": [
                    {
                        "id": larva,
                        "times": track.times.tolist(),
                        "states": [[s] if isinstance(s, str) else list(s) for s in track.states],
                        "records": {
                            key: value.tolist() if isinstance(value, np.ndarray) else value
                            for key, value in track.records.items()
                        },
                        **columns(track),
                    }
                    for larva, track in run.items()
                ],
            }
            for run in labels.values()
        ],
    }


def columns(track: TrackLabels) -> dict[str, Any]:
    """Return the columns that a track may have; null is unknown."""
    found: dict[str, Any] = {}
    if track.confidence is not None:
        found["confidence"] = [None if x != x else x for x in track.confidence.tolist()]
    if track.second is not None:
        found["second"] = [list(labels_of(choice)) for choice in track.second]
    return found


@pytest.mark.parametrize("path", cases("good"))
def test_good_label_file(path: Path) -> None:
    labels = Labels.read(path)
    expected = path.with_suffix(".expected.json")
    if expected.exists():
        assert meaning(labels) == json.loads(expected.read_text("utf-8"))
    canonical = path.with_suffix(".canonical").read_bytes()
    assert text(labels) == canonical
    assert text(parse(canonical)) == canonical


@pytest.mark.parametrize("path", cases("bad"))
def test_bad_label_file(path: Path) -> None:
    with pytest.raises(LabelFileError) as caught:
        Labels.read(path)
    error = caught.value
    found = {name: getattr(error, name) for name in ("kind", "run", "track", "index")}
    assert found == json.loads(path.with_suffix(".expected.json").read_text())
    assert error.file == path
    assert str(error).startswith(f"{path}: ")
    assert f"{error.kind}: expected " in str(error)


@pytest.mark.parametrize(("value", "described"), matlab.CASES["values"])
def test_json_in_matlab(value: str, described: str) -> None:
    assert matlab.described(matlab.jsondecode(json.loads(value))) == described


@pytest.mark.parametrize("path", cases("good"))
def test_label_file_in_matlab(path: Path) -> None:
    canonical = path.with_suffix(".canonical")
    if path.stem != "deepest":  # the standard library's parser does not read it
        matlab.check(canonical)
        assert matlab.read(canonical) == matlab.meant(parse(canonical.read_bytes()))


def test_floats_are_written(tmp_path: Path) -> None:
    for bits, expected in numbers("floats.txt"):
        value = float_of(bits)
        labels = Labels()
        labels.add_run("r").attributes["x"] = value
        written = text(labels).split(b'"x":')[1].split(b",")[0]
        assert written.decode() == expected
        assert bits_of(parse(text(labels))["r"].attributes["x"]) == bits


def test_decimals_are_read() -> None:
    for bits, decimal in numbers("decimals.txt"):
        content = b'{"metadata":{"id":"r"},"x":%b,"data":[]}' % decimal.encode()
        assert bits_of(float(parse(content)["r"].attributes["x"])) == bits, decimal


def numbers(name: str) -> list[list[str]]:
    return [line.split() for line in (CONTRACT / name).read_text().splitlines()]


def float_of(bits: str) -> float:
    return float(struct.unpack(">d", bytes.fromhex(bits))[0])


def bits_of(value: float) -> str:
    return struct.pack(">d", value).hex()


def test_identifiers() -> None:
    cases = json.loads((CONTRACT / "identifiers.json").read_text("utf-8"))
    for identifier in cases["good"]:
        assert check_identifier("it", identifier) == identifier
    for identifier in cases["bad"]:
        with backend_error("bad-identifier"):
            check_identifier("it", identifier)


def test_similar_names() -> None:
    for case in json.loads((CONTRACT / "similar.json").read_text("utf-8")):
        assert did_you_mean(case["name"], case["names"]) == case["message"]


def test_names() -> None:
    for name, _ in json.loads((CONTRACT / "names.json").read_text("utf-8")):
        module, attribute = name.split(":")
        assert attrgetter(attribute)(import_module(module)) is not None, name


def test_options() -> None:
    for case in json.loads((CONTRACT / "options.json").read_text("utf-8")):
        if case["options"] is None:
            with pytest.raises(OptionError):
                parse_options(case["arguments"])
        else:
            assert parse_options(case["arguments"]) == case["options"], case["arguments"]
            assert list(parse_options(case["arguments"])) == list(case["options"])
            assert parse_options(format_options(case["options"])) == case["options"]


def test_option_values() -> None:
    for case in json.loads((CONTRACT / "optionvalues.json").read_text("utf-8")):
        named = case["type"]
        kind = TEXT if named == "text" else type_of(named, lambda name: getattr(builtins, name))
        signature = Signature("f", {"x": Parameter(kind)})
        options = parse_options(case["arguments"])
        if "refused" in case:
            with pytest.raises(OptionError, match=r"^--(no-)?x: expected .*, found "):
                signature.keywords(options)
        else:
            value = signature.keywords(options)["x"]
            assert (value, type(value)) == (case["value"], type(case["value"])), case


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case["name"])
        for case in json.loads((CONTRACT / "recordings.json").read_text("utf-8"))
    ],
)
def test_labels_of_different_recordings(case: dict[str, Any]) -> None:
    def labelled(entries: list[dict[str, str]]) -> Labels:
        labels = Labels()
        labels.set("r", 1, [0.0], ["run"])
        labels["r"].dependencies = entries
        return labels

    for one, other in (("one", "other"), ("other", "one")):
        first, second = labelled(case[one]), labelled(case[other])
        before = text(first)
        for combine in (
            first.merge,
            lambda other, first=first, **force: first.fill("run", other, **force),
            lambda other, first=first, **force: compare(first["r"], other["r"], **force),
        ):
            if case["different"]:
                with pytest.raises(LabelFileError, match="force=True") as caught:
                    combine(second)
                assert (caught.value.kind, caught.value.run) == ("bad-dependency", "r")
                assert text(first) == before
            else:
                combine(second)
            combine(second, force=True)


def rounded(value: Any) -> Any:
    """Return a JSON value with its numbers rounded to 9 decimals."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return list(map(rounded, value))
    return round(value, 9) if isinstance(value, float) else value


def as_label_file(content: dict[str, Any]) -> Labels:
    return parse(json.dumps(content).encode())


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case["name"])
        for case in json.loads((CONTRACT / "tables.json").read_text("utf-8"))
    ],
)
def test_tables(case: dict[str, Any]) -> None:
    labels = as_label_file(case["labels"])
    asked = (case.get("max_gap"), case.get("metadata", ()))
    for name, table in (("bouts", labels.to_bouts(*asked)), ("budget", labels.to_budget(*asked))):
        assert list(table) == list(case[name])
        for column, expected in case[name].items():
            found = [None if x != x else x for x in table[column].tolist()]
            assert rounded(found) == rounded(expected), column


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case["name"])
        for case in json.loads((CONTRACT / "comparisons.json").read_text("utf-8"))
    ],
)
def test_comparisons(case: dict[str, Any]) -> None:
    one, other = (as_label_file(case[name])["r"] for name in ("one", "other"))
    options = (case.get("max_gap"), case.get("force", False))
    if case["expected"] is None:
        with label_error("bad-dependency", run="r"):
            compare(one, other, *options)
        return
    assert rounded(compare(one, other, *options).to_dict()) == rounded(case["expected"])


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case["name"])
        for case in json.loads((CONTRACT / "pyproject.json").read_text("utf-8"))
    ],
)
def test_pyproject(case: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(case["text"].encode())
    if case["metadata"] is None:
        with backend_error("not-a-backend"):
            project_metadata(tmp_path)
    else:
        assert project_metadata(tmp_path) == {"name": tmp_path.name} | case["metadata"]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case["name"])
        for case in json.loads((CONTRACT / "trees.json").read_text("utf-8"))
    ],
)
def test_folder_tree(case: dict[str, Any], make_backend: Callable[..., Path]) -> None:
    project = make_backend(model="m")
    for name in case["files"]:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(case.get("texts", {}).get(name, "").encode())
    backend = BackendExplorer(project, case["instance"], case["sandbox"])
    listed = backend.list_input_files()
    raw, processed = backend.raw_data_dir(), backend.processed_data_dir()

    def relative(files: list[Path]) -> list[str]:
        return [path.relative_to(raw).as_posix() for path in files]

    assert relative(listed) == case["listed"]
    grouped = backend.list_input_files(group_by_directories=True)
    assert [[folder, relative(files)] for folder, files in grouped.items()] == case["grouped"]
    assert backend.list_models() == case.get("models", ["m"])
    assert backend.list_pretrained_models() == case.get("pretrained", [])
    if "recordings" in case:
        found = find_recordings(listed)
        relative_found = [[*relative([main]), relative(files)] for main, files in found.items()]
        assert relative_found == case["recordings"]
    for file, output in case.get("outputs", []):
        assert backend.output_path(raw / file) == processed / output


def test_golden_files_of_nyx(recordings: Path) -> None:
    """Files that Nyx's own library wrote mean here what they mean there."""
    found = sorted(recordings.glob("golden/*.expected.json"))
    assert found
    for path in found:
        expected = json.loads(path.read_text("utf-8"))
        labels = Labels.read(path.with_name(path.name.replace(".expected.json", ".label")))
        run = labels[expected["run"]]
        tracks = {
            str(larva): {
                "t": track.times.tolist(),
                "labels": [[s] if isinstance(s, str) else list(s) for s in track.states],
            }
            for larva, track in run.items()
        }
        assert tracks == expected["tracks"], path
        assert run.metadata == expected["metadata"], path
        assert (run.names, run.secondary_names) == (expected["names"], expected["secondary"]), path


def test_merging_and_cropping_as_nyx_does(recordings: Path) -> None:
    golden = recordings / "golden"
    other = Labels.read(golden / "merge_b.label")
    for when, result in ((None, "merged"), (lambda names: "edited" in names, "merged_when_edited")):
        labels = Labels.read(golden / "merge_a.label")
        labels.merge(other, when)
        assert labels.to_dict() == Labels.read(golden / f"{result}.label").to_dict()
        assert labels["20150701_105504"].colors == ["#ff0000", "#00ff00", "#0000ff", "#808080"]
    cropped = Labels.read(golden / "merge_a.label").crop(66.755, 67.039)
    assert cropped == Labels.read(golden / "cropped_66.755_67.039.label")


def test_json_conformance(recordings: Path) -> None:
    """What is JSON is refused for another reason; what is not, as invalid-json."""
    verdicts: dict[str, list[str]] = {"y": [], "n": [], "i": []}
    for path in sorted(recordings.glob("jsontestsuite/**/[yni]_*.json")):
        with pytest.raises(LabelFileError) as caught:
            Labels.read(path)
        verdicts[path.name[0]].append(caught.value.kind)
    counts = {prefix: Counter(kinds)["invalid-json"] for prefix, kinds in verdicts.items()}
    assert counts == {"y": 0, "n": 188, "i": 29}
    assert {prefix: len(kinds) for prefix, kinds in verdicts.items()} == {
        "y": 95,
        "n": 188,
        "i": 35,
    }


def test_an_experiment_survives_a_round_trip(recordings: Path, tmp_path: Path) -> None:
    labels = Labels.read(recordings / "labels" / "20190612_140000" / "fed.label")
    assert sum(len(track) for track in labels["20190612_140000"].values()) == 286_672
    labels.write(tmp_path / "one.label")
    again = Labels.read(tmp_path / "one.label")
    assert again == labels
    again.write(tmp_path / "two.label")
    assert (tmp_path / "one.label").read_bytes() == (tmp_path / "two.label").read_bytes()
