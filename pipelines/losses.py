"""Losses of regression that a model can be trained with, and the form of the target that each loss needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SQUARED_ERROR = "squared_error"
# The deviances of Poisson, gamma and Tweedie distributions. Their models predict the logarithm of the mean.
LOG_LINK = ("poisson", "gamma", "tweedie")
TWEEDIE_POWER = 1.5  # of the variance: between the Poisson distribution (1) and the gamma distribution (2)
LOG_RANGE = (-15.0, 15.0)  # outputs of networks with a logarithmic link that count; exp(15) is 3 million
PINBALL = "pinball"  # of quantiles; no choice of the search, because a task of quantiles has no other loss
HUBER_DELTA = 0.5  # standard deviations of the target; larger errors count with their absolute value
MIN_SHARE = 0.01  # of the median of the absolute targets: no row counts more in the loss "percentage_error"


def usable_loss(loss: str, y: Array) -> str:
    """Return the loss, or squared error where the loss has no value for a target.

    The table allows the loss, but the rows of a fold may all be 0, and later rows may be negative.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)

    Examples
    --------
    >>> [usable_loss("gamma", np.array(y)) for y in ([1.0, 2.0], [0.0, 2.0])]
    ['gamma', 'squared_error']
    """
    if loss not in LOG_LINK:
        return loss
    allowed = y.min() > 0 if loss == "gamma" else y.min() >= 0 and y.max() > 0
    return loss if allowed else SQUARED_ERROR


def percentage_weights(y: Array) -> Array:
    """Return weights with which the absolute error is the absolute percentage error, up to a constant factor.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples,)
        With mean 1. Targets near 0 count as a hundredth of the median, because a single row must not decide.
    """
    size = np.abs(y)
    typical = float(np.median(size)) or float(size.mean()) or 1.0
    weight = 1.0 / np.maximum(size, MIN_SHARE * typical)
    return np.asarray(weight / weight.mean())


def mean_scale(y: Array, weight: Array | None) -> tuple[Array, float, float]:
    """Return a target divided by its mean, for the losses of `LOG_LINK`; also return 0 and the mean.

    The three results correspond to those of a standardization: a centered and scaled target, the center, the scale.
    """
    scale = float(np.average(y, weights=weight)) or 1.0
    return y / scale, 0.0, scale
