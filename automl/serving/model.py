"""A fitted estimator as the server sees it: its columns by name, and one call for labels and probabilities."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.base import BaseAutoML
from automl.ensemble.conformal import largest_level
from automl.ensemble.out_of_fold_scores import known_records
from automl.fitted.intervals import class_sets, intervals
from automl.fitted.several_targets import class_probabilities
from automl.persistence.saving import plain
from pipelines.table.cells import holds_numbers, holds_texts
from pipelines.table.columns import CategoryReader, Column, DateReader
from pipelines.table.reader import TableReader

MAX_CATEGORIES = 50  # a category column with more levels shows none of them in the schema


@dataclass(frozen=True)
class ServedColumn:
    """One column of the training table.

    Attributes
    ----------
    name : str
        Name in requests: the label as text, or ``x0``, ``x1``, ... for a training table without names.
    label : hashable
        Label of the column in the training table.
    column : Column
        How the model reads the column.
    dtype : str
        Data type in the training table.
    """

    name: str
    label: Hashable
    column: Column
    dtype: str

    @property
    def kind(self) -> str:
        """The use of the column in the model, such as "number" or "category"."""
        return self.column.kind

    @property
    def used(self) -> bool:
        """Whether predictions depend on the column; a request may leave out the other columns."""
        return self.column.reader is not None

    @property
    def holds_texts(self) -> bool:
        """Whether the training column could hold texts, such as "yes" or "12.50 EUR"; then its reader decides."""
        return holds_texts(self.dtype)

    @property
    def holds_numbers(self) -> bool:
        """Whether the training column held numbers, and no texts of numbers."""
        return holds_numbers(self.dtype)

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels of a category column that training has seen; empty for other columns."""
        return self.column.reader.levels if isinstance(self.column.reader, CategoryReader) else ()

    @property
    def date_format(self) -> str | None:
        """The format of dates that are texts; None for other columns."""
        reader = self.column.reader
        return (reader.format.fast or "ISO8601") if isinstance(reader, DateReader) else None

    @property
    def example_date(self) -> str:
        """A date as a text that the model reads."""
        format = self.date_format
        return "2025-01-31" if format in (None, "ISO8601") else pd.Timestamp(2025, 1, 31).strftime(str(format))

    def describe(self) -> dict[str, Any]:
        """Return the description of the column in ``/schema``."""
        shown: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "dtype": self.dtype,
            "nullable": self.column.missing,
            "required": self.used,
        }
        if self.levels and len(self.levels) <= MAX_CATEGORIES:
            shown["categories"] = list(self.levels)
        if self.date_format:
            shown["format"] = self.date_format
        if self.column.reason:
            shown["reason"] = self.column.reason
        return shown


@dataclass(frozen=True)
class Predictions:
    """The predictions for the rows of one request.

    Attributes
    ----------
    values : list
        Labels or numbers, as values that JSON can hold.
    classes : list or None
        The classes; None for regression.
    probabilities : ndarray of shape (n_rows, n_classes) or None
        The columns are in the order of `classes`.
    intervals : ndarray of shape (n_rows, 2) or None
        The ends of the intervals, if the request has a level.
    sets : list of list or None
        The classes of the set of each row, if the request has a level.
    quantiles : mapping of float to list, or None
        The numbers of each predicted quantile by its level.
    targets : mapping of str to Predictions, or None
        The predictions for each of several targets by its name; `values` is then empty.
    """

    values: list[Any]
    classes: list[Any] | None = None
    probabilities: NDArray[np.float64] | None = None
    intervals: NDArray[np.float64] | None = None
    sets: list[list[Any]] | None = None
    quantiles: Mapping[float, list[float]] | None = None
    targets: Mapping[str, Predictions] | None = None


class ServedModel:
    """A fitted estimator, and the names and kinds of its columns.

    Parameters
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
        A fitted estimator.
    """

    def __init__(self, estimator: BaseAutoML):
        self._estimator = estimator
        self.columns = served_columns(estimator._reader)
        self.by_name = {column.name: column for column in self.columns}
        self.labels = [column.label for column in self.columns]
        self.named = all(column.name == column.label for column in self.columns)
        classes, layout = getattr(estimator, "classes_", None), estimator._ensemble.targets
        self.is_classifier = classes is not None
        self.targets: dict[str, list[Any] | None] | None = None  # the classes of each of several targets, by its name
        if layout is not None:
            each = (
                layout.n_targets * [None] if classes is None else [[plain(label) for label in own] for own in classes]
            )
            self.targets, classes = dict(zip(layout.names, each, strict=True)), None
        self.classes = None if classes is None else [plain(label) for label in classes]
        self.quantiles = estimator._ensemble.quantiles
        self.name = type(estimator).__name__
        records = known_records(estimator)
        self.largest_level = None if records is None else largest_level(records[0].scores)

    def describe(self) -> dict[str, Any]:
        """Return the content of ``/schema``."""
        shown: dict[str, Any] = {
            "model": self.name,
            "task": "classification" if self.is_classifier else "regression",
            "columns": [column.describe() for column in self.columns],
        }
        if self.classes is not None:
            shown["classes"] = self.classes
        if self.quantiles:
            shown["quantiles"] = list(self.quantiles)
        if self.targets is not None:
            shown["targets"] = [
                {"name": name} | ({} if classes is None else {"classes": classes})
                for name, classes in self.targets.items()
            ]
        return shown

    def warm_up(self) -> None:
        """Predict for one row without values, so that the first request finds all parts of the model in memory."""
        value = 0.0 if self._estimator._reader.sparse_ else np.nan
        self.predict(pd.DataFrame([[value] * len(self.labels)], columns=pd.Index(self.labels, tupleize_cols=False)))

    def predict(self, table: pd.DataFrame, level: float | None = None) -> Predictions:
        """Return the predictions for a table whose columns are `labels`; a level adds intervals, or sets of classes."""
        if self.targets is not None:
            return Predictions([], targets=self._predict_targets(table, level, self.targets))
        if self.quantiles and level is None:
            found = self._estimator.predict_quantiles(table)
            values = self._estimator._ensemble.values(found)
            by_level = dict(zip(self.quantiles, found.T.tolist(), strict=True))
            return Predictions(values.tolist(), quantiles=by_level)
        if self.classes is None:
            if level is None:
                return Predictions([float(value) for value in self._estimator.predict(table)])
            values, ends = intervals(self._estimator, table, level)
            return Predictions([float(value) for value in values], intervals=ends)
        # `predict` and `predict_proba` would each run all models; the labels follow from the probabilities.
        sets = None
        if level is None:
            p = self._estimator.predict_proba(table)
        else:
            p, (inside,) = class_sets(self._estimator, table, level)
            sets = _as_labels(self.classes, inside)
        codes = self._estimator._ensemble.decide(p)
        return Predictions([self.classes[code] for code in codes], self.classes, p, sets=sets)

    def _predict_targets(
        self, table: pd.DataFrame, level: float | None, targets: Mapping[str, list[Any] | None]
    ) -> dict[str, Predictions]:
        """Return the predictions for each of several targets."""
        estimator, found = self._estimator, {}
        if not self.is_classifier:
            if level is None:
                values, ends = estimator.predict(table), [None] * len(targets)
            else:
                values, together = intervals(estimator, table, level)
                ends = list(np.moveaxis(together, -1, 0))
            for name, column, own in zip(targets, values.T, ends, strict=True):
                found[name] = Predictions(column.tolist(), intervals=own)
            return found
        inside: list[Any] = [None] * len(targets)
        if level is None:
            blocks = estimator.predict_proba(table)
        else:
            p, inside = class_sets(estimator, table, level)
            blocks = class_probabilities(estimator._ensemble, p)
        for (name, classes), block, own in zip(targets.items(), blocks, inside, strict=True):
            assert classes is not None
            labels = [classes[code] for code in block.argmax(axis=1)]
            sets = None if own is None else _as_labels(classes, own)
            found[name] = Predictions(labels, classes, block, sets=sets)
        return found


def _as_labels(classes: list[Any], inside: NDArray[np.bool_]) -> list[list[Any]]:
    """Return the classes of the set of each row."""
    return [[label for label, own in zip(classes, row, strict=True) if own] for row in inside]


def served_columns(reader: TableReader) -> list[ServedColumn]:
    """Return the columns of the training table, each with a name that is a text and occurs once."""
    names: dict[str, None] = {}
    for i, column in enumerate(reader.columns_):
        name = str(column.name) if reader.named_ else f"x{i}"
        while name in names:  # the labels 1 and "1" have the same text
            name = f"{name} ({i})"
        names[name] = None
    return [
        ServedColumn(name, column.name, column, dtype)
        for name, column, dtype in zip(names, reader.columns_, reader.dtypes_, strict=True)
    ]
