"""Random forest of scikit-learn, stored with skops: reading a model runs no code from the file."""

from __future__ import annotations

import warnings
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import skops.io
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.model_selection import GroupKFold

from examplebackend.features.spine import FEATURES
from examplebackend.models.calibration import confidence, fit
from taggingbackends import BackendError

__all__ = [
    "TRUSTED",
    "Colors",
    "Examples",
    "Model",
    "calibrate",
    "read_examples",
    "read_model",
    "train",
    "write_model",
]

Colors = dict[str, str | None]
"""Names of labels, in the order of the training set, with their colours."""

TRUSTED = ("sklearn.tree._tree.Tree",)
"""Types that a model may contain in addition to those that skops trusts. See `_check_trees`."""

CORRECTED = 5.0
"""Weight of a frame that a person corrected, compared with another frame of its label."""

KEPT = 1000
"""Windows per label that a model keeps, to be finetuned; as many again that were corrected."""

_FOLDS = 5
_FOREST, _EXAMPLES = "forest.skops", "windows.npz"  # files of a model


@dataclass(frozen=True)
class Examples:
    """Windows to train on.

    Attributes
    ----------
    features : (n, k) float32 array
        Features as returned by `spine_features`.
    names : (n,) str array
        Label of each window's frame.
    recordings : (n,) int array
        Number of the recording.
    edited : (n,) bool array
        Whether a person corrected or confirmed the label.
    frames : (n,) float32 array
        Number of labelled frames for which the window stands.
    """

    features: NDArray[np.float32]
    names: NDArray[np.str_]
    recordings: NDArray[np.intp]
    edited: NDArray[np.bool_]
    frames: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, chosen: Any) -> Examples:
        return Examples(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def __add__(self, other: Examples) -> Examples:
        columns = {
            field.name: np.concatenate([getattr(self, field.name), getattr(other, field.name)])
            for field in fields(self)
        }
        columns["recordings"][len(self) :] += 1 + self.recordings.max(initial=-1)
        return Examples(**columns)

    def kept(self, seed: int) -> Examples:
        """Return a random choice of at most `KEPT` windows per label, and as many edited ones."""
        rng = np.random.default_rng(seed)
        chosen, scale = [], np.ones(len(self), dtype=np.float32)
        for name in np.unique(self.names):
            for edited in (False, True):
                own = np.flatnonzero((self.names == name) & (self.edited == edited))
                part = rng.permutation(own)[:KEPT]
                scale[part] = self.frames[own].sum() / max(self.frames[part].sum(), 1)
                chosen.append(part)
        at = np.sort(np.concatenate(chosen))
        found = self[at]
        return Examples(**{**vars(found), "frames": found.frames * scale[at]})


@dataclass(frozen=True)
class Model:
    """A trained model.

    Attributes
    ----------
    forest : RandomForestClassifier
        The forest.
    colors : dict of str to (str or None)
        Names and colours of the labels.
    calibration : (1 + labels,) float64 array
        See `calibration.confidence`. The labels are in the order of ``forest.classes_``.
    """

    forest: RandomForestClassifier
    colors: Colors
    calibration: NDArray[np.float64]

    def predict(
        self, features: ArrayLike
    ) -> tuple[NDArray[np.str_], NDArray[np.float64], NDArray[np.object_]]:
        """Predict the label of each window.

        Parameters
        ----------
        features : (m, k) array_like
            Features as returned by `spine_features`.

        Returns
        -------
        names : (m,) str array
        confidence : (m,) float64 array
            Probability that the name is right, 0 to 1.
        second : (m,) object array
            The second choice; ``()`` if no tree votes for another label.
        """
        votes = self.forest.predict_proba(features)
        rows, first = np.arange(len(votes)), votes.argmax(axis=1)
        sure = confidence(self.calibration, first, votes[rows, first])
        votes[rows, first] = 0.0
        second = np.where(votes.any(axis=1), votes.argmax(axis=1), len(self.forest.classes_))
        choices = np.array([*self.forest.classes_.tolist(), ()], dtype=object)
        return self.forest.classes_[first], sure, choices[second]


def train(
    examples: Examples, seed: int = 0, trees: int = 50, oob_score: bool = False
) -> RandomForestClassifier:
    """Train a random forest in which all labels have the same weight.

    Parameters
    ----------
    examples : Examples
        Windows. Those that were edited have the weight `CORRECTED` among those of their label.
    seed : int
        Seed of the random numbers. The same data and seed give the same forest.
    trees : int
        Number of trees, 1 or more.
    oob_score : bool
        Whether the forest gets predictions for its own windows, each from the trees that were not
        trained on it.

    Returns
    -------
    RandomForestClassifier
        The trained forest.
    """
    forest = RandomForestClassifier(
        trees,
        # 2% of the weight per leaf avoids overfitting to single bouts and keeps trees small
        min_weight_fraction_leaf=0.02,
        max_features=0.5,
        random_state=seed,
        oob_score=oob_score,
    )
    _, labels = np.unique(examples.names, return_inverse=True)
    weights = np.where(examples.edited, CORRECTED, 1.0)
    weights /= np.bincount(labels, weights)[labels]
    return forest.fit(examples.features, examples.names, sample_weight=len(weights) * weights)


def calibrate(examples: Examples, seed: int, trees: int, apart: bool) -> NDArray[np.float64]:
    """Calibrate the confidence of the forest that `train` makes of these windows.

    Parameters
    ----------
    examples, seed, trees
        As for `train`.
    apart : bool
        Whether to predict each recording with a forest that was trained on the others (at most 5
        forests, so that each leaves out several recordings if there are many). Otherwise, or if
        there is one recording, each window is predicted by the trees that were not trained on it.

    Returns
    -------
    (1 + labels,) float64 array
        See `calibration.fit`.
    """
    names = np.unique(examples.names)
    votes = np.zeros((len(examples), len(names)))
    folds = min(_FOLDS, len(np.unique(examples.recordings)))
    if apart and folds > 1:
        for others, own in GroupKFold(folds).split(votes, groups=examples.recordings):
            forest = train(examples[others], seed, trees)
            known = np.searchsorted(names, forest.classes_)
            votes[np.ix_(own, known)] = forest.predict_proba(examples.features[own])
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # few trees: some windows are in all
            votes = train(examples, seed, trees, oob_score=True).oob_decision_function_
    voted = np.flatnonzero(np.nan_to_num(votes).any(axis=1))
    votes, examples = votes[voted], examples[voted]
    first = votes.argmax(axis=1)
    share = votes[np.arange(len(votes)), first]
    right = names[first] == examples.names
    return fit(first, share, right, examples.frames, len(names))


def write_model(folder: Path, model: Model, examples: Examples) -> None:
    """Write a model, and the windows from which it can be finetuned, into a folder."""
    content = {"made_for": _made_for(), **vars(model)}
    skops.io.dump(content, folder / _FOREST, compression=zipfile.ZIP_DEFLATED)
    np.savez_compressed(folder / _EXAMPLES, allow_pickle=False, **vars(examples))


def read_model(folder: Path) -> Model:
    """Read a model written by `write_model`.

    Raises
    ------
    BackendError
        Of kind ``unknown-model``: the file cannot be read, contains a type that is not trusted, or
        is a model for other features or another minor version of scikit-learn.
    """
    path = folder / _FOREST
    try:
        with warnings.catch_warnings():
            # scikit-learn warns about patch versions, too; minor versions are compared below
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            content = skops.io.load(path, trusted=TRUSTED)
        made_for = content.pop("made_for")
        model = Model(**content)
        _check_trees(model.forest)
        if np.shape(model.calibration) != (1 + len(model.forest.classes_),):
            raise ValueError("a calibration of another number of labels")
    except Exception as error:  # an untrusted file can cause any error
        raise _unknown(path, error) from error
    if made_for != _made_for():
        problem = f"{path}: expected a model for {_made_for()}, found one for {made_for}"
        raise BackendError("unknown-model", f"{problem}; train it again")
    return model


def read_examples(folder: Path) -> Examples:
    """Read the windows from which a model can be finetuned.

    Raises
    ------
    BackendError
        Of kind ``unknown-model``: the file cannot be read.
    """
    path = folder / _EXAMPLES
    try:
        with np.load(path, allow_pickle=False) as file:
            examples = Examples(**file)
        if {examples.features.shape[1], *map(len, vars(examples).values())} != {
            len(FEATURES),
            len(examples),
        }:
            raise ValueError("columns of different lengths")
    except Exception as error:  # as above
        raise _unknown(path, error) from error
    return examples


def _unknown(path: Path, error: Exception) -> BackendError:
    found = str(error).partition("\n")[0] or repr(error)
    problem = f"{path}: expected a model that train_model made, found: {found}"
    return BackendError("unknown-model", f"{problem}; train it again")


def _made_for() -> dict[str, object]:
    """Return what a model and this backend must agree on.

    scikit-learn does not support models of another minor version.
    """
    series = ".".join(sklearn.__version__.split(".")[:2])
    return {"features": list(FEATURES), "scikit-learn": series}


def _check_trees(forest: RandomForestClassifier) -> None:
    """Raise ValueError for nodes or features that would make scikit-learn read invalid memory."""
    for tree in (estimator.tree_ for estimator in forest.estimators_):
        if tree.node_count > tree.capacity:
            raise ValueError("a tree that lacks nodes")
        children = np.stack([tree.children_left, tree.children_right])
        later = (children > np.arange(tree.node_count)) & (children < tree.node_count)
        known = (tree.feature >= 0) & (tree.feature < len(FEATURES))
        is_leaf = children[0] == -1
        if not (is_leaf | (later.all(axis=0) & known)).all():
            raise ValueError("a tree whose nodes do not fit together")
