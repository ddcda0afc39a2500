"""Probability calibration, as a wrapper around the classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV

from pipelines.component import Component, FitContext
from pipelines.weights import fit_weighted, weighted_rows

N_SPLITS = 3
N_FITS = N_SPLITS + 1  # the last fit is on all rows


class CalibratedClassifier(ClassifierMixin, BaseEstimator):
    """Calibrates a classifier on inner out-of-fold predictions, except where that cannot work.

    A class may have too few rows for inner folds. Or the inner models, which are trained on fewer rows, may have
    learned nothing: then the fitted map may fall or be constant, although the last model has learned something.

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
        self.model_ = fit_weighted(model, X, target, weight)
        if isinstance(self.model_, CalibratedClassifierCV):
            (calibrated,) = self.model_.calibrated_classifiers_
            if _loses_order(calibrated.calibrators):
                self.model_ = calibrated.estimator
            self.cut_ = getattr(calibrated.estimator, "cut_", False)
        else:
            self.cut_ = getattr(self.model_, "cut_", False)
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


def _loses_order(maps: Sequence[Any]) -> bool:
    """Return whether a fitted sigmoid falls, or whether all isotonic maps are constant."""
    falls = any(hasattr(one, "a_") and one.a_ > 0 for one in maps)
    return falls or all(hasattr(one, "y_thresholds_") and np.ptp(one.y_thresholds_) == 0 for one in maps)


def _component(name: str) -> Component:
    def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
        return CalibratedClassifier(params["estimator"], name)

    # The slope of a sigmoid may be negative.
    return Component(name, make, accepts_sparse=True, keeps_order=name != "sigmoid")


CALIBRATION = (
    Component("none", lambda params, context: "passthrough", accepts_sparse=True, keeps_order=True),
    *(_component(name) for name in ("sigmoid", "isotonic", "temperature")),
)
