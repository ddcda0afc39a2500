"""Log expected improvement per second, and the search for the configurations where it is highest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from automl.search.surrogate import Surrogate, impute_inactive
from automl.search.vectors import Vectors, VectorSpace

Array = NDArray[np.float64]

N_RANDOM = 1_000
N_STARTS = 10
N_NEIGHBORS = 12
MAX_STEPS = 12


def log_expected_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """Return the logarithm of the expected improvement of a cost that is predicted on a logarithmic scale.

    ``exp(best) Phi(v) - exp(deviation^2 / 2 + mean) Phi(v - deviation)`` with ``v = (best - mean) / deviation``
    (Hutter et al., 2009, "An experimental investigation of model-based parameter optimisation", section 5.2).
    """
    v = (best - mean) / deviation
    gain = np.exp(best) * ndtr(v) - np.exp(0.5 * deviation**2 + mean) * ndtr(v - deviation)
    # Where rounding makes the difference meaningless, its leading factor still orders the candidates.
    return np.where(gain > 1e-12, np.log(np.maximum(gain, 1e-300)), -30.0 + log_ndtr(v))


def score(
    surrogate: Surrogate, vectors: Vectors, per_second: bool, bonus: Callable[[Vectors], Array] | None = None
) -> Array:
    """Return acquisition values of shape (n,); higher is better. The values of a `bonus` are added to them."""
    X = impute_inactive(vectors)
    mean, deviation = surrogate.cost.predict(X)
    value = log_expected_improvement(mean, deviation, surrogate.best)
    if per_second and surrogate.log_seconds is not None:
        value = value - surrogate.log_seconds.predict(X)[0]
    return value if bonus is None else value + bonus(vectors)


def maximize(
    space: VectorSpace,
    surrogate: Surrogate,
    known: Vectors,
    rng: np.random.Generator,
    per_second: bool = True,
    bonus: Callable[[Vectors], Array] | None = None,
) -> Vectors:
    """Return candidates in the order of falling acquisition value, shape (n, n_hyperparameters).

    The candidates are random configurations, and the results of a local search over one-exchange neighborhoods. The
    local search starts from the best known and the best random configurations, from all of them at the same time.

    Parameters
    ----------
    known : ndarray of shape (m, n_hyperparameters)
        Configurations to start from, best first.
    bonus : callable, optional
        Returns what is added to the acquisition values of vectors.
    """
    pool = space.sample(N_RANDOM, rng)
    values = score(surrogate, pool, per_second, bonus)
    best_random = pool[np.argsort(-values)[: N_STARTS // 2]]
    current = np.concatenate([known[: N_STARTS - len(best_random)], best_random])
    current_values = score(surrogate, current, per_second, bonus)
    found, found_values = [pool], [values]
    scale = 0.2
    for _ in range(MAX_STEPS):
        near, origins = space.neighbors(current, N_NEIGHBORS, scale, rng)
        if len(near) == 0:
            break
        near_values = score(surrogate, near, per_second, bonus)
        found.append(near)
        found_values.append(near_values)
        order = np.argsort(near_values, kind="stable")  # the last value that is written for an origin is its best
        step = np.full(len(current), -1)
        step[origins[order]] = order
        better = (step >= 0) & (near_values[step] > current_values)
        current[better], current_values[better] = near[step[better]], near_values[step[better]]
        if not better.any():
            if scale < 0.02:
                break
            scale /= 2
    candidates = np.concatenate(found)
    return candidates[np.argsort(-np.concatenate(found_values), kind="stable")]
