"""The rows that ``automl fit`` trains on and scores: the arguments of `fit` by the options about rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.cli.support import split_names, split_weight_and_groups
from automl.errors import InvalidInputError
from automl.table_files.target import TaskName, split_target, split_targets

if TYPE_CHECKING:
    import pandas as pd

    from automl.table_files.text import FileOptions


@dataclass(frozen=True)
class RowOptions:
    """The options of ``automl fit`` about the rows, as they were typed."""

    target: Sequence[str]
    task: TaskName
    ordered_classes: str | None
    weight: str | None
    groups: str | None
    time: str | None
    gap: str
    validation: Path | None
    sensitive_features: Sequence[str]
    cv: str | None


def read_training_rows(
    table: Path, file: FileOptions, options: RowOptions
) -> tuple[pd.DataFrame, pd.Series | pd.DataFrame, dict[str, Any]]:
    """Return the features and the target in a file, and the other arguments of `fit` about its rows.

    Parameters
    ----------
    table : Path
    file : FileOptions
        The options of the file, which are those of the file of --validation, too.
    options : RowOptions

    Raises
    ------
    InvalidInputError
        If a file cannot be read or lacks a column, or if an option cannot be used.
    """
    from automl.table_files.reading import read_table
    from automl.task.ordered_classes import named_like
    from automl.task.sensitive import sensitive_columns

    X, y = split_targets(read_table(table, file, target=options.target), options.target, table, "--target")
    if options.ordered_classes is not None:
        y = _order(y, options.ordered_classes, options.task)
    X, arguments = split_weight_and_groups(X, options.weight, options.groups, table)
    arguments |= _time_arguments(X, options.time, options.gap, table)
    if options.validation is not None:
        whole = read_table(options.validation, file, target=options.target)
        arguments |= _validation_rows(whole, options.validation, options)
        if options.ordered_classes is not None:
            arguments["y_val"] = named_like(arguments["y_val"], y.cat.categories)
    if options.sensitive_features:  # the columns stay features, as that of --time
        tables = [X] if options.validation is None else [X, arguments["X_val"]]
        arguments["sensitive_features"] = sensitive_columns(options.sensitive_features, tables, "--sensitive-features")
    return X, y, arguments


def _order(y: pd.Series | pd.DataFrame, ordered_classes: str, task: TaskName) -> pd.Series:
    """Return the target with the order that --ordered-classes names."""
    from automl.task.ordered_classes import with_order

    if task is TaskName.REGRESSION:
        raise InvalidInputError("--ordered-classes is for classes, not for numbers; leave out --task regression")
    return with_order(y, split_names([ordered_classes]), "--ordered-classes")


def _time_arguments(X: pd.DataFrame, time: str | None, gap: str, table: Path) -> dict[str, Any]:
    """Return the arguments of `fit` that --time and --gap name."""
    if time is None:
        if gap != "0":
            raise InvalidInputError("--gap needs --time, the column with the time of each row")
        return {}
    return {"time": split_target(X, time, table, "--time")[1].name, "gap": gap}


def _validation_rows(whole: pd.DataFrame, path: Path, options: RowOptions) -> dict[str, Any]:
    """Return the arguments of `fit` for the rows of the file that --validation names."""
    for option, value in {"--cv": options.cv, "--time": options.time, "--groups": options.groups}.items():
        if value is not None:
            raise InvalidInputError(
                f"--validation and {option} exclude each other: the file says which rows are scored; leave out one of "
                "them"
            )
    X, y = split_targets(whole, options.target, path, "--target")
    X, found = split_weight_and_groups(X, options.weight, None, path)
    return {"X_val": X, "y_val": y} | {f"{name}_val": values for name, values in found.items()}
