"""The proportional odds model: the cumulative probabilities of ordered classes are logistic functions of one number.

The probability of at most the class with rank j is ``sigmoid(thresholds[j] - X @ coefficients)``. Source: McCullagh,
1980, "Regression models for ordinal data", section 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

Array = NDArray[Any]

_GAP_RANGE = (-12.0, 6.0)  # of the logarithms of the gaps between thresholds


def fit_cumulative_logits(
    X: Any, ranks: Array, n_classes: int, weight: Array | None = None, penalty: float = 0.0, max_steps: int = 200
) -> tuple[Array, Array, int]:
    """Maximize the likelihood of a proportional odds model, with a penalty of large coefficients.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    ranks : ndarray of int, shape (n_samples,)
        From 0; each rank below `n_classes` occurs.
    weight : ndarray of shape (n_samples,), optional
        Weights of the rows.
    penalty : float
        Half of this number times the sum of the squared coefficients is added to the negative log-likelihood.
    max_steps : int
        Largest number of steps of L-BFGS.

    Returns
    -------
    coefficients : ndarray of shape (n_features,)
    thresholds : ndarray of shape (n_classes - 1,)
        In ascending order.
    n_steps : int
        Number of steps that were taken.
    """
    counts = np.ones(len(ranks)) if weight is None else weight
    n_features = X.shape[1]
    shares = np.cumsum(np.bincount(ranks, counts, minlength=n_classes))[:-1] / counts.sum()
    first = np.log(shares / (1 - shares))
    gaps = np.log(np.maximum(np.diff(first), 1e-3))
    start = np.concatenate([np.zeros(n_features), first[:1], gaps])
    bounds = [(None, None)] * (n_features + 1) + [_GAP_RANGE] * len(gaps)
    total = float(counts.sum())
    found = minimize(
        _mean_loss,
        start,
        args=(X, ranks, counts / total, penalty / total),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": max_steps},
    )
    return found.x[:n_features], _thresholds(found.x[n_features:]), int(found.nit)


def class_probabilities(scores: Array, thresholds: Array) -> Array:
    """Return the probabilities of the classes in the order of their ranks, shape (n_samples, n_classes).

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        ``X @ coefficients``.

    Examples
    --------
    >>> class_probabilities(np.array([0.0]), np.array([-np.log(3), np.log(3)])).round(3).tolist()
    [[0.25, 0.5, 0.25]]
    """
    reached = expit(thresholds - scores[:, None])
    return np.diff(reached, axis=1, prepend=0.0, append=1.0)


def _thresholds(parameters: Array) -> Array:
    """Return ascending thresholds from the first one and the logarithms of the gaps."""
    return np.asarray(np.cumsum(np.concatenate([parameters[:1], np.exp(parameters[1:])])))


def _mean_loss(parameters: Array, X: Any, ranks: Array, shares: Array, penalty: float) -> tuple[float, Array]:
    """Return the mean negative log-likelihood with its penalty, and its gradient.

    With the limits ``low < high`` of a class on the axis of the scores, the probability is sigmoid(high) -
    sigmoid(low) = sigmoid(high) * sigmoid(-low) * (1 - exp(low - high)), which does not lose digits.
    """
    n_features = X.shape[1]
    coefficients, own = parameters[:n_features], parameters[n_features:]
    thresholds, n_inner = _thresholds(own), len(own) - 1
    scores = np.asarray(X @ coefficients)
    is_last, is_first = ranks > n_inner, ranks == 0
    high = thresholds[np.minimum(ranks, n_inner)] - scores
    low = thresholds[np.maximum(ranks - 1, 0)] - scores
    inner = np.exp(own[1:])  # the width of each class between two thresholds
    # The last entry serves for the first and the last class, which have no limit on one side.
    inside = np.where(is_first | is_last, n_inner, ranks - 1)
    width_terms = np.append(np.log(-np.expm1(-inner)), 0.0)
    width_slopes = np.append(1.0 / np.expm1(inner), 0.0)[inside]
    likelihood = (
        np.where(is_last, 0.0, log_expit(high)) + np.where(is_first, 0.0, log_expit(-low)) + width_terms[inside]
    )
    by_high = shares * np.where(is_last, 0.0, expit(-high) + width_slopes)
    by_low = shares * np.where(is_first, 0.0, -expit(low) - width_slopes)
    by_threshold = np.bincount(np.minimum(ranks, n_inner), by_high, minlength=n_inner + 1)
    by_threshold += np.bincount(np.maximum(ranks - 1, 0), by_low, minlength=n_inner + 1)
    later = np.cumsum(by_threshold[::-1])[::-1]  # a gap moves all later thresholds
    gradient = np.concatenate([np.asarray(X.T @ -(by_high + by_low)), later[:1], later[1:] * inner])
    gradient[:n_features] -= penalty * coefficients
    return float(-shares @ likelihood + penalty / 2 * coefficients @ coefficients), -gradient
