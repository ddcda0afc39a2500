"""Validation rows that the user gives: they are joined to the training rows, and a single fold scores them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from automl.errors import InvalidInputError
from automl.plurals import plural
from automl.task.table_validation import as_array, check_table
from automl.task.validation import as_numbers, read_target

Array = NDArray[Any]

_SHOWN = 5


def check_alone(given: dict[str, Any], cv: Any) -> None:
    """Check that validation rows are complete, and that no other argument says how to split the rows.

    Parameters
    ----------
    given : dict
        The arguments X_val, y_val, sample_weight, sample_weight_val, time and groups.

    Raises
    ------
    InvalidInputError
        If an argument is missing, or does not go together with validation rows.
    """
    if given["X_val"] is None and given["y_val"] is None:
        if given["sample_weight_val"] is not None:
            raise InvalidInputError("sample_weight_val needs X_val and y_val; pass all of them, or none")
        return
    for name, other in (("X_val", "y_val"), ("y_val", "X_val")):
        if given[other] is None:
            raise InvalidInputError(f"{name} is given without {other}; pass both, or neither")
    if (given["sample_weight"] is None) != (given["sample_weight_val"] is None):
        name, other = "sample_weight", "sample_weight_val"
        name, other = (other, name) if given[name] is None else (name, other)
        raise InvalidInputError(f"{name} is given without {other}; pass weights of all rows, or none")
    for name, value in (("cv", cv), ("time", given["time"]), ("groups", given["groups"])):
        if value is not None:
            raise InvalidInputError(
                f"X_val and {name} exclude each other: X_val already says which rows are scored; leave out one of them"
            )


def join_tables(X: Any, X_val: Any) -> Any:
    """Return the training rows followed by the validation rows.

    Raises
    ------
    InvalidInputError
        If the validation rows cannot be used, or have other columns.
    """
    try:
        X_val = check_table(X_val)
    except InvalidInputError as error:
        raise type(error)(f"X_val: {error}") from error
    X, X_val = _plain(X), _plain(X_val)
    kinds = [_kind(X), _kind(X_val)]
    if kinds[0] != kinds[1]:
        raise InvalidInputError(f"X is {kinds[0]} but X_val is {kinds[1]}; pass both in the same form")
    if isinstance(X, pd.DataFrame):
        return _join_frames(X, X_val)
    if X.shape[1] != X_val.shape[1]:
        raise InvalidInputError(
            f"X_val has {plural(X_val.shape[1], 'column')} but X has {X.shape[1]}; pass the same columns in the same "
            "order"
        )
    return sparse.vstack([X, X_val], format="csr") if sparse.issparse(X) else np.concatenate([X, X_val])


def join_targets(y: Any, X: Any, y_val: Any, X_val: Any, classification: bool) -> Array:
    """Return the target of the training rows, followed by that of the validation rows.

    Raises
    ------
    InvalidInputError
        If the target of the validation rows cannot be used, or holds a class that no training row has.
    """
    known = read_target(y, X)
    try:
        own = read_target(y_val, X_val)
        if not classification:
            return np.concatenate([as_numbers(known), as_numbers(own)])
    except InvalidInputError as error:
        raise InvalidInputError(f"y_val: {error}") from error
    labels = set(known.tolist())
    unknown = [label for label in dict.fromkeys(own.tolist()) if label not in labels]
    if unknown:
        shown = ", ".join(map(repr, unknown[:_SHOWN])) + (", ..." if unknown[_SHOWN:] else "")
        raise InvalidInputError(
            f"y_val holds classes that y lacks: {shown}; no model could learn them, so add training rows of these "
            "classes, or drop the validation rows"
        )
    return np.concatenate([known, own.astype(known.dtype)])


def _plain(X: Any) -> Any:
    """Return a table as a DataFrame, a sparse matrix or an array."""
    if isinstance(X, pd.DataFrame) or sparse.issparse(X):
        return X
    return as_array(X)


def _kind(X: Any) -> str:
    return (
        "a table with names of columns"
        if isinstance(X, pd.DataFrame)
        else ("a sparse matrix" if sparse.issparse(X) else "an array")
    )


def _join_frames(X: pd.DataFrame, X_val: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in X.columns if name not in X_val.columns]
    unknown = [name for name in X_val.columns if name not in X.columns]
    if missing or unknown:
        parts = [f"it lacks {', '.join(map(repr, missing[:_SHOWN]))}"] if missing else []
        parts += [f"X lacks {', '.join(map(repr, unknown[:_SHOWN]))}"] if unknown else []
        raise InvalidInputError(f"X_val must have the columns of X; {' and '.join(parts)}")
    X_val = X_val[list(X.columns)].copy(deep=False)
    for name in X.columns:
        ours, theirs = X[name].dtype, X_val[name].dtype
        if isinstance(ours, pd.CategoricalDtype) and ours != theirs:  # else the joined column loses its categories
            X_val[name] = _as_category(X_val[name], ours, name)
    return pd.concat([X, X_val], ignore_index=True)


def _as_category(column: pd.Series, dtype: pd.CategoricalDtype, name: Any) -> pd.Series:
    """Return a column of the validation rows with the categories of the training rows."""
    changed = column.astype(dtype)
    lost = changed.isna() & column.notna()
    if lost.any():
        raise InvalidInputError(
            f"X_val: column {name!r} holds {column[lost].iloc[0]!r}, which is no category of this column in X; add the "
            "category to X, for example with X[name].cat.add_categories"
        )
    return changed
