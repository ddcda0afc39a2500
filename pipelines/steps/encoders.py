"""Encoders of category columns, which hold codes 0, 1, ... and NaN; a missing cell is a category like any other."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

Array = NDArray[np.float64]
Positions = NDArray[np.intp]


def find_levels(levels: Array, column: Array) -> Positions:
    """Position of each cell in the sorted levels of training, ``len(levels)`` for what is not among them."""
    at = np.minimum(np.searchsorted(levels, column), len(levels) - 1)
    # NaN sorts last.
    same = (levels[at] == column) | (np.isnan(levels[at]) & np.isnan(column))
    return np.where(same, at, len(levels))


class FrequencyEncoder(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Each category becomes its share of the training rows; what training did not have becomes 0."""

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Count the categories of each column."""
        X = np.asarray(X, dtype=float)
        self.n_features_in_ = X.shape[1]
        counted = [np.unique(column, return_counts=True) for column in X.T]
        self.levels_ = [levels for levels, _ in counted]
        self.shares_ = [np.append(counts / len(X), 0.0) for _, counts in counted]
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Shares of shape (n_samples, n_features)."""
        check_is_fitted(self)
        X = np.asarray(X, dtype=float)
        found = zip(self.shares_, self.levels_, X.T, strict=True)
        return np.column_stack([shares[find_levels(levels, column)] for shares, levels, column in found])


class CodeEncoder(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Category codes as they are, missing ones as -1 or as they are.

    Parameters
    ----------
    keep_missing : bool, default=False
        Leave NaN for models that know what a missing category is.
    """

    def __init__(self, keep_missing: bool = False):
        self.keep_missing = keep_missing

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Nothing to learn but the width."""
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Codes of shape (n_samples, n_features)."""
        X = np.asarray(X, dtype=float)
        return X if self.keep_missing else np.where(np.isnan(X), -1.0, X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")


class TargetMeanEncoder(TransformerMixin, BaseEstimator):
    """Each category becomes the mean target of its rows, shrunk to the mean of all; out of fold on training rows.

    Unlike scikit-learn's `TargetEncoder` it needs no minimum of rows a class, and takes a training part that has only
    two of a table's many classes.

    Parameters
    ----------
    smooth : float
        Number of rows that the overall mean counts for (Micci-Barreca, 2001).
    classification : bool
        Whether the target holds classes: more than two of them make one column each.
    n_splits : int
    """

    def __init__(self, smooth: float = 10.0, classification: bool = True, n_splits: int = 4, random_state: int = 0):
        self.smooth = smooth
        self.classification = classification
        self.n_splits = n_splits
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn the means of all rows."""
        X = np.asarray(X, dtype=float)
        self.n_features_in_ = X.shape[1]
        self.levels_ = [np.unique(column) for column in X.T]
        self.means_ = self._learn(self._find(X), self._targets(y))
        return self

    def fit_transform(self, X: ArrayLike, y: ArrayLike) -> Array:
        """Encode each row by means of the other folds' rows; not the same as ``fit(X, y).transform(X)``."""
        self.fit(X, y)
        positions, targets = self._find(np.asarray(X, dtype=float)), self._targets(y)
        # Folds alternate along the sorted target, so that each holds as much of every class as can be.
        shuffled = np.random.default_rng(self.random_state).permutation(len(targets))
        folds = np.empty(len(targets), dtype=np.intp)
        folds[shuffled[np.argsort(np.asarray(y)[shuffled], kind="stable")]] = np.arange(len(targets)) % self.n_splits
        out = np.empty((len(targets), len(positions) * targets.shape[1]))
        for fold in np.unique(folds):
            own = folds == fold
            # A single row has no other fold to learn from.
            rest = ~own if len(targets) > 1 else own
            means = self._learn([at[rest] for at in positions], targets[rest])
            out[own] = _look_up(means, [at[own] for at in positions])
        return out

    def transform(self, X: ArrayLike) -> Array:
        """Means of shape (n_samples, n_features * n_targets); the overall mean for what training did not have."""
        check_is_fitted(self)
        return _look_up(self.means_, self._find(np.asarray(X, dtype=float)))

    def _find(self, X: Array) -> list[Positions]:
        return [find_levels(levels, column) for levels, column in zip(self.levels_, X.T, strict=True)]

    def _targets(self, y: ArrayLike) -> Array:
        """What is averaged, shape (n_samples, n_targets)."""
        if not self.classification:
            return np.asarray(y, dtype=float)[:, None]
        classes, codes = np.unique(np.asarray(y), return_inverse=True)
        return codes[:, None].astype(float) if len(classes) <= 2 else np.eye(len(classes))[codes]

    def _learn(self, positions: list[Positions], targets: Array) -> list[Array]:
        """Of each column, the means of its levels and last that of an unknown one, ``(n_levels + 1, n_targets)``."""
        overall = targets.mean(axis=0)
        means = []
        for at, levels in zip(positions, self.levels_, strict=True):
            size = len(levels) + 1
            counts = np.bincount(at, minlength=size)[:, None]
            sums = np.column_stack([np.bincount(at, target, minlength=size) for target in targets.T])
            means.append((sums + self.smooth * overall) / (counts + self.smooth))
        return means


def _look_up(means: list[Array], positions: list[Positions]) -> Array:
    return np.column_stack([values[at] for values, at in zip(means, positions, strict=True)])
