"""Histogram gradient boosting of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace, Float, Integer
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import ThreadpoolController

from pipelines.component import Component, FitContext, TableTraits
from pipelines.early_stopping import PROBE_ROUNDS, EarlyStopping
from pipelines.losses import SQUARED_ERROR
from pipelines.models._boosting import NOT_OF_LIBRARY, LabeledRows, LibrarySettings, Table, Trees, make_estimator
from pipelines.models._cost import boosting_memory, power_law
from pipelines.monotonic import all_constraints

MAX_CATEGORIES = 255  # scikit-learn's limit for one native category column
NEVER = 1_000_000  # rounds without progress before scikit-learn itself stops


def _openmp_limit(n_threads: int) -> AbstractContextManager[Any]:
    # `threadpool_limits` would also restore the threads of BLAS, which another thread may have limited meanwhile.
    return ThreadpoolController().select(user_api="openmp").limit(limits=n_threads)


@dataclass(frozen=True)
class HistGradientBoosting(LibrarySettings):
    """Settings of scikit-learn's boosting, which is trained in batches of rounds with a check after each batch."""

    def train(
        self,
        rows: LabeledRows,
        validation: LabeledRows | None,
        n_classes: int,
        max_rounds: int,
        stopping: EarlyStopping,
        earlier: Any = None,
    ) -> Trees:
        estimator = HistGradientBoostingClassifier if n_classes else HistGradientBoostingRegressor
        X = rows.X.copy()
        X[:, np.isnan(X).all(axis=0)] = 0.0  # scikit-learn cannot bin columns without any value
        model = (
            copy(earlier)
            if earlier is not None
            else estimator(
                **({} if n_classes else self._loss()),
                **self.params,
                learning_rate=stopping.learning_rate,
                categorical_features=self._categories(rows.X),
                monotonic_cst=all_constraints(self.monotonic, rows.X.shape[1]) if self.monotonic else None,
                warm_start=True,
                early_stopping=validation is not None,
                n_iter_no_change=NEVER,
                random_state=self.random_state,
            )
        )
        validated = {}
        if validation is not None:
            validated = {"X_val": validation.X, "y_val": validation.y, "sample_weight_val": validation.weight}
        stop, done = False, stopping.rounds
        batch = min(max(PROBE_ROUNDS, done // 3), max_rounds)
        with _openmp_limit(self.n_threads):
            while not stop and done < max_rounds:
                done = min(done + batch, max_rounds)
                model.set_params(max_iter=done, learning_rate=stopping.learning_rate)
                model.fit(X, rows.y, sample_weight=rows.weight, **validated)
                stopping.time_prediction(lambda X: self.predict(model, X, n_classes), done)
                # The first score belongs to the model without trees.
                seen = stopping.rounds
                losses = -model.validation_score_[1:][seen:] if validated else [None] * (done - seen)
                for loss in losses:
                    stop = stopping.step(loss)
                per_round = (stopping.deadline.spent + stopping.prediction_seconds) / done
                left = stopping.deadline.left - stopping.prediction_seconds
                affordable = 0.9 * left / max(per_round, 1e-9)
                stop = stop or affordable < 1
                batch = int(min(max(PROBE_ROUNDS, done // 3), affordable))
        state = None if stopping.share == 1 else copy(model)
        # Rounds after the best one are dropped; scikit-learn has no public way to do so.
        model._predictors = model._predictors[: max(stopping.best_round, 1)]
        return Trees(model, state)

    def predict(self, model: Any, X: Table, n_classes: int) -> np.ndarray:
        # The public methods take no number of threads, and a limit for the whole process takes milliseconds to set.
        raw = model._raw_predict(X, n_threads=self.n_threads)
        out: np.ndarray = model._loss.predict_proba(raw) if n_classes else model._loss.link.inverse(raw.ravel())
        return out

    def _loss(self) -> dict[str, Any]:
        """Return the parameters of scikit-learn for the loss of regression."""
        return {"loss": "quantile", "quantile": self.quantiles[0]} if self.quantiles else {"loss": self.loss}

    def _categories(self, X: Table) -> list[int] | None:
        """Return the category columns that scikit-learn accepts; it treats columns with more categories as numbers."""
        columns = range(self.native_categories)
        return [i for i in columns if np.nanmax(X[:, i], initial=0) < MAX_CATEGORIES] or None


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    own = {name: value for name, value in params.items() if name not in NOT_OF_LIBRARY}
    library = HistGradientBoosting(
        own,
        native_categories=int(params.get("native_categories", 0)),
        n_threads=context.n_threads,
        random_state=context.random_state,
        loss=str(params.get("loss", SQUARED_ERROR)),
        monotonic=tuple(params.get("monotonic", ())),
    )
    return make_estimator(library, params.get("learning_rate", 0.06), context)


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(
        Float("learning_rate", (0.01, 0.3), log=True, default=0.06),
        Integer("max_leaf_nodes", (3, 128), log=True, default=24),
        Integer("min_samples_leaf", (1, 100), log=True, default=10),
        Float("l2_regularization", (1e-6, 10.0), log=True, default=0.1),
        Float("max_features", (0.3, 1.0), default=0.7),
    )
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    rounds = (0.06 / float(params.get("learning_rate", 0.06))) ** 0.7
    leaves = (float(params.get("max_leaf_nodes", 24)) / 24) ** 0.35
    return 0.05 + power_law(traits, 0.5, rows=0.6, columns=0.45, classes=0.6) * rounds * leaves


def memory(params: Mapping[str, Any], traits: TableTraits) -> float:
    return boosting_memory(traits, float(params.get("max_leaf_nodes", 24)))


COMPONENT = Component(
    name="hist_gradient_boosting",
    make=make,
    space=space,
    accepts_missing=True,
    accepts_categories=True,
    accepts_weights=True,
    accepts_monotonic=True,
    accepts_quantiles=True,
    losses=("absolute_error", "poisson", "gamma"),
    interruptible=True,
    continues=True,
    seconds=seconds,
    memory=memory,
    predict_milliseconds=(0.61, 4.9),
)

_PREPARED = {"model": "hist_gradient_boosting", "encoding": "native", "imputation": "none", "scaling": "none"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {
        **_PREPARED,
        "model:hist_gradient_boosting:learning_rate": 0.08,
        "model:hist_gradient_boosting:max_leaf_nodes": 8,
        "model:hist_gradient_boosting:max_features": 0.5,
    },
    _PREPARED,
)
