"""Linear models by stochastic gradient descent, with many losses: fast on long tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, InCondition
from sklearn.base import BaseEstimator
from sklearn.linear_model import SGDClassifier, SGDRegressor

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import encoded_width, power_law
from pipelines.models._margins import MarginClassifier
from pipelines.models._target import StandardizedRegressor
from pipelines.weights import RelativeWeights

EPOCHS = 100
WITH_PROBABILITIES = ("log_loss", "modified_huber")


class WeightedSGDClassifier(RelativeWeights, SGDClassifier):
    """scikit-learn's estimator, for which only the ratios of the weights matter."""


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    common: dict[str, Any] = {
        "alpha": params.get("alpha", 1e-4),
        "penalty": params.get("penalty", "l2"),
        "l1_ratio": params.get("l1_ratio", 0.15),
        "average": params.get("average", True),
        "learning_rate": params.get("learning_rate", "invscaling"),
        "eta0": params.get("eta0", 0.01),
        "max_iter": EPOCHS,
        "random_state": context.random_state,
    }
    if not context.traits.is_classification:
        loss = params.get("loss", "squared_error")
        return StandardizedRegressor(SGDRegressor(loss=loss, epsilon=params.get("epsilon", 0.1), **common))
    loss = params.get("loss", "log_loss")
    model = WeightedSGDClassifier(loss=loss, n_jobs=context.n_threads, **common)
    return model if loss in WITH_PROBABILITIES else MarginClassifier(model, context.random_state)


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    penalty = Categorical("penalty", ["l2", "l1", "elasticnet"], default="l2")
    l1_ratio = Float("l1_ratio", (0.05, 0.95), default=0.15)
    schedule = Categorical("learning_rate", ["optimal", "invscaling", "adaptive"], default="invscaling")
    eta0 = Float("eta0", (1e-4, 0.1), log=True, default=0.01)
    classifying = ["log_loss", "modified_huber", "hinge", "squared_hinge", "perceptron"]
    losses = classifying if traits.is_classification else ["squared_error", "huber", "epsilon_insensitive"]
    loss = Categorical("loss", losses, default=losses[0])
    space.add(
        loss,
        penalty,
        l1_ratio,
        schedule,
        eta0,
        Float("alpha", (1e-7, 1e-1), log=True, default=1e-4),
        Categorical("average", [True, False], default=True),
    )
    space.add(EqualsCondition(l1_ratio, penalty, "elasticnet"), InCondition(eta0, schedule, ["invscaling", "adaptive"]))
    if not traits.is_classification:
        epsilon = Float("epsilon", (1e-3, 1.0), log=True, default=0.1)
        space.add(epsilon)
        space.add(InCondition(epsilon, loss, ["huber", "epsilon_insensitive"]))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    return 0.003 + power_law(traits, 0.009, rows=0.7, columns=0.45, classes=0.7, width=encoded_width(traits))


COMPONENT = Component(
    name="sgd",
    make=make,
    space=space,
    accepts_sparse=True,
    accepts_weights=True,
    seconds=seconds,
    simple_kind="linear model",
)

_PREPARED = {"model": "sgd", "encoding": "one_hot", "imputation": "median", "scaling": "standard"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (_PREPARED,)
