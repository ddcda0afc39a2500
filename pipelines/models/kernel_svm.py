"""Support vector machines with kernels, for tables of up to a few thousand rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.svm import SVC, SVR

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import encoded_width, power_law
from pipelines.models._margins import MarginClassifier
from pipelines.models._target import StandardizedRegressor

MAX_ROWS = 12_000  # training time grows with the square of the rows
CACHE = 200  # MiB of kernel values
MAX_ITERATIONS = 200_000  # each iteration treats one pair of rows; hard margins on noisy data would never converge


def _scaled_gamma(X: Any, factor: float) -> float:
    """Return ``gamma`` as a multiple of scikit-learn's "scale", which is ``1 / (n_features * variance)``."""
    variance = X.multiply(X).mean() - X.mean() ** 2 if sparse.issparse(X) else np.asarray(X).var()
    return float(factor / (X.shape[1] * variance)) if variance > 0 else float(factor)


class _ScaledGamma:
    """Makes ``gamma`` of a machine a multiple of "scale", so that one value suits tables of any width."""

    gamma: float

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        given = self.gamma
        self.gamma = _scaled_gamma(X, given)
        try:
            return super().fit(X, y, sample_weight)  # type: ignore[misc]
        finally:
            self.gamma = given


class _ScaledSVC(_ScaledGamma, SVC):
    """SVC whose ``gamma`` is a multiple of "scale"."""


class _ScaledSVR(_ScaledGamma, SVR):
    """SVR whose ``gamma`` is a multiple of "scale"."""


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    common = {
        "C": params.get("C", 1.0),
        "kernel": params.get("kernel", "rbf"),
        "gamma": params.get("gamma", 1.0),
        "degree": params.get("degree", 2),
        "coef0": params.get("coef0", 0.0),
        "cache_size": CACHE,
        "max_iter": MAX_ITERATIONS,
    }
    if context.traits.is_classification:
        return MarginClassifier(_ScaledSVC(**common, random_state=context.random_state), context.random_state)
    return StandardizedRegressor(_ScaledSVR(**common, epsilon=params.get("epsilon", 0.05)))


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    kernel = Categorical("kernel", ["rbf", "poly", "sigmoid"], default="rbf")
    degree = Integer("degree", (2, 4), default=2)
    coef0 = Float("coef0", (0.0, 2.0), default=1.0)
    space.add(
        Float("C", (0.03, 300.0), log=True, default=3.0),
        Float("gamma", (0.01, 10.0), log=True, default=0.5),
        kernel,
        degree,
        coef0,
    )
    if not traits.is_classification:
        space.add(Float("epsilon", (1e-3, 0.5), log=True, default=0.05))
    space.add(EqualsCondition(degree, kernel, "poly"), EqualsCondition(coef0, kernel, "poly"))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    width = encoded_width(traits)
    few = power_law(traits, 0.05, rows=1.0, columns=0.2, classes=0.25, width=width)
    return few + power_law(traits, 0.01, rows=2.0, columns=0.4, classes=0.25, width=width)


def memory(params: Mapping[str, Any], traits: TableTraits) -> float:
    return min(CACHE, 8 * traits.n_rows**2 / 2**20)


COMPONENT = Component(
    name="kernel_svm",
    make=make,
    space=space,
    applies=lambda traits: traits.n_rows <= MAX_ROWS,
    accepts_sparse=True,
    accepts_weights=True,
    seconds=seconds,
    memory=memory,
    predict_milliseconds=(0.4, 10.9),
)

_PREPARED = {"model": "kernel_svm", "encoding": "one_hot", "imputation": "median", "scaling": "robust_clip"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {
        **_PREPARED,
        "model:kernel_svm:C": 3.0,
        "model:kernel_svm:gamma": 0.5,
    },
    {
        **_PREPARED,
        "scaling": "standard",
        "model:kernel_svm:C": 10.0,
        "model:kernel_svm:gamma": 0.2,
    },
)
