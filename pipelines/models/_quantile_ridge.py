"""Linear quantile regression with a ridge penalty."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from pipelines.models._target import standardize
from pipelines.quantiles import lowest_loss_quantiles, uncrossed
from pipelines.weights import weighted_rows

Array = NDArray[Any]

_LEAST_BANDWIDTH = 0.02  # standard deviations of the target
_MAX_STEPS = 200


class QuantileRidge(RegressorMixin, BaseEstimator):
    """A linear model of each quantile, with the squared norm of its coefficients as the penalty.

    The corner of the pinball loss is rounded, so that a quasi-Newton method finds the minimum in seconds also for many
    rows: the loss is convolved with the density of the logistic distribution (He, Pan, Tan and Zhou, "Smoothed quantile
    regression with large-scale inference", Journal of Econometrics 232, 2023). Then each intercept is moved so that the
    right share of the training rows lies below the predictions.

    Parameters
    ----------
    alpha : float
        Factor of the penalty, beside the sum of the losses of all rows, for a standardized target.
    quantiles : tuple of float
        Levels in ascending order.

    Attributes
    ----------
    coef_ : ndarray of shape (n_quantiles, n_features)
    intercept_ : ndarray of shape (n_quantiles,)
    """

    def __init__(self, alpha: float, quantiles: tuple[float, ...]):
        self.alpha = alpha
        self.quantiles = quantiles

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the models, each from the coefficients of the one before."""
        X, target, weight = weighted_rows(X, y, sample_weight)
        standard, mean, scale = standardize(target, weight)
        shares = np.full(len(target), 1 / len(target)) if weight is None else weight / weight.sum()
        n_rows, start = len(target) if weight is None else float(weight.sum()), np.zeros(X.shape[1] + 1)
        bandwidth = max(_LEAST_BANDWIDTH, ((np.log(n_rows) + X.shape[1]) / n_rows) ** 0.4 / 4)
        self.coef_, self.intercept_ = np.empty((len(self.quantiles), X.shape[1])), np.empty(len(self.quantiles))
        for place, level in enumerate(self.quantiles):
            start[0] = lowest_loss_quantiles(standard - X @ start[1:], [level], shares)[0]
            known = (X, standard, shares, level, bandwidth, self.alpha / n_rows)
            start = minimize(
                _smoothed_loss, start, known, jac=True, method="L-BFGS-B", options={"maxiter": _MAX_STEPS}
            ).x
            start[0] = lowest_loss_quantiles(standard - X @ start[1:], [level], shares)[0]
            self.coef_[place], self.intercept_[place] = scale * start[1:], mean + scale * start[0]
        return self

    def predict(self, X: Any) -> Array:
        """Return quantiles of shape (n_samples, n_quantiles)."""
        check_is_fitted(self)
        return uncrossed(np.asarray(X @ self.coef_.T + self.intercept_))


def _smoothed_loss(
    v: Array, X: Any, y: Array, shares: Array, level: float, bandwidth: float, alpha: float
) -> tuple[float, Array]:
    """Return the rounded pinball loss with the penalty, and its gradient, for an intercept and coefficients."""
    errors = y - X @ v[1:] - v[0]
    rounded = level * errors + bandwidth * np.logaddexp(0, -errors / bandwidth)
    slopes = shares * (expit(-errors / bandwidth) - level)
    gradient = np.concatenate([[slopes.sum()], X.T @ slopes + alpha * v[1:]])
    return float(shares @ rounded + alpha / 2 * v[1:] @ v[1:]), gradient
