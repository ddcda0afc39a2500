"""Uses OpenML's tasks as benchmark tables, and publishes finished runs as OpenML runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from automl.errors import InvalidInputError
from automl.meta.build import BenchmarkTable
from automl.persistence import library_versions
from automl.task.task import Task
from automl.task.validation import check_target
from automl.trials.artifacts import Artifacts
from automl.trials.history import Evaluation, RunHistory
from automl.trials.run_directory import RunDirectory
from automl.trials.trial import Status
from meta_db.exchange.client import OpenMLClient
from meta_db.exchange.task import TaskTable, publish


def as_benchmark_table(table: TaskTable) -> BenchmarkTable:
    """Return an OpenML task as a table for `automl.meta.build.build_database`, with the task's own splits."""
    return BenchmarkTable(
        table.name,
        Path(f"OpenML task {table.number}"),
        bool(table.class_labels),
        family=table.name,
        openml_id=table.dataset_id,
        data=(table.X, table.y),
        folds=table.folds,
    )


def find_best(folder: Path, table: TaskTable) -> tuple[Task, Evaluation]:
    """Return the task of a finished run on an OpenML task, and the best configuration that ran on all folds.

    Parameters
    ----------
    folder : Path
        Run directory: the argument `store` of the run.

    Raises
    ------
    InvalidInputError
        If the folder is not a run directory, or the run used other rows or other folds.
    """
    results = RunDirectory(folder).read()
    task = Task.open(folder)
    target, _ = check_target(table.y, table.X, classification=bool(table.class_labels))
    same_rows = len(task.y) == len(target) and np.allclose(task.y, target)
    same_folds = len(task.folds) == len(table.folds) and all(
        np.array_equal(our_rows, their_rows)
        for ours, theirs in zip(task.folds, table.folds, strict=True)
        for our_rows, their_rows in zip(ours, theirs, strict=True)  # training rows, then scored rows
    )
    if not (same_rows and same_folds):
        raise InvalidInputError(
            f"'{folder}' is not a run on the rows and splits of OpenML task {table.number}; fit on X and y of the"
            " table that meta_db.exchange.task.fetch_task returns, with its folds as the argument cv"
        )
    whole = [
        evaluation
        for evaluation in RunHistory(results).evaluations.values()
        if len(evaluation.folds) == len(task.folds) and evaluation.status is Status.OK
    ]
    if not whole:
        raise InvalidInputError(
            f"'{folder}' has no configuration that ran on all {len(task.folds)} folds; run more trials"
        )
    return task, min(whole, key=lambda e: float(np.mean([result.loss for result in e.folds.values()])))


def publish_best(client: OpenMLClient, folder: Path, table: TaskTable) -> int:
    """Upload the best configuration of a finished run, see `find_best`; return the number of the OpenML run."""
    task, best = find_best(folder, table)
    artifacts = Artifacts(folder)
    predictions = [artifacts.predictions(best.configuration, fold) for fold in range(len(task.folds))]
    classes = [] if task.metric.classes is None else list(task.metric.classes)
    return publish(client, table, best.configuration, predictions, classes, library_versions())
