"""Adapt a metric to a target: the rows that its scorer reads, and the range of predictions for which it has a value."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.task.metrics import Metric, arbitrary_predictions, try_metric
from automl.task.scorers import take_rows
from automl.task.validation import check_metric

Array = NDArray[Any]

_OUTSIDE = (0.01, 1.0, 100.0)  # distances from the range of the target, in widths of the range
_SMALL_SHARE = 1e-3  # of the mean target: the smallest prediction where a scorer has no value at 0
_MIN_PROBABILITY = 1e-6  # where a scorer has no value for a probability of 0


def adapt_metric(metric: Metric, X: Any, y: Array, n_classes: int, sample_weight: Array | None) -> Metric:
    """Return a metric with all that its scorer needs to score predictions for a target.

    Parameters
    ----------
    X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
        The table as the user gave it.
    y : ndarray of shape (n_samples,)
        Class codes, or floats. Of several targets, it has the shape (n_samples, n_targets).

    Raises
    ------
    InvalidInputError
        If the scorer cannot score predictions for this target.
    """
    predictions = arbitrary_predictions(y, n_classes)
    if metric.needs_table(y, predictions, sample_weight):
        metric = replace(metric, reads_table=True, table=take_rows(X, np.arange(len(y))))
    start = time.perf_counter()
    check_metric(metric, y, n_classes, sample_weight)
    metric = replace(metric, seconds=time.perf_counter() - start)
    if metric.fast is not None or (y.ndim == 2 and n_classes):
        return metric
    counted = np.flatnonzero(np.ones(len(y)) if sample_weight is None else sample_weight)

    def has_value(values: Iterable[Any], target: int | None = None) -> bool:
        """Return whether the metric has a value if some predictions, of one of several targets, are these values."""
        changed = predictions.copy()
        column = changed if target is None else changed[:, target]
        for row, value in zip(counted, values, strict=False):
            column[row] = value
        return not try_metric(metric, y, changed, sample_weight)

    if n_classes:
        extreme = np.eye(n_classes)[(y[counted[: n_classes + 1]] + 1) % n_classes]
        return metric if has_value(extreme) else replace(metric, prediction_range=(_MIN_PROBABILITY, 1.0))
    if y.ndim == 1:
        return replace(metric, prediction_range=_number_range(y, has_value))
    ranges = [_number_range(own, partial(has_value, target=j)) for j, own in enumerate(y.T)]
    if not any(ranges):
        return metric
    lows, highs = zip(*(own or (-np.inf, np.inf) for own in ranges), strict=True)
    return replace(metric, prediction_range=(lows, highs))


def _number_range(y: Array, has_value: Callable[[Iterable[Any]], bool]) -> tuple[float, float] | None:
    """Return the range of the predictions for a target of numbers; None if the metric has a value everywhere."""
    low, high = float(y.min()), float(y.max())
    below, above = ([end + sign * f * (high - low) for f in _OUTSIDE] for end, sign in ((low, -1), (high, 1)))
    if has_value([*below, *above]):
        return None
    bounds = [-np.inf, np.inf]
    if not has_value(below):
        bounds[0] = next((bound for bound in _lower_bounds(y) if has_value([bound])), low)
    if not has_value(above):
        bounds[1] = next((1 - bound for bound in _lower_bounds(1 - y) if has_value([1 - bound])), high)
    return bounds[0], bounds[1]


def _lower_bounds(y: Array) -> list[float]:
    """Return lower bounds that a target without negative values suggests: 0, and a small positive number."""
    if y.min() < 0:
        return []
    return [0.0, float(min(_SMALL_SHARE * y.mean(), y[y > 0].min()))]
