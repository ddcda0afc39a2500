"""Logistic regression with all penalties; of ordered classes also the proportional odds model, with penalty l2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import encoded_width, power_law
from pipelines.models._proportional_odds import ProportionalOddsClassifier
from pipelines.ordered_codes import PROPORTIONAL_ODDS
from pipelines.weights import RelativeWeights

SPARSE_PENALTY_ITERATIONS = 100
RIDGE_ITERATIONS = 200


class WeightedLogisticRegression(RelativeWeights, LogisticRegression):
    """scikit-learn's estimator, for which only the ratios of the weights matter."""


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    if params.get("ordering") == PROPORTIONAL_ODDS:
        return ProportionalOddsClassifier(params.get("C", 1.0), context.traits.ranks, RIDGE_ITERATIONS)
    penalty = params.get("penalty", "l2")
    l1_ratio = {"l2": 0.0, "l1": 1.0}.get(penalty, params.get("l1_ratio", 0.5))
    two_classes = context.traits.task == "binary"
    if penalty == "l2":
        solver, iterations = "lbfgs", RIDGE_ITERATIONS
    elif penalty == "l1" and two_classes:
        solver, iterations = "liblinear", SPARSE_PENALTY_ITERATIONS
    else:
        solver, iterations = "saga", SPARSE_PENALTY_ITERATIONS
    return WeightedLogisticRegression(
        C=params.get("C", 1.0),
        l1_ratio=l1_ratio,
        solver=solver,
        max_iter=iterations,
        tol=1e-4 if penalty == "l2" else 1e-3,
        random_state=context.random_state,
    )


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    penalty = Categorical("penalty", ["l2", "l1", "elasticnet"], default="l2")
    l1_ratio = Float("l1_ratio", (0.05, 0.95), default=0.5)
    space.add(Float("C", (1e-3, 1e3), log=True, default=1.0), penalty, l1_ratio)
    space.add(EqualsCondition(l1_ratio, penalty, "elasticnet"))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    slower = 1.0 if params.get("penalty", "l2") == "l2" else 3.0
    return 0.003 + power_law(traits, 0.012 * slower, rows=0.75, columns=0.4, classes=0.6, width=encoded_width(traits))


COMPONENT = Component(
    name="logistic_regression",
    make=make,
    space=space,
    applies=lambda traits: traits.is_classification,
    accepts_sparse=True,
    accepts_weights=True,
    orderings=(PROPORTIONAL_ODDS,),
    max_overtime=0.1,  # more rows change few coefficients, and the steps before the model take longer than its fit
    seconds=seconds,
    predict_milliseconds=(0.04, 0.3),
    simple_kind="linear model",
)

_PREPARED = {"model": "logistic_regression", "encoding": "one_hot", "imputation": "median", "scaling": "robust_clip"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {
        **_PREPARED,
        "model:logistic_regression:C": 0.3,
    },
    {
        **_PREPARED,
        "scaling": "quantile",
        "generation": "polynomial",
        "model:logistic_regression:C": 0.1,
    },
    {
        **_PREPARED,
        "generation": "combined_features",
        "generation:combined_features:n_new": 150,
    },
    {
        **_PREPARED,
        "scaling": "standard",
        "model:logistic_regression:penalty": "l1",
        "model:logistic_regression:C": 1.0,
    },
)
