"""Which label to say: where the metric judges labels, the most probable one need not be the best answer."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.task.metrics import Metric, loss_or_nan

Array = NDArray[Any]

_LOGITS = np.linspace(-5, 5, 41)  # of the thresholds tried for two classes
_POWERS = np.linspace(0, 1.25, 6)  # of the classes' shares, for more classes
_PARTS = 5
_MAX_ROWS = 20_000


def one_hot_labels(probabilities: Array, factors: Array) -> Array:
    """Probabilities that are 1 for the label to be said, shape (n_samples, n_classes)."""
    return np.eye(probabilities.shape[1])[(probabilities * factors).argmax(axis=1)]


def tune_label_weights(
    y: Array,
    probabilities: Array,
    metric: Metric,
    sample_weight: Array | None = None,
    random_state: int = 0,
    deadline: float = float("inf"),
) -> Array | None:
    """Factors of the classes' probabilities, so that the largest product names the label to say.

    For two classes they stand for a threshold; for more they are a negative power of the classes' shares, which for
    balanced accuracy is best with power 1. Each part of the rows is left out once, and the median of the choices that
    are best on the others is taken; the gains on the parts left out tell whether to trust it.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class codes.
    probabilities : ndarray of shape (n_samples, n_classes)
        Out-of-fold.
    deadline : float
        In seconds of `time.monotonic`; there is no tuning that would end later.

    Returns
    -------
    ndarray of shape (n_classes,) or None
        None where the metric judges probabilities, or where the mean gain is within its standard error.
    """
    n_classes = probabilities.shape[1]
    shuffled = np.random.default_rng(random_state).permutation(len(y))[:_MAX_ROWS]
    rows = shuffled[np.argsort(y[shuffled], kind="stable")]  # so that each part has its share of each class
    part = np.arange(len(rows)) % _PARTS

    def loss(some: Array, p: Array) -> float:
        return loss_or_nan(metric, y[some], p[some], None if sample_weight is None else sample_weight[some])

    plain = one_hot_labels(probabilities, np.ones(n_classes))
    if loss(rows, plain) != loss(rows, probabilities):
        return None
    if n_classes == 2:
        thresholds = 1 / (1 + np.exp(-_LOGITS))
        choices = np.column_stack([thresholds, 1 - thresholds])
    else:
        shares = np.bincount(y, sample_weight, minlength=n_classes)
        if not shares.all():
            return None
        choices = np.array([(shares / shares.max()) ** -power for power in _POWERS])
    answers = [one_hot_labels(probabilities, factors) for factors in choices]
    best, gains = [], []
    for k in range(_PARTS):
        start = time.monotonic()
        losses = np.nan_to_num([loss(rows[part != k], answer) for answer in answers], nan=np.inf)
        ties = np.flatnonzero(losses == losses.min())
        best.append(int(ties[len(ties) // 2]))
        gains.append(loss(rows[part == k], plain) - loss(rows[part == k], answers[best[-1]]))
        now = time.monotonic()
        if now + (now - start) * (_PARTS - 1 - k) > deadline:
            return None
    if not np.mean(gains) > np.std(gains, ddof=1) / np.sqrt(_PARTS):
        return None
    factors: Array = choices[sorted(best)[_PARTS // 2]]
    return factors
