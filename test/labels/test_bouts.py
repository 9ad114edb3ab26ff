"""Bouts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from support import RUN
from taggingbackends import Labels
from taggingbackends.labels.bouts import find_bouts
from taggingbackends.labels.states import labels_of

STATES = ["run", "cast", (), ("run", "small"), ("cast", "small", "edited"), "edited"]


def test_bouts() -> None:
    labels = Labels()
    labels.set(RUN, 7, [0.0, 0.1, 0.2, 0.3, 0.4], ["run", "run", (), "run", ("cast", "small")])
    labels.set(RUN, 3, [0.4, 0.5], [("cast", "small"), "small"])
    found = find_bouts(labels[RUN])
    assert found.names == ["run", "cast", "small"]
    assert found.larvae.tolist() == [7, 7, 7, 7, 3, 3]
    assert [found.names[label] for label in found.labels] == [
        *("run", "run", "cast", "small"),
        *("cast", "small"),
    ]
    assert found.first.tolist() == [0, 3, 4, 4, 0, 0]
    assert found.last.tolist() == [1, 3, 4, 4, 0, 1]
    assert found.start.tolist() == [0.0, 0.3, 0.4, 0.4, 0.4, 0.4]
    assert found.stop.tolist() == [0.1, 0.3, 0.4, 0.4, 0.4, 0.5]


def test_no_bouts() -> None:
    labels = Labels()
    assert len(find_bouts(labels.add_run(RUN))) == 0
    labels.set(RUN, 1, [], [])
    labels.set(RUN, 2, [0.0, 1.0], [(), ()])
    assert len(find_bouts(labels[RUN])) == 0


@given(st.lists(st.lists(st.sampled_from(STATES), max_size=6), max_size=5))
def test_bouts_are_those_of_a_loop_over_frames(tracks: list[list[str | tuple[str, ...]]]) -> None:
    labels = Labels()
    run = labels.add_run(RUN)
    for larva, states in enumerate(tracks):
        labels.set(RUN, larva, np.arange(len(states)), states)
    if "edited" in run.names:
        run.secondary_names = ["edited"]
    expected = []
    for larva, track in run.items():
        for name in run.names + run.secondary_names:
            frames = [f for f, state in enumerate(track.states) if name in labels_of(state)]
            for first in (f for f in frames if f - 1 not in frames):
                last = next(f for f in range(first, len(track)) if f + 1 not in frames)
                expected.append((larva, name, first, last))
    found = find_bouts(run)
    columns = zip(found.larvae, found.labels, found.first, found.last, strict=True)
    bouts = [(larva, found.names[label], first, last) for larva, label, first, last in columns]
    assert sorted(bouts) == sorted(expected)
    order = list(zip(found.larvae.tolist(), found.first.tolist(), strict=True))
    assert order == sorted(order)
