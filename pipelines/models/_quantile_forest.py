"""Quantile forests: the training targets in the leaves of a forest."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from pipelines.models._target import StandardizedRegressor
from pipelines.weights import weighted_rows

Array = NDArray[Any]

VALUES = 3  # of the target that each leaf keeps; 200 trees give 600 values for each row
_CELLS_AT_ONCE = 4_000_000  # values that are sorted in one call


class QuantileForest(RegressorMixin, BaseEstimator):
    """Quantiles of the training targets in the leaves that a row reaches (Meinshausen, "Quantile regression forests",
    JMLR 7, 2006).

    Each leaf keeps a few of its targets, evenly spaced in their order, so that all trees and leaves count the same, as
    in the paper. Rows outside of the bootstrap sample of a tree count as well.

    Parameters
    ----------
    regressor : StandardizedRegressor
        An unfitted forest.
    quantiles : tuple of float
        Levels in ascending order.
    random_state : int
        Seed of the places of the kept targets.

    Attributes
    ----------
    regressor_ : StandardizedRegressor
    values_ : ndarray of shape (n_nodes, 3), float32
        The kept targets, standardized, of the nodes of all trees, one tree after the other; 0 for inner nodes.
    n_iter_ : int
        Number of trees.
    cut_ : bool
        Whether the time limit has left trees out.
    """

    def __init__(self, regressor: StandardizedRegressor, quantiles: tuple[float, ...], random_state: int = 0):
        self.regressor = regressor
        self.quantiles = quantiles
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the forest, and keep targets of its leaves."""
        X, target, weight = weighted_rows(X, y, sample_weight)
        self.regressor_ = clone(self.regressor).fit(X, target, sample_weight=weight)
        standard = (target - self.regressor_.mean_) / self.regressor_.scale_
        weight = np.ones(len(target)) if weight is None else weight
        rng, table, trees = np.random.default_rng(self.random_state), as_tree_table(X), self._trees()
        self.values_ = np.concatenate([_values_of_leaves(tree, table, standard, weight, rng) for tree in trees])
        self.n_iter_, self.cut_ = len(trees), bool(getattr(self.regressor_, "cut_", False))
        return self

    def _trees(self) -> list[Any]:
        forest = self.regressor_.regressor_
        return [tree.tree_ for tree in getattr(forest, "forest_", forest).estimators_]

    def predict(self, X: Any) -> Array:
        """Return quantiles of shape (n_samples, n_quantiles)."""
        check_is_fitted(self)
        trees, table = self._trees(), as_tree_table(X)
        starts = np.cumsum([0, *(tree.node_count for tree in trees)])
        size = max(1, _CELLS_AT_ONCE // (VALUES * len(trees)))
        parts = []
        for first in range(0, table.shape[0], size):
            rows = table[first : first + size]
            leaves = np.column_stack([tree.apply(rows) + start for tree, start in zip(trees, starts, strict=False)])
            kept = self.values_[leaves].reshape(rows.shape[0], -1)
            parts.append(np.quantile(kept, self.quantiles, axis=1).T)
        standard = np.concatenate(parts).astype(np.float64)
        return np.asarray(self.regressor_.mean_ + self.regressor_.scale_ * standard)


def as_tree_table(X: Any) -> Any:
    """Return the table as the trees of scikit-learn take it."""
    if not sparse.issparse(X):
        return np.ascontiguousarray(X, dtype=np.float32)
    X = sparse.csr_matrix(X, dtype=np.float32)
    X.indices, X.indptr = X.indices.astype(np.intc, copy=False), X.indptr.astype(np.intc, copy=False)
    return X


def _values_of_leaves(tree: Any, table: Any, y: Array, weight: Array, rng: np.random.Generator) -> Array:
    """Return targets of each leaf, evenly spaced by their weights, shape (n_nodes, `VALUES`)."""
    leaves = tree.apply(table)
    order = np.lexsort((y, leaves))
    ends = np.cumsum(weight[order])
    nodes, first = np.unique(leaves[order], return_index=True)
    last = np.append(first[1:], len(order)) - 1
    low, high = ends[first] - weight[order][first], ends[last]
    places = (np.arange(VALUES) + rng.random((len(nodes), VALUES))) / VALUES
    drawn = np.searchsorted(ends, low[:, None] + (high - low)[:, None] * places, side="right")
    values = np.zeros((tree.node_count, VALUES), dtype=np.float32)
    values[nodes] = y[order][np.clip(drawn, first[:, None], last[:, None])]
    return values
