"""A sample of the rows and columns of a table, so that a large table costs no more than a medium one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pipelines.component import TableTraits
from pipelines.row_samples import with_each_class

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

MOST_CELLS = 500_000
MOST_COLUMNS = 1_000
ROWS_OF_CLASS = 10  # least number of rows of a class in a sample of a large table, if the class has as many


@dataclass(frozen=True)
class TableSample:
    """Some rows and columns of a table as a dense array, with the traits of the whole table.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Category columns hold codes; missing cells are NaN.
    y : ndarray of shape (n_rows,)
        Class codes, or floats for regression.
    categorical : ndarray of bool of shape (n_columns,)
        True for the category columns of the sample.
    target : ndarray
        Target of all rows of the table.
    traits : TableTraits
        Traits of the whole table.
    """

    X: Array
    y: NDArray[Any]
    categorical: NDArray[np.bool_]
    target: NDArray[Any]
    traits: TableTraits


def draw(X: Any, y: Any, traits: TableTraits, rng: np.random.Generator) -> TableSample:
    """Return a sample of a table; the whole table if it has at most `MOST_CELLS` cells and `MOST_COLUMNS` columns.

    Rows and columns keep their order. Each class has some rows in the sample.
    """
    n_rows, n_columns = X.shape
    target = np.asarray(y)
    columns = _some(n_columns, MOST_COLUMNS, rng)
    rows = _some(n_rows, MOST_CELLS // len(columns), rng)
    if len(rows) < n_rows and traits.is_classification:
        rows = np.sort(with_each_class(rows, n_rows, target, rng, ROWS_OF_CLASS))
    part = X
    if len(rows) < n_rows:
        part = part[rows]
    if len(columns) < n_columns:
        part = part[:, columns]
    dense = part.toarray() if sparse.issparse(part) else np.asarray(part, dtype=np.float64)
    categorical = np.zeros(n_columns, dtype=bool)
    categorical[list(traits.categorical)] = True
    return TableSample(dense, target[rows], categorical[columns], target, traits)


def _some(n: int, most: int, rng: np.random.Generator) -> Codes:
    """Return up to `most` of the positions 0 to n - 1, in ascending order."""
    return np.arange(n) if n <= most else np.sort(rng.choice(n, most, replace=False, shuffle=False))
