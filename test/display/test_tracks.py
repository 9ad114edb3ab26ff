"""Tests of the tracks in a report: their data, and the player in a browser."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from browsing import Browser
from support import RECORDINGS, RUN, STEM, command, refused
from taggingbackends import Labels
from taggingbackends.data import load_tracks
from taggingbackends.data.tracks import Recording, Track
from taggingbackends.display.page import report
from taggingbackends.display.page.tracks import FORMS, Form, packed, tracks_of
from taggingbackends.errors import LabelFileError
from taggingbackends.labels import dependency

GREEN, RED, BLUE = "#2ca02c", "#d62728", "#1f77b4"


def walk(
    rng: np.random.Generator, frames: int, points: int = 11, noise: float = 0.0
) -> NDArray[np.float64]:
    """Return (frames, points, 2) spines of a larva that crawls and bends, mm, to 1 µm."""
    heading = rng.uniform(0, 6) + rng.normal(0, 0.1, frames).cumsum()
    places = rng.uniform(-30, 30, 2) + 0.04 * np.stack(
        [np.cos(heading), np.sin(heading)], 1
    ).cumsum(0)
    along = np.linspace(0.5, -0.5, points)
    angles = heading[:, None] + rng.normal(0, 0.03, frames).cumsum()[:, None] * along
    steps = -3.5 / points * np.stack([np.cos(angles), np.sin(angles)], 2)
    spines = places[:, None] + steps.cumsum(1) + rng.normal(0, noise, steps.shape)
    return np.round(spines, 3)


def outlines(
    rng: np.random.Generator, spine: NDArray[np.float64], most: int = 50
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return outlines of up to this number of points around spines, and their offsets."""
    sizes = np.repeat(rng.integers(0, most, len(spine)), rng.integers(0, 4, len(spine)))
    sizes = np.resize(sizes, len(spine))
    offsets = np.concatenate([[0], sizes.cumsum()])
    angles = rng.uniform(0, 6, offsets[-1])
    around = 2 * np.stack([np.cos(angles), np.sin(angles)], 1)
    return np.round(np.repeat(spine[:, 5], sizes, axis=0) + around, 3), offsets


def recording_of(*tracks: Track) -> Recording:
    return Recording(RUN, dict(enumerate(tracks, 1)), {}, "test", ())


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Write a recording of 10 s at 20 frames/s, and return its .spine.

    Larva 1 is there for all of it. Larva 2 has no spine in frame 30, and is away from 3 to 6 s.
    Larva 3 begins at 5 s.
    """
    rng = np.random.default_rng(1)
    lines: dict[str, list[str]] = {".spine": [], ".outline": []}
    for larva, first in ((1, 0), (2, 0), (3, 100)):
        spine = walk(rng, 200)
        outline, offsets = outlines(rng, spine)
        for frame in range(first, 200):
            if larva == 2 and 60 <= frame < 120:
                continue
            begin = f"{RUN} {larva:05d} {frame / 20:.3f} "
            for suffix, points in (
                (".spine", spine[frame]),
                (".outline", outline[offsets[frame] : offsets[frame + 1]]),
            ):
                missing = larva == 2 and frame == 30 and suffix == ".spine"
                numbers = " ".join(f"{x:.3f}" for x in points.ravel())
                lines[suffix].append(begin + ("" if missing else numbers) + "\n")
    for suffix, text in lines.items():
        (tmp_path / f"{STEM}{suffix}").write_text("".join(text))
    return tmp_path / f"{STEM}.spine"


@pytest.fixture
def label_file(recording: Path) -> Path:
    """Write labels of larvae 1 and 2, of the recording, and of larva 9, which it lacks."""
    labels = Labels()
    tracks = load_tracks(recording)
    confidence = np.repeat([0.9, 0.6, 0.8], [100, 40, 60])
    states = ["run"] * 100 + ["cast"] * 40 + ["run"] * 60
    labels.set(RUN, 1, tracks[1].times, states, confidence)
    labels.set(RUN, 2, tracks[2].times, ["cast"] * 60 + ["hunch"] * 60 + [()] * 20)
    labels.set(RUN, 9, [1.0, 1.05], ["run", "run"])
    labels[RUN].declare(["run", "cast", "hunch"], [GREEN, RED, BLUE])
    labels[RUN].dependencies = [dependency(recording)]
    labels.write(recording.with_name("truth.label"))
    return recording.with_name("truth.label")


# -- the data


def integers(content: bytes) -> Iterator[int]:
    """Decode integers as the docstring of `_varints` describes them."""
    number = shift = 0
    for byte in content:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield number >> 1 if number % 2 == 0 else -((number + 1) >> 1)
            number = shift = 0


def unpacked(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Decode the tracks of a recording as the docstring of `_columns` describes them."""
    rest = integers(zlib.decompress(b64decode(data["packed"])))

    def take(n: int) -> NDArray[np.int64]:
        return np.array([next(rest) for _ in range(n)], dtype=np.int64)

    tracks = []
    for frames, points in zip(data["frames"], data["points"], strict=True):
        times = data["start"] + data["unit"] * take(frames).cumsum()
        shown = take(frames).astype(bool)
        columns = take(2 * points * shown.sum()).reshape(points, 2, shown.sum())
        spine = columns.cumsum(axis=2).cumsum(axis=0).transpose(2, 0, 1)
        sizes = take(frames) if data["outlined"] else np.zeros(frames, dtype=np.int64)
        axes = take(2 * int(sizes.sum())).reshape(2, -1).T
        outline: list[NDArray[np.int64]] = []
        before, place = np.zeros((1, 2), dtype=np.int64), 0
        for size in sizes:
            part = axes[place : place + size].copy()
            place += size
            if size:
                part[0] += before[0]
                part[1:] += np.diff(before, axis=0) if len(before) == size else 0
                before = part.cumsum(axis=0)
            outline.append(before if size else part)
        tracks.append({"times": times, "shown": shown, "spine": spine, "outline": outline})
    assert next(rest, None) is None
    return tracks


@pytest.mark.parametrize("form", FORMS)
def test_points_are_within_half_a_quantum(form: Form, recording: Path) -> None:
    tracks = load_tracks(recording)
    data = packed(tracks, form)
    assert data["larvae"] == [1, 2, 3]
    assert (data["interval"], data["gap"]) == pytest.approx((50, 1000))
    for track, found in zip(tracks.values(), unpacked(data), strict=True):
        assert np.abs(found["times"] - track.times).max() <= 0.0005 + 1e-9
        assert (found["shown"] == track.has_spine).all()
        chosen = slice(None, None, 2 if form.points else 1)  # 6 of 11
        exact = track.spine[track.has_spine][:, chosen]
        assert np.abs(found["spine"] * form.quantum - exact).max() <= form.quantum / 2 + 1e-9
        for frame, points in enumerate(found["outline"]):
            begin, end = track.outline_offsets[frame : frame + 2] if form.outlines else (0, 0)
            kept = np.arange(min(end - begin, 30)) * (end - begin) // max(min(end - begin, 30), 1)
            exact = track.outline[begin + kept]
            assert points.shape == exact.shape
            assert np.abs(points * form.quantum - exact).max(initial=0) <= 0.005 + 1e-9


def test_odd_tracks() -> None:
    spine = np.zeros((4, 3, 2))
    spine[1, 1, 0] = np.nan
    spine[2, 2, 1] = np.inf
    spine[3] = 1e9  # mm
    times = np.array([-1.0, 0.0, 1e9, 2e9])
    broken = np.array([[0, 0], [1, np.nan], [1, 1], [2, 2]], dtype=float)
    data = packed(
        recording_of(
            Track(times, spine, broken, np.array([0, 2, 2, 4, 4])),
            Track(np.empty(0), np.empty((0, 11, 2))),
            Track(np.array([5.0])),
            Track(np.array([5.0]), np.full((1, 2, 2), -3.0)),
        ),
        FORMS[0],
    )
    one, none, bare, short = unpacked(data)
    assert np.allclose(one["times"], times, atol=data["unit"])
    assert one["shown"].tolist() == [True, False, False, False]
    assert [len(outline) for outline in one["outline"]] == [0, 0, 2, 0]
    assert (len(none["times"]), len(bare["spine"])) == (0, 0)
    assert short["spine"].tolist() == [[[-300, -300]] * 2]
    assert json.dumps(packed(recording_of(), FORMS[0]))


def test_the_most_detailed_form_that_fits_is_carried(label_file: Path) -> None:
    labels = {"truth": Labels.read(label_file)}
    tracks = load_tracks(label_file)
    sizes = [len(packed(tracks, form)["packed"]) for form in FORMS]
    assert sizes == sorted(sizes, reverse=True)
    for room, form in (
        (sizes[0], FORMS[0]),
        (sizes[0] - 1, FORMS[1]),
        (sizes[1] - 1, FORMS[2]),
        (-1, FORMS[2]),
    ):
        data = tracks_of(labels, [RUN], room).data
        assert data["quantum"] == form.quantum
        assert data["recordings"] == [packed(tracks, form)]


def test_files_of_a_run_share_the_tracks(label_file: Path, recording: Path) -> None:
    one, other, bare = (Labels.read(label_file) for _ in range(3))
    outline = recording.with_suffix(".outline")
    other[RUN].dependencies = [dependency(outline), dependency(recording)]
    bare[RUN].dependencies = []
    bare.set("another", 1, [0.0], ["run"])
    found = tracks_of({"one": one, "other": other, "bare": bare}, [RUN, "another"], 10**6)
    assert len(found.data["recordings"]) == 1
    assert found.places == {(name, RUN): 0 for name in ("one", "other", "bare")}
    with pytest.raises(LabelFileError, match=r"expected labels that name the tracker files"):
        tracks_of({"bare": bare}, [RUN], 10**6)
    outline.unlink()
    with pytest.warns(UserWarning, match=r"the report has no outlines: .*\.outline: expected"):
        (data,) = tracks_of({"one": one}, [RUN], 10**6).data["recordings"]
    assert (data["outlined"], data["form"]) == (False, "spines of all points, to 0.01 mm")
    recording.unlink()
    with pytest.raises(LabelFileError, match=r"expected this file beside the labels"):
        tracks_of({"one": one}, [RUN], 10**6)
    assert tracks_of({}, [], 0).data["recordings"] == []


def test_a_trx_mat_has_its_own_tracks() -> None:
    path = RECORDINGS / "trxmat" / "20170714_101500" / "trx.mat"
    if not path.exists():
        pytest.skip(f"no {path}")
    from taggingbackends.data.labelsources import read_labels

    labels = read_labels(path)
    found = tracks_of({"trx.mat": labels}, list(labels), 10**7)
    assert found.data["recordings"] == [packed(load_tracks(path), FORMS[0])]


def test_the_command(label_file: Path) -> None:
    folder = label_file.parent
    result = command("labels", "report", "truth.label", "--tracks", "-o", "r.html", cwd=folder)
    assert (result.returncode, result.stdout, result.stderr) == (0, "r.html\n", "")
    expected = report({"truth.label": Labels.read(label_file)}, tracks=True)
    assert (folder / "r.html").read_text("utf-8") == expected
    labels = Labels.read(label_file)
    labels[RUN].dependencies = []
    labels.write(folder / "bare.label")
    result = command("labels", "report", "bare.label", "--tracks", "-o", "b.html", cwd=folder)
    refused(result, f"bare.label: run {RUN}: bad-dependency: expected labels that name")
    assert "--tracks" not in report({"truth.label": labels})
    assert 'id="player"' not in report({"truth.label": labels})


# -- the browser


class Player:
    """The player of a page in a browser, with a clock that the test sets."""

    def __init__(self, browser: Browser, page: str) -> None:
        self.browser = browser
        browser.open(page)
        browser.wait("return document.getElementById('player').dataset.ready")
        browser.run("window.clock = 1000; performance.now = () => window.clock")

    def shown(self, canvas: str = "larva") -> dict[str, str]:
        """Return what a canvas says about its picture."""
        return self.browser.run(f"return {{...document.getElementById('{canvas}').dataset}}")

    def seek(self, seconds: float) -> None:
        self.browser.run(
            "const e = document.getElementById('scrub'); e.value = arguments[0];"
            "e.dispatchEvent(new Event('input'))",
            str(seconds),
        )

    def key(self, key: str) -> None:
        self.browser.run("document.getElementById('canvas').focus({ preventScroll: true })")
        self.browser.key(key)

    def plays(self) -> bool:
        return self.browser.run(
            "return document.getElementById('play').getAttribute('aria-label') === 'Stop'"
        )

    def after(self, seconds: float) -> float:
        """Return the time of the recording when the clock has advanced."""
        before = self.shown()["time"]
        self.browser.run("window.clock += 1000 * arguments[0]", seconds)
        self.browser.wait(
            f"return document.getElementById('larva').dataset.time !== '{before}'",
        )
        return float(self.shown()["time"])

    def click_bout(self, seconds: float, row: float, rows: int) -> None:
        x, y = self.browser.place(seconds, row, rows)
        for kind in ("mousePressed", "mouseReleased"):
            self.browser.mouse(kind, x, y, button="left", clickCount=1)

    def pixel(self, canvas: str, place: NDArray[np.float64]) -> list[int]:
        """Return the colour at a place (mm) in a canvas."""
        x, y, scale = map(float, self.shown(canvas)["camera"].split())
        picture = self.browser.picture(canvas)
        height, width = picture.shape[:2]
        column = round(width / 2 + (place[0] - x) * scale)
        row = round(height / 2 - (place[1] - y) * scale)
        return picture[row, column, :3].tolist()


@pytest.fixture
def player(label_file: Path, browser: Browser) -> Player:
    return Player(browser, report({"truth.label": Labels.read(label_file)}, tracks=True))


def rgb(color: str) -> list[int]:
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def test_the_frame_that_is_drawn_is_the_frame_of_the_file(player: Player, recording: Path) -> None:
    track = load_tracks(recording)[1]
    for frame in (0, 1, 57, 58, 59, 60, 120, 199):
        player.seek(track.times[frame] + 0.01)
        shown = player.shown()
        assert (shown["larva"], shown["frame"]) == ("1", str(frame))
        spine = np.array(shown["spine"].split(), dtype=float).reshape(-1, 2)
        assert np.abs(spine - track.spine[frame]).max() <= 0.005 + 1e-9
        # the dot of the head
        assert player.pixel("larva", spine[0]) == rgb("#1c1c1c")
        begin, end = track.outline_offsets[frame : frame + 2]
        kept = np.arange(min(end - begin, 30)) * (end - begin) // max(min(end - begin, 30), 1)
        outline = np.array(shown["outline"].split(), dtype=float).reshape(-1, 2)
        assert outline.shape == (len(kept), 2)
        exact = track.outline[begin + kept]
        assert np.abs(outline - exact).max(initial=0) <= 0.005 + 1e-9
        assert f"frame {frame + 1} of 200" in player.browser.text("larva-caption")
    assert player.browser.messages() == player.browser.fetched() == []


def test_a_click_on_a_bout_plays_it(player: Player, recording: Path) -> None:
    def doing() -> list[str]:
        return player.browser.text("larva-caption").replace("\n ", "\n").split("\n")[:2]

    player.click_bout(6.0, 0, 3)  # of cast, from 5 to 7 s
    assert player.plays()
    assert "bout of cast, 5.00–7.00 s, confidence 60 %" in player.browser.text("larva-caption")
    assert float(player.shown()["time"]) == 4  # 1 s before
    assert player.after(0.5) == 4.5
    assert doing() == ["larva 1", "run"]
    assert player.after(1.0) == 5.5
    assert doing() == ["larva 1", "cast"]
    assert player.after(100) == 8  # 1 s after
    assert not player.plays()
    player.key(" ")  # again
    assert float(player.shown()["time"]) == 4
    assert player.after(0.25) == 4.25
    player.click_bout(1.0, 1, 3)
    assert player.shown()["larva"] == "2"
    assert float(player.shown()["time"]) == 0  # no time before the track
    player.click_bout(4.0, 1, 3)  # not tracked: the time only
    assert float(player.shown()["time"]) == pytest.approx(4, abs=0.05)
    assert "not tracked" not in player.browser.text("larva-caption")
    assert (player.shown()["frame"], player.shown()["spine"]) == ("-1", "")
    assert player.browser.messages() == []


def test_a_bout_of_the_other_file_is_played(label_file: Path, browser: Browser) -> None:
    folder = label_file.parent
    (folder / "model").mkdir()
    other = Labels.read(label_file)
    other.set(RUN, 1, other[RUN][1].times, ["hunch"] * 200)
    other.write(folder / "model/truth.label")
    files = ("truth.label", "model/truth.label")
    player = Player(
        browser, report({name: Labels.read(folder / name) for name in files}, tracks=True)
    )
    bouts = []
    for half in (-0.3, 0.1):  # of the row; each has a space below
        player.click_bout(6.0, half, 3)
        bouts.append(browser.text("larva-caption").split("\n")[-1].partition(", conf")[0])
    assert bouts == ["bout of cast in truth.label, 5.00–7.00 s", "bout of hunch, 0.00–10.00 s"]
    assert "run in truth.label" in browser.text("larva-caption")
    player.click_bout(6.0, -0.3, 3)
    player.key("n")  # the bouts of the same file
    assert "bout of cast in truth.label, 0.00–3.00 s" in browser.text("larva-caption")
    assert player.shown()["larva"] == "2"
    assert browser.messages() == []


def test_a_click_on_an_axis_plays_nothing(browser: Browser, label_file: Path) -> None:
    labels = Labels.read(label_file)
    for larva in range(10, 60):
        labels.set(RUN, larva, [0.0, 5.0], ["run", "run"])
    player = Player(browser, report({"truth.label": labels}, tracks=True))
    for _ in range(6):
        browser.drawn_after(lambda: browser.click("rows-in"))
    shown = player.shown()
    left, top, right, bottom = browser.run(
        "const c = document.getElementById('canvas'); c.scrollIntoView({block: 'center'});"
        "const b = c.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]"
    )
    for place in ((left + 53, bottom - 20), (left + 20, top + 50), (right - 5, top + 50)):
        for kind in ("mousePressed", "mouseReleased"):
            player.browser.mouse(kind, *place, button="left", clickCount=1)
        assert not player.plays()
    assert player.shown() == shown


def test_the_speeds(player: Player) -> None:
    speeds = player.browser.run(
        "return [...document.getElementById('speed').options].map((o) => Number(o.value))"
    )
    assert speeds == [0.25, 0.5, 1, 2, 4]
    for speed in speeds:
        player.browser.choose("speed", str(speed))
        player.seek(2)
        player.browser.click("play")
        assert player.after(0.4) == pytest.approx(2 + 0.4 * speed)
        player.browser.click("play")
        assert not player.plays()
    player.key("<")
    assert player.browser.run("return document.getElementById('speed').value") == "2"
    player.key(">")
    assert player.browser.run("return document.getElementById('speed').value") == "4"


def test_the_keys(player: Player, recording: Path) -> None:
    def bout() -> str:
        caption = player.browser.text("larva-caption").split("\n")
        return f"{caption[0]}, {caption[-1].partition(', confidence')[0]}"

    player.seek(4.0)
    for key, expected in (
        ("N", "larva 1, bout of run, 0.00–5.00 s"),
        ("w", "larva 1, frame 1 of 200"),
        ("n", "larva 1, bout of run, 7.00–10.00 s"),
        ("w", "larva 1, frame 121 of 200"),
        ("B", "larva 1, bout of cast, 5.00–7.00 s"),
        ("B", "larva 1, bout of run, 0.00–5.00 s"),
        ("b", "larva 1, bout of cast, 5.00–7.00 s"),
        ("b", "larva 1, bout of run, 7.00–10.00 s"),
        ("n", "larva 9, bout of run, 1.00–1.10 s"),
        ("n", "larva 1, bout of run, 0.00–5.00 s"),
        ("N", "larva 9, bout of run, 1.00–1.10 s"),
        ("u", "larva 1, bout of cast, 5.00–7.00 s"),
        ("n", "larva 2, bout of cast, 0.00–3.00 s"),
        ("b", "larva 2, bout of hunch, 6.00–9.00 s"),
        ("B", "larva 2, bout of cast, 0.00–3.00 s"),
        ("u", "larva 1, bout of cast, 5.00–7.00 s"),
        ("u", "larva 1, bout of run, 7.00–10.00 s"),
        ("U", "larva 1, bout of cast, 5.00–7.00 s"),
        ("b", "larva 1, bout of run, 7.00–10.00 s"),
        ("u", "larva 1, bout of cast, 5.00–7.00 s"),
    ):
        player.key(key)
        assert bout() == expected, key
        assert player.plays()
    assert player.browser.run("return document.getElementById('next-unsure').hidden") is False
    player.key(" ")
    player.key(".")
    assert player.shown()["frame"] == "81"
    player.key(",")
    player.key(",")
    assert (player.shown()["frame"], player.shown()["time"]) == ("79", "3.950")
    player.key("w")
    assert "bout" not in player.browser.text("larva-caption")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        player.key(key)
    assert bout() == "larva 2, bout of cast, 0.00–3.00 s"
    assert player.browser.messages() == []


def test_the_arena(player: Player, recording: Path) -> None:
    tracks = load_tracks(recording)
    for seconds, larvae, colors in (
        (2.0, 2, {1: GREEN, 2: RED}),
        (4.0, 1, {1: GREEN}),
        (6.5, 3, {1: RED, 2: BLUE, 3: "#a9a9a6"}),  # larva 3 has no labels
    ):
        player.seek(seconds)
        shown = player.shown("arena")
        assert (float(shown["time"]), shown["larvae"]) == (seconds, str(larvae))
        for larva, color in colors.items():
            frame = np.searchsorted(tracks[larva].times, seconds + 1e-6) - 1
            assert player.pixel("arena", tracks[larva].spine[frame, 5]) == rgb(color)
        left = player.browser.run(
            "const [a, b] = ['.now', '#canvas'].map("
            "(s) => document.querySelector(s).getBoundingClientRect()); return a.left - b.left + 1"
        )
        x, _ = player.browser.place(seconds, 0, 3)
        box = player.browser.run(
            "return document.getElementById('canvas').getBoundingClientRect().left"
        )
        assert left == pytest.approx(x - box, abs=1.5)  # the time in the ethogram
    # a click follows a larva
    x, y, scale = map(float, player.shown("arena")["camera"].split())
    left, top, width, height = player.browser.run(
        "const c = document.getElementById('arena'); c.scrollIntoView({block: 'center'});"
        "const b = c.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]"
    )
    place = tracks[3].spine[np.searchsorted(tracks[3].times, 6.5), 5]
    place = left + width / 2 + (place[0] - x) * scale, top + height / 2 - (place[1] - y) * scale
    player.browser.mouse("mouseMoved", *place)
    assert player.browser.text("tip").split("\n")[0] == "larva 3"
    for kind in ("mousePressed", "mouseReleased"):
        player.browser.mouse(kind, *place, button="left", clickCount=1)
    assert player.shown()["larva"] == "3"
    assert "no label" in player.browser.text("larva-caption")
    # a hidden label is not coloured
    player.seek(2)
    player.browser.drawn_after(
        lambda: player.browser.run("document.querySelector('#legend button').click()")
    )
    assert player.pixel("arena", tracks[1].spine[40, 5]) != rgb(GREEN)
    assert player.browser.messages() == player.browser.fetched() == []


def test_missing_spines_and_tracks(player: Player, recording: Path) -> None:
    player.click_bout(1.0, 1, 3)
    player.key(" ")
    player.seek(1.52)
    shown = player.shown()
    assert (shown["larva"], shown["frame"], shown["spine"]) == ("2", "30", "")
    assert shown["says"] == "no spine in this frame"
    player.seek(1.56)
    assert len(player.shown()["spine"].split()) == 22
    player.click_bout(1.05, 2, 3)
    player.key(" ")
    assert player.shown()["larva"] == "9"
    assert (player.shown()["frame"], player.shown()["says"]) == ("-1", "no track")
    assert player.browser.messages() == []


def test_a_larva_without_any_spine(browser: Browser, label_file: Path) -> None:
    path = next(label_file.parent.glob("*.spine"))
    lines = [
        " ".join(line.split()[: 3 if " 00001 " in line else None])
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines) + "\n")
    labels = Labels.read(label_file)
    labels[RUN].dependencies = [dependency(path)]
    labels.write(label_file)
    for outline in path.parent.glob("*.outline"):
        outline.unlink()
    with pytest.warns(UserWarning, match="the report has no outlines"):
        page = report({"truth.label": Labels.read(label_file)}, tracks=True)
    player = Player(browser, page)
    player.seek(2)
    shown = player.shown()
    assert (shown["frame"], shown["says"]) == ("40", "no spine in this frame")
    assert player.shown("arena")["larvae"] == "2"
    assert browser.messages() == []


def test_runs_without_tracks_and_old_browsers(label_file: Path, browser: Browser) -> None:
    labels = Labels.read(label_file)
    labels.set("another", 1, [0.0], ["run"])
    page = report({"truth.label": labels}, tracks=True)
    browser.open(page)
    browser.wait("return document.getElementById('player').dataset.ready")
    browser.choose("view", "1")
    note = "return document.getElementById('player-note').textContent"
    assert browser.run(note).startswith("The labels of this run do not name the tracker files")
    assert browser.run("return document.getElementById('player-panel').hidden")
    browser.key("n")
    browser.choose("view", "0")
    browser.wait("return !document.getElementById('player-panel').hidden")
    assert "all points, to 0.01 mm, and outlines" in browser.text("tracks-note")
    script = {"source": "delete window.DecompressionStream"}
    added = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    try:
        browser.open(page)
        assert browser.run(note).startswith("This browser cannot unpack the tracks.")
    finally:
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
    assert browser.messages() == []


def test_size_and_opening(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Measure a tenth of 400 larvae of 3,000 frames. The benchmark measures all of it."""
    rng = np.random.default_rng(1)
    times = np.arange(1000) / 25
    tracks = recording_of(*(Track(times, walk(rng, 1000, noise=0.01)) for _ in range(120)))
    labels = Labels()
    for larva in tracks:
        labels.set(RUN, larva, times, np.repeat(["run", "cast"], 500))
    labels[RUN].dependencies = [{"filename": "x", "sha1": "0"}]
    labels.file = Path("x.label")
    monkeypatch.setattr("taggingbackends.display.page.tracks._load", lambda *_: tracks)
    monkeypatch.setattr("taggingbackends.display.page._SIZE", 1_200_000)
    page = report({"x.label": labels}, tracks=True)
    assert "spines of at most 6 points, to 0.02 mm" in page
    assert len(page) < 1_200_000
    browser.open(page)
    opened = int(browser.wait("return document.getElementById('player').dataset.ready"))
    assert opened < 2000
    with capsys.disabled():
        print(f"\n120 larvae, 1,000 frames: {len(page) / 1e6:.2f} MB, opened in {opened} ms")
    monkeypatch.setattr("taggingbackends.display.page._SIZE", 10**5)
    with pytest.warns(UserWarning, match=r"the report has 1 MB"):
        report({"x.label": labels}, tracks=True)
