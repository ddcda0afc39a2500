"""Class balancing, as a wrapper around the classifier: only training rows are touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from ConfigSpace import ConfigurationSpace, Float
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from pipelines.component import Component, FitContext, TableTraits, space_of

SMALLEST = 10  # rows that undersampling leaves to a class that has as many


class BalancedClassifier(ClassifierMixin, BaseEstimator):
    """Trains a classifier on rows weighted or resampled by class.

    Parameters
    ----------
    classifier : estimator
    strategy : {"weights", "oversample", "undersample"}
    power : float
        0 leaves the classes as they are, 1 makes them equally heavy (or frequent).
    """

    def __init__(self, classifier: Any, strategy: str = "weights", power: float = 1.0, random_state: int = 0):
        self.classifier = classifier
        self.strategy = strategy
        self.power = power
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the classifier on balanced rows."""
        y = np.asarray(y)
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
        self.classes_, codes = np.unique(y, return_inverse=True)
        counts = np.bincount(codes)
        self.classifier_ = clone(self.classifier)
        if self.strategy == "weights":
            factor = (counts.mean() / counts) ** self.power
            balanced = factor[codes] * (1.0 if weight is None else weight)
            self.classifier_.fit(X, y, sample_weight=balanced)
        else:
            rows = self._resample(codes, counts)
            if weight is None:
                self.classifier_.fit(X[rows], y[rows])
            else:
                self.classifier_.fit(X[rows], y[rows], sample_weight=weight[rows])
        if hasattr(self.classifier_, "n_iter_"):
            self.n_iter_ = self.classifier_.n_iter_
        return self

    def _resample(self, codes: NDArray[np.intp], counts: NDArray[np.intp]) -> NDArray[np.intp]:
        """Rows such that class sizes are between their own and that of the largest (or smallest) class."""
        rng = np.random.default_rng(self.random_state)
        aim = counts.max() if self.strategy == "oversample" else counts.min()
        sizes = np.round(counts.astype(float) ** (1 - self.power) * float(aim) ** self.power).astype(int)
        sizes = np.maximum(sizes, np.minimum(counts, SMALLEST))
        chosen = []
        for code, size in enumerate(sizes):
            own = np.flatnonzero(codes == code)
            if size <= len(own):
                chosen.append(rng.choice(own, max(1, size), replace=False))
            else:
                chosen.append(np.concatenate([own, rng.choice(own, size - len(own))]))
        return np.sort(np.concatenate(chosen))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of shape (n_samples, n_classes)."""
        return np.asarray(self.classifier_.predict_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Most probable class, shape (n_samples,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _power(traits: TableTraits) -> ConfigurationSpace:
    return space_of(Float("power", (0.1, 1.0), default=0.5))


def _strategy(name: str) -> Component:
    def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
        return BalancedClassifier(params["estimator"], name, params.get("power", 0.5), context.random_state)

    return Component(name, make, _power, accepts_sparse=True)


BALANCING = (
    Component("none", lambda params, context: "passthrough", accepts_sparse=True),
    *(_strategy(name) for name in ("weights", "oversample", "undersample")),
)
