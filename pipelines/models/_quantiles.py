"""Quantiles by a model of its own for each level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from pipelines.quantiles import uncrossed


class QuantileModels(RegressorMixin, BaseEstimator):
    """A model for each quantile; the predictions are sorted, so that they never cross.

    Parameters
    ----------
    estimators : sequence of estimator
        An unfitted regressor for each level, in ascending order of the levels.

    Attributes
    ----------
    models_ : list of estimator
        The fitted models.
    n_iter_ : int
        The most rounds of a model.
    cut_ : bool
        Whether the time limit has ended the training of a model.
    """

    def __init__(self, estimators: Sequence[Any]):
        self.estimators = estimators

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the models one after the other."""
        self.models_ = [clone(one).fit(X, y, sample_weight=sample_weight) for one in self.estimators]
        self.n_iter_ = max(int(model.n_iter_) for model in self.models_)
        self.cut_ = any(model.cut_ for model in self.models_)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return quantiles of shape (n_samples, n_quantiles)."""
        check_is_fitted(self)
        return uncrossed(np.column_stack([model.predict(X) for model in self.models_]))
