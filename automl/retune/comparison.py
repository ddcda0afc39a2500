"""The paired comparison of two models on rows that neither of them was trained on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.estimate import draw_units
from automl.task.scored_target import ScoredTarget

Array = NDArray[Any]

LEVEL = 0.95  # of the interval
_RESAMPLES = 1_000
_FEWEST_RESAMPLES = 400  # fewer do not suffice for the ends of the interval


@dataclass(frozen=True)
class PairedScores:
    """The scores of two models on the same rows, and what is known about their difference.

    Attributes
    ----------
    old, new : float
        Greater is better; NaN if the metric is undefined.
    low, high : float
        Ends of the interval of the difference, new minus old; NaN if the scorer is too slow to find one.
    p : float
        Two-sided p value of the difference.
    """

    old: float
    new: float
    low: float = float("nan")
    high: float = float("nan")
    p: float = float("nan")


def compare_predictions(
    target: ScoredTarget,
    old: Array,
    new: Array,
    units: NDArray[np.intp],
    random_state: int,
    seconds: float,
) -> PairedScores:
    """Compare the predictions of two models for the same rows, by the bootstrap of units of rows.

    Both models are scored on each resample, so that what makes rows easy or hard for both cancels out. The interval is
    that of the percentiles (Efron and Tibshirani, "An introduction to the bootstrap", 1993, section 13.3).

    Parameters
    ----------
    old, new : ndarray of shape (n_samples,) or (n_samples, n_columns)
        The predictions.
    units : ndarray of int of shape (n_samples,)
        Rows of one unit are drawn together.
    seconds : float
        Time that the resamples may take.
    """

    def difference(rows: NDArray[np.intp]) -> tuple[float, float]:
        taken = target.take(rows)
        return taken.score(old[rows]), taken.score(new[rows])

    rng, deadline = np.random.default_rng(random_state), time.monotonic() + seconds
    scores = difference(np.arange(len(target)))
    found: list[float] = []
    for _ in range(_RESAMPLES):
        if time.monotonic() > deadline:
            break
        before, after = difference(draw_units(units, rng)[0])
        found.append(after - before)
    differences = np.array([value for value in found if np.isfinite(value)])
    if len(differences) < _FEWEST_RESAMPLES or not np.isfinite(scores).all():
        return PairedScores(*scores)
    low, high = np.quantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    tail = min(np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0))
    return PairedScores(*scores, float(low), float(high), min(1.0, 2 * (tail + 1) / (len(differences) + 1)))
