"""Regression on a standardized target, for models whose penalties and losses depend on the unit of the target."""

from __future__ import annotations

import warnings
from typing import Self

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


class StandardizedRegressor(RegressorMixin, BaseEstimator):
    """Fit a regressor to the target minus its mean, divided by its standard deviation.

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
        """Return predictions in the unit of the target, shape (n_samples,)."""
        check_is_fitted(self)
        return self.mean_ + self.scale_ * np.asarray(self.regressor_.predict(X)).ravel()
