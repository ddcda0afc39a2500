"""Frames of other libraries: their columns are taken one by one, by way of Arrow, which shares memory where it can."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd
from scipy import sparse

from pipelines.table.cells import TableError

if TYPE_CHECKING:
    import pyarrow as pa

_OWN = (pd.DataFrame, pd.Series, pd.Index, np.ndarray, np.generic, list, tuple, dict, str, int, float)


def to_frame(X: Any) -> Any:
    """Return a frame of another library as a DataFrame of the same columns; an object of another kind is unchanged.

    The frames of pyarrow and all eager frames that narwhals supports are read, such as those of polars.

    Raises
    ------
    TableError
        If the frame is lazy.
    """
    if isinstance(X, _OWN) or X is None or sparse.issparse(X):
        return X
    if _is_arrow(X):
        return _from_arrow(X)
    frame = nw.from_native(X, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        kind = f"{type(X).__module__.split('.')[0]}.{type(X).__name__}"
        raise TableError(f"X is a lazy frame ({kind}), which holds no rows yet; pass X.collect()")
    if isinstance(frame, nw.DataFrame):
        native = frame.to_native()
        if isinstance(native, pd.DataFrame):
            return native
        if _is_arrow(native):
            return _from_arrow(native)
        return _assemble(frame.columns, [_series(frame.get_column(name)) for name in frame.columns])
    return X.to_pandas() if hasattr(X, "to_pandas") and not hasattr(X, "__array__") else X


def to_series(values: Any) -> Any:
    """Return a column of another library as a Series; an object of another kind is unchanged.

    Raises
    ------
    TableError
        If the column belongs to a lazy frame.
    """
    if isinstance(values, pd.Series) and isinstance(values.dtype, pd.ArrowDtype):
        return own_arrow_series(values)
    if isinstance(values, _OWN) or values is None or sparse.issparse(values):
        return values
    if _is_arrow(values):
        return arrow_series(values) if not hasattr(values, "column_names") else _from_arrow(values)
    column = nw.from_native(values, pass_through=True, allow_series=True)
    if isinstance(column, nw.Series):
        native = column.to_native()
        if isinstance(native, pd.Series):
            return native
        return _series(column).rename(column.name or None)  # polars has an empty name where a column has none
    return to_frame(values)


def arrow_series(column: pa.ChunkedArray | pa.Array) -> pd.Series:
    """Return a column of Arrow as a Series with a dtype that the readers of `pipelines.table.columns` support.

    Numbers, booleans, times and durations get NumPy's dtype, dictionaries become categories, and decimals, times of
    day and booleans with missing cells become objects.
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_null(kind):
        return pd.Series(np.full(len(column), None, dtype=object))
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("ms"))  # pandas would make an object of each cell
    return pd.Series(column.to_pandas())


def own_arrow_series(column: pd.Series) -> pd.Series:
    """Return a Series of pandas with a dtype of Arrow as `arrow_series` does, with its index and its name."""
    stored = column.array.__arrow_array__()
    return pd.Series(arrow_series(stored).array, index=column.index, name=column.name)


def _series(column: Any) -> pd.Series:
    """Return a column of narwhals as a Series."""
    if column.implementation.is_pandas_like():
        return pd.Series(column.to_pandas())
    if column.dtype in (nw.Int128, nw.UInt128):  # Arrow has no such numbers
        column = column.cast(nw.Float64)
    if column.dtype == nw.Object:
        return pd.Series(column.to_list(), dtype=object)
    return arrow_series(column.to_arrow())


def _from_arrow(table: Any) -> pd.DataFrame:
    """Return a table or a record batch of Arrow as a DataFrame.

    An index that pandas has stored as a column is no column of the table.
    """
    labels: list[Hashable] = list(table.schema.names)
    columns = list(table.columns)
    if table.schema.pandas_metadata is not None:
        stored = {name for name in table.schema.pandas_metadata.get("index_columns", ()) if isinstance(name, str)}
        columns = [column for name, column in zip(labels, columns, strict=True) if name not in stored]
        known = list(table.schema.empty_table().to_pandas().columns)  # labels that are no texts, such as 0, 1, 2
        labels = known if len(known) == len(columns) else [name for name in labels if name not in stored]
    return _assemble(labels, [arrow_series(column) for column in columns], table.num_rows)


def _assemble(labels: Sequence[Hashable], columns: Sequence[pd.Series], n_rows: int = 0) -> pd.DataFrame:
    """Return a DataFrame of columns, which share their memory with it."""
    frame = pd.DataFrame(
        dict(enumerate(columns)), index=pd.RangeIndex(len(columns[0]) if columns else n_rows), copy=False
    )
    frame.columns = pd.Index(labels)
    return frame


def _is_arrow(values: Any) -> bool:
    return type(values).__module__.split(".")[0] == "pyarrow" and hasattr(values, "to_pandas")
