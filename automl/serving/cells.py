"""Checks of the cells of a request, column by column, and conversion to the table that the model reads."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.serving.errors import CellError, refuse_cells, shorten
from automl.serving.model import ServedColumn, ServedModel
from automl.table_files.text import has_other_sign, with_point
from pipelines.table.cells import TableError, is_placeholder, level_text
from pipelines.table.columns import CategoryReader

# The texts that JSON may hold for a number; the schema of the server publishes the pattern.
NUMBER_PATTERN = r"^[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?$"
TIME_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"  # the texts that JSON may hold for a time of day
LARGEST_NUMBER = 1e308
_NUMBER = re.compile(NUMBER_PATTERN)
_TRUTH = {"true": True, "false": False, "1": True, "0": False}
_MOST_ERRORS = 20  # problems that one response lists
# Texts that pandas takes as missing values when it reads a CSV file.
_NO_VALUES = ["#N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]
_MISSING = frozenset(_NO_VALUES)
_ColumnReader: TypeAlias = Callable[[ServedColumn, Sequence[Any], bool], Any]


@dataclass(frozen=True)
class Cells:
    """The cells of a request, by column.

    Attributes
    ----------
    columns : dict
        One list of values for each column: texts, numbers, booleans, or None for a missing cell.
    n_rows : int
    as_text : bool
        Whether all cells are texts, as in CSV.
    decimal : str
        Decimal sign of the numbers of CSV.
    """

    columns: Mapping[str, Sequence[Any]]
    n_rows: int
    as_text: bool = False
    decimal: str = "."


@dataclass
class LevelCounts:
    """Numbers of cells in category columns, by column: all cells with a value, and those with an unseen level."""

    cells: dict[str, int] = field(default_factory=dict)
    unseen: dict[str, int] = field(default_factory=dict)


class _BadCellError(Exception):
    """A cell cannot be read; `index` is its position in the column."""

    def __init__(self, index: int, message: str):
        super().__init__(message)
        self.index = index
        self.message = message


def make_table(cells: Cells, model: ServedModel) -> tuple[pd.DataFrame, LevelCounts]:
    """Check all cells, and return the table for the model.

    Returns
    -------
    table : DataFrame
        Its columns are the columns of the training table, in their order.
    counts : LevelCounts

    Raises
    ------
    RequestError
        If a cell cannot be read; the message names its row and column.
    """
    values: list[Any] = []
    errors: list[CellError] = []
    counts = LevelCounts()
    for column in model.columns:
        given = cells.columns.get(column.name)
        try:
            values.append(_missing(cells.n_rows) if given is None else _read(column, given, cells, counts))
        except _BadCellError as error:
            errors.append(CellError(error.message, error.index + 1, column.name))
            if len(errors) == _MOST_ERRORS:
                break
    if errors:
        raise refuse_cells(sorted(errors, key=lambda error: error.row or 0))
    if all(isinstance(value, np.ndarray) for value in values):
        table = pd.DataFrame(np.column_stack(values), copy=False)  # faster than one array for each column
    else:
        table = pd.DataFrame(dict(enumerate(values)), copy=False)
    table.columns = pd.Index(model.labels, tupleize_cols=False)
    return table, counts


def _missing(n_rows: int) -> NDArray[np.float64]:
    return np.full(n_rows, np.nan)


def _read(column: ServedColumn, cells: Sequence[Any], request: Cells, counts: LevelCounts) -> Any:
    """Return a column as a float array or a series of objects."""
    if request.as_text:
        levels = frozenset(column.levels)
        cells = [None if cell in _MISSING and cell not in levels else cell for cell in cells]
    else:
        _check_json(cells)
    if not column.used:
        return _missing(len(cells))
    if request.as_text and column.holds_numbers:
        cells = _with_points(cells, request.decimal)
    read: _ColumnReader = _READERS.get(column.kind, _read_any)
    values = read(column, cells, request.as_text)
    if isinstance(column.column.reader, CategoryReader):
        _count_levels(column, column.column.reader, cells, counts)
    return values


def _with_points(cells: Sequence[Any], decimal: str) -> Sequence[Any]:
    """Return the numbers of a column of CSV with decimal points.

    A number with the other sign is an error: alone, "1,001" could be a small number or a large one.
    """
    for i, cell in enumerate(cells):
        if has_other_sign(cell, decimal):
            other, own = ("point", "comma") if decimal == "," else ("comma", "point")
            what = f"has a {other}, but the decimal sign of this request is a {own}"
            raise _BadCellError(i, f"{_show(cell)} {what}; use one sign in all numbers")
    return [with_point(cell) for cell in cells] if decimal == "," else cells


def _check_json(cells: Sequence[Any]) -> None:
    """Check that JSON values are finite numbers, booleans, valid texts or null."""
    if set(map(type, cells)) <= {bool, type(None)}:
        return
    for i, cell in enumerate(cells):
        if isinstance(cell, int | float):
            if not abs(cell) <= LARGEST_NUMBER:
                raise _BadCellError(i, "NaN, infinity and numbers beyond 1e308 are not allowed; write null instead")
        elif isinstance(cell, str):
            if not cell.isascii() and not _is_valid(cell):
                raise _BadCellError(i, "the text holds half of a surrogate pair, which no encoding can write")
        elif isinstance(cell, list | dict):
            kind = "a list" if isinstance(cell, list) else "an object"
            raise _BadCellError(i, f"{kind} is not a value; send a text, a number, true, false or null")


def _is_valid(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_numbers(column: ServedColumn, cells: Sequence[Any], as_text: bool) -> Any:
    kinds = set(map(type, cells))
    if bool in kinds:
        raise _bad(cells, lambda cell: isinstance(cell, bool), "is not a number")
    if str not in kinds:
        return _floats(cells)
    if column.holds_texts:
        # The model was trained on texts such as "12 %" or "1.234,50", and reads them itself.
        return _by_reader(column, cells, as_text, "is not a number")
    if as_text:
        try:
            numbers = np.array([math.nan if cell is None else _number(cell) for cell in cells])
        except ValueError:
            return _by_reader(column, cells, as_text, "is not a number")
        if np.isinf(numbers).any():
            raise _bad(cells, lambda cell: cell is not None and math.isinf(float(cell)), "is not a finite number")
        return numbers
    if any(isinstance(cell, str) and not _NUMBER.match(cell) for cell in cells):
        raise _bad(cells, lambda cell: isinstance(cell, str) and not _NUMBER.match(cell), "is not a number")
    return _floats([float(cell) if isinstance(cell, str) else cell for cell in cells])


def _number(text: str) -> float:
    if "_" in text:  # Python reads "1_0" as 10; the model decides
        raise ValueError
    return float(text)


def _floats(cells: Sequence[Any]) -> NDArray[np.float64]:
    return np.array([math.nan if cell is None else cell for cell in cells], dtype=np.float64)


def _by_reader(column: ServedColumn, cells: Sequence[Any], as_text: bool, message: str) -> pd.Series:
    """Return the cells as they are, after a check that the model can read each of them.

    JSON has null for missing values; in CSV they are blanks or texts such as "?".
    """
    series = pd.Series(list(cells), dtype=object, name=column.name)
    given = np.array([cell is not None for cell in cells], dtype=bool)
    if as_text:
        given[given] = [cell.strip() != "" for cell in series[given]]
        given[given] = ~is_placeholder(np.array(list(series[given]), dtype=object))
    if not given.any():
        return series
    assert column.column.reader is not None
    try:
        unread = np.isnan(column.column.reader.read(series)).all(axis=1)
    except TableError:  # no cell can be read
        unread = np.ones(len(cells), dtype=bool)
    bad = np.flatnonzero(given & unread)
    if len(bad):
        raise _BadCellError(int(bad[0]), f"{_show(cells[int(bad[0])])} {message}")
    return series


def _read_booleans(column: ServedColumn, cells: Sequence[Any], as_text: bool) -> Any:
    if column.holds_texts:  # such as "yes" and "no"
        return _by_reader(column, cells, as_text, "is neither true nor false")

    def truth(cell: Any) -> float:
        if cell is None:
            return math.nan
        if isinstance(cell, str):
            text = cell.strip().lower() if as_text else ""
            return float(_TRUTH[text]) if text in _TRUTH else math.inf
        return float(cell) if cell in (0, 1) else math.inf

    values = np.array([truth(cell) for cell in cells], dtype=np.float64)
    if np.isinf(values).any():
        raise _bad(cells, lambda cell: math.isinf(truth(cell)), "is neither true nor false")
    return values


def _read_dates(column: ServedColumn, cells: Sequence[Any], as_text: bool) -> pd.Series:
    if not as_text:
        number = next((i for i, cell in enumerate(cells) if cell is not None and not isinstance(cell, str)), None)
        if number is not None:
            raise _BadCellError(
                number, f"{_show(cells[number])} is not a date; send a text such as {column.example_date!r}"
            )
    return _by_reader(column, cells, as_text, f"is not a date such as {column.example_date!r}")


def _read_times(column: ServedColumn, cells: Sequence[Any], as_text: bool) -> pd.Series:
    return _by_reader(column, cells, as_text, "is not a time of day such as '08:15:30'")


def _read_any(column: ServedColumn, cells: Sequence[Any], as_text: bool) -> pd.Series:
    return pd.Series(list(cells), dtype=object)


_READERS: dict[str, _ColumnReader] = {
    "number": _read_numbers,
    "boolean": _read_booleans,
    "date": _read_dates,
    "time": _read_times,
}


def _bad(cells: Sequence[Any], is_bad: Callable[[Any], bool], message: str) -> _BadCellError:
    """Return the error of the first bad cell."""
    index = next(i for i, cell in enumerate(cells) if is_bad(cell))
    return _BadCellError(index, f"{_show(cells[index])} {message}")


def _show(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    return repr(shorten(cell)) if isinstance(cell, str) else shorten(repr(cell))


def _count_levels(column: ServedColumn, reader: CategoryReader, cells: Sequence[Any], counts: LevelCounts) -> None:
    texts = [level_text(cell) for cell in cells if cell is not None]
    texts = [text for text in texts if text.strip()]
    known = frozenset(reader.levels)
    others = [text for text in texts if text not in known]
    if others:  # the reader compares them as numbers, too
        codes = reader.read(pd.Series(others, dtype=object))[:, 0]
        counts.unseen[column.name] = int((np.isnan(codes) | (codes >= len(reader.levels))).sum())
    counts.cells[column.name] = len(texts)
