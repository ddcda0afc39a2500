"""Naive Bayes with normal features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from ConfigSpace import ConfigurationSpace, Float
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.naive_bayes import GaussianNB

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import encoded_width, power_law
from pipelines.weights import weighted_rows

MIN_VARIANCE = 1e-12


class _StableGaussianNB(GaussianNB):
    """scikit-learn's estimator, made stable for constant columns and for likelihoods beyond the range of floats."""

    var_: np.ndarray

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        X, target, weight = weighted_rows(X, y, sample_weight)
        super().fit(X, target, weight)
        self.var_ = np.maximum(self.var_, MIN_VARIANCE)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        # scikit-learn subtracts a log-sum-exp, which loses all digits where log likelihoods are 1e16 or more.
        return softmax(np.nan_to_num(self.predict_joint_log_proba(X), nan=0.0), axis=1)


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    return _StableGaussianNB(var_smoothing=params.get("var_smoothing", 1e-3))


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(Float("var_smoothing", (1e-9, 1.0), log=True, default=1e-3))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    return 0.003 + power_law(traits, 0.008, rows=0.6, columns=0.3, classes=0.15, width=encoded_width(traits))


COMPONENT = Component(
    name="gaussian_nb",
    make=make,
    space=space,
    applies=lambda traits: traits.is_classification,
    accepts_weights=True,
    seconds=seconds,
)

_PREPARED = {"model": "gaussian_nb", "encoding": "one_hot", "imputation": "median", "scaling": "quantile"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {
        **_PREPARED,
        "calibration": "sigmoid",
    },
)
