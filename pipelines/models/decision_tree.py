"""A single decision tree: less accurate than a forest, but readable and fast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from sklearn.base import BaseEstimator
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import power_law
from pipelines.models._target import StandardizedRegressor
from pipelines.monotonic import TrailingMonotonic, tree_params
from pipelines.weights import RelativeWeights


class WeightedTreeClassifier(RelativeWeights, DecisionTreeClassifier):
    """scikit-learn's estimator, for which rows of weight 0 do not count."""


class MonotonicTreeClassifier(TrailingMonotonic, WeightedTreeClassifier):
    """The classifier with constraints of its last columns."""


class MonotonicTreeRegressor(TrailingMonotonic, DecisionTreeRegressor):
    """The regressor with constraints of its last columns."""


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    constrained, own = bool(params.get("monotonic")), tree_params(params)
    if context.traits.is_classification:
        classifier = MonotonicTreeClassifier if constrained else WeightedTreeClassifier
        return classifier(random_state=context.random_state, **own)
    regressor = MonotonicTreeRegressor if constrained else DecisionTreeRegressor
    return StandardizedRegressor(regressor(random_state=context.random_state, **own))


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(
        Integer("max_depth", (2, 20), log=True, default=8),
        Integer("min_samples_leaf", (1, 50), log=True, default=10),
        Float("ccp_alpha", (1e-6, 1e-1), log=True, default=1e-4),
    )
    if traits.is_classification:
        space.add(Categorical("criterion", ["gini", "entropy"], default="gini"))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    return 0.002 + power_law(traits, 0.007, rows=0.9, columns=0.5, classes=0.25)


COMPONENT = Component(
    name="decision_tree",
    make=make,
    space=space,
    accepts_missing=True,
    accepts_sparse=True,
    accepts_weights=True,
    accepts_targets=True,
    accepts_monotonic=True,
    reproduces_rows=True,
    seconds=seconds,
    simple_kind="decision tree",
)

_PREPARED = {"model": "decision_tree", "encoding": "ordinal", "imputation": "none", "scaling": "none"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {
        **_PREPARED,
        "model:decision_tree:max_depth": 6,
        "model:decision_tree:min_samples_leaf": 20,
        "calibration": "sigmoid",
    },
)
