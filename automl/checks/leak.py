"""A column that alone predicts the target as well as the ensemble does: it may be known only after the target.

All scores here are the share of the target's variance that predictions explain: of the indicators of the classes (the
skill score of Brier), or of the ranks of a regression target. So they do not depend on the metric of the search.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeRegressor

from automl.checks.predictions import RowPredictions
from automl.checks.warning import DataWarning, percent
from automl.task.task import Task
from pipelines.row_samples import spaced_rows
from pipelines.table.columns import Column

Array = NDArray[Any]

_MAX_ROWS = 5_000
_FEWEST_ROWS = 50
_MAX_CELLS = 300_000  # rows times columns of the first scores
_MAX_BINS = 64
_BIN_ROWS = 8  # least number of rows in a bin, on average
_PRIOR_ROWS = 1.0  # rows of the mean target that are added to each bin
_MAX_LEAKS = 3  # columns that follow from the target, such as a code and its name
_PROMISING = _MAX_LEAKS + 1  # columns that get a tree
_LEAST_COLUMNS = 3
_LEAST_SHARE = 0.85  # of the variance that a suspicious column explains
_TOLERANCE = 0.02
_GAP = 0.15  # between one of the best columns and the next best column
_LEAF_ROWS = 5
_FOLDS = 5


def check_leak(
    task: Task, columns: Sequence[Column], record: RowPredictions, deadline: float = float("inf")
) -> list[DataWarning]:
    """Return a warning if one column alone explains the target as well as the ensemble, and most others much worse.

    One or two other columns may come close, because leaks often come in groups: a code and its name, or a class and
    the number of the row in a table that is sorted by class. Where more columns come close, they are good predictors.

    Parameters
    ----------
    columns : sequence of Column
        The columns of the training table.
    deadline : float
        Time of `time.monotonic`, in seconds. After it no further column is scored, and there is no warning.
    """
    used = [column for column in columns if column.positions]
    if len(used) < _LEAST_COLUMNS or len(record.rows) < _FEWEST_ROWS:
        return []
    rows = _sample(task, record, len(used))
    target = indicators(record.y[rows], task.traits.n_classes)
    together = _ensemble_skill(target, record.predictions[rows])
    if together < _LEAST_SHARE:
        return []
    table = task.X[record.rows[rows]]
    table = table.tocsc() if sparse.issparse(table) else table
    alone = np.zeros(len(used))
    for i, column in enumerate(used):
        if time.monotonic() > deadline:
            return []
        alone[i] = max(_skill_of_bins(_cells(table, position), target) for position in column.positions)
    for i in np.argsort(-alone, kind="stable")[:_PROMISING]:
        if time.monotonic() > deadline:
            return []
        cells = np.column_stack([_cells(table, position) for position in used[i].positions])
        alone[i] = max(alone[i], _skill_of_tree(cells, target))
    order = np.argsort(-alone, kind="stable")
    n_leaks = _group_size(alone[order])
    if alone[order[0]] < max(_LEAST_SHARE, together - _TOLERANCE) or not n_leaks:
        return []
    name, *others = [used[i].name for i in order[:n_leaks]]
    message = (
        f"column {name!r} alone predicts the target as well as all columns together (it explains "
        f"{percent(alone[order[0]])} of its variance, the ensemble {percent(together)}, "
        + "".join(f"column {used[i].name!r} {percent(alone[i])}, " for i in order[1:n_leaks])
        + f"the next column {percent(max(0.0, alone[order[n_leaks]]))}); if the column is known only after the target, "
        f"scores are too good: columns={{{name!r}: 'drop'}} leaves it out"
    )
    if others:
        message += f"; check {' and '.join(f'column {other!r}' for other in others)}, too"
    return [DataWarning("leak", name, message, "high")]


def _group_size(scores: Array) -> int:
    """Return the number of columns before the first large gap, 0 where the best columns are no small group.

    Parameters
    ----------
    scores : ndarray of shape (n_columns,)
        Scores of single columns, the best first.
    """
    most = min(_MAX_LEAKS, (len(scores) - 1) // 2)
    return next((k for k in range(1, most + 1) if scores[k - 1] - scores[k] >= _GAP), 0)


def _sample(task: Task, record: RowPredictions, n_columns: int) -> Array:
    """Return the positions in the record of the rows that are used, see `spaced_rows`; not those of weight 0."""
    rows = np.arange(len(record.rows))
    weights = task.weights(record.rows.astype(np.intp))
    if weights is not None:
        rows = rows[weights > 0]
    return spaced_rows(rows, min(_MAX_ROWS, max(500, _MAX_CELLS // n_columns)), record.y)


def _cells(table: Any, position: int) -> Array:
    column = table[:, [position]].toarray()[:, 0] if sparse.issparse(table) else table[:, position]
    return np.asarray(column, dtype=np.float64)


def indicators(y: Array, n_classes: int) -> Array:
    """Return the target as columns of variance: one for each class, or the ranks; shape (n_samples, n_columns)."""
    if n_classes:
        return np.asarray(y[:, None] == np.arange(n_classes), dtype=np.float64)
    return np.asarray(pd.Series(y).rank(pct=True), dtype=np.float64)[:, None]


def _ensemble_skill(target: Array, predictions: Array) -> float:
    """Return the share of the variance that predictions explain, also after a calibration of their own."""
    if target.shape[1] == 1:
        return max(0.0, _skill_of_bins(predictions, target), _correlation(target[:, 0], predictions) ** 2)
    found = [_skill(target, predictions.astype(np.float64)), _skill_of_bins(predictions.argmax(axis=1), target)]
    if target.shape[1] == 2:
        found.append(_skill_of_bins(predictions[:, 1], target))
    return max(0.0, *found)


def _correlation(ranks: Array, predictions: Array) -> float:
    if predictions.min() == predictions.max():
        return 0.0
    return float(np.corrcoef(ranks, pd.Series(predictions).rank())[0, 1])


def _skill_of_bins(values: Array, target: Array) -> float:
    """Return the share of the variance that the mean targets of bins of a column explain, for rows of other halves.

    Columns of few values have a bin for each value; the others have bins of equally many rows. Missing cells have a bin
    of their own.
    """
    values = np.asarray(values, dtype=np.float64)
    present = values[~np.isnan(values)]
    if not len(present):
        return 0.0
    edges = np.unique(present)
    n_bins = int(np.clip(len(values) // _BIN_ROWS, 2, _MAX_BINS))
    if len(edges) > n_bins:
        edges = np.unique(np.quantile(present, np.linspace(0, 1, n_bins + 1)[1:-1], method="higher"))
    bins = np.searchsorted(edges, values, side="left")  # missing cells come after the last edge
    bins[np.isnan(values)] = len(edges) + 1
    half = np.arange(len(values)) % 2
    predicted = np.empty_like(target)
    for own in (0, 1):
        train, test = half != own, half == own
        counts = np.bincount(bins[train], minlength=len(edges) + 2) + _PRIOR_ROWS
        mean = target[train].mean(axis=0)
        for k in range(target.shape[1]):
            sums = np.bincount(bins[train], weights=target[train, k], minlength=len(edges) + 2)
            predicted[test, k] = ((sums + _PRIOR_ROWS * mean[k]) / counts)[bins[test]]
    return _skill(target, predicted)


def _skill_of_tree(values: Array, target: Array) -> float:
    """Return the share of the variance that a tree of some columns explains on rows that it was not trained on."""
    model = DecisionTreeRegressor(min_samples_leaf=_LEAF_ROWS, random_state=0)
    folds = KFold(_FOLDS, shuffle=True, random_state=0)
    predicted = cross_val_predict(model, values, target if target.shape[1] > 1 else target[:, 0], cv=folds)
    return _skill(target, np.asarray(predicted).reshape(target.shape))


def _skill(target: Array, predicted: Array) -> float:
    total = float(((target - target.mean(axis=0)) ** 2).sum())
    return 0.0 if total <= 0 else 1.0 - float(((target - predicted) ** 2).sum()) / total
