"""Files that change while they are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taggingbackends.errors import TrackFileError
from taggingbackends.system.files import Stamp, stamp

__all__ = ["unchanged"]


@contextmanager
def unchanged(*files: Path) -> Iterator[None]:
    """Raise TrackFileError if a file changes within the block.

    This error takes precedence over other errors of tracker files, which the change may cause.
    """
    before = [stamp(file) for file in files]
    try:
        yield
    except TrackFileError:
        _check(files, before)
        raise
    _check(files, before)


def _check(files: tuple[Path, ...], before: list[Stamp | None]) -> None:
    for file, was in zip(files, before, strict=True):
        if stamp(file) != was:
            problem = "expected a complete file, found that it changed while it was read"
            fix = "load it when no program writes to it"
            raise TrackFileError(f"{problem}; {fix}", file=file) from None
