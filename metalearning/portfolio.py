"""An ordered set of configurations of which each next one does well where those before it do badly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WORST = 2.0  # normalised loss beyond which bad is bad
_TIE = 1e-3  # how much it counts to be good on the whole: it decides when nothing more is to be gained
_DOUBT = 0.1  # of the total weight: a configuration that few data sets know of must gain more


def normalise(losses: Array) -> Array:
    """Losses of shape (n_configurations,) on one data set: 0 the best, 1 the median, at most 2; NaN stays."""
    known = losses[np.isfinite(losses)]
    if len(known) == 0:
        return np.full(len(losses), np.nan)
    best, median = known.min(), np.median(known)
    return np.clip((losses - best) / max(median - best, 1e-12), 0.0, WORST)


def choose(losses: Array, weights: Array, seconds: Array, n: int, patience: float) -> list[int]:
    """Configurations in the order in which they should be tried.

    Each next one has the largest gain per second: by how much it lowers the least normalised loss so far, averaged over
    data sets by weight, after the greedy portfolios of Feurer et al. (2022, Auto-sklearn 2.0, section 3), there without
    weights and seconds. The gain of a simulated ensemble instead of the best single loss was worse at any time
    (benchmarks/META_DATABASE.md).

    Parameters
    ----------
    losses : ndarray of shape (n_datasets, n_configurations)
        Normalised; NaN where nothing is known.
    weights : ndarray of shape (n_datasets,)
    seconds : ndarray of shape (n_configurations,)
        Of one fit on the new table; infinite for what must not be tried.
    n : int
        How many are wanted.
    patience : float
        Seconds that are not worth telling apart: what is cheaper gains nothing by it.

    Returns
    -------
    list of int
    """
    known = np.isfinite(losses)
    weight = weights[:, None] * known
    support = weight.sum(axis=0) + _DOUBT * weights.sum()
    filled = np.where(known, losses, WORST)
    better = (weight * (WORST - filled)).sum(axis=0) / support
    least = np.full(len(losses), WORST)
    candidates = np.isfinite(seconds) & known.any(axis=0)
    order: list[int] = []
    while candidates.any() and len(order) < n:
        gain = (weight * np.maximum(0.0, least[:, None] - filled)).sum(axis=0) / support
        value = np.where(candidates, (gain + _TIE * better) / (seconds + patience), -np.inf)
        best = int(np.argmax(value))
        order.append(best)
        candidates[best] = False
        least = np.minimum(least, filled[:, best])
    return order
