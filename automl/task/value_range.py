"""The range of the numbers of targets and weights, which must be neither too large nor too small to compute with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from automl.errors import InvalidInputError

_SMALLEST, _LARGEST = 1e-150, 1e150  # the squares of such numbers, as in the squared error, are neither 0 nor infinite


def check_target_range(y: NDArray[np.float64]) -> None:
    """Check that errors of predictions can be squared.

    Raises
    ------
    InvalidInputError
        If the numbers are too large, or differ by too little.
    """
    size = np.abs(y).max()
    if size > _LARGEST:
        raise InvalidInputError(
            f"y holds numbers of the size {size:.1g}, and the squares of such errors are infinite for a computer; "
            f"divide y by {size:.0e}"
        )
    spread = np.ptp(y)
    if spread < _SMALLEST:
        raise InvalidInputError(
            f"the values of y differ by {spread:.1g}, and the squares of such errors are 0 for a computer; divide y by "
            f"{spread:.0e}"
        )


def within_range(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights whose ratios and squares are numbers.

    Only the ratios of weights count: all of them are divided by the largest one where it is extreme, and a weight that
    is nothing beside the largest one becomes 0. Other weights stay as they are.

    Parameters
    ----------
    weight : ndarray of shape (n_samples,)
        Finite numbers of at least 0.
    """
    largest = weight.max(initial=0.0)
    if largest == 0:
        return weight
    if not _SMALLEST < largest < _LARGEST:
        weight, largest = weight / largest, 1.0
    return np.where(weight < _SMALLEST * largest, 0.0, weight)
