"""The command ``tagging-backend``: parses, calls, prints."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from taggingbackends.options import OptionError, Options, parse_options
from taggingbackends.reporting import DEBUG, fail, is_users_to_mend

if TYPE_CHECKING:
    from taggingbackends.explorer import BackendExplorer

__all__ = ["cli", "main"]

F = TypeVar("F", bound=Callable[..., Any])

_GLOBAL = ("project", "debug", "version")
_RESERVED = ("model_instance", "sandbox", "original_model_instance")  # never left to the scripts


class _ScriptCommand(click.Command):
    """A command whose unknown options go to the backend's scripts."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            known, unknown = self._split(ctx, args)
            ctx.obj["options"] = parse_options(unknown)
        except OptionError as error:
            raise click.UsageError(str(error), ctx) from None
        self._refuse_misplaced(ctx, ctx.obj["options"])
        return super().parse_args(ctx, known)

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
                if not equals and rest and not rest[0].startswith("-"):
                    unknown.append(rest.pop(0))
            elif unknown:
                raise OptionError(
                    f"found {arg!r} after {unknown[0]}, an option for the scripts: files stand "
                    "before those, or after --"
                )
            else:
                known.append(arg)
        return known, unknown


def _instance_option(
    required: bool = True, help: str = "The model's identifier."
) -> Callable[[F], F]:
    return click.option("--model-instance", metavar="NAME", required=required, help=help)


_FILES = click.argument("files", nargs=-1, type=click.Path(path_type=Path))
_SANDBOX = click.option(
    "--sandbox", metavar="TOKEN", help="Keep this round's data apart, so that others can run."
)
_FORCE = click.option("--force", is_flag=True, help="Replace what is there already.")


def _skips(command: F) -> F:
    for step in ("build_features", "make_dataset"):
        option = f"--skip-{step.replace('_', '-')}"
        command = click.option(option, is_flag=True, help=f"Do not run {step}.")(command)
    return command


def _skipped(make_dataset: bool, build_features: bool) -> list[str]:
    steps = {"make_dataset": make_dataset, "build_features": build_features}
    return [step for step, skip in steps.items() if skip]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The backend's folder; by default the nearest one at or above the current folder.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of every error.")
@click.version_option(package_name="taggingbackends")
@click.pass_context
def cli(ctx: click.Context, project: Path | None, debug: bool) -> None:
    """Tag the behaviour of fly larvae automatically, with the backend in this folder.

    A backend is a Python project with trained models in models/. It labels recordings: tracker
    files in, label files out, for the Nyx tagger or for yourself.

    \b
    Make one:      tagging-backend init My-Tagger
    Train it:      tagging-backend train recordings/*.label
    Use it:        tagging-backend predict recording.spine --model-instance NAME
    """
    if debug:
        os.environ[DEBUG] = "1"
    ctx.ensure_object(dict)["project"] = project


def _backend(
    ctx: click.Context, instance: str | None = None, sandbox: str | None = None
) -> BackendExplorer:
    from taggingbackends.explorer import BackendExplorer

    return BackendExplorer(ctx.obj["project"], instance, sandbox)


def _options(ctx: click.Context) -> Options:
    options: Options = ctx.obj["options"]
    return options


@cli.command(cls=_ScriptCommand)
@_FILES
@_instance_option()
@_SANDBOX
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="With FILES: where the labels go; by default beside each input.",
)
@_FORCE
@_skips
@click.pass_context
def predict(
    ctx: click.Context,
    files: tuple[Path, ...],
    model_instance: str,
    sandbox: str | None,
    output: Path | None,
    force: bool,
    skip_make_dataset: bool,
    skip_build_features: bool,
) -> None:
    """Label recordings with a trained model.

    With FILES (tracker files or folders), the labels are written beside them, as predicted.label,
    or <stem>.predicted.label where a folder holds several recordings. Without FILES, the input is
    what `push` has brought into data/raw, and the labels stay in data/processed: this is how Nyx
    calls it.

    Other options go to the backend's scripts, e.g. --threshold 0.5. FILES stand before these, or
    after --.

    \b
    Example: tagging-backend predict recording.spine --model-instance 20240611
    """
    from taggingbackends import pipeline

    skip = _skipped(skip_make_dataset, skip_build_features)
    backend = _backend(ctx, model_instance, sandbox)
    if files:
        found = pipeline.predict_files(backend, files, _options(ctx), output, force, skip)
    elif output or force:
        raise click.UsageError("--output and --force go with FILES", ctx)
    else:
        found = pipeline.predict(backend, _options(ctx), skip)
        if not found:
            warnings.warn(
                f"predict_model made no label file in {backend.processed_data_dir()}", stacklevel=2
            )
    _print_paths(found)


@cli.command(cls=_ScriptCommand)
@_FILES
@_instance_option(False, "The new model's identifier; with FILES, by default the local time.")
@click.option("--pretrained-model-instance", metavar="NAME", help="Start from this one.")
@_FORCE
@_skips
@click.pass_context
def train(
    ctx: click.Context,
    files: tuple[Path, ...],
    model_instance: str | None,
    pretrained_model_instance: str | None,
    force: bool,
    skip_make_dataset: bool,
    skip_build_features: bool,
) -> None:
    """Train a new model.

    Its identifier is printed last.

    FILES are label files beside the tracker files that they depend on (or folders of these).
    Without FILES, the input is what `push` has brought into data/raw for this identifier. The
    model is there when training has succeeded; until then, an old one stays as it is.

    Other options go to the backend's scripts, e.g. --epochs 20. FILES stand before these, or
    after --.

    \b
    Example: tagging-backend train recordings/*.label
    """
    from taggingbackends import pipeline

    options = _options(ctx)
    backend = _backend(ctx, model_instance)
    if pretrained_model_instance is not None:
        backend.pretrained_model_dir(pretrained_model_instance)
        options = {"pretrained_model_instance": pretrained_model_instance, **options}
    skip = _skipped(skip_make_dataset, skip_build_features)
    click.echo(pipeline.train(backend, files, options, force, skip))


@cli.command(cls=_ScriptCommand)
@_FILES
@click.option(
    "--original-model-instance", metavar="NAME", required=True, help="The model to start from."
)
@_instance_option(False, "The new model's identifier; with FILES, by default the local time.")
@_FORCE
@_skips
@click.pass_context
def finetune(
    ctx: click.Context,
    files: tuple[Path, ...],
    original_model_instance: str,
    model_instance: str | None,
    force: bool,
    skip_make_dataset: bool,
    skip_build_features: bool,
) -> None:
    """Train a model further, into a new one.

    The new model's identifier is printed last.

    FILES and options are as for `train`.

    \b
    Example: tagging-backend finetune more/*.label --original-model-instance 20240611
    """
    from taggingbackends import pipeline

    backend = _backend(ctx, model_instance)
    skip = _skipped(skip_make_dataset, skip_build_features)
    instance = pipeline.finetune(
        backend, original_model_instance, files, _options(ctx), force, skip
    )
    click.echo(instance)


@cli.command()
@click.argument("name")
@click.option("--minimal", is_flag=True, help="Make the smallest backend instead.")
def init(name: str, minimal: bool) -> None:
    """Make a new backend in the folder NAME.

    It is ready to run. Nothing is overwritten. The README in it says what to do next.

    \b
    Example: tagging-backend init My-Tagger
    """
    from taggingbackends import scaffold

    _print_paths(scaffold.init(name, Path.cwd(), minimal))
    if "file:" in scaffold.requirement():
        click.echo(
            f"Note: {name}/pyproject.toml requires {scaffold.requirement()}, which is on this "
            "machine only: change it before you share the project.",
            err=True,
        )


@cli.command()
@click.pass_context
def models(ctx: click.Context) -> None:
    """List the trained models, one a line."""
    for instance in _backend(ctx).list_models():
        click.echo(instance)


@cli.command()
@click.pass_context
def check(ctx: click.Context) -> None:
    """Tell what breaks the contract.

    Everything in the backend's folder that does is told, with what mends it; the exit code is 1
    if there is anything.
    """
    from taggingbackends.check import check as find_problems
    from taggingbackends.project import nearest_project

    folder = (ctx.obj["project"] or nearest_project()).resolve()
    problems = find_problems(folder)
    for problem in problems:
        click.echo(problem)
    if problems:
        ctx.exit(1)
    click.echo(f"{folder}: nothing to mend")


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@_instance_option(help="The model instance that the input is for.")
@_SANDBOX
@click.option("--link", is_flag=True, help="Put symbolic links instead of copies.")
@click.pass_context
def push(
    ctx: click.Context,
    paths: tuple[Path, ...],
    model_instance: str,
    sandbox: str | None,
    link: bool,
) -> None:
    """Bring files or a folder into data/raw.

    Files that belong together come along: .spine with .outline, and the files that a label file
    depends on.

    \b
    Example: tagging-backend push recordings/ --model-instance 20240611
    """
    _print_paths(_backend(ctx, model_instance, sandbox).push(*paths, link=link))


@cli.command()
@click.argument(
    "destination",
    metavar="[DIR]",
    required=False,
    type=click.Path(file_okay=False, path_type=Path),
)
@_instance_option(help="The model instance that predicted.")
@_SANDBOX
@_FORCE
@click.pass_context
def pull(
    ctx: click.Context,
    destination: Path | None,
    model_instance: str,
    sandbox: str | None,
    force: bool,
) -> None:
    """Bring predicted labels out.

    They go from data/processed into DIR, or else beside the original input.
    """
    _print_paths(_backend(ctx, model_instance, sandbox).pull(destination, force=force))


@cli.command()
@_instance_option(help="The model instance whose data go.")
@click.option("--sandbox", metavar="TOKEN", help="Remove this sandbox's data only.")
@click.option("--model", is_flag=True, help="Remove the model, too.")
@click.pass_context
def reset(ctx: click.Context, model_instance: str, sandbox: str | None, model: bool) -> None:
    """Remove a model instance's data.

    Its model goes only with --model.
    """
    if model and sandbox is not None:
        raise click.UsageError("--model does not go with --sandbox", ctx)
    backend = _backend(ctx, model_instance, sandbox)
    removed = backend.reset_data()
    if model:
        removed += backend.reset_model()
    for folder in removed:
        click.echo(f"removed {folder}")
    if not removed:
        click.echo("nothing to remove")


@cli.group()
def labels() -> None:
    """Look at label files."""


@labels.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def show(files: tuple[Path, ...]) -> None:
    """Print the frames of each label, and an ethogram: one line a larva, time along it.

    Colours are left out if the output is no terminal, or NO_COLOR is set.
    """
    from taggingbackends.ethogram import ethogram, table
    from taggingbackends.labels import Labels

    color = False if os.environ.get("NO_COLOR") else None
    for file in files:
        labels = Labels.read(file)
        click.echo(f"{file}\n\n{table(labels)}")
        for run in labels.values():
            width = shutil.get_terminal_size().columns
            click.echo(f"\nrun {run.id}\n{ethogram(run, width)}", color=color)


@cli.group()
def data() -> None:
    """Look at tracker files."""


@data.command("info")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.pass_context
def data_info(ctx: click.Context, files: tuple[Path, ...]) -> None:
    """Tell what tracker files and label files hold, and what is wrong with them.

    The exit code is 1 if anything is.
    """
    from taggingbackends.data.info import info

    wrong = False
    for position, file in enumerate(files):
        facts, problems = info(file)
        wrong |= bool(problems)
        click.echo("\n" * bool(position) + str(file))
        for name, fact in facts.items():
            click.echo(f"  {name:<12}{fact}")
        for problem in problems:
            click.echo(f"  {'wrong':<12}{problem}")
    ctx.exit(int(wrong))


@cli.group()
def julia() -> None:
    """Look after Julia, and run scripts in it."""


@julia.command("status")
@click.pass_context
def julia_status(ctx: click.Context) -> None:
    """Tell which Julia and which package are used.

    And what is missing, with what mends it; the exit code is 1 then. Nothing is downloaded.
    """
    from taggingbackends.julia.status import status

    found = status()
    click.echo("\n".join(found.lines))
    if found.missing:
        click.echo("\nMissing:")
        for missing in found.missing:
            click.echo(f"- {missing}")
        ctx.exit(1)


@julia.command("setup")
@click.pass_context
def julia_setup(ctx: click.Context) -> None:
    """Install and precompile now what Julia needs.

    Otherwise that happens when Julia is used from Python for the first time. It takes some minutes.
    """
    from taggingbackends.julia.status import set_up

    set_up()
    ctx.invoke(julia_status)


@julia.command(
    "run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def julia_run(ctx: click.Context, script: Path, arguments: tuple[str, ...]) -> None:
    """Run a script in Julia, with TaggingBackends at hand.

    The project is that of the backend's folder, if there is a Project.toml. The exit code is the
    script's.

    \b
    Example: tagging-backend julia run my_script.jl --verbose
    """
    from taggingbackends.julia.scripts import run_script
    from taggingbackends.project import nearest_project

    ctx.exit(run_script(script, arguments, ctx.obj["project"] or nearest_project()))


def main() -> NoReturn:
    """Run the command; exit with its code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    warnings.simplefilter("always", UserWarning)
    warnings.showwarning = lambda message, *_, **__: click.echo(f"Warning: {message}", err=True)
    try:
        sys.exit(cli.main(prog_name="tagging-backend", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        if not is_users_to_mend(error):
            raise
        fail(error)


def _print_paths(paths: list[Path]) -> None:
    for path in paths:
        click.echo(path)
