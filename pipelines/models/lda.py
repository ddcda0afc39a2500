"""Linear discriminant analysis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import encoded_width, power_law

MAX_COLUMNS = 2000  # the covariance matrix has the square of this number of entries


class _UnweightedLDA(LinearDiscriminantAnalysis):
    """scikit-learn's estimator with an argument `sample_weight`, which must be None."""

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: None = None) -> Self:
        if len(np.unique(y)) < 2:
            raise ValueError("a classifier needs at least two classes, the target has only one")
        return super().fit(X, y)


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    # The solver "lsqr" supports shrinkage, which collinear columns need; the solver "svd" does not support it.
    if params.get("shrinkage", "value") == "auto":
        return _UnweightedLDA(solver="lsqr", shrinkage="auto")
    return _UnweightedLDA(solver="lsqr", shrinkage=params.get("shrinkage_value", 0.1))


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    shrinkage = Categorical("shrinkage", ["auto", "value"], default="auto")
    value = Float("shrinkage_value", (1e-4, 1.0), log=True, default=0.1)
    space.add(shrinkage, value)
    space.add(EqualsCondition(value, shrinkage, "value"))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    width = encoded_width(traits)
    statistics = power_law(traits, 0.012, rows=0.5, columns=0.35, classes=0.15, width=width)
    covariance = power_law(traits, 0.0003, rows=1.0, columns=2.0, width=width)  # dominates on wide tables
    return statistics + covariance


COMPONENT = Component(
    name="lda",
    make=make,
    space=space,
    applies=lambda traits: traits.is_classification and encoded_width(traits) <= MAX_COLUMNS,
    seconds=seconds,
    simple_kind="linear model",
)

_PREPARED = {"model": "lda", "encoding": "one_hot", "imputation": "median", "scaling": "quantile"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (_PREPARED,)
