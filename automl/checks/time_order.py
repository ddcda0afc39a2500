"""Rows in the order of time that drift: shuffled folds then give scores that do not hold for later rows."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse, special

from automl.checks.warning import DataWarning, list_names, percent
from automl.task.task import Task
from pipelines.table.columns import Column, DateReader

Array = NDArray[Any]

TIME_NAME = re.compile(
    r"(.*[_\W])?(date|datetime|day|days|hour|month|period|quarter|time|timestamp|week|year)([_\W].*)?$", re.IGNORECASE
)
_LEAST_ROWS = 100
_MAX_ROWS = 4_000  # evenly spaced rows that the order and the drift of the columns are judged on
_MAX_COLUMNS = 200  # whose drift is measured
_BLOCKS = 20  # of consecutive rows
_ORDERED_SHARE = 0.95  # of the steps between different values of a column in the order of the rows
_LEAST_STEPS = 10  # between different values of such a column
_TARGET_DRIFT = 0.02  # share of the variance that blocks explain, where a column gives the time
_COLUMN_DRIFT = 0.1
_HIGH_DRIFT = 0.1
_MAX_P = 1e-6
_SHOWN = 3


@dataclass(frozen=True)
class Drift:
    """How much the block of consecutive rows says about a value.

    Attributes
    ----------
    share : float
        Share of the variance that the blocks explain beyond chance.
    p : float
        Probability of so much by chance.
    """

    share: float
    p: float

    def is_clear(self, least: float) -> bool:
        """Return whether the drift is large, and chance does not explain it."""
        return self.share >= least and self.p < _MAX_P


def check_time_order(task: Task, columns: Sequence[Column]) -> list[DataWarning]:
    """Return a warning if the rows are in the order of a column with dates or times, and the target or columns drift.

    There is no warning where the user has named groups, times, or folds in the order of time.
    """
    if task.groups is not None or task.in_time_order or len(task.y) < _LEAST_ROWS or sparse.issparse(task.X):
        return []
    rows = np.unique(np.linspace(0, len(task.y) - 1, min(len(task.y), _MAX_ROWS)).astype(np.intp))
    times = {column.name: at for column in columns if (at := _time_position(column)) is not None}
    ordered = [name for name, at in times.items() if _is_ordered(task.X[rows, at])]
    if not ordered:
        return []
    drift = _measure_drift(_target_columns(task))
    parts = [column for column in columns if column.name not in times and len(column.positions) == 1][:_MAX_COLUMNS]
    moved = {column.name: _column_drift(task.X[rows, column.positions[0]]) for column in parts}
    names: list[Hashable] = sorted(
        (name for name, each in moved.items() if each.is_clear(_COLUMN_DRIFT)), key=lambda name: -moved[name].share
    )
    target_drifts = drift.is_clear(_TARGET_DRIFT)
    if not target_drifts and not names:
        return []
    changes = [f"the target (the time explains {percent(drift.share)} of its variance)"] if target_drifts else []
    if names:
        listed = list_names([repr(name) for name in names], _SHOWN, "column")
        changes.append(f"column{'s' if len(names) > 1 else ''} {listed}")
    severity = "high" if drift.is_clear(_HIGH_DRIFT) else "medium" if target_drifts else "low"
    message = (
        f"the rows are in the order of column {ordered[0]!r}, and drift with it: {', '.join(changes)}; if the model "
        f"must predict later rows, pass time={ordered[0]!r} to fit, because scores of shuffled folds are too good"
    )
    return [DataWarning("time_order", ordered[0], message, severity)]


def _time_position(column: Column) -> int | None:
    """Return the position of the values that order the rows by time; None for a column without time."""
    if isinstance(column.reader, DateReader):
        return column.positions[-1] if column.reader.suffixes[-1] == "_elapsed" else None
    named = isinstance(column.name, str) and TIME_NAME.match(column.name)
    return column.positions[0] if named and column.kind == "number" else None


def _is_ordered(values: Array) -> bool:
    """Return whether almost all steps between different consecutive values go in one direction."""
    present = values[~np.isnan(values)]
    steps = np.diff(present)
    n_up, n_down = int((steps > 0).sum()), int((steps < 0).sum())
    return n_up + n_down >= _LEAST_STEPS and max(n_up, n_down) >= _ORDERED_SHARE * (n_up + n_down)


def _target_columns(task: Task) -> Array:
    """Return the target, or all targets, as columns; see `_indicators`."""
    layout = task.traits.targets
    if layout is None:
        return _indicators(task.y, task.traits.n_classes)
    return np.hstack([_indicators(task.y[:, j], layout.classes_of(j)) for j in range(layout.n_targets)])


def _indicators(y: Array, n_classes: int) -> Array:
    """Return the target as columns: one for each class, or the ranks of the values; shape (n_samples, n_columns)."""
    if n_classes:
        return np.asarray(y[:, None] == np.arange(n_classes), dtype=np.float64)
    return _ranks(y)


def _ranks(values: Array) -> Array:
    return np.asarray(pd.Series(values).rank(), dtype=np.float64)[:, None]


def _column_drift(values: Array) -> Drift:
    """Return the drift of the present cells of a column."""
    present = values[~np.isnan(values)]
    if len(present) < _LEAST_ROWS or present.min() == present.max():
        return Drift(0.0, 1.0)
    return _measure_drift(_ranks(present))


def _measure_drift(values: Array) -> Drift:
    """Return how much blocks of consecutive rows explain, by the F test of one-way analysis of variance.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Sums of squares are added over the columns.
    """
    n, k = len(values), _BLOCKS
    block = np.arange(n) * k // n
    counts = np.bincount(block, minlength=k)
    sums = np.column_stack([np.bincount(block, weights=column, minlength=k) for column in values.T])
    centered = sums / counts[:, None] - values.mean(axis=0)
    between = float((counts[:, None] * centered**2).sum())
    total = float(((values - values.mean(axis=0)) ** 2).sum())
    if total <= 0:
        return Drift(0.0, 1.0)
    within = max(total - between, 1e-12 * total) / (n - k)
    width = max(1, values.shape[1] - 1)
    p = float(special.fdtrc((k - 1) * width, (n - k) * width, between / (k - 1) / within))
    return Drift(max(0.0, (between - (k - 1) * within) / total), p)
