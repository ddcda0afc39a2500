"""Nearest neighbors: the model is the training table, so that predicting takes most of the time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Integer
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.utils.validation import check_is_fitted

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import encoded_width, power_law
from pipelines.quantiles import quantiles_of_rows

MAX_ROWS = 100_000
_CELLS_AT_ONCE = 2_000_000  # targets of neighbors that are sorted in one call
MAX_INPUT = 1e15  # larger numbers have squared distances that are infinite in single precision


def _as_float32(X: Any) -> Any:
    """Return the table in single precision, which halves the time of the distances."""
    if sparse.issparse(X):
        return X.minimum(MAX_INPUT).maximum(-MAX_INPUT).astype(np.float32)
    return np.clip(X, -MAX_INPUT, MAX_INPUT).astype(np.float32)


def _fit(neighbors: Any, X: ArrayLike, y: np.ndarray) -> Any:
    model = clone(neighbors)
    return model.set_params(n_neighbors=min(model.n_neighbors, len(y))).fit(_as_float32(X), y)


class NeighborsClassifier(ClassifierMixin, BaseEstimator):
    """Class frequencies among the neighbors and one more vote, which is divided by the shares of the classes.

    The additional vote keeps probabilities away from 0 and 1, where the log loss is infinite.

    Parameters
    ----------
    neighbors : KNeighborsClassifier
        ``n_neighbors`` is reduced to the number of training rows where these are fewer.
    """

    def __init__(self, neighbors: KNeighborsClassifier):
        self.neighbors = neighbors

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: None = None) -> Self:
        """Store the rows."""
        target = np.asarray(y)
        self.classes_, counts = np.unique(target, return_counts=True)
        self.prior_ = counts / counts.sum()
        self.neighbors_ = _fit(self.neighbors, X, target)
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return class probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        k = self.neighbors_.n_neighbors
        return (k * self.neighbors_.predict_proba(_as_float32(X)) + self.prior_) / (k + 1)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable classes, shape (n_samples,)."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]


class JointNeighborsClassifier(ClassifierMixin, BaseEstimator):
    """Class frequencies of several targets among the neighbors, each as in `NeighborsClassifier`."""

    def __init__(self, neighbors: KNeighborsClassifier):
        self.neighbors = neighbors

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: None = None) -> Self:
        """Store the rows."""
        target = np.asarray(y)
        counted = [np.unique(column, return_counts=True) for column in target.T]
        self.classes_ = [classes for classes, _ in counted]
        self.priors_ = [counts / len(target) for _, counts in counted]
        self.neighbors_ = _fit(self.neighbors, X, target)
        return self

    def predict_proba(self, X: ArrayLike) -> list[np.ndarray]:
        """Return class probabilities of each target."""
        check_is_fitted(self)
        k, each = self.neighbors_.n_neighbors, self.neighbors_.predict_proba(_as_float32(X))
        return [(k * p + prior) / (k + 1) for p, prior in zip(each, self.priors_, strict=True)]


class NeighborsRegressor(RegressorMixin, BaseEstimator):
    """Mean target, or targets, of the neighbors; the parameters are those of `NeighborsClassifier`."""

    def __init__(self, neighbors: KNeighborsRegressor):
        self.neighbors = neighbors

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: None = None) -> Self:
        """Store the rows."""
        self.neighbors_ = _fit(self.neighbors, X, np.asarray(y, dtype=np.float64))
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return means of shape (n_samples,), or (n_samples, n_targets)."""
        check_is_fitted(self)
        return self.neighbors_.predict(_as_float32(X))


class NeighborsQuantiles(NeighborsRegressor):
    """Quantiles of the targets of the neighbors.

    Parameters
    ----------
    neighbors : KNeighborsRegressor
        ``weights`` "distance" weights the neighbors by the inverse of their distances.
    quantiles : tuple of float
        Levels in ascending order.
    """

    def __init__(self, neighbors: KNeighborsRegressor, quantiles: tuple[float, ...]):
        super().__init__(neighbors)
        self.quantiles = quantiles

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: None = None) -> Self:
        """Store the rows."""
        self.target_ = np.asarray(y, dtype=np.float64)
        return super().fit(X, y)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return quantiles of shape (n_samples, n_quantiles)."""
        check_is_fitted(self)
        table = _as_float32(X)
        size, found = max(1, _CELLS_AT_ONCE // self.neighbors_.n_neighbors), []
        for start in range(0, table.shape[0], size):
            distances, rows = self.neighbors_.kneighbors(table[start : start + size])
            weights = np.ones(distances.shape)
            if self.neighbors_.weights == "distance":
                nearest = np.maximum(distances[:, :1], 1e-6 * distances[:, -1:])
                weights = np.divide(nearest, distances, out=weights, where=distances > nearest)
            found.append(quantiles_of_rows(self.target_[rows], weights, self.quantiles))
        return np.concatenate(found)


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    settings = {"n_neighbors": 20, "weights": "distance", "p": 2, **params, "n_jobs": context.n_threads}
    if context.traits.is_classification:
        make = NeighborsClassifier if context.traits.targets is None else JointNeighborsClassifier
        return make(KNeighborsClassifier(**settings))
    if context.traits.quantiles:
        return NeighborsQuantiles(KNeighborsRegressor(**settings), context.traits.quantiles)
    return NeighborsRegressor(KNeighborsRegressor(**settings))


def space(traits: TableTraits) -> ConfigurationSpace:
    space, least = ConfigurationSpace(), 10 if traits.quantiles else 1  # a single row has no quantiles
    space.add(
        Integer("n_neighbors", (least, 200), log=True, default=_default_neighbors(traits)),
        Categorical("weights", ["uniform", "distance"], default="distance"),
        Categorical("p", [1, 2], default=2),
    )
    return space


def _default_neighbors(traits: TableTraits) -> int:
    return 50 if traits.quantiles else 20 if traits.is_classification else 10


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    """Return a guess of the seconds, including the prediction of half as many rows."""
    width = encoded_width(traits)
    return power_law(traits, 0.008, rows=0.6, columns=0.3, width=width) + power_law(
        traits, 0.005, rows=2.0, columns=0.3, width=width
    )


COMPONENT = Component(
    name="k_nearest_neighbors",
    make=make,
    space=space,
    applies=lambda traits: traits.n_rows <= MAX_ROWS,
    accepts_sparse=True,
    accepts_targets=True,
    accepts_quantiles=True,
    reproduces_rows=True,
    seconds=seconds,
    predict_milliseconds=(0.31, 24.9),
    simple_kind="nearest neighbors",
)

_PREPARED = {"model": "k_nearest_neighbors", "encoding": "one_hot", "imputation": "median", "scaling": "robust_clip"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {
        **_PREPARED,
        "model:k_nearest_neighbors:p": 1,
        "model:k_nearest_neighbors:n_neighbors": 10,
    },
    {
        **_PREPARED,
        "scaling": "quantile",
        "model:k_nearest_neighbors:n_neighbors": 20,
    },
)
