"""Tests of features and forest. test_scripts.py tests the scripts."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import skops.io

from examplebackend.features.spine import FEATURES, WINDOW, resample_spine, spine_features
from examplebackend.models import forest as models
from examplebackend.models.forest import (
    Examples,
    Model,
    calibrate,
    read_examples,
    read_model,
    train,
    write_model,
)
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


def examples_of(features, names, recording=0, edited=False):
    n = len(names)
    return Examples(
        features=features.astype(np.float32),
        names=np.array(names),
        recordings=np.full(n, recording),
        edited=np.full(n, edited),
        frames=np.ones(n, dtype=np.float32),
    )


@pytest.fixture(scope="module")
def frames():
    """Return the windows of three simulated recordings."""
    found = [simulated(seed) for seed in (1, 2, 3)]
    return [examples_of(spine_features(one, length), states) for one, length, states in found]


@pytest.fixture(scope="module")
def model(frames):
    forest = train(frames[0], seed=0, trees=10)
    colors = {"run": "#2ca02c", "cast": None, "stop": None, "back": None}
    return Model(forest, colors, calibrate(frames[0], 0, 10, apart=True))


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
    predicted = train(frames[0] + frames[1]).predict(frames[2].features)
    true = frames[2].names
    recall = [(predicted[true == state] == state).mean() for state in STATES]
    assert np.mean(recall) > 0.85


def test_the_same_seed_trains_the_same_forest(frames):
    features = frames[1].features
    forests = (train(frames[0], seed=seed, trees=5) for seed in (1, 1, 2))
    a, b, c = (forest.predict_proba(features) for forest in forests)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_rare_labels_have_the_same_weight(frames):
    names = frames[0].names
    rare = np.flatnonzero(names == "stop")[:20]
    kept = np.append(np.flatnonzero(names == "run"), rare)
    forest = train(frames[0][kept], trees=10)
    assert (forest.predict(frames[0].features[rare]) == "stop").mean() > 0.9


def test_corrected_windows_weigh_more(frames):
    n = 400
    same = frames[0][frames[0].names == "run"][:n]  # the same windows, with another label
    wrong = replace(same, names=np.full(n, "cast"))
    cast = frames[0][frames[0].names == "cast"]

    def share(edited):
        corrected = replace(wrong, edited=np.full(n, edited))
        votes = train(cast + same + corrected, trees=10).predict_proba(same.features)
        return votes[:, 0].mean()  # cast

    assert share(True) > share(False) + 0.1


@pytest.mark.parametrize("apart", [True, False])
def test_confidence_is_the_share_of_right_labels(frames, apart):
    known, new = frames[0] + frames[1], frames[2]
    colors = dict.fromkeys(STATES)
    model = Model(train(known), colors, calibrate(known, 0, 50, apart))
    names, confidence, second = model.predict(new.features)
    right = names == new.names
    assert abs(confidence.mean() - right.mean()) < 0.015
    unsure = confidence < 0.9
    assert unsure.sum() > 100
    assert abs(confidence[unsure].mean() - right[unsure].mean()) < 0.15
    assert {name for name in second if name} == set(STATES)
    unlike = second != names
    assert unlike.all()
    assert (second == new.names)[~right].mean() > 0.7


def test_few_trees_and_one_label_have_a_confidence(frames):
    few = frames[0][::10]
    for known in (few, few[few.names == "run"]):
        for apart in (True, False):
            model = Model(train(known, trees=1), {}, calibrate(known, 0, 1, apart))
            names, confidence, second = model.predict(frames[1].features)
            assert set(names) <= set(known.names)
            assert ((confidence > 0) & (confidence < 1)).all()
    assert set(second) == {()}


def test_a_model_keeps_windows_of_each_label(frames):
    known = replace(frames[0] + frames[1], edited=np.arange(len(frames[0] + frames[1])) % 9 == 0)
    kept = known.kept(seed=1)
    assert len(kept) < len(known)
    for name in STATES:
        for edited in (False, True):
            all_, some = (
                one[(one.names == name) & (one.edited == edited)] for one in (known, kept)
            )
            assert len(some) == min(len(all_), 1000)
            assert np.isclose(some.frames.sum(), len(all_))
    assert set(map(tuple, kept.features)) <= set(map(tuple, known.features))
    again = kept.kept(seed=2)
    assert np.array_equal(again.features, kept.features)
    assert np.allclose(again.frames, kept.frames)


def test_recordings_of_several_sets_are_numbered_on(frames):
    both = frames[0][:2] + frames[1][:1] + frames[2][:0]
    assert both.recordings.tolist() == [0, 0, 1]


def test_a_written_model_is_read_unchanged(model, frames, tmp_path):
    write_model(tmp_path, model, frames[0])
    again = read_model(tmp_path)
    assert list(again.colors.items()) == list(model.colors.items())
    for one, other in zip(
        again.predict(frames[1].features), model.predict(frames[1].features), strict=True
    ):
        assert one.tolist() == other.tolist()
    for name, column in vars(read_examples(tmp_path)).items():
        assert np.array_equal(column, getattr(frames[0], name)), name
        assert column.dtype == getattr(frames[0], name).dtype


def test_a_written_model_is_small(frames, tmp_path):
    states = np.random.default_rng(0).choice(list("abcdefg"), len(frames[0]))
    noise = replace(frames[0], names=states)  # random names give the largest trees
    write_model(tmp_path, Model(train(noise), {}, np.zeros(8)), noise.kept(0))
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes["forest.skops"] < 1_000_000
    assert sizes["windows.npz"] < 400_000


class Rogue:
    ran = False

    def __setstate__(self, state):
        Rogue.ran = True


def test_a_model_with_foreign_code_is_refused_and_does_not_run(tmp_path):
    rogue = Rogue()
    rogue.value = 1
    content = {"made_for": models._made_for(), "colors": {}, "forest": rogue}
    skops.io.dump(content, tmp_path / "forest.skops")
    with refused(tmp_path, r"Untrusted types .*Rogue"):
        read_model(tmp_path)
    assert not Rogue.ran


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", pickle.dumps(Rogue)])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "forest.skops").write_bytes(content)
    with refused(tmp_path, "not a zip file"):
        read_model(tmp_path)


def test_a_missing_file_and_another_model_are_refused(model, tmp_path):
    with refused(tmp_path, "No such file"):
        read_model(tmp_path)
    for content in (model.forest, {"made_for": 1, "colors": {}, "forest": model.forest}):
        skops.io.dump(content, tmp_path / "forest.skops")
        with refused(tmp_path, "train it again"):
            read_model(tmp_path)


def test_windows_that_cannot_be_read_are_refused(model, frames, tmp_path):
    with refused(tmp_path, "No such file", "windows.npz"):
        read_examples(tmp_path)
    write_model(tmp_path, model, replace(frames[0], frames=np.ones(3, dtype=np.float32)))
    with refused(tmp_path, "columns of different lengths", "windows.npz"):
        read_examples(tmp_path)
    names = frames[0].names.astype(object)
    np.savez(tmp_path / "windows.npz", **{**vars(frames[0]), "names": names})
    with refused(tmp_path, "allow_pickle=False", "windows.npz"):
        read_examples(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("FEATURES", FEATURES[::-1]), ("sklearn.__version__", "1.0.2")],
)
def test_a_model_for_other_features_or_versions_is_refused(
    model, frames, tmp_path, monkeypatch, name, value
):
    with monkeypatch.context() as patch:
        patch.setattr(f"examplebackend.models.forest.{name}", value)
        write_model(tmp_path, model, frames[0])
    with refused(tmp_path, "for .*, found one for .*train it again"):
        read_model(tmp_path)


def test_a_model_of_another_patch_version_is_read(model, frames, tmp_path, monkeypatch):
    import sklearn

    with monkeypatch.context() as patch:
        other = sklearn.__version__ + "9"
        patch.setattr("sklearn.base.__version__", other)
        patch.setattr("sklearn.__version__", other)
        write_model(tmp_path, model, frames[0])
    with pytest.warns(UserWarning, match="from version .*9 when"):
        skops.io.load(tmp_path / "forest.skops", trusted=models.TRUSTED)
    read_model(tmp_path)  # without a warning


@pytest.mark.parametrize(
    ("field", "value"),
    [("left_child", 10**9), ("right_child", -1), ("left_child", 0), ("feature", len(FEATURES))],
)
def test_trees_with_invalid_indices_are_refused(frames, tmp_path, field, value):
    forest = train(frames[0], trees=3)
    tree = forest.estimators_[1].tree_
    state = tree.__getstate__()
    state["nodes"] = state["nodes"].copy()
    state["nodes"][field][0] = value
    tree.__setstate__(state)
    write_model(tmp_path, Model(forest, {}, np.zeros(5)), frames[0])
    with refused(tmp_path, "nodes do not fit together"):
        read_model(tmp_path)


def refused(folder, found, file="forest.skops"):
    problem = rf"^{folder / file}: expected a model [^\n]*{found}[^\n]*$"
    return pytest.raises(BackendError, match=problem)
