"""Tests of features and forest. test_scripts.py tests the scripts."""

import pickle

import numpy as np
import pytest
import skops.io

from examplebackend.features.spine import FEATURES, WINDOW, resample_spine, spine_features
from examplebackend.models import forest as models
from examplebackend.models.forest import read_model, train, write_model
from taggingbackends import BackendError
from taggingbackends.data import body_length
from taggingbackends.simulation import STATES, simulate


def column(features, name):
    return features[:, FEATURES.index(name)]


def crawling(times, speed=1.0, sweep=0.0, length=4.0, points=11):
    """Return spines of a larva on the x axis whose front half swings to both sides once in 2 s."""
    head_side = np.linspace(length / 2, -length / 2, points)
    angle = sweep * np.sin(np.pi * times)[..., None]
    front = np.maximum(head_side, 0.0)
    x = speed * times[..., None] + np.minimum(head_side, 0.0) + front * np.cos(angle)
    return np.stack([x, front * np.sin(angle)], axis=-1)


AROUND = np.arange(5.0, 10.0, 0.08)  # s


def windows_of(**larva):
    return crawling(AROUND[:, None] + WINDOW.offsets, **larva)


def simulated(seed, larvae=4, seconds=60.0):
    """Return the windows of a simulated recording, its body length, and the states."""
    windows, states = [], []
    tracks = simulate(larvae=larvae, seconds=seconds, seed=seed).values()
    for times, spine, _, names in tracks:
        fits = WINDOW.fits(times, times)
        windows.append(WINDOW.cut(times, spine, times[fits]))
        states += np.array(names)[fits].tolist()
    length = body_length(np.concatenate([spine for _, spine, _, _ in tracks]))
    return np.concatenate(windows), length, states


@pytest.fixture(scope="module")
def windows():
    return simulated(5, larvae=3, seconds=40.0)[:2]


@pytest.fixture(scope="module")
def frames():
    """Return features and states of three simulated recordings."""
    found = [simulated(seed) for seed in (1, 2, 3)]
    return [(spine_features(windows, length), states) for windows, length, states in found]


@pytest.fixture(scope="module")
def forest(frames):
    features, states = frames[0]
    return train(features, states, seed=0, trees=10)


# features


def test_features_of_a_straight_run():
    features = spine_features(windows_of(speed=1.0, length=4.0), 4.0)
    assert features.dtype == np.float64
    for name, expected in {
        "speed": 0.25,
        "forward": 0.25,
        "head_speed": 0.25,
        "tail_speed": 0.25,
        "head_turning": 0.0,
        "bend": 0.0,
        "bend_head": 0.0,
        "bend_mean": 0.0,
        "length": 1.0,
        "length_range": 0.0,
    }.items():
        assert np.allclose(column(features, name), expected, atol=1e-6), name


def test_a_bend_is_the_angle_between_the_halves_of_the_body():
    features = spine_features(windows_of(sweep=0.8), 4.0)
    expected = np.abs(0.8 * np.sin(np.pi * AROUND))
    assert np.allclose(column(features, "bend"), expected)
    assert np.allclose(column(features, "bend_head"), expected)
    assert np.median(column(features, "head_turning")) > 0.5


def test_backing_up_is_negative():
    features = spine_features(windows_of(speed=-1.0), 4.0)
    assert np.allclose(column(features, "forward"), -0.25)
    assert np.allclose(column(features, "speed"), 0.25)


def test_features_do_not_depend_on_position_and_heading(windows):
    angle = 2.1
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = spine_features(*windows)
    moved = spine_features(windows[0] @ turn.T + [250.0, -80.0], windows[1])
    assert np.allclose(moved, expected, atol=1e-6)
    mirrored = spine_features(windows[0] * [1.0, -1.0], windows[1])
    assert np.allclose(mirrored, expected, atol=1e-6)


def test_features_do_not_depend_on_body_size(windows):
    spines, length = windows
    expected = spine_features(spines, length)
    sizes = np.linspace(0.5, 2.0, len(spines))  # from recordings of larvae of different sizes
    scaled = spine_features(spines * sizes[:, None, None, None], length * sizes)
    assert np.allclose(scaled, expected, atol=1e-6)


@pytest.mark.parametrize("points", [5, 12, 14])
def test_features_hardly_depend_on_the_number_of_points(windows, points):
    spines, length = windows
    expected = spine_features(spines, length)
    found = spine_features(resample_spine(spines, points), length)
    for name in FEATURES:
        assert np.corrcoef(column(found, name), column(expected, name))[0, 1] > 0.9, name


def test_a_resampled_spine_has_evenly_spaced_points_on_its_segments():
    bent = [[0.0, 0.0], [3.0, 0.0], [3.0, 1.0]]
    expected = [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [3.0, 1.0]]
    assert np.allclose(resample_spine(bent, 5), expected)
    assert np.allclose(resample_spine([bent, bent], 2), [[bent[0], bent[2]]] * 2)
    twice = np.repeat(bent, 2, axis=0)  # duplicate points
    assert np.allclose(resample_spine(twice, 5), expected)
    assert np.array_equal(resample_spine(np.ones((2, 3, 2)), 5), np.ones((2, 5, 2)))


@pytest.mark.parametrize("points", [3, 5, 12])
def test_spines_of_length_0_have_finite_features(points):
    assert np.isfinite(spine_features(np.zeros((2, 11, points, 2)), 1.0)).all()


def test_zero_windows_give_zero_rows():
    assert spine_features(np.empty((0, 11, 11, 2)), 1.0).shape == (0, len(FEATURES))


@pytest.mark.parametrize("shape", [(11, 11, 2), (4, 10, 11, 2), (4, 11, 2, 2), (4, 11, 11, 3)])
def test_arrays_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"shape \(m, 11, 3 or more, 2\), found"):
        spine_features(np.zeros(shape), 1.0)


def test_the_head_comes_first_and_leads_in_a_run_and_the_tail_when_backing_up():
    windows, length, states = simulated(2, larvae=8)
    features = spine_features(windows, length)
    forward, bend = column(features, "forward"), column(features, "bend")
    truth = np.array(states)
    assert np.median(forward[truth == "run"]) > 0.15
    assert np.median(forward[truth == "back"]) < -0.05
    assert np.abs(np.median(forward[truth == "stop"])) < 0.03
    assert np.median(bend[truth == "cast"]) > 3 * np.median(bend[truth == "run"])


# forest


def test_the_forest_learns_the_simulated_states(frames):
    features = np.concatenate([frames[0][0], frames[1][0]])
    predicted = train(features, frames[0][1] + frames[1][1]).predict(frames[2][0])
    true = np.array(frames[2][1])
    recall = [(predicted[true == state] == state).mean() for state in STATES]
    assert np.mean(recall) > 0.85


def test_the_same_seed_trains_the_same_forest(frames):
    features = frames[1][0]
    a, b, c = (train(*frames[0], seed=seed, trees=5).predict_proba(features) for seed in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_rare_labels_have_the_same_weight(frames):
    features, states = frames[0]
    rare = [i for i, state in enumerate(states) if state == "stop"][:20]
    kept = [i for i, state in enumerate(states) if state == "run"] + rare
    forest = train(features[kept], [states[i] for i in kept], trees=10)
    assert (forest.predict(features[rare]) == "stop").mean() > 0.9


def test_a_written_model_is_read_unchanged(forest, frames, tmp_path):
    colors = {"run": "#2ca02c", "cast": None}
    write_model(tmp_path / "model", forest, colors)
    again, read = read_model(tmp_path / "model")
    assert list(read.items()) == list(colors.items())
    features = frames[1][0]
    assert np.array_equal(again.predict_proba(features), forest.predict_proba(features))
    assert again.predict(features).tolist() == forest.predict(features).tolist()


def test_a_written_model_is_small(frames, tmp_path):
    path = tmp_path / "model"
    states = np.random.default_rng(0).choice(list("abcdefg"), len(frames[0][0])).tolist()
    forest = train(frames[0][0], states)  # random names give the largest trees
    write_model(path, forest, dict.fromkeys("abcdefg"))
    assert path.stat().st_size < 1_000_000


class Rogue:
    ran = False

    def __setstate__(self, state):
        Rogue.ran = True


def test_a_model_with_foreign_code_is_refused_and_does_not_run(tmp_path):
    rogue = Rogue()
    rogue.value = 1
    model = {"made_for": models._made_for(), "colors": {}, "forest": rogue}
    skops.io.dump(model, tmp_path / "model")
    with refused(tmp_path / "model", r"Untrusted types .*Rogue"):
        read_model(tmp_path / "model")
    assert not Rogue.ran


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", pickle.dumps(Rogue)])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "model"
    path.write_bytes(content)
    with refused(path, "not a zip file"):
        read_model(path)


def test_a_missing_file_and_another_model_are_refused(forest, tmp_path):
    with refused(tmp_path / "none", "No such file"):
        read_model(tmp_path / "none")
    skops.io.dump(forest, tmp_path / "forest")
    with refused(tmp_path / "forest", "train it again"):
        read_model(tmp_path / "forest")


@pytest.mark.parametrize(
    ("name", "value"),
    [("FEATURES", FEATURES[::-1]), ("sklearn.__version__", "1.0.2")],
)
def test_a_model_for_other_features_or_versions_is_refused(
    forest, tmp_path, monkeypatch, name, value
):
    with monkeypatch.context() as patch:
        patch.setattr(f"examplebackend.models.forest.{name}", value)
        write_model(tmp_path / "model", forest, {})
    with refused(tmp_path / "model", "for .*, found one for .*train it again"):
        read_model(tmp_path / "model")


def test_a_model_of_another_patch_version_is_read(forest, tmp_path, monkeypatch):
    import sklearn

    with monkeypatch.context() as patch:
        other = sklearn.__version__ + "9"
        patch.setattr("sklearn.base.__version__", other)
        patch.setattr("sklearn.__version__", other)
        write_model(tmp_path / "model", forest, {})
    with pytest.warns(UserWarning, match="from version .*9 when"):
        skops.io.load(tmp_path / "model", trusted=models.TRUSTED)
    read_model(tmp_path / "model")  # without a warning


@pytest.mark.parametrize(
    ("field", "value"),
    [("left_child", 10**9), ("right_child", -1), ("left_child", 0), ("feature", len(FEATURES))],
)
def test_trees_with_invalid_indices_are_refused(frames, tmp_path, field, value):
    forest = train(*frames[0], trees=3)
    tree = forest.estimators_[1].tree_
    state = tree.__getstate__()
    state["nodes"] = state["nodes"].copy()
    state["nodes"][field][0] = value
    tree.__setstate__(state)
    write_model(tmp_path / "model", forest, {})
    with refused(tmp_path / "model", "nodes do not fit together"):
        read_model(tmp_path / "model")


def refused(path, found):
    problem = rf"^{path}: expected a model [^\n]*{found}[^\n]*$"
    return pytest.raises(BackendError, match=problem)
