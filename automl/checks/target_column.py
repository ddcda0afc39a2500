"""Columns that repeat the target, mostly because the table still holds the column of the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from automl.checks.warning import DataWarning
from automl.task.task import Task
from pipelines.row_samples import spaced_rows
from pipelines.table.columns import Column

Array = NDArray[Any]

_FEWEST_ROWS = 20
_MAX_CELLS = 300_000  # rows times columns of the sample that excludes most columns
_SAMPLE = 1_000  # rows of that sample


def check_target_columns(task: Task, columns: Sequence[Column], target: str | None) -> list[DataWarning]:
    """Return a warning for each column that repeats the target in all rows; rows of weight 0 do not count.

    A column repeats classes if each class has one value, and no other class has it. It repeats numbers if it holds the
    same numbers; with the name of the target, it may also be on another scale, such as that of a logarithm.

    Parameters
    ----------
    target : str or None
        Name of the target, where it has one.
    """
    rows = task.counted_rows
    if len(rows) < _FEWEST_ROWS:
        return []
    n_kept = min(len(rows), _SAMPLE, max(_FEWEST_ROWS, _MAX_CELLS // task.X.shape[1]))
    sample = spaced_rows(rows, n_kept, task.y)
    part = task.X[sample]
    part = part.toarray() if sparse.issparse(part) else part
    found = []
    for column in columns:
        if len(column.positions) != 1:
            continue
        position, named = column.positions[0], column.name == target
        if not _repeats(part[:, position], task, sample, named) or not _repeats(
            _cells(task.X, rows, position), task, rows, named
        ):
            continue
        message = (
            f"column {column.name!r} repeats the target in each row, so that scores say nothing about new rows; "
            f"columns={{{column.name!r}: 'drop'}} leaves it out"
        )
        found.append(DataWarning("target_column", column.name, message, "high"))
    return found


def _cells(X: Any, rows: NDArray[np.intp], position: int) -> Array:
    column = X[:, [position]].toarray()[:, 0] if sparse.issparse(X) else X[:, position]
    return np.asarray(column[rows])


def _repeats(cells: Array, task: Task, rows: NDArray[np.intp], named: bool) -> bool:
    """Return whether cells of a column repeat the target in some rows; `named` says that it has the target's name."""
    y = task.y[rows]
    if not task.traits.n_classes:
        return bool((cells == y).all()) or (named and _is_monotonic(cells, y))
    order = np.argsort(y, kind="stable")
    starts = np.flatnonzero(np.diff(y[order], prepend=-1))
    low, high = (extreme.reduceat(cells[order], starts) for extreme in (np.minimum, np.maximum))
    return bool((low == high).all()) and len(np.unique(low)) == len(starts) > 1


def _is_monotonic(cells: Array, y: Array) -> bool:
    """Return whether the target always rises, or always falls, while the values of a column rise."""
    if np.isnan(cells).any():
        return False
    steps = np.diff(y[np.argsort(cells, kind="stable")])
    return len(np.unique(cells)) > _FEWEST_ROWS and bool((steps >= 0).all() or (steps <= 0).all())
