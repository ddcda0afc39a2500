"""Class balancing, as a wrapper around the classifier that changes only the training rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from ConfigSpace import ConfigurationSpace, Float
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from pipelines.component import Component, FitContext, TableTraits, space_of
from pipelines.steps.training_facts import take_training_facts
from pipelines.weights import fit_weighted, weighted_rows

MOST_TIMES = 10  # rows that oversampling draws of one class, in multiples of all rows
MIN_CLASS_ROWS = 10  # undersampling leaves each class at least this number of rows, or all its rows


class BalancedClassifier(ClassifierMixin, BaseEstimator):
    """Trains a classifier on rows that are weighted or resampled by class.

    Parameters
    ----------
    classifier : estimator
    strategy : {"weights", "oversample", "undersample"}
    power : float
        0 leaves the classes as they are; 1 gives all classes the same weight, or the same number of rows where the
        rows have no weights.
    weighted : bool
        Whether ``classifier.fit`` takes ``sample_weight``: a row that is drawn several times then is one row with this
        weight. A classifier that splits its rows would find copies of its training rows among its validation rows.
    """

    weighted: bool = False  # models of earlier versions lack it

    def __init__(
        self,
        classifier: Any,
        strategy: str = "weights",
        power: float = 1.0,
        random_state: int = 0,
        weighted: bool = False,
    ):
        self.classifier = classifier
        self.strategy = strategy
        self.power = power
        self.random_state = random_state
        self.weighted = weighted

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the classifier on balanced rows."""
        X, y, weight = weighted_rows(X, y, sample_weight)
        self.classes_, codes = np.unique(y, return_inverse=True)
        mass = np.bincount(codes, weight).astype(np.float64)
        self.classifier_ = clone(self.classifier)
        if self.strategy == "weights":
            factor = (mass.mean() / mass) ** self.power
            balanced = factor[codes] * (1.0 if weight is None else weight)
            self.classifier_.fit(X, y, sample_weight=balanced)
        else:
            rows = self._resample(codes, mass)
            weight = None if weight is None else weight[rows]
            if self.weighted and self.strategy == "oversample":
                rows, first, copies = np.unique(rows, return_index=True, return_counts=True)
                weight = np.asarray(copies * (1.0 if weight is None else weight[first]), dtype=np.float64)
            fit_weighted(self.classifier_, X[rows], y[rows], weight)
        take_training_facts(self, self.classifier_)
        return self

    def _resample(self, codes: NDArray[np.intp], mass: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return rows with class weights between the original weight and that of the heaviest (or lightest) class.

        Parameters
        ----------
        mass : ndarray of shape (n_classes,)
            Sum of the weights of each class.
        """
        rng, counts = np.random.default_rng(self.random_state), np.bincount(codes)
        target = mass.max() if self.strategy == "oversample" else mass.min()
        # Weights of very different sizes would ask for any number of copies.
        sizes = np.round(np.minimum(counts * (target / mass) ** self.power, MOST_TIMES * len(codes))).astype(int)
        sizes = np.maximum(sizes, np.minimum(counts, MIN_CLASS_ROWS))
        chosen = []
        for code, size in enumerate(sizes):
            own = np.flatnonzero(codes == code)
            if size <= len(own):
                chosen.append(rng.choice(own, max(1, size), replace=False))
            else:
                chosen.append(np.concatenate([own, rng.choice(own, size - len(own))]))
        return np.sort(np.concatenate(chosen))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return class probabilities of shape (n_samples, n_classes)."""
        return np.asarray(self.classifier_.predict_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable classes, shape (n_samples,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _power_space(traits: TableTraits) -> ConfigurationSpace:
    return space_of(Float("power", (0.1, 1.0), default=0.5))


def _component(name: str) -> Component:
    def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
        weighted = bool(params.get("weighted", False))
        return BalancedClassifier(params["estimator"], name, params.get("power", 0.5), context.random_state, weighted)

    return Component(name, make, _power_space, accepts_sparse=True, keeps_order=True)


BALANCING = (
    Component("none", lambda params, context: "passthrough", accepts_sparse=True, keeps_order=True),
    *(_component(name) for name in ("weights", "oversample", "undersample")),
)
