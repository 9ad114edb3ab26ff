"""What the documentation says works: its code is run as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import pytest

from benchmarks import summary
from benchmarks.__main__ import BENCHMARKS, ON_REQUEST
from benchmarks.harness import Row
from support import ROOT, blocks, command
from taggingbackends import Labels
from taggingbackends.backend.scaffold import init
from taggingbackends.cli import cli
from taggingbackends.cli.arguments import ScriptCommand
from taggingbackends.data import FORMATS, load_tracks, plan_dataset
from taggingbackends.simulation import main as simulate
from taggingbackends.simulation import simulate_labels
from variants import trxmat

# pages whose code and commands are run one after another, in one folder
ABOUT_LABELS = ("labels", "check-labels", "edit-labels", "other-programs", "labels-in-python")
ABOUT_DATA = ("data", "simulated-recordings", "training-sets", "resampling")


def test_links_lead_to_files() -> None:
    """`make docs` also checks anchors, of the pages that are in the website."""
    pages = list(ROOT.glob("*.md"))
    for folder in ("docs", "examplebackend", "examplebackend-julia", "src", "test"):
        pages += ROOT.joinpath(folder).rglob("*.md")
    assert len(pages) > 20
    for page in pages:
        text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert page.parent.joinpath(link).exists(), f"{page}: {link}"


def test_the_readmes_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("README.md")
    checked = 0
    namespace: dict[str, object] = {}
    for line in code.splitlines():
        statement, _, expected = line.partition("  # ")
        if expected:
            assert repr(eval(statement, namespace)) == expected.strip()
            checked += 1
        else:
            exec(statement, namespace)
    assert checked == 3


def test_the_pages_about_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulate([str(tmp_path), "--seed=1", "--run=20240611_101500"])
    for n in ("1", "2"):
        simulate([str(tmp_path / "recordings" / n), f"--seed={n}", f"--run=20240611_10{n}500"])
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    for code in (code for page in ABOUT_DATA for code in blocks(f"docs/{page}.md")):
        if "torch" not in code:
            exec(code, namespace)
    even, windows = namespace["even"], namespace["windows"]
    table = tmp_path / "mine.csv"
    table.write_text("larva,time,x1,y1,x2,y2\n7,0.5,1,2,3,4\n7,0.6,1,2,3,4\n")
    assert load_tracks(table, scale=2.0, outline=False)[7].spine[1].tolist() == [[2, 4], [6, 8]]
    FORMATS.pop()
    plan = namespace["plan"]
    assert len(namespace["dataset"]) == len(plan) > 1000
    assert max(plan.selected.values()) <= 5 * min(plan.selected.values())
    assert namespace["codes"].min() > 0
    assert windows.shape == (len(even) - 19, 20, 11, 2)
    assert {name for name in namespace["predicted"].count() if name} == {plan.names[0]}
    assert abs(windows[:, :, 5].mean(axis=1)).max() < 1e-9


def test_the_code_for_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = (code for code in blocks("docs/training-sets.md") if "torch" in code)
    compile(code, "docs/training-sets.md", "exec")
    pytest.importorskip("torch", reason="no torch: the example was only compiled")
    simulate([str(tmp_path), "--seed=1", "--run=20240611_101500"])
    monkeypatch.chdir(tmp_path)
    dataset = plan_dataset(".", duration=2, framerate=10).write("train.h5")
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    assert len(namespace["dataset"]) == len(dataset) > 256
    assert list(namespace["loader"]) == []  # a loader is for one epoch
    again = code.replace(
        "classes = labels.long()", "found.append((spines.numpy(), labels.numpy()))"
    )
    found: list[Any] = []
    exec(again, {"found": found})
    epochs = [batch for epoch in range(3) for batch in dataset.batches(256, 1, epoch)]
    for batch, ours in zip(found, epochs, strict=True):
        for column, expected in zip(batch, ours, strict=True):
            assert np.array_equal(column, expected)


def test_the_page_about_architecture_names_each_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named: dict[str, set[str]] = {}
    folder = ""
    for own, files in re.findall(r"^\| (?:`([\w/]+)/`)? *\| (`.*?`) \|", text, re.MULTILINE):
        folder = own or folder
        named.setdefault(folder, set()).update(re.findall(r"`([\w/]+?)/?`", files))
    source = ROOT / "src" / "taggingbackends"
    for folder, names in named.items():
        there = {
            path.stem
            for path in (source / folder).iterdir()
            if path.name.isidentifier() or (path.suffix == ".py" and path.stem != "__init__")
        }
        listed = {name for name in named if name.startswith(f"{folder}/")}
        assert names | {name.rpartition("/")[2] for name in listed} == there - {"__pycache__"}
    assert {path.parent.name for path in source.glob("*/__init__.py")} <= named.keys()


def example_backend(folder: Path) -> None:
    """Make a folder that is examplebackend without its data."""
    (folder / "models").mkdir(parents=True)
    for part in ("pyproject.toml", "src", "demo.py", "models/simulated"):
        (folder / part).symlink_to(ROOT / "examplebackend" / part)


def test_the_demo_and_the_commands_of_the_readme(tmp_path: Path) -> None:
    example_backend(tmp_path / "examplebackend")
    shown = subprocess.run(
        [sys.executable, "-u", "examplebackend/demo.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "100"},
    )
    assert shown.returncode == 0, shown.stderr
    true, predicted = re.findall(r"^  8 ( +r.*)\n    ( +r.*)$", shown.stdout, re.MULTILINE)[0]
    same = [a == b for a, b in zip(true, predicted, strict=False)]
    assert len(same) > 70 and sum(same) > 0.9 * len(same)
    (page,) = re.findall(r"^Open (\S+) in a browser", shown.stdout, re.MULTILINE)
    assert (tmp_path / page).stat().st_size > 100_000

    readme = (ROOT / "README.md").read_text("utf-8")
    (table,) = re.findall(r"```\n(label  frames.*?)```", readme, re.DOTALL)
    assert set(table.splitlines()) - {"..."} <= set(shown.stdout.splitlines())
    for n, genotype in enumerate(["attP2", "SS02113"] * 3):
        folder = tmp_path / "recordings" / str(n)
        folder.mkdir(parents=True)
        run = f"20240612_0{n}0000"
        simulate_labels(run, 4, 90, n, genotype=genotype).write(folder / "predicted.label")
    commands = re.findall(r"^    (\S*tagging-backend .*)$", readme + shown.stdout, re.MULTILINE)
    assert len(commands) == 12
    done = []
    for line in commands:
        line = re.sub(r"^\S+", f"{sys.executable} -m taggingbackends", line)
        result = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True)
        if "init" in line and line in done:
            assert "expected a new or empty folder" in result.stderr
        else:
            assert result.returncode == 0, (line, result.stderr)
        done.append(line)
    for made in ("My-Tagger/pyproject.toml", "report.html", "results/report.html"):
        assert (tmp_path / made).exists(), made


def test_the_pages_about_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example_backend(tmp_path / "examplebackend")
    text = "".join((ROOT / "docs" / f"{page}.md").read_text("utf-8") for page in ABOUT_LABELS)
    simulation, *lines = re.findall(r"^    ((?:python|tagging-backend) .*)", text, re.MULTILINE)
    simulate(simulation.split()[3:])
    write_trxmat(next(Path("recordings").glob("*.spine")), Path("recordings", "trx.mat"))
    printed = ""
    refused = 0
    for line in lines:
        result = subprocess.run(
            line.replace("tagging-backend", f"{sys.executable} -m taggingbackends"),
            shell=True,
            capture_output=True,
            text=True,
            env=os.environ | {"COLUMNS": "90"},
        )
        if "labels diff" in line:
            assert result.returncode == 1
        elif result.returncode:
            assert "expected no run that is also in" in result.stderr
            refused += 1
        printed += result.stdout
    assert refused == 1
    assert len(lines) == 25
    printed += (tmp_path / "bouts.csv").read_text()
    for language, block in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines() if not language else ():
            assert line == "..." or line in printed.splitlines(), line
    for page in ABOUT_LABELS:
        for code in blocks(f"docs/{page}.md"):
            exec(code, {})
    assert Labels.read("merged.label").count()["edited"] > 100


def write_trxmat(spine: Path, path: Path) -> None:
    """Write a trx.mat of the same run, larvae and times as a recording."""
    recording = load_tracks(spine)
    larvae = [
        trxmat.larva(number, len(track), id=recording.run, t=track.times[:, None])
        for number, track in recording.items()
    ]
    path.write_bytes(trxmat.image(*larvae)["trx.mat"])


def test_the_page_about_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("pandas", "scipy", "matplotlib"):
        pytest.importorskip(library, reason=f"no {library}")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "tutorials" / "figures.md").read_text("utf-8")
    namespace: dict[str, Any] = {}
    printed, ran = "", 0
    parts = r"```python\n([^`]*)```|^    (tagging-backend .*)"
    for block, line in re.findall(parts, text, re.MULTILINE):
        if block:
            exec(block, namespace)
            continue
        result = command(*shlex.split(line)[1:], cwd=tmp_path, COLUMNS="80")
        assert (result.returncode, result.stderr) == (0, ""), line
        printed += result.stdout
        ran += 1
    assert ran >= 2
    shown = [block for name, block in re.findall(r"```(\w*)\n([^`]*)```", text) if not name]
    for line in "".join(shown).splitlines():
        assert line in printed.splitlines(), line
    (own,) = (block for block in blocks("docs/tutorials/figures.md") if "write_statistics" in block)
    assert len([line for line in own.splitlines() if line]) <= 15
    table = re.findall(r"^\| `(\w+)\.(\w+)`(?:, `\.(\w+)`)?", text, re.MULTILINE)
    files = {f"{name}.{suffix}" for name, *suffixes in table for suffix in suffixes if suffix}
    for folder in ("results", "by-diet"):
        assert {path.name for path in (tmp_path / folder).iterdir()} == files
    for picture in ("all/budgets.pdf", "figure1.svg", "figure2.svg", "figure3.png"):
        assert (tmp_path / picture).is_file()


def test_the_guide_leads_to_a_tagger_that_predicts(tmp_path: Path) -> None:
    init("My-Tagger", tmp_path)
    project = tmp_path / "My-Tagger"
    code = blocks("docs/writing-a-backend.md")
    (own,) = (block for block in code if block.startswith("def window_inputs"))
    features = project / "src" / "my_tagger" / "features" / "windows.py"
    script, function, _ = features.read_text().partition("def window_inputs")
    assert function
    features.write_text(script + own)
    for n in ("1", "2"):
        simulate([str(project / "recordings" / n), f"--seed={n}", f"--run=20240611_10{n}500"])
    spine = next((project / "recordings" / "2").glob("*.spine"))
    for line in (
        "train recordings/1/truth.label --model-instance first --epochs 30",
        f"predict {spine} --model-instance first",
        "labels show recordings/2/predicted.label",
        "push recordings/2 --model-instance first --sandbox try",
        "predict --model-instance first --sandbox try",
        "pull labels --model-instance first --sandbox try",
        "reset --model-instance first --sandbox try",
    ):
        result = command(*line.split(), cwd=project)
        shown = "" if not line.startswith("train") else "label  frames  recordings\n"
        assert (result.returncode, result.stderr[: len(shown) or None]) == (0, shown), line
    true, predicted = (
        [state for track in run.values() for state in track.states]
        for name in ("truth.label", "predicted.label")
        for run in Labels.read(project / "recordings" / "2" / name).values()
    )
    assert np.mean([a == b for a, b in zip(true, predicted, strict=True)]) > 0.85


def test_the_other_code_of_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    simulate([str(tmp_path), "--run=20240611_101500"])
    for path in tmp_path.glob("*@*"):
        path.rename(f"x{path.suffix}")
    track = next(iter(load_tracks("x.spine").values()))
    namespace: dict[str, Any] = {"times": track.times, "states": ["run"] * len(track)}
    for code in blocks("docs/writing-a-backend.md"):
        if not code.startswith("def window_inputs"):
            exec(code, namespace)
    assert Labels.read("x.label").count() == {"run": len(track)}
    with pytest.warns(UserWarning, match="3 larvae have no spine"):
        namespace["train_epoch"](None)
    backend = SimpleNamespace(list_input_files=lambda: [Path("x.spine")], load_tracks=load_tracks)
    namespace["build_features"](backend)


PAGES = [ROOT / "README.md", *sorted(ROOT.joinpath("docs").rglob("*.md"))]


def test_the_commands_and_options_that_the_docs_name_exist() -> None:
    found = 0
    for page in PAGES:
        text = page.read_text("utf-8").replace("\\\n", " ")
        named = set(re.findall(r"tagging-backend (?:--\S+ \S+ )?([a-z]+)\b", text))
        assert named <= cli.commands.keys(), page
        lines = r"^ {4,}(?:.*\| |poetry run )?tagging-backend (.*)"
        for line in re.findall(lines, text, re.MULTILINE):
            words = shlex.split(line.partition(" | ")[0], comments=True)
            current: click.Command = cli
            while isinstance(current, click.Group) and words:
                word = words.pop(0)
                if word[0] not in "[-" and not word.isupper():
                    assert word in current.commands, line
                    current = current.commands[word]
                elif word in ("--project", "--data", "--log"):
                    words.pop(0)
            if isinstance(current, ScriptCommand) or "ignore_unknown_options" in str(
                current.context_settings
            ):
                continue  # the scripts may have the option
            given = {word.partition("=")[0] for word in words if word.startswith("--")}
            known = {option for parameter in current.params for option in parameter.opts}
            assert given <= known, f"{page}: {line}"
            found += 1
    assert found > 50


def test_the_code_of_all_other_pages() -> None:
    elsewhere = {*ABOUT_LABELS, *ABOUT_DATA, "figures", "first-tagger", "pytorch"}
    elsewhere |= {"from-julia", "writing-a-backend", "README"}
    for page in PAGES:
        if page.stem not in elsewhere:  # which other tests run
            for code in blocks(str(page.relative_to(ROOT))):
                exec(code, {"__name__": page.stem})


def test_the_benchmarks_that_the_docs_name_exist() -> None:
    arguments = [sys.executable, "-m", "benchmarks", "none"]
    result = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    reported = result.stderr.strip()
    assert reported == f"expected names of benchmarks ({', '.join(BENCHMARKS)}), found none"


def test_the_page_about_speed_is_as_a_run_wrote_it() -> None:
    text = (ROOT / "docs" / "performance.md").read_text("utf-8")
    head, *sections = text.split("\n## ")
    facts = [line[2:] for line in head.split("\nMeasured:\n\n")[1].splitlines()]
    results = {}
    for section in sections:
        name, *lines = section.splitlines()
        rows = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines[5:]]
        results[name] = [Row(*row) for row in rows]
    assert text == summary.page(results, facts[:-1])
    assert [*results] == [name for name in BENCHMARKS if name not in ON_REQUEST]
    for name in BENCHMARKS:
        assert (ROOT / "benchmarks" / f"{name}.py").is_file()
