"""Groups of recordings, and what statistics of groups refuse or report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support import backend_error
from taggingbackends import Labels
from taggingbackends.analysis import statistics
from taggingbackends.analysis.groups.grouping import read_groups
from taggingbackends.errors import BackendWarning
from taggingbackends.simulation import simulate_labels


def recording(run: str, seed: int = 0, larvae: int = 3, **options: Any) -> Labels:
    """Return the labels of a small recording with a stimulus from 4 to 6 s."""
    options = {"stimulus": (4.0, 2.0), "framerate": 5.0, "genotype": "w"} | options
    return simulate_labels(run, larvae, 8.0, seed, **options)


def written(folder: Path, labels: Labels, name: str = "predicted.label") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    labels.write(folder / name)
    return folder / name


def groups_of(*files: Any, **options: Any) -> dict[str, int]:
    """Return the number of recordings of each group."""
    table = statistics(list(files), **options).groups
    return dict(zip(table["group"], table["recordings"], strict=True))


def test_facts_give_the_groups() -> None:
    labels = [recording(f"r{at}", at, genotype="abcb"[at]) for at in range(4)]
    assert groups_of(*labels) == {"a": 1, "b": 2, "c": 1}
    assert list(groups_of(*labels, control="b")) == ["b", "a", "c"]
    protocol = labels[0]["r0"].metadata["protocol"]
    two = statistics(labels, ["genotype", "protocol"])
    assert two.groups["group"].tolist() == [f"{name}, {protocol}" for name in "abc"]
    assert two.groups["genotype"].tolist() == ["a", "b", "c"]
    assert groups_of(*labels, by=()) == {"all": 4}
    assert statistics(labels, ()).comparisons.empty


@pytest.mark.parametrize(
    "name",
    [
        "predicted.label",
        "predicted",
        "one",
        "one/predicted.label",
        "lab\\one\\predicted.label",
        "lab/one/",
        "20240101_101010",
        "x@y.spine",
        "x@y",
    ],
)
@pytest.mark.filterwarnings("ignore:expected at least 2")
def test_what_a_table_may_call_a_recording(name: str, tmp_path: Path) -> None:
    labels = recording("20240101_101010")
    labels["20240101_101010"].dependencies = [{"filename": "x@y.spine", "sha1": "0" * 40}]
    file = written(tmp_path / "lab" / "one", labels)
    table = tmp_path / "groups.csv"
    table.write_text(f"recording,diet\n{name},rich\n")
    assert groups_of(file, by="diet", groups=table) == {"rich": 1}


@pytest.mark.parametrize(
    "text",
    [
        "recording,diet\nr0,rich\nr1,'=poor\n",
        "\ufeffdiet;recording\r\nrich;r0\r\n'=poor;r1\r\n;\r\n",
        'recording\tdiet\n"r0"\t"rich"\nr1\t \'=poor\n\n',
        "Recording , diet,,\nr0,rich,,\nr1,'=poor\n",
    ],
)
def test_forms_of_tables(text: str, tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    table.write_bytes(text.encode())
    rows = read_groups(table)
    assert [row["recording"] for row in rows] == ["r0", "r1"]
    labels = [recording(f"r{at}", at) for at in range(2)]
    assert groups_of(*labels, by="diet", groups=table) == {"=poor": 1, "rich": 1}


def test_a_dictionary_gives_the_groups() -> None:
    labels = [recording(f"r{at}", at) for at in range(2)]
    assert groups_of(*labels, by="diet", groups={"r0": "a", "r1": "b"}) == {"a": 1, "b": 1}
    by = ["genotype", "diet"]
    rows = {"r0": {"diet": "a"}, "r1": {"diet": "b", "genotype": "x"}}
    assert groups_of(*labels, by=by, groups=rows) == {"w, a": 1, "x, b": 1}
    with pytest.raises(TypeError, match="a dictionary with genotype, diet"):
        groups_of(*labels, by=by, groups={"r0": "a", "r1": "b"})


def test_a_table_without_some_recordings_or_with_more() -> None:
    labels = [recording(f"r{at}", at) for at in range(3)]
    groups = {"r0": "a", "r1": "b", "r5": "b"}
    with (
        pytest.warns(BackendWarning, match="left out, since the groups do not have them: r2;"),
        pytest.warns(BackendWarning, match="no recording matches these rows of the groups: 'r5';"),
    ):
        found = statistics(labels, "diet", groups=groups)
    assert found.design.left_out == ("r2",)
    assert found.design.recordings == 2


@pytest.mark.filterwarnings("ignore:left out")
@pytest.mark.filterwarnings("ignore:no recording matches")
def test_bad_tables(tmp_path: Path) -> None:
    labels = [recording("r0")]
    table = tmp_path / "groups.csv"
    for text, problem in (
        ("file,diet\nr0,rich\n", r"groups\.csv: expected a column 'recording'"),
        ("", "expected a column 'recording'"),
        ("recording,diet,diet\nr0,a,b\n", "columns of different names"),
        ("recording,diet\nr0,rich, very\n", "expected 2 cells in a row, .*put quotes around"),
        ('recording,diet\nr0,"a\n', "expected CSV"),
        ("recording,diet\nr1,rich\n", "expected recordings in groups, found 1 in no group"),
    ):
        table.write_text(text)
        with backend_error("unusable-data", problem):
            statistics(labels, "diet", groups=table)
    table.write_bytes("recording,diet\nr0,é\n".encode("latin-1"))
    with backend_error("unusable-data", "expected a table in UTF-8"):
        statistics(labels, "diet", groups=table)


def test_two_rows_for_a_recording(tmp_path: Path) -> None:
    file = written(tmp_path / "one", recording("r0"))
    groups = {"one": "a", "r0": "b"}
    with backend_error("unusable-data", "expected one row for .*, found 'one' and 'r0'"):
        statistics(file, "diet", groups=groups)
    with pytest.warns(BackendWarning, match="expected at least 2 larvae"):
        one = statistics([recording("r0", larvae=1)], "diet", groups={"r0": "a"})
    assert one.design.counted == 1


def test_an_unknown_column() -> None:
    labels = [recording("r0")]
    with backend_error("unusable-data", "expected its genotpe, found genotype, protocol; group by"):
        statistics(labels, "genotpe")
    with backend_error("unusable-data", "run r0: expected its genotpe"):
        statistics(labels, "genotpe", groups={"r0": {"diet": "a"}})


def test_the_columns_of_the_table_are_in_the_message(tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    table.write_text("recording,Diet\nr0,rich\n")
    with backend_error("unusable-data", "expected its diet, found genotype, protocol, Diet; group"):
        statistics([recording("r0")], "diet", groups=table)


def test_two_groups_of_one_name() -> None:
    labels = [recording("r0", genotype="x, y"), recording("r1", 1, genotype="x")]
    groups = {"r0": {"diet": "z"}, "r1": {"diet": "y, z"}}
    with backend_error("unusable-data", "expected groups of different names, found 'x, y, z' for"):
        statistics(labels, ["genotype", "diet"], groups=groups)


def test_an_empty_genotype_is_no_group() -> None:
    with backend_error("unusable-data", "run r0: expected its genotype, found protocol; group by"):
        statistics([recording("r0", genotype=""), recording("r1", 1)])
    assert groups_of(recording("r0", genotype=""), groups={"r0": "a"}) == {"a": 1}


def test_an_unknown_control_or_label() -> None:
    labels = [recording("r0", genotype="a"), recording("r1", genotype="b")]
    with backend_error("unusable-data", "found 'c'; the groups are a, b"):
        statistics(labels, control="c")
    with backend_error("unknown-label", "found 'bend'; the recordings have run, cast"):
        statistics(labels, labels=["run", "bend"])


def test_one_recording_twice(tmp_path: Path) -> None:
    labels = recording("r0")
    entry = {"filename": "x.spine", "sha1": "0" * 40}
    labels["r0"].dependencies = [entry]
    written(tmp_path / "a", labels, "truth.label")
    written(tmp_path / "a", labels)
    with backend_error("repeated-run", r"found run r0 in .*; name one label file for each"):
        statistics(tmp_path)
    assert groups_of(f"{tmp_path}/**/predicted.label") == {"w": 1}
    # copied
    written(tmp_path / "b", labels)
    with backend_error("repeated-run", "found run r0"):
        statistics(f"{tmp_path}/**/predicted.label")
    # two recordings that began in the same second
    labels["r0"].dependencies = [{"filename": "y.spine", "sha1": "1" * 40}]
    written(tmp_path / "b", labels)
    assert groups_of(f"{tmp_path}/**/predicted.label") == {"w": 2}


def test_windows_without_larvae() -> None:
    labels = [recording("r0")]
    with backend_error("no-window", "tracked in the window from 20 to 22 s, found none"):
        statistics(labels, window=(20, 22))
    with backend_error("no-window", "tracked for at least 80% of the window from 7 to 20 s"):
        statistics(labels, window=(7, 20))
    labels[0]["r0"].metadata["protocol"] = "p_8_60s1x2s0s"
    with backend_error("no-window", "tracked in the first stimulus window, found none"):
        statistics(labels)
    for window in ((2, 2), (3, 1), (0, np.inf)):
        with pytest.raises(ValueError, match=r"expected window=\(start, stop\)"):
            statistics(labels, window=window)
    with pytest.raises(ValueError, match="expected a bin above 0"):
        statistics(labels, bin=0)
    with pytest.raises(ValueError, match="min_tracked from 0 to 1"):
        statistics(labels, min_tracked=80)
    with pytest.raises(ValueError, match="the unit 'larva' or 'recording'"):
        statistics(labels, unit="larvae")
    with pytest.raises(ValueError, match="max_gap above 0"):
        statistics(labels, max_gap=0)
    with backend_error("no-input", "expected labels, found none"):
        statistics([])
    with backend_error("unusable-data", "expected at most 100000 bins of 1e-05 s"):
        statistics(labels, bin=1e-5)


def test_recordings_without_a_stimulus() -> None:
    labels = [recording(f"r{at}", at) for at in range(3)]
    del labels[0]["r0"].metadata["protocol"]
    with pytest.warns(BackendWarning, match="counted over time only, .* others do: r0; set window"):
        found = statistics(labels)
    assert found.design.without_window == ("r0",)
    assert set(found.budgets["run"]) == {"r1", "r2"}
    assert found.groups["recordings"].tolist() == [3]
    for one in labels[1:]:
        for run in one.values():
            del run.metadata["protocol"]
    with backend_error("no-window", "found no stimulus in the protocols of the recordings; set"):
        statistics(labels, before=(1, 2))
    whole = statistics(labels)
    assert not whole.design.has_responses
    assert whole.responses.empty
    assert whole.latencies.empty
    assert set(whole.comparisons["measure"]) == set()
    assert whole.design.counted == 9
    shares = whole.budgets.groupby(["run", "larva"], observed=True)["share"].sum()
    np.testing.assert_allclose(shares, 1)


def test_few_recordings() -> None:
    labels = [recording(f"r{at}", at, genotype="ab"[at % 2]) for at in range(4)]
    with pytest.warns(BackendWarning, match="a have 2 and 2 recordings: no p-value can be below"):
        found = statistics(labels, unit="recording")
    assert found.comparisons["p"].min() >= 1 / 3 - 1e-12
    with pytest.warns(BackendWarning, match="at least 2 recordings that count .* fewer in b"):
        found = statistics(labels[:3], unit="recording")
    one = found.over_time[found.over_time["group"] == "b"]
    assert one["low"].isna().all()
    assert one["share"].notna().any()


def test_few_recordings_for_the_correction_of_many_tests() -> None:
    labels = [recording(f"r{at}", at, genotype="ab"[at % 2]) for at in range(8)]
    with pytest.warns(
        BackendWarning, match=r"below 0\.029, and none below .* Holm.*add recordings$"
    ):
        found = statistics(labels, unit="recording")
    assert found.comparisons["p_adjusted"].min() > 0.05
    assert len(statistics(labels, unit="recording", labels=["hunch"]).comparisons) == 4
    three = [recording(f"r{at}", at, genotype="abc"[at % 3]) for at in range(9)]
    with pytest.warns(BackendWarning, match="add recordings, or name a control"):
        statistics(three, unit="recording")


def test_a_window_before_that_is_not_before() -> None:
    labels = [recording(f"r{at}", at, genotype="ab"[at % 2]) for at in range(2)]
    start = statistics(labels).design.windows["a"][0].start
    with pytest.warns(BackendWarning, match="ends after the start of the window of responses"):
        statistics(labels, before=(start - 1, start + 0.5))
    statistics(labels, before=(start - 1, start))


def test_labels_that_only_some_recordings_have() -> None:
    labels = [recording(f"r{at}", at, genotype="ab"[at % 2]) for at in range(4)]
    labels[0]["r0"].secondary_names = ["stop", "edited"]
    labels[1].set("r1", 1, [4.0, 4.5, 5.0, 5.5, 6.0], ["roll", "roll", "roll", (), ("roll", "run")])
    found = statistics(labels)
    assert "roll" in found.design.labels
    assert "edited" not in found.design.labels
    roll = found.responses[found.responses["label"] == "roll"]
    assert roll["responded"].tolist() == [0, 1]
    assert roll["tracked"].tolist() == [6, 6]
    assert roll["median_latency"].isna().all()
    two = statistics(labels, labels=["roll", "edited"])
    assert two.design.labels == ("roll", "edited")
    assert set(two.comparisons["label"]) == {"roll", "edited"}


def test_empty_recordings() -> None:
    empty = Labels()
    labels = [recording("r0"), empty]
    empty.add_run("r9").metadata |= labels[0]["r0"].metadata
    assert groups_of(*labels) == {"w": 2}
    with backend_error("no-window", "expected larvae tracked in the first stimulus window"):
        statistics([empty])
