"""Probability calibration, as a wrapper around the classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV

from pipelines.component import Component, FitContext
from pipelines.weights import weighted_rows

N_SPLITS = 3
N_FITS = N_SPLITS + 1  # the last fit is on all rows


class CalibratedClassifier(ClassifierMixin, BaseEstimator):
    """Calibrates a classifier on inner out-of-fold predictions, except where a class has too few rows for that.

    Parameters
    ----------
    classifier : estimator
    method : {"sigmoid", "isotonic", "temperature"}
    """

    def __init__(self, classifier: Any, method: str = "sigmoid"):
        self.classifier = classifier
        self.method = method

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the classifier and the calibration."""
        X, target, weight = weighted_rows(X, y, sample_weight)
        self.classes_, counts = np.unique(target, return_counts=True)
        model = clone(self.classifier)
        if counts.min() >= N_SPLITS:
            model = CalibratedClassifierCV(model, method=self.method, cv=N_SPLITS, ensemble=False)
        self.model_ = model.fit(X, target) if weight is None else model.fit(X, target, sample_weight=weight)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return class probabilities of shape (n_samples, n_classes)."""
        p = np.asarray(self.model_.predict_proba(X), dtype=float)
        total = p.sum(axis=1, keepdims=True)
        # Isotonic calibration may give probability 0 to every class.
        return np.where(total > 0, p / np.where(total > 0, total, 1.0), 1.0 / p.shape[1])

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable classes, shape (n_samples,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _component(name: str) -> Component:
    def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
        return CalibratedClassifier(params["estimator"], name)

    return Component(name, make, accepts_sparse=True)


CALIBRATION = (
    Component("none", lambda params, context: "passthrough", accepts_sparse=True),
    *(_component(name) for name in ("sigmoid", "isotonic", "temperature")),
)
