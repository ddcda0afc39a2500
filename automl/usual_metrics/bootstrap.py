"""The usual metrics on many bootstrap samples at once.

A sample is a row of weights: how often it holds each row of the table. Each function returns the scores of all samples,
shape (n_samples,), with the sign of scikit-learn's scorers; NaN where a score is not defined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
Resampled = Mapping[str, Callable[[Array], Array]]


def draw_weights(rng: np.random.Generator, n_samples: int, n_rows: int) -> Array:
    """Return the weights of bootstrap samples, shape (n_samples, n_rows)."""
    return rng.multinomial(n_rows, np.full(n_rows, 1 / n_rows), size=n_samples).astype(np.float64)


def classification(y: Codes, predicted: Codes, probabilities: Array) -> Resampled:
    """Return the metrics of a classifier by the names of scikit-learn's scorers.

    Parameters
    ----------
    y, predicted : ndarray of int of shape (n_rows,)
        Class codes; code 1 is the class of interest where there are two classes.
    probabilities : ndarray of shape (n_rows, n_classes)
    """
    n_classes = probabilities.shape[1]
    chosen = np.clip(probabilities[np.arange(len(y)), y], np.finfo(probabilities.dtype).eps, 1.0)
    with_labels: dict[str, Callable[[Array], Array]] = {
        "accuracy": lambda c: np.trace(c, axis1=1, axis2=2) / c.sum(axis=(1, 2)),
        "balanced_accuracy": lambda c: np.nanmean(_divide(_hits(c), c.sum(axis=2)), axis=1),
        "matthews_corrcoef": _matthews,
    }
    if n_classes == 2:
        with_labels["f1"] = lambda c: np.nan_to_num(_divide(2 * _hits(c), c.sum(axis=1) + c.sum(axis=2)))[:, 1]
        with_labels["precision"] = lambda c: np.nan_to_num(_divide(_hits(c), c.sum(axis=1)))[:, 1]
        with_labels["recall"] = lambda c: np.nan_to_num(_divide(_hits(c), c.sum(axis=2)))[:, 1]
    else:
        with_labels["f1_macro"] = lambda c: _macro(2 * _hits(c), c.sum(axis=1) + c.sum(axis=2), c)
        with_labels["precision_macro"] = lambda c: _macro(_hits(c), c.sum(axis=1), c)
        with_labels["recall_macro"] = lambda c: _macro(_hits(c), c.sum(axis=2), c)
    found: dict[str, Callable[[Array], Array]] = {
        name: _on_confusions(y, predicted, n_classes, function) for name, function in with_labels.items()
    }
    found["neg_log_loss"] = lambda w: w @ np.log(chosen) / w.sum(axis=1)
    if n_classes == 2:
        p = probabilities[:, 1]
        found["neg_brier_score"] = lambda w: -(w @ (p - y) ** 2) / w.sum(axis=1)
        found["roc_auc"] = lambda w: _roc_auc(*_by_score(y == 1, p, w))
        found["average_precision"] = lambda w: _average_precision(*_by_score(y == 1, p, w))
    else:
        found["roc_auc_ovr"] = lambda w: np.nanmean(
            [_roc_auc(*_by_score(y == k, probabilities[:, k], w)) for k in range(n_classes)], axis=0
        )
    return found


def regression(y: Array, predicted: Array) -> Resampled:
    """Return the metrics of a regressor by the names of scikit-learn's scorers."""
    error = np.abs(y - predicted)
    relative = error / np.maximum(np.abs(y), np.finfo(np.float64).eps)

    def r2(w: Array) -> Array:
        mean = w @ y / w.sum(axis=1)
        return 1 - _divide(w @ error**2, w @ y**2 - w.sum(axis=1) * mean**2)

    return {
        "neg_root_mean_squared_error": lambda w: -np.sqrt(w @ error**2 / w.sum(axis=1)),
        "neg_mean_absolute_error": lambda w: -(w @ error) / w.sum(axis=1),
        "neg_mean_absolute_percentage_error": lambda w: -(w @ relative) / w.sum(axis=1),
        "neg_median_absolute_error": lambda w: np.array([-np.median(np.repeat(error, row.astype(int))) for row in w]),
        "r2": r2,
    }


def _on_confusions(
    y: Codes, predicted: Codes, n_classes: int, function: Callable[[Array], Array]
) -> Callable[[Array], Array]:
    """Return a metric of samples, from one of their confusion matrices: rows are true, columns predicted classes."""
    cells = y * n_classes + predicted

    def metric(w: Array) -> Array:
        counts = np.array([np.bincount(cells, weights=row, minlength=n_classes**2) for row in w])
        return function(counts.reshape(len(w), n_classes, n_classes))

    return metric


def _hits(confusions: Array) -> Array:
    return np.diagonal(confusions, axis1=1, axis2=2)


def _macro(numerator: Array, denominator: Array, confusions: Array) -> Array:
    """Return the mean of a ratio over the classes that a sample holds, as true or predicted classes."""
    is_there = (confusions.sum(axis=1) + confusions.sum(axis=2)) > 0
    ratios = np.nan_to_num(_divide(numerator, denominator))
    return (ratios * is_there).sum(axis=1) / is_there.sum(axis=1)


def _matthews(confusions: Array) -> Array:
    true, predicted, n = confusions.sum(axis=2), confusions.sum(axis=1), confusions.sum(axis=(1, 2))
    covariance = _hits(confusions).sum(axis=1) * n - (true * predicted).sum(axis=1)
    spread = (n**2 - (true**2).sum(axis=1)) * (n**2 - (predicted**2).sum(axis=1))
    return np.nan_to_num(_divide(covariance, np.sqrt(spread)))


def _by_score(positive: NDArray[np.bool_], score: Array, w: Array) -> tuple[Array, Array]:
    """Return the weights of positive and negative rows of each different score, the highest score first."""
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])
    ordered = w[:, order]
    return (
        np.add.reduceat(ordered * positive[order], starts, axis=1),
        np.add.reduceat(ordered * ~positive[order], starts, axis=1),
    )


def _roc_auc(positive: Array, negative: Array) -> Array:
    below = negative.sum(axis=1, keepdims=True) - np.cumsum(negative, axis=1)
    wins = (positive * (below + negative / 2)).sum(axis=1)
    return _divide(wins, positive.sum(axis=1) * negative.sum(axis=1))


def _average_precision(positive: Array, negative: Array) -> Array:
    hits = np.cumsum(positive, axis=1)
    precision = np.nan_to_num(_divide(hits, hits + np.cumsum(negative, axis=1)))
    return _divide((positive * precision).sum(axis=1), positive.sum(axis=1))


def _divide(numerator: Array, denominator: Array) -> Array:
    """Return the ratio, NaN where the denominator is 0."""
    out = np.full(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)), np.nan)
    return np.divide(numerator, denominator, out=out, where=np.asarray(denominator) != 0)
