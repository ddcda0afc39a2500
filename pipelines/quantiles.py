"""Quantiles of a target: their loss, their values for rows of a table, and predictions that never cross.

The predictions of several quantiles are an array of shape (n_samples, n_quantiles), in ascending order of the levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MIDDLE = 0.5


def pinball_loss(y: Array, predictions: Array, quantiles: Sequence[float], sample_weight: Array | None = None) -> float:
    """Return the mean pinball loss over the rows and the quantiles (Koenker and Bassett, 1978).

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    predictions : ndarray of shape (n_samples, n_quantiles), or (n_samples,) for the same number as each quantile
    quantiles : sequence of float
        Levels, each between 0 and 1.
    sample_weight : ndarray of shape (n_samples,), optional

    Examples
    --------
    >>> round(pinball_loss(np.array([1.0, 2.0]), np.array([[1.0, 1.0], [1.0, 3.0]]), (0.1, 0.9)), 6)
    0.05
    """
    return float(np.average(pinball_losses(y, predictions, quantiles).mean(axis=1), weights=sample_weight))


def pinball_losses(y: Array, predictions: Array, quantiles: Sequence[float]) -> Array:
    """Return the pinball loss of each row and quantile, shape (n_samples, n_quantiles)."""
    levels = np.asarray(quantiles)
    errors = y[:, None] - (predictions[:, None] if predictions.ndim == 1 else predictions)
    return np.asarray(np.maximum(levels * errors, (levels - 1) * errors))


def uncrossed(predictions: Array) -> Array:
    """Return predictions of quantiles in ascending order in each row.

    Sorting never raises the pinball loss (Chernozhukov, Fernandez-Val and Galichon, "Quantile and probability curves
    without crossing", Econometrica 78, 2010).
    """
    return np.sort(predictions, axis=-1)


def middle(predictions: Array, quantiles: Sequence[float]) -> Array:
    """Return the predicted quantile that is nearest to the median, shape (n_samples,); the mean of two equally near.

    Examples
    --------
    >>> middle(np.array([[1.0, 2.0, 6.0]]), (0.1, 0.5, 0.9)), middle(np.array([[1.0, 6.0]]), (0.1, 0.9))
    (array([2.]), array([3.5]))
    """
    distances = np.abs(np.asarray(quantiles) - MIDDLE)
    return np.asarray(predictions[..., np.isclose(distances, distances.min())].mean(axis=-1))


def lowest_loss_quantiles(values: Array, quantiles: Sequence[float], sample_weight: Array | None = None) -> Array:
    """Return quantiles of weighted values, which have the lowest pinball loss of all constants.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    sample_weight : ndarray of shape (n_samples,), optional

    Returns
    -------
    ndarray of shape (n_quantiles,)

    Examples
    --------
    >>> lowest_loss_quantiles(np.array([3.0, 1.0, 2.0]), (0.2, 0.5), np.array([1.0, 1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    order = np.argsort(values, kind="stable")
    shares = np.cumsum(np.ones(len(values)) if sample_weight is None else sample_weight[order])
    # A share of 0.3 may be rounded to a number slightly above the level 0.3.
    places = np.searchsorted(shares / shares[-1], np.asarray(quantiles) - 1e-12)
    return np.asarray(values[order][np.minimum(places, len(values) - 1)])


def quantiles_of_rows(values: Array, weights: Array, quantiles: Sequence[float]) -> Array:
    """Return the quantiles of the weighted values in each row, interpolated between neighboring values.

    Parameters
    ----------
    values, weights : ndarray of shape (n_samples, n_values)
        The weights are positive.

    Returns
    -------
    ndarray of shape (n_samples, n_quantiles)
    """
    order = np.argsort(values, axis=1)
    values, weights = np.take_along_axis(values, order, 1), np.take_along_axis(weights, order, 1)
    ends = np.cumsum(weights, axis=1)
    places = (ends - weights / 2) / ends[:, -1:]
    pairs = zip(places, values, strict=True)
    return np.stack([np.interp(quantiles, place, value) for place, value in pairs])
