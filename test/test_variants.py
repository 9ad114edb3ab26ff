"""The table of the outcomes of all variants. Their content is tested with each format."""

from __future__ import annotations

from pathlib import Path

import pytest

from variants import __main__ as program
from variants import tracks, trxmat


def test_the_table_shows_what_is_silent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    label_file = next(tracks.variants())[1]
    whole = trxmat.image(trxmat.larva())
    monkeypatch.setattr(
        program,
        "KINDS",
        {
            "good": lambda: iter([("one", label_file, "read"), ("two", {"x.mat": b""}, "refused")]),
            "bad": lambda: iter([("three", whole, "reported"), ("four", label_file, "refused")]),
        },
    )
    folder = tmp_path / "bad"
    assert program.table(tmp_path) == [
        f"{folder / '001'}, three: expected reported, found read",
        f"{folder / '002'}, four: expected refused, found read",
    ]
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        ["kind", "variants", "read", "reported", "refused", "silent"],
        ["good", "2", "1", "0", "1", "0"],
        ["bad", "2", "2", "0", "0", "2"],
    ]
