"""The standard error of a statistic of many rows, by a jackknife over groups of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def jackknife_error(values: NDArray[Any] | Sequence[float]) -> float:
    """Return the standard error of a statistic from its values without one group of rows each.

    It is NaN for fewer than two values.

    Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 9, 1981.

    Examples
    --------
    >>> round(jackknife_error([1.0, 2.0, 3.0]), 3)
    1.155
    """
    known = np.asarray(values, dtype=np.float64)
    n = len(known)
    return float(np.sqrt((n - 1) / n * ((known - known.mean()) ** 2).sum())) if n > 1 else float("nan")


def draw_groups(units: NDArray[Any], n_groups: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the number of the group of each row, from 0; there are at most as many groups as units.

    Rows of one unit stay together, because they resemble each other: without a part of them, a statistic would hardly
    change, and its standard error would seem too small.

    Parameters
    ----------
    units : ndarray of shape (n_rows,)
        Number of the unit of each row.

    Examples
    --------
    >>> draw_groups(np.array([7, 7, 3]), 20, np.random.default_rng(0)).tolist()
    [1, 1, 0]
    """
    found, own = np.unique(units, return_inverse=True)
    return rng.permutation(np.arange(len(found)) % n_groups)[own]
