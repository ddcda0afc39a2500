"""Tune the decision rule: for a metric of labels, the most probable class is not always the best prediction."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.task.scored_target import ScoredTarget
from pipelines.row_samples import spread_classes

Array = NDArray[Any]

_LOGITS = np.linspace(-5, 5, 41)  # logits of the thresholds that are tried for two classes
_POWERS = np.linspace(0, 1.25, 6)  # powers of the classes' shares that are tried for more than two classes
_PARTS = 5
_MAX_ROWS = 20_000
_SHORTER_CALL = 0.3  # the least share of the seconds of the first call that another call takes


def one_hot_labels(probabilities: Array, decision_weights: Array) -> Array:
    """Return probabilities that are 1 for the predicted class and 0 for others, shape (n_samples, n_classes)."""
    return np.eye(probabilities.shape[1])[(probabilities * decision_weights).argmax(axis=1)]


def judges_labels(target: ScoredTarget, probabilities: Array) -> bool:
    """Return whether the metric judges labels: it gives the same loss for the most probable classes alone."""
    plain = one_hot_labels(probabilities, np.ones(probabilities.shape[1]))
    return target.loss(probabilities) == target.loss(plain)


def apply_decision(predictions: Array, decision_weights: Array | None, target: ScoredTarget) -> Array:
    """Return predictions as `predict` and the metric use them: a metric that judges labels gets the decided ones.

    Parameters
    ----------
    predictions : ndarray of shape (n_samples, n_classes) or (n_samples,)
        They stay as they are where there are no decision weights or where the metric scores probabilities.
    target : ScoredTarget
        The rows by which it is found out whether the metric judges labels.
    """
    if decision_weights is None or not judges_labels(target, predictions):
        return predictions
    return one_hot_labels(predictions, decision_weights)


def weights_of_threshold(threshold: float, positive: int) -> Array:
    """Return the decision weights of two classes that predict the class `positive` above a probability."""
    weights = np.array([threshold, 1 - threshold])
    return weights if positive == 1 else weights[::-1]


def threshold_of_weights(weights: Array | None, positive: int) -> float:
    """Return the probability of the class `positive` above which it is predicted; 0.5 without decision weights."""
    return 0.5 if weights is None else float(weights[1 - positive] / weights.sum())


def tune_decision_weights(
    target: ScoredTarget, probabilities: Array, random_state: int = 0, deadline: float = float("inf")
) -> Array | None:
    """Return decision weights: the class with the largest product of probability and weight is predicted.

    For two classes the weights express a threshold. For more classes they are a negative power of the classes' shares;
    for balanced accuracy the power 1 is best. Each of several parts of the rows is left out once, and the best weights
    are chosen on the other parts. The median of these choices is the result, if the gains on the parts left out show
    that it is better than equal weights.

    Parameters
    ----------
    target : ScoredTarget
        Class codes.
    probabilities : ndarray of shape (n_samples, n_classes)
        Out-of-fold predictions.
    deadline : float
        Time of `time.monotonic`, in seconds. If the tuning would end later, by the seconds of the first call of the
        metric, it does not start. It also stops at this time; the result is None in both cases.

    Returns
    -------
    ndarray of shape (n_classes,) or None
        None if the metric scores probabilities, or if the mean gain is not above its standard error.
    """
    n_classes, y = probabilities.shape[1], target.y
    shuffled = np.random.default_rng(random_state).permutation(target.counted_rows)
    shuffled = spread_classes(shuffled, y, [(_MAX_ROWS, 1)])[:_MAX_ROWS]
    rows = shuffled[np.argsort(y[shuffled], kind="stable")]  # so that each part has its share of each class
    part = np.arange(len(rows)) % _PARTS

    def loss(at: Array, p: Array) -> float:
        return target.take(at).loss(p[at])

    plain = one_hot_labels(probabilities, np.ones(n_classes))
    start = time.monotonic()
    if start + 2 * target.metric.seconds > deadline:
        return None
    plain_loss = loss(rows, plain)
    seconds = time.monotonic() - start
    n_calls = _PARTS * (len(_LOGITS if n_classes == 2 else _POWERS) + 2)
    if start + (2 + _SHORTER_CALL * n_calls) * seconds > deadline or plain_loss != loss(rows, probabilities):
        return None
    if n_classes == 2:
        choices = np.array([weights_of_threshold(threshold, positive=1) for threshold in 1 / (1 + np.exp(-_LOGITS))])
    else:
        shares = np.bincount(y, target.sample_weight, minlength=n_classes)
        shares[shares == 0] = shares.max()  # a class that no row shows keeps its weight
        choices = np.array([(shares / shares.max()) ** -power for power in _POWERS])
    labels = [one_hot_labels(probabilities, weights) for weights in choices]
    best, gains = [], []
    for k in range(_PARTS):
        start = time.monotonic()
        losses = np.full(len(labels), np.inf)
        for i, one_hot in enumerate(labels):
            if time.monotonic() > deadline:
                return None
            losses[i] = np.nan_to_num(loss(rows[part != k], one_hot), nan=np.inf)
        ties = np.flatnonzero(losses == losses.min())
        best.append(int(ties[len(ties) // 2]))
        gains.append(loss(rows[part == k], plain) - loss(rows[part == k], labels[best[-1]]))
        now = time.monotonic()
        if now + (now - start) * (_PARTS - 1 - k) > deadline:
            return None
    if not np.mean(gains) > np.std(gains, ddof=1) / np.sqrt(_PARTS):
        return None
    median: Array = choices[sorted(best)[_PARTS // 2]]
    return median
