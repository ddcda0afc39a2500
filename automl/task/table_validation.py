"""Check a table before any work, in `fit` and in `predict`."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from scipy import sparse

from automl.errors import InvalidInputError
from pipelines.table.cells import TableError
from pipelines.table.frames import to_frame
from pipelines.table.raw import to_array

Array = NDArray[Any]


class InvalidCellError(InvalidInputError, TypeError):
    """A cell of the table holds something that is neither a string nor a number."""


def check_table(X: Any) -> Any:
    """Check that `X` is a table that `pipelines.table.reader.TableReader` can read, and return it.

    A frame of another library, such as polars, is returned as a DataFrame; other tables are returned as they are.

    Raises
    ------
    InvalidInputError
        If the shape is wrong, names are duplicate, or cells hold complex or infinite numbers, lists or similar objects.
    """
    if X is None:
        raise InvalidInputError("X is None; pass a table with rows and columns")
    if isinstance(X, str | os.PathLike):
        raise InvalidInputError(
            f"X is a path, {os.fspath(X)!r}; read the table first, for example with pandas.read_csv(...), and pass it"
        )
    if sparse.issparse(X):
        _check_shape(X.shape)
        _check_sparse(X)
        return X
    if _holds_names(X):
        is_row = isinstance(X, dict) and not any(map(types.is_list_like, X.values()))
        remedy = "pandas.DataFrame([X])" if is_row else "pandas.DataFrame(X)"
        raise InvalidInputError(f"X is no table, but its values have names; pass {remedy}")
    if hasattr(X, "to_frame") and len(X.shape) == 1:
        row = ", X.iloc[[0]] in place of X.iloc[0] for one row" if hasattr(X, "iloc") else ""
        raise InvalidInputError(f"Expected 2D array, got 1D array instead. Use X.to_frame() for one column{row}")
    try:
        X = to_frame(X)
    except TableError as error:
        raise InvalidInputError(str(error)) from error
    if isinstance(X, pd.DataFrame):
        _check_shape(X.shape)
        _check_labels(X.columns)
        _check_frame(X)
        return X
    array = as_array(X)
    _check_shape(array.shape)
    if array.dtype.kind == "c":
        raise InvalidInputError(
            "Complex data not supported; split each column into one for the real and one for the imaginary part"
        )
    if array.dtype.kind == "f":
        _check_finite(array)
    elif array.dtype.kind == "O":
        for i in range(array.shape[1]):
            _check_column(pd.Series(array[:, i], dtype=object), f"column {i}")
    return X


def _holds_names(X: Any) -> bool:
    """Return whether X is a dictionary of columns, a list of dictionaries, or a structured array."""
    if isinstance(X, np.ndarray):
        return X.dtype.names is not None
    return isinstance(X, dict) or (isinstance(X, list | tuple) and len(X) > 0 and isinstance(X[0], dict))


def check_width(X: Any, n_features: int, estimator: str) -> None:
    """Check that a table without names of columns has as many columns as the training table.

    Raises
    ------
    InvalidInputError
        If it has another number of columns.
    """
    width = X.shape[1] if hasattr(X, "shape") else as_array(X).shape[1]
    if not hasattr(X, "columns") and width != n_features:
        raise InvalidInputError(
            f"X has {width} features, but {estimator} is expecting {n_features} features as input; pass the columns of "
            "the training table"
        )


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise InvalidInputError(
            f"Expected 2D array, got {len(shape)}D array instead. Reshape your data: use numpy.reshape(X, (-1, 1)) "
            "for one column, numpy.reshape(X, (1, -1)) for one row"
        )
    for count, unit, part in zip(shape, ("sample", "feature"), ("row", "column"), strict=True):
        if count == 0:
            raise InvalidInputError(
                f"Found array with 0 {unit}(s) (shape={tuple(shape)}) while a minimum of 1 is required. Pass a table "
                f"with at least one {part}"
            )


def _check_frame(X: pd.DataFrame) -> None:
    """Check the cells of a frame: float columns all at once, because a frame may have thousands of them."""
    known: dict[int, str] = {}  # a frame of many columns has few dtypes
    floats, others = [], []
    for i, dtype in enumerate(X.dtypes.to_numpy()):
        kind = known.get(id(dtype))
        if kind is None:
            kind = known[id(dtype)] = dtype.kind if isinstance(dtype, np.dtype) else "extension"
        if kind == "f":
            floats.append(i)
        elif kind not in "iubmM":
            others.append(i)
    if floats:
        block = X if len(floats) == X.shape[1] else X.iloc[:, floats]
        array = block.to_numpy()
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(np.sum(array))
        if not finite:
            infinite = np.isinf(array).any(axis=0)
            if infinite.any():
                raise _infinite(f"column {X.columns[floats[int(np.flatnonzero(infinite)[0])]]!r}")
    for i in others:
        _check_column(X.iloc[:, i], f"column {X.columns[i]!r}")


def _check_labels(labels: pd.Index) -> None:
    if labels.is_unique:
        return
    duplicates = labels[labels.duplicated()].unique()
    if len(duplicates):
        named = ", ".join(repr(label) for label in duplicates[:5])
        raise InvalidInputError(f"X has more than one column named {named}; rename or drop the duplicates")


def _check_sparse(X: Any) -> None:
    if X.dtype.kind == "c":
        raise InvalidInputError(
            "Complex data not supported; split each column into one for the real and one for the imaginary part"
        )
    table = sparse.coo_array(X)
    bad = ~np.isfinite(np.asarray(table.data, dtype=np.float64))
    if bad.any():
        raise InvalidInputError(
            f"column {table.coords[1][bad][0]} of the sparse X holds NaN or infinity; fill them, or pass a dense X"
        )


def _check_finite(array: Array) -> None:
    infinite = np.isinf(array).any(axis=0)
    if infinite.any():
        raise _infinite(f"column {int(np.flatnonzero(infinite)[0])}")


def _infinite(where: str) -> InvalidInputError:
    return InvalidInputError(
        f"{where} holds infinite values (inf); replace them by missing values (NaN) or finite numbers"
    )


def _check_column(column: pd.Series, where: str) -> None:
    dtype = column.dtype
    if types.is_complex_dtype(dtype):
        raise InvalidInputError(f"{where}: Complex data not supported; split it into real and imaginary parts")
    if isinstance(dtype, pd.ArrowDtype):
        import pyarrow as pa  # an optional library of pandas that is present if such a column exists

        if pa.types.is_nested(dtype.pyarrow_dtype):
            raise _nested(where, str(dtype))
    if types.is_float_dtype(dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(numbers).any():
            raise _infinite(where)
    elif types.is_object_dtype(dtype):
        _check_objects(column, where)


def _check_objects(column: pd.Series, where: str) -> None:
    inferred = types.infer_dtype(column, skipna=True)
    if inferred in ("floating", "mixed-integer-float", "decimal"):
        try:
            numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        except OverflowError as error:  # a whole number of Python beyond the range of floats
            raise _infinite(where) from error
        if np.isinf(numbers).any():
            raise _infinite(where)
    elif inferred == "complex":
        raise InvalidInputError(f"{where}: Complex data not supported; split it into real and imaginary parts")
    elif inferred.startswith("mixed") or inferred == "unknown-array":
        for kind in sorted(set(map(type, column)), key=lambda kind: kind.__name__):
            # Look at the attributes of instances: the class of an enumeration is iterable, but its members are not.
            is_nested = any("__iter__" in vars(base) for base in kind.__mro__)
            if is_nested and not issubclass(kind, str | bytes):
                raise _nested(where, kind.__name__)
        if np.isinf([value for value in column if isinstance(value, float)]).any():
            raise _infinite(where)


def _nested(where: str, kind: str) -> InvalidCellError:
    return InvalidCellError(
        f"{where} holds cells of type {kind}, but each cell of the argument must be a string or a number; "
        "split the column into several columns, or drop it"
    )


def as_array(X: Any) -> Array:
    """Return a table that is neither a DataFrame nor a sparse matrix as an array.

    Raises
    ------
    InvalidCellError
        If rows differ in length or cells hold lists.
    """
    try:
        return to_array(X)
    except TableError as error:
        raise InvalidCellError(f"{error}; each cell of the argument must be a string or a number") from error
