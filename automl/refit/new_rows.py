"""Checks of new rows against the table that a model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from automl.errors import AutoMLError, InvalidInputError
from automl.plurals import plural
from automl.refit.rows import KeptRows, get_rows
from automl.task.validation import table_errors
from pipelines.table.column_types import KINDS
from pipelines.table.raw import to_array
from pipelines.table.reader import TableReader
from pipelines.table.similar_names import may_be_renamed

Array = NDArray[Any]

_MAX_DUPLICATES = 0.01  # share of rows that are equal to another row of the same table
_SHOWN = 5  # names in a message


def take_columns(
    reader: TableReader, X: Any, notes: list[str], rows: str = "the new rows", remedy: str = "call fit for a new search"
) -> Any:
    """Return a table with the columns of the training table, in their order; a note names ignored columns.

    Parameters
    ----------
    rows, remedy : str
        The rows, and what can be done without them, for messages.

    Raises
    ------
    InvalidInputError
        If a column of the training table is missing.
    """
    labels = list(reader.labels_)
    if isinstance(X, pd.DataFrame) and reader.named_:
        missing = [label for label in labels if label not in X.columns]
        known = set(labels)
        unknown = [label for label in X.columns if label not in known]
        if missing:
            renamed = may_be_renamed(missing, unknown)
            hint = f", or rename columns: {renamed}" if renamed else ""
            raise InvalidInputError(
                f"{rows} lack columns of the training table: {_shown(missing)}; add them{hint}, or {remedy}"
            )
        if unknown:
            notes.append(f"columns that the model does not know are ignored: {_shown(unknown)}; fit would use them")
        return X[labels]
    table = X if isinstance(X, pd.DataFrame) or sparse.issparse(X) else to_array(X)
    if table.shape[1] != len(labels):
        raise InvalidInputError(
            f"{rows} have {plural(table.shape[1], 'column')}, but the training table had {len(labels)}; pass "
            "the same columns in the same order"
        )
    if reader.named_ and not sparse.issparse(table):
        return pd.DataFrame(table, columns=pd.Index(labels))
    return X


def check_time_column(time: Any, given: Any, X: Any) -> None:
    """Check that the column with the times, if they are those of a column, is one that the model knows.

    Parameters
    ----------
    time : str, int, array-like or None
    given : DataFrame, ndarray or sparse matrix
        The table of the user.
    X : DataFrame, ndarray or sparse matrix
        The same table with the columns of the model only.

    Raises
    ------
    InvalidInputError
        If only the table of the user has this column.
    """
    frames = isinstance(given, pd.DataFrame) and isinstance(X, pd.DataFrame)
    if frames and isinstance(time, str) and time in given.columns and time not in X.columns:
        raise InvalidInputError(
            f"time={time!r}: the model was trained without this column of X; pass its values, time=X[{time!r}]"
        )


def known_kinds(reader: TableReader, X: Any) -> dict[Any, str]:
    """Return the kinds that the columns of the new table keep, as the argument `columns` of `TableReader`.

    A column of months 1 to 12 stays a category, for example, although the new rows alone would make it a number. Only
    columns that were constant in the training table get their kind from the new rows.
    """
    if reader.sparse_ or sparse.issparse(X) or reader.named_ != isinstance(X, pd.DataFrame):
        return {}
    kinds = {column.name: "drop" if column.kind == "identifier" else column.kind for column in reader.columns_}
    return {name: kind for name, kind in kinds.items() if kind in KINDS}


def keep_reasons(reader: TableReader, old: TableReader) -> None:
    """Give columns that kept their kinds the kinds and reasons of the old reader: the user has not set these kinds.

    A column that is constant in the new rows stays constant: its old kind would belong to a column of the output.
    """
    before = {column.name: column for column in old.columns_}
    reader.columns_ = [
        replace(column, kind=before[column.name].kind, reason=before[column.name].reason)
        if column.name in (reader.columns or {}) and (column.positions or column.kind == "drop")
        else column
        for column in reader.columns_
    ]


def check_classes(classes: Array, known: Array) -> None:
    """Check that the new rows have exactly the classes of the model.

    Raises
    ------
    InvalidInputError
        If a class is new, or missing.
    """
    found, expected = classes.tolist(), known.tolist()
    new = [label for label in found if label not in expected]
    if new:
        raise InvalidInputError(
            f"y holds classes that the model does not know: {_shown(new)}; call fit to search with these classes, or "
            "drop their rows"
        )
    missing = [label for label in expected if label not in found]
    if missing:
        raise InvalidInputError(
            f"y lacks classes of the model: {_shown(missing)}; the new model could never predict them; add rows of "
            "these classes, for example older ones, or call fit for a model without them"
        )


def seen_rows(kept: KeptRows | None, reader: TableReader, X: Any, y: Array, notes: list[str]) -> NDArray[np.bool_]:
    """Return which of the new rows the old model was trained on, as far as that is known; a note gives their number.

    The scores of the old model on these rows would be too good. In a table with many equal rows, no row counts.

    Parameters
    ----------
    kept : TrainingRows, StoredRows, SavedRows or None
        The rows that the old model has kept.
    reader : TableReader
        The reader of the old model.
    y : ndarray of shape (n_samples,)
        Class codes or floats of the new rows.
    """
    unseen = np.zeros(len(y), dtype=bool)
    if kept is None:
        return unseen
    try:
        rows = get_rows(kept)
    except AutoMLError:  # the run directory is gone
        return unseen
    with table_errors():
        new = row_hashes(reader.transform(X), y)
    if not are_distinct(new):
        return unseen
    known = set(row_hashes(rows.X, rows.y))
    seen = np.array([row in known for row in new], dtype=bool)
    if seen.any():
        notes.append(
            f"{seen.sum()} of {len(seen)} rows were training rows of the old model; the scores are those of the others"
        )
    return seen


def row_hashes(X: Any, y: Array) -> list[int]:
    """Return one number for each row, which is the same for equal rows."""
    if sparse.issparse(X):
        table = X.tocsr()
        starts = table.indptr
        rows = (table.indices[a:b].tobytes() + table.data[a:b].tobytes() for a, b in zip(starts, starts[1:]))  # noqa: B905, RUF007
    else:
        rows = (row.tobytes() for row in np.ascontiguousarray(X, dtype=np.float64))
    targets = np.ascontiguousarray(y, dtype=np.float64)
    targets = targets[:, None] if targets.ndim == 1 else targets
    return [hash((row, *target)) for row, target in zip(rows, targets.tolist(), strict=True)]


def are_distinct(rows: Sequence[int]) -> bool:
    """Return whether a row of a table is taken to be the equal row of another table; `rows` are their hashes.

    In a table with many equal rows, equality says nothing.
    """
    return 1 - len(set(rows)) / len(rows) <= _MAX_DUPLICATES


def _shown(labels: list[Any]) -> str:
    return ", ".join(repr(label) for label in labels[:_SHOWN]) + (", ..." if labels[_SHOWN:] else "")
