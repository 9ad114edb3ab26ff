"""What several commands take, and how unknown options reach the backend's scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from taggingbackends.backend.options import OptionError, Options, parse_options
from taggingbackends.errors import TaggingBackendsError

if TYPE_CHECKING:
    from taggingbackends.backend.explorer import BackendExplorer

__all__ = [
    "FILES",
    "FORCE",
    "SANDBOX",
    "ScriptCommand",
    "complete_instance",
    "complete_pretrained",
    "counted",
    "explorer",
    "instance_option",
    "print_paths",
    "script_options",
    "skipped",
    "skips",
]

F = TypeVar("F", bound=Callable[..., Any])

_GLOBAL = ("project", "debug", "version")  # the scripts may have a --verbose of their own
_FLAGS = ("--quiet", "--verbose")  # which take no value: what follows is none of theirs
_RESERVED = ("model_instance", "sandbox", "original_model_instance")  # never left to the scripts


class ScriptCommand(click.Command):
    """A command whose unknown options go to the backend's scripts."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep unknown options, with their values, for the scripts."""
        known, unknown = self._split(ctx, args)
        try:
            options = parse_options(unknown)
            self._refuse_misplaced(ctx, options)
            ctx.ensure_object(dict)["options"] = options
            return super().parse_args(ctx, known)
        except OptionError as error:
            raise click.UsageError(f"{error}{self._hint(ctx, unknown)}", ctx) from None
        except click.MissingParameter as error:
            hint = self._hint(ctx, unknown)
            if not hint:
                raise
            raise click.UsageError(f"{error.format_message().rstrip('.')}{hint}", ctx) from None

    def _refuse_near_miss(self, ctx: click.Context, arg: str) -> None:
        """Refuse what is most likely a slip: it would pass for an option for the scripts."""
        near = self._near(ctx, arg, 0.9)
        if near and "=" not in arg:
            problem = f"no such option {arg}; did you mean {near}? (One for the scripts: {arg}=...)"
            raise click.UsageError(problem, ctx)

    def _hint(self, ctx: click.Context, unknown: list[str]) -> str:
        """Return an offer of the options that those for the scripts may be meant to be."""
        for arg in unknown:
            near = self._near(ctx, arg, 0.8)
            if near:
                return f"; did you mean {near}?"
        return ""

    def _near(self, ctx: click.Context, arg: str, likeness: float) -> str | None:
        from difflib import get_close_matches

        name = arg.partition("=")[0]
        return next(iter(get_close_matches(name, self._takes_value(ctx), 1, likeness)), None)

    def _refuse_misplaced(self, ctx: click.Context, options: Options) -> None:
        spelled = {opt.lstrip("-").replace("-", "_"): opt for opt in self._takes_value(ctx)}
        for name in options:
            if name in _GLOBAL:
                problem = f"--{name} stands before {self.name}: tagging-backend --{name} ..."
            elif name in spelled:
                problem = f"no such option --{name}; did you mean {spelled[name]}?"
            elif name in _RESERVED:
                problem = f"--{name.replace('_', '-')} is not an option for the scripts"
            else:
                continue
            raise click.UsageError(problem, ctx)

    def _takes_value(self, ctx: click.Context) -> dict[str, bool]:
        return {
            name: not (parameter.is_flag or parameter.count)
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)
            for name in (*parameter.opts, *parameter.secondary_opts)
        }

    def _split(self, ctx: click.Context, args: list[str]) -> tuple[list[str], list[str]]:
        takes_value = self._takes_value(ctx)
        known: list[str] = []
        unknown: list[str] = []
        rest = list(args)
        while rest:
            arg = rest.pop(0)
            name, equals, _ = arg.partition("=")
            if arg == "--":
                known += [arg, *rest]
                break
            if name in takes_value:
                known.append(arg)
                if takes_value[name] and not equals and rest:
                    known.append(rest.pop(0))
            elif arg.startswith("-"):
                unknown.append(arg)
                self._refuse_near_miss(ctx, arg)
                if arg in _FLAGS or equals:
                    continue
                if rest and not rest[0].startswith("-"):
                    unknown.append(rest.pop(0))
            elif unknown:
                problem = (
                    f"found {arg!r} after {unknown[0]}, an option for the scripts: files stand "
                    f"before those, or after --{self._hint(ctx, unknown)}"
                )
                raise click.UsageError(problem, ctx)
            else:
                known.append(arg)
        return known, unknown


def complete_instance(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a model instance, in a shell."""
    return _begun(ctx, incomplete, lambda backend: backend.list_models())


def complete_pretrained(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a pretrained model instance, in a shell."""
    return _begun(ctx, incomplete, lambda backend: backend.list_pretrained_models())


def _begun(
    ctx: click.Context, incomplete: str, names: Callable[[BackendExplorer], list[str]]
) -> list[str]:
    from taggingbackends.backend.explorer import BackendExplorer

    try:
        backend = BackendExplorer(ctx.find_root().params.get("project"))
        return [name for name in names(backend) if name.startswith(incomplete)]
    except TaggingBackendsError:  # no backend here
        return []


def instance_option(
    required: bool = True, help: str = "The model's identifier."
) -> Callable[[F], F]:
    """Return ``--model-instance``."""
    return click.option(
        "--model-instance",
        metavar="NAME",
        required=required,
        help=help,
        shell_complete=complete_instance,
    )


FILES = click.argument("files", nargs=-1, type=click.Path(readable=False, path_type=Path))
SANDBOX = click.option(
    "--sandbox", metavar="TOKEN", help="Keep this round's data apart, so that others can run."
)
FORCE = click.option("--force", is_flag=True, help="Replace what is there already.")


def skips(command: F) -> F:
    """Add ``--skip-make-dataset`` and ``--skip-build-features``."""
    for step in ("build_features", "make_dataset"):
        option = f"--skip-{step.replace('_', '-')}"
        command = click.option(option, is_flag=True, help=f"Do not run {step}.")(command)
    return command


def skipped(make_dataset: bool, build_features: bool) -> list[str]:
    """Return the steps that those options skip."""
    steps = {"make_dataset": make_dataset, "build_features": build_features}
    return [step for step, skip in steps.items() if skip]


def explorer(
    ctx: click.Context, instance: str | None = None, sandbox: str | None = None
) -> BackendExplorer:
    """Return the backend that ``--project``, or the current folder, means."""
    from taggingbackends.backend.explorer import BackendExplorer

    return BackendExplorer(ctx.obj["project"], instance, sandbox)


def script_options(ctx: click.Context) -> Options:
    """Return the options of a `ScriptCommand` that are for the scripts."""
    options: Options = ctx.obj["options"]
    return options


def counted(n: int, thing: str) -> str:
    """Return a number of things, e.g. ``"1 run"`` or ``"2 runs"``."""
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def print_paths(paths: list[Path]) -> None:
    """Print paths, one a line."""
    for path in paths:
        click.echo(path)
