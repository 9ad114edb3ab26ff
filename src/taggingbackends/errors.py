"""Errors that the user can fix: one exception type for each area."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from reprlib import Repr
from typing import Any

__all__ = [
    "BackendError",
    "BackendWarning",
    "JuliaSetupError",
    "LabelFileError",
    "LeftOutWarning",
    "MissingKeyError",
    "ScriptError",
    "TaggingBackendsError",
    "TrackFileError",
]


class TaggingBackendsError(Exception):
    """An error that the user can fix. The command prints it in one line, without a traceback.

    Examples
    --------
    >>> from taggingbackends import Labels, TaggingBackendsError
    >>> labels = Labels()
    >>> try:
    ...     labels.set("run1", 7, [0.1, 0.0], ["run", "run"])
    ... except TaggingBackendsError as error:
    ...     print(error)
    run run1, larva 7, index 1: bad-time: expected a time after 0.1, found 0.0
    """

    exit_code = 1


class LabelFileError(TaggingBackendsError, ValueError):
    """Labels, or a label file, that violate the contract.

    Parameters
    ----------
    kind : str
        One of the kinds of docs/contract.md, section 6, e.g. ``"bad-code"``.
    problem : str
        What is wrong: expected, found, and what to do.
    file, run, track, index : optional
        Where: the file, the run identifier, the larva identifier and the 0-based position (of a
        frame in a track; of a track in ``data``; of a name or a dependency in its list).
    fix : str, optional
        What to do, in words of the API, such as ``force=True``; "" if `problem` says all.

    Examples
    --------
    >>> from pathlib import Path
    >>> from taggingbackends import Labels
    >>> _ = Path("cut.label").write_text("{}")
    >>> try:
    ...     Labels.read("cut.label")
    ... except LabelFileError as error:
    ...     print(error.kind, error.file)
    not-a-label-file cut.label
    """

    def __init__(
        self,
        kind: str,
        problem: str,
        *,
        file: str | PathLike[str] | None = None,
        run: str | None = None,
        track: int | None = None,
        index: int | None = None,
        fix: str = "",
    ) -> None:
        self.kind = kind
        self.problem = problem
        self.fix = fix
        self.file: Path | None = None if file is None else Path(file)
        self.run = run
        self.track = track
        self.index = index
        super().__init__(kind, problem)

    def __str__(self) -> str:
        where = [
            f"{name} {value}"
            for name, value in (("run", self.run), ("larva", self.track), ("index", self.index))
            if value is not None
        ]
        return ": ".join(
            part
            for part in (str(self.file or ""), ", ".join(where), f"{self.kind}: {self.problem}")
            if part
        ) + (self.fix and f"; {self.fix}")


class TrackFileError(TaggingBackendsError, ValueError):
    """A tracker file, or a table of events, that cannot be read.

    Parameters
    ----------
    problem : str
        What is wrong: expected, found, and what to do.
    file : path
        The file.
    line : int, optional
        1-based line number, in text files.
    key : str, optional
        The field, in structured files.

    Examples
    --------
    >>> from pathlib import Path
    >>> from taggingbackends.data import load_tracks
    >>> _ = Path("bad.spine").write_text("20240611_101500 00001 0.1 2.5\\n")
    >>> try:
    ...     load_tracks("bad.spine", outline=False)
    ... except TrackFileError as error:
    ...     print(error.line, error.problem)
    1 expected an odd number of fields from 9 (date_time larva_id time x1 y1 ...), found 4
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | PathLike[str] | None = None,
        line: int | None = None,
        key: str | None = None,
    ) -> None:
        self.problem = problem
        self.file: Path | None = None if file is None else Path(file)
        self.line = line
        self.key = key
        super().__init__(problem)

    def __str__(self) -> str:
        where = str(self.file or "tracks")
        if self.line is not None:
            where += f", line {self.line}"
        if self.key is not None:
            where += f", {self.key}"
        return f"{where}: {self.problem}"


class _Fixable:
    # The fix is apart from the problem, since a command line says it in words of its own.
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{self.problem}; {self.fix}" if self.fix else self.problem


class _KindedError(_Fixable, TaggingBackendsError):
    def __init__(self, kind: str, problem: str, fix: str = "") -> None:
        self.kind = kind
        self.problem = problem
        self.fix = fix
        super().__init__(kind, problem, fix)


class BackendWarning(_Fixable, UserWarning):
    """Something that the user of a backend can act on: files left out of the input, data kept.

    Parameters
    ----------
    problem : str
        What it is, and where.
    fix : str
        What to do, in words of the API. The command puts it in words of the command line.
    """

    def __init__(self, problem: str, fix: str) -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(problem, fix)


class BackendError(_KindedError):
    """A request that a backend's folder cannot serve.

    Parameters
    ----------
    kind : str
        ``not-a-backend``, ``bad-identifier``, ``no-model-instance``, ``unknown-model``,
        ``existing-model``, ``missing-script``, ``ambiguous-script``, ``no-input``,
        ``existing-file``, ``changed-file``, ``changed-input``, ``outside-link``,
        ``not-a-sandbox``, ``in-use``, ``unusable-data``, ``no-output``, ``unknown-origin``,
        ``bad-name``, ``repeated-run``, ``unknown-format``, ``missing-package``, ``trained-on``,
        ``failed-fold``; of clusters ``no-scheduler``, ``unsuitable-worker``; of training sets
        and statistics ``unknown-label``; of training sets ``no-window`` or ``not-a-dataset``.
    problem : str
        What is wrong, and where.
    fix : str
        What to do, in words of the API, such as ``force=True``; "" if `problem` says all. The
        command puts it in words of the command line.

    Examples
    --------
    >>> from taggingbackends import BackendExplorer
    >>> try:
    ...     BackendExplorer("nowhere")
    ... except BackendError as error:
    ...     print(error.kind)
    not-a-backend
    """


class LeftOutWarning(UserWarning):
    """Content of tracker files that a recording lacks, or of a table of events that labels lack.

    Parameters
    ----------
    file : path
        The tracker file or the table.
    sentences : sequence of str
        As in `taggingbackends.data.Recording.left_out`.
    """

    def __init__(self, file: str | PathLike[str], sentences: Sequence[str]) -> None:
        self.file: Path = Path(file)
        self.sentences: tuple[str, ...] = tuple(sentences)
        super().__init__(self.file, self.sentences)

    @property
    def problem(self) -> str:
        """What is left out, without the file."""
        return f"left out: {'; '.join(self.sentences)}"

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}"


class JuliaSetupError(_KindedError):
    """Julia is missing, or cannot be used as it is installed or set up.

    Parameters
    ----------
    kind : str
        ``missing-julia``, ``unsuitable-julia``, ``missing-package``, ``not-prepared``,
        ``bad-setting``, ``cannot-start``, ``other-version``, ``other-thread`` or ``forked``.
    problem : str
        What is wrong, and what to do.
    fix : str
        As for `BackendError`.
    """


class ScriptError(TaggingBackendsError):
    """A script of a backend failed.

    Parameters
    ----------
    step : str
        The script's name without suffix, e.g. ``"predict_model"``.
    script : path
        The script.
    exit_code : int
        The exit code of the script; 128 + n if signal n ended it.
    """

    def __init__(self, step: str, script: Path, exit_code: int) -> None:
        self.step = step
        self.script = script
        self.exit_code = exit_code
        super().__init__(step, script, exit_code)

    def __str__(self) -> str:
        return f"{self.step} failed with exit code {self.exit_code} ({self.script})"


class MissingKeyError(KeyError):
    """A key that is not in a mapping, with a message that says which ones are.

    Parameters
    ----------
    key : object
        The key.
    problem : callable or str
        Returns what is wrong with it, and which keys are like it. It is called only if the message
        is needed: looking for like keys takes long, and most of these errors are caught.
    """

    def __init__(self, key: Any, problem: Callable[[], str] | str) -> None:
        self._problem = problem
        super().__init__(key)

    @property
    def problem(self) -> str:
        """What is wrong with the key, and which keys are like it."""
        if not isinstance(self._problem, str):
            self._problem = self._problem()
        return self._problem

    def __str__(self) -> str:
        return self.problem  # KeyError shows its repr

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (*self.args, self.problem)


@contextmanager
def located(**where: Any) -> Iterator[None]:
    """Complete the place of a `LabelFileError` that is raised inside.

    Parameters
    ----------
    **where
        Any of ``file``, ``run``, ``track``, ``index``; what the error has already is kept.
    """
    try:
        yield
    except LabelFileError as error:
        for field, value in where.items():
            if getattr(error, field) is None and value is not None:
                setattr(error, field, Path(value) if field == "file" else value)
        raise


def shown(value: Any) -> str:
    """Return the text of a value for a message: its repr, shortened."""
    return _SHORT.repr(value)


def wrong_type(expected: str, found: Any, fix: str = "") -> TypeError:
    """Return the error about an argument of another type.

    Parameters
    ----------
    expected : str
        What the argument should be.
    found : object
        The argument.
    fix : str, optional
        The call that takes such an argument, or gives what is expected.
    """
    name = type(found).__name__
    article = "an" if name[0] in "aeiouAEIOU" else "a"
    return TypeError(f"expected {expected}, found {article} {name}{fix and f'; {fix}'}")


class _ShortRepr(Repr):
    def repr_int(self, x: int, level: int) -> str:
        try:
            return super().repr_int(x, level)
        except ValueError:  # Python refuses to write out integers of thousands of digits
            return f"an integer of {x.bit_length()} bits"


# Short in depth and in length: the value may be a whole file.
_SHORT = _ShortRepr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 60
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxdict = 3, 4, 4, 4
