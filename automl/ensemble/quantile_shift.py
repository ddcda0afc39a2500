"""Calibrate the predicted quantiles of an ensemble: a shift of each quantile from its out-of-fold errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.quantiles import pinball_loss, uncrossed, weighted_quantiles

Array = NDArray[Any]

_FOLDS = 5  # of the comparison of the two kinds of shifts
_FEWEST_ROWS = 50  # with fewer rows, a shift of an outer quantile would rest on one or two of them
_LEAST_WIDTH = 0.1  # of the median width of all rows, so that no row has a width of 0


@dataclass(frozen=True)
class QuantileShift:
    """A number that is added to each quantile, for all rows or in proportion to the width of a row.

    Attributes
    ----------
    shifts : ndarray of shape (n_quantiles,)
        In the unit of the target, or in widths.
    least_width : float or None
        The smallest width of a row, which is the distance between its outer quantiles; None for equal shifts.
    """

    shifts: Array
    least_width: float | None = None

    def __call__(self, predictions: Array) -> Array:
        """Return the shifted quantiles in ascending order, shape (n_samples, n_quantiles)."""
        ascending = uncrossed(predictions)
        return uncrossed(ascending + self.shifts * _widths(ascending, self.least_width))


def fit_shift(
    y: Array,
    predictions: Array,
    quantiles: tuple[float, ...],
    sample_weight: Array | None = None,
    random_state: int = 0,
) -> QuantileShift | None:
    """Return the shifts after which the right share of out-of-fold rows lies below each quantile.

    The shift of a quantile is the quantile, at its level, of the errors of its predictions: conformalized quantile
    regression (Romano, Patterson and Candes, NeurIPS 2019) for each quantile alone. In proportion to the width of a
    row, it is the form of Sesia and Candes ("A comparison of some conformal quantile regression methods", Stat 9,
    2020). The better of the two by the pinball loss on other rows is taken. Equal shifts have the lowest pinball loss
    of all numbers, and shifts in widths are taken only where they lower the loss, so that it never rises on these rows.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    predictions : ndarray of shape (n_samples, n_quantiles)
        Out-of-fold predictions of the ensemble.
    sample_weight : ndarray of shape (n_samples,), optional

    Returns
    -------
    QuantileShift or None
        None if there are fewer than 50 rows.
    """
    rows = np.arange(len(y)) if sample_weight is None else np.flatnonzero(sample_weight > 0)
    if len(rows) < _FEWEST_ROWS:
        return None
    weight = None if sample_weight is None else sample_weight[rows]
    known, p = y[rows], uncrossed(predictions[rows])
    least = _LEAST_WIDTH * float(np.median(p[:, -1] - p[:, 0]))
    if least <= 0:  # a single quantile, or constant predictions
        return _fit(known, p, quantiles, weight, None)
    part = np.random.default_rng(random_state).permutation(np.arange(len(rows)) % _FOLDS)
    losses = []
    for width in (None, least):
        moved = np.empty_like(p)
        for fold in range(_FOLDS):
            train, test = part != fold, part == fold
            own = None if weight is None else weight[train]
            moved[test] = _fit(known[train], p[train], quantiles, own, width)(p[test])
        losses.append(pinball_loss(known, moved, quantiles, weight))
    in_widths = _fit(known, p, quantiles, weight, least)
    raises = pinball_loss(known, in_widths(p), quantiles, weight) > pinball_loss(known, p, quantiles, weight)
    return in_widths if losses[1] < losses[0] and not raises else _fit(known, p, quantiles, weight, None)


def _fit(
    y: Array, p: Array, quantiles: tuple[float, ...], weight: Array | None, least_width: float | None
) -> QuantileShift:
    """Return the shifts after which a share of the rows lies below each quantile that is its level."""
    errors = (y[:, None] - p) / _widths(p, least_width)
    shifts = [weighted_quantiles(e, [q], weight)[0] for e, q in zip(errors.T, quantiles, strict=True)]
    return QuantileShift(np.array(shifts), least_width)


def _widths(predictions: Array, least_width: float | None) -> Array:
    """Return the width of each row, shape (n_samples, 1), or 1 for equal shifts."""
    if least_width is None:
        return np.ones((1, 1))
    return np.maximum(predictions[:, -1:] - predictions[:, :1], least_width)
