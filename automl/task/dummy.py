"""The score of a constant prediction, which every model should exceed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from automl.interruption import unless_interrupted
from automl.task.metrics import Metric, loss_or_nan
from pipelines.quantiles import lowest_loss_quantiles

if TYPE_CHECKING:
    from automl.task.target_metrics import TargetsMetric

Array = NDArray[Any]

NOT_COMPARED = "the model is not compared with a constant"


def dummy_score(metric: Metric, y: Array, sample_weight: Array | None) -> tuple[float | None, str]:
    """Return the score of the best constant prediction, and what it predicts; None where the metric is undefined.

    Of several targets, `y` has the shape (n_samples, n_targets).
    """
    if y.ndim == 2:
        return _dummy_of_targets(cast("TargetsMetric", metric), y, sample_weight)
    if metric.classes is not None:
        shares = np.bincount(y, sample_weight, minlength=len(metric.classes))
        constants = [(shares / shares.sum(), "the share of each class, in each row")]
    elif metric.quantiles:
        levels = lowest_loss_quantiles(y, metric.quantiles, sample_weight)
        constants = [(levels, "the quantiles of the target, in each row")]
    else:
        constants = [
            (np.average(y, weights=sample_weight), "the mean of the target, in each row"),
            (lowest_loss_quantiles(y, (0.5,), sample_weight)[0], "the median of the target, in each row"),
        ]
    scored = []
    for constant, rule in constants:
        predictions = np.broadcast_to(constant, (len(y), *np.shape(constant))).copy()
        loss = loss_or_nan(metric, y, predictions, sample_weight)
        if np.isfinite(loss):
            scored.append((-loss, rule))
    return max(scored) if scored else (None, "")


def constant_of_model(metric: Metric, y: Array, sample_weight: Array | None) -> tuple[float | None, str]:
    """Return the `dummy_score` that a finished model is compared with; an interrupt of a slow scorer loses no more."""
    scoring = partial(dummy_score, metric, y, sample_weight)
    return unless_interrupted(scoring, NOT_COMPARED) or (None, "")


def _dummy_of_targets(metric: TargetsMetric, y: Array, sample_weight: Array | None) -> tuple[float | None, str]:
    """Return the score of the shares of the classes of each of several targets, or of the better of mean and median."""
    if y.dtype.kind == "f":
        constant, rule = _numbers_of_targets(metric, y, sample_weight)
    else:
        # The rows may lack the last classes of a target, or they may have the weight 0.
        n_classes = metric.layout.n_classes
        counts = [np.bincount(own, sample_weight, minlength=n) for own, n in zip(y.T, n_classes, strict=True)]
        constant, rule = np.hstack([own / own.sum() for own in counts]), "the share of each class, in each row"
    loss = loss_or_nan(metric, y, _repeat(constant, y), sample_weight)
    return (-loss, rule) if np.isfinite(loss) else (None, "")


def _numbers_of_targets(metric: TargetsMetric, y: Array, sample_weight: Array | None) -> tuple[Array, str]:
    """Return the mean or the median of each target, and which of them; one of the two where a scorer takes them all."""
    means = np.average(y, axis=0, weights=sample_weight)
    medians = np.array([lowest_loss_quantiles(own, (0.5,), sample_weight)[0] for own in y.T])
    losses = [metric.target_losses(y, _repeat(each, y), sample_weight) for each in (means, medians)]
    of_mean, of_median = (np.where(np.isfinite(loss), loss, np.inf) for loss in losses)
    is_median = of_median < of_mean
    rule = "median" if is_median.all() else "mean or the median" if is_median.any() else "mean"
    return np.where(is_median, medians, means), f"the {rule} of each target, in each row"


def _repeat(constant: Array, y: Array) -> Array:
    return np.broadcast_to(constant, (len(y), len(constant))).copy()
