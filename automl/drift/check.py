"""The comparison of new rows with the training rows of a fitted estimator: schema, columns, adversarial model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse, stats

from automl.checks.warning import list_names, percent
from automl.drift.adversarial import LEAST_ROWS, AdversarialResult, compare_rows
from automl.drift.column_tests import ColumnTest, compare_codes, compare_numbers
from automl.drift.report import COLUMNS, DriftReport
from automl.drift.sketch import ColumnSketch, TableSketch, is_category, main_output, n_codes, sketch_table
from automl.errors import InvalidInputError
from automl.plurals import cell_number, plural
from automl.refit.model import ModelWithRows
from automl.refit.rows import MissingRowsError, TrainingRows, get_rows
from automl.task.table_validation import check_table
from automl.task.validation import is_number, is_whole_number, table_errors
from pipelines.table.cells import TableError, factorize, find_unread
from pipelines.table.columns import Column, DateReader
from pipelines.table.raw import RawTable, as_table, column_series

Array = NDArray[Any]

_SHOWN = 5  # names in a note


class SketchedModel(ModelWithRows):
    """A fitted estimator that may keep the sketch of its training rows; it declares types only."""

    _sketch: TableSketch | None


def check_drift(
    estimator: SketchedModel, X_new: Any, X_train: Any, level: float, adversarial: bool, random_state: int
) -> DriftReport:
    """Compare new rows with the training rows; see `DriftCheck.check_drift`."""
    if not is_number(level) or not 0 < level < 1:
        raise InvalidInputError(f"level must be a number between 0 and 1, got {level!r}")
    if not is_whole_number(random_state) or random_state < 0:
        raise InvalidInputError(f"random_state must be a whole number of at least 0, got {random_state!r}")
    X_new = check_table(X_new)
    old = None if X_train is None else TrainingRows(_read(estimator, X_train, "X_train"), np.empty(0))
    sketch = _find_sketch(estimator, old)
    cells, notes = _read_columns(estimator, X_new)
    compared = [_Compared(each, known, _test(sketch.n_rows, known, each)) for known, each in _pairs(sketch, cells)]
    compared.sort(key=lambda each: (each.test.p, -np.nan_to_num(each.test.distance)))
    n_new = int(as_table(X_new).values.shape[0])
    samples, reason = _samples(estimator, X_new, old, cells, n_new) if adversarial else (None, "")
    if reason:
        notes.append(f"there is no adversarial model, because {reason}")
    # Each kind of test gets half of the probability of a false alarm.
    share = float(level) if samples is None else level / 2
    result = None
    if samples is not None:
        positions = [each.cells.column.positions for each in compared]
        result = compare_rows(*samples, positions, share, int(random_state))
    auc, p = (np.nan, np.nan) if result is None else (result.auc, result.p)
    table = _table(compared, sketch.n_rows, share, result)
    return DriftReport(n_new, sketch.n_rows, table, float(level), auc, p, share, tuple(notes))


def make_sketch(estimator: SketchedModel) -> TableSketch:
    """Return the sketch of the training rows of a fitted estimator, which keeps it.

    The sketch is made when it is first needed, so that `fit` takes no time for it.

    Raises
    ------
    MissingRowsError
        If neither sketch nor rows are there.
    """
    sketch: TableSketch | None = vars(estimator).get("_sketch")
    if sketch is None:
        rows = get_rows(vars(estimator).get("_rows"))
        sketch = estimator._sketch = sketch_table(estimator._reader.columns_, rows)
    return sketch


def _find_sketch(estimator: SketchedModel, old: TrainingRows | None) -> TableSketch:
    """Return the sketch that the estimator keeps, or else that of the training table of the user."""
    try:
        return make_sketch(estimator)
    except MissingRowsError as error:
        if old is not None:
            return sketch_table(estimator._reader.columns_, old)
        raise InvalidInputError(
            f"the model has no sketch of its training rows yet, and these rows are not there: {error.reason}; pass the "
            "training table: check_drift(X_new, X_train), or --train on the command line"
        ) from error


@dataclass(frozen=True)
class _NewCells:
    """The new cells of a column.

    Attributes
    ----------
    values : ndarray of shape (n_new,) or None
        The main output of the column; None if the column is missing or cannot be read.
    unseen : ndarray of bool of shape (n_new,)
        The cells that are not missing in the table, but cannot be read: levels without training rows, or odd texts.
    example : str
        One such cell.
    problem : str
        Why there are no values.
    """

    column: Column
    values: Array | None
    unseen: NDArray[np.bool_]
    example: str = ""
    problem: str = ""


def _read(estimator: SketchedModel, X: Any, argument: str) -> Any:
    try:
        with table_errors():
            return estimator._reader.transform(check_table(X))
    except InvalidInputError as error:
        raise InvalidInputError(f"{argument}: {error}") from error


def _read_columns(estimator: SketchedModel, X: Any) -> tuple[dict[int, _NewCells], list[str]]:
    """Return the new cells of each used column by its number, and notes about the columns of the table.

    Raises
    ------
    InvalidInputError
        If the columns have no names, and their number is another one than in training.
    """
    reader = estimator._reader
    raw = as_table(X)
    labels = reader.labels_
    notes: list[str] = []
    if reader.named_ and raw.named:
        where = {label: i for i, label in enumerate(raw.labels)}
        targets = getattr(vars(estimator).get("_ensemble"), "targets", None)
        known = {*labels, estimator._target_name, *(() if targets is None else targets.names)}
        unknown = [repr(label) for label in raw.labels if label not in known]
        if unknown:
            notes.append(f"columns that the model does not know: {list_names(unknown, _SHOWN, 'column')}")
    elif len(raw.labels) != len(labels):
        raise InvalidInputError(
            f"X_new has {plural(len(raw.labels), 'column')}, but the training table had {len(labels)}; pass the same "
            "columns in the same order"
        )
    else:
        where = dict(zip(labels, range(len(labels)), strict=True))
    found, n_rows = {}, int(raw.values.shape[0])
    for i, column in enumerate(reader.columns_):
        if not column.positions:
            continue
        if labels[i] in where:
            found[i] = _cells_of(column, raw, where[labels[i]])
        else:
            found[i] = _NewCells(column, None, np.zeros(n_rows, dtype=bool), problem="is missing from the new rows")
    return found, notes


def _cells_of(column: Column, raw: RawTable, at: int) -> _NewCells:
    if sparse.issparse(raw.values):
        series = pd.Series(raw.values[:, [at]].toarray().ravel())
    else:
        series = column_series(raw.values, at)
    nothing = np.zeros(len(series), dtype=bool)
    try:
        values = np.asarray(column.reader.read(series), dtype=np.float64)[:, main_output(column)]
    except TableError as error:
        return _NewCells(column, None, nothing, problem=str(error).split("; ")[0])
    if np.isinf(values).any():
        return _NewCells(column, None, nothing, problem="holds infinite values")
    if is_category(column):  # a column of booleans may now hold other numbers
        values = np.where(np.isin(values, np.arange(n_codes(column))), values, np.nan)
    if not np.isnan(values).any() or pd.api.types.is_numeric_dtype(series.dtype):
        unseen, example = nothing, ""
        if is_category(column) and pd.api.types.is_numeric_dtype(series.dtype):
            unseen = np.isnan(values) & series.notna().to_numpy()
            example = str(series[unseen].iloc[0]) if unseen.any() else ""
        return _NewCells(column, values, unseen, example)
    if not is_category(column):
        return _NewCells(column, values, *find_unread(series, np.isnan(values)))
    codes, texts = factorize(series)
    unseen = np.isnan(values) & (codes >= 0)
    return _NewCells(column, values, unseen, str(texts[codes[unseen][0]]) if unseen.any() else "")


@dataclass(frozen=True)
class _Compared:
    """The new cells of a column, its sketch, and the result of its tests."""

    cells: _NewCells
    sketch: ColumnSketch
    test: ColumnTest


def _pairs(sketch: TableSketch, cells: Mapping[int, _NewCells]) -> Iterator[tuple[ColumnSketch, _NewCells]]:
    for at, each in cells.items():
        known = sketch.columns[at]
        if known is not None:
            yield known, each


def _test(n_rows: int, sketch: ColumnSketch, cells: _NewCells) -> ColumnTest:
    if cells.values is None:
        return ColumnTest("", np.nan, 0.0)
    if sketch.edges is None:
        return compare_codes(sketch, n_rows, cells.values, int(cells.unseen.sum()))
    return compare_numbers(sketch, n_rows, cells.values)


def _samples(
    estimator: SketchedModel, X_new: Any, old: TrainingRows | None, cells: Mapping[int, _NewCells], n_new: int
) -> tuple[tuple[Any, Any] | None, str]:
    """Return the old rows and the new rows for the adversarial model, or None and why there are none."""
    if any(each.problem for each in cells.values()):
        return None, "a column of the training table is missing or cannot be read"
    if old is None:
        try:
            old = get_rows(vars(estimator).get("_rows"))
        except MissingRowsError:
            return None, "the model holds no training rows; pass the training table to get one"
    if min(n_new, old.X.shape[0]) < LEAST_ROWS:
        return None, f"it needs {LEAST_ROWS} rows of each table"
    return (old.X, _read(estimator, X_new, "X_new")), ""


def _table(compared: Sequence[_Compared], n_rows: int, level: float, result: AdversarialResult | None) -> pd.DataFrame:
    """Return the columns of a `DriftReport`."""
    p = np.array([each.test.p for each in compared])
    adjusted = stats.false_discovery_control(p) if len(p) else p
    importance = np.full(len(p), np.nan) if result is None else result.importance
    rows = []
    for each, own, share in zip(compared, adjusted.tolist(), importance.tolist(), strict=True):
        cells, test = each.cells, each.test
        before = each.sketch.n_missing / n_rows
        now = np.nan if cells.values is None else float((np.isnan(cells.values) & ~cells.unseen).mean())
        rows.append(
            {
                "name": cells.column.name,
                "kind": cells.column.kind,
                "drifted": own <= level,
                "distance": test.distance,
                "p": test.p,
                "adjusted_p": own,
                "test": test.test,
                "missing_before": before,
                "missing_now": now,
                "importance": share,
                "note": cells.problem or "; ".join(_facts(each.sketch, cells, before, now)),
            }
        )
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS))


def _facts(known: ColumnSketch, cells: _NewCells, before: float, now: float) -> list[str]:
    """Return what a reader should know about the new cells of a column, in words."""
    facts: list[str] = []
    values = cells.values
    if values is None:
        return facts
    n_unseen = int(cells.unseen.sum())
    if n_unseen and is_category(cells.column):
        facts.append(f"{plural(n_unseen, 'cell')} with unseen levels, for example {cells.example!r}")
    elif n_unseen:
        facts.append(f"{plural(n_unseen, 'cell')} cannot be read, for example {cells.example!r}")
    if known.edges is not None:
        with np.errstate(invalid="ignore"):
            outside = float(((values < known.low) | (values > known.high)).mean())
        if outside:
            low, high = (_shown(cells.column, value) for value in (known.low, known.high))
            facts.append(f"{percent(outside)} of the cells outside of {low} to {high}")
    if abs(now - before) >= 0.005:
        facts.append(f"missing cells: {percent(before)} before, {percent(now)} now")
    return facts


def _shown(column: Column, value: float) -> str:
    if isinstance(column.reader, DateReader) and "_elapsed" in column.reader.suffixes:
        moment = pd.Timestamp(column.reader.first, unit="us") + pd.Timedelta(days=value)
        return str(moment.date())
    return cell_number(value)
