"""The sketch of each column of the training table, which a model keeps in place of rows.

A sketch holds no row, and no cell of a number or a date: its edges lie between the cells, with about `_BIN_ROWS`
rows or more between two edges, and its range is rounded outward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from automl.refit.rows import TrainingRows
from pipelines.table.columns import CategoryReader, Column

Array = NDArray[Any]

MAX_EDGES = 64
_BIN_ROWS = 10
_MAX_LEVELS = 256
_MOST_CELLS = 5_000_000  # of the training rows that are read; more rows change a sketch little
_LEAST_ROWS = 5_000
_MOST_ROWS = 100_000
_RANGE_STEPS = 100  # of the rounded range


@dataclass(frozen=True)
class ColumnSketch:
    """What a model keeps of the cells of one column.

    Attributes
    ----------
    n_missing : int
        Number of training rows without a value.
    counts : ndarray of int
        Of numbers: the rows with a value at or below each edge. Of categories: the rows of each level, in the order of
        the codes; 0 for a level with few rows.
    edges : ndarray of float or None
        Numbers between the cells, in ascending order; None for categories.
    low, high : float
        Range of the numbers, rounded outward.
    n_rare : int
        Rows of the levels with few rows together.
    """

    n_missing: int
    counts: NDArray[np.int64]
    edges: NDArray[np.float64] | None = None
    low: float = np.nan
    high: float = np.nan
    n_rare: int = 0


@dataclass(frozen=True)
class TableSketch:
    """The sketches of the used columns of a table.

    Attributes
    ----------
    n_rows : int
        Number of training rows that the sketches describe.
    columns : tuple of ColumnSketch or None
        One for each column of the training table; None for a column that the model does not use.
    """

    n_rows: int
    columns: tuple[ColumnSketch | None, ...]


def sketch_table(columns: Sequence[Column], rows: TrainingRows) -> TableSketch:
    """Return the sketches of the columns of a table.

    Parameters
    ----------
    columns : sequence of Column
        Descriptions of the columns by the table reader.
    rows : TrainingRows
        The rows, as the table reader has read them. Of many rows, some are drawn.
    """
    X = rows.X
    n_rows = int(min(X.shape[0], _MOST_ROWS, max(_LEAST_ROWS, _MOST_CELLS // max(1, X.shape[1]))))
    if n_rows < X.shape[0]:
        X = X[np.sort(np.random.default_rng(0).choice(X.shape[0], n_rows, replace=False))]
    if sparse.issparse(X):
        X = X.tocsc()
    sketches = [None if at is None else _sketch_column(column, _cells(X, at)) for column, at in places(columns)]
    return TableSketch(n_rows, tuple(sketches))


def places(columns: Sequence[Column]) -> list[tuple[Column, int | None]]:
    """Return each column with the position of its main output: the number, the code, the day, the hour or the length.

    The position is None for a column that the model does not use.
    """
    return [(column, column.positions[main_output(column)] if column.positions else None) for column in columns]


def main_output(column: Column) -> int:
    """Return which output of a column stands for it: dates are compared by their days, other columns by their first."""
    suffixes = list(column.reader.suffixes)
    return suffixes.index("_elapsed") if "_elapsed" in suffixes else 0


def is_category(column: Column) -> bool:
    """Return whether the main output of a column is the code of a level."""
    return isinstance(column.reader, CategoryReader) or column.kind == "boolean"


def n_codes(column: Column) -> int:
    """Return the number of codes of a column of categories or booleans."""
    return int(column.reader.cardinality) if isinstance(column.reader, CategoryReader) else 2


def _sketch_column(column: Column, values: Array) -> ColumnSketch:
    """Return the sketch of the main output of a column, shape (n_rows,); NaN where a cell is missing."""
    known = values[~np.isnan(values)]
    n_missing = len(values) - len(known)
    if is_category(column):
        counts = np.bincount(known.astype(np.int64), minlength=n_codes(column))
        few = counts < _BIN_ROWS
        if len(counts) > _MAX_LEVELS:
            few[np.argsort(-counts, kind="stable")[_MAX_LEVELS:]] = True
        return ColumnSketch(n_missing, np.where(few, 0, counts), n_rare=int(counts[few].sum()))
    known = np.sort(known)
    edges = _edges(known)
    low, high = _rounded_range(known)
    return ColumnSketch(n_missing, np.searchsorted(known, edges, side="right"), edges, low, high)


def _edges(known: Array) -> NDArray[np.float64]:
    """Return numbers between sorted cells, so that about equally many cells lie between two of them."""
    n_edges = min(MAX_EDGES, len(known) // _BIN_ROWS - 1)
    if n_edges < 1:
        return np.empty(0)
    at = np.round(np.arange(1, n_edges + 1) * len(known) / (n_edges + 1)).astype(np.intp) - 1
    following = np.searchsorted(known, known[at], side="right")  # the next greater cell
    at = np.unique(following[following < len(known)])
    return np.unique((known[at - 1] + known[at]) / 2)


def _rounded_range(known: Array) -> tuple[float, float]:
    if not len(known):
        return np.nan, np.nan
    low, high = float(known[0]), float(known[-1])
    if low == high:
        return low, high
    step = 10.0 ** np.ceil(np.log10((high - low) / _RANGE_STEPS))
    return float(np.floor(low / step) * step), float(np.ceil(high / step) * step)


def _cells(X: Any, at: int) -> Array:
    column = X[:, [at]].toarray().ravel() if sparse.issparse(X) else X[:, at]
    return np.asarray(column, dtype=np.float64)
