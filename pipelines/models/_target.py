"""Regression on a standardized target, for models whose penalties and losses depend on the unit of the target."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from pipelines.weights import leaf_parameters, weighted_rows


def standardize(y: ArrayLike, weight: np.ndarray | None = None) -> tuple[np.ndarray, float, float]:
    """Return a target minus its weighted mean, divided by its weighted standard deviation; also return both numbers.

    Where the deviation is only the rounding of equal numbers, it is taken to be 1.
    """
    target = np.asarray(y, dtype=np.float64)
    mean = float(np.average(target, weights=weight))
    centered = target - mean
    scale = float(np.sqrt(np.average(centered**2, weights=weight)))
    if not scale > 1e-13 * abs(mean):
        scale = 1.0
    return centered / scale, mean, scale


def standardize_columns(y: np.ndarray, weight: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return several targets, each standardized; also return their means and deviations, shape (n_targets,)."""
    columns, means, scales = zip(*(standardize(column, weight) for column in y.T), strict=True)
    return np.column_stack(columns), np.array(means), np.array(scales)


def as_values(output: ArrayLike) -> np.ndarray:
    """Return predictions as an array of shape (n_samples,), or (n_samples, n_targets) for several targets."""
    values = np.asarray(output)
    return values if values.ndim == 2 and values.shape[1] > 1 else values.ravel()


class StandardizedRegressor(RegressorMixin, BaseEstimator):
    """Fit a regressor to the target minus its mean, divided by its standard deviation; or to several such targets.

    Parameters
    ----------
    regressor : estimator
    weighted : bool
        Whether ``regressor.fit`` takes ``sample_weight``.
    """

    def __init__(self, regressor: BaseEstimator, weighted: bool = True):
        self.regressor = regressor
        self.weighted = weighted

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the regressor."""
        X, target, weight = weighted_rows(X, y, sample_weight)
        self.mean_: Any
        self.scale_: Any
        if target.ndim == 2:
            standard, self.mean_, self.scale_ = standardize_columns(target, weight)
        else:
            standard, self.mean_, self.scale_ = standardize(target, weight)
        weights = {"sample_weight": weight} if self.weighted else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of iterations is low on purpose
            regressor = clone(self.regressor).set_params(**leaf_parameters(self.regressor, weight))
            self.regressor_ = regressor.fit(X, standard, **weights)
        for name in ("n_iter_", "cut_"):
            if hasattr(self.regressor_, name):
                setattr(self, name, getattr(self.regressor_, name))
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return predictions in the unit of the target, shape (n_samples,), or (n_samples, n_targets)."""
        check_is_fitted(self)
        return np.asarray(self.mean_ + self.scale_ * as_values(self.regressor_.predict(X)))
