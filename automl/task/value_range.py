"""Refuse targets and weights with numbers that are too large or too small to compute with."""

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


def check_weight_range(name: str, weight: NDArray[np.float64]) -> None:
    """Check that the ratios and squares of weights are numbers.

    Parameters
    ----------
    name : str
        The argument that holds the weights.
    weight : ndarray of shape (n_samples,)
        Finite numbers of at least 0.

    Raises
    ------
    InvalidInputError
        If a weight is too small or too large.
    """
    wrong = (weight > _LARGEST) | ((weight > 0) & (weight < _SMALLEST))
    if wrong.any():
        raise InvalidInputError(
            f"{name} holds {weight[wrong][0]:g}, but a weight is 0 or between {_SMALLEST:g} and {_LARGEST:g}; only the "
            "ratios of weights count, so divide all of them by the same number, or use 0 for rows that must not count"
        )
