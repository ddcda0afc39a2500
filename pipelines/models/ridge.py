"""Ridge regression: the fastest model of a continuous target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ConfigSpace import ConfigurationSpace, Float
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import encoded_width, power_law
from pipelines.models._quantile_ridge import QuantileRidge
from pipelines.models._target import StandardizedRegressor

_STEPS = 2.0  # times the seconds of a mean that a quantile takes


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    if context.traits.quantiles:
        return QuantileRidge(float(params.get("alpha", 1.0)), context.traits.quantiles)
    return StandardizedRegressor(Ridge(alpha=params.get("alpha", 1.0), random_state=context.random_state))


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(Float("alpha", (1e-4, 1e4), log=True, default=1.0))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    seconds = 0.003 + power_law(traits, 0.004, rows=0.7, columns=0.7, width=encoded_width(traits))
    return _STEPS * len(traits.quantiles) * seconds if traits.quantiles else seconds


COMPONENT = Component(
    name="ridge",
    make=make,
    space=space,
    applies=lambda traits: traits.task == "regression",
    accepts_sparse=True,
    accepts_weights=True,
    accepts_targets=True,
    accepts_quantiles=True,
    seconds=seconds,
    predict_milliseconds=(0.01, 0.1),
    simple_kind="linear model",
)

_PREPARED = {"model": "ridge", "encoding": "one_hot", "imputation": "median", "scaling": "standard"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    _PREPARED,
    {
        **_PREPARED,
        "scaling": "quantile",
        "generation": "polynomial",
        "model:ridge:alpha": 10.0,
    },
    {
        **_PREPARED,
        "scaling": "robust_clip",
        "generation": "combined_features",
        "generation:combined_features:n_new": 150,
    },
)
