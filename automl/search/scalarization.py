"""Several objectives in one search: ParEGO turns them into one cost, with other weights for each model.

Knowles, 2006, "ParEGO: a hybrid algorithm with on-line landscape approximation for expensive multiobjective
optimization problems", IEEE Transactions on Evolutionary Computation 10(1), section II.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from automl.trials.history import Evaluation, Observation, RunHistory

Array = NDArray[np.float64]
Entry = TypeVar("Entry")
# Returns the values of the objectives beside the loss, shape (n_evaluations, n_further), for the evaluations of a
# history in their order; less is better, and NaN is unknown.
FurtherObjectives = Callable[[RunHistory], Array]

RHO = 0.05  # share of the weighted sum, by which a point that is better in a single objective is better at all
_WIDEST = 5.0  # distances from the lowest value to the median, beyond which larger values count the same


def draw_weights(n_objectives: int, rng: np.random.Generator) -> Array:
    """Return random weights that sum to 1, uniform over all such weights, shape (n_objectives,)."""
    return rng.dirichlet(np.ones(n_objectives))


def normalize(values: Array) -> Array:
    """Return values of shape (n, n_objectives) between 0 and 1, by the smallest and the largest one of each objective.

    A few very large values, as of a diverged net, would make all relevant differences tiny, and are cut. An unknown
    value (NaN) counts as the largest one.
    """
    out = np.ones(values.shape)
    for k, column in enumerate(values.T):
        known = column[np.isfinite(column)]
        if not len(known):
            continue
        low, median = known.min(), np.median(known)
        high = min(known.max(), median + _WIDEST * (median - low)) if median > low else known.max()
        cut = np.minimum(np.where(np.isfinite(column), column, high), high)
        out[:, k] = (cut - low) / (high - low) if high > low else 0.0
    return out


def scalarize(values: Array, weights: Array) -> Array:
    """Return the augmented Chebyshev cost of values of shape (n, n_objectives) between 0 and 1, shape (n,).

    ``max_k w_k v_k + rho sum_k w_k v_k`` (Knowles, 2006, equation 2). Unlike a weighted sum, it also has its smallest
    value in the concave parts of a Pareto front, for some weights.

    Examples
    --------
    >>> scalarize(np.array([[0.0, 1.0], [0.5, 0.5]]), np.array([0.5, 0.5])).round(3).tolist()
    [0.525, 0.275]
    """
    weighted = values * weights
    return np.asarray(weighted.max(axis=1) + RHO * weighted.sum(axis=1))


def scalarized(history: RunHistory, further: FurtherObjectives, rng: np.random.Generator) -> list[Observation]:
    """Return the observations of a history with the scalarized cost as their loss, for random weights."""
    observations = history.observations()
    losses = np.array([np.nan if o.loss is None else o.loss for o in observations])
    values = normalize(np.column_stack([losses, _of_observations(observations, history, further)]))
    costs = scalarize(values, draw_weights(values.shape[1], rng))
    return [o if o.loss is None else replace(o, loss=float(c)) for o, c in zip(observations, costs, strict=True)]


def _of_observations(observations: Sequence[Observation], history: RunHistory, further: FurtherObjectives) -> Array:
    """Return the further values of the observations, shape (n_observations, n_further).

    A configuration without a result on all training rows has no observation.
    """
    places = {configuration: place for place, configuration in enumerate(history.evaluations)}
    return further(history)[[places[o.configuration] for o in observations]]


def is_nondominated(values: Array) -> NDArray[np.bool_]:
    """Return which points of shape (n, n_objectives) no other point dominates; equal points do not dominate each other.

    Examples
    --------
    >>> is_nondominated(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])).tolist()
    [True, True, False]
    """
    return _front(values, values.shape[1])


def is_unbeaten(values: Array) -> NDArray[np.bool_]:
    """Return which points of shape (n, n_objectives) no other point beats.

    A point beats another one if it is better in the first objective, and no worse in all others.

    Examples
    --------
    >>> is_unbeaten(np.array([[0.0, 2.0], [0.0, 1.0], [1.0, 1.0]])).tolist()
    [True, True, False]
    """
    return _front(values, 1)


def _front(values: Array, n_deciding: int) -> NDArray[np.bool_]:
    """Return which points have no other point that is in no objective worse, and in a deciding one better, shape (n,).

    Parameters
    ----------
    n_deciding : int
        Number of the first objectives of which one must be better.
    """
    # In the order of all objectives, no other point is superior to the first point that is left.
    left = np.lexsort(values.T[::-1])
    found = np.zeros(len(values), dtype=bool)
    while len(left):
        first, others = left[0], left[1:]
        found[first] = True
        superior = (values[first] <= values[others]).all(axis=1)
        superior &= (values[first] < values[others])[:, :n_deciding].any(axis=1)
        left = others[~superior]
    return found


def pareto_front(
    history: RunHistory, further: FurtherObjectives, folds: Collection[int] = ()
) -> tuple[list[Evaluation], Array]:
    """Return the usable evaluations that have finished some folds and that no other one dominates, and their costs.

    The best loss comes first. The costs, of shape (n_evaluations, 1 + n_further), are the loss and the further values.
    """
    found, points = list[Evaluation](), list[list[float]]()
    observations = history.observations()
    for o, values in zip(observations, _of_observations(observations, history, further), strict=True):
        e = history.evaluations[o.configuration]
        is_known = e.usable and o.loss is not None and bool(np.isfinite(values).all())
        if is_known and set(folds) <= set(e.folds):
            found.append(e)
            points.append([o.loss or 0.0, *values])
    if not found:
        return [], np.empty((0, 0))
    table = np.array(points)
    best = np.flatnonzero(is_nondominated(table))
    best = best[np.argsort(table[best, 0], kind="stable")]
    return [found[place] for place in best], table[best]


def spread(front: Sequence[Entry], costs: Array, most: int) -> list[Entry]:
    """Return at most some entries of a front, evenly spread over its order.

    The first and the last one stay, and the best one of each cost.

    Parameters
    ----------
    costs : ndarray of shape (n_entries, n_costs)
        The values of the objectives, of which less is better.

    Examples
    --------
    >>> spread(["a", "b", "c", "d", "e"], np.array([[0, 9], [1, 1], [2, 8], [3, 7], [4, 6]]), 4)
    ['a', 'b', 'd', 'e']
    """
    if len(front) <= most:
        return list(front)
    last = len(front) - 1
    fixed = list(dict.fromkeys([0, *costs.argmin(axis=0).tolist(), last]))[:most]
    even = np.unique(np.linspace(0, last, most).round().astype(int)).tolist()
    further = [place for place in even if place not in fixed]
    n_left = most - len(fixed)
    chosen = np.linspace(0, len(further) - 1, n_left).round().astype(int).tolist() if n_left else []
    return [front[place] for place in sorted({*fixed, *(further[i] for i in chosen)})]
