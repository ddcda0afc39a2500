"""The removal of members that do not pay for the time of their predictions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.ensemble.jackknife import draw_groups, jackknife_error
from automl.task.metrics import Metric, loss_or_nan
from pipelines.row_samples import rows_to_score

Array = NDArray[Any]

_GROUPS = 12  # groups of units of the jackknife; where the units are fewer, each is a group
_MAX_ROWS = 5_000  # on which the noise is estimated
NOISE_SHARE = 0.5  # standard errors by which the whole loss may grow
_MAX_GROWTH = 0.0005  # share of the loss by which it may grow at most; 0.005 cost 0.8 % on small tables


def remove_costly(
    predictions: Array,
    weights: Array,
    costs: Sequence[float],
    y: Array,
    metric: Metric,
    sample_weight: Array | None = None,
    random_state: int = 0,
    deadline: float = float("inf"),
    units: Array | None = None,
) -> Array:
    """Return the weights without the members whose removal changes the loss by less than its noise.

    The most costly member that may go is removed first. The loss of each smaller ensemble is compared with the loss of
    the whole one, so that several small losses do not add up. The noise is the standard error of the difference of the
    two losses, by a jackknife over groups of units: rows that resemble each other are left out together.

    Parameters
    ----------
    predictions : ndarray of shape (n_candidates, n_samples, n_classes) or (n_candidates, n_samples)
    weights : ndarray of shape (n_candidates,)
    costs : sequence of float
        Of each candidate, in any unit.
    deadline : float
        Time of `time.monotonic`, in seconds, after which nothing more is removed.
    units : ndarray of shape (n_samples,), optional
        Number of the unit of each row, see `automl.ensemble.scored_rows.find_units`; by default the row itself.
    """
    rows = np.arange(len(y))
    if sample_weight is not None:
        rows = rows[sample_weight > 0]
    rng = np.random.default_rng(random_state)
    rows = rows_to_score(rng, rows, _MAX_ROWS, y)
    groups = draw_groups(np.arange(len(rows)) if units is None else pd.factorize(units[rows])[0], _GROUPS, rng)
    used = np.flatnonzero(weights)
    p = predictions[used][:, rows]
    losses = _loss_function(y[rows], metric.take(rows), None if sample_weight is None else sample_weight[rows])
    whole = np.tensordot(weights[used], p, 1)
    parts = [np.flatnonzero(groups != group) for group in range(groups.max() + 1)]
    reference, by_part = losses(whole, None), np.array([losses(whole, part) for part in parts])
    kept, cost = weights[used].copy(), np.asarray(costs, dtype=float)[used]
    if not np.isfinite(reference) or not np.isfinite(by_part).all():
        return weights
    # Scores from 0 to 1 are losses from -1 to 0, whose error is the distance from -1.
    error = 1 + reference if -1 <= reference < 0 else abs(reference)
    removed = True
    while removed and np.count_nonzero(kept) > 1:
        removed = False
        for i in sorted(np.flatnonzero(kept), key=lambda i: (-cost[i], kept[i], i)):
            if time.monotonic() > deadline:
                break
            smaller = kept.copy()
            smaller[i] = 0.0
            smaller /= smaller.sum()
            mean = np.tensordot(smaller, p, 1)
            growth = losses(mean, None) - reference
            if not growth <= _MAX_GROWTH * error:
                continue
            differences = np.array([losses(mean, part) for part in parts]) - by_part
            if growth <= NOISE_SHARE * jackknife_error(differences):
                kept, removed = smaller, True
                break
    out = np.zeros(len(weights))
    out[used] = kept
    return out


def _loss_function(y: Array, metric: Metric, w: Array | None) -> Callable[[Array, Array | None], float]:
    """Return a function of the loss of predictions, on all rows or on some of them."""

    def loss(p: Array, part: Array | None) -> float:
        if part is None:
            return loss_or_nan(metric, y, p, w)
        return loss_or_nan(metric.take(part), y[part], p[part], None if w is None else w[part])

    return loss
