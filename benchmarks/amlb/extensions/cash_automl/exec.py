"""Run one task of amlb; amlb starts this script in the virtual environment of the framework."""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from frameworks.shared.callee import call_run, measure_inference_times, result
from frameworks.shared.utils import Timer

from automl import AutoMLClassifier, AutoMLRegressor

log = logging.getLogger(__name__)

# Scorers of scikit-learn by amlb's names.
SCORERS = {
    "acc": "accuracy",
    "auc": "roc_auc",
    "auc_ovo": "roc_auc_ovo",
    "auc_ovr": "roc_auc_ovr",
    "balacc": "balanced_accuracy",
    "f1": "f1",
    "logloss": "neg_log_loss",
    "mae": "neg_mean_absolute_error",
    "mse": "neg_mean_squared_error",
    "msle": "neg_mean_squared_log_error",
    "r2": "r2",
    "rmse": "neg_root_mean_squared_error",
    "rmsle": "neg_root_mean_squared_log_error",
}
_TRIAL_MEMORY_SHARE = 0.8  # of the memory of a task; the trials of all workers share it evenly


def run(dataset: Any, config: Any) -> dict[str, Any]:
    """Fit within the seconds, cores and memory of the task, and predict the test rows.

    Entries of ``params`` in the definition of the framework are arguments of the estimators; ``_n_jobs`` replaces the
    number of cores.
    """
    log.info("cash-automl %s", version("cash-automl"))
    is_classification = config.type == "classification"
    params = config.framework_params or {}
    n_jobs = params.get("_n_jobs", config.cores)
    settings = {
        "time_budget": config.max_runtime_seconds,
        "scoring": _scorer(config.metric),
        "n_jobs": n_jobs,
        "memory_limit": _TRIAL_MEMORY_SHARE * config.max_mem_size_mb / max(1, n_jobs),
        "random_state": config.seed % 2**31,
        "without": [str(config.name)],
        **{name: value for name, value in params.items() if not name.startswith("_")},
    }
    model = (AutoMLClassifier if is_classification else AutoMLRegressor)(**settings)
    y_train, y_test = _column(dataset.train.y), _column(dataset.test.y)
    with Timer() as training:
        model.fit(dataset.train.X, y_train)

    def predict(data: Any) -> Any:
        table = pd.read_parquet(data) if isinstance(data, str) else data
        return model.predict_proba(table) if is_classification else model.predict(table)

    inference_times = {}
    if config.measure_inference_time:
        inference_times["file"] = measure_inference_times(predict, dataset.inference_subsample_files)
    with Timer() as predicting:
        predicted = predict(dataset.test.X)
    labels = [str(label) for label in model.classes_] if is_classification else None
    answer: dict[str, Any] = result(
        output_file=config.output_predictions_file,
        predictions=np.asarray(model.predict(dataset.test.X)).astype(str) if is_classification else predicted,
        truth=y_test,
        probabilities=predicted if is_classification else None,
        probabilities_labels=labels,
        target_is_encoded=False,
        models_count=model.history_.n_run,
        training_duration=training.duration,
        predict_duration=predicting.duration,
        inference_times=inference_times,
    )
    return answer


def _scorer(metric: str) -> str | None:
    """Return the scorer of a metric; None, which is the default of the estimators, for one that has no counterpart."""
    if metric not in SCORERS:
        log.warning("the metric %s has no counterpart; the default metric of the task is used", metric)
    return SCORERS.get(metric)


def _column(values: Any) -> pd.Series:
    """Return a target as a column, whether amlb passes a column, a table of one column or an array."""
    if isinstance(values, pd.DataFrame):
        return values.iloc[:, 0]
    return values if isinstance(values, pd.Series) else pd.Series(np.asarray(values).reshape(-1))


if __name__ == "__main__":
    call_run(run)
