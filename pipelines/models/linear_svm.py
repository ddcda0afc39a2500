"""Linear support vector machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float
from sklearn.base import BaseEstimator
from sklearn.svm import LinearSVC, LinearSVR

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import encoded_width, power_law
from pipelines.models._margins import MarginClassifier
from pipelines.models._target import StandardizedRegressor

ITERATIONS = 500


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    common = {"C": params.get("C", 1.0), "max_iter": ITERATIONS, "random_state": context.random_state}
    if context.traits.is_classification:
        penalty = params.get("penalty", "l2")
        loss = params.get("loss", "squared_hinge") if penalty == "l2" else "squared_hinge"
        svc = LinearSVC(penalty=penalty, loss=loss, dual=loss == "hinge", tol=1e-3, **common)
        return MarginClassifier(svc, context.random_state)
    loss = params.get("loss", "squared_epsilon_insensitive")
    svr = LinearSVR(
        loss=loss, epsilon=params.get("epsilon", 0.01), dual=loss == "epsilon_insensitive", tol=1e-3, **common
    )
    return StandardizedRegressor(svr)


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(Float("C", (1e-3, 1e2), log=True, default=0.3))
    if traits.is_classification:
        penalty = Categorical("penalty", ["l2", "l1"], default="l2")
        loss = Categorical("loss", ["squared_hinge", "hinge"], default="squared_hinge")
        space.add(penalty, loss)
        space.add(EqualsCondition(loss, penalty, "l2"))
    else:
        losses = ["squared_epsilon_insensitive", "epsilon_insensitive"]
        space.add(Categorical("loss", losses, default=losses[1]), Float("epsilon", (1e-3, 0.5), log=True, default=0.01))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    return 0.003 + power_law(traits, 0.012, rows=0.65, columns=0.4, classes=0.6, width=encoded_width(traits))


COMPONENT = Component(
    name="linear_svm",
    make=make,
    space=space,
    accepts_sparse=True,
    accepts_weights=True,
    seconds=seconds,
    predict_milliseconds=(0.08, 0.3),
    simple_kind="linear model",
)

_PREPARED = {"model": "linear_svm", "encoding": "one_hot", "imputation": "median", "scaling": "standard"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {
        **_PREPARED,
        "model:linear_svm:C": 0.1,
    },
)
