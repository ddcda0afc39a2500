"""The proportional odds model as a classifier: a linear model of ordered classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from pipelines.cumulative_link import class_probabilities, fit_cumulative_logits
from pipelines.ordered_codes import places_of
from pipelines.weights import weighted_rows

Array = NDArray[Any]


class ProportionalOddsClassifier(ClassifierMixin, BaseEstimator):
    """Classify ordered classes by one linear function and a threshold between each pair of neighboring classes.

    Parameters
    ----------
    C : float
        Inverse of the strength of the penalty of squared coefficients, as in scikit-learn's logistic regression.
    ranks : sequence of int
        Rank of each class code; empty if the codes are in the order of the classes.
    max_iter : int
        Largest number of steps.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (n_features,)
    thresholds_ : ndarray of shape (n_classes - 1,)
    n_iter_ : int
    """

    def __init__(self, C: float = 1.0, ranks: Sequence[int] = (), max_iter: int = 200):
        self.C = C
        self.ranks = ranks
        self.max_iter = max_iter

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Maximize the likelihood."""
        X, target, weight = weighted_rows(X, y, sample_weight)
        self.classes_, self.places_, own = places_of(target, self.ranks)
        self.coef_, self.thresholds_, self.n_iter_ = fit_cumulative_logits(
            X, own, len(self.classes_), weight, penalty=1.0 / self.C, max_steps=self.max_iter
        )
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return class probabilities of shape (n_samples, n_classes)."""
        return class_probabilities(np.asarray(X @ self.coef_), self.thresholds_)[:, self.places_]

    def predict(self, X: Any) -> Array:
        """Return the most probable classes, shape (n_samples,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
