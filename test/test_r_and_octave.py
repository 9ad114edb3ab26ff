"""The documentation's code for R and MATLAB, run by R and Octave where they are on PATH.

What arrives there is compared with what Python has.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import matlab
from support import CONTRACT, blocks, called
from taggingbackends import Labels
from taggingbackends.analysis import statistics
from taggingbackends.display import write_statistics
from taggingbackends.labels import import_events
from taggingbackends.labels.states import labels_of
from taggingbackends.simulation import simulate_labels
from taggingbackends.system.csvtext import defused

pd = pytest.importorskip("pandas", reason="no pandas")

PAGE = "docs/other-programs.md"
NAMES = ["run", "NA", "TRUE", "1e5", "a,b", 'q"q', "x+y", "b\\s", "été ☃", "'", "#", "=f", "a b"]


def r(code: str) -> list[str]:
    """Run code in R, and return the lines of its output."""
    for package in dict.fromkeys(re.findall(r"library\(([\w.]+)\)|([\w.]+)::", code)):
        name = "".join(package)
        test = f'cat(requireNamespace("{name}", quietly = TRUE))'
        if _output("Rscript", ["--vanilla"], test) != ["TRUE"]:
            pytest.skip(f"R has no package {name}")
    return _output("Rscript", ["--vanilla"], code)


def octave(code: str) -> list[str]:
    """Run code in Octave, and return the lines of its output."""
    options = ["--norc", "--quiet"]
    if _output("octave-cli", options, 'disp(exist("jsondecode") > 0)') != ["1"]:
        pytest.skip("Octave has jsondecode since version 7")
    return _output("octave-cli", options, code)


def _output(program: str, options: list[str], code: str) -> list[str]:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"no {program} on PATH")
    Path("code.txt").write_text(code, "utf-8")
    utf8 = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    environment = os.environ | {"LC_ALL": utf8}
    result = subprocess.run([path, *options, "code.txt"], capture_output=True, env=environment)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout.decode().splitlines()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, which is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def labels(folder: Path) -> Labels:
    """Return labels with names of all kinds, which are in a file, too."""
    rng = np.random.default_rng(1)
    labels = Labels()
    for larva in (0, 20, 65535):
        times = np.cumsum(rng.choice([0.04, 0.5, 3], 150))
        states = [tuple(rng.choice(NAMES, n, replace=False)) for n in rng.integers(0, 4, 150)]
        model = (rng.random(150), list(rng.choice(NAMES, 150))) if larva else ()
        labels.set("007", larva, times, states, *model)
    labels["007"].metadata["genotype"] = "TRUE"
    labels["007"].declare(NAMES, ["#2ca02c"] * len(NAMES))
    (folder / "recordings").mkdir()
    labels.write("recordings/predicted.label")
    return Labels.read("recordings/predicted.label")


def again(table: str) -> str:
    """Return code of R that writes a table, with missing texts apart from a label NA."""
    return f"""
        is_text <- sapply({table}, function(x) is.character(x) || is.factor(x))
        {table}[is_text] <- lapply({table}[is_text], function(x) {{
          ifelse(is.na(x), "(missing)", as.character(x))
        }})
        write.csv({table}, "again.csv", row.names = FALSE)
    """


def check(labels: Labels, table: str, columns: list[str], is_csv: bool) -> None:
    """Check that the cells that R wrote again are those that Python has."""
    expected = getattr(labels, f"to_{table}")()
    found = pd.read_csv("again.csv", dtype=str, keep_default_na=False)
    assert len(found) == len(expected) > 400
    for name in columns:
        text = defused if is_csv else str
        column, cells = expected[name], found[text(name)]
        if column.dtype.kind == "f":
            # a duration is a difference of rounded times
            error = 1.01e-3 if is_csv else 0
            numbers = cells.replace("NA", "nan").astype(float)
            np.testing.assert_allclose(numbers, column, 1e-14, error)
        elif column.dtype.kind == "b":
            assert cells.tolist() == ["TRUE" if is_on else "FALSE" for is_on in column]
        else:
            texts = column.astype(object).where(column.notna(), "(missing)")
            assert cells.tolist() == [text(str(cell)) for cell in texts]


def test_csv_in_r(folder: Path, labels: Labels) -> None:
    for table in ("bouts", "frames"):
        options = (f"--table={table}", "-o", f"{table}.csv")
        called("labels", "convert", "recordings", *options, cwd=folder)
    (code,) = (code for code in blocks(PAGE, "r") if "bouts.csv" in code)
    assert len(r(code + again("bouts"))) == 1 + len(NAMES)  # the medians
    check(labels, "bouts", ["run", "larva", "label", "start", "stop", "duration"], is_csv=True)
    with pytest.warns(UserWarning, match="rows with a confidence"):
        imported = [import_events(f"{name}.csv", labels) for name in ("bouts", "again")]
    assert matlab.meant(imported[0]) == matlab.meant(imported[1])
    types = 'c(run = "character", state = "character")'
    code = f'"frames.csv", na.strings = "", check.names = FALSE, colClasses = {types}'
    r(f"frames <- read.csv({code})\n{again('frames')}")
    columns = ["run", "larva", "time", "duration", "state", "label_run", *NAMES[1:]]
    check(labels, "frames", [*columns, "confidence", "second"], is_csv=True)


@pytest.mark.parametrize(
    "reader",
    [
        'data.table::fread(file, na.strings = "", colClasses = c(state = "character"))',
        'readr::read_csv(file, na = "", guess_max = Inf, col_types = list(state = "c"))',
    ],
)
def test_other_readers_of_csv_in_r(folder: Path, reader: str) -> None:
    labels = Labels()
    confidence = np.full(5000, np.nan)
    confidence[1499] = 0.5  # not among the rows by which readr guesses types
    labels.set("007", 1, np.arange(5000) / 10, ["NA"] * 5000, confidence)
    labels.write("x.label")
    called("labels", "convert", "x.label", "--table=frames", "-o", "frames.csv", cwd=folder)
    code = f"""
        file <- "frames.csv"
        frames <- {reader}
        cat(sum(frames$state == "NA"), sum(frames[["NA"]]), sum(frames$confidence, na.rm = TRUE))
    """
    assert r(code)[-1] == "5000 5000 0.5"


def test_parquet_in_r(folder: Path, labels: Labels) -> None:
    pytest.importorskip("pyarrow", reason="no pyarrow")
    options = ("--table=frames", "-o", "frames.parquet")
    called("labels", "convert", "recordings", *options, cwd=folder)
    (code,) = (code for code in blocks(PAGE, "r") if "frames.parquet" in code)
    mean, types = r(f"{code}\ncat(sapply(frames, class), fill = 1000)\n{again('frames')}")
    numbers = ["integer", "numeric", "numeric"]
    expected = ["factor", *numbers, "factor", *["logical"] * len(NAMES), "numeric"]
    assert types.split() == [*expected, *["factor"] * 7]
    frames = labels.to_frames()
    run = frames["label_run"]
    assert float(mean.split()[1]) == pytest.approx(frames["duration"][run].mean(), 1e-6)
    check(labels, "frames", [*frames], is_csv=False)


def test_label_files_in_r(labels: Labels) -> None:
    (code,) = (code for code in blocks(PAGE, "r") if "predicted.label" in code)
    r(code)
    labels["007"].metadata["observer"] = "Anna"
    labels.write("expected.label")
    Labels.read("recordings/observed.label").write("observed.label")
    assert Path("observed.label").read_bytes() == Path("expected.label").read_bytes()


def test_statistics_in_r() -> None:
    for library in ("scipy", "matplotlib"):
        pytest.importorskip(library, reason=f"no {library}")
    if shutil.which("Rscript") is None:
        pytest.skip("no Rscript on PATH")
    for number in range(4):
        genotype, response = [("attP2", 0.1), ("SS02113", 0.6)][number % 2]
        options = {"genotype": genotype, "response": response, "stimulus": (6.0, 2.0)}
        simulate_labels(f"r{number}", 20, 12, number, **options).write(f"{number}.label")
    found = statistics(".", by="genotype", control="attP2", window=(2, 10))
    write_statistics(found, "results")
    (code,) = blocks("docs/tutorials/figures.md", "r")
    code += """
        adjusted <- p.adjust(p, "holm")
        writeLines(sprintf("duration %s %.17g", names(adjusted), adjusted))
        found <- read.csv("results/comparisons.csv", na.strings = "")
        found <- found[found$measure == "response", ]
        found$p <- mapply(function(test, n, m, x, y) {
          responded <- round(c(n * x, m * y))
          counts <- cbind(responded, c(n, m) - responded)
          exact <- test == "Fisher's exact"
          (if (exact) fisher.test(counts) else chisq.test(counts, correct = FALSE))$p.value
        }, found$test, found$n, found$n_control, found$value, found$value_control)
        writeLines(sprintf("response %s %.17g", found$label, p.adjust(found$p, "holm")))
    """
    computed = {}
    for line in r(code):
        if line.startswith(("duration", "response")):
            measure, label, p = line.split()
            computed[measure, label] = float(p)
    table = found.comparisons.set_index(["measure", "label"])["p_adjusted"].dropna()
    expected = table[["duration", "response"]].to_dict()
    assert len(expected) == 2 * 5
    assert computed == pytest.approx(expected, 1e-7)


def test_label_files_in_octave(labels: Labels) -> None:
    (code,) = blocks(PAGE, "matlab")
    files = [Path("recordings/predicted.label"), *sorted(CONTRACT.glob("good/nyx-*.canonical"))]
    files = [file for file in files if b'"runs":' not in file.read_bytes()]
    assert len(files) > 10
    expected, parts = [], []
    for file in files:
        parts.append(code.replace("recordings/predicted.label", file.name))
        shutil.copy(file, file.name)
        (run,) = Labels.read(file.name).values()
        for larva, track in run.items():
            for time, state in zip(track.times.tolist(), track.states, strict=True):
                expected.append(f"larva {larva} at {time:.3f} s: {'+'.join(labels_of(state))}")
    assert octave("clear all\n".join(parts)) == expected


def test_jsondecode_in_octave() -> None:
    code = """
    1;
    function text = described(value)
      text = class(value);
      if ischar(value), return; end
      numbers = strjoin(cellfun(@num2str, num2cell(size(value)), 'UniformOutput', false), 'x');
      if ~isstruct(value) || numel(value) > 1, text = [text ' ' numbers]; end
      if isstruct(value), text = [text ' (' strjoin(fieldnames(value)', ', ') ')']; end
    end
    """
    values = matlab.CASES["values"]
    for value, _ in values:
        code += f"disp(described(jsondecode('{value}')))\n"
    expected = [described.replace("struct 1x1", "struct") for _, described in values]
    assert octave(code) == expected
