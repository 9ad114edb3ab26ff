"""Which labelled frames become windows: by label, and so many of each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import BackendError, shown
from taggingbackends.system.names import did_you_mean

__all__ = ["Patterns", "as_patterns", "class_of", "matching", "repeats", "shuffled", "sizes"]

Patterns: TypeAlias = str | Iterable[str]
"""A label's name, several, or patterns as `fnmatch` has them: ``"*_large"``, ``"[!b]*"``."""


def as_patterns(patterns: Patterns) -> tuple[str, ...]:
    """Return names and patterns as a tuple, each once."""
    texts = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"expected names or patterns of labels, found {shown(text)}")
    return tuple(dict.fromkeys(texts))


def matching(patterns: Iterable[str], names: Sequence[str], used: Iterable[str]) -> list[str]:
    """Return the names that fit patterns, in the order of the patterns, each once.

    Parameters
    ----------
    patterns : iterable of str
        A name stands for itself, also if it reads as a pattern; a pattern for all names of `used`
        that it matches, upper and lower case told apart.
    names : sequence of str
        All that are declared.
    used : iterable of str
        Those that some frame has, in the order in which a pattern is to give them.

    Raises
    ------
    BackendError
        ``unknown-label``: a name that is not declared, a pattern that fits no name.
    """
    used = list(used)
    found: dict[str, None] = {}
    for pattern in patterns:
        if pattern in names:
            found[pattern] = None
            continue
        fitting = [name for name in names if fnmatchcase(name, pattern)]
        if not fitting:
            hint = did_you_mean(pattern, names)
            problem = f"expected a label of the files, found {pattern!r}: {hint}"
            raise BackendError("unknown-label", problem)
        found |= dict.fromkeys(name for name in used if fnmatchcase(name, pattern))
    return list(found)


def class_of(labels: Iterable[str], names: Sequence[str], excluded: Iterable[str]) -> int:
    """Return the class of a frame: an index into `names`; -1: not selected; -2: ambiguous.

    A frame belongs to a class if just one of its labels is selected, and none excluded.
    """
    labels = set(labels)
    found = [code for code, name in enumerate(names) if name in labels]
    if not found or not labels.isdisjoint(excluded):
        return -1
    return found[0] if len(found) == 1 else -2


def sizes(counts: Sequence[int], balance: str | float | None) -> list[int]:
    """Return how many windows of each class to take.

    Parameters
    ----------
    counts : sequence of int
        How many there are. Classes without any are ignored.
    balance : None, "minority", "majority" or float
        All that there are; as many as the smallest class has; as many as the largest has, some
        more than once; at most so many times the smallest class, 1 or more.

    Raises
    ------
    ValueError
        Another balance.
    """
    if balance is None:
        return list(counts)
    present = [count for count in counts if count]
    if balance == "majority":
        return [max(present) if count else 0 for count in counts]
    ratio: Any = 1.0 if balance == "minority" else balance
    if isinstance(ratio, (str, bool)) or not (math.isfinite(ratio) and ratio >= 1):
        expected = 'None, "minority", "majority" or a ratio of 1 or more'
        raise ValueError(f"expected {expected} as balance, found {shown(balance)}")
    most = math.floor(ratio * min(present, default=0))
    return [min(count, most) for count in counts]


def shuffled(n: int, *key: int) -> NDArray[np.intp]:
    """Return 0..n-1 in an order that depends on the key only, on any machine.

    Parameters
    ----------
    n : int
    *key : int
        0 or more, e.g. a seed and an epoch.

    Notes
    -----
    The order of random 64-bit numbers. NumPy promises that PCG64's raw numbers stay the same
    whatever its version; it does not promise so for the methods of Generator (NEP 19).
    """
    return np.argsort(np.random.PCG64(list(key)).random_raw(n), kind="stable")


def repeats(n: int, size: int, *key: int) -> NDArray[np.integer[Any]]:
    """Tell how many times each of n windows is taken to get `size` in all.

    Each is taken ``size // n`` times; which ones are taken once more is random.

    Returns
    -------
    (n,) array of the smallest unsigned integers that do
    """
    each, more = divmod(size, n) if n else (0, 0)
    times = np.full(n, each, dtype=np.min_scalar_type(each + 1))
    if more:
        times[shuffled(n, *key)[:more]] += 1
    return times
