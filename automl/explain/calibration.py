"""Observed shares beside predicted probabilities, in bins of equal width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

N_BINS = 10
_Z = 1.96  # of an interval that holds 95 %


@dataclass(frozen=True)
class CalibrationBins:
    """The bins that have rows, each an array of shape (n_bins,).

    Attributes
    ----------
    place : ndarray of int
        Number of each bin among all `N_BINS` bins.
    mean, share : ndarray
        Mean probability, and observed share.
    low, high : ndarray
        Ends of the 95 % interval of the share (Wilson, "Probable inference, the law of succession, and statistical
        inference", Journal of the American Statistical Association 22, 1927).
    n_rows, weight : ndarray
        Number of rows, and the sum of their weights.
    """

    place: NDArray[np.intp]
    mean: Array
    share: Array
    low: Array
    high: Array
    n_rows: NDArray[np.intp]
    weight: Array

    @property
    def error(self) -> float:
        """The expected calibration error: the mean distance of share and probability."""
        return float((self.weight * np.abs(self.mean - self.share)).sum() / self.weight.sum())


def calibration_bins(probability: Array, is_right: Array, weight: Array | None = None) -> CalibrationBins:
    """Return the bins of probabilities.

    Parameters
    ----------
    probability : ndarray of shape (n_samples,)
        Predicted probabilities.
    is_right : ndarray of bool, shape (n_samples,)
        Whether the event happened.
    weight : ndarray of shape (n_samples,), optional
        Weights of the rows.
    """
    w = np.ones(len(probability)) if weight is None else weight
    places = np.minimum((probability * N_BINS).astype(int), N_BINS - 1)
    n_rows, total = np.bincount(places, minlength=N_BINS), np.bincount(places, w, N_BINS)
    kept = np.flatnonzero(total > 0)
    mean = np.bincount(places, w * probability, N_BINS)[kept] / total[kept]
    share = np.minimum(np.bincount(places, w * is_right, N_BINS)[kept] / total[kept], 1.0)  # rounding
    n = n_rows[kept]
    center = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    low, high = np.clip(np.minimum(share, center - half), 0, 1), np.clip(np.maximum(share, center + half), 0, 1)
    return CalibrationBins(kept, mean, share, low, high, n, total[kept])
