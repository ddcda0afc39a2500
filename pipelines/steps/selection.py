"""Feature selection, which always keeps at least one column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Float
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.feature_selection import (
    SelectorMixin,
    f_classif,
    f_regression,
    mutual_info_classif,
    mutual_info_regression,
)
from sklearn.utils.validation import check_is_fitted

from pipelines.component import Component, FitContext, TableTraits, space_of
from pipelines.row_samples import LEAST_ROWS_OF_CLASS, draw_rows

MAX_ROWS = 5_000  # rows that are enough to score the columns of a large table


class ScoreSelector(SelectorMixin, BaseEstimator):
    """Keeps the share of columns with the highest scores.

    Parameters
    ----------
    score : {"variance", "f_test", "mutual_info", "trees"}
    share : float
        Share of the columns to keep, between 0 and 1.
    classification : bool
    """

    def __init__(self, score: str, share: float, classification: bool, random_state: int = 0):
        self.score = score
        self.share = share
        self.classification = classification
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Score the columns."""
        if self.score != "variance" and X.shape[0] > MAX_ROWS:
            rng, y = np.random.default_rng(self.random_state), np.asarray(y)
            rows = draw_rows(rng, X.shape[0], MAX_ROWS, y if self.classification else None, LEAST_ROWS_OF_CLASS)
            X, y = X[rows], y[rows]
        self.n_features_in_ = X.shape[1]
        scores = np.nan_to_num(np.asarray(self._scores(X, y), dtype=float), nan=-1.0)
        keep = max(1, int(np.ceil(self.share * len(scores))))
        self.mask_ = np.zeros(len(scores), dtype=bool)
        self.mask_[np.argsort(-scores, kind="stable")[:keep]] = True
        return self

    def _scores(self, X: Any, y: Any) -> NDArray[np.float64]:
        if self.score == "variance":
            deviation = X.std(axis=0)
            scale = np.abs(X).max(axis=0)
            return np.divide(deviation, scale, out=np.zeros_like(deviation), where=scale > 0)
        if self.score == "f_test":
            function = f_classif if self.classification else f_regression
            return function(X, y)[0]
        if self.score == "mutual_info":
            mutual = mutual_info_classif if self.classification else mutual_info_regression
            return mutual(X, y, discrete_features=sparse.issparse(X), random_state=self.random_state)
        trees = ExtraTreesClassifier if self.classification else ExtraTreesRegressor
        forest = trees(n_estimators=50, min_samples_leaf=3, max_features=0.5, random_state=self.random_state)
        return forest.fit(X, y).feature_importances_

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        return self.mask_


class CorrelationFilter(SelectorMixin, BaseEstimator):
    """Drops columns that are highly correlated with an earlier column.

    Parameters
    ----------
    threshold : float
        Largest absolute correlation that two kept columns may have.
    """

    def __init__(self, threshold: float = 0.95, random_state: int = 0):
        self.threshold = threshold
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Compare the columns, on at most 5,000 rows."""
        X = np.asarray(X, dtype=float)
        if len(X) > MAX_ROWS:
            X = X[np.random.default_rng(self.random_state).choice(len(X), MAX_ROWS, replace=False)]
        self.n_features_in_ = X.shape[1]
        centered = X - X.mean(axis=0)
        norms = np.linalg.norm(centered, axis=0)
        unit = np.divide(centered, norms, out=np.zeros_like(centered), where=norms > 0)
        repeats = np.triu(np.abs(unit.T @ unit) > self.threshold, k=1)
        self.mask_ = np.ones(X.shape[1], dtype=bool)
        for i in range(X.shape[1]):
            if self.mask_[i]:
                self.mask_[repeats[i]] = False
        return self

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        return self.mask_


def _by_score(score: str) -> Any:
    def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
        return ScoreSelector(
            params.get("score", score),
            params.get("share", 0.5),
            context.traits.is_classification,
            context.random_state,
        )

    return make


def _share(traits: TableTraits) -> ConfigurationSpace:
    return space_of(Float("share", (0.05, 1.0), default=0.5))


def _univariate_space(traits: TableTraits) -> ConfigurationSpace:
    space = _share(traits)
    space.add(Categorical("score", ["f_test", "mutual_info"] if not traits.sparse else ["f_test"], default="f_test"))
    return space


def _threshold(traits: TableTraits) -> ConfigurationSpace:
    return space_of(Float("threshold", (0.6, 0.999), default=0.95))


def _kept(params: Mapping[str, Any], traits: TableTraits) -> int:
    return max(1, round(float(params.get("share", 0.5)) * traits.n_features))


def _seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    return 0.03 + 2e-6 * min(traits.n_rows, MAX_ROWS) * traits.n_features


def _several(traits: TableTraits) -> bool:
    return traits.n_features >= 3


SELECTION = (
    Component(
        "none",
        lambda params, context: "passthrough",
        accepts_missing=True,
        accepts_categories=True,
        accepts_sparse=True,
        keeps_order=True,
    ),
    Component("variance", _by_score("variance"), _share, applies=lambda t: _several(t) and not t.sparse, width=_kept),
    Component(
        "univariate",
        _by_score("f_test"),
        _univariate_space,
        _several,
        accepts_sparse=True,
        reads_target=True,
        seconds=_seconds,
        width=_kept,
    ),
    Component(
        "model_based",
        _by_score("trees"),
        _share,
        _several,
        accepts_sparse=True,
        reads_target=True,
        seconds=_seconds,
        width=_kept,
    ),
    Component(
        "correlation",
        lambda params, context: CorrelationFilter(params.get("threshold", 0.95), context.random_state),
        _threshold,
        applies=lambda traits: _several(traits) and not traits.sparse and traits.n_features <= 1_000,
    ),
)
