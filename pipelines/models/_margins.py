"""Probabilities for classifiers that only have decision values."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from pipelines.early_stopping import split_rows
from pipelines.weights import weighted_rows

N_FOLDS = 3
MAX_ROWS_TO_CROSS_FIT = 3000  # with more rows, one held-out part gives enough decision values
HELD_OUT_SHARE = 0.2


def as_columns(decisions: np.ndarray) -> np.ndarray:
    """Return decision values with one column per class; for two classes, column 1 minus column 0 is the given value."""
    if decisions.ndim == 2:
        return decisions
    return np.column_stack([-decisions / 2, decisions / 2])


def fit_softmax(decisions: np.ndarray, codes: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Return slope and intercepts that map decision values to probabilities: Platt's scaling for any number of classes.

    Penalized maximum likelihood fits ``softmax(exp(s) * decisions + b)``. The penalty keeps the slope finite on
    separable data, for which Platt (1999) smooths the targets.

    Parameters
    ----------
    decisions : ndarray of shape (n_samples, n_classes)
    codes : ndarray of int, shape (n_samples,)
    weight : ndarray of shape (n_samples,), optional

    Returns
    -------
    ndarray of shape (n_classes + 1,)
        ``s`` followed by ``b``.
    """
    n, k = decisions.shape
    weight = np.ones(n) if weight is None else weight / weight.mean()
    truth = np.zeros((n, k))
    truth[np.arange(n), codes] = 1

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        slope, shift = np.exp(theta[0]), theta[1:]
        logp = log_softmax(slope * decisions + shift, axis=1)
        gap = weight[:, None] * (np.exp(logp) - truth)
        value = -np.sum(weight * logp[np.arange(n), codes]) + 0.5 * (theta @ theta)
        gradient = np.concatenate([[slope * np.sum(gap * decisions)], gap.sum(axis=0)]) + theta
        return value / n, gradient / n

    bounds = [(-8.0, 8.0)] + [(-20.0, 20.0)] * k
    found: np.ndarray = minimize(loss, np.zeros(k + 1), jac=True, method="L-BFGS-B", bounds=bounds).x
    return found


def apply_softmax(decisions: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Return probabilities of shape (n_samples, n_classes) from decision values and the result of `fit_softmax`."""
    out: np.ndarray = softmax(np.exp(theta[0]) * decisions + theta[1:], axis=1)
    return out


class MarginClassifier(ClassifierMixin, BaseEstimator):
    """A margin classifier with probabilities, which are fitted on decision values of held-out rows.

    Parameters
    ----------
    estimator : classifier
        A classifier with ``decision_function``.
    random_state : int
        Seed of the inner folds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    estimator_ : classifier
        The classifier, fitted on all rows.
    theta_ : ndarray of shape (n_classes + 1,)
        Slope and intercepts of the softmax.
    """

    def __init__(self, estimator: BaseEstimator, random_state: int = 0):
        self.estimator = estimator
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the classifier on inner folds for the decision values, then on all rows."""
        X, target, weight = weighted_rows(X, y, sample_weight)
        self.classes_, codes = np.unique(target, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs at least two classes, the target has only {self.classes_[0]!r}")
        self.theta_ = np.zeros(len(self.classes_) + 1)
        parts = self._parts(codes)
        if parts:
            decisions = self._held_out_decisions(X, codes, weight, parts)
            rows = np.concatenate(parts)
            self.theta_ = fit_softmax(decisions, codes[rows], None if weight is None else weight[rows])
        self.estimator_ = self._fit(X, codes, weight, np.arange(len(codes)))
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return class probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        return apply_softmax(as_columns(self.estimator_.decision_function(X)), self.theta_)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable classes, shape (n_samples,)."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]

    def _fit(self, X: Any, codes: np.ndarray, weight: np.ndarray | None, rows: np.ndarray) -> Any:
        part = None if weight is None else weight[rows]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of iterations is low on purpose
            return clone(self.estimator).fit(X[rows], codes[rows], sample_weight=part)

    def _held_out_decisions(
        self, X: Any, codes: np.ndarray, weight: np.ndarray | None, parts: list[np.ndarray]
    ) -> np.ndarray:
        """Return decision values of the held-out rows of all parts, shape (n_rows, n_classes)."""
        all_rows = np.arange(len(codes))
        blocks = []
        for held in parts:
            model = self._fit(X, codes, weight, np.setdiff1d(all_rows, held))
            known = as_columns(model.decision_function(X[held]))
            # A class without training rows gets the lowest value of each row.
            block = np.repeat(known.min(axis=1, keepdims=True), len(self.classes_), axis=1)
            block[:, model.classes_] = known
            blocks.append(block)
        return np.concatenate(blocks)

    def _parts(self, codes: np.ndarray) -> list[np.ndarray]:
        """Return the parts of the rows to hold out in turn: three stratified folds, or one part of a large table."""
        if len(codes) > MAX_ROWS_TO_CROSS_FIT:
            held = split_rows(codes, fraction=HELD_OUT_SHARE, classification=True, random_state=self.random_state)[1]
            return [held]
        shuffled = np.random.default_rng(self.random_state).permutation(len(codes))
        ordered = shuffled[np.argsort(codes[shuffled], kind="stable")]
        folds = [np.sort(ordered[fold::N_FOLDS]) for fold in range(N_FOLDS)]
        return [fold for fold in folds if len(fold) and len(np.unique(np.delete(codes, fold))) >= 2]
