"""Run this package in TabArena: as a system of its experiments, or from here on local tables.

TabArena's own runs take the class as it is:

    generator = SystemConfigGenerator(model_cls=CashAutoMLSystem, name="CashAutoML", manual_configs=[{}])
    experiments = TabArenaV0pt1ExperimentBundle(models=[(generator, 0)], system_experiments=True)

Example on local tables, without a network connection:
python -m benchmarks.tabarena_adapter --data DATA --tables wine,diabetes --seconds 30 --out results.csv
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
import typer

from automl import AutoMLClassifier, AutoMLRegressor
from benchmarks.requirements import require_package
from benchmarks.result_file import append_row
from benchmarks.splits import N_FOLDS, fold_numbers
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks

require_package("tabarena", "tabarena")
from tabarena.benchmark.exec_models import ExternalSystemModel  # noqa: E402
from tabarena.benchmark.experiment.experiment_constructor import ExternalSystemExperiment  # noqa: E402
from tabarena.benchmark.task.user_task import UserTask  # noqa: E402

# Scorers of scikit-learn by AutoGluon's names, which TabArena uses. Other metrics leave the default of the estimators.
SCORERS = {
    "roc_auc": "roc_auc",
    "log_loss": "neg_log_loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "root_mean_squared_error": "neg_root_mean_squared_error",
    "rmse": "neg_root_mean_squared_error",
    "mean_squared_error": "neg_mean_squared_error",
    "mean_absolute_error": "neg_mean_absolute_error",
    "r2": "r2",
}
METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
COLUMNS = ["dataset", "task", "fold", "metric", "metric_error", "fit_s", "predict_s", "seconds"]
_TRIAL_MEMORY_SHARE = 0.8  # of the memory limit of a fit; the trials of all workers share it evenly


class CashAutoMLSystem(ExternalSystemModel):
    """This package as a system of TabArena, which does its own preprocessing, search and validation.

    TabArena passes seconds, cores, memory, metric and seed of each fit. The results of the meta-database on the data
    set of the task are not used: `fit` recognizes them by their content.

    Parameters
    ----------
    settings : dict, optional
        Other arguments of `AutoMLClassifier` and `AutoMLRegressor`, for example ``{"without": ["adult"]}``.
    **kwargs
        Arguments of TabArena's base class.
    """

    def __init__(self, *, settings: dict[str, Any] | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.settings = settings or {}

    def _fit_system(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        *,
        target_name: str,
        problem_type: str,
        eval_metric: Any,
        validation_metadata: Any,
        num_cpus: int | None,
        num_gpus: int | None,
        memory_limit: float | None,
        time_limit: float | None,
        random_state: int | None,
    ) -> Self:
        """Search on all training rows; ``memory_limit`` is in GB, as TabArena passes it."""
        kind = AutoMLRegressor if problem_type == "regression" else AutoMLClassifier
        share = None if memory_limit is None else _TRIAL_MEMORY_SHARE * 1024 * memory_limit / (num_cpus or 1)
        given: dict[str, Any] = {
            "time_budget": 3600 if time_limit is None else time_limit,
            "scoring": SCORERS.get(eval_metric.name),
            "n_jobs": num_cpus or -1,
            "memory_limit": share,
            "device": "auto" if num_gpus else "cpu",
            "random_state": random_state or 0,
            "verbose": 0,
        }
        self.model = kind(**{**given, **self.settings}).fit(X, y, groups=self._groups(X, validation_metadata))
        return self

    @staticmethod
    def _groups(X: pd.DataFrame, validation_metadata: Any) -> pd.Series | None:
        """Return the group of each row, if the task names columns of groups."""
        named = validation_metadata.group_on
        columns = [named] if isinstance(named, str) else list(named or ())
        if not columns or not set(columns) <= set(X.columns):
            return None
        return X[columns].astype(str).agg("|".join, axis=1)

    def _predict(self, X: pd.DataFrame) -> pd.Series:
        return pd.Series(self.model.predict(X), index=X.index)

    def _predict_proba(self, X: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(self.model.predict_proba(X), index=X.index, columns=self.model.classes_)


def make_task(name: str, table: pd.DataFrame, task: str, folder: Path) -> Any:
    """Return a local table as a task of TabArena, with the folds of the other benchmarks."""
    folds = fold_numbers(table["target"], task)
    rows = np.arange(len(table))
    splits = {0: {fold: (rows[folds != fold].tolist(), rows[folds == fold].tolist()) for fold in range(N_FOLDS)}}
    return UserTask(task_name=name, task_cache_path=folder).create_task(
        target_feature="target",
        problem_type="regression" if task == "regression" else "classification",
        dataset=table,
        splits=splits,
        eval_metric=METRICS[task],
        dataset_name=name,
    )


def run_fold(name: str, table: pd.DataFrame, task: str, fold: int, seconds: float, cores: int) -> dict[str, Any]:
    """Run one fold of a local table with TabArena's runner, and return the row of the results."""
    experiment = ExternalSystemExperiment(
        name="CashAutoML",
        system_cls=CashAutoMLSystem,
        system_hyperparameters={"settings": {"without": [name]}},
        method_kwargs={"fit_kwargs": {"time_limit": seconds, "num_cpus": cores, "num_gpus": 0}},
    )
    with tempfile.TemporaryDirectory() as folder:
        wrapped = make_task(name, table, task, Path(folder))
        result = experiment.run(wrapped, fold=fold, task_name=name, cache_task_key=name)
    if result is None:
        raise RuntimeError(f"TabArena returned no result for {name}")
    return {
        "dataset": name,
        "task": task,
        "fold": fold,
        "metric": result["metric"],
        "metric_error": result["metric_error"],
        "fit_s": result["time_train_s"],
        "predict_s": result["time_infer_s"],
        "seconds": seconds,
    }


def main(
    data: DataFolder,
    tables: Annotated[str, typer.Option(help="Names of tables with commas.")],
    out: Annotated[Path, typer.Option(help="CSV file to append to.")],
    seconds: Annotated[float, typer.Option(help="Seconds of one fit.")] = 60.0,
    cores: Annotated[int, typer.Option(help="Processor cores of one fit.")] = 2,
    folds: Annotated[str, typer.Option(help="Fold numbers with commas, from 0 to 4.")] = "0",
) -> None:
    """Run this package on local tables with TabArena's experiment runner."""
    tasks = read_tasks(data)
    for fold in map(int, folds.split(",")):
        for name in choose_tables(data, tables):
            row = run_fold(name, read_table(data, name), tasks[name], fold, seconds, cores)
            append_row(out, row, COLUMNS)
            print(f"{name} fold {fold}: {row['metric']} error {row['metric_error']:.5f} in {row['fit_s']:.1f} s")


if __name__ == "__main__":
    typer.run(main)
