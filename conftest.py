"""Run the examples in docstrings in a temporary folder that has a backend."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# The matrices are small: threads would only wait, in each of a thousand processes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from taggingbackends.backend.scaffold import init

# Neither belongs to the package: the template of a new backend, and a replacement of juliacall.
collect_ignore = ["src/taggingbackends/backend/template", "test/julia/bridge/standin"]


@pytest.fixture(autouse=True)
def _examples_run_elsewhere(request: pytest.FixtureRequest) -> None:
    """Run an example in a temporary folder, beside a backend if it names my-tagger."""
    if not isinstance(request.node, pytest.DoctestItem):
        return
    folder: Path = request.getfixturevalue("tmp_path")
    request.getfixturevalue("monkeypatch").chdir(folder)
    if "my-tagger" in request.node.dtest.docstring:
        init("my-tagger", folder, minimal=True)
