"""Simulated larvae: recordings in Choreography's format, with the true state of every frame.

    python -m taggingbackends.simulation FOLDER --larvae 8 --seconds 60 --seed 1

A larva runs, casts, stops and backs up in bouts of random length. Its body is a chain of segments.
When it crawls forward, each segment takes over the heading of the one before it: the body follows
the path of the head. When it backs up, the body follows the path of the tail. When it casts, the
front half bends from side to side while the rear rests.

Other kinds of larvae and cameras are simulated with other speeds and frame rates.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taggingbackends.labels import Labels
from taggingbackends.labels.dependencies import dependency

__all__ = [
    "STATES",
    "SimulatedTrack",
    "main",
    "simulate",
    "simulate_labels",
    "write_tracks",
    "write_truth",
]

Floats = NDArray[np.float64]

STATES = ("run", "cast", "stop", "back")
COLORS = ("#2ca02c", "#d62728", "#bcbd22", "#17becf")
RUN, CAST, STOP, BACK = range(len(STATES))
BOUT = (6.0, 2.5, 1.5, 1.5)  # s; mean duration of a bout of each state
PACE = (1.0, 0.05, 0.0, -0.6)  # speed in each state, relative to the larva's speed when it runs
NEXT = (  # probability of the next state, one row per state
    (0.0, 0.6, 0.25, 0.15),
    (0.75, 0.0, 0.1, 0.15),
    (0.5, 0.4, 0.0, 0.1),
    (0.4, 0.5, 0.1, 0.0),
)

SEGMENTS = 10
FLEX = np.clip(1.0 - np.arange(SEGMENTS) / 6, 0.0, 1.0)  # how much each segment bends in a cast
STRIDE = 0.25  # body lengths crawled in one peristaltic cycle
ARENA = 100.0  # mm; side of the square in which larvae appear
FASTEST = 500.0  # frames/s; times have milliseconds


class SimulatedTrack(NamedTuple):
    """Track of a simulated larva.

    Numbers are rounded to three decimals, as in the files of trackers.

    Attributes
    ----------
    times : (n,) float64 array
        Seconds.
    spine : (n, 11, 2) float64 array
        mm, head first.
    outlines : list of n (points, 2) float64 arrays
        mm. Each has 20 to 40 points, from the tail along the left side to the head and back. The
        first point is not repeated.
    states : list of n str
        The true state of each frame, one of `STATES`.
    """

    times: Floats
    spine: Floats
    outlines: list[Floats]
    states: list[str]


def simulate(
    larvae: int = 8,
    seconds: float = 60.0,
    seed: int = 1,
    *,
    speed: float = 1.0,
    framerate: float = 12.5,
) -> dict[int, SimulatedTrack]:
    """Simulate a recording.

    Parameters
    ----------
    larvae : int
        Number of larvae, 1 or more.
    seconds : float
        Duration of the recording in s. Each larva is tracked for at least 70% of it.
    seed : int
        Seed of the random numbers. The same arguments give the same recording.
    speed : float
        How fast larvae live, compared with the usual: with 0.5, they crawl and sweep half as fast,
        and their bouts last twice as long.
    framerate : float
        Mean frames/s, at most 500. Frame intervals vary by a few percent.

    Returns
    -------
    dict of int to SimulatedTrack
        Tracks by larva identifier.

    Raises
    ------
    ValueError
        The number of larvae is below 1, another number is not above 0, or the frame rate is above
        500.

    Examples
    --------
    >>> tracks = simulate(larvae=2, seconds=20, seed=1)
    >>> larva, track = tracks.popitem()
    >>> track.spine.shape[1:]
    (11, 2)
    >>> len(track.states) == len(track.times)
    True
    """
    if larvae < 1 or not (0 < seconds < inf and 0 < speed < inf and 0 < framerate <= FASTEST):
        expected = "larvae >= 1, seconds > 0, speed > 0 and 0 < framerate <= 500"
        raise ValueError(f"expected {expected}, found {larvae}, {seconds}, {speed} and {framerate}")
    rng = np.random.default_rng(seed)
    frame = 1 / framerate
    intervals = rng.normal(frame, 0.0375 * frame, int(seconds / frame) + 1)
    clock = np.cumsum(np.clip(intervals, 0.75 * frame, 1.25 * frame))
    identifiers = np.cumsum(rng.integers(2, 20, larvae))
    tracks = {}
    for larva, own in zip(identifiers.tolist(), rng.spawn(larvae), strict=True):
        first = int(own.uniform(0.0, 0.15) * len(clock))
        last = int(own.uniform(0.85, 1.0) * len(clock))
        tracks[larva] = _larva(own, clock[first : last + 1].round(3), speed)
    return tracks


def _larva(rng: np.random.Generator, times: Floats, speed: float) -> SimulatedTrack:
    length = rng.uniform(3.0, 4.0)  # mm
    crawl = length * rng.uniform(0.24, 0.34)  # mm/s
    own = times * speed  # the larva's time
    codes, pace, bend = _bouts(rng, own)
    spine = _crawl(rng, own, length, crawl * pace, bend)
    tracked = spine + rng.normal(0.0, 0.006, (len(times), 1, 2)) + rng.normal(0, 0.004, spine.shape)
    outlines = _outlines(rng, tracked, 0.1 * length)
    states = [STATES[code] for code in codes]
    return SimulatedTrack(times, _rounded(tracked), outlines, states)


def _bouts(rng: np.random.Generator, times: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Return state, pace and, in casts, the bend in radians that the head aims at, per frame."""
    codes = np.zeros(len(times), dtype=np.intp)
    pace, bend = np.zeros(len(times)), np.zeros(len(times))
    state, now = RUN, times[0]
    while now <= times[-1]:
        end = now + max(0.5, rng.gamma(4.0, BOUT[state] / 4.0))
        bout = (times >= now) & (times < end)
        codes[bout], pace[bout] = state, PACE[state] * rng.normal(1.0, 0.1)
        side = rng.choice((-1.0, 1.0))
        while state == CAST and now < end:
            bend[(times >= now) & bout] = side * rng.uniform(0.7, 1.6)
            side, now = -side, now + rng.uniform(0.6, 1.2)
        state, now = rng.choice(len(STATES), p=NEXT[state]), end
    return codes, pace, bend


def _crawl(
    rng: np.random.Generator, times: Floats, length: float, speed: Floats, bend: Floats
) -> Floats:
    """Return the spines of a larva that crawls and bends as given: (n, 11, 2), mm, head first."""
    dt = np.diff(times, prepend=times[0])  # no step leads to the first frame
    wander = rng.normal(0.0, 0.15, len(times)) * np.sqrt(dt) * (speed != 0)
    velocity, phase = np.zeros(len(times)), np.zeros(len(times))
    heading = np.full((len(times), SEGMENTS), rng.uniform(-np.pi, np.pi))
    for i in range(1, len(times)):
        velocity[i] = velocity[i - 1] + (speed[i] - velocity[i - 1]) * dt[i] / (dt[i] + 0.1)
        phase[i] = phase[i - 1] + 2 * np.pi * dt[i] * abs(velocity[i]) / (STRIDE * length)
        moved = velocity[i] * dt[i] * SEGMENTS / length
        heading[i] = _follow(heading[i - 1], moved)
        swing = (bend[i] - (heading[i, 0] - heading[i, -1])) * dt[i] / (dt[i] + 0.3)
        heading[i] += FLEX * (swing if bend[i] else wander[i])
    stretch = 1.0 + 0.06 * np.sin(phase) * np.abs(velocity) / np.abs(speed).max(initial=1e-9)
    direction = np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    step = (velocity * (1.0 + 0.3 * np.cos(phase)) * dt)[:, None]
    tail = rng.uniform(0.0, ARENA, 2) + np.cumsum(step * direction[:, -1], axis=0)
    segments = direction * (length / SEGMENTS * stretch)[:, None, None]
    points = np.cumsum(np.concatenate([tail[:, None], segments[:, ::-1]], axis=1), axis=1)
    return points[:, ::-1]


def _follow(heading: Floats, moved: float) -> Floats:
    """Return the headings after the body has moved by some segments (negative: backwards)."""
    if moved >= 0:
        leader = np.concatenate([heading[:1], heading[:-1]])
    else:
        leader = np.concatenate([heading[1:], heading[-1:]])
    return heading + abs(moved) * (leader - heading)


def _outlines(rng: np.random.Generator, spine: Floats, width: float) -> list[Floats]:
    """Return outlines around the spines, with varying numbers of points as from trackers."""
    counts = rng.integers(20, 41, len(spine))
    frame = np.repeat(np.arange(len(spine)), counts)
    start = np.cumsum(counts) - counts
    turn = (np.arange(len(frame)) - start[frame]) / counts[frame]  # 0: tail, 0.5: head
    place = SEGMENTS * np.abs(1.0 - 2.0 * turn)  # along the spine, in segments behind the head
    before = np.minimum(place.astype(np.intp), SEGMENTS - 1)
    rest = (place - before)[:, None]
    on_spine = spine[frame, before] * (1.0 - rest) + spine[frame, before + 1] * rest
    along = -np.gradient(spine, axis=1)
    along = along[frame, before] * (1.0 - rest) + along[frame, before + 1] * rest
    left = np.stack([-along[:, 1], along[:, 0]], axis=-1) / np.hypot(*along.T)[:, None]
    half = width * np.sin(np.pi * place / SEGMENTS) ** 0.6
    side = np.where(turn < 0.5, 1.0, -1.0)
    contour = on_spine + left * (side * half)[:, None]
    return np.split(_rounded(contour), start[1:])


def _rounded(values: Floats) -> Floats:
    return values.round(3) + 0.0  # + 0.0 turns -0.0 into 0.0, for the files


def write_tracks(
    folder: str | PathLike[str], run: str, tracks: Mapping[int, SimulatedTrack]
) -> list[Path]:
    """Write simulated larvae as a Choreography recording.

    Parameters
    ----------
    folder : path
        Output folder, created if missing.
    run : str
        Identifier of the run, ``date_time``.
    tracks : mapping of int to SimulatedTrack
        Tracks as returned by `simulate`.

    Returns
    -------
    list of Path
        The ``.outline`` file and the ``.spine`` file.

    Examples
    --------
    >>> tracks = simulate(larvae=1, seconds=5, seed=1)
    >>> [path.suffix for path in write_tracks("recording", "20240611_101500", tracks)]
    ['.outline', '.spine']
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{run}@sim@none@t0@n#n#n#n@100"
    outline, spine = folder / f"{stem}.outline", folder / f"{stem}.spine"
    with (
        outline.open("w", encoding="ascii", newline="\n") as outline_file,
        spine.open("w", encoding="ascii", newline="\n") as spine_file,
    ):
        for larva, (times, spines, outlines, _) in tracks.items():
            outline_file.writelines(_lines(run, larva, times, outlines))
            spine_file.writelines(_lines(run, larva, times, list(spines)))
    return [outline, spine]


def _lines(run: str, larva: int, times: Floats, shapes: Sequence[Floats]) -> Iterator[str]:
    for time, shape in zip(times, shapes, strict=True):
        numbers = (time, *shape.ravel().tolist())
        yield f"{run} {larva:05d}{' %.3f' * len(numbers)}\n" % numbers


def write_truth(
    folder: str | PathLike[str],
    run: str,
    tracks: Mapping[int, SimulatedTrack],
    sources: Sequence[str | PathLike[str]],
) -> Path:
    """Write the true states as ``truth.label``.

    Parameters
    ----------
    folder : path
        The folder of the tracker files.
    run : str
        Identifier of the run, ``date_time``.
    tracks : mapping of int to SimulatedTrack
        Tracks as returned by `simulate`.
    sources : sequence of paths
        The tracker files that the labels depend on.

    Returns
    -------
    Path
        The label file.

    Examples
    --------
    >>> tracks = simulate(larvae=1, seconds=5, seed=1)
    >>> files = write_tracks("recording", "20240611_101500", tracks)
    >>> write_truth("recording", "20240611_101500", tracks, files).name
    'truth.label'
    """
    labels = Labels()
    for larva, (times, _, _, states) in tracks.items():
        labels.set(run, larva, times, states)
    labels[run].declare(STATES, COLORS)
    labels[run].dependencies = [dependency(path) for path in sources]
    target = Path(folder, "truth.label")
    labels.write(target)
    return target


def simulate_labels(
    run: str,
    larvae: int = 30,
    seconds: float = 90.0,
    seed: int = 1,
    *,
    genotype: str = "sim",
    response: float = 0.5,
    stimulus: tuple[float, float] = (60.0, 2.0),
    spread: float = 0.0,
    framerate: float = 12.5,
) -> Labels:
    """Simulate only the labels of a recording, with larvae that respond to a stimulus.

    Larvae run, cast, stop and back up in bouts of random length. Some hunch when the stimulus comes
    on: within the first half of it.

    Parameters
    ----------
    run : str
        Identifier of the run.
    larvae : int
        Number of larvae.
    seconds : float
        Duration of the recording in s. Each larva is tracked for at least 80% of it.
    seed : int
        Seed of the random numbers. The same arguments give the same labels.
    genotype : str
        Metadata of the run.
    response : float
        Probability that a larva hunches, 0 to 1.
    stimulus : (float, float)
        Start and duration of the stimulus, s. It is the protocol in the metadata of the run.
    spread : float
        How much recordings differ, 0 to 1: the correlation of the responses of larvae of one
        recording, and the variance between recordings of the logarithm of the mean duration of
        runs. With 0, larvae are independent. 1 is not allowed.
    framerate : float
        Frames/s.

    Returns
    -------
    Labels

    Raises
    ------
    ValueError
        A number is out of range.

    Examples
    --------
    >>> labels = simulate_labels("run1", larvae=3, response=1.0, stimulus=(20, 2), seconds=30)
    >>> labels.count()["hunch"] > 0
    True
    """
    begins, on = stimulus
    is_valid = larvae >= 1 and 0 < seconds < inf and 0 < framerate <= FASTEST and on > 0
    if not (is_valid and 0 <= response <= 1 and 0 <= spread < 1):
        expected = "larvae >= 1, seconds > 0, 0 < framerate <= 500, stimulus[1] > 0, "
        expected += "0 <= response <= 1 and 0 <= spread < 1"
        numbers = f"{larvae}, {seconds}, {framerate}, {on}, {response} and {spread}"
        raise ValueError(f"expected {expected}, found {numbers}")
    rng = np.random.default_rng(seed)
    if spread > 0 and 0 < response < 1:
        size = (1 - spread) / spread
        response = rng.beta(response * size, (1 - response) * size)
    durations = np.array(BOUT)
    durations[RUN] *= np.exp(np.sqrt(spread) * rng.normal())
    states, ends = _many_bouts(rng, larvae, seconds, durations)
    hunches = rng.random(larvae) < response
    hunch = begins + rng.uniform(0.0, 0.5 * on, larvae)
    end = hunch + np.maximum(rng.gamma(3.0, 0.3, larvae), 2 / framerate)
    tracked = rng.uniform([0.0, 0.9], [0.1, 1.0], (larvae, 2)) * seconds
    names = np.array([*STATES, "hunch"], dtype=object)
    labels = Labels()
    for larva in range(larvae):
        first, last = tracked[larva]
        times = np.arange(first, last, 1 / framerate).round(3)
        codes = states[larva][np.searchsorted(ends[larva], times, "right")]
        if hunches[larva]:
            codes[(hunch[larva] <= times) & (times < end[larva])] = len(STATES)
        labels.set(run, larva + 1, times, names[codes].tolist())
    labels[run].declare([*STATES, "hunch"], [*COLORS, "#9467bd"])
    protocol = f"p_8_{begins:g}s1x{on:g}s0s#n#n#n"
    labels[run].metadata |= {"genotype": genotype, "protocol": protocol}
    return labels


def _many_bouts(
    rng: np.random.Generator, larvae: int, seconds: float, durations: Floats
) -> tuple[NDArray[np.intp], Floats]:
    """Return state and end, s, of the bouts of larvae: (larvae, bouts) arrays."""
    chances = np.cumsum(NEXT, axis=1)
    states = [rng.integers(0, len(STATES), larvae)]
    ends = [rng.gamma(4.0, durations[states[0]] / 4.0)]
    while ends[-1].min() <= seconds:
        state = (rng.random(larvae)[:, None] >= chances[states[-1]]).sum(axis=1)
        states.append(state.clip(max=len(STATES) - 1))
        ends.append(ends[-1] + np.maximum(rng.gamma(4.0, durations[states[-1]] / 4.0), 0.2))
    return np.stack(states, axis=1), np.stack(ends, axis=1)


def _run_identifier(text: str) -> str:
    if not re.fullmatch(r"\d{8}_\d{6}", text):
        raise argparse.ArgumentTypeError(f"expected date_time, e.g. 20240611_101500, found {text}")
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a simulated recording and its true labels, and print the names of the files.

    Parameters
    ----------
    arguments : sequence of str, optional
        As on a command line: ``["folder", "--larvae=8"]``. Default: those of this process.
    """
    parser = argparse.ArgumentParser(
        prog="python -m taggingbackends.simulation",
        description="Write a recording of simulated larvae with their true labels.",
    )
    parser.add_argument("folder", type=Path, help="write to this folder; create it if missing")
    parser.add_argument("--larvae", type=int, default=8, help="number of larvae (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="duration in s (%(default)s)")
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of the random numbers (%(default)s)"
    )
    parser.add_argument(
        "--run",
        type=_run_identifier,
        default="20240611_101500",
        help="identifier of the run, date_time (%(default)s)",
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, help="speed of the larvae's life (%(default)s)"
    )
    parser.add_argument("--framerate", type=float, default=12.5, help="mean frames/s (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        tracks = simulate(
            options.larvae,
            options.seconds,
            options.seed,
            speed=options.speed,
            framerate=options.framerate,
        )
    except ValueError as error:
        parser.error(str(error))
    truth = options.folder / "truth.label"
    runs = list(Labels.read(truth)) if truth.exists() else [options.run]
    if runs != [options.run]:
        problem = f"{truth}: expected run {options.run}, found {', '.join(runs)}"
        parser.error(f"{problem}; name another folder for another run")
    files = write_tracks(options.folder, options.run, tracks)
    files.append(write_truth(options.folder, options.run, tracks, files))
    print(*files, sep="\n")


if __name__ == "__main__":
    main()
