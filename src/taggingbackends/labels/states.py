"""The distinct states of a run and their numbers, which tracks store as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from itertools import compress
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import LabelFileError, shown
from taggingbackends.labels.validation import check_colors, check_overlap, fault_in

__all__ = ["NEW_COLOR", "Codes", "State", "StateTable", "check_second", "labels_of", "listed"]

State: TypeAlias = str | tuple[str, ...]
"""One label (a str), several labels at once, or undefined: ``()``."""

Codes: TypeAlias = NDArray[np.int32]

NEW_COLOR = "#808080"  # of a name that is added to names with colours


def labels_of(state: State) -> tuple[str, ...]:
    """Return the labels of a state, always as a tuple."""
    return (state,) if isinstance(state, str) else state


def listed(states: Iterable[Any]) -> list[Any]:
    """Return a track's states as a list; raise ``bad-code`` for a string or an unordered set."""
    if isinstance(states, (str, set, frozenset)):
        problem = f"expected a list of states, one per frame, found {shown(states)}"
        raise LabelFileError("bad-code", problem)
    return list(states)


def check_second(second: Iterable[Any], n: int) -> list[Any]:
    """Return n second choices as a list; raise ``bad-confidence`` unless all are labels or ()."""
    if isinstance(second, (str, set, frozenset)):
        problem = f"expected a list of second choices, one per frame, found {shown(second)}"
        raise LabelFileError("bad-confidence", problem)
    choices = [tuple(x) if isinstance(x, (list, np.ndarray)) else x for x in second]
    if len(choices) != n:
        problem = f"expected {n} second choices, as many as times, found {len(choices)}"
        raise LabelFileError("bad-confidence", problem)
    try:
        distinct: Iterable[Any] = dict.fromkeys(choices)
    except TypeError:  # an unhashable choice, which is refused below
        distinct = choices
    for choice in distinct:
        if fault_in(choice) or len(labels_of(choice)) > 1:
            problem = f"expected a label or (), found {shown(choice)}"
            raise LabelFileError("bad-confidence", problem, index=choices.index(choice))
    return choices


class StateTable:
    """Label names and the distinct states made of them, each with a number.

    State 0 is undefined. States 1 to N are the single labels: the declared names, then the
    secondary names. Hence the codes of single labels in a label file are state numbers. Any other
    state gets the next number when it first appears. Numbers stay valid when names are redeclared.

    Attributes
    ----------
    states : list of State
        States by number.
    names, secondary_names : list of str
        In the order of their declaration in label files.
    colors : list of str or None
        Colour of each of `names`; None without colours or names.
    """

    def __init__(
        self,
        names: Iterable[str] = (),
        secondary_names: Iterable[str] = (),
        colors: Iterable[str] | None = None,
        states: Iterable[State] | None = None,
    ) -> None:
        self.names: list[str] = list(names)
        self.secondary_names: list[str] = list(secondary_names)
        self.colors = list(colors or ()) or None
        self.states: list[State] = [(), *self.names, *self.secondary_names]
        if states is not None:
            self.states = list(states)
        self._numbers = {state: number for number, state in enumerate(self.states)}
        self._secondary = _kinds(self.names, self.secondary_names)

    def declare(self, name: str) -> None:
        """Add a primary name unless it is already a primary or secondary name."""
        if name not in self._secondary:
            self._secondary[name] = False
            self.names.append(name)
            if self.colors is not None:
                self.colors.append(NEW_COLOR)

    def redeclare(
        self, names: list[str], secondary_names: list[str], colors: Iterable[Any] | None
    ) -> None:
        """Replace the declared names and colours; the states keep their numbers.

        The caller checks the names with `check_names`.

        Raises
        ------
        LabelFileError
            ``bad-label``: invalid colours; ``overlapping-names``. Nothing is changed then.
        """
        check_overlap(names, secondary_names)
        self.colors = None if colors is None else check_colors(colors, len(names)) or None
        self.names, self.secondary_names = list(names), list(secondary_names)
        self._secondary = _kinds(names, secondary_names)

    def number(self, state: State) -> int:
        """Return the number of a valid state; declare its new names."""
        if isinstance(state, tuple) and len(state) == 1:
            state = state[0]
        for name in labels_of(state):
            self.declare(name)
        number = self._numbers.get(state)
        if number is None:
            number = self._numbers[state] = len(self.states)
            self.states.append(state)
        return number

    def primary(self, state: State) -> tuple[str, ...]:
        """Return the primary labels of a state."""
        return tuple(name for name in labels_of(state) if not self._secondary.get(name))

    def encode(self, states: list[Any]) -> Codes:
        """Return the numbers of states; declare new names in order of appearance.

        Parameters
        ----------
        states : list of (str or sequence of str)
            An empty sequence is undefined.

        Returns
        -------
        (n,) int32 array

        Raises
        ------
        LabelFileError
            ``bad-code`` or ``bad-label``, with ``index``. No name is declared then.
        """
        keys = [tuple(x) if isinstance(x, (list, np.ndarray)) else x for x in states]
        try:
            distinct = dict.fromkeys(keys)
        except TypeError:  # an unhashable state: the check below refuses it
            distinct = None
        for index, state in enumerate(keys if distinct is None else distinct):
            fault = fault_in(state)
            if fault is not None:
                kind, problem = fault
                at = index if distinct is None else keys.index(state)
                raise LabelFileError(kind, problem, index=at)
        assert distinct is not None
        numbers = {state: self.number(_plain(state)) for state in distinct}
        return np.fromiter(map(numbers.__getitem__, keys), np.int32, len(keys))

    def encode_columns(self, names: Sequence[str], columns: NDArray[np.bool_]) -> Codes:
        """Return the numbers of states that columns of booleans give; declare new names that occur.

        Parameters
        ----------
        names : n str
            Valid names. A state has its labels in this order, in which new names are declared.
        columns : (n, frames) bool array
            Whether each label is on.

        Returns
        -------
        (frames,) int32 array
        """
        for name, on in zip(names, columns, strict=True):
            if on.any():
                self.declare(name)
        codes: Any = np.zeros(columns.shape[1], np.uint8)  # a number for each combination of labels
        frames: Any = [0] if len(codes) else []
        for first in range(0, len(names), 8):
            bits = columns[first : first + 8].view(np.uint8)
            byte = reduce(lambda before, on: before << 1 | on, bits)
            _, frames, codes = np.unique(codes << 8 | byte, return_index=True, return_inverse=True)
        # once per combination, not per frame
        states = [tuple(compress(names, columns[:, frame].tolist())) for frame in frames]
        numbers: Codes = np.array([self.number(state) for state in states], np.int32)[codes]
        return numbers

    def adopt(self, table: StateTable, codes: Codes) -> Codes:
        """Translate a column of a table into numbers of this one; declare new names.

        The table may be this one: names of a track that was removed may no longer be declared.
        """
        used = np.unique(codes)
        numbers = np.empty(len(used), dtype=np.int32)
        for place, code in enumerate(used.tolist()):
            state = table.states[code]
            for name in labels_of(state):
                if name not in self._secondary and table._secondary.get(name):
                    self._secondary[name] = True
                    self.secondary_names.append(name)
            numbers[place] = self.number(state)
        # not an array of all states, which would take long for each of many tracks
        return numbers[np.searchsorted(used, codes)]

    def translation(self, translate: Callable[[State], int]) -> Codes:
        """Return an array with `translate(state)` for each state, by number."""
        return np.array([translate(state) for state in self.states], dtype=np.int32)

    def copy(self) -> StateTable:
        """Return an independent table with the same names and numbers."""
        return StateTable(self.names, self.secondary_names, self.colors, self.states)


def _kinds(names: Iterable[str], secondary_names: Iterable[str]) -> dict[str, bool]:
    """Return whether each declared name is secondary."""
    return dict.fromkeys(names, False) | dict.fromkeys(secondary_names, True)


def _plain(state: State) -> State:
    """Return a state with plain strings instead of subclasses of str, such as NumPy's."""
    return str(state) if isinstance(state, str) else tuple(map(str, state))
