"""The column to predict: taking it out of a table, and telling classes from quantities."""

from __future__ import annotations

from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING

from automl.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

_FEW_VALUES = 20  # whole numbers with at most so many different values are taken as classes


class TaskName(StrEnum):
    """What is predicted."""

    AUTO = "auto"
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


def split_target(table: pd.DataFrame, target: str, source: object, argument: str) -> tuple[pd.DataFrame, pd.Series]:
    """Features and target.

    Parameters
    ----------
    source : object
        Where the table comes from, for the message.
    argument : str
        What named the target, for the message.

    Raises
    ------
    InvalidInputError
        If there is no such column; names the closest ones.
    """
    columns = [str(column) for column in table.columns]  # Parquet files may number them
    if target not in columns:
        close = get_close_matches(target, columns, n=3) or columns[:5]
        raise InvalidInputError(
            f"{argument}: '{source}' has no column '{target}'; it has {', '.join(map(repr, close))}, ..."
        )
    label = table.columns[columns.index(target)]
    return table.drop(columns=label), table[label]


def guess_task(y: pd.Series) -> tuple[TaskName, str]:
    """Classification or regression, and why."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if is_bool_dtype(y.dtype) or not is_numeric_dtype(y.dtype):
        return TaskName.CLASSIFICATION, "its values are labels"
    present = y.dropna()
    n_values = present.nunique()
    if n_values <= 2:
        return TaskName.CLASSIFICATION, f"it has {n_values} different values"
    if (present == present.round()).all() and n_values <= min(_FEW_VALUES, len(present) // 5):
        return TaskName.CLASSIFICATION, f"it has {n_values} different whole numbers; else say --task regression"
    return TaskName.REGRESSION, f"it has {n_values} different numbers; else say --task classification"
