"""A random forest that is stored as plain arrays and predicts with numpy alone.

Training needs scikit-learn, prediction does not; and reading a model runs no code, as reading a
pickled one would.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from examplebackend.features.spine import FEATURES

ARRAYS = ("features", "labels", "roots", "feature", "threshold", "children", "probability")
UNREADABLE = (EOFError, TypeError, ValueError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, eq=False)
class Forest:
    """A trained classifier of frames; the nodes of all the trees one after the other.

    Attributes
    ----------
    labels : tuple of str
        What it predicts.
    roots : (trees,) int
        First node of each tree.
    feature : (nodes,) int
        Column of the features that a node looks at.
    threshold : (nodes,) float64
        A frame goes left where its feature, as a float32, is at most this.
    children : (nodes, 2) int
        Left and right child, always later than the node; a leaf is its own child.
    probability : (nodes, labels) float64
        Share of each label among the frames, weighted, that reached the node in training.
    """

    labels: tuple[str, ...]
    roots: NDArray[np.integer[Any]]
    feature: NDArray[np.integer[Any]]
    threshold: NDArray[np.float64]
    children: NDArray[np.integer[Any]]
    probability: NDArray[np.float64]

    def predict(self, features: ArrayLike) -> NDArray[np.intp]:
        """Return the most probable label of each frame, of `probabilities`, as index: (n,) int."""
        best: NDArray[np.intp] = self.probabilities(features).argmax(axis=1)
        return best

    def probabilities(self, features: ArrayLike) -> NDArray[np.float64]:
        """Mean of the trees' votes.

        Parameters
        ----------
        features : (n, k) float
            As from `spine_features`: a column for each of `FEATURES`.

        Returns
        -------
        (n, labels) float64
            0 to 1, the sum over labels is 1.

        Raises
        ------
        ValueError
            If there is another number of columns.
        """
        mean: NDArray[np.float64] = self.probability[self._leaves(_columns(features))].mean(axis=0)
        return mean

    def _leaves(self, x: NDArray[np.float32]) -> NDArray[np.integer[Any]]:
        """Leaf that each frame ends in: (trees, n)."""
        frames = np.arange(len(x))
        node = np.repeat(self.roots[:, None], len(x), axis=1)
        while True:
            right = x[frames, self.feature[node]] > self.threshold[node]
            child = self.children[node, right.astype(np.intp)]
            if np.array_equal(child, node):
                return node
            node = child

    def write(self, path: str | Path) -> None:
        """Write an ``.npz`` of plain arrays."""
        # through a file, because savez would append .npz to another name
        with Path(path).open("wb") as file:
            np.savez_compressed(file, features=np.array(FEATURES), **vars(self))

    @classmethod
    def read(cls, path: str | Path) -> Forest:
        """Read what `write` wrote.

        Raises
        ------
        ValueError
            If the file is no ``.npz``, lacks arrays, is for other features than `FEATURES`, or
            holds arrays that do not fit together.
        """
        try:
            # opened here, because numpy leaves a broken file open
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in ARRAYS if name in stored}
        except UNREADABLE as error:
            raise ValueError(f"{path}: expected an .npz of plain arrays, got {error}") from error
        missing = [name for name in ARRAYS if name not in arrays]
        if missing:
            raise ValueError(f"{path}: expected the arrays of a forest, got none named {missing}")
        features = tuple(arrays.pop("features").ravel().tolist())
        if features != FEATURES:
            raise ValueError(
                f"{path}: expected the features {list(FEATURES)}, got {list(features)}; "
                "the model is of another version of this backend, train it again"
            )
        _check_arrays(path, **arrays)
        return cls(labels=tuple(arrays.pop("labels").tolist()), **arrays)

    @classmethod
    def from_scikit_learn(cls, model: Any) -> Forest:
        """Take the trees out of a forest that scikit-learn has trained.

        Parameters
        ----------
        model : sklearn.ensemble.RandomForestClassifier or ExtraTreesClassifier
            Fitted to features with a column for each of `FEATURES`, and names of labels.

        Returns
        -------
        Forest
        """
        trees = [estimator.tree_ for estimator in model.estimators_]
        sizes = np.array([tree.node_count for tree in trees])
        roots = np.cumsum(sizes) - sizes
        node = np.arange(sizes.sum())
        children = np.concatenate(
            [
                root + np.column_stack([tree.children_left, tree.children_right])
                for root, tree in zip(roots, trees, strict=True)
            ]
        )
        feature = np.concatenate([tree.feature for tree in trees])
        leaf = feature < 0
        value = np.concatenate([tree.value[:, 0] for tree in trees])
        return cls(
            labels=tuple(str(name) for name in model.classes_),
            roots=roots.astype(np.int32),
            feature=np.where(leaf, 0, feature).astype(np.uint8),
            threshold=np.concatenate([tree.threshold for tree in trees]),
            children=np.where(leaf[:, None], node[:, None], children).astype(np.int32),
            probability=value / value.sum(axis=1, keepdims=True),
        )


def train(features: ArrayLike, names: Sequence[str], seed: int = 0, trees: int = 50) -> Forest:
    """Train a random forest, all labels weighing the same however rare they are.

    Parameters
    ----------
    features : (n, k) float
        As from `spine_features`.
    names : sequence of n str
        Label of each frame.
    seed : int
        The same data and seed give the same forest.
    trees : int
        How many trees.

    Returns
    -------
    Forest
        Its labels are the names, in alphabetical order.

    Raises
    ------
    ValueError
        If there are no frames, or shapes do not match.
    """
    from sklearn.ensemble import RandomForestClassifier  # here, as only training needs it

    x = _columns(features)
    if len(x) == 0 or len(x) != len(names):
        raise ValueError(f"expected a name for each frame, got {len(names)} for {len(x)} frames")
    model = RandomForestClassifier(
        trees,
        # a leaf needs 2% of the weight: keeps single bouts from being learnt by heart, trees small
        min_weight_fraction_leaf=0.02,
        max_features=0.5,
        class_weight="balanced",
        random_state=seed,
    )
    return Forest.from_scikit_learn(model.fit(x, np.asarray(names, dtype=str)))


def _columns(features: ArrayLike) -> NDArray[np.float32]:
    x = np.asarray(features, dtype=np.float32)  # the precision that scikit-learn's trees compare in
    if x.ndim != 2 or x.shape[1] != len(FEATURES):
        raise ValueError(f"features: expected shape (n, {len(FEATURES)}), got {x.shape}")
    return x


def _check_arrays(
    path: str | Path,
    *,
    labels: NDArray[Any],
    roots: NDArray[Any],
    feature: NDArray[Any],
    threshold: NDArray[Any],
    children: NDArray[Any],
    probability: NDArray[Any],
) -> None:
    """Refuse arrays that prediction would stumble over, or never come back from."""
    nodes = len(threshold) if threshold.ndim == 1 else 0
    node = np.arange(nodes)[:, None]
    rules = {
        "labels": labels.dtype.kind == "U" and labels.ndim == 1 and len(labels) > 0,
        "roots": roots.dtype.kind in "iu" and roots.ndim == 1 and len(roots) > 0,
        "feature": feature.dtype.kind in "iu" and feature.shape == (nodes,),
        "threshold": threshold.dtype.kind == "f" and nodes > 0,
        "children": children.dtype.kind in "iu" and children.shape == (nodes, 2),
        "probability": probability.dtype.kind == "f" and probability.shape == (nodes, labels.size),
    }
    if all(rules.values()):
        rules["roots"] = bool(((roots >= 0) & (roots < nodes)).all())
        rules["feature"] = bool(((feature >= 0) & (feature < len(FEATURES))).all())
        rules["children"] = bool(((children >= node) & (children < nodes)).all())
    wrong = [name for name, kept in rules.items() if not kept]
    if wrong:
        raise ValueError(f"{path}: expected arrays that make up a forest, got unfit {wrong}")
