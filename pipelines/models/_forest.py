"""Forests of scikit-learn that stop adding trees at a time limit."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import cycle
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from pipelines.component import FitContext
from pipelines.early_stopping import Deadline, RowsToPredict
from pipelines.models._quantile_forest import QuantileForest
from pipelines.models._target import StandardizedRegressor
from pipelines.training_part import TrainingPart
from pipelines.weights import RelativeWeights, leaf_parameters

_FEWEST_ROWS_TO_TIME = 1_000  # fewer rows are predicted in a small part of the seconds of the fit
_TREES_TO_TIME = 4


def _fit_trees(timed: Any, X: Any, y: ArrayLike, sample_weight: ArrayLike | None) -> Any:
    """Fit the trees of a timed forest, or the part of them that the forest is asked for."""
    part: TrainingPart | None = timed.part
    wanted = timed.forest.n_estimators
    if part is None:
        forest = _new_forest(timed, sample_weight).set_params(warm_start=True)
        return _add_trees(forest, wanted, X, y, sample_weight, timed.time_limit, timed.n_rows_to_predict)
    earlier = part.begin(X, y, sample_weight)
    forest = _new_forest(timed, sample_weight) if earlier is None else earlier
    forest, n_trees = forest.set_params(warm_start=True), max(1, round(part.share * wanted))
    forest = _add_trees(forest, n_trees, X, y, sample_weight, timed.time_limit, timed.n_rows_to_predict)
    part.keep(forest)
    return forest


def _new_forest(timed: Any, sample_weight: ArrayLike | None) -> Any:
    """Return a copy of the forest, whose leaves count the rows by their weights."""
    forest = clone(timed.forest)
    if sample_weight is None or isinstance(forest, RelativeWeights):  # which does so in each of its fits
        return forest
    return forest.set_params(**leaf_parameters(forest, np.asarray(sample_weight)))


def _lacks_trees(timed: Any) -> bool:
    """Return whether the time limit has left out trees of a whole training, or of its last part."""
    return (timed.part is None or timed.part.share == 1) and timed.n_iter_ < timed.forest.n_estimators


def _add_trees(
    forest: Any,
    wanted: int,
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    time_limit: float | None,
    n_rows_to_predict: int,
) -> Any:
    """Fit trees in batches of doubling size, as long as the next batch and the predictions fit into the time left."""
    done = len(getattr(forest, "estimators_", ()))
    if time_limit is None:
        forest.set_params(n_estimators=max(done, wanted)).fit(X, y, sample_weight=sample_weight)
        return forest.set_params(warm_start=False)
    n_timed = n_rows_to_predict if n_rows_to_predict >= _FEWEST_ROWS_TO_TIME else 0
    deadline, to_predict = Deadline(time_limit), RowsToPredict.like(X, n_timed)
    begun, batch = done, 1
    while done < wanted:
        batch = min(batch, wanted - done)
        forest.set_params(n_estimators=done + batch)
        forest.fit(X, y, sample_weight=sample_weight)
        done += batch
        spent, predictions = deadline.spent, done * to_predict.seconds(_predict_trees(forest)) / _TREES_TO_TIME
        per_tree = spent / (done - begun) + predictions / done
        affordable = math.floor(0.9 * (deadline.left - predictions) / max(per_tree, 1e-9))
        if affordable < 1:
            break
        batch = min(2 * done, affordable)
    return forest.set_params(warm_start=False)


def _predict_trees(forest: Any) -> Callable[[Any], None]:
    """Return a function that predicts rows with a few trees of a forest."""
    trees = [tree for _, tree in zip(range(_TREES_TO_TIME), cycle(forest.estimators_), strict=False)]

    def predict(X: Any) -> None:
        for tree in trees:
            tree.predict(X)

    return predict


class TimedForestClassifier(ClassifierMixin, BaseEstimator):
    """A forest with as many trees as the time limit allows.

    Parameters
    ----------
    forest : estimator
        A scikit-learn forest; its ``n_estimators`` is the largest number of trees.
    time_limit : float or None
        Seconds of the fit and of the predictions; the forest has at least one tree. None for no limit.
    n_rows_to_predict : int
        Number of the rows that the forest predicts after its fit.
    part : TrainingPart or None
        The part of the training that the fit does; None for the whole.

    Attributes
    ----------
    n_iter_ : int
        Number of trees.
    cut_ : bool
        Whether the time limit has left trees out.
    """

    def __init__(
        self,
        forest: BaseEstimator,
        time_limit: float | None,
        n_rows_to_predict: int = 0,
        part: TrainingPart | None = None,
    ):
        self.forest = forest
        self.time_limit = time_limit
        self.n_rows_to_predict = n_rows_to_predict
        self.part = part

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the trees."""
        self.forest_ = _fit_trees(self, X, y, sample_weight)
        self.classes_ = self.forest_.classes_
        self.n_iter_ = len(self.forest_.estimators_)
        self.cut_ = _lacks_trees(self)
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

    def __init__(
        self,
        forest: BaseEstimator,
        time_limit: float | None,
        n_rows_to_predict: int = 0,
        part: TrainingPart | None = None,
    ):
        self.forest = forest
        self.time_limit = time_limit
        self.n_rows_to_predict = n_rows_to_predict
        self.part = part

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the trees."""
        self.forest_ = _fit_trees(self, X, y, sample_weight)
        self.n_iter_ = len(self.forest_.estimators_)
        self.cut_ = _lacks_trees(self)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return means of shape (n_samples,)."""
        check_is_fitted(self)
        return self.forest_.predict(X)


def with_time_limit(forest: BaseEstimator, context: FitContext) -> BaseEstimator:
    """Return the estimator of a forest, which ends in time where the context sets a time limit.

    The target of a regression is standardized, because `min_impurity_decrease` depends on its unit.
    """
    limit, n_rows = context.time_limit, context.n_rows_to_predict
    is_plain = limit is None and context.part is None
    if context.traits.is_classification:
        return forest if is_plain else TimedForestClassifier(forest, limit, n_rows, context.part)
    timed = forest if is_plain else TimedForestRegressor(forest, limit, n_rows, context.part)
    regressor = StandardizedRegressor(timed)
    levels = context.traits.quantiles
    return QuantileForest(regressor, levels, context.random_state) if levels else regressor
