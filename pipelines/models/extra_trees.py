"""Extremely randomized trees: random thresholds and no bootstrap, so that they differ from other forests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import LEAVES_PER_ROW, power_law, rows_of_leaf, trees_memory
from pipelines.models._forest import with_time_limit
from pipelines.monotonic import TrailingMonotonic, tree_params
from pipelines.weights import RelativeWeights

N_TREES = 200


class WeightedExtraTreesClassifier(RelativeWeights, ExtraTreesClassifier):
    """scikit-learn's estimator, for which rows of weight 0 do not count."""


class MonotonicExtraTreesClassifier(TrailingMonotonic, WeightedExtraTreesClassifier):
    """The classifier with constraints of its last columns."""


class MonotonicExtraTreesRegressor(TrailingMonotonic, ExtraTreesRegressor):
    """The regressor with constraints of its last columns."""


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    forest: Any = WeightedExtraTreesClassifier if context.traits.is_classification else ExtraTreesRegressor
    if params.get("monotonic"):
        forest = MonotonicExtraTreesClassifier if context.traits.is_classification else MonotonicExtraTreesRegressor
    common = {"n_estimators": N_TREES, "n_jobs": context.n_threads, "random_state": context.random_state}
    return with_time_limit(forest(**common, **tree_params(params)), context)


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    least, most = rows_of_leaf(traits, N_TREES)
    space.add(
        Float("max_features", (0.1, 1.0), default=0.7),
        Integer("min_samples_split", (2, 32), log=True, default=5),
        Integer("min_samples_leaf", (least, most), log=True, default=least),
        Float("min_impurity_decrease", (1e-8, 1e-3), log=True, default=1e-6),
    )
    if traits.is_classification:
        space.add(Categorical("criterion", ["gini", "entropy"], default="entropy"))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    share = float(params.get("max_features", 0.7)) / 0.7
    return 0.02 + power_law(traits, 0.38, rows=0.76, columns=0.2, classes=0.05) * share**0.5


def memory(params: Mapping[str, Any], traits: TableTraits) -> float:
    return trees_memory(traits, N_TREES, LEAVES_PER_ROW * traits.n_rows / float(params.get("min_samples_leaf", 1)))


COMPONENT = Component(
    name="extra_trees",
    make=make,
    space=space,
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
    predict_milliseconds=(0.53, 11.2),
)

_PREPARED = {"model": "extra_trees", "encoding": "ordinal", "imputation": "none", "scaling": "none"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    _PREPARED,
    {
        **_PREPARED,
        "model:extra_trees:max_features": 1.0,
        "model:extra_trees:min_samples_split": 2,
        "model:extra_trees:min_samples_leaf": 5,  # where the target is noisy
    },
)
