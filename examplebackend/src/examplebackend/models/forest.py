"""A random forest of scikit-learn, stored with skops: reading a model runs no code of its own."""

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
"""Names of labels, in the order of the training labels, and their colours."""

TRUSTED = ("sklearn.tree._tree.Tree",)
"""Types that a model may hold beside those that skops trusts by itself. See `_check_trees`."""


def train(
    features: ArrayLike, names: Sequence[str], seed: int = 0, trees: int = 50
) -> RandomForestClassifier:
    """Train a random forest; each label weighs the same, however rare it is.

    Parameters
    ----------
    features : (n, k) array_like
        As from `spine_features`.
    names : sequence of n str
        Label of each frame.
    seed : int
        The same data and seed give the same forest.
    trees : int
        How many trees, 1 or more.
    """
    forest = RandomForestClassifier(
        trees,
        # a leaf needs 2% of the weight: keeps single bouts from being learnt by heart, trees small
        min_weight_fraction_leaf=0.02,
        max_features=0.5,
        class_weight="balanced",
        random_state=seed,
    )
    return forest.fit(features, names)


def write_model(path: Path, forest: RandomForestClassifier, colors: Colors) -> None:
    """Write a forest, with the names and colours of its labels."""
    model = {"made_for": _made_for(), "colors": colors, "forest": forest}
    skops.io.dump(model, path, compression=zipfile.ZIP_DEFLATED)


def read_model(path: Path) -> tuple[RandomForestClassifier, Colors]:
    """Read what `write_model` wrote.

    Raises
    ------
    BackendError
        ``unknown-model``: the file cannot be read, holds a type that is not trusted, or is a model
        for other features or another scikit-learn.
    """
    try:
        with warnings.catch_warnings():
            # it compares patch versions, too; what matters is compared below
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            model = skops.io.load(path, trusted=TRUSTED)
        made_for, colors, forest = model["made_for"], model["colors"], model["forest"]
        _check_trees(forest)
    except Exception as error:  # whatever may be wrong with a file from elsewhere
        found = str(error).partition("\n")[0] or repr(error)
        problem = f"{path}: expected a model that train_model made, found: {found}"
        raise BackendError("unknown-model", f"{problem}; train it again") from error
    if made_for != _made_for():
        problem = f"{path}: expected a model for {_made_for()}, found one for {made_for}"
        raise BackendError("unknown-model", f"{problem}; train it again")
    return forest, colors


def _made_for() -> dict[str, object]:
    """Return what a model must agree on; scikit-learn reads no models of another minor version."""
    series = ".".join(sklearn.__version__.split(".")[:2])
    return {"features": list(FEATURES), "scikit-learn": series}


def _check_trees(forest: RandomForestClassifier) -> None:
    """Refuse numbers of nodes and features that scikit-learn would follow out of its memory."""
    for tree in (estimator.tree_ for estimator in forest.estimators_):
        if tree.node_count > tree.capacity:
            raise ValueError("a tree that lacks nodes")
        children = np.stack([tree.children_left, tree.children_right])
        later = (children > np.arange(tree.node_count)) & (children < tree.node_count)
        known = (tree.feature >= 0) & (tree.feature < len(FEATURES))
        is_leaf = children[0] == -1
        if not (is_leaf | (later.all(axis=0) & known)).all():
            raise ValueError("a tree whose nodes do not fit together")
