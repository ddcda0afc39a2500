"""Calibrate an ensemble's probabilities: averages of models that are each sure of themselves are too unsure."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from automl.task.metrics import Metric

Array = NDArray[Any]

_PROPER = ("neg_log_loss", "neg_brier_score", "d2_log_loss_score", "d2_brier_score")
_RANKING = ("roc_auc", "average_precision")  # of two classes: a rising map changes no score, but mends probabilities
_SMALLEST = 1e-6  # probability; what is surer than that is not believed
_STRENGTH = 2.0  # of the prior, in units of the summed log loss: entries of matrix and bias have a deviation of 1/2
_DOUBT = 300  # rows: with so many, or as many as the map has entries, half of what was found is believed
_MOST_CLASSES = 30  # for a whole matrix; with more, one factor and a bias for each class
_MAX_ROWS = 20_000
_MAX_STEPS = 30  # as good as 200 on new rows, and seconds sooner where rows and classes are many


@dataclass(frozen=True)
class Calibration:
    """A linear map of logarithms of probabilities.

    Attributes
    ----------
    matrix : ndarray of shape (n_classes, n_classes)
    bias : ndarray of shape (n_classes,)
    """

    matrix: Array
    bias: Array

    def __call__(self, probabilities: Array) -> Array:
        """Calibrated probabilities of shape (n_samples, n_classes)."""
        return np.asarray(softmax(_logarithms(probabilities) @ self.matrix.T + self.bias, axis=1))

    @property
    def rises(self) -> bool:
        """Whether the second of two classes is the likelier afterwards, the likelier it was before."""
        return bool(self.matrix[1, 1] >= self.matrix[0, 1] and self.matrix[0, 0] >= self.matrix[1, 0])


def calibrate(
    y: Array,
    probabilities: Array,
    metric: Metric,
    sample_weight: Array | None = None,
    random_state: int = 0,
    deadline: float = float("inf"),
) -> Calibration | None:
    """Find the map that makes probabilities fit the labels.

    Dirichlet calibration (Kull et al., "Beyond temperature scaling", NeurIPS 2019): multinomial logistic regression on
    the logarithms, drawn towards one common factor of all of them, which alone is temperature scaling (Guo et al., ICML
    2017). As in Platt's scaling, the labels count as wrong once in as many rows as there are, so that rows without an
    error make nobody sure. With few rows the map overfits all the same, and is mixed with no change at all.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class codes.
    probabilities : ndarray of shape (n_samples, n_classes)
        Out-of-fold.
    deadline : float
        In seconds of `time.monotonic`; the map that is found by then is taken.

    Returns
    -------
    Calibration or None
        None where the metric judges labels, or the ranks of more than two classes.
    """
    n_classes = probabilities.shape[1]
    if metric.name not in _PROPER and not (n_classes == 2 and metric.name in _RANKING):
        return None
    weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    rows = np.flatnonzero(weights)
    if len(rows) == 0:
        return None
    if len(rows) > _MAX_ROWS:
        rows = np.sort(np.random.default_rng(random_state).choice(rows, _MAX_ROWS, replace=False))
    shares = weights[rows] / weights[rows].sum()
    logs = _logarithms(probabilities[rows])
    target = np.full(logs.shape, 1 / len(rows) / n_classes)
    target[np.arange(len(rows)), y[rows]] += 1 - 1 / len(rows)
    has_matrix = n_classes <= _MOST_CLASSES

    def unpack(v: Array) -> Calibration:
        matrix = v[0] * np.eye(n_classes)
        if has_matrix:
            matrix = matrix + v[1 + n_classes :].reshape(n_classes, n_classes)
        return Calibration(matrix, v[1 : 1 + n_classes])

    def loss(v: Array) -> tuple[float, Array]:
        candidate = unpack(v)
        log_p = log_softmax(logs @ candidate.matrix.T + candidate.bias, axis=1)
        errors = (np.exp(log_p) - target) * shares[:, None]
        by_entry = errors.T @ logs
        parts = [[np.trace(by_entry)], errors.sum(axis=0), by_entry.ravel() if has_matrix else []]
        gradient = np.concatenate(parts)
        prior = _STRENGTH / len(rows)
        gradient[1:] += 2 * prior * v[1:]
        return float(-shares @ (target * log_p).sum(axis=1) + prior * v[1:] @ v[1:]), gradient

    def stop(_: Array) -> None:
        if time.monotonic() > deadline:
            raise StopIteration

    start = np.zeros(1 + n_classes + has_matrix * n_classes**2)
    start[0] = 1.0
    with np.errstate(all="ignore"):
        found = minimize(loss, start, jac=True, method="L-BFGS-B", callback=stop, options={"maxiter": _MAX_STEPS})
    full = unpack(found.x)
    if not np.isfinite(found.x).all() or (n_classes == 2 and not full.rises):
        return None
    belief = len(rows) / (len(rows) + max(_DOUBT, full.matrix.size if has_matrix else 0))
    return Calibration((1 - belief) * np.eye(n_classes) + belief * full.matrix, belief * full.bias)


def _logarithms(probabilities: Array) -> Array:
    return np.log(np.clip(probabilities, _SMALLEST, 1.0, dtype=np.float64))
