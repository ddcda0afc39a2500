"""Take the target out of a table, and guess from its values whether it holds classes or quantities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from automl.errors import InvalidInputError, closest

if TYPE_CHECKING:
    import pandas as pd

_MAX_VALUES = 20  # whole numbers with at most this many different values are classes


class TaskName(StrEnum):
    """The kind of prediction that a user asks for."""

    AUTO = "auto"
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


def split_target(table: pd.DataFrame, target: str, source: object, argument: str) -> tuple[pd.DataFrame, pd.Series]:
    """Split a table into features and target.

    Parameters
    ----------
    source : object
        The origin of the table, for the error message.
    argument : str
        The argument that names the target, for the error message.

    Raises
    ------
    InvalidInputError
        If there is no such column; the message lists the columns with the most similar names.
    """
    columns = [str(column) for column in table.columns]  # columns of Parquet files may have numbers as names
    if target not in columns:
        # A file that is read with a wrong separator has one column.
        option = "--separator" if argument.startswith("--") else "separator"
        advice = f"; if its cells have another separator, name it with {option}" if len(columns) == 1 else ""
        raise InvalidInputError(
            f"{argument}: '{source}' has no column '{target}'; it has {similar_columns(target, columns)}{advice}"
        )
    label = table.columns[columns.index(target)]
    double = f"{target}.1"  # the name that pandas gives to a second column of the same name
    if double in columns and table[double].equals(table[label]):
        raise InvalidInputError(f"{argument}: '{source}' has the column '{target}' twice; remove one of the two")
    return table.drop(columns=label), table[label]


def similar_columns(name: str, columns: Iterable[object]) -> str:
    """Return the columns whose names are most similar to one that is missing, else the first ones, for a message.

    Examples
    --------
    >>> similar_columns("Price", ["id", "price", "area"]), similar_columns("x", ["id"])
    ("'price', ...", "'id', ...")
    """
    names = [str(column) for column in columns]
    return f"{', '.join(map(repr, closest(name, names) or names[:5]))}, ..."


def possible_names(target: str | Sequence[str] | None) -> set[str]:
    """Return all names that one or more texts about targets may mean; commas separate several names.

    Examples
    --------
    >>> sorted(possible_names("a, b"))
    ['a', 'a, b', 'b']
    """
    given = () if target is None else (target,) if isinstance(target, str) else target
    return {name for text in given for name in (text, *(part.strip() for part in text.split(",")))}


def _target_names(given: Sequence[str], columns: Sequence[object]) -> list[str]:
    """Return the names of one or more targets; commas separate several names, unless a column has the whole name.

    Examples
    --------
    >>> _target_names(["a,b", "c"], ["a", "b", "c"]), _target_names(["a,b"], ["a,b", "c"])
    (['a', 'b', 'c'], ['a,b'])
    """
    known = {str(column) for column in columns}
    names = [
        name for text in given for name in ([text] if text in known else [part.strip() for part in text.split(",")])
    ]
    return list(dict.fromkeys(name for name in names if name)) or list(given)


def split_targets(
    table: pd.DataFrame, targets: Sequence[str], source: object, argument: str
) -> tuple[pd.DataFrame, pd.Series | pd.DataFrame]:
    """Split a table into features and one or more targets; several targets are a DataFrame.

    The parameters are those of `split_target`.

    Raises
    ------
    InvalidInputError
        If there is no such column, if no column is left, or if there is no row.
    """
    names = _target_names(targets, list(table.columns))
    columns = []
    for name in names:
        table, column = split_target(table, name, source, argument)
        columns.append(column)
    if not len(table):
        raise InvalidInputError(f"'{source}' holds no row below its header; add rows, or name another file")
    if len(columns) == 1:
        return table, columns[0]
    import pandas as pd

    return table, pd.concat(columns, axis=1)


def find_label(y: pd.Series | pd.DataFrame, text: str | None, argument: str) -> Any:
    """Return the label of a target whose text is `text`; None for None.

    Parameters
    ----------
    argument : str
        The argument that names the label, for the error message.

    Raises
    ------
    InvalidInputError
        If there is no such label, or if there are several targets; the message lists the labels.
    """
    import pandas as pd

    if text is None:
        return None
    if not isinstance(y, pd.Series):
        raise InvalidInputError(f"{argument} is for one target of two classes; leave it out for several targets")
    labels = {str(label): label for label in y.dropna().unique().tolist()}
    if text not in labels:
        listed = ", ".join(sorted(map(repr, labels))[:5]) + (", ..." if len(labels) > 5 else "")
        raise InvalidInputError(f"{argument}: '{text}' is no class of the target; the classes are {listed}")
    return labels[text]


def guess_task(y: pd.Series | pd.DataFrame, argument: str = "--target") -> tuple[TaskName, str]:
    """Guess whether a target is for classification or regression; also return the reason, for the log.

    Parameters
    ----------
    argument : str
        The argument that names the target, for the error message.

    Raises
    ------
    InvalidInputError
        If some of several targets hold classes, and others hold quantities.
    """
    import pandas as pd
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if not isinstance(y, pd.Series):
        return _guess_task_of_targets(y, argument)
    present = y.dropna()
    if is_bool_dtype(y.dtype) or not is_numeric_dtype(y.dtype):
        texts = pd.Series(present.astype(str).unique())
        odd = texts[pd.to_numeric(texts, errors="coerce").isna()]
        if len(texts) <= _MAX_VALUES or odd.empty:
            return TaskName.CLASSIFICATION, "its values are labels"
        why = f"it has {len(texts)} different values, and some are no numbers, such as {odd.iloc[0]!r}"
        return TaskName.CLASSIFICATION, f"{why}; if it is a quantity, correct these cells"
    n_values = present.nunique()
    if n_values <= 2:
        return TaskName.CLASSIFICATION, f"it has {n_values} different values"
    if (present == present.round()).all() and n_values <= min(_MAX_VALUES, len(present) // 5):
        return (
            TaskName.CLASSIFICATION,
            f"it has {n_values} different whole numbers; to change this, pass --task regression",
        )
    return TaskName.REGRESSION, f"it has {n_values} different numbers; to change this, pass --task classification"


def _guess_task_of_targets(y: pd.DataFrame, argument: str) -> tuple[TaskName, str]:
    """Return the kind of several targets, which must be of one kind."""
    kinds = {str(name): guess_task(y[name])[0] for name in y.columns}
    classes = [name for name, kind in kinds.items() if kind is TaskName.CLASSIFICATION]
    numbers = [name for name in kinds if name not in classes]
    if classes and numbers:
        raise InvalidInputError(
            f"{argument}: {classes[0]!r} holds classes, and {numbers[0]!r} holds quantities; name the kind of all "
            "targets (classification or regression), or fit one model for each kind"
        )
    kind = TaskName.CLASSIFICATION if classes else TaskName.REGRESSION
    return kind, f"each of its {len(kinds)} columns holds {'classes' if classes else 'quantities'}"
