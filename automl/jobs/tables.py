"""The table of a job is read from a file, OpenML or a callable, and split into rows for the search and test rows."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from automl.errors import InvalidInputError
from automl.jobs.folders import LockedError, lock
from automl.jobs.job import Table
from automl.table_files.reading import read_table
from automl.table_files.target import TaskName, guess_task, split_targets
from automl.table_files.text import FileKeys
from automl.task.ordered_classes import named_like, with_order
from automl.task.sensitive import sensitive_columns
from automl.task.several_targets import n_targets_of
from automl.task.time_folds import newest_rows
from automl.task.time_order import read_time_order
from automl.task.validation_rows import join_tables
from automl.trials.fingerprint import digest, stable_repr, table_fingerprint
from automl.trials.run_directory import FORMAT
from pipelines.libraries import MissingLibraryError

_SPLIT_SEED = 0
_OPENML_TIMEOUT = 300.0  # seconds for one answer of OpenML
_TURN = 1800.0  # seconds for which other jobs may keep OpenML's cache


@dataclass(frozen=True)
class SplitData:
    """Features and target for the search; and for the test, if there are test rows."""

    X: pd.DataFrame
    y: pd.Series | pd.DataFrame
    is_classification: bool
    X_test: pd.DataFrame | None = None
    y_test: pd.Series | pd.DataFrame | None = None
    fit_arguments: Mapping[str, Any] = field(default_factory=dict)  # such as time and gap, or the validation rows

    def all_rows(self) -> tuple[pd.DataFrame, pd.Series | pd.DataFrame]:
        """Return the rows for an estimator whose `fit` takes no validation rows, which are then training rows."""
        if "X_val" not in self.fit_arguments:
            return self.X, self.y
        X = join_tables(self.X, self.fit_arguments["X_val"])
        return X, pd.concat([self.y, self.fit_arguments["y_val"]], ignore_index=True)

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits for the rows and arguments of the search, and the format of its run directory."""
        kinds = str(self.y.dtype) if isinstance(self.y, pd.Series) else str(self.y.dtypes.to_dict())
        arguments = [stable_repr(self.fit_arguments)] if self.fit_arguments else []
        return digest(FORMAT, kinds, table_fingerprint(self.X, self.y), *arguments)


def read_data(table: Table, folder: Path) -> SplitData:
    """Read a table and split it; the same rows become test rows each time.

    Parameters
    ----------
    folder : Path
        Folder at which relative paths start.

    Raises
    ------
    InvalidInputError
        If there is no such table or column, or a callable does not return a table.
    OpenMLError
        If OpenML does not answer in time, or not with a data set.
    """
    data = _split(table, folder)
    if not table.sensitive_features:
        return data
    tables = [data.X] if "X_val" not in data.fit_arguments else [data.X, data.fit_arguments["X_val"]]
    named = sensitive_columns(table.sensitive_features, tables, "sensitive_features")
    return replace(data, fit_arguments={**data.fit_arguments, "sensitive_features": named})


def _split(table: Table, folder: Path) -> SplitData:
    """Read a table and split it into the rows of the search and the test rows."""
    X, y = _read(table, folder)
    if table.ordered_classes:
        y = with_order(y, table.ordered_classes, "ordered_classes")
    y = y.reset_index(drop=True)
    X = X.reset_index(drop=True)
    kind = guess_task(y, "target")[0] if table.task == "auto" else TaskName(table.task)
    classification = kind is TaskName.CLASSIFICATION
    arguments: dict[str, Any] = {} if table.time is None else {"time": table.time, "gap": table.gap}
    if table.validation is not None:
        found = _read_file(table, table.validation, folder)
        rows = split_targets(found, _target_names(y), table.validation, "validation")
        arguments = {"X_val": rows[0], "y_val": _labels_of(table, rows[1], y)}
    if table.test is not None:
        X_test, y_test = split_targets(_read_file(table, table.test, folder), _target_names(y), table.test, "test")
        return SplitData(X, y, classification, X_test, _labels_of(table, y_test, y), arguments)
    if table.holdout is None:
        return SplitData(X, y, classification, fit_arguments=arguments)
    if table.time is not None:
        train, test = _newest_rows(table, X)
        return SplitData(X.iloc[train], y.iloc[train], classification, X.iloc[test], y.iloc[test], arguments)
    counts = y.value_counts()
    stratify = y if classification and counts.min() >= 2 and len(counts) <= table.holdout * len(y) else None
    try:
        parts = train_test_split(X, y, test_size=table.holdout, random_state=_SPLIT_SEED, stratify=stratify)
    except ValueError as error:
        raise InvalidInputError(f"holdout: {table.holdout} of {len(y)} rows cannot be test rows: {error}") from error
    X, X_test, y, y_test = parts
    return SplitData(X, y, classification, X_test, y_test, arguments)


def _labels_of(table: Table, other: Any, y: pd.Series | pd.DataFrame) -> Any:
    """Return the target of another file with the labels of the first one, if the job names the classes."""
    return named_like(other, y.cat.categories) if table.ordered_classes else other


def _newest_rows(table: Table, X: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows for the search, and the newest rows for the test; the gap lies between them."""
    assert table.holdout is not None
    order = read_time_order(table.time, table.gap, X, len(X))
    test = newest_rows(order.times, table.holdout, None)
    train = order.times < order.times[test].min() - order.gap
    if not train.any():
        raise InvalidInputError(f"gap={table.gap!r} leaves no rows for the search; use a smaller gap")
    return np.flatnonzero(train), np.flatnonzero(test)


def load_object(name: str) -> Any:
    """Import the object that ``module:name`` names.

    Raises
    ------
    InvalidInputError
        If there is no such module or name.
    """
    module, _, attributes = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
    except (ImportError, AttributeError) as error:
        raise InvalidInputError(
            f"'{name}' cannot be imported: {error}; install its package, or put the module beside the YAML file"
        ) from error
    return found


def _read(table: Table, folder: Path) -> tuple[pd.DataFrame, pd.Series | pd.DataFrame]:
    if table.kind == "openml":
        return _read_openml(int(table.source), table.target)
    if table.kind == "call":
        return _call(table)
    assert table.target is not None
    return split_targets(_read_file(table, table.source, folder), _names(table.target), table.source, "target")


def _target_names(y: pd.Series | pd.DataFrame) -> list[str]:
    return [str(y.name)] if isinstance(y, pd.Series) else list(map(str, y.columns))


def _names(target: str | Sequence[str]) -> list[str]:
    """Return the names of the columns to predict."""
    return [target] if isinstance(target, str) else list(target)


def _read_file(table: Table, path: str, folder: Path) -> pd.DataFrame:
    return read_table(folder / path, FileKeys(**table.reading), target=table.target)


def _call(table: Table) -> tuple[pd.DataFrame, pd.Series | pd.DataFrame]:
    answer = load_object(table.source)(**table.arguments)
    if isinstance(answer, tuple) and len(answer) == 2:
        X, y = answer
        if n_targets_of(y) > 1:
            return pd.DataFrame(X), pd.DataFrame(y).rename(columns=str)
        name = table.target or getattr(y, "name", None) or "target"
        return pd.DataFrame(X), pd.Series(y, name=name)
    if not isinstance(answer, pd.DataFrame):
        raise InvalidInputError(f"'{table.source}' must return a DataFrame or (X, y); got {type(answer).__name__}")
    if table.target is None:
        raise InvalidInputError(f"'{table.source}' returned a DataFrame; name the column to predict (target: ...)")
    return split_targets(answer, _names(table.target), table.source, "target")


def _read_openml(number: int, target: str | Sequence[str] | None) -> tuple[pd.DataFrame, pd.Series | pd.DataFrame]:
    try:
        from meta_db.exchange.client import Connection, OpenMLError
    except MissingLibraryError as error:
        raise InvalidInputError(f"openml: data set {number} cannot be downloaded: {error}") from error
    what = f"data set {number}"
    with Connection(timeout=_OPENML_TIMEOUT).open() as session:
        try:
            with _turn(session.cache):
                dataset = session.dataset(number, with_data=True)
                frame = pd.DataFrame(session.ask(what, lambda: dataset.get_data(dataset_format="dataframe"))[0])
        except LockedError:
            message = f"{what}: other jobs have used '{session.cache}' for {_TURN:g} seconds; try again later"
            raise OpenMLError(message) from None
    column = target or dataset.default_target_attribute
    if column is None:
        raise InvalidInputError(f"openml: data set {number} has no default target; name one (target: ...)")
    return split_targets(frame, _names(column), f"OpenML data set {number}", "target")


def _turn(cache: Path) -> AbstractContextManager[None]:
    """Let one job at a time use the cache of OpenML's client.

    The client would read files that another process still writes, and remove them as damaged. A cache that cannot be
    written to has no such files.
    """
    read_only = cache.is_dir() and not os.access(cache, os.W_OK)
    return nullcontext() if read_only else lock(cache / "jobs.lock", _TURN)
