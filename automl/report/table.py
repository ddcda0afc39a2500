"""Section 2 of a report: the columns of the table and its target, with small histograms where rows are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from automl.errors import InvalidInputError
from automl.plurals import cell_number
from automl.refit.rows import TrainingRows, find_rows
from automl.report.data import ClassShare, ColumnRow, TableSection, TargetScore, TargetSummary
from automl.report.model import ReportedModel
from automl.report.rows import LabeledTable, label_codes
from automl.report.words import all_rounded, clean, metric_words, rounded
from pipelines.table.cells import TableError, factorize
from pipelines.table.columns import CategoryReader, Column, DateReader, NumericReader
from pipelines.table.raw import as_table, column_series
from pipelines.table.summary import summarize

Array = NDArray[Any]

_BARS = 12
_MAX_ROWS = 20_000  # of which distinct values and bars are counted
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def make_table_section(estimator: ReportedModel, train: LabeledTable | None) -> TableSection:
    """Return the section about the table; its counts come from the given table, else from the rows of the model."""
    rows = find_rows(estimator)
    columns = list(estimator._reader.columns_)
    about = summarize(columns)
    basic = [
        ColumnRow(clean(name), kind, clean(reason), clean(treatment))
        for name, kind, reason, treatment in about.itertuples(index=False, name=None)
    ]
    if train is not None:
        filled = _from_cells(basic, columns, train.X, estimator)
        note = f"Missing cells, distinct values and bars are those of the given table of {len(train.y):,} rows."
    elif rows is not None:
        filled = _from_numbers(basic, columns, rows.X)
        note = (
            "Missing cells, distinct values and bars are those of the training rows as the models see them. Columns "
            "that are not used, and text columns, have no counts here."
        )
    else:
        filled = basic
        note = (
            "Missing cells, distinct values and bars are left out, because the model was saved without its training "
            "rows. They appear if you give the training table: automl report MODEL --train TABLE --target COLUMN, or "
            "report(path, train=(X, y))."
        )
    return TableSection(note, tuple(filled), _target(estimator, train, rows))


def _from_numbers(rows: Sequence[ColumnRow], columns: Sequence[Column], X: Any) -> list[ColumnRow]:
    """Return the rows with counts from the output of the table reader."""
    if X.shape[0] > _MAX_ROWS:
        X = X[np.linspace(0, X.shape[0] - 1, _MAX_ROWS).astype(int)]
    table = X.tocsc() if sparse.issparse(X) else X
    filled = []
    for row, column in zip(rows, columns, strict=True):
        is_counted = len(column.positions) > 0 and column.kind not in ("text",)
        if not is_counted:
            filled.append(row)
            continue
        # The days since the first date are the last part of a date.
        at = column.positions[-1 if column.kind == "date" else 0]
        values = table[:, [at]].toarray().ravel() if sparse.issparse(table) else np.asarray(table[:, at])
        if isinstance(column.reader, DateReader):
            filled.append(_with_days(row, values, column.reader))
            continue
        levels = getattr(column.reader, "levels", None) if isinstance(column.reader, CategoryReader) else None
        filled.append(_with_counts(row, values, column.kind in ("category", "boolean"), levels))
    return filled


def _with_counts(row: ColumnRow, values: Array, is_category: bool, levels: Any = None) -> ColumnRow:
    known = values[np.isfinite(values)]
    missing = rounded(1 - len(known) / max(1, len(values)), 4)
    if not len(known):
        return _replaced(row, missing, 0, (), "")
    if is_category:
        codes, counts = np.unique(known, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        names = [_level(levels, codes[i]) for i in order[:3]]
        note = "most frequent: " + ", ".join(names) if levels is not None else "rows of each level, most frequent first"
        return _replaced(row, missing, len(codes), counts[order][:_BARS], note)
    heights, note = _histogram(known)
    return _replaced(row, missing, len(np.unique(known)), heights, note)


def _level(levels: Any, code: float) -> str:
    place = int(code)
    return clean(levels[place]) if levels is not None and place < len(levels) else "others"


def _from_cells(
    rows: Sequence[ColumnRow], columns: Sequence[Column], X: Any, estimator: ReportedModel
) -> list[ColumnRow]:
    """Return the rows with counts from the cells of a raw table."""
    try:
        raw = as_table(X)
        source = estimator._reader.match_columns(raw)
    except TableError as error:
        raise InvalidInputError(f"train: {error}") from error
    filled = []
    for row, column, at in zip(rows, columns, source, strict=True):
        if sparse.issparse(raw.values):
            cells = pd.Series(raw.values[:, [at]].toarray().ravel())
        else:
            cells = column_series(raw.values, at)
        filled.append(_from_series(row, column, cells))
    return filled


def _from_series(row: ColumnRow, column: Column, cells: pd.Series) -> ColumnRow:
    if isinstance(column.reader, NumericReader):
        return _with_counts(row, column.reader.read(cells)[:, 0], False)
    if isinstance(column.reader, DateReader):
        return _with_days(row, column.reader.read(cells)[:, -1], column.reader)
    codes, texts = factorize(cells)
    missing = rounded((codes < 0).mean(), 4)
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    if not len(texts) or column.kind in ("text", "identifier", "time"):
        return _replaced(row, missing, len(texts), (), "")
    order = np.argsort(-counts, kind="stable")
    names = ", ".join(clean(texts[i])[:40] for i in order[:3])
    return _replaced(row, missing, len(texts), counts[order][:_BARS], f"most frequent: {names}")


def _with_days(row: ColumnRow, days: Array, reader: DateReader) -> ColumnRow:
    filled = _with_counts(row, days, False)
    known = days[np.isfinite(days)]
    if not len(known):
        return filled
    first, last = (_date(reader.first, float(end)) for end in (known.min(), known.max()))
    return replace(filled, bars_note=f"{first} to {last}")


def _date(first: int, days: float) -> str:
    """Return the date some days after the first one; dates may lie beyond the range of pandas."""
    return str((np.datetime64(first, "us") + np.timedelta64(int(days * 86_400e6), "us")).astype("M8[D]"))


def _replaced(row: ColumnRow, missing: float | None, distinct: int, heights: Any, note: str) -> ColumnRow:
    return replace(row, missing=missing, distinct=int(distinct), bars=_relative(heights), bars_note=note)


def _relative(heights: Any) -> tuple[float, ...]:
    """Return the heights of bars relative to the highest one."""
    values = np.asarray(heights, dtype=float)
    return all_rounded(values / values.max(), 3) if len(values) and values.max() > 0 else ()


def _histogram(values: Array) -> tuple[Array, str]:
    """Return the counts of equal bins, and their range in words; extreme values are in the outer bins."""
    low, high = np.quantile(values, [0.01, 0.99]) if len(values) > 100 else (values.min(), values.max())
    if not low < high:
        low, high = float(values.min()), float(values.max())
    if not low < high:
        return np.array([len(values)]), f"always {cell_number(float(low))}"
    counts, _ = np.histogram(np.clip(values, low, high), bins=_BARS, range=(float(low), float(high)))
    return counts, f"{cell_number(float(values.min()))} to {cell_number(float(values.max()))}"


def _target(estimator: ReportedModel, train: LabeledTable | None, rows: TrainingRows | None) -> TargetSummary | None:
    """Return the summary of the target, from the best source that is known."""
    name = None if estimator._target_name is None else clean(estimator._target_name)
    record = vars(estimator).get("_frontier")
    classes = getattr(estimator, "classes_", None)
    if estimator._ensemble.targets is not None:
        return _several_targets(estimator, name)
    if rows is not None:
        y = rows.y
    elif train is not None:
        labels = pd.Series(np.asarray(train.y).ravel()).dropna()
        y = label_codes(estimator, labels, "train")
    elif record is not None:
        y = record.y
    else:
        return None
    if classes is not None:
        counts = np.bincount(y, minlength=len(classes))
        order = np.argsort(-counts, kind="stable")
        shares = tuple(
            ClassShare(clean(classes[i]), int(counts[i]), float(f"{counts[i] / counts.sum():.4g}")) for i in order
        )
        return TargetSummary(name, len(y), shares)
    heights, note = _histogram(y)
    quantiles = tuple((level, float(f"{np.quantile(y, level):.6g}")) for level in _QUANTILES)
    return TargetSummary(name, len(y), (), quantiles, _relative(heights), note)


def _several_targets(estimator: ReportedModel, name: str | None) -> TargetSummary:
    """Return the summary of several targets: their scores, where they are known."""
    try:
        board = estimator.target_scores_
    except AttributeError:
        return TargetSummary(name, int(estimator._reader.n_rows_))
    words = metric_words(estimator._metric.scorer.name)
    scores = tuple(
        TargetScore(clean(target), rounded(words.sign * score), rounded(words.sign * constant))
        for target, score, constant in board.itertuples(index=False)
    )
    return TargetSummary(name, int(estimator._reader.n_rows_), bars_note=words.title, scores=scores)
