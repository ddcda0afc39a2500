"""Forests of scikit-learn that stop adding trees at a time limit."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from pipelines.component import FitContext
from pipelines.early_stopping import Deadline
from pipelines.models._target import StandardizedRegressor


def _fit_trees(forest: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, time_limit: float) -> Any:
    """Fit trees in batches of doubling size, as long as the next batch is likely to fit into the time left."""
    deadline = Deadline(time_limit)
    wanted = forest.n_estimators
    done, batch = 0, 1
    forest = clone(forest).set_params(warm_start=True)
    while done < wanted:
        batch = min(batch, wanted - done)
        forest.set_params(n_estimators=done + batch)
        forest.fit(X, y, sample_weight=sample_weight)
        done += batch
        affordable = math.floor(0.9 * deadline.left * done / max(deadline.spent, 1e-9))
        if affordable < 1:
            break
        batch = min(2 * done, affordable)
    return forest.set_params(warm_start=False)


class TimedForestClassifier(ClassifierMixin, BaseEstimator):
    """A forest with as many trees as the time limit allows.

    Parameters
    ----------
    forest : estimator
        A scikit-learn forest; its ``n_estimators`` is the largest number of trees.
    time_limit : float
        Seconds; the forest has at least one tree.
    """

    def __init__(self, forest: BaseEstimator, time_limit: float):
        self.forest = forest
        self.time_limit = time_limit

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the trees."""
        self.forest_ = _fit_trees(self.forest, X, y, sample_weight, self.time_limit)
        self.classes_ = self.forest_.classes_
        self.n_iter_ = len(self.forest_.estimators_)
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return class probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        return self.forest_.predict_proba(X)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable classes, shape (n_samples,)."""
        check_is_fitted(self)
        return self.forest_.predict(X)


class TimedForestRegressor(RegressorMixin, BaseEstimator):
    """A forest with as many trees as the time limit allows; its parameters are those of `TimedForestClassifier`."""

    def __init__(self, forest: BaseEstimator, time_limit: float):
        self.forest = forest
        self.time_limit = time_limit

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the trees."""
        self.forest_ = _fit_trees(self.forest, X, y, sample_weight, self.time_limit)
        self.n_iter_ = len(self.forest_.estimators_)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return means of shape (n_samples,)."""
        check_is_fitted(self)
        return self.forest_.predict(X)


def with_time_limit(forest: BaseEstimator, context: FitContext) -> BaseEstimator:
    """Return the estimator of a forest, which ends in time where the context sets a time limit.

    The target of a regression is standardized, because `min_impurity_decrease` depends on its unit.
    """
    limit = context.time_limit
    if context.traits.is_classification:
        return forest if limit is None else TimedForestClassifier(forest, limit)
    return StandardizedRegressor(forest if limit is None else TimedForestRegressor(forest, limit))
