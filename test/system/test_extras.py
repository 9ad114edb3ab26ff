"""Libraries of extras."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from taggingbackends import TaggingBackendsError
from taggingbackends.system.extras import require


def test_require() -> None:
    assert require("json", "pandas", "a table") is json
    expected = r"a table needs no_such: pip install 'taggingbackends\[pandas\]'"
    with pytest.raises(TaggingBackendsError, match=expected):
        require("no_such", "pandas", "a table")


def test_a_library_that_is_installed_but_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_table.py").write_text("import a_part_of_it\n")
    monkeypatch.syspath_prepend(tmp_path)
    expected = (
        "a table needs broken_table, which cannot be imported: No module named 'a_part_of_it'; "
        "install it again"
    )
    with pytest.raises(TaggingBackendsError, match=expected):
        require("broken_table", "pandas", "a table")
