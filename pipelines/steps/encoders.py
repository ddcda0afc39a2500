"""Encoders of category columns, which hold codes 0, 1, ... and NaN; a missing cell counts as a category."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]


def find_levels(levels: Floats, column: Floats) -> Positions:
    """Return the position of each cell in the sorted levels of training; an unknown level has ``len(levels)``."""
    at = np.minimum(np.searchsorted(levels, column), len(levels) - 1)
    # NaN sorts last.
    same = (levels[at] == column) | (np.isnan(levels[at]) & np.isnan(column))
    return np.where(same, at, len(levels))


class FrequencyEncoder(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Replaces each category by its share of the training rows, and a category without training rows by 0."""

    __metadata_request__fit: ClassVar = {"row_weights": True}  # scikit-learn passes weights on

    def fit(self, X: ArrayLike, y: Any = None, row_weights: Floats | None = None) -> Self:
        """Count the categories of each column."""
        X = np.asarray(X, dtype=float)
        self.n_features_in_ = X.shape[1]
        weight = np.ones(len(X)) if row_weights is None else row_weights
        counted = [np.unique(column, return_inverse=True) for column in X.T]
        self.levels_ = [levels for levels, _ in counted]
        self.shares_ = [np.append(np.bincount(at, weight) / weight.sum(), 0.0) for _, at in counted]
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return shares of shape (n_samples, n_features)."""
        check_is_fitted(self)
        X = np.asarray(X, dtype=float)
        found = zip(self.shares_, self.levels_, X.T, strict=True)
        return np.column_stack([shares[find_levels(levels, column)] for shares, levels, column in found])


class CodeEncoder(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Leaves category codes as they are, and replaces missing cells by -1 or leaves them, too.

    Parameters
    ----------
    keep_missing : bool, default=False
        Whether missing cells stay NaN, for models that accept missing categories.
    """

    def __init__(self, keep_missing: bool = False):
        self.keep_missing = keep_missing

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn the number of columns."""
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return codes of shape (n_samples, n_features)."""
        X = np.asarray(X, dtype=float)
        return X if self.keep_missing else np.where(np.isnan(X), -1.0, X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")


class TargetMeanEncoder(TransformerMixin, BaseEstimator):
    """Replaces each category by the mean target of its rows, shrunk to the mean of all rows.

    Training rows are encoded out of fold. Unlike scikit-learn's `TargetEncoder` this encoder needs no minimum number
    of rows per class, and accepts training rows of only two of the many classes of a table.

    Parameters
    ----------
    smooth : float
        Number of rows for which the overall mean counts (Micci-Barreca, 2001).
    classification : bool
        Whether the target holds classes. With more than two classes, each class gives one column.
    n_splits : int
    """

    # Pipelines of scikit-learn pass the arguments on to `fit_transform`, whose requests are those of `fit`.
    __metadata_request__fit: ClassVar = {"row_numbers": True, "row_weights": True}

    def __init__(self, smooth: float = 10.0, classification: bool = True, n_splits: int = 4, random_state: int = 0):
        self.smooth = smooth
        self.classification = classification
        self.n_splits = n_splits
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, row_weights: Floats | None = None) -> Self:
        """Learn the mean targets of the categories from all rows."""
        X = np.asarray(X, dtype=float)
        self.n_features_in_ = X.shape[1]
        self.levels_ = [np.unique(column) for column in X.T]
        self.means_ = self._learn_means(self._find_positions(X), self._targets(y), row_weights)
        return self

    def fit_transform(
        self, X: ArrayLike, y: ArrayLike, row_numbers: ArrayLike | None = None, row_weights: Floats | None = None
    ) -> Floats:
        """Encode each row by the means of the other folds; the result differs from ``fit(X, y).transform(X)``.

        Parameters
        ----------
        row_numbers : array-like of int of shape (n_samples,), optional
            Copies of a row have the same number; by default there are none.
        row_weights : ndarray of shape (n_samples,), optional
            Relative weights: a row of weight 2 counts as two rows.
        """
        self.fit(X, y, row_weights)
        positions, targets = self._find_positions(np.asarray(X, dtype=float)), self._targets(y)
        numbers = np.arange(len(targets)) if row_numbers is None else np.asarray(row_numbers)
        _, first, row = np.unique(numbers, return_index=True, return_inverse=True)
        folds = self._draw_folds(np.asarray(y)[first])[row]
        out = np.empty((len(targets), len(positions) * targets.shape[1]))
        for fold in np.unique(folds):
            own = folds == fold
            # With a single row there is no other fold to learn from.
            rest = own if own.all() else ~own
            weight = None if row_weights is None else row_weights[rest]
            means = self._learn_means([at[rest] for at in positions], targets[rest], weight)
            out[own] = _look_up(means, [at[own] for at in positions])
        return out

    def transform(self, X: ArrayLike) -> Floats:
        """Return means of shape (n_samples, n_features * n_targets); an unknown category gets the overall mean."""
        check_is_fitted(self)
        return _look_up(self.means_, self._find_positions(np.asarray(X, dtype=float)))

    def _draw_folds(self, y: NDArray[Any]) -> Positions:
        """Return the fold of each row."""
        # The fold numbers alternate along the sorted target, so that each fold has about the same share of each class.
        shuffled = np.random.default_rng(self.random_state).permutation(len(y))
        folds = np.empty(len(y), dtype=np.intp)
        folds[shuffled[np.argsort(y[shuffled], kind="stable")]] = np.arange(len(y)) % self.n_splits
        return folds

    def _find_positions(self, X: Floats) -> list[Positions]:
        return [find_levels(levels, column) for levels, column in zip(self.levels_, X.T, strict=True)]

    def _targets(self, y: ArrayLike) -> Floats:
        """Return the columns to average, shape (n_samples, n_targets)."""
        if not self.classification:
            return np.asarray(y, dtype=float)[:, None]
        classes, codes = np.unique(np.asarray(y), return_inverse=True)
        return codes[:, None].astype(float) if len(classes) <= 2 else np.eye(len(classes))[codes]

    def _learn_means(self, positions: list[Positions], targets: Floats, weight: Floats | None) -> list[Floats]:
        """Return for each column the means of its levels and of an unknown level, shape (n_levels + 1, n_targets)."""
        overall = np.average(targets, axis=0, weights=weight)
        if weight is not None:
            targets = targets * weight[:, None]
        means = []
        for at, levels in zip(positions, self.levels_, strict=True):
            size = len(levels) + 1
            counts = np.bincount(at, weight, minlength=size)[:, None]
            sums = np.column_stack([np.bincount(at, target, minlength=size) for target in targets.T])
            means.append((sums + self.smooth * overall) / (counts + self.smooth))
        return means


def _look_up(means: list[Floats], positions: list[Positions]) -> Floats:
    return np.column_stack([values[at] for values, at in zip(means, positions, strict=True)])
