"""Calibrate the predicted quantiles of an ensemble: a shift of each quantile from its out-of-fold errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.quantiles import lowest_loss_quantiles, pinball_loss, uncrossed

Array = NDArray[Any]

_FOLDS = 5  # of the rows; the shifts of each part come from the other parts
_FEWEST_BEYOND = 10  # rows expected beyond a quantile; with fewer, its shift would rest on one or two of them
_LEAST_WIDTH = 0.1  # of the median width of all rows, so that no row has a width of 0


@dataclass(frozen=True)
class QuantileShift:
    """A number that is added to each quantile, for all rows or in proportion to the width of a row.

    Attributes
    ----------
    shifts : ndarray of shape (n_quantiles,)
        In the unit of the target, or in widths; 0 for a quantile with too few rows beyond it.
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
    A quantile beyond which fewer than ten rows are expected stays as it is.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    predictions : ndarray of shape (n_samples, n_quantiles)
        Out-of-fold predictions of the ensemble.
    sample_weight : ndarray of shape (n_samples,), optional

    Returns
    -------
    QuantileShift or None
        None if no quantile has enough rows beyond it.
    """
    rows = np.arange(len(y)) if sample_weight is None else np.flatnonzero(sample_weight > 0)
    weight = None if sample_weight is None else sample_weight[rows]
    at = _shifted_levels(quantiles, len(rows) if weight is None else _effective_rows(weight))
    if not len(at):
        return None
    known, p = y[rows], uncrossed(predictions[rows])
    least = _LEAST_WIDTH * float(np.median(p[:, -1] - p[:, 0]))
    if least <= 0:  # a single quantile, or constant predictions
        return _fit(known, p, quantiles, weight, at, None)
    losses = []
    for width in (None, least):
        moved = _cross_shifted(known, p, quantiles, weight, at, width, random_state)
        losses.append(pinball_loss(known, moved, quantiles, weight))
    in_widths = _fit(known, p, quantiles, weight, at, least)
    raises = pinball_loss(known, in_widths(p), quantiles, weight) > pinball_loss(known, p, quantiles, weight)
    return in_widths if losses[1] < losses[0] and not raises else _fit(known, p, quantiles, weight, at, None)


def shifted_by_other_rows(
    shift: QuantileShift | None,
    y: Array,
    predictions: Array,
    quantiles: tuple[float, ...],
    sample_weight: Array | None = None,
) -> Array:
    """Return quantiles whose shifts come from other rows, so that their coverage says how good the shifts are.

    The shifts that `fit_shift` returns cover the right share of the rows that they come from by construction. Here the
    rows are divided into five parts, and the shifts of each part come from the other parts.

    Parameters
    ----------
    shift : QuantileShift or None
        The shift of all rows; those of the parts are of the same kind, for the same quantiles.
    y, predictions, quantiles, sample_weight
        As for `fit_shift`.

    Returns
    -------
    ndarray of shape (n_samples, n_quantiles)
        In ascending order in each row.
    """
    p = uncrossed(predictions)
    if shift is None:
        return p
    return _cross_shifted(y, p, quantiles, sample_weight, np.flatnonzero(shift.shifts), shift.least_width, 0)


def _cross_shifted(
    y: Array,
    p: Array,
    quantiles: tuple[float, ...],
    weight: Array | None,
    at: NDArray[np.intp],
    least_width: float | None,
    random_state: int,
) -> Array:
    """Return quantiles of each part of the rows with shifts from the other parts, shape (n_samples, n_quantiles)."""
    part = np.random.default_rng(random_state).permutation(np.arange(len(y)) % _FOLDS)
    moved = np.empty_like(p)
    for fold in range(_FOLDS):
        train, test = part != fold, part == fold
        own = None if weight is None else weight[train]
        moved[test] = _fit(y[train], p[train], quantiles, own, at, least_width)(p[test])
    return moved


def _fit(
    y: Array,
    p: Array,
    quantiles: tuple[float, ...],
    weight: Array | None,
    at: NDArray[np.intp],
    least_width: float | None,
) -> QuantileShift:
    """Return the shifts after which the right share of the rows lies below the quantiles at these positions."""
    errors = (y[:, None] - p) / _widths(p, least_width)
    shifts = np.zeros(len(quantiles))
    for i in at:
        shifts[i] = lowest_loss_quantiles(errors[:, i], [quantiles[i]], weight)[0]
    return QuantileShift(shifts, least_width)


def _shifted_levels(quantiles: tuple[float, ...], n_rows: float) -> NDArray[np.intp]:
    """Return the positions of the quantiles beyond which enough rows are expected, on their rarer side."""
    levels = np.asarray(quantiles)
    # 1 - 0.9 is slightly less than 0.1, and 100 rows are enough for both levels.
    return np.flatnonzero(n_rows * np.minimum(levels, 1 - levels) >= _FEWEST_BEYOND - 1e-6)


def _effective_rows(weight: Array) -> float:
    """Return the number of equal rows that tell as much as weighted ones (Kish, "Survey sampling", 1965)."""
    return float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0


def _widths(predictions: Array, least_width: float | None) -> Array:
    """Return the width of each row, shape (n_samples, 1), or 1 for equal shifts."""
    if least_width is None:
        return np.ones((1, 1))
    return np.maximum(predictions[:, -1:] - predictions[:, :1], least_width)
