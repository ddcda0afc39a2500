"""Greedy portfolios: each configuration does well on the data sets where the earlier ones do badly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WORST = 2.0  # largest normalized loss; larger ones count as this one
_TIE = 1e-3  # weight of the mean loss, which decides when no configuration gains anything
_DOUBT = 0.1  # share of the total weight; a configuration that was measured on few data sets must gain more


def normalize(losses: Array) -> Array:
    """Return the losses on one data set, scaled so that the best is 0 and the median 1, at most 2; NaN stays."""
    known = losses[np.isfinite(losses)]
    if len(known) == 0:
        return np.full(len(losses), np.nan)
    best, median = known.min(), np.median(known)
    return np.clip((losses - best) / max(median - best, 1e-12), 0.0, WORST)


def choose(losses: Array, weights: Array, seconds: Array, n: int, patience: float) -> list[int]:
    """Return the positions of the configurations in the order in which a search should try them.

    The next configuration is the one with the largest gain per second. The gain is the decrease of the least normalized
    loss so far, averaged over the data sets by weight. These are the greedy portfolios of Feurer et al. (2022,
    Auto-sklearn 2.0, section 3), which have neither weights nor seconds. To take the gain of a simulated ensemble
    instead was worse at any time (benchmarks/META_DATABASE.md).

    Parameters
    ----------
    losses : ndarray of shape (n_datasets, n_configurations)
        Normalized; NaN where nothing is known.
    weights : ndarray of shape (n_datasets,)
    seconds : ndarray of shape (n_configurations,)
        Seconds of one fit on the new table; infinite for a configuration that must not be tried.
    n : int
        Largest number of configurations to return.
    patience : float
        Seconds that are added to each fit: well below them, a cheaper configuration has no advantage.

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
