"""Naive Bayes with binary features: each feature is above or below a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, Float
from sklearn.base import BaseEstimator
from sklearn.naive_bayes import BernoulliNB

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import encoded_width, power_law
from pipelines.weights import RelativeWeights


class WeightedBernoulliNB(RelativeWeights, BernoulliNB):
    """scikit-learn's estimator, for which only the ratios of the weights matter."""


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    return WeightedBernoulliNB(
        alpha=params.get("alpha", 1.0), fit_prior=params.get("fit_prior", True), binarize=params.get("binarize", 0.0)
    )


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(
        Float("alpha", (1e-2, 100.0), log=True, default=1.0),
        Categorical("fit_prior", [True, False], default=True),
        Float("binarize", (0.0, 1.0), default=0.0),  # in standard deviations after scaling
    )
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    return 0.003 + power_law(traits, 0.006, rows=0.6, columns=0.35, classes=0.15, width=encoded_width(traits))


COMPONENT = Component(
    name="bernoulli_nb",
    make=make,
    space=space,
    applies=lambda traits: traits.is_classification,
    accepts_sparse=True,
    accepts_weights=True,
    seconds=seconds,
)

_PREPARED = {"model": "bernoulli_nb", "encoding": "one_hot", "imputation": "median", "scaling": "standard"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {
        **_PREPARED,
        "calibration": "sigmoid",
    },
)
