"""The score of predictions for some rows, with an interval from a jackknife over groups of these rows."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.estimate import shows_spread
from automl.ensemble.jackknife import draw_groups, jackknife_error
from automl.task.scored_target import ScoredTarget

_GROUPS = 20  # groups of rows of the jackknife
_Z = 1.96  # standard errors to each end of an interval of the probability `LEVEL`


def score_with_interval(
    target: ScoredTarget,
    predictions: NDArray[Any],
    units: NDArray[Any] | None,
    random_state: int,
    deadline: float = float("inf"),
) -> tuple[float, float, float]:
    """Return the score of predictions, and the ends of its interval of 95 %.

    The ends are NaN where the rows are too few, or where the deadline comes first.

    Parameters
    ----------
    predictions : ndarray of shape (n_samples,) or (n_samples, n_columns)
    units : ndarray of shape (n_samples,) or None
        Number of the unit of each row: rows of one unit stay in one group. None if each row is a unit of its own.
    random_state : int
        Seed of the groups.
    deadline : float
        Time of `time.monotonic`, in seconds, after which the metric is not called for a further group.
    """
    unknown = float("nan"), float("nan")
    score = target.score(predictions)
    if not np.isfinite(score):
        return score, *unknown
    units = np.arange(len(target)) if units is None else units
    groups = draw_groups(units, _GROUPS, np.random.default_rng(random_state))
    losses = []
    for group in range(groups.max() + 1):
        if time.monotonic() > deadline:
            return score, *unknown
        others = np.flatnonzero(groups != group)
        losses.append(target.take(others).loss(predictions[others]))
    known = np.array(losses)[np.isfinite(losses)]
    if not shows_spread(known, units, target.sample_weight):
        return score, *unknown
    error = jackknife_error(known)
    return score, *target.metric.clip(score - _Z * error, score + _Z * error)
