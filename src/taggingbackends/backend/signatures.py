"""Read which options the scripts of a backend take, without running them."""

from __future__ import annotations

import ast
import builtins
import collections.abc
import re
import subprocess
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, IntEnum, StrEnum, auto
from pathlib import Path, PurePath
from typing import Any

from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.juliapackage import julia_package
from taggingbackends.backend.juliascripts import find_julia, julia_environment
from taggingbackends.backend.options import (
    OptionError,
    Options,
    format_options,
    parse_options,
)
from taggingbackends.backend.optiontypes import (
    TEXT,
    TRACKER,
    Parameter,
    Signature,
    Unknown,
    dotted,
    evaluated,
    text_of,
    type_of,
    unknown_option,
)
from taggingbackends.system import processes

__all__ = ["PREPARING", "check_options", "options_taken", "read_signatures"]

PREPARING = ("make_dataset", "build_features")
"""The steps before training and predicting."""

_MAIN = "taggingbackends.main.main"
_MODULES = {"typing": typing, "typing_extensions": typing, "collections.abc": collections.abc}
_ENUMS: dict[str, type[Enum]] = {f"enum.{one.__name__}": one for one in (Enum, IntEnum, StrEnum)}
_KNOWN: dict[str, Any] = {"pathlib.Path": Path, "pathlib.PurePath": PurePath, **_ENUMS}
_KNOWN |= {f"builtins.{one.__name__}": one for one in (int, float, bool, str)}
_KNOWN |= {f"builtins.{one.__name__}": one for one in (list, tuple, set, frozenset)}


def check_options(
    signatures: Mapping[Path, Signature | None],
    options: Mapping[str, Any],
    refuse_unknown: bool = True,
) -> Options:
    """Check the options for scripts before any of them runs.

    Parameters
    ----------
    signatures : mapping
        Script -> the options that it takes, see `read_signatures`.
    options : mapping
        Keyword arguments.
    refuse_unknown : bool
        Whether an option that no script takes is an error. It is not one if the signature of a
        script is unknown.

    Returns
    -------
    dict
        The options as text, for `format_options`. Paths are absolute.

    Raises
    ------
    OptionError
        A script needs an option, a value is not of the type that a script's function declares, or
        no script takes an option.
    """
    known = [signature for signature in signatures.values() if signature is not None]
    flags = {
        name for one in known for name, parameter in one.parameters.items() if parameter.type.flag
    }
    given = parse_options(format_options(options, flags))
    for script, signature in signatures.items():
        if signature is not None:
            try:
                signature.keywords(given)
            except OptionError as error:
                raise OptionError(f"{script.name}: {error}") from None
    for signature in known:
        for name, parameter in signature.parameters.items():
            if name in given:  # scripts run in the backend's folder
                given[name] = parameter.type.absolute(given[name])
    names = {name for one in known for name in one.parameters}
    TRACKER.keywords({name: value for name, value in given.items() if name not in names})
    if refuse_unknown and len(known) == len(signatures):
        for option in given:
            if not any(one.parameter(option) for one in (TRACKER, *known)):
                raise unknown_option(
                    "no script takes", option, names | {f"no_{name}" for name in flags}
                )
    return given


def options_taken(signatures: Mapping[Path, Signature | None], options: Options) -> Options:
    """Return the options that one of the scripts takes, as far as that is known."""
    taken: set[str] = set()
    for signature in (TRACKER, *signatures.values()):
        taken.update(options if signature is None else signature.taken(options))
    return {name: given for name, given in options.items() if name in taken}


def read_signatures(
    backend: BackendFolder, last: Iterable[str], skip: Iterable[str] = ()
) -> dict[Path, Signature | None]:
    """Return the options that the function of each script takes; None where they are unknown.

    They are known if the script passes a function to `taggingbackends.main.main` by its name, and
    if that function is defined in the script, or imported from a module beside it or in src. No
    script is run. Scripts in Julia are parsed by Julia.

    Parameters
    ----------
    backend : BackendFolder
    last : iterable of str
        The steps after `PREPARING`.
    skip : iterable of str
        The steps of `PREPARING` that are skipped.

    Raises
    ------
    BackendError
        ``ambiguous-script``.
    JuliaSetupError
        ``missing-julia``: there is a script in Julia, and no Julia.
    """
    skip = tuple(skip)
    steps = [*(one for one in PREPARING if one not in skip), *last]
    scripts = [script for one in steps if (script := backend.find_script(one)) is not None]
    in_julia = [script for script in scripts if script.suffix == ".jl"]
    found = _julia_signatures(in_julia) if in_julia else {}
    for script in scripts:
        if script not in found:
            roots = (script.parent, backend.project_dir / "src")
            found[script] = _python_signature(script, roots)
    return {script: found[script] for script in scripts}


# -- Python


def _python_signature(script: Path, roots: tuple[Path, ...]) -> Signature | None:
    module = _Module.read(script, roots, "", {})
    found = None if module is None else module.function_of_main()
    return None if found is None else _signature(*found)


class _Module:
    """A module that is parsed, not imported: what its names stand for."""

    def __init__(
        self,
        tree: ast.Module,
        roots: tuple[Path, ...],
        package: str,
        modules: dict[Path, _Module | None],
    ) -> None:
        self._tree = tree
        self._roots = roots
        self._package = package  # of relative imports
        self._modules = modules  # that are parsed already
        self._bound: dict[str, list[ast.stmt | str]] = {}  # name -> statement, or what is imported
        self._resolving: set[str] = set()
        self._bind(tree.body)

    @classmethod
    def read(
        cls,
        path: Path,
        roots: tuple[Path, ...],
        package: str,
        modules: dict[Path, _Module | None],
    ) -> _Module | None:
        """Return a module; None if it is not valid Python."""
        if path not in modules:
            try:
                tree = ast.parse(path.read_bytes())
                modules[path] = cls(tree, roots, package, modules)
            except (OSError, SyntaxError, ValueError, RecursionError):
                modules[path] = None
        return modules[path]

    def _bind(self, body: list[ast.stmt]) -> None:
        for statement in body:
            for name, what in self._bindings(statement):
                self._bound.setdefault(name, []).append(what)
            if not isinstance(statement, _DEFINITIONS):
                for part in ("body", "orelse", "finalbody", "handlers"):
                    for inner in getattr(statement, part, []):
                        self._bind(inner.body if isinstance(inner, ast.ExceptHandler) else [inner])

    def _bindings(self, statement: ast.stmt) -> Iterator[tuple[str, ast.stmt | str]]:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(statement, ast.ImportFrom):
            start = statement.module or ""
            if statement.level:
                parts = self._package.split(".")
                above = parts[: len(parts) - statement.level + 1]
                start = ".".join([*above, *([start] if start else [])])
            for alias in statement.names:
                yield alias.asname or alias.name, f"{start}.{alias.name}"
        elif isinstance(statement, _DEFINITIONS):
            yield statement.name, statement
        elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                for node in ast.walk(target):
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                        yield node.id, statement
        elif isinstance(getattr(statement, "name", None), ast.Name):  # type Name = ...
            yield statement.name.id, statement  # type: ignore[attr-defined]

    def function_of_main(self) -> tuple[_Module, ast.FunctionDef] | None:
        """Return the function that is passed to `main`, with its module."""
        functions = []
        for node in ast.walk(self._tree):
            if not isinstance(node, ast.Call):
                continue
            name = dotted(node.func)
            if name is None or self.resolve(name) != _MAIN:
                continue
            passed = [*node.args, *(one.value for one in node.keywords if one.arg == "function")]
            argument = dotted(passed[0]) if len(node.args) + len(node.keywords) == 1 else None
            functions.append(self.resolve(argument) if argument else None)
        found = functions[0] if functions else None
        if not isinstance(found, tuple) or any(other != found for other in functions):
            return None
        module, node = found
        return (module, node) if isinstance(node, ast.FunctionDef) else None

    def resolve(self, name: str) -> tuple[_Module, ast.stmt] | str | None:
        """Return the statement that defines a dotted name, or the name in another package."""
        start, _, rest = name.partition(".")
        bound = self._bound.get(start, [])
        if not bound:
            return f"builtins.{name}"
        if len(bound) > 1 or name in self._resolving:
            return None
        what = bound[0]
        if isinstance(what, str):
            target = f"{what}.{rest}" if rest else what
        else:
            alias = dotted(what.value) if isinstance(what, ast.Assign) else None
            if alias is None:
                return None if rest else (self, what)
            target = f"{alias}.{rest}" if rest else alias
        self._resolving.add(name)
        try:
            return self._imported(target) if isinstance(what, str) else self.resolve(target)
        finally:
            self._resolving.discard(name)

    def _imported(self, name: str) -> tuple[_Module, ast.stmt] | str | None:
        parts = name.split(".")
        for n in range(len(parts), 0, -1):
            for root in self._roots:
                path = root.joinpath(*parts[:n])
                for file, package in (
                    (path / "__init__.py", parts[:n]),
                    (path.with_name(f"{path.name}.py"), parts[: n - 1]),
                ):
                    if file.is_file():
                        module = _Module.read(file, self._roots, ".".join(package), self._modules)
                        rest = ".".join(parts[n:])
                        return module.resolve(rest) if module is not None and rest else None
        return name

    def meaning(self, name: str) -> Any:
        """Return what a dotted name in an annotation stands for, or `Unknown`."""
        found = self.resolve(name)
        if isinstance(found, str):
            return _external(found)
        if found is None:
            return self._member(name)
        module, statement = found
        if isinstance(statement, ast.ClassDef):
            return module.enumeration(statement)
        alias = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        if type(statement).__name__ == "TypeAlias":
            alias = statement.value  # type: ignore[attr-defined]
        if alias is None or name in self._resolving:
            return Unknown
        self._resolving.add(name)
        try:
            return evaluated(alias, module.meaning)
        finally:
            self._resolving.discard(name)

    def _member(self, name: str) -> Any:
        """Return a member of an enumeration."""
        start, _, member = name.rpartition(".")
        found = self.meaning(start) if start else Unknown
        if isinstance(found, type) and issubclass(found, Enum):
            return found.__members__.get(member, Unknown)
        return Unknown

    def enumeration(self, definition: ast.ClassDef) -> Any:
        """Return an Enum with the members of a class; `Unknown` if they are not plain values."""
        bases = [self.meaning(dotted(base) or "?") for base in definition.bases]
        decorators = {self.resolve(dotted(one) or "?") for one in definition.decorator_list}
        if definition.keywords or not decorators <= {"enum.unique"} or not bases:
            return Unknown
        members: list[tuple[str, Any]] = []
        for statement in definition.body:
            if isinstance(statement, ast.FunctionDef):
                if statement.name in ("__new__", "__init__", "_generate_next_value_", "__str__"):
                    return Unknown
            elif isinstance(statement, ast.Assign):
                name, value = dotted(statement.targets[0]), self._member_value(statement.value)
                if value is Unknown or name is None or name.startswith("_"):
                    return Unknown
                members.append((name, value))
            elif not isinstance(statement, ast.Expr | ast.Pass):  # a docstring
                return Unknown
        *mixins, base = bases
        if base not in _ENUMS.values() or not all(one in (str, int) for one in mixins):
            return Unknown
        try:
            return base(definition.name, members, **({"type": mixins[0]} if mixins else {}))
        except (TypeError, ValueError):
            return Unknown

    def _member_value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Call) and not node.args and not node.keywords:
            return auto() if self.resolve(dotted(node.func) or "?") == "enum.auto" else Unknown
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError):
            return Unknown


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _external(name: str) -> Any:
    """Return what a name of the standard library stands for."""
    if name in _KNOWN:
        return _KNOWN[name]
    module, _, attribute = name.rpartition(".")
    return getattr(_MODULES.get(module), attribute, Unknown)


def _signature(module: _Module, function: ast.FunctionDef) -> Signature | None:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    if not positional:
        return None
    defaults: dict[str, ast.expr | None] = dict.fromkeys(one.arg for one in positional)
    n = len(arguments.defaults)
    defaults |= {
        one.arg: value for one, value in zip(positional[-n:], arguments.defaults, strict=False) if n
    }
    defaults |= {
        one.arg: value
        for one, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    }
    docs = _documented(ast.get_docstring(function) or "")
    parameters = {}
    for one in (*positional[1:], *arguments.kwonlyargs):
        if one in arguments.posonlyargs:
            continue
        annotation = one.annotation
        type = TEXT if annotation is None else type_of(evaluated(annotation, module.meaning))
        default = defaults[one.arg]
        parameters[one.arg] = Parameter(
            type,
            default is None,
            _shown_default(default, module.meaning),
            docs.get(one.arg, ""),
        )
    takes_all = arguments.kwarg is not None
    return Signature(function.name, parameters, takes_all, positional[0].arg)


def _shown_default(default: ast.expr | None, lookup: Callable[[str], Any]) -> str:
    if default is None:
        return ""
    try:
        value = ast.literal_eval(default)
    except ValueError:
        name = dotted(default)
        member = Unknown if name is None else lookup(name)
        return str(text_of(member)) if isinstance(member, Enum) else ast.unparse(default)
    if isinstance(value, list | tuple | set):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _documented(docstring: str) -> dict[str, str]:
    """Return the first sentence about each parameter in a section Parameters, as in numpydoc."""
    _, _, section = docstring.partition("Parameters\n----------\n")
    section = re.split(r"\n\S[^\n]*\n-{3,} *(?:\n|$)", section)[0]
    found = {}
    for names, text in re.findall(r"^(\S[^\n]*)\n((?:[ \t]+\S[^\n]*\n?)*)", section, re.M):
        sentence = re.split(r"(?<=[.;]) (?=[A-Z])", " ".join(text.split()))[0]
        for name in names.partition(":")[0].split(","):
            found[name.strip().lstrip("*")] = sentence
    return found


# -- Julia


def _julia_signatures(scripts: list[Path]) -> dict[Path, Signature | None]:
    """Let Julia parse scripts. An answer has a line per function, and one per parameter."""
    reader = julia_package() / "julia" / "backend" / "signatures.jl"
    run = "include(popfirst!(ARGS)); print_signatures(ARGS)"
    command = [find_julia(), "--startup-file=no", "--compile=min", "-e", run, str(reader)]
    answer = subprocess.run(
        [*command, *map(str, scripts)],
        env=julia_environment(processes.environment()),
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    found: dict[Path, Signature | None] = dict.fromkeys(scripts)
    signature = None
    for line in answer.stdout.decode("utf-8", "replace").split("\n"):
        kind, *fields = line.rstrip("\r").split("\t")
        if kind == "function":
            number, name, takes_all = fields
            signature = Signature(name, {}, takes_all == "true")
            found[scripts[int(number)]] = signature
        elif kind == "parameter" and signature is not None:
            name, annotation, required, default, doc = fields
            type = type_of(annotation, lambda name: getattr(builtins, name, Unknown))
            signature.parameters[name] = Parameter(type, required == "true", default, doc)
    return found if answer.returncode == 0 else dict.fromkeys(scripts)
