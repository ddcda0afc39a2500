"""The standard error of a statistic of many rows, by a jackknife over groups of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def jackknife_error(values: NDArray[Any] | Sequence[float]) -> float:
    """Return the standard error of a statistic from its values without one group of rows each; NaN for no value.

    Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 9, 1981.

    Examples
    --------
    >>> round(jackknife_error([1.0, 2.0, 3.0]), 3)
    1.155
    """
    known = np.asarray(values, dtype=np.float64)
    n = len(known)
    return float(np.sqrt((n - 1) / n * ((known - known.mean()) ** 2).sum())) if n else float("nan")
