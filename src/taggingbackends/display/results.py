"""The results of a comparison of groups as files: tables, figures, a report and the methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from taggingbackends.display.figures import (
    plot_budgets,
    plot_over_time,
    plot_responses,
    plot_transitions,
)
from taggingbackends.display.figures.drawing import picture
from taggingbackends.display.page.statistics import statistics_page
from taggingbackends.display.saving import SUFFIXES
from taggingbackends.errors import BackendError
from taggingbackends.system.csvtext import BOOLEANS, defused
from taggingbackends.system.extras import require
from taggingbackends.system.files import Stamp, copy_files, remove_file, stamp
from taggingbackends.system.temporaries import temporary_folder
from taggingbackends.system.words import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from taggingbackends.analysis.groups.statistics import Statistics

__all__ = [
    "FIGURES",
    "REPORT",
    "TABLES",
    "check_output",
    "result_files",
    "write_results",
    "write_statistics",
]

TABLES = (
    "groups",
    "over_time",
    "responses",
    "latencies",
    "budgets",
    "bouts",
    "transitions",
    "comparisons",
)
"""The tables of `Statistics`, which are the names of their files, too."""

FIGURES: dict[str, Callable[[Statistics], Figure]] = {
    "over_time": plot_over_time,
    "responses": plot_responses,
    "budgets": plot_budgets,
    "transitions": plot_transitions,
}
"""The figures by the name of their file."""

_TABLE_SUFFIXES = (".csv", ".parquet")
REPORT, _METHODS = "report.html", "methods.txt"

_OWN = frozenset(
    {f"{name}{suffix}" for name in TABLES for suffix in _TABLE_SUFFIXES}
    | {f"{name}{suffix}" for name in FIGURES for suffix in SUFFIXES}
    | {REPORT, _METHODS}
)


def write_statistics(
    statistics: Statistics,
    folder: str | PathLike[str],
    *,
    figures: Literal["png", "svg", "pdf"] = "png",
    table: Literal["csv", "parquet"] = "csv",
    force: bool = False,
) -> list[Path]:
    """Write tables, figures, an HTML report and the methods into a folder: all of them or none.

    Parameters
    ----------
    statistics : Statistics
        Result of `taggingbackends.analysis.statistics`.
    folder : path
        It is made if it is missing; the folder above must exist.
    figures : {"png", "svg", "pdf"}
        Format of the figures ``over_time``, ``responses`` (with a window only), ``budgets`` and
        ``transitions``.
    table : {"csv", "parquet"}
        Format of the tables, one for each of those of `Statistics`.
    force : bool
        Write into a folder that is not empty. Files of these names are replaced, or removed if they
        have another format now. Other files stay.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    BackendError
        ``existing-file``: the folder is not empty, and `force` is False. ``changed-file``: another
        program has changed a file meanwhile. ``no-input``: there is no folder above.
    TaggingBackendsError
        A library is missing.
    OSError
        A file cannot be written.
    ValueError
        A format is not one of these.
    """
    folder = Path(folder)
    present = check_output(folder, table, force)
    return write_results(folder, result_files(statistics, figures, table), present)


def check_output(folder: Path, table: str = "csv", force: bool = False) -> dict[str, Stamp]:
    """Check, before anything is computed, whether results can be written.

    Returns
    -------
    dict of str to Stamp
        The files in the folder that results would replace.

    Raises
    ------
    BackendError, TaggingBackendsError, OSError
        As for `write_statistics`.
    """
    require("matplotlib", "stats", "a figure")
    if table == "parquet":
        require("pyarrow", "stats", "a Parquet file")
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        if folder.absolute().parent.is_dir():
            return {}
        problem = f"{folder.parent}: expected a folder, found none"
        raise BackendError("no-input", problem) from None
    visible = [name for name in names if not name.startswith(".")]
    if visible and not force:
        found = counted(len(visible), "file")
        problem = f"{folder}: expected a new or empty folder, found {found} in it"
        fix = "replace with force=True, or name another folder"
        raise BackendError("existing-file", problem, fix)
    stamps = {name: stamp(folder / name) for name in sorted(_OWN & set(names))}
    return {name: known for name, known in stamps.items() if known is not None}


def result_files(
    statistics: Statistics, figures: str = "png", table: str = "csv"
) -> dict[str, bytes]:
    """Return the contents of the files by name; the parameters are those of `write_statistics`."""
    for suffix, known in ((figures, SUFFIXES), (table, _TABLE_SUFFIXES)):
        if f".{suffix}" not in known:
            raise ValueError(f"expected one of {', '.join(known)}, found {suffix!r}")
    written = _csv if table == "csv" else _parquet
    files = {f"{name}.{table}": written(getattr(statistics, name)) for name in TABLES}
    shown = {}
    for name, plot in FIGURES.items():
        if name == "responses" and not len(statistics.responses):
            continue
        figure = plot(statistics)
        files[f"{name}.{figures}"] = picture(figure, f".{figures}")
        figure.set_layout_engine("none")  # it is laid out now
        # in a page, text must look alike without the fonts
        shown[name] = picture(figure, ".svg", svg_fonttype="path")
    files[REPORT] = statistics_page(statistics, shown).encode()
    files[_METHODS] = f"{statistics.methods()}\n".encode()
    return files


def write_results(
    folder: Path, files: Mapping[str, bytes], present: Mapping[str, Stamp]
) -> list[Path]:
    """Write files into a folder, all or none, and remove others that `present` has."""
    is_new = not folder.is_dir()
    if is_new:
        folder.mkdir()
    try:
        with temporary_folder() as prepared:
            for name, content in files.items():
                (prepared / name).write_bytes(content)
            copy_files((prepared / name, folder / name, present.get(name)) for name in files)
    except BaseException:
        if is_new:
            with suppress(OSError):  # another program has put something into it
                folder.rmdir()
        raise
    for name, known in present.items():
        if name not in files:
            remove_file(folder / name, known)
    return [folder / name for name in files]


def _csv(frame: DataFrame) -> bytes:
    pandas: Any = require("pandas", "stats", "a table")
    shown = frame.copy()
    for name, column in frame.items():
        if pandas.api.types.is_bool_dtype(column):
            shown[name] = column.map(BOOLEANS)
        elif not pandas.api.types.is_numeric_dtype(column):
            shown[name] = column.map(lambda x: defused(x) if isinstance(x, str) else x)
    text: str = shown.to_csv(index=False, lineterminator="\n", float_format="%.9g")
    return text.encode()


def _parquet(frame: DataFrame) -> bytes:
    content = BytesIO()
    frame.to_parquet(content, index=False)
    return content.getvalue()
