"""Julia in this process: labels, tracks, arrays and errors cross without loss and without copies.

With juliacall, where that can start; its Julia is the one that PYTHON_JULIACALL_EXE and
PYTHON_JULIACALL_PROJECT name, or juliapkg's. test_julia_startup.py runs the same tests with what
stands in for juliacall, and any Julia. So what is seen with the real one only is PythonCall itself:

- that Julia 1.10.3 or later starts with it, and what that prints;
- how it converts numbers, strings, None, tuples, keyword arguments, ranges, and Python functions;
- what classes it gives to Julia's values;
- when it lets go of Python's objects, and of Julia's at exit; how much memory that takes;
- that several threads of Julia's neither crash nor stop the process;
- newer Julia's memory, which arrays share (from 1.11 on).
"""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from strategies import any_labels

from support import CONTRACT, RUN, blocks, write_labels, write_recording
from taggingbackends import (
    BackendError,
    JuliaSetupError,
    LabelFileError,
    Labels,
    ScriptError,
    TaggingBackendsError,
    TrackFileError,
)
from taggingbackends.backend.juliapackage import julia_package
from taggingbackends.data import Recording, Track, load_tracks

# Python >= 3.12 warns of a fork, which is refused here
pytestmark = pytest.mark.filterwarnings("default", "ignore:.* use of fork:DeprecationWarning")


# What is nested as deeply as a file may be has no room for what is around it here.
GOOD = [file for file in sorted((CONTRACT / "good").glob("*.label")) if file.stem != "deepest"]


UNALIGNED = np.frombuffer(bytearray(25), dtype=np.float64, offset=1)


def full_labels() -> Labels:
    """Return labels with everything that they can carry."""
    labels = Labels()
    times = np.arange(1, 6) / 8
    states = ["run", ("run", "cast"), (), "edited", "run"]
    confidence = [0.5, 1, np.nan, np.nan, 0.25]
    labels.set(RUN, 512, times, states, confidence, ["cast", "back", (), (), "cast"])
    labels.set(RUN, 7, [], [])
    run = labels[RUN]
    run.secondary_names = ["edited"]
    run.declare(["cast", "run", "back"], ["#000000", "#2ca02c", "#d62728"])
    run.metadata = {"tracker": "t5", "camera": {"framerate": 30.0, "lens": None, "n": [1, 2.5]}}
    run.units["x"] = "mm"
    run.dependencies = [{"filename": "a.spine", "sha1": "0" * 40}]
    run.attributes = {"note": "ça µ 😀", "list": [True, {}]}
    run[512].records |= {
        "speed": np.arange(5.0),
        "count": np.arange(5),
        "moving": np.array([True, False, True, True, False]),
        "small": np.arange(5, dtype=np.float32),
        "comment": ["a", None, "b", 1, []],
        "sex": "f",
    }
    labels.set("another", 0, [-1.5], ["roll"])
    labels.attributes = {"made": {"by": "hand"}}
    return labels


@pytest.fixture
def labels() -> Labels:
    return full_labels()


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return load_tracks(write_labels(write_recording(tmp_path)))


# -- labels


def test_labels_cross_as_they_are(julia: ModuleType, functions: Any, labels: Labels) -> None:
    theirs = julia.to_julia(labels)
    assert functions.is_labels(theirs) is True
    assert julia.from_julia(theirs) == labels
    assert functions.larvae_of(labels, RUN).tolist() == [512, 7]
    again = julia.from_julia(theirs)
    assert again[RUN].states == labels[RUN].states
    kinds = {key: getattr(x, "dtype", type(x)) for key, x in again[RUN][512].records.items()}
    assert kinds == {
        "speed": np.float64,
        "count": np.int64,
        "moving": np.bool_,
        "small": np.float32,
        "comment": list,
        "sex": str,
    }


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=any_labels())
def test_any_labels_cross_as_they_are(labels: Labels, julia: ModuleType) -> None:
    assert julia.from_julia(julia.to_julia(labels)) == labels


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_a_label_file_is_the_same_from_both(file: Path, julia: ModuleType, tmp_path: Path) -> None:
    package = julia.TaggingBackends
    ours, theirs = Labels.read(file), package.readlabels(file)
    assert theirs == ours
    package.writelabels(str(tmp_path / "theirs.label"), ours)
    theirs.write(tmp_path / "ours.label")
    assert (tmp_path / "theirs.label").read_bytes() == (tmp_path / "ours.label").read_bytes()


def test_no_column_of_labels_is_copied(julia: ModuleType, functions: Any, labels: Labels) -> None:
    again = julia.from_julia(julia.to_julia(labels))
    ours, theirs = labels[RUN][512], again[RUN][512]
    assert np.shares_memory(ours.times, theirs.times)
    assert np.shares_memory(ours.codes, theirs.codes)
    assert np.shares_memory(ours.confidence, theirs.confidence)
    assert np.shares_memory(ours.second_codes, theirs.second_codes)
    assert np.shares_memory(ours.records["speed"], theirs.records["speed"])
    assert not theirs.times.flags.writeable
    assert not theirs.codes.flags.writeable
    made = julia.to_julia(functions.made())
    one, other = (julia.from_julia(made)["r"][1] for _ in range(2))
    assert np.shares_memory(one.times, other.times)
    assert np.shares_memory(one.codes, other.codes)


def test_functions_of_the_package_take_labels(julia: ModuleType, labels: Labels) -> None:
    package = julia.TaggingBackends
    before = julia.from_julia(julia.to_julia(labels)).to_dict()
    others = Labels()
    others.set(RUN, 512, [0.125, 0.9], ["back", "hunch"])
    del labels[RUN][512].records["comment"]
    plain = labels.crop(-10, 10)
    for record in list(plain[RUN][512].records):
        del plain[RUN][512].records[record]

    def changed(name: str, *args: Any) -> Labels:
        copy = plain.crop(-10, 10)
        getattr(copy, name)(*args)
        return copy

    assert package.mergelabels_b(plain, others) == changed("merge", others)
    assert package.filllabels_b(plain, "stop") == changed("fill", "stop")
    assert package.taglabels_b(plain, "edited") == changed("tag", "edited")
    assert package.croplabels(labels, 0.2, 0.4) == labels.crop(0.2, 0.4)
    assert labels.to_dict() == before  # nothing of it is written into our columns


def test_bit_arrays_become_booleans(functions: Any) -> None:
    found = functions.recorded(functions.made())["r"][1].records["b"]
    assert (found.dtype, found.tolist()) == (np.bool_, [True, True])


def test_memory_lives_as_long_as_it_is_used(julia: ModuleType, functions: Any) -> None:
    labels = full_labels()
    expected = labels.to_dict()
    column = weakref.ref(labels[RUN][512].times)
    theirs = julia.to_julia(labels)
    del labels
    ours = [functions.made() for _ in range(100)]
    for _ in range(3):
        gc.collect()
        functions.collect_garbage()
        assert [np.full(1000, n) for n in range(100)][7][0] == 7  # other use for freed memory
    assert julia.from_julia(theirs).to_dict() == expected
    assert all(made.to_dict() == {"r": {1: {0.1: "run", 0.2: "cast"}}} for made in ours)
    assert column() is not None
    del theirs
    for _ in range(10):
        gc.collect()
        functions.collect_garbage()
    assert column() is None


def test_what_json_cannot_hold_is_refused(julia: ModuleType, labels: Labels) -> None:
    labels[RUN].metadata["bad"] = float("nan")
    with pytest.raises(LabelFileError, match="expected finite numbers, found nan") as caught:
        julia.to_julia(labels)
    assert (caught.value.kind, caught.value.run) == ("invalid-json", RUN)


# -- tracks


def test_a_recording_crosses_as_it_is(
    julia: ModuleType, functions: Any, recording: Recording
) -> None:
    left_out = ("2 larvae without frames (3, 17)",)
    recording = replace(recording, left_out=left_out, run_is_derived=True)
    again = julia.from_julia(julia.to_julia(recording))
    assert list(again) == list(recording) == [1, 20]
    for name in ("run", "metadata", "format", "sources", "left_out", "run_is_derived"):
        assert getattr(again, name) == getattr(recording, name)
    assert again.labels() == recording.labels()
    for larva, track in recording.items():
        for name in ("times", "spine", "outline", "outline_offsets"):
            ours, theirs = getattr(track, name), getattr(again[larva], name)
            np.testing.assert_array_equal(theirs, ours)
            assert np.shares_memory(theirs, ours)
        assert functions.sizes(track) == ((5, 11, 2), (40, 2), 6)
        assert functions.point(track, 2, 3, 1) == track.spine[1, 2, 0]
        np.testing.assert_array_equal(functions.contour(track, 2), track.outline[8:16])


def test_julias_recording_is_pythons(julia: ModuleType, recording: Recording) -> None:
    theirs = julia.TaggingBackends.loadtracks(recording.sources[0])
    assert (theirs.run, theirs.format, list(theirs)) == (RUN, "Choreography", [1, 20])
    assert theirs.run_is_derived == recording.run_is_derived
    for larva, track in recording.items():
        for name in ("times", "spine", "outline", "outline_offsets"):
            np.testing.assert_array_equal(getattr(theirs[larva], name), getattr(track, name))
    spine = julia.TaggingBackends.loadtracks(recording.sources[0], outline=False)
    assert spine[1].outline is None


def test_indicators_cross(julia: ModuleType) -> None:
    track = Track(np.arange(3.0), indicators={"roll": np.array([True, False, True])})
    again = julia.from_julia(julia.to_julia(track))
    assert list(again.indicators) == ["roll"]
    assert again.indicators["roll"].tolist() == [True, False, True]
    assert again.spine is None


# -- functions of one's own


def test_functions_take_tracks_and_give_arrays_and_states(
    functions: Any, recording: Recording
) -> None:
    track = recording[1]
    speed = functions.speed(track, scale=2)
    np.testing.assert_allclose(
        speed, 2 * np.diff(track.spine[:, 5, 0], prepend=track.spine[0, 5, 0])
    )
    assert functions.classify(track) == ["stop", "run", "run", "run", "run"]
    assert functions.several(track) == ["run", ("run", "cast"), ()]
    found, states = functions.both(track)
    assert isinstance(found, np.ndarray)
    assert states == functions.classify(track)
    assert functions.LIMIT == 7
    assert repr(functions.speed) == "<Julia function speed>"
    with pytest.raises(AttributeError, match="slowness"):
        functions.slowness  # noqa: B018


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        pytest.param(np.arange(4.0), "Array{Float64,1}", id="doubles"),
        pytest.param(np.arange(4, dtype=np.int32), "Array{Int32,1}", id="integers"),
        pytest.param(np.array([True, False]), "Array{Bool,1}", id="booleans"),
        pytest.param(np.arange(6.0).reshape(2, 3), "PermutedDimsArray", id="rows"),
        pytest.param(
            np.asfortranarray(np.arange(6.0).reshape(2, 3)), "Array{Float64,2}", id="columns"
        ),
        pytest.param(np.arange(24.0).reshape(2, 3, 4), "PermutedDimsArray", id="three dimensions"),
        pytest.param(np.arange(10.0)[::3], "Array{Float64,1}", id="in pieces"),
        pytest.param(np.arange(4.0).astype(">f8"), "Array{Float64,1}", id="other byte order"),
        pytest.param(np.arange(4).astype(">i4")[::2], "Array{Int32,1}", id="in pieces and swapped"),
        pytest.param(np.zeros(3, "i1, f8")["f1"], "Array{Float64,1}", id="field of a structure"),
        pytest.param(UNALIGNED, "Array{Float64,1}", id="unaligned"),
        pytest.param(np.empty((0, 3)), "PermutedDimsArray", id="empty"),
        pytest.param(np.empty((3, 0), order="F"), "PermutedDimsArray", id="empty columns"),
    ],
)
def test_arrays_cross_as_they_are(array: Any, kind: str, functions: Any) -> None:
    alias = {1: "Vector", 2: "Matrix"}.get(array.ndim, "-")
    found = functions.kind(array).replace(" ", "")
    assert found.startswith((kind, re.sub(r"^Array\{(\w+),\d\}", rf"{alias}{{\1}}", kind)))
    again = functions.same(array)
    np.testing.assert_array_equal(again, array)
    assert again.shape == array.shape
    whole = array.flags.forc and array.flags.aligned and array.dtype.isnative and array.size
    assert np.shares_memory(again, array) == bool(whole)
    if array.size:
        last = tuple(n - 1 for n in array.shape)
        assert functions.at(array, *array.shape) == array[last]


@pytest.mark.parametrize("dtype", ["f2", "c8", "c16"])
def test_halves_and_complex_numbers_cross(dtype: str, functions: Any) -> None:
    array = np.arange(4, dtype=dtype)
    again = functions.same(array)
    assert (again.dtype, again.tolist()) == (array.dtype, array.tolist())
    assert np.shares_memory(again, array)


def test_read_only_arrays_stay_as_they_are(functions: Any, labels: Labels) -> None:
    times = labels[RUN][512].times
    before = times.copy()
    functions.double_b(times)
    np.testing.assert_array_equal(times, before)


def test_julia_writes_into_an_array(functions: Any) -> None:
    array = np.arange(4.0)
    functions.double_b(array)
    assert array.tolist() == [0, 2, 4, 6]


def test_views_and_lazy_arrays_are_copied_out(functions: Any) -> None:
    assert functions.second_half(np.arange(6)).tolist() == [3, 4, 5]
    assert functions.swapped(np.arange(6).reshape(2, 3)).tolist() == [[0, 3], [1, 4], [2, 5]]


def test_plain_values_are_juliacalls(functions: Any) -> None:
    for value in (None, True, 3, 2.5, "ça", (1, "a")):
        assert functions.same(value) == value
    assert functions.same(["run", ("a", "b")]) == ["run", ("a", "b")]
    assert functions.same(Path("a") / "b") == str(Path("a") / "b")
    assert functions.numbers().tolist() == [1, 2, 3]


def test_scalars_of_numpys_are_plain_values(functions: Any) -> None:
    for value in (np.bool_(False), np.str_("ça"), np.array([True])[0]):
        assert functions.same(value) == value
        assert functions.kind(value) in ("Bool", "String")


def test_the_names_in_a_module(functions: Any, julia: ModuleType) -> None:
    names = dir(functions)
    assert not any(name.startswith("__") for name in names)
    assert {"speed", "double_b", "Inner", "LIMIT"} <= set(names)
    for name in names:
        getattr(functions, name)
    others = dir(julia.TaggingBackends)
    for name in others[::10]:  # compiling what each of several hundred names needs takes long
        getattr(julia.TaggingBackends, name)


def test_names_and_keywords_may_be_any(functions: Any) -> None:
    assert functions.half_b(4.0) == 2
    assert functions.half_b(4.0, self=2, text=1) == 1
    assert not hasattr(functions, "__array__")  # which NumPy asks for


def test_tuples_are_converted_inside(
    julia: ModuleType, functions: Any, labels: Labels, recording: Recording
) -> None:
    assert functions.first_of((labels, recording[1])) == labels
    assert julia.from_julia(julia.to_julia((labels, np.bool_(True)))) == (labels, True)
    np.testing.assert_array_equal(functions.first_of((np.arange(3), 1)), np.arange(3))


def test_what_is_no_list_of_states_is_juliacalls(functions: Any, is_standin: bool) -> None:
    if is_standin:
        pytest.skip("juliacall converts these lists")
    assert functions.rows([(0.0, 1.0), (1.0, 2.0)]) == 4
    assert functions.rows([[1, 2], [3]]) == 3


def test_python_functions_are_called(functions: Any, is_standin: bool) -> None:
    if is_standin:
        pytest.skip("juliacall hands functions over")
    assert int(functions.doubled(lambda x: x + 1, 1)) == 3


def test_whatever_can_be_called_is_a_function(functions: Any, labels: Labels) -> None:
    assert functions.Inner.count_runs(labels) == 2
    assert functions.MODEL(2.0) == 5.0
    assert functions.seval(3) == -3
    assert repr(functions.Inner.count_runs) == "<Julia function count_runs>"


def test_a_file_is_loaded_into_a_module_of_its_own(julia: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "my-features.jl"
    file.write_text("f(x) = x + 1")
    first = julia.include(file)
    file.write_text("f(x) = x + 2")
    second = julia.include(file)
    assert (first.f(1), second.f(1)) == (2, 3)
    file.write_text('using TaggingBackends\nreadlabels("none.label")\n')
    with pytest.raises(FileNotFoundError):
        julia.include(file)
    with pytest.raises(FileNotFoundError, match=r"none\.jl"):
        julia.include(tmp_path / "none.jl")


def test_a_file_may_have_the_name_of_its_function(julia: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "helper.jl").write_text("twice(x) = 2x")
    (tmp_path / "speed.jl").write_text('include("helper.jl")\nspeed(x) = twice(x)')
    assert julia.include(tmp_path / "speed.jl").speed(4) == 8
    (tmp_path / "predict.jl").write_text("using TaggingBackends\nf() = string(predict)")
    assert julia.include(tmp_path / "predict.jl").f() == "predict"


def test_the_example_of_the_documentation(
    julia: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spine = write_recording(tmp_path)
    (code,) = (x for x in blocks("docs/from-julia.md", "julia") if "function speed" in x)
    (script,) = (x for x in blocks("docs/from-julia.md") if "my_features.jl" in x)
    (tmp_path / "my_features.jl").write_text(code)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    exec(script.replace("recording.spine", spine.name), namespace)
    assert namespace["labels"].count() == {"run": 10}
    # and that of the module, for the same files
    namespace["labels"].write("my.label")
    (example,) = re.findall(r"::\n\n((?:    .*\n|\n)+)", str(julia.__doc__))
    namespace = {"track": load_tracks(spine)[1]}
    exec(dedent(example), namespace)
    assert namespace["labels"].count() == {"run": 10}
    assert namespace["speed"].shape == (5,)


# -- errors


@pytest.mark.parametrize(
    ("which", "expected", "message", "fields"),
    [
        ("file", FileNotFoundError, "/nowhere/at/all", {"errno": 2}),
        ("io", FileNotFoundError, "/nowhere/at/all", {"errno": 2}),
        ("argument", ValueError, "no such argument", {}),
        ("encoding", ValueError, "no file caf\ufffd", {}),
        ("thread", ValueError, "no such argument", {}),
        ("key", KeyError, "b", {}),
        ("index", IndexError, "BoundsError", {}),
        (
            "label",
            LabelFileError,
            "expected a time after 2.0, found 1.0",
            {"kind": "bad-time", "run": "r", "track": 9, "index": 1, "file": None},
        ),
        ("larva", LabelFileError, "from 0 to 65535", {"kind": "bad-larva-id", "index": None}),
        ("track", TrackFileError, "suffix", {"file": Path("x.doc"), "line": None}),
        ("backend", BackendError, "expected a backend", {"kind": "not-a-backend"}),
        ("instance", BackendError, "a model instance", {"fix": "name it with model_instance=..."}),
        ("script", ScriptError, "predict_model failed", {"exit_code": 5}),
        ("command", TaggingBackendsError, "no such model", {"exit_code": 3}),
    ],
)
def test_errors_are_pythons(
    which: str, expected: type[Exception], message: str, fields: dict[str, Any], functions: Any
) -> None:
    with pytest.raises(expected, match=re.escape(message)) as caught:
        functions.fail(which)
    assert type(caught.value) is expected
    assert {name: getattr(caught.value, name) for name in fields} == fields
    assert type(caught.value.__cause__).__name__ == "JuliaError"


def test_any_other_error_stays_julias(functions: Any) -> None:
    import juliacall

    with pytest.raises(juliacall.JuliaError, match="something else"):
        functions.fail("otherwise")


def test_arguments_that_no_method_takes(functions: Any, labels: Labels) -> None:
    with pytest.raises(TypeError, match="MethodError"):
        functions.only_labels(1)
    for name in ("only_labels", "speed"):  # without keywords, and with other ones
        with pytest.raises(TypeError, match="MethodError"):
            getattr(functions, name)(labels, colour="red")


def test_another_thread_is_refused(functions: Any) -> None:
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(JuliaSetupError, match="main thread") as caught,
    ):
        pool.submit(functions.same, 1).result()
    assert caught.value.kind == "other-thread"


def test_threads_of_julias_do_not_end_or_stop_the_process(julia: ModuleType) -> None:
    """Several of them, a collection of garbage, and a call from another thread of Python's."""
    script = (
        "import threading\nfrom taggingbackends import JuliaSetupError, julia\n"
        "collect = julia.TaggingBackends.GC.gc\ncollect()\n"
        "def work():\n"
        "    try: collect()\n"
        "    except JuliaSetupError as error: print(error.kind, flush=True)\n"
        "thread = threading.Thread(target=work)\nthread.start(); collect(); thread.join()\n"
        "collect(); print('done')"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"JULIA_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (result.returncode, result.stdout) == (0, "other-thread\ndone\n"), result.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_is_refused(julia: ModuleType, labels: Labels) -> None:
    julia.to_julia(labels)
    child = os.fork()
    if child == 0:
        try:
            julia.to_julia(labels)
        except JuliaSetupError as error:
            known = error.kind == "forked" and str(os.getppid()) in str(error)
            os._exit(7 if known else 8)
        finally:
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_starting_leaves_output_and_environment_alone(julia: ModuleType) -> None:
    script = (
        "import os, sys\nbefore = dict(os.environ)\nfrom taggingbackends import julia\n"
        "julia.start()\n"
        "new = {name for name in os.environ.keys() ^ before.keys() if 'JULIACALL' in name}\n"
        "sys.exit(f'{new}' if new else 0)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_julia_prints_to_standard_output_and_ends_well(julia: ModuleType, tmp_path: Path) -> None:
    """With memory of either side in use by the other one."""
    file = tmp_path / "prints.jl"
    file.write_text(
        'const KEPT = []\nkeep(x) = (push!(KEPT, x); println("kept"); collect(1.0:9.0))'
    )
    script = (
        "import numpy as np\nfrom taggingbackends import julia\n"
        f"prints = julia.include({str(file)!r})\n"
        "mine = np.arange(1e5)\nkept = prints.keep(mine)\nprint(kept.sum())"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert sorted(result.stdout.split()) == ["45.0", "kept"]


def test_the_package_is_the_one_that_belongs_to_python(julia: ModuleType, is_standin: bool) -> None:
    if os.environ.get("PYTHON_JULIACALL_PROJECT") and not is_standin:
        pytest.skip("a project of one's own may have its own copy")
    found = Path(str(julia.start().package.seval("pathof(TaggingBackends)")))
    assert found.samefile(julia_package() / "src" / "TaggingBackends.jl")
