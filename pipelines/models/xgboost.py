"""XGBoost: boosted trees grown on histograms."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from sklearn.base import BaseEstimator

from pipelines.component import Component, FitContext, TableTraits
from pipelines.early_stopping import EarlyStopping
from pipelines.losses import HUBER_DELTA, SQUARED_ERROR, TWEEDIE_POWER
from pipelines.models._boosting import NOT_OF_LIBRARY, LabeledRows, LibrarySettings, Table, Trees, make_estimator
from pipelines.models._cost import boosting_memory, power_law
from pipelines.monotonic import all_constraints
from pipelines.training_part import as_bytes_array

_OBJECTIVES: Mapping[str, Mapping[str, Any]] = {
    SQUARED_ERROR: {"objective": "reg:squarederror", "eval_metric": "rmse"},
    "absolute_error": {"objective": "reg:absoluteerror", "eval_metric": "mae"},
    "huber": {"objective": "reg:pseudohubererror", "eval_metric": "mphe", "huber_slope": HUBER_DELTA},
    "poisson": {"objective": "count:poisson", "eval_metric": "poisson-nloglik"},
    "gamma": {"objective": "reg:gamma", "eval_metric": "gamma-deviance"},
    "tweedie": {
        "objective": "reg:tweedie",
        "eval_metric": f"tweedie-nloglik@{TWEEDIE_POWER}",
        "tweedie_variance_power": TWEEDIE_POWER,
    },
}
_threads: WeakKeyDictionary[Any, int] = WeakKeyDictionary()  # of the models that have predicted in this process
_configuring = Lock()


def _renew_lock() -> None:
    """In a fork of the process: no thread of the fork would release a lock that another thread has taken."""
    global _configuring
    _configuring = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@dataclass(frozen=True)
class XGBoost(LibrarySettings):
    """Settings of XGBoost, and the calls of its native interface."""

    def train(
        self,
        rows: LabeledRows,
        validation: LabeledRows | None,
        n_classes: int,
        max_rounds: int,
        stopping: EarlyStopping,
        earlier: Any = None,
    ) -> Trees:
        import xgboost as xgb

        params = self._all_params(n_classes, stopping.learning_rate)
        if self.monotonic:
            params["monotone_constraints"] = tuple(all_constraints(self.monotonic, rows.X.shape[1]))
        if earlier is not None:
            params["seed"] += stopping.rounds  # else the first draws of columns and rows would come again
        data = xgb.QuantileDMatrix(
            rows.X, rows.y, weight=rows.weight, nthread=self.n_threads, max_bin=256, **self._columns(rows.X)
        )
        evals = []
        if validation is not None:
            validation_data = xgb.QuantileDMatrix(
                validation.X,
                validation.y,
                weight=validation.weight,
                nthread=self.n_threads,
                max_bin=256,
                ref=data,
                **self._columns(validation.X),
            )
            evals = [(validation_data, "validation")]
        metric = params["eval_metric"]

        class Callback(xgb.callback.TrainingCallback):
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                stopping.time_prediction(
                    lambda X: model.inplace_predict(X, validate_features=False), stopping.rounds + 1
                )
                before = stopping.learning_rate
                stop = stopping.step(evals_log["validation"][metric][-1] if evals_log else None)
                if stopping.learning_rate != before:
                    model.set_param("learning_rate", stopping.learning_rate)
                return stop

        booster = xgb.train(
            params,
            data,
            num_boost_round=max_rounds - stopping.rounds,
            evals=evals,
            verbose_eval=False,
            xgb_model=None if earlier is None else bytearray(earlier.tobytes()),
            callbacks=[Callback()],
        )
        state = None if stopping.share == 1 else as_bytes_array(bytes(booster.save_raw("ubj")))
        return Trees(booster if stopping.best_round == stopping.rounds else booster[: stopping.best_round], state)

    def predict(self, model: Any, X: Table, n_classes: int) -> np.ndarray:
        if _threads.get(model) != self.n_threads:
            _configure(model, self.n_threads)
        # Several threads may call this method at the same time, and it builds no `DMatrix`.
        out = model.inplace_predict(X, validate_features=False)
        out = np.asarray(out, dtype=np.float64)
        if n_classes == 2:
            return np.column_stack([1 - out, out])
        return out / out.sum(axis=1, keepdims=True) if n_classes else out

    def _columns(self, X: Table) -> dict[str, Any]:
        """Return the types of the columns, or nothing where no column holds categories."""
        if not self.native_categories:
            return {}
        numeric = X.shape[1] - self.native_categories
        return {"feature_types": ["c"] * self.native_categories + ["q"] * numeric, "enable_categorical": True}

    def _all_params(self, n_classes: int, learning_rate: float) -> dict[str, Any]:
        levels = list(self.quantiles)
        pinball = {"objective": "reg:quantileerror", "eval_metric": "quantile", "quantile_alpha": levels}
        objective = {
            0: _OBJECTIVES.get(self.loss, pinball),
            2: {"objective": "binary:logistic", "eval_metric": "logloss"},
        }.get(n_classes, {"objective": "multi:softprob", "eval_metric": "mlogloss"})
        many = {"num_class": n_classes} if n_classes > 2 else {}
        return {
            **self.params,
            **many,
            **objective,
            "learning_rate": learning_rate,
            "tree_method": "hist",
            "nthread": self.n_threads,
            "seed": self.random_state,
            "verbosity": 0,
        }


def _configure(model: Any, n_threads: int) -> None:
    """Set the number of threads of a model, once.

    The library configures a model again after it was loaded or a parameter was set, at the next call. If two threads
    predict then, one of them fails. `save_config` is such a call, and the lock lets one thread do it.
    """
    with _configuring:
        if _threads.get(model) != n_threads:
            model.set_param("nthread", n_threads)
            model.save_config()
            _threads[model] = n_threads


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    own = {name: value for name, value in params.items() if name not in NOT_OF_LIBRARY}
    if own.get("grow_policy") == "lossguide":
        own["max_depth"] = 0  # then only the number of leaves limits a tree
    library = XGBoost(
        own,
        native_categories=int(params.get("native_categories", 0)),
        n_threads=context.n_threads,
        random_state=context.random_state,
        loss=str(params.get("loss", SQUARED_ERROR)),
        monotonic=tuple(params.get("monotonic", ())),
    )
    return make_estimator(library, params.get("learning_rate", 0.06), context, joint_quantiles=True)


def space(traits: TableTraits) -> ConfigurationSpace:
    from ConfigSpace import EqualsCondition

    space = ConfigurationSpace()
    grow_policy = Categorical("grow_policy", ["depthwise", "lossguide"], default="depthwise")
    max_depth = Integer("max_depth", (2, 10), log=True, default=6)
    max_leaves = Integer("max_leaves", (4, 256), log=True, default=32)
    space.add(
        Float("learning_rate", (0.005, 0.3), log=True, default=0.06),
        grow_policy,
        max_depth,
        max_leaves,
        Float("min_child_weight", (1e-3, 10.0), log=True, default=0.01 if traits.is_classification else 2.0),
        Float("subsample", (0.5, 1.0), default=0.7),
        Float("colsample_bylevel", (0.4, 1.0), default=0.9),
        Float("colsample_bynode", (0.4, 1.0), default=0.9),
        Float("reg_alpha", (1e-4, 5.0), log=True, default=1e-3),
        Float("reg_lambda", (1e-4, 5.0), log=True, default=0.1),
    )
    if traits.categorical:
        space.add(Integer("max_cat_to_onehot", (4, 100), log=True, default=8))
    space.add(
        EqualsCondition(max_depth, grow_policy, "depthwise"), EqualsCondition(max_leaves, grow_policy, "lossguide")
    )
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    rounds = (0.06 / float(params.get("learning_rate", 0.06))) ** 0.7
    leaves = float(params.get("max_leaves", 2 ** params.get("max_depth", 6)))
    return 0.01 + power_law(traits, 0.14, rows=0.7, columns=0.6, classes=0.8) * rounds * (leaves / 64) ** 0.25


def memory(params: Mapping[str, Any], traits: TableTraits) -> float:
    return boosting_memory(traits, float(params.get("max_leaves", 2 ** params.get("max_depth", 6))))


COMPONENT = Component(
    name="xgboost",
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
    imports=("xgboost",),
    seconds=seconds,
    memory=memory,
    predict_milliseconds=(0.22, 2.5),
)

_PREPARED = {"model": "xgboost", "encoding": "native", "imputation": "none", "scaling": "none"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    _PREPARED,
    {
        **_PREPARED,
        "model:xgboost:learning_rate": 0.1,
        "model:xgboost:max_depth": 3,
        "model:xgboost:min_child_weight": 1.0,
        "model:xgboost:subsample": 0.8,
        "model:xgboost:colsample_bylevel": 0.7,
        "model:xgboost:reg_lambda": 1.0,
    },
    {
        **_PREPARED,
        "model:xgboost:learning_rate": 0.05,
        "model:xgboost:max_depth": 9,
        "model:xgboost:min_child_weight": 2.0,
        "model:xgboost:subsample": 0.7,
        "model:xgboost:colsample_bylevel": 0.6,
        "model:xgboost:reg_lambda": 1.0,
    },
)
