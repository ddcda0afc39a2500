"""Random forest: bagged trees with random feature subsets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import LEAVES_PER_ROW, power_law, rows_of_leaf, trees_memory
from pipelines.models._forest import with_time_limit
from pipelines.monotonic import TrailingMonotonic, tree_params
from pipelines.weights import RelativeWeights

N_TREES = 200


class WeightedRandomForestClassifier(RelativeWeights, RandomForestClassifier):
    """scikit-learn's estimator, for which rows of weight 0 do not count."""


class MonotonicRandomForestClassifier(TrailingMonotonic, WeightedRandomForestClassifier):
    """The classifier with constraints of its last columns."""


class MonotonicRandomForestRegressor(TrailingMonotonic, RandomForestRegressor):
    """The regressor with constraints of its last columns."""


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    forest: Any = WeightedRandomForestClassifier if context.traits.is_classification else RandomForestRegressor
    if params.get("monotonic"):
        forest = MonotonicRandomForestClassifier if context.traits.is_classification else MonotonicRandomForestRegressor
    common = {"n_estimators": N_TREES, "n_jobs": context.n_threads, "random_state": context.random_state}
    return with_time_limit(forest(**common, **tree_params(params)), context)


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    least, most = rows_of_leaf(traits, N_TREES)
    bootstrap = Categorical("bootstrap", [True, False], default=True)
    max_samples = Float("max_samples", (0.5, 1.0), default=1.0)
    space.add(
        Float("max_features", (0.1, 1.0), default=0.35 if traits.is_classification else 0.5),
        Integer("min_samples_leaf", (least, most), log=True, default=max(least, 1 if traits.is_classification else 2)),
        Integer("min_samples_split", (2, 8), log=True, default=4),
        Float("min_impurity_decrease", (1e-8, 1e-3), log=True, default=1e-6),
        bootstrap,
        max_samples,
    )
    if traits.is_classification:
        space.add(Categorical("criterion", ["gini", "entropy"], default="entropy"))
    space.add(EqualsCondition(max_samples, bootstrap, True))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    share = float(params.get("max_features", 0.35)) / 0.35
    return 0.04 + power_law(traits, 0.52, rows=0.74, columns=0.15, classes=0.07) * share**0.5


def memory(params: Mapping[str, Any], traits: TableTraits) -> float:
    return trees_memory(traits, N_TREES, LEAVES_PER_ROW * traits.n_rows / float(params.get("min_samples_leaf", 1)))


COMPONENT = Component(
    name="random_forest",
    make=make,
    space=space,
    applies=lambda traits: True,
    accepts_missing=True,
    accepts_sparse=True,
    accepts_weights=True,
    accepts_targets=True,
    accepts_monotonic=True,
    accepts_quantiles=True,
    reproduces_rows=True,
    interruptible=True,
    continues=True,
    limit_factor=0.5,  # half of the trees predict almost as well
    max_overtime=1.5,
    seconds=seconds,
    memory=memory,
    predict_milliseconds=(0.6, 8.7),
)

_PREPARED = {"model": "random_forest", "encoding": "ordinal", "imputation": "none", "scaling": "none"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    _PREPARED,
    {
        **_PREPARED,
        "model:random_forest:max_features": 0.7,
        "model:random_forest:min_samples_leaf": 3,
        "model:random_forest:max_samples": 0.7,
    },
)
