"""What a worker records of each fold beside the loss: further metrics, and the objectives of the search."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.task.objectives import MEGABYTES, MILLISECONDS
from automl.task.sensitive import differences_of_counts, group_column, group_counts
from automl.task.several_metrics import score_or_nan
from automl.task.task import Task

_MAX_GROUPS = 20  # whose scores are recorded
_CALLS = 5  # of which the shortest counts; the first one prepares libraries


def recorded_scores(
    task: Task,
    scored: NDArray[np.intp],
    predictions: NDArray[np.floating],
    n_bytes: int,
    predict_row: Callable[[], Any],
) -> dict[str, float]:
    """Return the values of a fold by their names.

    Parameters
    ----------
    scored : ndarray of shape (n_scored,)
        The scored rows of the fold.
    predictions : ndarray of shape (n_scored, n_classes) or (n_scored,)
    n_bytes : int
        Size of the fold model on the disk.
    predict_row : callable
        Lets the fold model predict a single row.
    """
    y, weights = task.y[scored], task.weights(scored)
    values = {metric.name: score_or_nan(metric, y, predictions, weights) for metric in task.recorded_metrics}
    if MILLISECONDS in task.objectives:
        values[MILLISECONDS] = _milliseconds(predict_row)
    if MEGABYTES in task.objectives:
        values[MEGABYTES] = n_bytes / 2**20
    if task.sensitive is not None:
        values |= _group_scores(task, scored, predictions)
    return values


def _group_scores(task: Task, scored: NDArray[np.intp], predictions: NDArray[np.floating]) -> dict[str, float]:
    """Return the score of each of a few groups, and for two classes the differences between all groups."""
    assert task.sensitive is not None
    groups, target = task.sensitive.codes[scored], task.scored(scored)
    values: dict[str, float] = {}
    if len(task.sensitive.labels) <= _MAX_GROUPS:
        for code, label in enumerate(task.sensitive.labels):
            own = np.flatnonzero(groups == code)
            values[group_column(label)] = target.take(own).score(predictions[own]) if len(own) else np.nan
    if (counts := fold_group_counts(task, scored, predictions)) is not None:
        values |= differences_of_counts(counts)
    return values


def fold_group_counts(
    task: Task, scored: NDArray[np.intp], predictions: NDArray[np.floating]
) -> NDArray[np.float64] | None:
    """Return the counts of a fold, shape (n_groups, 2, 2), from which the differences of several folds are computed.

    None without sensitive features or two classes. See `automl.task.sensitive.group_counts`.
    """
    if task.sensitive is None or task.traits.n_classes != 2 or task.traits.targets is not None:
        return None
    groups, n_groups = task.sensitive.codes[scored], len(task.sensitive.labels)
    return group_counts(task.y[scored], predictions.argmax(axis=1), groups, task.weights(scored), n_groups=n_groups)


def _milliseconds(function: Callable[[], Any]) -> float:
    best = float("inf")
    for _ in range(_CALLS):
        started = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - started)
    return 1_000 * best
