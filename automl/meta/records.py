"""Converts tasks and evaluations to records of the meta-database."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automl.errors import InvalidInputError
from automl.persistence import library_versions
from automl.task.metrics import make_metric
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.fingerprint import dataset_fingerprint
from automl.trials.history import Evaluation, RunHistory
from automl.trials.run_directory import RunDirectory
from automl.trials.trial import CONTINUED, FoldResult, TrialResult
from meta_db import prediction_codec
from meta_db.records import DatasetRecord, EvaluationRecord
from meta_db.store import MetaDatabase
from metalearning.features import compute_metafeatures
from pipelines.component import TaskType
from pipelines.configuration import Configuration

METRICS: Mapping[TaskType, tuple[str, ...]] = {
    "binary": ("roc_auc", "neg_log_loss", "accuracy", "balanced_accuracy"),
    "multiclass": ("neg_log_loss", "accuracy", "balanced_accuracy"),
    "regression": ("neg_root_mean_squared_error", "neg_mean_absolute_error", "r2"),
}
_SEED = 0  # of the choice of rows whose predictions are kept: the same rows for all configurations on a data set


def record_task(
    task: Task, name: str, family: str = "", n_rows: int | None = None, openml_id: int | None = None
) -> DatasetRecord:
    """Return the record of a task, without meta-features.

    Parameters
    ----------
    family : str
        Family of near-duplicates; the name if it is empty.
    n_rows : int, optional
        Rows of the whole table, if the task holds only a part of it.
    """
    kept = prediction_codec.choose_rows(len(task.y), _SEED)
    return DatasetRecord(
        name=name,
        fingerprint=dataset_fingerprint(task.X, task.y),
        family=family or name,
        n_rows=n_rows or len(task.y),
        traits=task.traits,
        qualities={},
        target=(task.y / _unit(task))[kept].astype(np.float32),
        openml_id=openml_id,
    )


def record_evaluation(task: Task, evaluation: Evaluation, artifacts: Artifacts, peak_memory: float) -> EvaluationRecord:
    """Return the record of one configuration: scores, seconds and predictions of its finished folds."""
    configuration, folds = evaluation.configuration, evaluation.folds
    if not folds:
        return EvaluationRecord(evaluation.status, reason=evaluation.reason, peak_memory=peak_memory)
    predictions = {fold: artifacts.predictions(configuration, fold) for fold in folds}
    iterations = [r.info["n_iter"] for r in folds.values() if "n_iter" in r.info]
    memory = [r.info["memory"] for r in folds.values() if "memory" in r.info]
    return EvaluationRecord(
        status=evaluation.status,
        scores=_scores(task, predictions),
        reason=evaluation.reason,
        fit_seconds=float(np.mean([r.info.get("cpu_seconds", r.fit_seconds) for r in folds.values()])),
        predict_seconds=float(np.mean([r.predict_seconds for r in folds.values()])),
        peak_memory=peak_memory,
        own_memory=max(memory, default=None),
        iterations=float(np.mean(iterations)) if iterations else None,
        sample=_sample(task, predictions) if len(predictions) == len(task.folds) else None,
    )


def provenance(task: Task) -> dict[str, str | int]:
    """Return the origin of a result: versions, and the numbers of folds, rows and threads."""
    return {**library_versions(), "n_folds": len(task.folds), "n_rows": task.traits.n_rows, "n_threads": 1}


def add_run(folder: Path, name: str, database: MetaDatabase) -> int:
    """Add the results of a finished run to a meta-database, so that runs on similar data can start from them.

    Parameters
    ----------
    folder : Path
        Run directory: the argument `store` of the run.
    name : str
        Name of the data set.

    Returns
    -------
    int
        Number of configurations of the run.

    Raises
    ------
    InvalidInputError
        If the folder is not a run directory, or if the run predicts quantiles or several targets.
    """
    # A forecast is no measurement, and the seconds and losses on a part of the rows are not those of the table.
    results = _whole_trainings(r for r in RunDirectory(folder).read() if r.started)
    task = Task.open(folder)
    _check_prediction(task, folder)
    peaks: dict[Configuration, float] = {}
    for result in results:
        known = peaks.get(result.trial.configuration, 0.0)
        peaks[result.trial.configuration] = max(known, result.peak_memory)
    artifacts = Artifacts(folder)
    evaluations = RunHistory(results).evaluations
    # Everything is computed before the first write: a file of the run may be damaged, and writers wait for each other.
    about, qualities = record_task(task, name), compute_metafeatures(task.X, task.y, task.traits).values
    records = {c: record_evaluation(task, e, artifacts, peaks[c]) for c, e in evaluations.items()}
    with database.transaction():
        dataset = database.add_dataset(about)
        database.describe_dataset(dataset, qualities)
        for configuration, record in records.items():
            database.add_evaluation(dataset, configuration, record, evaluations[configuration].origin, provenance(task))
    return len(records)


def _check_prediction(task: Task, folder: Path) -> None:
    """Check that a meta-database can hold what a run predicts: classes, or numbers of one target."""
    kind = "quantiles" if task.traits.quantiles else "" if task.traits.targets is None else "several targets"
    if kind:
        raise InvalidInputError(
            f"the run in '{folder}' predicts {kind}; such runs cannot be added to a meta-database, which holds the "
            "results of runs that predict classes or numbers of one target"
        )


def _whole_trainings(results: Iterable[TrialResult]) -> list[TrialResult]:
    """Return the results of the whole fidelity, with the seconds of the earlier parts of their trainings."""
    whole: list[TrialResult] = []
    parts: dict[tuple[Configuration, int], list[FoldResult]] = {}
    for result in results:
        for number, fold in result.folds.items():
            key = result.trial.configuration, number
            parts[key] = [*parts.get(key, []), fold] if CONTINUED in fold.info else [fold]
        if result.trial.fidelity == 1:
            own = {number: parts[result.trial.configuration, number] for number in result.folds}
            whole.append(replace(result, folds={number: _added_up(folds) for number, folds in own.items()}))
    return whole


def _added_up(parts: Sequence[FoldResult]) -> FoldResult:
    """Return the last part of a training with the seconds of all parts."""
    if len(parts) == 1:
        return parts[0]
    last, info = parts[-1], parts[-1].info.copy()
    if "cpu_seconds" in info:
        info["cpu_seconds"] = sum(part.info.get("cpu_seconds", part.fit_seconds) for part in parts)
    return replace(last, fit_seconds=sum(part.fit_seconds for part in parts), info=info)


def _scores(task: Task, predictions: Mapping[int, NDArray[np.float32]]) -> dict[str, list[float]]:
    found = {}
    for name in METRICS[task.traits.task]:
        metric = make_metric(name, task.traits.task, task.metric.classes)
        found[name] = [
            -metric.loss(task.y[scored], predictions[fold], task.weights(scored)) if fold in predictions else math.nan
            for fold, (_, scored) in enumerate(task.folds)
        ]
    return found


def _sample(task: Task, parts: Mapping[int, NDArray[np.float32]]) -> bytes:
    shape = (len(task.y), task.traits.n_classes) if task.traits.n_classes else (len(task.y),)
    predictions = np.full(shape, np.nan, dtype=np.float32)
    for fold, p in parts.items():
        predictions[task.folds[fold][1]] = p
    kept = prediction_codec.choose_rows(len(task.y), _SEED)
    unit = _unit(task)
    return prediction_codec.encode(predictions[kept] / unit, task.y[kept] / unit, task.traits.is_classification)


def _unit(task: Task) -> float:
    """Return the unit of targets and predictions: the standard deviation of a regression's target, else 1."""
    return 1.0 if task.traits.is_classification else float(np.std(task.y)) or 1.0
