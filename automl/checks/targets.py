"""The checks of several targets: each target is checked like the target of a task of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from automl.checks.predictions import RowPredictions
from automl.checks.warning import DataWarning
from automl.task.task import Task


def with_row_codes(task: Task) -> Task:
    """Return the task with one number in place of several targets: rows with equal targets have the same number."""
    codes = np.unique(task.y, axis=0, return_inverse=True)[1].ravel()
    return replace(task, y=codes, traits=replace(task.traits, targets=None))


def _single_targets(
    task: Task, record: RowPredictions | None = None
) -> Iterator[tuple[str, Task, RowPredictions | None]]:
    """Yield the name of each of several targets, its task, and the predictions for it."""
    layout = task.traits.targets
    assert layout is not None
    blocks = [None] * layout.n_targets if record is None else layout.blocks(record.predictions)
    for j, (name, block) in enumerate(zip(layout.names, blocks, strict=True)):
        own = None if record is None or block is None else replace(record, y=record.y[:, j], predictions=block)
        yield name, replace(task, y=task.y[:, j], traits=task.traits.of_target(j)), own


def of_targets(
    task: Task, record: RowPredictions | None, check: Callable[[int, Task, RowPredictions | None], list[DataWarning]]
) -> list[DataWarning]:
    """Return the warnings of a check of each target; their messages name the target.

    Parameters
    ----------
    check : callable
        Takes the number of a target, its task, and the predictions for it.
    """
    return [
        replace(warning, message=f"target {name!r}: {warning.message}")
        for j, (name, one, own) in enumerate(_single_targets(task, record))
        for warning in check(j, one, own)
    ]
