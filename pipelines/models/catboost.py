"""CatBoost: symmetric boosted trees with ordered statistics of categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from sklearn.base import BaseEstimator

from pipelines.component import Component, FitContext, TableTraits
from pipelines.early_stopping import EarlyStopping
from pipelines.losses import LOG_LINK, SQUARED_ERROR, TWEEDIE_POWER
from pipelines.models._boosting import NOT_OF_LIBRARY, LabeledRows, LibrarySettings, Table, Trees, make_estimator
from pipelines.models._cost import boosting_memory, power_law
from pipelines.monotonic import all_constraints
from pipelines.quantiles import lowest_loss_quantiles
from pipelines.training_part import TrainingPart, as_bytes_array

_LOSSES: Mapping[str, str] = {
    SQUARED_ERROR: "RMSE",
    "poisson": "Poisson",
    "tweedie": f"Tweedie:variance_power={TWEEDIE_POWER}",
}
_SNAPSHOT_SECONDS = 1_000_000  # between two snapshots: the only one is written at the end
_FEW_ROWS = 1_000  # up to here an array of objects is faster than a frame


class _Callback:
    """Callback that ends the training when `EarlyStopping` stops it or asks for another learning rate."""

    def __init__(self, stopping: EarlyStopping, learning_rate: float):
        self.stopping = stopping
        self.learning_rate = learning_rate

    def after_iteration(self, info: Any) -> bool:
        losses = info.metrics.get("validation")
        stop = self.stopping.step(next(iter(losses.values()))[-1] if losses else None, adjustable=False)
        return not stop and self.stopping.learning_rate == self.learning_rate


def _varies(X: np.ndarray) -> bool:
    """Return whether any column has two different values; a missing cell counts as a value."""
    return bool(((X[0] != X) & ~(np.isnan(X) & np.isnan(X[0]))).any())


def _fit_part(params: Mapping[str, Any], fit: Mapping[str, Any], earlier: Any, base: Path | None) -> Trees:
    """Train from CatBoost's own snapshot of the training so far, which gives the same trees, to the next snapshot.

    A process that is killed meanwhile leaves the folder of the snapshot in the folder `base`.
    """
    import catboost

    if base is not None:
        base.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=base) as folder:
        snapshot = Path(folder) / "snapshot"
        if earlier is not None:
            snapshot.write_bytes(earlier.tobytes())
        model = catboost.CatBoost({**params, "allow_writing_files": True, "train_dir": folder})
        # By default, a snapshot is also written every ten minutes of the training.
        model.fit(**fit, save_snapshot=True, snapshot_file=str(snapshot), snapshot_interval=_SNAPSHOT_SECONDS)
        return Trees(model, as_bytes_array(snapshot.read_bytes()))


@dataclass(frozen=True)
class CatBoost(LibrarySettings):
    """Settings of CatBoost, and the calls of its native interface.

    Attributes
    ----------
    part : TrainingPart or None
        The part of the training that the fit does; its folder gets CatBoost's files.
    """

    part: TrainingPart | None = None

    def train(
        self,
        rows: LabeledRows,
        validation: LabeledRows | None,
        n_classes: int,
        max_rounds: int,
        stopping: EarlyStopping,
        earlier: Any = None,
    ) -> Trees:
        import catboost

        if not _varies(rows.X):  # CatBoost refuses tables of constant columns
            stopping.step(None)
            weight = np.ones(len(rows.y)) if rows.weight is None else rows.weight
            if n_classes:
                return Trees(np.bincount(rows.y, weights=weight, minlength=n_classes) / weight.sum())
            if self.quantiles:
                return Trees(lowest_loss_quantiles(rows.y, self.quantiles, weight))
            return Trees(np.array([weight @ rows.y]) / weight.sum())
        data = self._pool(rows)
        validation_data = None if validation is None else self._pool(validation)
        while True:
            rate = stopping.learning_rate
            params = self._all_params(n_classes, rate, max_rounds)
            if self.monotonic:
                params["monotone_constraints"] = all_constraints(self.monotonic, rows.X.shape[1])
            callback = _Callback(stopping, rate)
            use_best = validation_data is not None
            fit = {"X": data, "eval_set": validation_data, "use_best_model": use_best, "callbacks": [callback]}
            if stopping.share == 1 and earlier is None:
                trees = Trees(catboost.CatBoost(params).fit(**fit))
            else:
                trees = _fit_part(params, fit, earlier, None if self.part is None else self.part.folder)
            if stopping.learning_rate == rate:
                return trees
            stopping.restart()  # CatBoost cannot change the learning rate of a running training
            earlier = None

    def predict(self, model: Any, X: Table, n_classes: int) -> np.ndarray:
        if isinstance(model, np.ndarray):
            return np.tile(model, (len(X), 1)) if len(model) > 1 else np.full(len(X), model[0])
        kind = "Probability" if n_classes else "Exponent" if self.loss in LOG_LINK else "RawFormulaVal"
        table = self._few_rows(X) if len(X) <= _FEW_ROWS else self._table(X)
        return np.asarray(model.predict(table, prediction_type=kind, thread_count=self.n_threads))

    def _pool(self, rows: LabeledRows) -> Any:
        import catboost

        categories = list(range(self.native_categories)) or None
        return catboost.Pool(
            self._table(rows.X), rows.y, weight=rows.weight, cat_features=categories, thread_count=self.n_threads
        )

    def _table(self, X: Table) -> Any:
        """Return the array itself, or a frame whose leading columns are categories (-1 where a cell is missing)."""
        k = self.native_categories
        if not k:
            return X
        frame = pd.DataFrame(X)
        codes = np.nan_to_num(X[:, :k], nan=-1).astype(np.int32)
        for column in range(k):
            frame[column] = pd.Categorical(codes[:, column])
        return frame

    def _few_rows(self, X: Table) -> Any:
        """Return the table that `_table` gives, in a form that is faster to make from a few rows."""
        k = self.native_categories
        if not k:
            return X
        table = X.astype(object)
        table[:, :k] = np.nan_to_num(X[:, :k], nan=-1).astype(np.int32)
        return table

    def _all_params(self, n_classes: int, learning_rate: float, max_rounds: int) -> dict[str, Any]:
        several = "Multi" if len(self.quantiles) > 1 else ""
        pinball = f"{several}Quantile:alpha={','.join(map(repr, self.quantiles))}"
        loss = {0: _LOSSES.get(self.loss, pinball), 2: "Logloss"}.get(n_classes, "MultiClass")
        return {
            "bootstrap_type": "Bernoulli",
            "boosting_type": "Plain",
            "max_bin": 254,
            **self.params,
            "loss_function": loss,
            "learning_rate": learning_rate,
            "iterations": max_rounds,
            "random_seed": self.random_state,
            "thread_count": self.n_threads,
            "allow_writing_files": False,
            "logging_level": "Silent",
        }


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    own = {name: value for name, value in params.items() if name not in NOT_OF_LIBRARY}
    if context.traits.n_features == 1:
        own.pop("colsample_bylevel", None)  # CatBoost refuses to sample from one column
    library = CatBoost(
        own,
        native_categories=int(params.get("native_categories", 0)),
        n_threads=context.n_threads,
        random_state=context.random_state,
        loss=str(params.get("loss", SQUARED_ERROR)),
        monotonic=tuple(params.get("monotonic", ())),
        part=context.part,
    )
    return make_estimator(library, params.get("learning_rate", 0.06), context, joint_quantiles=True)


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(
        Float("learning_rate", (0.005, 0.3), log=True, default=0.06),
        Integer("depth", (3, 9), default=6),
        Categorical("grow_policy", ["SymmetricTree", "Depthwise"], default="SymmetricTree"),
        Float("l2_leaf_reg", (1e-4, 10.0), log=True, default=1.0),
        Float("subsample", (0.6, 1.0), default=0.9),
        Float("colsample_bylevel", (0.5, 1.0), default=0.95),
        Float("random_strength", (0.05, 5.0), log=True, default=0.8),
        Integer("leaf_estimation_iterations", (1, 20), log=True, default=1),
    )
    if traits.categorical:
        space.add(
            Integer("one_hot_max_size", (2, 100), log=True, default=15),
            Integer("max_ctr_complexity", (1, 4), default=2),
            Float("model_size_reg", (0.1, 1.5), log=True, default=0.5),
        )
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    rounds = (0.06 / float(params.get("learning_rate", 0.06))) ** 0.7
    size = 1.4 ** (float(params.get("depth", 6)) - 6)
    return 0.05 + power_law(traits, 0.6, rows=0.6, columns=0.9, classes=0.75) * rounds * size


def memory(params: Mapping[str, Any], traits: TableTraits) -> float:
    return boosting_memory(traits, 2.0 ** float(params.get("depth", 6)))


COMPONENT = Component(
    name="catboost",
    make=make,
    space=space,
    accepts_missing=True,
    accepts_categories=True,
    accepts_sparse=False,
    accepts_weights=True,
    accepts_monotonic=True,
    accepts_quantiles=True,
    losses=("poisson", "tweedie"),  # with the absolute error it learns too slowly, see benchmarks/LOSSES.md
    interruptible=True,
    continues=True,
    max_overtime=4.0,
    imports=("catboost",),
    seconds=seconds,
    memory=memory,
    predict_milliseconds=(0.16, 2.0),
)

_PREPARED = {"model": "catboost", "encoding": "native", "imputation": "none", "scaling": "none"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    _PREPARED,
    {
        **_PREPARED,
        "model:catboost:learning_rate": 0.08,
        "model:catboost:depth": 5,
        "model:catboost:grow_policy": "Depthwise",
        "model:catboost:l2_leaf_reg": 3.0,
        "model:catboost:subsample": 0.8,
        "model:catboost:colsample_bylevel": 0.7,
    },
)
