"""`tagging-backend labels export --to boris` and `labels import`."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import RUN, command, refused, write_recording
from taggingbackends import Labels, dependency
from variants import trxmat


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    spine = write_recording(tmp_path)
    labels = Labels()
    labels.set(RUN, 1, [1.0, 1.1], ["run", ("cast", "edited")])
    labels[RUN].secondary_names = ["edited"]
    labels[RUN].dependencies = [dependency(spine)]
    labels.write(tmp_path / "x.label")
    return tmp_path


def _labels(*arguments: str | Path, cwd: Path) -> str:
    result = command("labels", *arguments, cwd=cwd)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_export_and_import(folder: Path) -> None:
    assert _labels("export", "x.label", "--to", "boris", "-o", "e.csv", cwd=folder) == "e.csv\n"
    assert (
        _labels("import", "e.csv", "--like", "x.label", "-o", "y.label", cwd=folder) == "y.label\n"
    )
    assert (folder / "y.label").read_bytes() == (folder / "x.label").read_bytes()
    for like in (next(folder.glob("*.spine")).name, "."):
        (folder / "y.label").unlink()
        _labels("import", "e.csv", "--like", like, "-o", "y.label", cwd=folder)
        labels = Labels.read(folder / "y.label")
        assert labels.count() == {"run": 1, "cast": 1, "edited": 1, "": 8}
        assert labels[RUN].secondary_names == ["edited"]
        assert len(labels.check_dependencies(folder)) == 2
    result = command("labels", "export", "x.label", "--to", "boris", "-o", "e.txt", cwd=folder)
    refused(result, "e.txt: expected a name that ends in .csv", 2, lines=4)


def test_import_reports_what_it_leaves_out(folder: Path) -> None:
    rows = ["1,run,1,2", "No focal subject,run,1,2"]
    table = "\n".join(["run,larva,label,start,stop", *(f"{RUN},{row}" for row in rows), ""])
    (folder / "e.csv").write_text(table)
    result = command("labels", "import", "e.csv", "--like", ".", "-o", "y.label", cwd=folder)
    assert (result.returncode, result.stdout) == (0, "y.label\n")
    assert result.stderr == (
        "Warning: e.csv: left out: 1 event of subjects that are no larva of the recording "
        "('No focal subject'; line 3)\n"
    )
    (folder / "e.csv").write_text(table.replace(",1,run", ",7,run"))
    result = command("labels", "import", "e.csv", "--like", ".", "-o", "z.label", cwd=folder)
    refused(
        result, "e.csv: expected larvae of the recording (1, 20), found '7', 'No focal subject'"
    )
    assert not (folder / "z.label").exists()


def test_import_like_a_file_of_several_runs(tmp_path: Path) -> None:
    image = trxmat.image(*(trxmat.larva(1, id=name) for name in (trxmat.RUN, trxmat.OTHER)))
    (tmp_path / "trx.mat").write_bytes(image["trx.mat"])
    (tmp_path / "e.csv").write_text(f"run,larva,label,start,stop\n{trxmat.OTHER},1,run,0,0.2\n")
    _labels("import", "e.csv", "--like", "trx.mat", "-o", "y.label", cwd=tmp_path)
    labels = Labels.read(tmp_path / "y.label")
    assert list(labels) == [trxmat.OTHER]
    assert labels.count()["run"] > 0
    assert labels[trxmat.OTHER].dependencies == [dependency(tmp_path / "trx.mat")]
