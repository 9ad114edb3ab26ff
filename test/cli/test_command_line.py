"""docs/command-line.md: the page matches the help texts, and its examples run."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support import ROOT, write_labels, write_recording
from taggingbackends import Labels, dependency
from taggingbackends.labels.boris import export_boris
from variants import trxmat

PAGE = ROOT / "docs" / "command-line.md"

TRAIN = """
from taggingbackends.main import main
def {0}(backend, **options):
    (backend.model_dir() / "weights").touch()
if __name__ == "__main__":
    main({0})
"""


def test_the_page_is_up_to_date() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "command_line.py"))["page"]()
    assert PAGE.read_text("utf-8") == page, "run: python docs/command_line.py"


EXAMPLES = re.findall(r"^For example:\n\n((?:    .*\n)+)", PAGE.read_text("utf-8"), re.MULTILINE)


@pytest.fixture
def project(make_backend: Callable[..., Path]) -> Path:
    """Return a backend with all files that the examples use."""
    scripts = {step: TRAIN.format(step) for step in ("train_model", "finetune_model")}
    project = make_backend(model="20240611", **scripts)
    for part in (spine := write_recording(project), spine.with_suffix(".outline")):
        part.rename(part.with_stem("recording"))
    for folder, larvae in (("more", (1, 20, 33)), ("recordings", (1, 20))):
        write_labels(write_recording(project / folder, larvae=larvae))
        labels = Labels.read(project / folder / "truth.label")
        for run in labels.values():
            run.metadata["software"] = {"model_instance": "20240611"}
            for larva, track in list(run.items()):
                labels.set(run.id, larva, track.times, track.states, [0.9] * len(track))
        labels.write(project / folder / "predicted.label")
    for run in labels.values():
        run.dependencies = [dependency(project / f"recording{x}") for x in (".outline", ".spine")]
        larvae = [trxmat.larva(n, len(x), id=run.id, t=x.times[:, None]) for n, x in run.items()]
        (project / "trx.mat").write_bytes(trxmat.image(*larvae)["trx.mat"])
    for name in ("truth.label", "predicted.label", "edited.label"):
        labels.write(project / name)
    (project / "events.csv").write_text(export_boris(labels))
    columns = ["head", "spinepoint_1", "spinepoint_2", "spinepoint_3", "tail"]
    features = [f"{name}_{axis}" for name in columns for axis in "xy"]
    rows = [f"{name}(0),{n}" for n, name in enumerate([*features, *map("radius_{}".format, "123")])]
    (project / "table.csv").write_text("\n".join([",larva(0)", *rows, ""]))
    (project / "my_script.jl").write_text("using TaggingBackends; println(ARGS)\n")
    return project


def test_every_command_with_arguments_has_an_example() -> None:
    shown = {re.sub(r"(tagging-backend(?: [a-z]+)+).*", r"\1", line.strip()) for line in EXAMPLES}
    commands = set(re.findall(r"^## `(.*)`", PAGE.read_text("utf-8"), re.MULTILINE))
    without = {"check", "models", "julia setup", "julia status", "pull", "reset"}
    assert commands - {" ".join(example.split()[:3]) for example in shown} - {
        " ".join(example.split()[:2]) for example in shown
    } == {f"tagging-backend {name}" for name in without}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: "-".join(text.split()[1:3]))
def test_the_examples_run(example: str, project: Path, request: pytest.FixtureRequest) -> None:
    variables = dict(os.environ)
    if "julia run" in example:
        variables |= request.getfixturevalue("any_julia")
    command = f"{sys.executable} -m taggingbackends"
    result = subprocess.run(
        example.replace("tagging-backend", command),
        shell=True,
        cwd=project,
        env=variables,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, "Error" in result.stderr) == (0, False), result.stderr
    assert result.stdout
