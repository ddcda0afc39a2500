"""Elastic net and lasso: sparse linear models of a continuous target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ConfigSpace import ConfigurationSpace, Float
from sklearn.base import BaseEstimator
from sklearn.linear_model import ElasticNet

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import encoded_width, power_law
from pipelines.models._target import StandardizedRegressor


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    model = ElasticNet(
        alpha=params.get("alpha", 0.01),
        l1_ratio=params.get("l1_ratio", 0.5),
        max_iter=1000,
        tol=1e-3,
        random_state=context.random_state,
    )
    return StandardizedRegressor(model)  # the meaning of alpha depends on the unit of the target


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(Float("alpha", (1e-5, 1.0), log=True, default=0.01), Float("l1_ratio", (0.05, 1.0), default=0.5))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    return 0.004 + power_law(traits, 0.006, rows=0.7, columns=0.8, width=encoded_width(traits))


COMPONENT = Component(
    name="elastic_net",
    make=make,
    space=space,
    applies=lambda traits: traits.task == "regression",
    accepts_sparse=True,
    accepts_weights=True,
    seconds=seconds,
    predict_milliseconds=(0.01, 0.1),
    simple_kind="linear model",
)

_PREPARED = {"model": "elastic_net", "encoding": "one_hot", "imputation": "median", "scaling": "standard"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    _PREPARED,
    {
        **_PREPARED,
        "scaling": "quantile",
        "generation": "polynomial",
        "model:elastic_net:alpha": 0.003,
        "model:elastic_net:l1_ratio": 0.9,
    },
)
