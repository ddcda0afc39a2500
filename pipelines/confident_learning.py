"""Labels that are probably wrong, found by confident learning.

Source: Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", Journal of
Artificial Intelligence Research 70, 2021.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LEAST_MARGIN = 0.2  # by which the likelier class is more probable than the given one


def find_suspects(
    y: Array, probabilities: Array, least_margin: float = LEAST_MARGIN, sample_weight: Array | None = None
) -> tuple[Array, Array]:
    """Return the rows whose label is probably wrong, and the likelier class of each of them, most suspicious first.

    The threshold of a class is the mean probability of the class over the rows that have its label. A row counts as a
    confident row of the most probable class among those whose probability reaches the threshold (equation 1 of the
    source). Where this is not the given label, and is clearly more probable, the row is suspicious. Without the second
    condition, frequent classes with a high threshold lose correct rows to rare classes with a low one
    (`benchmarks/data_warnings.py`). Rows are ordered by the difference between the probability of the given label and
    that of the likelier one ("normalized margin").

    Parameters
    ----------
    y : ndarray of int, shape (n_samples,)
        Given class codes.
    probabilities : ndarray of shape (n_samples, n_classes)
        Out-of-fold probabilities.
    least_margin : float
        How much more probable the likelier class must be.
    sample_weight : ndarray of shape (n_samples,), optional
        Positive weights of the rows in the thresholds.

    Returns
    -------
    rows, classes : ndarray of int, shape (n_suspects,)
    """
    n_classes = probabilities.shape[1]
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    totals = np.bincount(y, weights=weight, minlength=n_classes)
    own = probabilities[np.arange(len(y)), y]
    sums = np.bincount(y, weights=weight * own, minlength=n_classes)
    thresholds = np.where(totals > 0, sums / np.where(totals > 0, totals, 1), np.inf)
    confident = np.where(probabilities >= thresholds, probabilities, -np.inf)
    likelier = confident.argmax(axis=1)
    rows = np.flatnonzero((likelier != y) & (confident.max(axis=1) > -np.inf))
    margin = own[rows] - probabilities[rows, likelier[rows]]
    rows, margin = rows[margin < -least_margin], margin[margin < -least_margin]
    order = np.argsort(margin, kind="stable")
    return rows[order], likelier[rows[order]]
