"""Columns that should not be used as they are: identifiers, and cells whose absence depends on the class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from automl.checks.warning import DataWarning, list_names, percent
from automl.task.task import Task
from pipelines.row_samples import spaced_rows
from pipelines.table.column_types import IDENTIFIER_NAME, IDENTIFIER_SHARE, MIN_ROWS_FOR_IDENTIFIER
from pipelines.table.columns import Column

Array = NDArray[Any]

_MAX_ROWS = 20_000
_SAMPLE = 1_000  # rows that exclude most columns from the check of identifiers
_ROWS_OF_ONE_ID = 50  # a level of a category that names a person or a thing has fewer rows on average
_LEAST_LEVELS = 20
_LEAST_CELLS = 10  # missing cells, and present cells
_LEAST_V = 0.3  # Cramér's V of a clear dependence
_MAX_P = 1e-4  # for all columns together
_SHOWN = 4


def check_identifiers(task: Task, columns: Sequence[Column]) -> list[DataWarning]:
    """Return a warning for each column that identifies rows, persons or things, and that the models use.

    The table reader already leaves out texts that are different in each row, and row numbers with the name of an
    identifier. These columns remain: other numbers without repetition, categories with the name of an identifier, and
    row numbers with another name.
    """
    n_rows = len(task.y)
    if n_rows < MIN_ROWS_FOR_IDENTIFIER or sparse.issparse(task.X):
        return []
    sample = task.X[:: max(1, n_rows // _SAMPLE)]
    is_whole = ((sample == np.floor(sample)) | np.isnan(sample)).all(axis=0)
    found = []
    for column in columns:
        if column.kind not in ("number", "category", "text") or not is_whole[column.positions[0]]:
            continue
        named = isinstance(column.name, str) and IDENTIFIER_NAME.match(column.name) is not None
        if column.kind == "number":
            what = _number_that_identifies(task.X[:, column.positions[0]], named)
        elif not named:
            what = ""
        elif column.kind == "text":
            what = "holds texts that identify rows, by its name"
        else:
            levels = column.reader.cardinality
            few = levels >= _LEAST_LEVELS and n_rows / levels < _ROWS_OF_ONE_ID
            what = f"holds {levels} different identifiers, by its name" if few else ""
        if not what:
            continue
        message = (
            f"column {column.name!r} {what}, and the models use it; columns={{{column.name!r}: 'drop'}} leaves it out"
        )
        if column.kind == "category":
            message += f"; if new rows have new identifiers, pass groups=X[{column.name!r}], too"
        found.append(DataWarning("identifier", column.name, message, "medium"))
    return found


def _number_that_identifies(values: Array, named: bool) -> str:
    """Say why the numbers of a column identify rows; an empty text if they do not."""
    whole = values[~np.isnan(values)]
    if len(whole) < MIN_ROWS_FOR_IDENTIFIER:
        return ""
    span = whole.max() - whole.min()
    if span < IDENTIFIER_SHARE * (len(whole) - 1) or not (named or span == len(values) - 1):
        return ""
    if not (whole == np.floor(whole)).all():
        return ""
    n_distinct = len(np.unique(whole))
    if n_distinct == len(values) == span + 1:
        return "numbers the rows"
    if named and n_distinct >= IDENTIFIER_SHARE * len(whole):
        return f"holds {n_distinct} different whole numbers in {len(whole)} rows, and is named like an identifier"
    return ""


def check_missing_cells(task: Task, columns: Sequence[Column], names: Sequence[str]) -> list[DataWarning]:
    """Return a warning if the absence of cells depends on the class; it names the columns, the clearest one first.

    The test is the chi-squared test of class and absence, with the correction of Bonferroni for the number of columns,
    and Cramér's V as the size of the effect. Rows of weight 0 do not count. Long tables are tested on a sample in which
    a rare class has more rows than its share, so that V is computed for the sizes of the classes in the table.

    Parameters
    ----------
    names : sequence of str
        Names of the classes, as a message quotes them; empty for regression.
    """
    if not names or sparse.issparse(task.X):
        return []
    incomplete = [column for column in columns if column.missing]
    counted = task.counted_rows
    y = task.y[counted]
    totals = np.bincount(y, minlength=len(names))
    rows = spaced_rows(counted, _MAX_ROWS, task.y)
    tested = np.bincount(task.y[rows], minlength=len(names))
    found: list[tuple[float, Column]] = []
    for column in incomplete:
        missing = np.isnan(task.X[rows, column.positions[0]])
        n_missing = int(missing.sum())
        if min(n_missing, len(rows) - n_missing) < _LEAST_CELLS:
            continue
        counts = np.bincount(task.y[rows][missing], minlength=len(names))
        p, _ = _chi_squared(counts, tested)
        _, v = _chi_squared(counts * totals / np.maximum(tested, 1), totals)
        if v >= _LEAST_V and p * len(incomplete) <= _MAX_P:
            found.append((v, column))
    if not found:
        return []
    found.sort(key=lambda each: -each[0])
    first = found[0][1]
    missing = np.isnan(task.X[counted, first.positions[0]])  # of all rows, because the message names the shares
    shares = np.bincount(y[missing], minlength=len(names)) / np.maximum(totals, 1)
    known = np.flatnonzero(totals >= min(_LEAST_CELLS, totals.max()))
    most, least = known[shares[known].argmax()], known[shares[known].argmin()]
    others = [repr(column.name) for _, column in found[1:]]
    message = (
        f"column {first.name!r} is missing in {percent(shares[most])} of the rows of class {names[most]} and in "
        f"{percent(shares[least])} of class {names[least]}"
        + (f" (similar: {list_names(others, _SHOWN, 'column')})" if others else "")
        + "; the models use that, so check that cells of new rows are missing for the same reason; "
        f"columns={{{first.name!r}: 'drop'}} leaves the column out"
    )
    return [DataWarning("missing_by_class", first.name, message, "medium")]


def _chi_squared(counts: Array, totals: Array) -> tuple[float, float]:
    """Return the p value and Cramér's V of a table of two columns: missing cells of each class, and the other cells."""
    kept = totals > 0
    counts, totals = counts[kept].astype(float), totals[kept].astype(float)
    n, share = totals.sum(), counts.sum() / totals.sum()
    statistic = float(((counts - totals * share) ** 2 / (totals * share * (1 - share))).sum())
    return float(special.chdtrc(max(1, len(totals) - 1), statistic)), float(np.sqrt(statistic / n))
