"""Convert the fixes in errors from terms of the Python API to those of the command line."""

from __future__ import annotations

import re

__all__ = ["in_command_words"]

_WORDS = (
    (
        r"BackendExplorer\(model_instance='(\S+?)', sandbox='(\S+?)'\)\.reset_data\(\)",
        r"`tagging-backend reset --model-instance \1 --sandbox \2`",
    ),
    (
        r"BackendExplorer\(model_instance='(\S+?)'\)\.reset_data\(\)",
        r"`tagging-backend reset --model-instance \1`",
    ),
    (
        r"BackendExplorer\(model_instance='(\S+?)'\)\.reset_model\(\)",
        r"`tagging-backend reset --model-instance \1 --model`",
    ),
    (
        r"BackendExplorer\(model_instance='(\S+?)'\)\.reset_sandboxes\(\)",
        r"`tagging-backend reset --model-instance \1 --sandboxes`",
    ),
    (r"reset_data\(\)", "`tagging-backend reset`"),
    (r"push\(\.\.\.\)", "`tagging-backend push`"),
    (r"Labels\.merge", "`tagging-backend labels merge`"),
    (r"project_dir=\.\.\.", "--project DIR, or make one with `tagging-backend init`"),
    (r"data_folder=\.\.\.", "--data DIR"),
    (r"model_instance=\.\.\.", "--model-instance NAME"),
    (r"force=True", "--force"),
)


def in_command_words(fix: str) -> str:
    """Return the fix of an error in terms of the command line.

    Parameters
    ----------
    fix : str
        The fix in terms of the Python API, e.g. ``BackendError.fix``.
    """
    for api, command in _WORDS:
        fix = re.sub(api, command, fix)
    return fix
