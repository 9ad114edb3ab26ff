"""Arguments that several commands share, and options that are passed on to scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from taggingbackends.backend.options import OptionError, Options, parse_options, spelled
from taggingbackends.errors import TaggingBackendsError

if TYPE_CHECKING:
    from taggingbackends.backend.explorer import BackendExplorer
    from taggingbackends.backend.folder import BackendFolder
    from taggingbackends.backend.optiontypes import Parameter

__all__ = [
    "ALL_FILES",
    "FORCE",
    "FORMAT",
    "JSON",
    "SANDBOX",
    "ScriptCommand",
    "complete_instance",
    "complete_pretrained",
    "explorer",
    "instance_option",
    "sandbox_option",
    "script_options",
    "skipped",
    "skips",
]

F = TypeVar("F", bound=Callable[..., Any])

_GLOBAL = ("project", "data", "debug", "version")  # the scripts may have a --verbose of their own
_FLAGS = ("--quiet", "--verbose")  # never take the next argument as a value
_RESERVED = ("model_instance", "sandbox", "original_model_instance")  # never passed to scripts


class ScriptCommand(click.Command):
    """A command that passes unknown options to the backend's scripts.

    Parameters
    ----------
    steps : sequence of str
        The steps that the command runs after the preparing ones.
    """

    def __init__(self, *args: Any, steps: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._steps = steps

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. What is wrong with options for the scripts is wrong usage."""
        try:
            return super().invoke(ctx)
        except OptionError as error:
            problem = str(error)
            given = list(map(spelled, script_options(ctx)))
            misplaced = [option for option in _FLAGS if f"no script takes {option};" in problem]
            if misplaced:
                problem += f"; for the command's own {misplaced[0]}, put it before {self.name}"
            elif "did you mean" not in problem:
                problem += self._hint(ctx, given)
            raise click.UsageError(problem, ctx) from None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of the command, and those of the scripts of the backend here."""
        super().format_options(ctx, formatter)
        rows, others = _options_of_scripts(ctx, self._steps, set(self._takes_value(ctx)))
        if rows:
            with formatter.section("Options of the backend's scripts"):
                formatter.write_dl(rows)
        for sentence in others:
            formatter.write_paragraph()
            formatter.write_text(sentence)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep unknown options and their values for the scripts."""
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
        """Raise a usage error for a likely typo, instead of passing it to the scripts."""
        near = self._near(ctx, arg, 0.9)
        if near and "=" not in arg:
            problem = f"no such option {arg}; did you mean {near}? (For the scripts: {arg}=...)"
            raise click.UsageError(problem, ctx)

    def _hint(self, ctx: click.Context, unknown: list[str]) -> str:
        """Return a suggestion if an unknown option resembles a known one, otherwise ""."""
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
        own = {opt.lstrip("-").replace("-", "_"): opt for opt in self._takes_value(ctx)}
        for name in options:
            if name in _GLOBAL:
                problem = f"put --{name} before {self.name}: tagging-backend --{name} ..."
            elif name in own:
                problem = f"no such option --{name}; did you mean {own[name]}?"
            elif name in _RESERVED:
                problem = f"{spelled(name)} is not an option for the scripts"
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
                    f"found {arg!r} after {unknown[0]}, an option for the scripts; put files "
                    f"before such options, or after --{self._hint(ctx, unknown)}"
                )
                raise click.UsageError(problem, ctx)
            else:
                known.append(arg)
        return known, unknown


def _options_of_scripts(
    ctx: click.Context, steps: Sequence[str], own: set[str]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the options of a backend's scripts with their help, and sentences about others."""
    from taggingbackends.backend.folder import BackendFolder
    from taggingbackends.backend.optiontypes import TRACKER
    from taggingbackends.backend.signatures import read_signatures

    rows: dict[str, str] = {}
    sentences: list[str] = []
    try:
        found = read_signatures(BackendFolder(ctx.find_root().params.get("project")), steps)
    except (TaggingBackendsError, OSError):  # no backend here, or no Julia for its scripts
        return [], []
    for script, signature in found.items():
        if signature is None:
            sentences.append(f"The options of {script.name} are unknown until it runs.")
        elif signature.takes_all:
            sentences.append(f"{script.name} takes any other option, too.")
    for signature in (*found.values(), TRACKER) if found else ():
        for name, parameter in signature.parameters.items() if signature is not None else ():
            option = spelled(name)
            if option not in own and name not in _RESERVED:
                rows.setdefault(*_row(option, parameter))
    return list(rows.items()), sentences


def _row(option: str, parameter: Parameter) -> tuple[str, str]:
    """Return an option of a script and its help."""
    default = parameter.default
    kind = parameter.type
    if kind.flag and not kind.choices:
        name = option.removeprefix("--")
        default = {"true": name, "false": f"no-{name}"}.get(default.lower(), default)
        option += f" / --no-{name}"
    else:
        option += f" {kind.placeholder}"
    notes = f"default: {default}" if default else "required" if parameter.required else ""
    return option, " ".join(filter(None, (parameter.doc, notes and f"[{notes}]")))


def complete_instance(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a model instance in a shell."""
    return _completions(ctx, incomplete, lambda backend: backend.list_models())


def complete_pretrained(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a pretrained model in a shell."""
    return _completions(ctx, incomplete, lambda backend: backend.list_pretrained_models())


def _complete_sandbox(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a sandbox in a shell."""
    from taggingbackends.backend.sandboxes import sandbox_names

    instance = ctx.params.get("model_instance")
    return _completions(
        ctx,
        incomplete,
        lambda whole: sorted(sandbox_names(whole.with_instance(instance) if instance else whole)),
    )


def _complete_format(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    from taggingbackends.data.formats import FORMATS

    return [format.name for format in FORMATS if format.name.startswith(incomplete)]


def _completions(
    ctx: click.Context, incomplete: str, names: Callable[[BackendFolder], list[str]]
) -> list[str]:
    from taggingbackends.backend.folder import BackendFolder

    try:
        root = ctx.find_root().params
        backend = BackendFolder(root.get("project"), data_folder=root.get("data"))
        return [name for name in names(backend) if name.startswith(incomplete)]
    except TaggingBackendsError:  # no backend here
        return []


def instance_option(
    required: bool = True, help: str = "Use the model with this identifier."
) -> Callable[[F], F]:
    """Return the option ``--model-instance``."""
    return click.option(
        "--model-instance",
        metavar="NAME",
        required=required,
        help=help,
        shell_complete=complete_instance,
    )


def sandbox_option(help: str) -> Callable[[F], F]:
    """Return the option ``--sandbox``."""
    return click.option("--sandbox", metavar="TOKEN", help=help, shell_complete=_complete_sandbox)


SANDBOX = sandbox_option("Keep the data in a subfolder TOKEN of each data folder.")
FORCE = click.option("--force", is_flag=True, help="Replace existing files.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
FORCE_MODEL = click.option("--force", is_flag=True, help="Replace an existing model.")


ALL_FILES = click.option(
    "--all-files",
    is_flag=True,
    help="Take all files from folders, and accept files that no reader knows.",
)
FORMAT = click.option(
    "--format",
    metavar="NAME",
    shell_complete=_complete_format,
    help="Use only tracker files in this format: Choreography, trx.mat, FIMTrack or movement.",
)


def skips(command: F) -> F:
    """Add the options ``--skip-make-dataset`` and ``--skip-build-features``."""
    for step in ("build_features", "make_dataset"):
        option = spelled(f"skip_{step}")
        command = click.option(option, is_flag=True, help=f"Do not run {step}.")(command)
    return command


def skipped(make_dataset: bool, build_features: bool) -> list[str]:
    """Return the names of the skipped steps."""
    steps = {"make_dataset": make_dataset, "build_features": build_features}
    return [step for step, skip in steps.items() if skip]


def explorer(
    ctx: click.Context, instance: str | None = None, sandbox: str | None = None
) -> BackendExplorer:
    """Return the backend in ``--project``, or else the nearest one."""
    from taggingbackends.backend.explorer import BackendExplorer

    return BackendExplorer(ctx.obj["project"], instance, sandbox)


def script_options(ctx: click.Context) -> Options:
    """Return the options that a `ScriptCommand` passes to the scripts."""
    options: Options = ctx.obj["options"]
    return options
