"""Convert the fixes in errors from terms of the Python API to those of the command line."""

from __future__ import annotations

import re

__all__ = ["in_command_words"]

_ARGUMENT = r"""(\w+)=('(?:\\.|[^'])*'|"(?:\\.|[^"])*")"""
_CALL = re.compile(
    rf"BackendExplorer\(((?:{_ARGUMENT}(?:, )?)*)\)\."
    r"(?:push\(\.\.\.\)|reset_(?P<what>data|model|sandboxes)\(\))"
)
_BEFORE = {"project_dir": "--project", "data_folder": "--data"}
_AFTER = {"model_instance": "--model-instance", "sandbox": "--sandbox"}
_RENAME = re.compile(r"rename=(\{.*\})")
_WORDS = (
    (r"Labels\.merge", "`tagging-backend labels merge`"),
    (r"project_dir=\.\.\.", "--project DIR, or make one with `tagging-backend init`"),
    (r"data_folder=\.\.\.", "--data DIR"),
    (r"model_instance=\.\.\.", "--model-instance NAME"),
    (r"force=True", "--force"),
    (r"all_files=True", "--all-files"),
    (r"batch=(\d+)", r"--batch \1"),
    (r"format=\.\.\.", "--format NAME"),
    (r"prefer=\.\.\.", "--prefer PATTERN"),
    (r"the option (pixelsize|framerate)", r"--\1"),
    (r", or load_tracks\(path, spine=\[\.\.\.\]\)", ""),
    (r"groups=\.\.\.", "--groups TABLE"),
    (r"window=(?:\.\.\.|\(start, stop\))", "--window START:STOP"),
    (r"before=\(start, stop\)", "--before START:STOP"),
    (r"name a control$", "name a group with --control NAME"),
    (r"min_tracked=\.\.\.", "--min-tracked SHARE"),
    (r"a longer bin=\.\.\.", "a longer --bin"),
    (
        r"choose one of those that runs_in\(path\) returns: load_tracks\(path, run=\.\.\.\)",
        "a script loads each with backend.load_runs(file)",
    ),
)


def in_command_words(fix: str) -> str:
    """Return the fix of an error in terms of the command line.

    Parameters
    ----------
    fix : str
        The fix in terms of the Python API, e.g. ``BackendError.fix``.
    """
    fix = _RENAME.sub(_rename, _CALL.sub(_command, fix))
    for api, command in _WORDS:
        fix = re.sub(api, command, fix)
    return fix


def _rename(mapping: re.Match[str]) -> str:
    import ast
    import shlex

    pairs = ast.literal_eval(mapping[1]).items()
    return " ".join(f"--rename {shlex.quote(f'{name}={new}')}" for name, new in pairs)


def _command(call: re.Match[str]) -> str:
    import ast
    import shlex

    values = {
        name: shlex.quote(ast.literal_eval(value)) for name, value in re.findall(_ARGUMENT, call[1])
    }
    before, after = (
        "".join(f" {option} {values[name]}" for name, option in options.items() if name in values)
        for options in (_BEFORE, _AFTER)
    )
    what = call["what"]
    after += f" --{what}" if what in ("model", "sandboxes") else ""
    return f"`tagging-backend{before} {'reset' if what else 'push FILES'}{after}`"
