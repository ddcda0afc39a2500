"""The out-of-fold predictions of an ensemble with the numbers of their rows, which the checks after a search need."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.scored_rows import sample_scored
from automl.ensemble.selection import Ensemble
from automl.search.budget import Budget
from automl.trials.finished import FinishedTrials

Array = NDArray[Any]

_MAX_BYTES = 2**22  # of the predictions; a random sample of rows is kept where there are more
_SHARE = 0.01  # of the budget, for each of the two parts of the checks after the search: reading, and comparing
_LEAST_WEIGHT = 0.5  # of the members that have finished a fold, so that the fold counts


@dataclass(frozen=True)
class RowPredictions:
    """Out-of-fold predictions of an ensemble; small enough to stay in the fitted estimator, without rows of the table.

    Attributes
    ----------
    rows : ndarray of int32, shape (n_rows,)
        Positions of the rows in the task, or in the table of the user; each occurs once, in ascending order.
    y : ndarray of shape (n_rows,), or (n_rows, n_targets) for several targets
        Class codes, or floats.
    predictions : ndarray of shape (n_rows, n_columns) or (n_rows,)
        Mean predictions before the calibration of the ensemble: probabilities in four bytes, numbers in eight, because
        a target may be much larger than its spread.
    sample_weight : ndarray of shape (n_rows,) or None
    table_rows : tuple of int or None
        Number of rows of X and of X_val that `fit` got; None in models of earlier versions.
    """

    rows: NDArray[np.int32]
    y: Array
    predictions: NDArray[np.floating]
    sample_weight: NDArray[np.float64] | None = None
    table_rows: tuple[int, int] | None = None

    def in_table(self, positions: NDArray[np.intp] | None, table_rows: tuple[int, int]) -> RowPredictions:
        """Return the predictions with the positions of their rows in the table of the user; None keeps them."""
        if positions is None:
            return replace(self, table_rows=table_rows)
        rows = positions[self.rows].astype(np.int32)
        order = np.argsort(rows, kind="stable")
        weight = None if self.sample_weight is None else self.sample_weight[order]
        return RowPredictions(rows[order], self.y[order], self.predictions[order], weight, table_rows)


def seconds_end(budget: Budget) -> float:
    """Return the time of `time.monotonic` at which a part of the checks after the search must end."""
    if budget.seconds is None:
        return float("inf")
    return min(budget.deadline - budget.estimate_seconds, time.monotonic() + budget.part(_SHARE))


def collect_predictions(trials: FinishedTrials, ensemble: Ensemble, deadline: float) -> RowPredictions | None:
    """Read the out-of-fold predictions of the ensemble's members.

    On a fold that some members have not finished, the weights of the others are scaled up, if they are half of all.

    Parameters
    ----------
    deadline : float
        Time of `time.monotonic`, in seconds, after which no further fold is read.

    Returns
    -------
    RowPredictions or None
        None if no fold could be read in time.
    """
    history, artifacts, task = trials.history, trials.artifacts, trials.task
    shape = (len(task.y), task.traits.n_columns) if task.traits.n_columns else (len(task.y),)
    sums, counts = np.zeros(shape), np.zeros(len(task.y))
    for fold, (_, test) in enumerate(task.folds):
        bags = [bag for bag in ensemble.bags if fold in history.evaluations[bag.configuration].folds]
        weight = sum(bag.weight for bag in bags)
        if weight < _LEAST_WEIGHT or time.monotonic() > deadline:
            continue
        mean = sum(bag.weight / weight * artifacts.predictions(bag.configuration, fold) for bag in bags)
        sums[test] += mean  # a row has several predictions where folds are repeated
        counts[test] += 1
    rows = np.flatnonzero(counts)
    if not len(rows):
        return None
    kind = np.dtype(np.float32 if task.traits.n_classes else np.float64)
    n_kept = _MAX_BYTES // (kind.itemsize * max(1, task.traits.n_columns))
    rows = rows[sample_scored(task, rows, n_kept, np.random.default_rng(trials.random_state))]
    each = counts[rows] if len(shape) == 1 else counts[rows, None]
    y = task.y[rows].astype(np.int32) if task.traits.n_classes else task.y[rows]
    return RowPredictions(rows.astype(np.int32), y, (sums[rows] / each).astype(kind), task.weights(rows))
