"""The distinct states of a run, numbered, so that a track is a column of small integers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import LabelFileError, shown
from taggingbackends.labels.validation import check_colors, check_overlap, fault_in

__all__ = ["NEW_COLOR", "Codes", "State", "StateTable", "labels_of", "listed"]

State: TypeAlias = str | tuple[str, ...]
"""One label (a plain string), several at once, or none: ``()``, looked at but undefined."""

Codes: TypeAlias = NDArray[np.int32]

NEW_COLOR = "#808080"  # for a name that joins names which have colours


def labels_of(state: State) -> tuple[str, ...]:
    """Return the labels of a state, always as a tuple."""
    return (state,) if isinstance(state, str) else state


def listed(states: Iterable[Any]) -> list[Any]:
    """Return a track's states as a list; ``bad-code`` if they are a string, or without order."""
    if isinstance(states, (str, set, frozenset)):
        problem = f"expected a list of states, one per frame, found {shown(states)}"
        raise LabelFileError("bad-code", problem)
    return list(states)


class StateTable:
    """Label names, and the distinct states made of them, each with a number.

    State 0 is the undefined one; states 1 to N are the declared names, then the secondary names,
    taken one by one, so that the codes of a label file's single labels are state numbers; any
    other state gets the next number when it first appears. Columns of numbers stay valid whatever
    happens to the names.

    Attributes
    ----------
    states : list of State
        State by number.
    names, secondary_names : list of str
        In the order in which label files declare them.
    colors : list of str or None
        As long as `names`; None if there are no names.
    """

    def __init__(
        self,
        names: Iterable[str] = (),
        secondary_names: Iterable[str] = (),
        colors: Iterable[str] | None = None,
        states: Iterable[State] | None = None,
    ) -> None:
        self.names = list(names)
        self.secondary_names = list(secondary_names)
        self.colors = list(colors or ()) or None
        self.states: list[State] = [(), *self.names, *self.secondary_names]
        if states is not None:
            self.states = list(states)
        self._numbers = {state: number for number, state in enumerate(self.states)}
        self._declared = {*self.names, *self.secondary_names}

    def declare(self, name: str) -> None:
        """Add a primary name unless it is a name, primary or secondary, already."""
        if name not in self._declared:
            self._declared.add(name)
            self.names.append(name)
            if self.colors is not None:
                self.colors.append(NEW_COLOR)

    def redeclare(
        self, names: list[str], secondary_names: list[str], colors: Iterable[Any] | None
    ) -> None:
        """Replace the declared names, checked before, and colours; the states keep their numbers.

        Raises
        ------
        LabelFileError
            ``bad-label``: the colours; ``overlapping-names``. Nothing is changed then.
        """
        check_overlap(names, secondary_names)
        self.colors = None if colors is None else check_colors(colors, len(names)) or None
        self.names, self.secondary_names = list(names), list(secondary_names)
        self._declared = {*names, *secondary_names}

    def number(self, state: State) -> int:
        """Return the number of a valid state, declaring the names that are new in it."""
        if isinstance(state, tuple) and len(state) == 1:
            state = state[0]
        for name in labels_of(state):
            self.declare(name)
        number = self._numbers.get(state)
        if number is None:
            number = self._numbers[state] = len(self.states)
            self.states.append(state)
        return number

    def encode(self, states: list[Any]) -> Codes:
        """Turn states into numbers, declaring new names in order of appearance.

        Parameters
        ----------
        states : list of (str or sequence of str)
            Empty sequences are undefined.

        Returns
        -------
        (n,) int32 array

        Raises
        ------
        LabelFileError
            ``bad-code`` or ``bad-label``, with ``index``; no name is declared then.
        """
        keys = [tuple(x) if isinstance(x, (list, np.ndarray)) else x for x in states]
        try:
            distinct = dict.fromkeys(keys)
        except TypeError:  # something nested and unhashable: checking will find it
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

    def adopt(self, table: StateTable, codes: Codes) -> Codes:
        """Turn a column of another table into one of this, declaring the names that are new."""
        if table is self:
            return codes
        numbers = np.zeros(len(table.states), dtype=np.int32)
        for code in np.unique(codes).tolist():
            state = table.states[code]
            for name in labels_of(state):
                if name in table.secondary_names and name not in self._declared:
                    self._declared.add(name)
                    self.secondary_names.append(name)
            numbers[code] = self.number(state)
        return numbers[codes]

    def translation(self, translate: Callable[[State], int]) -> Codes:
        """Return a table: number of each state -> what `translate` gives for it."""
        return np.array([translate(state) for state in self.states], dtype=np.int32)

    def copy(self) -> StateTable:
        """Return a table of its own with the same names and numbers."""
        return StateTable(self.names, self.secondary_names, self.colors, self.states)


def _plain(state: State) -> State:
    """Free a state of subclasses of str, such as NumPy's."""
    return str(state) if isinstance(state, str) else tuple(map(str, state))
