"""The rows that a report is about: the training rows as far as they are known, and rows with known labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.ensemble.fitted_model import FittedModel
from automl.errors import InvalidInputError, unknown_label
from automl.explain.predictions import Predicted
from automl.fitted.one_target import OneTarget, each_target, layout_of
from automl.plurals import plural
from automl.task.several_targets import take_targets
from pipelines.table.cells import level_text
from pipelines.table.frames import to_frame, to_series

Array = NDArray[Any]


@dataclass(frozen=True)
class LabeledTable:
    """A table in the form in which the user has it, and its target."""

    X: Any
    y: Any


def labeled_table(given: Any, argument: str) -> LabeledTable | None:
    """Return a pair of a table and its target, as the arguments `train` and `test` take it.

    Raises
    ------
    InvalidInputError
        If it is not a pair, or if the two have different numbers of rows.
    """
    if given is None or isinstance(given, LabeledTable):
        return given
    try:
        X, y = given
        X, y = to_frame(X), to_series(y)
        n_rows, n_labels = X.shape[0], len(y)
    except (TypeError, ValueError, AttributeError, IndexError):
        raise InvalidInputError(f"{argument} must be a pair of a table and its target: {argument}=(X, y)") from None
    if n_rows != n_labels:
        raise InvalidInputError(
            f"{argument}: the table has {plural(n_rows, 'row')}, but its target has {plural(n_labels, 'value')}"
        )
    return LabeledTable(X, y)


def predicted_rows(estimator: FittedModel, table: LabeledTable, argument: str) -> Predicted:
    """Return the predictions of an estimator for a table with known labels; rows without a label are left out.

    Raises
    ------
    InvalidInputError
        If the table does not suit the model, a label is unknown, or no row has a label.
    """
    labels = pd.Series(np.asarray(table.y).ravel(), dtype=object) if not isinstance(table.y, pd.Series) else table.y
    known = np.flatnonzero(labels.notna().to_numpy())
    if not len(known):
        raise InvalidInputError(f"{argument}: no row has a value of the target; pass rows with known labels")
    X = table.X.iloc[known] if hasattr(table.X, "iloc") else table.X[known]
    y = label_codes(estimator, labels.iloc[known], argument)
    try:
        p = estimator._predict(X)
    except InvalidInputError as error:
        raise InvalidInputError(f"{argument}: {error}") from error
    return Predicted(y, np.asarray(p, dtype=np.float64), numbers=known)


def predicted_targets(estimator: FittedModel, table: LabeledTable, argument: str) -> Predicted:
    """Return the predictions for a table with several known targets; rows that lack one of them are left out.

    Raises
    ------
    InvalidInputError
        If the table does not suit the model, a target or a label is unknown, or no row has all targets.
    """
    layout = layout_of(estimator)
    try:
        y = take_targets(table.y, layout)
        frame = y if isinstance(y, pd.DataFrame) else pd.DataFrame(np.asarray(y))
        frame = frame.set_axis(list(layout.names), axis=1)
        known = np.flatnonzero(frame.notna().all(axis=1).to_numpy())
        if not len(known):
            raise InvalidInputError("no row has a value of each target; pass rows with known labels")
        parts = ((own, frame[own.name].iloc[known]) for own in each_target(estimator))
        codes = [label_codes(own, labels, f"target {own.name!r}") for own, labels in parts]
        p = estimator._predict(table.X.iloc[known] if hasattr(table.X, "iloc") else table.X[known])
    except InvalidInputError as error:
        raise InvalidInputError(f"{argument}: {error}") from error
    return Predicted(np.column_stack(codes), np.asarray(p, dtype=np.float64), numbers=known)


def label_codes(estimator: FittedModel | OneTarget, labels: pd.Series, argument: str) -> Array:
    """Return the codes of labels, or the numbers of a regression. The texts of labels may also be equal."""
    if not estimator._ensemble.n_classes:
        numbers = pd.to_numeric(labels, errors="coerce").to_numpy(dtype=np.float64)
        if not np.isfinite(numbers).all():
            odd = labels.iloc[int(np.argmin(np.isfinite(numbers)))]
            raise InvalidInputError(f"{argument}: the target holds {odd!r}, which is no finite number")
        return numbers
    classes = np.asarray(estimator.classes_).tolist()
    by_text = {level_text(label): code for code, label in enumerate(classes)}
    codes = [by_text.get(level_text(label)) for label in labels.tolist()]
    if None in codes:
        odd = labels.tolist()[codes.index(None)]
        raise unknown_label(f"{argument}: the target", odd, classes)
    return np.array(codes, dtype=np.intp)
