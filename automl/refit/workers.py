"""The workers that train the models of a fitted estimator anew."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from automl.ensemble.fitted_model import FittedModel
from automl.execute.base import Executor
from automl.execute.catalog import make_executor
from automl.search.user_space import known_components
from automl.task.task import Task
from automl.task.validation import python_number
from automl.trials.artifacts import Artifacts
from automl.trials.disk_space import disk_errors
from automl.trials.temporary_folder import temporary_folder

logger = logging.getLogger(__name__)

T = TypeVar("T")


@contextmanager
def open_workers(estimator: FittedModel, task: Task) -> Iterator[tuple[Executor, Artifacts]]:
    """Start the workers that the parameters of an estimator describe, on a task."""
    task = replace(task, own=known_components(estimator))
    with temporary_folder(task.table_bytes) as folder:
        with disk_errors(folder, is_temporary=True):
            task.save(folder)
        executor = make_executor(
            estimator.executor,
            folder,
            task,
            python_number(estimator.n_jobs),
            python_number(estimator.memory_limit),
            estimator.device,
        )
        try:
            yield executor, Artifacts(folder)
        finally:
            executor.shutdown()


def in_workers(estimator: FittedModel, task: Task, train: Callable[[Executor, Artifacts], T]) -> T:
    """Return what a function trains in workers; an interrupt while these end does it no harm."""
    trained: T | None = None
    try:
        with open_workers(estimator, task) as opened:
            trained = train(*opened)
    except KeyboardInterrupt:
        if trained is None:
            raise
        logger.warning("interrupted: temporary files may be left")
    assert trained is not None
    return trained
