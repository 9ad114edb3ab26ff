"""What crosses between Python and Julia is let go by ordinary work, without a call of a collector.

The bounds are for PythonCall, and the whole process. With what stands in for it there are fewer
calls, though enough to exceed the bounds if nothing were let go. PythonCall keeps the Python object
that a call returns until Julia collects garbage; so no array may depend on such an object.
"""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

from support import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measured in Linux's units")

MEASURE = f"""
import resource, sys
import numpy as np
from taggingbackends import Labels, julia
from taggingbackends.data import Recording, Track
functions = julia.include({str(ROOT / "test" / "julia" / "bridge" / "functions.jl")!r})
for _ in range(int(sys.argv[1])):
    WORK
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""

# 105 MB, in tracks as the loaders make them: slices of one array
LOOP = """
    frames = np.arange(128_000.0)
    spine, outline = np.ones((128_000, 11, 2)), np.ones((128_000 * 40, 2))
    recording = Recording("r", {
        larva: Track(frames[i : i + 8000], spine[i : i + 8000], outline[40 * i : 40 * (i + 8000)],
                     np.arange(0, 40 * 8001, 40))
        for larva, i in enumerate(range(0, 128_000, 8000))
    }, {}, "", ())
    labels = Labels()
    for larva, track in recording.items():
        speed = functions.speed(track)
        labels.set(recording.run, larva, track.times, functions.classify(track))
"""


@pytest.mark.parametrize(
    ("work", "times", "with_standin", "bound"),
    [
        pytest.param("functions.total(np.ones(10**6))", 3000, None, 700, id="to Julia"),
        pytest.param("x = functions.filled(10**6)", 3000, None, 700, id="to Python"),
        pytest.param("x = functions.same(np.ones(10**6))", 3000, 80, 700, id="there and back"),
        pytest.param("x = julia.to_julia(np.ones(10**6))", 3000, None, 700, id="explicitly"),
        pytest.param(LOOP.strip(), 25, 6, 800, id="recordings"),
    ],
)
def test_memory_is_let_go(
    work: str,
    times: int,
    with_standin: int | None,
    bound: int,
    julia: ModuleType,
    is_standin: bool,
) -> None:
    if is_standin and with_standin is None:
        pytest.skip("for juliacall; with what stands in for it, two loops show the same")
    script = MEASURE.replace("WORK", work)
    command = [sys.executable, "-c", script, str(with_standin if is_standin else times)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) < bound
