"""Selection of the labelled frames that become windows: by label, and balanced by class."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import BackendError, shown
from taggingbackends.system.names import did_you_mean

__all__ = ["Patterns", "as_patterns", "class_of", "matching", "repeats", "shuffled", "sizes"]

Patterns: TypeAlias = str | Iterable[str]
"""One or several label names or `fnmatch` patterns, e.g. ``"*_large"``, ``"[!b]*"``."""


def as_patterns(patterns: Patterns) -> tuple[str, ...]:
    """Return names and patterns as a tuple without repetitions."""
    texts = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"expected names or patterns of labels, found {shown(text)}")
    return tuple(dict.fromkeys(texts))


def matching(patterns: Iterable[str], names: Sequence[str], used: Iterable[str]) -> list[str]:
    """Return the names that match patterns, in the order of the patterns, without repetitions.

    Parameters
    ----------
    patterns : iterable of str
        Names and patterns. A name stands for itself, even if it looks like a pattern. A pattern
        stands for all names in `used` that it matches, case-sensitively.
    names : sequence of str
        All declared names.
    used : iterable of str
        Names that occur in frames, in the order in which a pattern returns them.

    Raises
    ------
    BackendError
        ``unknown-label``: a name is not declared, or a pattern matches no declared name.
    """
    used, known = list(used), set(names)
    found: dict[str, None] = {}
    for pattern in patterns:
        if pattern in known:
            found[pattern] = None
            continue
        fitting = [name for name in names if fnmatchcase(name, pattern)]
        if not fitting:
            hint = did_you_mean(pattern, names)
            problem = f"expected a label in the files, found {pattern!r}: {hint}"
            raise BackendError("unknown-label", problem)
        found |= dict.fromkeys(name for name in used if fnmatchcase(name, pattern))
    return list(found)


def class_of(labels: Iterable[str], classes: Mapping[str, int], excluded: Container[str]) -> int:
    """Return the class of a frame: one of the given codes, -1 (not selected) or -2 (ambiguous).

    A frame belongs to a class if exactly one of its labels is selected and none is excluded.
    """
    found = {classes[name] for name in labels if name in classes}
    if not found or any(name in excluded for name in labels):
        return -1
    return found.pop() if len(found) == 1 else -2


def sizes(counts: Sequence[int], balance: str | float | None) -> list[int]:
    """Return how many windows of each class to take.

    Parameters
    ----------
    counts : sequence of int
        Number of windows in each class. Empty classes are ignored.
    balance : None, "minority", "majority" or float
        See `plan_dataset`.

    Raises
    ------
    ValueError
        `balance` is invalid.
    """
    if balance is None:
        return list(counts)
    present = [count for count in counts if count]
    if balance == "majority":
        most = max(present, default=0)
        return [most if count else 0 for count in counts]
    ratio: Any = 1.0 if balance == "minority" else balance
    if isinstance(ratio, (str, bool)) or not (math.isfinite(ratio) and ratio >= 1):
        expected = 'None, "minority", "majority" or a ratio of 1 or more'
        raise ValueError(f"expected {expected} as balance, found {shown(balance)}")
    most = math.floor(ratio * min(present, default=0))
    return [min(count, most) for count in counts]


def shuffled(n: int, *key: int) -> NDArray[np.intp]:
    """Return a random permutation of 0..n-1, which depends only on the key, on any machine.

    Parameters
    ----------
    n : int
        Length of the permutation.
    *key : int
        0 or more, e.g. a seed and an epoch.

    Notes
    -----
    The permutation sorts random 64-bit numbers. NumPy guarantees the raw numbers of PCG64 across
    versions, but not the results of the methods of Generator (NEP 19).
    """
    return np.argsort(np.random.PCG64(list(key)).random_raw(n), kind="stable")


def repeats(n: int, size: int, *key: int) -> NDArray[np.integer[Any]]:
    """Return how many times to take each of n windows to get `size` windows in total.

    Each window is taken ``size // n`` times, and a random choice of them once more.

    Returns
    -------
    (n,) array of the smallest unsigned integer type that holds the numbers
    """
    each, more = divmod(size, n) if n else (0, 0)
    times = np.full(n, each, dtype=np.min_scalar_type(each + 1))
    if more:
        times[shuffled(n, *key)[:more]] += 1
    return times
