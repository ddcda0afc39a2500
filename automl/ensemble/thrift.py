"""The removal of members that do not pay for the time of their predictions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.ensemble.jackknife import draw_groups, jackknife_error
from automl.task.scored_target import ScoredTarget
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
    target: ScoredTarget,
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
    rng = np.random.default_rng(random_state)
    rows = rows_to_score(rng, target.counted_rows, _MAX_ROWS, target.y)
    groups = draw_groups(np.arange(len(rows)) if units is None else pd.factorize(units[rows])[0], _GROUPS, rng)
    used = np.flatnonzero(weights)
    p = predictions[used][:, rows]
    scored, whole = target.take(rows), np.tensordot(weights[used], p, 1)
    parts = [np.flatnonzero(groups != group) for group in range(groups.max() + 1)]
    reference, by_part = scored.loss(whole), _losses_by_part(scored, whole, parts)
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
            growth = scored.loss(mean) - reference
            if not growth <= _MAX_GROWTH * error:
                continue
            differences = _losses_by_part(scored, mean, parts) - by_part
            if growth <= NOISE_SHARE * jackknife_error(differences):
                kept, removed = smaller, True
                break
    out = np.zeros(len(weights))
    out[used] = kept
    return out


def _losses_by_part(target: ScoredTarget, predictions: Array, parts: Sequence[Array]) -> Array:
    """Return the loss of predictions on each of several parts of the rows, shape (n_parts,)."""
    return np.array([target.take(part).loss(predictions[part]) for part in parts])
