"""Forests of scikit-learn that stop growing when their time is up."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from pipelines.component import FitContext
from pipelines.early_stopping import Deadline


def _grow(forest: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, time_limit: float) -> Any:
    """Add trees in batches that double, as long as the next batch should fit into the time left."""
    deadline = Deadline(time_limit)
    wanted = forest.n_estimators
    grown, batch = 0, 1
    forest = clone(forest).set_params(warm_start=True)
    while grown < wanted:
        batch = min(batch, wanted - grown)
        forest.set_params(n_estimators=grown + batch)
        forest.fit(X, y, sample_weight=sample_weight)
        grown += batch
        affordable = math.floor(0.9 * deadline.left * grown / max(deadline.spent, 1e-9))
        if affordable < 1:
            break
        batch = min(2 * grown, affordable)
    return forest.set_params(warm_start=False)


class TimedForestClassifier(ClassifierMixin, BaseEstimator):
    """A forest with as many trees as the time allows.

    Parameters
    ----------
    forest : estimator
        A scikit-learn forest; its ``n_estimators`` is the largest number of trees.
    time_limit : float
        Seconds; one tree is always grown.
    """

    def __init__(self, forest: BaseEstimator, time_limit: float):
        self.forest = forest
        self.time_limit = time_limit

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Grow the trees."""
        self.forest_ = _grow(self.forest, X, y, sample_weight, self.time_limit)
        self.classes_ = self.forest_.classes_
        self.n_iter_ = len(self.forest_.estimators_)
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Class probabilities, shape (n_samples, n_classes)."""
        check_is_fitted(self)
        return self.forest_.predict_proba(X)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Most probable class, shape (n_samples,)."""
        check_is_fitted(self)
        return self.forest_.predict(X)


class TimedForestRegressor(RegressorMixin, BaseEstimator):
    """A forest with as many trees as the time allows; parameters as in `TimedForestClassifier`."""

    def __init__(self, forest: BaseEstimator, time_limit: float):
        self.forest = forest
        self.time_limit = time_limit

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Grow the trees."""
        self.forest_ = _grow(self.forest, X, y, sample_weight, self.time_limit)
        self.n_iter_ = len(self.forest_.estimators_)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Means, shape (n_samples,)."""
        check_is_fitted(self)
        return self.forest_.predict(X)


def timed(forest: BaseEstimator, context: FitContext) -> BaseEstimator:
    """The forest itself, or inside a clock where the context sets a time limit."""
    if context.time_limit is None:
        return forest
    if context.traits.is_classification:
        return TimedForestClassifier(forest, context.time_limit)
    return TimedForestRegressor(forest, context.time_limit)
