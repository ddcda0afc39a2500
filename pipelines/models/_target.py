"""Regression on a standardized target, for models whose penalties and losses depend on the unit of the target."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted


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
        target = np.asarray(y, dtype=np.float64)
        self.mean_ = float(target.mean())
        self.scale_ = float(target.std()) or 1.0
        weight = {"sample_weight": sample_weight} if self.weighted else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of iterations is low on purpose
            self.regressor_ = clone(self.regressor).fit(X, (target - self.mean_) / self.scale_, **weight)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return predictions in the unit of the target, shape (n_samples,)."""
        check_is_fitted(self)
        return self.mean_ + self.scale_ * np.asarray(self.regressor_.predict(X)).ravel()
