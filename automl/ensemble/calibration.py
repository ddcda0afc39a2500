"""Calibrate the probabilities of an ensemble: the mean of several models is too close to equal probabilities."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from automl.task.metrics import Metric
from pipelines.weights import relative_weights

Array = NDArray[Any]

_PROPER_SCORES = ("neg_log_loss", "neg_brier_score", "d2_log_loss_score", "d2_brier_score")
_RANKING_SCORES = ("roc_auc", "average_precision")  # for two classes, an increasing map leaves these scores unchanged
_MIN_PROBABILITY = 1e-6  # smaller probabilities are replaced by this one
_PRIOR_STRENGTH = 2.0  # in units of the summed log loss: entries of matrix and bias have a standard deviation of 1/2
_HALF_WEIGHT_ROWS = 300  # rows at which the fitted map gets half the weight; more rows if the map has more entries
_MAX_CLASSES = 30  # for a full matrix; with more classes, the map is one factor and a bias for each class
_MAX_ROWS = 20_000
_MAX_STEPS = 30  # as good as 200 on new rows, and seconds faster for many rows and classes


@dataclass(frozen=True)
class Calibration:
    """A linear map of the logarithms of probabilities.

    Attributes
    ----------
    matrix : ndarray of shape (n_classes, n_classes)
    bias : ndarray of shape (n_classes,)
    """

    matrix: Array
    bias: Array

    def __call__(self, probabilities: Array) -> Array:
        """Return the calibrated probabilities, shape (n_samples, n_classes)."""
        return np.asarray(softmax(_logarithms(probabilities) @ self.matrix.T + self.bias, axis=1))

    @property
    def is_increasing(self) -> bool:
        """Whether the map of two classes keeps the order of rows by the probability of the second class."""
        return bool(self.matrix[1, 1] >= self.matrix[0, 1] and self.matrix[0, 0] >= self.matrix[1, 0])


def calibrate(
    y: Array,
    probabilities: Array,
    metric: Metric,
    sample_weight: Array | None = None,
    random_state: int = 0,
    deadline: float = float("inf"),
) -> Calibration | None:
    """Fit a map that makes the probabilities agree with the labels.

    The method is Dirichlet calibration (Kull et al., "Beyond temperature scaling", NeurIPS 2019): multinomial logistic
    regression on the logarithms of the probabilities. The prior draws the map towards one common factor, which is
    temperature scaling (Guo et al., ICML 2017). As in Platt scaling, the labels are smoothed: a share of 1 / n_samples
    of each label is spread over all classes, so that rows without an error do not give probabilities of 1. With few
    rows the fitted map still overfits; therefore it is averaged with the identity map.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class codes.
    probabilities : ndarray of shape (n_samples, n_classes)
        Out-of-fold predictions.
    deadline : float
        Time of `time.monotonic`, in seconds, at which the fit stops; the map found by then is used.

    Returns
    -------
    Calibration or None
        None if the metric scores labels, or ranks more than two classes, or if no usable map is found.
    """
    n_classes = probabilities.shape[1]
    if metric.name not in _PROPER_SCORES and not (n_classes == 2 and metric.name in _RANKING_SCORES):
        return None
    weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    rows = np.flatnonzero(weights)
    if len(rows) == 0:
        return None
    if len(rows) > _MAX_ROWS:
        rows = np.sort(np.random.default_rng(random_state).choice(rows, _MAX_ROWS, replace=False))
    counts = relative_weights(weights[rows])
    n_rows = counts.sum()  # a row of weight 2 is the same as two rows
    shares = counts / n_rows
    logs = _logarithms(probabilities[rows])
    target = np.full(logs.shape, 1 / n_rows / n_classes)
    target[np.arange(len(rows)), y[rows]] += 1 - 1 / n_rows
    has_matrix = n_classes <= _MAX_CLASSES

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
        prior = _PRIOR_STRENGTH / n_rows
        gradient[1:] += 2 * prior * v[1:]
        return float(-shares @ (target * log_p).sum(axis=1) + prior * v[1:] @ v[1:]), gradient

    def stop(_: Array) -> None:
        if time.monotonic() > deadline:
            raise StopIteration  # ends `minimize`, which returns the best map so far

    start = np.zeros(1 + n_classes + has_matrix * n_classes**2)
    start[0] = 1.0
    with np.errstate(all="ignore"):
        fitted = minimize(loss, start, jac=True, method="L-BFGS-B", callback=stop, options={"maxiter": _MAX_STEPS})
    full = unpack(fitted.x)
    if not np.isfinite(fitted.x).all() or (n_classes == 2 and not full.is_increasing):
        return None
    trust = n_rows / (n_rows + max(_HALF_WEIGHT_ROWS, full.matrix.size if has_matrix else 0))
    return Calibration((1 - trust) * np.eye(n_classes) + trust * full.matrix, trust * full.bias)


def _logarithms(probabilities: Array) -> Array:
    """Return the logarithms of probabilities, which are clipped from below."""
    return np.log(np.clip(probabilities, _MIN_PROBABILITY, 1.0, dtype=np.float64))
