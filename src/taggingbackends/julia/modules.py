"""Julia modules in Python, whose functions take and return this package's own types."""

from __future__ import annotations

import builtins
import json
import os
from pathlib import Path
from typing import Any

from taggingbackends import errors
from taggingbackends.julia.border import content_of, received, sent
from taggingbackends.julia.startup import start

__all__ = ["Function", "Module", "TaggingBackends", "from_julia", "include", "to_julia"]


class Module:
    """A Julia module.

    Arguments are converted by `to_julia`, results by `from_julia`; other values are left to
    juliacall. A name that ends in ``!`` is written with ``_b``. A Julia error that has a Python
    counterpart is raised as that one; arguments that no method accepts raise a TypeError. Any other
    error is a ``juliacall.JuliaError``.
    """

    def __init__(self, value: Any) -> None:
        self._value = value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        kind, value = start().package.entry(self._value, name)
        match kind:
            case "module":
                return Module(value)
            case "function":
                return Function(value, name)
            case "value":
                return from_julia(value)
        raise AttributeError(f"{self!r} has no {name}")

    def __dir__(self) -> list[str]:
        names: list[str] = _call(start().package.entries, self._value)
        return names

    def __repr__(self) -> str:
        return f"<Julia module {self._value}>"


class _Package(Module):
    """The Julia package TaggingBackends. Julia starts when something in it is first used.

    Help and tab completion look at every name of a Python module, and must not start Julia.
    """

    def __init__(self) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return start().package if name == "_value" else super().__getattr__(name)

    def __repr__(self) -> str:
        return "<Julia module TaggingBackends>"


TaggingBackends: Module = _Package()


class Function:
    """A Julia function, or a type, that can be called."""

    def __init__(self, value: Any, name: str) -> None:
        self.__name__ = name
        self._value = value

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the function; arguments and result are converted."""
        return _call(self._value, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<Julia function {self.__name__}>"


def to_julia(x: Any) -> Any:
    """Convert to Julia's `Labels`, `Recording`, `Track` or array, without copying columns.

    Parameters
    ----------
    x
        `Labels`, a `Recording`, a `Track`; an array of numbers or booleans; a list of states (str,
        or tuples of str); a path, which becomes a string; or a tuple of these. Anything else is
        returned unchanged, for juliacall to convert.

    Notes
    -----
    An array shares its memory with Julia. It is copied only if it is read-only, not contiguous, or
    of another byte order. In Julia it is an ``Array``; in C order, NumPy's default, an ``Array``
    with its dimensions permuted.

    Raises
    ------
    LabelFileError
        Labels with values that JSON cannot hold.
    JuliaSetupError
        Julia cannot be started.
    """
    if type(x) is tuple:
        return tuple(map(to_julia, x))
    others: list[Any] = []
    content_of(x, others)
    return others[0] if others else _call(start().package.AsIs, x)


def from_julia(x: Any) -> Any:
    """Convert from Julia, without copying columns.

    Parameters
    ----------
    x
        Julia's `Labels`, `Recording` or `Track`; an array of numbers or booleans, which shares its
        memory with the result; a vector of states, which becomes a list of str and tuples; or a
        tuple of these. Anything else is returned unchanged.

    Raises
    ------
    LabelFileError
        Labels with values that JSON cannot hold.
    """
    if isinstance(x, tuple):
        return tuple(map(from_julia, x))
    is_julias = type(x).__module__ == "juliacall"
    return _call(start().package.identity, x) if is_julias else x


def include(path: str | os.PathLike[str]) -> Module:
    """Load a Julia file into a new module, and return the module.

    Parameters
    ----------
    path : path
        Relative to the current folder. Each call loads the file again.

    Raises
    ------
    FileNotFoundError
        The file does not exist.
    juliacall.JuliaError
        The file cannot be loaded. An error with a Python counterpart is raised as that one.
    JuliaSetupError
        Julia cannot be started.
    """
    path = Path(path).absolute()
    path.stat()
    module = start().juliacall.newmodule(path.name)  # with its suffix, which no name in it can be
    _call(module.seval("path -> (Base.include(@__MODULE__, path); nothing)"), path)
    return Module(module)


def _call(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Call a function of Julia's; raise Julia's errors as Python exceptions of the same kind."""
    julia = start()
    message = sent((args, list(kwargs), tuple(kwargs.values())))
    try:
        answer = julia.package.call_from_python(function, *message)
    except julia.juliacall.JuliaError as error:
        described = julia.package.described(error.exception, function)
        if described is None:
            raise
        raise _exception(**json.loads(described)) from error
    return received(*answer)


def _exception(type: str, arguments: list[Any], **fields: Any) -> BaseException:
    if type == "TaggingBackendsError":  # of a command
        error = errors.TaggingBackendsError(*arguments)
        error.exit_code = fields["exit_code"]
        return error
    if fields.get("index") is not None:
        fields["index"] -= 1  # Julia counts from 1
    kind = getattr(errors, type, None) or getattr(builtins, type)
    exception: BaseException = kind(*arguments, **fields)
    return exception
