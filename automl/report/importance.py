"""Section 4 of a report: which columns the model uses, and how its predictions depend on the first of them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.errors import AutoMLError, UnreadCellsWarning
from automl.explain.importance import importance, of_target
from automl.explain.partial_dependence import PartialDependence, partial_dependence
from automl.fitted.one_target import OneTarget, each_target
from automl.plurals import plural
from automl.report.data import ColumnImportance, Dependence, ImportanceSection
from automl.report.model import ReportedModel
from automl.report.rows import LabeledTable
from automl.report.words import clean, number
from pipelines.targets import TargetLayout

_SECONDS = 15.0  # of the importance
_REPEATS = 3
_MAX_COLUMNS = 100  # in the table
_N_DEPENDENCES = 6
_N_ROWS, _N_VALUES = 40, 15  # of a partial dependence
_NO_CURVE = ("text", "constant", "identifier", "drop")  # kinds of columns without a partial dependence


def make_importance_section(
    estimator: ReportedModel, test: LabeledTable | None = None
) -> tuple[ImportanceSection | None, str]:
    """Return what the model uses, or the reason why that is not known.

    Parameters
    ----------
    test : LabeledTable, optional
        Rows that take the place of the training rows, where the model has not kept these.
    """
    rows = None
    table, reason = _measure(estimator, rows)
    if table is None and test is not None:
        rows = test
        table, _ = _measure(estimator, rows)
    if table is None:
        return None, f"The importance of the columns is not known: {reason}."
    X = None if rows is None else rows.X
    reached = table[table["importance"].notna()]
    layout = estimator._ensemble.targets
    targets = tuple(name for name in (() if layout is None else layout.names) if of_target(name) in table)
    columns = tuple(_column(entry, targets) for entry in reached.head(_MAX_COLUMNS).to_dict("records"))
    kinds = {column.name: column.kind for column in estimator._reader.columns_}
    drawn = [
        name
        for name, value in zip(reached["name"], reached["importance"], strict=True)
        if value > 0 and kinds[name] not in _NO_CURVE
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnreadCellsWarning)  # the section about the test rows has warned of their cells
        dependences = tuple(_dependence(estimator, name, X) for name in drawn[:_N_DEPENDENCES])
    shown = tuple(clean(name) for name in targets)
    return ImportanceSection(_note(table, len(columns)), columns, dependences, shown), ""


def _column(entry: dict[Any, Any], targets: tuple[str, ...]) -> ColumnImportance:
    """Return a row of the table of importances."""
    value, *ends = (float(entry[name]) for name in ("importance", "low", "high"))
    low, high = (end if np.isfinite(end) else None for end in ends)
    similar = () if entry["correlated_with"] is None else (clean(entry["correlated_with"]),)
    each = tuple(float(entry[of_target(name)]) for name in targets)
    return ColumnImportance(clean(entry["name"]), value, low, high, similar, each)


def _measure(estimator: ReportedModel, rows: LabeledTable | None) -> tuple[pd.DataFrame | None, str]:
    """Return the importance of the columns on some rows, or the reason why it is not known."""
    X, y = (None, None) if rows is None else (rows.X, rows.y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of columns that were not reached; the note names their number
        try:
            return importance(estimator, _REPEATS, X=X, y=y, seconds=_SECONDS), ""
        except AutoMLError as error:
            return None, clean(str(error).split("; ")[0])


def _note(table: pd.DataFrame, n_shown: int) -> str:
    parts = [
        f"The cells of one column at a time are exchanged between {number(table.attrs['n_rows'])} rows, which are "
        "predicted by models that were not trained on them. Columns that are similar (rank correlation above 0.8) "
        "share their importance. Importance says what the model uses, not what causes the target."
    ]
    n_missed = int(table["importance"].isna().sum())
    if n_missed:
        parts.append(f"The time was too short for {plural(n_missed, 'column')}; importance(seconds=...) takes longer.")
    if len(table) - n_missed > n_shown:
        parts.append(f"The table shows the first {n_shown} columns.")
    return " ".join(parts)


def _dependence(estimator: ReportedModel, column: Any, X: Any) -> Dependence:
    known = partial_dependence(estimator, column, X, n_rows=_N_ROWS, n_values=_N_VALUES)
    individual, output = _one_output(estimator, known)
    if known.kind == "date" and known.values.dtype.kind == "M":
        values: tuple[float | str, ...] = tuple(str(value)[:19] for value in known.values.astype("M8[s]"))
        kind = "date"
    elif known.values.dtype.kind == "O":
        kind, values = "level", tuple(clean(value) for value in known.values)
    else:
        kind, values = "number", tuple(float(value) for value in known.values)
    rows = tuple(tuple(float(f"{value:.5g}") for value in row) for row in individual)
    return Dependence(clean(column), values, tuple(individual.mean(axis=0).tolist()), rows, kind, output)


def _one_output(estimator: ReportedModel, known: PartialDependence) -> tuple[NDArray[Any], str]:
    """Return the predictions of the value, or of the class of interest, or of the class that changes most.

    Of several targets, it is the one that changes most, relative to the spread of its predictions.
    """
    layout = estimator._ensemble.targets
    if layout is not None:
        return _most_changed(layout, known, each_target(estimator))
    if not estimator._is_classifier:
        return known.individual, "prediction"
    labels = estimator.classes_.tolist()
    code = int(np.ptp(known.average, axis=0).argmax()) if len(labels) > 2 else estimator._positive_code()
    return known.individual[:, :, code], f"probability of {clean(labels[code])}"


def _most_changed(layout: TargetLayout, known: PartialDependence, targets: list[OneTarget]) -> tuple[NDArray[Any], str]:
    """Return the predictions for the target that changes most, relative to the spread of its predictions."""
    means, spread = known.average, known.individual.std(axis=(0, 1))
    changes = np.divide(np.ptp(means, axis=0), spread, out=np.zeros(layout.n_columns), where=spread > 0)
    owners = np.repeat(np.arange(layout.n_targets), layout.n_classes or 1)
    column = int(changes.argmax())
    own = targets[int(owners[column])]
    if own.classes_ is None:
        return known.individual[:, :, column], f"prediction of {clean(own.name)}"
    code = column - int(np.argmax(owners == owners[column]))
    if len(own.classes_) == 2 and code == 0:
        column, code = column + 1, 1
    return known.individual[:, :, column], f"probability of {clean(own.name)} = {clean(own.classes_[code])}"
