"""LightGBM: leaf-wise boosted trees, native categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer
from sklearn.base import BaseEstimator

from pipelines.component import Component, FitContext, TableTraits
from pipelines.early_stopping import EarlyStopping
from pipelines.losses import HUBER_DELTA, SQUARED_ERROR, TWEEDIE_POWER
from pipelines.models._boosting import NOT_OF_LIBRARY, LabeledRows, LibrarySettings, Table, Trees, make_estimator
from pipelines.models._cost import boosting_memory, power_law
from pipelines.monotonic import all_constraints
from pipelines.training_part import as_bytes_array

_OBJECTIVES: Mapping[str, Mapping[str, Any]] = {
    SQUARED_ERROR: {"objective": "regression"},
    "absolute_error": {"objective": "regression_l1"},
    "huber": {"objective": "huber", "alpha": HUBER_DELTA},
    "poisson": {"objective": "poisson"},
    "gamma": {"objective": "gamma"},
    "tweedie": {"objective": "tweedie", "tweedie_variance_power": TWEEDIE_POWER},
}
# Where the time allows few rounds, each round uses a part of the rows, so that there are more rounds.
_FEW_ROUNDS = 120
_SECONDS_OF_CELL = 4.6e-9  # of one cell in one round and for one class, on one core of an AMD EPYC
_PART_OF_ROWS: Mapping[str, Any] = {"bagging_fraction": 0.3, "bagging_freq": 5}


@dataclass(frozen=True)
class LightGBM(LibrarySettings):
    """Settings of LightGBM, and the calls of its native interface."""

    def train(
        self,
        rows: LabeledRows,
        validation: LabeledRows | None,
        n_classes: int,
        max_rounds: int,
        stopping: EarlyStopping,
        earlier: Any = None,
    ) -> Trees:
        import lightgbm as lgb

        params = self._all_params(n_classes, stopping.learning_rate)
        if stopping.deadline.left < _FEW_ROUNDS * _SECONDS_OF_CELL * np.prod(rows.X.shape) * max(1, n_classes - 1):
            params.update(_PART_OF_ROWS)
        if self.monotonic:
            params["monotone_constraints"] = all_constraints(self.monotonic, rows.X.shape[1])
        if earlier is not None:
            params["seed"] += stopping.rounds  # else the first draws of columns and rows would come again
        data = self._dataset(lgb, rows, params)
        sets = []
        if validation is not None:
            sets = [data.create_valid(validation.X, label=validation.y, weight=validation.weight)]
        current = {"learning_rate": stopping.learning_rate}

        def after_round(env: Any) -> None:
            stopping.time_prediction(lambda X: env.model.predict(X, num_threads=self.n_threads), env.iteration + 1)
            loss = env.evaluation_result_list[0][2] if env.evaluation_result_list else None
            if stopping.step(loss):
                raise lgb.callback.EarlyStopException(stopping.best_round - 1, [])
            if stopping.learning_rate != current["learning_rate"]:
                current["learning_rate"] = stopping.learning_rate
                env.model.reset_parameter(current)

        booster = lgb.train(
            params,
            data,
            num_boost_round=max_rounds - stopping.rounds,
            init_model=None if earlier is None else lgb.Booster(model_str=earlier.tobytes().decode()),
            valid_sets=sets,
            callbacks=[after_round],
            keep_training_booster=True,
        )
        booster.best_iteration = stopping.best_round
        booster.free_dataset()
        state = None if stopping.share == 1 else as_bytes_array(booster.model_to_string(num_iteration=-1).encode())
        return Trees(booster, state)

    def predict(self, model: Any, X: Table, n_classes: int) -> np.ndarray:
        out = model.predict(X, num_iteration=model.best_iteration, num_threads=self.n_threads)
        return np.column_stack([1 - out, out]) if n_classes == 2 else out

    def _dataset(self, lgb: Any, rows: LabeledRows, params: dict[str, Any]) -> Any:
        categories: list[int] | str = list(range(self.native_categories)) or "auto"
        return lgb.Dataset(
            rows.X, label=rows.y, weight=rows.weight, categorical_feature=categories, params=params, free_raw_data=True
        )

    def _all_params(self, n_classes: int, learning_rate: float) -> dict[str, Any]:
        regression = _OBJECTIVES.get(self.loss) or {"objective": "quantile", "alpha": self.quantiles[0]}
        objective = {0: regression, 2: {"objective": "binary"}}.get(n_classes, {"objective": "multiclass"})
        many = {"num_class": n_classes} if n_classes > 2 else {}
        return {
            **self.params,
            **many,
            **objective,
            "learning_rate": learning_rate,
            "num_threads": self.n_threads,
            "seed": self.random_state,
            "force_row_wise": True,  # the library chooses by timing; this choice is the faster one at one thread
            "feature_pre_filter": False,  # on few rows the filter may remove all columns, which is an error
            "verbosity": -1,
        }


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    own = {name: value for name, value in params.items() if name not in NOT_OF_LIBRARY}
    if params.get("loss") == "absolute_error":
        own["linear_tree"] = False  # the library refuses this loss with linear leaves
    library = LightGBM(
        {**own, "bagging_freq": 1},
        native_categories=int(params.get("native_categories", 0)),
        n_threads=context.n_threads,
        random_state=context.random_state,
        loss=str(params.get("loss", SQUARED_ERROR)),
        monotonic=tuple(params.get("monotonic", ())),
    )
    return make_estimator(library, params.get("learning_rate", 0.04), context)


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(
        Float("learning_rate", (0.005, 0.2), log=True, default=0.04),
        Integer("num_leaves", (2, 200), log=True, default=32),
        Float("feature_fraction", (0.4, 1.0), default=0.7),
        Float("bagging_fraction", (0.6, 1.0), default=0.85),
        Integer("min_data_in_leaf", (1, 64), log=True, default=8),
        Categorical("extra_trees", [False, True], default=False),
        Float("lambda_l1", (1e-4, 1.0), default=0.1),
        Float("lambda_l2", (1e-4, 2.0), default=0.5),
    )
    if traits.categorical:
        space.add(
            Integer("min_data_per_group", (2, 100), log=True, default=10),
            Float("cat_l2", (0.005, 10.0), log=True, default=1.0),
            Float("cat_smooth", (0.001, 100.0), log=True, default=5.0),
            Integer("max_cat_to_onehot", (4, 100), log=True, default=8),
        )
    if not traits.is_classification and not traits.quantiles and not traits.sparse and traits.numeric:
        # Linear models in the leaves go on where the training rows end; numbers should be scaled or clipped before.
        linear_tree = Categorical("linear_tree", [False, True], default=False, weights=[0.8, 0.2])
        linear_lambda = Float("linear_lambda", (0.01, 10.0), log=True, default=0.3)
        space.add(linear_tree, linear_lambda, EqualsCondition(linear_lambda, linear_tree, True))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    rounds = (0.04 / float(params.get("learning_rate", 0.04))) ** 0.7
    leaves = (float(params.get("num_leaves", 32)) / 32) ** 0.35
    linear = 2.0 if params.get("linear_tree") else 1.0
    return 0.01 + power_law(traits, 0.16, rows=0.82, columns=0.66, classes=0.78) * rounds * leaves * linear


def memory(params: Mapping[str, Any], traits: TableTraits) -> float:
    return boosting_memory(traits, float(params.get("num_leaves", 32)))


COMPONENT = Component(
    name="lightgbm",
    make=make,
    space=space,
    accepts_missing=True,
    accepts_categories=True,
    accepts_sparse=True,
    accepts_weights=True,
    accepts_monotonic=True,
    accepts_quantiles=True,
    losses=("absolute_error", "huber", "poisson", "gamma", "tweedie"),
    interruptible=True,
    continues=True,
    imports=("lightgbm",),
    seconds=seconds,
    memory=memory,
    predict_milliseconds=(0.08, 19.9),
)

_PREPARED = {"model": "lightgbm", "encoding": "native", "imputation": "none", "scaling": "none"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    _PREPARED,
    # random thresholds: in most of the best portfolios they stand beside the first entry
    {
        **_PREPARED,
        "model:lightgbm:learning_rate": 0.04,
        "model:lightgbm:num_leaves": 40,
        "model:lightgbm:feature_fraction": 0.5,
        "model:lightgbm:min_data_in_leaf": 3,
        "model:lightgbm:extra_trees": True,
        "model:lightgbm:lambda_l1": 0.5,
        "model:lightgbm:lambda_l2": 1.0,
    },
    # small trees for small or noisy tables
    {
        **_PREPARED,
        "model:lightgbm:learning_rate": 0.06,
        "model:lightgbm:num_leaves": 8,
        "model:lightgbm:feature_fraction": 0.6,
        "model:lightgbm:min_data_in_leaf": 5,
    },
    # new columns from sums, products and ratios
    {
        **_PREPARED,
        "encoding": "target",
        "generation": "arithmetic",
        "model:lightgbm:num_leaves": 16,
        "model:lightgbm:feature_fraction": 0.5,
        "model:lightgbm:extra_trees": True,
        "model:lightgbm:min_data_in_leaf": 5,
    },
    # large trees for long tables
    {
        **_PREPARED,
        "model:lightgbm:learning_rate": 0.05,
        "model:lightgbm:num_leaves": 128,
        "model:lightgbm:feature_fraction": 0.9,
        "model:lightgbm:min_data_in_leaf": 3,
    },
    # pairs of categories
    {
        **_PREPARED,
        "generation": "categorical_interactions",
        "model:lightgbm:num_leaves": 16,
        "model:lightgbm:feature_fraction": 0.5,
    },
    # linear models in the leaves of small trees, for smooth targets
    {
        **_PREPARED,
        "scaling": "robust_clip",
        "model:lightgbm:learning_rate": 0.06,
        "model:lightgbm:num_leaves": 8,
        "model:lightgbm:feature_fraction": 0.6,
        "model:lightgbm:min_data_in_leaf": 5,
        "model:lightgbm:linear_tree": True,
        "model:lightgbm:linear_lambda": 1.0,
    },
)
