"""Conversion of tables of any type to one of three types: data frame, real array, CSR matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from pipelines.component import LARGEST
from pipelines.table.cells import Floats, TableError
from pipelines.table.frames import own_arrow_series, to_frame

_ROWS_AT_ONCE = 8_192


@dataclass(frozen=True)
class RawTable:
    """A table of one of three types, and the facts that its original type holds about its columns.

    Attributes
    ----------
    values : DataFrame, real ndarray or CSR matrix of shape (n_rows, n_columns)
    labels : list
        Column names, or positions where columns had no names.
    named : bool
        Whether columns had names.
    all_text : bool
        Whether the table was an array of texts, so that its numbers are texts, too.
    """

    values: Any
    labels: list[Any]
    named: bool = False
    all_text: bool = False


def as_table(X: Any) -> RawTable:
    """Return a table of any type as a `RawTable`, without changing the table.

    Raises
    ------
    TableError
        If the table does not have two dimensions, has no cell, or holds complex numbers.
    """
    table = _convert(X)
    shape = table.values.shape
    for count, name in zip(shape, ("sample", "feature"), strict=True):
        if count == 0:
            raise TableError(f"Found array with 0 {name}(s) (shape={shape}) while a minimum of 1 is required.")
    return table


def _convert(X: Any) -> RawTable:
    X = to_frame(X)
    if isinstance(X, pd.DataFrame):
        all_sparse = X.shape[1] > 0 and all(isinstance(d, pd.SparseDtype) and d.fill_value == 0 for d in X.dtypes)
        values = finite_csr(X.sparse.to_coo()) if all_sparse else X  # type: ignore[attr-defined]
        # NaN is not equal to itself, so that such a column could not be found again by its name.
        names: list[Any] = [None if isinstance(n, float) and np.isnan(n) else n for n in X.columns]
        return RawTable(values, names, named=True)
    array = finite_csr(X) if sparse.issparse(X) else to_array(X)
    if array.ndim != 2:
        raise TableError(
            f"Expected 2D array, got {array.ndim}D array instead. Reshape your data: X needs rows and columns"
        )
    labels, kind = list(range(array.shape[1])), array.dtype.kind
    if kind == "c":
        raise TableError("Complex data not supported; pass real and imaginary parts as columns of their own")
    if kind in "iufb":
        return RawTable(array, labels)
    if kind == "S":
        array = np.char.decode(array, "utf-8", "replace")  # as `level_text` reads a cell of bytes
    is_text = array.dtype.kind == "U"
    values = array.astype(object) if is_text else array
    return RawTable(pd.DataFrame(values, dtype=values.dtype), labels, all_text=is_text)


def finite_csr(X: Any) -> Any:
    """Return a copy of a sparse or dense table as a CSR matrix, with its numbers clipped to `LARGEST`.

    Raises
    ------
    TableError
        If a cell is missing, infinite or complex.
    """
    if X.dtype.kind == "c":
        raise TableError("Complex data not supported; pass real and imaginary parts as columns of their own")
    table = sparse.csr_matrix(X, dtype=np.float64, copy=True)
    if not np.isfinite(table.data).all():
        raise TableError("the sparse table holds missing or infinite values; fill them, or pass the table dense")
    np.clip(table.data, -LARGEST, LARGEST, out=table.data)
    return table


def to_array(X: Any) -> NDArray[Any]:
    """Return a NumPy array whose cells keep their types where the types are mixed; masked cells are missing cells.

    Raises
    ------
    TableError
        If rows differ in length or cells hold lists.
    """
    try:
        array = np.asarray(without_mask(X))
        if array.dtype.kind in "US" and isinstance(X, list | tuple):
            # NumPy would convert the numbers of mixed rows to texts.
            array = np.asarray(X, dtype=object)
    except ValueError as error:
        raise TableError("X is no table: its rows differ in length, or its cells hold lists") from error
    return array


def without_mask(X: Any) -> Any:
    """Return a masked array as a plain array in which masked cells are NaN, NaT or None.

    The fill value of a masked array must not be learned. A value of another type is returned unchanged.
    """
    if isinstance(X, list | tuple) and len(X) and isinstance(X[0], np.ma.MaskedArray) and X[0].ndim == 1:
        X = np.ma.stack(X)
    if not isinstance(X, np.ma.MaskedArray):
        return X
    mask = np.ma.getmaskarray(X)
    if not mask.any():
        return np.asarray(X.data)
    kind = X.dtype.kind
    if kind in "iuf":
        return np.where(mask, np.nan, X.data.astype(np.float64))
    values = X.data.copy() if kind in "mMc" else X.data.astype(object)
    values[mask] = {"m": np.timedelta64("NaT"), "M": np.datetime64("NaT"), "c": np.nan}.get(kind)
    return values


def is_numeric(table: Any) -> NDArray[np.bool_]:
    """Return which columns have a numeric NumPy dtype, so that their cells need no inspection."""
    if isinstance(table, np.ndarray):
        return np.full(table.shape[1], table.dtype.kind in "iuf")
    known: dict[int, bool] = {}  # a frame of thousands of columns has few dtypes
    found = []
    for dtype in table.dtypes.to_numpy():
        if id(dtype) not in known:
            known[id(dtype)] = isinstance(dtype, np.dtype) and dtype.kind in "iuf"
        found.append(known[id(dtype)])
    return np.array(found, dtype=bool)


def numeric_block(table: Any, columns: NDArray[np.intp]) -> Floats:
    """Return numeric columns as a new float array of shape (n_rows, len(columns))."""
    if isinstance(table, np.ndarray):
        return table[:, columns].astype(np.float64)
    everything = len(columns) == table.shape[1] and bool((columns == np.arange(len(columns))).all())
    values = (table if everything else table.iloc[:, columns]).to_numpy()
    block = np.empty(values.shape)
    for start in range(0, len(values), _ROWS_AT_ONCE):  # a frame holds columns, and the cache holds a part of them
        block[start : start + _ROWS_AT_ONCE] = values[start : start + _ROWS_AT_ONCE]
    return block


def column_series(table: Any, position: int) -> pd.Series:
    """Return one column with a dtype that the readers of `pipelines.table.columns` support."""
    if isinstance(table, np.ndarray):
        return pd.Series(table[:, position], name=position)
    column = table.iloc[:, position]
    dtype = column.dtype
    if isinstance(dtype, pd.SparseDtype):
        return pd.Series(np.asarray(column), name=column.name)
    if isinstance(dtype, pd.ArrowDtype):
        return own_arrow_series(column)
    return column
