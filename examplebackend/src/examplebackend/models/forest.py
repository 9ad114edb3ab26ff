"""Random forest of scikit-learn, stored with skops: reading a model runs no code from the file."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sklearn
import skops.io
from numpy.typing import ArrayLike
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import InconsistentVersionWarning

from examplebackend.features.spine import FEATURES
from taggingbackends import BackendError

__all__ = ["TRUSTED", "Colors", "read_model", "train", "write_model"]

Colors = dict[str, str | None]
"""Names of labels, in the order of the training set, with their colours."""

TRUSTED = ("sklearn.tree._tree.Tree",)
"""Types that a model may contain in addition to those that skops trusts. See `_check_trees`."""


def train(
    features: ArrayLike, names: Sequence[str], seed: int = 0, trees: int = 50
) -> RandomForestClassifier:
    """Train a random forest in which all labels have the same weight.

    Parameters
    ----------
    features : (n, k) array_like
        Features as returned by `spine_features`.
    names : sequence of n str
        Label of each frame.
    seed : int
        Seed of the random numbers. The same data and seed give the same forest.
    trees : int
        Number of trees, 1 or more.

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
        class_weight="balanced",
        random_state=seed,
    )
    return forest.fit(features, names)


def write_model(path: Path, forest: RandomForestClassifier, colors: Colors) -> None:
    """Write a forest with the names and colours of its labels."""
    model = {"made_for": _made_for(), "colors": colors, "forest": forest}
    skops.io.dump(model, path, compression=zipfile.ZIP_DEFLATED)


def read_model(path: Path) -> tuple[RandomForestClassifier, Colors]:
    """Read a model written by `write_model`.

    Raises
    ------
    BackendError
        Of kind ``unknown-model``: the file cannot be read, contains a type that is not trusted, or
        is a model for other features or another minor version of scikit-learn.
    """
    try:
        with warnings.catch_warnings():
            # scikit-learn warns about patch versions, too; minor versions are compared below
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            model = skops.io.load(path, trusted=TRUSTED)
        made_for, colors, forest = model["made_for"], model["colors"], model["forest"]
        _check_trees(forest)
    except Exception as error:  # an untrusted file can cause any error
        found = str(error).partition("\n")[0] or repr(error)
        problem = f"{path}: expected a model that train_model made, found: {found}"
        raise BackendError("unknown-model", f"{problem}; train it again") from error
    if made_for != _made_for():
        problem = f"{path}: expected a model for {_made_for()}, found one for {made_for}"
        raise BackendError("unknown-model", f"{problem}; train it again")
    return forest, colors


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
