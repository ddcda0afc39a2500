"""Partial dependence of the prediction on a raw column, through the whole estimator.

The cells of the column are replaced by one value in all rows, and the predictions are averaged (Friedman, 2001, "Greedy
function approximation", section 8.2). The predictions of single rows are the curves of individual conditional
expectation (Goldstein et al., 2015, "Peeking inside the black box").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from automl.ensemble.fitted_model import FittedModel
from automl.errors import InvalidInputError
from automl.explain.parts import check_count, check_seed, column_number, predict_shown, require_rows, rows_per_call
from automl.task.table_validation import check_table
from automl.task.unread_cells import read_rows
from pipelines.table.columns import Column

Array = NDArray[Any]

_ENDS = (0.01, 0.99)  # quantiles of the column between which the values are
_OTHER = "(other)"  # the shared code of rare levels


@dataclass(frozen=True)
class PartialDependence:
    """The predictions for each value of a column.

    Attributes
    ----------
    column : hashable
        Name of the column.
    kind : str
        Kind of the column, see the attribute `columns_`.
    values : ndarray of shape (n_values,)
        Numbers, dates (datetime64) or, for categories, names of levels.
    individual : ndarray of shape (n_rows, n_values) or (n_rows, n_values, n_classes)
        Predictions for single rows.
    cells : ndarray of shape (n_known,)
        Values of the column in the rows, to show where there are data: numbers, dates or names of levels.
    """

    column: Any
    kind: str
    values: Array
    individual: Array
    cells: Array

    @property
    def average(self) -> Array:
        """The mean over the rows, shape (n_values,) or (n_values, n_classes)."""
        return np.asarray(self.individual.mean(axis=0))


def partial_dependence(
    estimator: FittedModel,
    column: Any,
    X: Any = None,
    n_rows: int = 100,
    n_values: int = 20,
    random_state: int | None = 0,
) -> PartialDependence:
    """Return the partial dependence of the prediction on a raw column.

    Parameters
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
        A fitted estimator.
    column : hashable
        Name of the column.
    X : table, optional
        Rows whose other cells are kept; by default some of the training rows that the estimator has kept.
    n_rows : int
        Largest number of rows, drawn at random.
    n_values : int
        Largest number of values; of a category, the most frequent levels.

    Raises
    ------
    InvalidInputError
        If there are no rows, or if the column does not exist, is not used or holds texts.
    """
    n_rows, n_values, seed = check_count("n_rows", n_rows), check_count("n_values", n_values), check_seed(random_state)
    described: Column = estimator._reader.columns_[column_number(estimator, column)]
    if not described.positions:
        raise InvalidInputError(f"column {column!r} is not used by the models ({described.reason})")
    if described.kind == "text":
        raise InvalidInputError(f"column {column!r} holds texts, which have no order; choose another column")
    if X is None:
        kept = require_rows(estimator)
        table = kept.X if kept.sample_weight is None else kept.X[kept.sample_weight > 0]
    else:
        table = read_rows(estimator._reader, check_table(X))
    positions = list(described.positions)
    own = _own_cells(table, positions)
    key, donors = _choose_values(described, own, n_values)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(table.shape[0], min(n_rows, table.shape[0]), replace=False))
    individual = _predict_each(estimator._ensemble, table[rows], positions, own[donors])
    values = _as_cells(described, key[donors])
    return PartialDependence(column, described.kind, values, individual, _as_cells(described, key[~np.isnan(key)]))


def _own_cells(table: Any, positions: Sequence[int]) -> Array:
    """Return the output columns of one raw column, shape (n_samples, n_positions)."""
    own = table[:, positions]
    return np.asarray(own.toarray() if sparse.issparse(own) else own, dtype=np.float64)


def _choose_values(column: Column, own: Array, n_values: int) -> tuple[Array, NDArray[np.intp]]:
    """Return the one number for each row that orders the values, and the rows that hold the chosen values."""
    suffixes = column.reader.suffixes
    key = own[:, suffixes.index("_elapsed") if "_elapsed" in suffixes else 0]
    known = np.flatnonzero(~np.isnan(key))
    if not len(known):
        raise InvalidInputError(f"column {column.name!r} has no value in these rows")
    distinct, first, counts = np.unique(key[known], return_index=True, return_counts=True)
    if column.kind in ("category", "boolean") or len(distinct) <= n_values:
        frequent = np.sort(np.argsort(-counts, kind="stable")[:n_values])
        return key, known[first[frequent]]
    low, high = np.quantile(key[known], _ENDS)
    wanted = np.linspace(low, high, n_values) if column.kind != "number" else _spread(key[known], low, high, n_values)
    nearest = np.abs(distinct[:, None] - wanted[None]).argmin(axis=0)
    return key, known[first[np.unique(nearest)]]


def _spread(values: Array, low: float, high: float, n_values: int) -> Array:
    """Return values that are half quantiles and half at equal distances: rows may be dense in a small range."""
    n = n_values // 2
    quantiles = np.quantile(values, np.linspace(*_ENDS, n_values - n))
    return np.concatenate([quantiles, np.linspace(low, high, n)])


def _predict_each(ensemble: Any, table: Any, positions: Sequence[int], values: Array) -> Array:
    """Return the predictions of each row with each value: (n_rows, n_values) or (n_rows, n_values, n_classes)."""
    n_rows, width = table.shape
    size = max(1, rows_per_call(width) // n_rows)
    outputs = []
    for start in range(0, len(values), size):
        tables = [_replaced(table, positions, own) for own in values[start : start + size]]
        stacked = sparse.vstack(tables).tocsr() if sparse.issparse(table) else np.concatenate(tables)
        predictions = predict_shown(ensemble, stacked)
        outputs.append(predictions.reshape(len(tables), n_rows, *predictions.shape[1:]))
    return np.swapaxes(np.concatenate(outputs), 0, 1)


def _replaced(table: Any, positions: Sequence[int], own: Array) -> Any:
    """Return a copy of a table with the same cells of one raw column in each row."""
    if not sparse.issparse(table):
        changed = np.array(table)
        changed[:, positions] = own
        return changed
    columns = table.tolil()
    columns[:, positions] = np.tile(own, (table.shape[0], 1))
    return columns.tocsr()


def _as_cells(column: Column, key: Array) -> Array:
    """Return values of the table reader in the form of the raw column: dates, names of levels, or numbers."""
    reader = column.reader
    if column.kind == "category":
        names = [*reader.levels, _OTHER]
        return np.array([names[int(code)] for code in key], dtype=object)
    if column.kind == "boolean":
        return np.array(["true" if value else "false" for value in key], dtype=object)
    if column.kind == "date" and "_elapsed" in reader.suffixes:
        start = pd.Timestamp(reader.first, unit="us").to_datetime64().astype("M8[us]")
        return np.asarray(start + (key * 86_400e6).astype("m8[us]"))
    return key
