"""Ordered classes as questions of two classes: is the class above this one?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from pipelines.ordered_codes import places_of
from pipelines.steps.training_facts import take_facts_of_all
from pipelines.weights import fit_weighted, weighted_rows

Array = NDArray[Any]


class ThresholdClassifier(ClassifierMixin, BaseEstimator):
    """Trains one model of two classes for each class but the last one: whether the true class is above this class.

    The probabilities of "at most this class" may fall from one class to the next, because the models are independent.
    They are replaced by their cumulative maximum. Source: Frank and Hall, 2001, "A simple approach to ordinal
    classification".

    Parameters
    ----------
    classifier : estimator
    ranks : sequence of int
        Rank of each class code; empty if the codes are in the order of the classes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    models_ : list of estimator
        The fitted model of each class but the last one, in the order of the classes.
    """

    def __init__(self, classifier: Any, ranks: Sequence[int] = ()):
        self.classifier = classifier
        self.ranks = ranks

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the models one after the other."""
        X, target, weight = weighted_rows(X, y, sample_weight)
        self.classes_, self.places_, own = places_of(target, self.ranks)
        self.models_ = [
            fit_weighted(clone(self.classifier), X, (own > place).astype(np.int64), weight)
            for place in range(len(self.classes_) - 1)
        ]
        take_facts_of_all(self, self.models_)
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return class probabilities of shape (n_samples, n_classes)."""
        return self.combine([model.predict_proba(X) for model in self.models_])

    def combine(self, outputs: Sequence[Array]) -> Array:
        """Return class probabilities from the probabilities of the models, each of shape (n_samples, 2)."""
        above: Array = np.column_stack([np.asarray(p, dtype=np.float64)[:, 1] for p in outputs])
        above = np.minimum.accumulate(above, axis=1)
        return -np.diff(above, axis=1, prepend=1.0, append=0.0)[:, self.places_]

    def predict(self, X: Any) -> Array:
        """Return the most probable classes, shape (n_samples,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
