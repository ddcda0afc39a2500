"""The score of a constant prediction, which every model should exceed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.task.metrics import Metric, loss_or_nan

Array = NDArray[Any]


def dummy_score(metric: Metric, y: Array, sample_weight: Array | None) -> tuple[float | None, str]:
    """Return the score of the best constant prediction, and what it predicts; None where the metric is undefined."""
    if metric.classes is not None:
        shares = np.bincount(y, sample_weight, minlength=len(metric.classes))
        constants = [(shares / shares.sum(), "the share of each class, in each row")]
    else:
        constants = [
            (np.average(y, weights=sample_weight), "the mean of the target, in each row"),
            (np.median(y), "the median of the target, in each row"),
        ]
    scored = []
    for constant, rule in constants:
        predictions = np.broadcast_to(constant, (len(y), *np.shape(constant))).copy()
        loss = loss_or_nan(metric, y, predictions, sample_weight)
        if np.isfinite(loss):
            scored.append((-loss, rule))
    return max(scored) if scored else (None, "")
