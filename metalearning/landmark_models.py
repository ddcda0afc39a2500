"""The cheap models whose scores are the landmarking meta-features.

Each model takes the training rows as `Encoded`, the classes as indicators of shape (n_rows, n_classes), and the
held-out rows. It returns scores of shape (n_held, n_classes); a likelier class has a greater score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special
from sklearn.linear_model import Ridge
from sklearn.metrics import euclidean_distances

from metalearning.table_sample import Array, Codes


@dataclass(frozen=True)
class Encoded:
    """A table as the landmarking models take it.

    Attributes
    ----------
    numeric : ndarray of shape (n_rows, n_numeric)
        NaN for missing cells.
    indicators : ndarray of shape (n_rows, n_indicators)
        0 or 1, one column for each level of a category column; a row with a missing cell has only 0.
    owner : ndarray of int of shape (n_indicators,)
        The category column of each indicator: 0 to n_categories - 1.
    n_categories : int
    """

    numeric: Array
    indicators: Array
    owner: Codes
    n_categories: int

    def rows(self, which: NDArray[Any]) -> Encoded:
        """Return some rows, chosen by a mask or by positions."""
        return Encoded(self.numeric[which], self.indicators[which], self.owner, self.n_categories)

    def columns(self, which: NDArray[np.bool_]) -> Encoded:
        """Return some columns, chosen by a mask over the numeric columns and then the category columns."""
        numeric, category = np.split(which, [self.numeric.shape[1]])
        kept = category[self.owner]
        owner = (np.cumsum(category) - 1)[self.owner[kept]]
        return Encoded(self.numeric[:, numeric], self.indicators[:, kept], owner, int(category.sum()))

    def together(self) -> Array:
        """Return one array for trees, which accept missing numbers."""
        return np.hstack([self.numeric, self.indicators])


def encode(X: Array, categorical: NDArray[np.bool_], most_levels: int) -> Encoded:
    """Separate numbers from categories; the rarest levels of a category beyond `most_levels` share one indicator."""
    indicators, owners, n_categories = [np.zeros((len(X), 0))], [], 0
    for codes in X[:, categorical].T:
        levels, counts = np.unique(codes[~np.isnan(codes)], return_counts=True)
        if len(levels) == 0:
            continue
        levels = levels[np.argsort(-counts, kind="stable")]
        codes = np.where(np.isin(codes, levels[most_levels:]), levels[min(most_levels, len(levels)) - 1], codes)
        levels = levels[:most_levels]
        indicators.append((codes[:, None] == levels).astype(np.float64))
        owners += [n_categories] * len(levels)
        n_categories += 1
    return Encoded(X[:, ~categorical], np.hstack(indicators), np.array(owners, dtype=np.intp), n_categories)


def nearest(train: Encoded, targets: Array, held: Encoded) -> Array:
    """Return the mean target of the nearest training row, or of all rows at the same distance.

    The distance is that of Weka's ``IBk``: numbers are scaled to the unit interval, and two categories are 1 apart.
    But a missing number is taken to be the middle of the range, not the farthest value.
    """
    low, high = _range(train.numeric)

    def place(table: Encoded) -> Array:
        scaled = (table.numeric - low) / np.where(high > low, high - low, 1.0)
        return np.hstack([np.where(np.isnan(scaled), 0.5, scaled), table.indicators * np.sqrt(0.5)])

    distances = euclidean_distances(place(held), place(train), squared=True)
    closest = (distances <= distances.min(axis=1, keepdims=True) + 1e-9).astype(np.float64)
    return closest @ targets / closest.sum(axis=1, keepdims=True)


def linear(train: Encoded, targets: Array, held: Encoded) -> Array:
    """Return ridge regressions of the targets on standardized numbers (missing: the mean) and indicators."""
    mean, deviation = _mean_and_deviation(train.numeric)

    def place(table: Encoded) -> Array:
        scaled = (table.numeric - mean) / deviation
        return np.hstack([np.where(np.isnan(scaled), 0.0, np.clip(scaled, -10, 10)), table.indicators])

    return Ridge(alpha=1.0).fit(place(train), targets).predict(place(held)).reshape(-1, targets.shape[1])


def naive_bayes(train: Encoded, targets: Array, held: Encoded) -> Array:
    """Return the probabilities of naive Bayes with normal numbers and Laplace-smoothed categories.

    Missing cells are left out. As in Weka's ``NaiveBayes``, the deviation within a class is at least a thousandth of
    the column's.
    """
    score = np.log(targets.sum(axis=0) + 1)
    mean, deviation = _mean_and_deviation(train.numeric)
    here, known = ~np.isnan(train.numeric), ~np.isnan(held.numeric)
    value = np.where(here, (train.numeric - mean) / deviation, 0.0)
    seen = np.where(known, (held.numeric - mean) / deviation, 0.0)
    n = targets.T @ here
    center = targets.T @ value / np.maximum(n, 1)
    spread = np.where(n > 1, targets.T @ value**2 / np.maximum(n, 1) - center**2, 1.0)
    precision = 1 / np.maximum(spread, 1e-6)
    constant = 0.5 * np.log(precision) - 0.5 * precision * center**2
    score = score + known @ constant.T + seen @ (precision * center).T - 0.5 * seen**2 @ precision.T
    counts = targets.T @ train.indicators + 1
    total = counts @ np.eye(train.n_categories)[train.owner]
    return special.softmax(score + held.indicators @ np.log(counts / total[:, train.owner]).T, axis=1)


def pruned(model: Any, confidence: float) -> Codes:
    """Return the node that each node of a tree becomes part of under C4.5's pessimistic pruning, shape (n_nodes,).

    A subtree becomes a leaf if the leaf's error, at the upper end of its confidence interval, is no greater
    (J. R. Quinlan, C4.5 (1993), section 4.2; a tenth of an error in favor of the leaf, as in Weka's ``J48``).
    Subtrees are not raised.
    """
    tree = model.tree_
    n = tree.n_node_samples
    errors = n * (1 - tree.value[:, 0, :].max(axis=1))
    expected = n * special.betaincinv(errors + 1, n - errors, 1 - confidence)
    stop = np.zeros(len(n), dtype=bool)
    left, right = tree.children_left, tree.children_right
    for node in np.flatnonzero(left >= 0)[::-1]:  # children come after their parents
        below = expected[left[node]] + expected[right[node]]
        stop[node] = expected[node] <= below + 0.1
        if not stop[node]:
            expected[node] = below
    return _cut(tree, stop)


def truncated(model: Any, depth: int) -> Codes:
    """Return the node that each node of a tree becomes part of when the tree is cut at a depth, shape (n_nodes,)."""
    tree = model.tree_
    depths = np.zeros(tree.node_count, dtype=int)
    for node in np.flatnonzero(tree.children_left >= 0):
        depths[[tree.children_left[node], tree.children_right[node]]] = depths[node] + 1
    return _cut(tree, depths >= depth)


def _cut(tree: Any, stop: NDArray[np.bool_]) -> Codes:
    ends = np.arange(tree.node_count)
    for node in np.flatnonzero(tree.children_left >= 0):
        if stop[ends[node]]:
            ends[[tree.children_left[node], tree.children_right[node]]] = ends[node]
    return ends


def tree_scores(model: Any, cuts: Mapping[str, Codes], held: Encoded, n_outputs: int) -> dict[str, Array]:
    """Return the class shares (for a regression: means) in the leaves of the held-out rows, for each cut of a tree."""
    values = np.zeros((model.tree_.node_count, n_outputs))
    values[:, getattr(model, "classes_", [0])] = model.tree_.value[:, 0, :]
    leaves = model.apply(held.together())
    return {name: values[ends[leaves]] for name, ends in cuts.items()}


def _range(X: Array) -> tuple[Array, Array]:
    """Return the least and the greatest value of each column; NaN for a column without values."""
    return np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0)


def _mean_and_deviation(X: Array) -> tuple[Array, Array]:
    """Return the mean and the deviation of each column, shape (n_columns,); the deviation of a constant column is 1."""
    here = ~np.isnan(X)
    n = np.maximum(here.sum(axis=0), 1)
    mean = np.where(here, X, 0.0).sum(axis=0) / n
    deviation = np.sqrt(np.where(here, (X - mean) ** 2, 0.0).sum(axis=0) / n)
    return mean, np.where(deviation > 1e-13 * np.abs(mean), deviation, 1.0)
