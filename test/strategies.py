"""Hypothesis strategies for labels."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from taggingbackends import Labels

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(names, values, max_size=3)


@st.composite
def run_labels(draw: st.DrawFn, labels: Labels, identifier: str) -> None:
    run = labels.add_run(identifier)
    vocabulary = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    primary = vocabulary[: draw(st.integers(0, len(vocabulary)))]
    run.declare(primary, draw(st.none() | st.just(["#808080"] * len(primary))))
    run.secondary_names = vocabulary[len(primary) :]
    reserved = {"id", "metadata", "units", "labels", "secondarylabels", "dependencies", "data"}
    reserved |= {"t", "runs", "confidence", "second"}
    run.metadata = {k: v for k, v in draw(objects).items() if k not in reserved}
    run.attributes = {k: v for k, v in draw(objects).items() if k not in reserved}
    states = st.sampled_from(vocabulary) | st.lists(
        st.sampled_from([*vocabulary, "another"]), max_size=3, unique=True
    ).map(tuple)
    larvae = draw(st.lists(st.integers(0, 65535), max_size=3, unique=True))
    for larva in larvae:
        thousandths = draw(st.lists(st.integers(-(10**9), 10**12), max_size=6, unique=True))
        times = np.array(sorted(thousandths)) / 1000.0
        n = len(times)
        fractions = st.integers(0, 100).map(lambda percent: percent / 100) | st.just(np.nan)
        confidence = draw(st.none() | st.lists(fractions, min_size=n, max_size=n))
        choices = st.sampled_from([*vocabulary, "chosen", ()])
        second = draw(st.none() | st.lists(choices, min_size=n, max_size=n))
        labels.set(identifier, larva, times, [draw(states) for _ in times], confidence, second)
        others = {k: v for k, v in draw(objects).items() if k not in reserved}
        # leave out lists as long as the track: they are per-frame records and become arrays
        labels[identifier][larva].records |= {
            k: v for k, v in others.items() if not (isinstance(v, list) and len(v) == len(times))
        }


@st.composite
def any_labels(draw: st.DrawFn) -> Labels:
    labels = Labels()
    for identifier in draw(st.lists(names, max_size=3, unique=True)):
        draw(run_labels(labels, identifier))
    reserved = ("data", "runs")
    labels.attributes = {k: v for k, v in draw(objects).items() if k not in reserved}
    return labels


RUN = "20150701_105504"
EDITED = "edited"
STATES = ["run", "cast", "stop", ("run", "cast"), (), ("run", "seen"), ("cast", EDITED), ("seen",)]


@st.composite
def tracks_of_bouts(draw: st.DrawFn) -> Labels:
    """Return labels of larvae with short bouts, gaps, and some confidence."""
    labels = Labels()
    labels.add_run(RUN).declare(["run", "cast", "stop"])
    labels[RUN].secondary_names = [EDITED, "seen"]
    for larva in range(draw(st.integers(0, 2))):
        bouts = draw(st.lists(st.tuples(st.sampled_from(STATES), st.integers(1, 4)), max_size=12))
        states = [state for state, n in bouts for _ in range(n)]
        n = len(states)
        steps = st.lists(st.sampled_from([100, 100, 100, 120, 4000]), min_size=n, max_size=n)
        times = np.cumsum(draw(steps), dtype=np.int64) / 1000
        percents = st.lists(st.integers(-1, 100) | st.just(50), min_size=n, max_size=n)
        sure = draw(st.none() | percents)
        sure = None if sure is None else [np.nan if x < 0 else x / 100 for x in sure]
        labels.set(RUN, larva, times, states, sure)
    return labels
