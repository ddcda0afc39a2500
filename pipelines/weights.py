"""Sample weights without a unit: rows of weight 0 are left out, and only the ratios of the other weights matter."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

_DIVISORS = (1, 2, 3, 4, 5)  # the unit of counts is the smallest weight divided by one of these numbers
_MAX_MEAN_COUNT = 10.0  # weights with a larger mean count are amounts, for example of money
MAX_REPEATED_CELLS = 10_000_000  # of a table with repeated rows: 80 MB
_TOLERANCE = 1e-6  # relative; a sum or a division may have rounded the weights


def relative_weights(sample_weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return positive weights in a unit of their own.

    Weights that are small multiples of a common unit are counts: a row of weight 3 is the same as three rows. Other
    weights get the mean 1, so that penalties of a model count as much as without weights.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.

    Examples
    --------
    >>> relative_weights(np.array([0.2, 0.3, 0.2])).tolist()
    [2.0, 3.0, 2.0]
    >>> float(relative_weights(np.array([1e-9, 1.5e-7, 1.49e-7])).mean().round(6))
    1.0
    """
    ratio = sample_weight / sample_weight.min()
    for divisor in _DIVISORS:
        counts = np.round(divisor * ratio)
        if counts.mean() > _MAX_MEAN_COUNT:
            break
        if np.allclose(divisor * ratio, counts, rtol=_TOLERANCE, atol=0.0):
            return np.asarray(counts)
    return np.asarray(sample_weight / sample_weight.mean())


def row_counts(sample_weight: NDArray[np.float64]) -> NDArray[np.intp] | None:
    """Return positive weights as numbers of equal rows; None if the weights are not counts.

    Examples
    --------
    >>> row_counts(np.array([0.2, 0.3, 0.2])).tolist()
    [2, 3, 2]
    """
    weights = relative_weights(sample_weight)
    counts = weights.astype(np.intp)
    return counts if (counts == weights).all() else None


def weighted_column_quantiles(
    X: NDArray[np.float64], quantiles: ArrayLike, weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return quantiles of each column without its missing cells, shape (n_quantiles, n_features).

    Where the weights are counts, the result is that of `numpy.nanquantile` for repeated rows. Other weights are counts
    of copies that are as heavy as the lightest known cell of the column; the last copy of a row may be a part of one.
    So the quantiles 0 and 1 are the minimum and the maximum, and mirroring a column mirrors its quantiles. A column
    without a value gets NaN.

    Parameters
    ----------
    weight : ndarray of shape (n_samples,)
        Positive weights.

    Examples
    --------
    >>> X, weight = np.array([[1.0], [2.0], [5.0]]), np.array([0.3, 0.5, 2.2])
    >>> weighted_column_quantiles(X, [0.0, 0.5, 1.0], weight).ravel().tolist()
    [1.0, 5.0, 5.0]
    """
    found = np.full((len(np.atleast_1d(quantiles)), X.shape[1]), np.nan)
    counts = row_counts(weight)
    for j, column in enumerate(X.T):
        order = np.argsort(column, kind="stable")[: np.count_nonzero(~np.isnan(column))]  # NaN sorts last
        if not len(order):
            continue
        copies = weight[order] if counts is None else counts[order]
        one = 1.0 if counts is not None else copies.min()
        # The quantile stays at a row from its first copy to its last one, and then moves to the next row.
        steps = np.full(2 * len(order), one)
        steps[0], steps[1::2] = 0.0, copies - one
        places = np.cumsum(steps)
        found[:, j] = np.interp(np.asarray(quantiles) * places[-1], places, column[order].repeat(2))
    return found


def repeated_rows(X: Any, y: NDArray[Any], sample_weight: NDArray[np.float64] | None) -> tuple[Any, NDArray[Any]]:
    """Return a table in which each row occurs as often as its weight says, and its target.

    No row is repeated where the weights are not counts, or where the result would be large.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_samples,) or None
        Rows of weight 0 are left out.
    """
    if sample_weight is None or not sample_weight.any():
        return X, y
    kept = np.flatnonzero(sample_weight)
    counts = row_counts(sample_weight[kept])
    rows = kept
    if counts is not None and counts.sum() * X.shape[1] <= MAX_REPEATED_CELLS:
        rows = np.repeat(kept, counts)
    elif len(kept) == len(y):
        return X, y  # a copy of a large table takes memory
    return X[rows], y[rows]


def weighted_rows(
    X: Any, y: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None]:
    """Return the rows with a positive weight: features, target and relative weights.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,) or None
        None gives all rows the same weight.
    """
    target = np.asarray(y)
    if sample_weight is None:
        return X, target, None
    weight = np.asarray(sample_weight, dtype=np.float64)
    counted = weight > 0
    if not counted.any():  # a fold may have no other rows; without weights they still give a model
        return X, target, None
    if not counted.all():
        X, target, weight = X[counted], target[counted], weight[counted]
    return X, target, relative_weights(weight)


def fit_weighted(model: Any, X: Any, y: NDArray[Any], weight: NDArray[np.float64] | None) -> Any:
    """Fit a model, and return it; without weights, its `fit` does not need to know the argument ``sample_weight``.

    An exported script trains estimators of scikit-learn, some of which take no weights.
    """
    return model.fit(X, y) if weight is None else model.fit(X, y, sample_weight=weight)


def leaf_parameters(estimator: Any, weight: NDArray[np.float64] | None) -> dict[str, Any]:
    """Return parameters of a tree or forest that count the rows of a leaf by their relative weights.

    Without weights, scikit-learn's ``min_samples_leaf`` counts the same.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> leaf_parameters(DecisionTreeRegressor(min_samples_leaf=2), np.array([1.0, 3.0, 2.0]))
    {'min_samples_leaf': 1, 'min_weight_fraction_leaf': 0.25}
    """
    rows = getattr(estimator, "min_samples_leaf", 1)
    if weight is None or rows == 1 or not hasattr(estimator, "min_weight_fraction_leaf"):
        return {}
    # Half a row less, because the sum of the weights of a leaf is rounded.
    return {"min_samples_leaf": 1, "min_weight_fraction_leaf": min(0.5, float((rows - 0.5) / weight.sum()))}


class RelativeWeights:
    """Base class that comes before a class of scikit-learn, whose `fit` then gets the result of `weighted_rows`."""

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to the rows with a positive weight."""
        X, target, weight = weighted_rows(X, y, sample_weight)
        changed = leaf_parameters(self, weight)
        given = {name: getattr(self, name) for name in changed}
        vars(self).update(changed)
        try:
            super().fit(X, target, sample_weight=weight)  # type: ignore[misc]
        finally:
            vars(self).update(given)
        return self
