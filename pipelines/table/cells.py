"""The cells of a raw column: their type, their texts, and the texts that mean a missing value."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from pandas.api.typing import NaTType

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Texts = NDArray[np.object_]

# Texts that mean a missing value in columns of numbers, dates and times; in category columns they are ordinary levels.
PLACEHOLDERS = frozenset(
    {
        "?", "-", "--", "---", "–", "—", ".", "..", "...", "…", "*", "na", "n/a", "n.a.", "n.a", "#n/a", "nan", "-nan",
        "nat", "<na>", "null", "(null)", "none", "nil", "unknown", "unk", "undefined", "missing", "nd", "n.d.", "n.d",
        "n/d", "tbd", "k.a.", "k.a", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!", "#error!", "error",
        "err", "not available", "not applicable", "not known", "not detected", "no data",
    }
)  # fmt: skip
_MAX_PLACEHOLDER = 20  # characters, with the blanks around it
DATES = ("datetime", "datetime64", "date")
NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")
DURATIONS = ("timedelta", "timedelta64")
FEW = 64  # a column with at most this number of cells is read faster without pandas


class TableError(ValueError):
    """A table cannot be read; the message names the column and how to fix it."""


def level_text(value: Any) -> str:
    """Return the text by which levels are compared: 1, 1.0, Decimal(1) and "1" are the same level.

    >>> level_text(1.0), level_text(True), level_text(" a")
    ('1', 'True', ' a')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, Integral):
        # NumPy's durations are whole numbers, too, which mean little without their unit.
        return _duration_text(value) if isinstance(value, np.timedelta64) else str(int(value))
    if isinstance(value, Real | Decimal):
        number = float(value)
        if number.is_integer() and abs(number) < 2**53:
            return str(int(number))
        # The text of a fraction, 1/3, would be no number.
        return str(value) if isinstance(value, float | np.floating | Decimal) else str(number)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def _duration_text(value: np.timedelta64) -> str:
    duration = read_duration(value)
    return str(value) if duration is pd.NaT else str(duration)


def read_duration(value: timedelta | np.timedelta64) -> pd.Timedelta | NaTType:
    """Return a duration; NaT if pandas knows none, as for months and years, which have no fixed length."""
    try:
        return pd.Timedelta(value)
    except ValueError:  # also a duration that is too long
        return pd.NaT


def factorize(column: pd.Series) -> tuple[Codes, Texts]:
    """Return codes (-1 where missing) and the sorted texts of the distinct values; blank strings are missing values."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = np.asarray(column.cat.codes, dtype=np.intp)
        used = np.unique(codes[codes >= 0])
        values = np.asarray(column.cat.categories[used], dtype=object)
        codes = np.where(codes < 0, -1, np.searchsorted(used, codes))
    elif len(column) <= FEW:
        return _factorize_few(column)
    else:
        if column.dtype == object and types.infer_dtype(column, skipna=True) != "string":
            # In a hash table True equals 1, so mixed cells become texts first.
            column = column.map(level_text, na_action="ignore")
        codes, uniques = pd.factorize(column)
        values = np.asarray(uniques, dtype=object)
    if len(values) == 0:
        return codes, values
    texts = [level_text(value) for value in values]
    known = np.array([text != "" and not text.isspace() for text in texts], dtype=bool)
    # Different values may have the same text (categories 1 and "1"), so the texts get new codes.
    renumbered = np.full(len(values) + 1, -1, dtype=np.intp)  # the last entry is for the code -1
    levels, renumbered[:-1][known] = np.unique(np.array(texts, dtype=object)[known], return_inverse=True)
    return renumbered[codes], levels


def _factorize_few(column: pd.Series) -> tuple[Codes, Texts]:
    texts = [None if is_missing(cell) else level_text(cell) for cell in column.array.tolist()]
    levels = sorted({text for text in texts if text is not None and text.strip()})
    place = {text: i for i, text in enumerate(levels)}
    codes = np.array([-1 if text is None else place.get(text, -1) for text in texts], dtype=np.intp)
    return codes, np.array(levels, dtype=object)


def is_missing(cell: Any) -> bool:
    """Return whether a cell is None, NaN, NaT or NA; a text never is."""
    if isinstance(cell, str):
        return False
    return cell is None or pd.isna(cell) is True or cell is np.ma.masked


def take_rows(values: Floats, codes: Codes) -> Floats:
    """Return ``values[codes]``, with NaN rows where the code is -1."""
    padded = np.concatenate([values, np.full((1, *values.shape[1:]), np.nan)])
    return padded[codes]


def is_placeholder(texts: Texts) -> NDArray[np.bool_]:
    """Return which texts mean a missing value."""
    found = [len(text) <= _MAX_PLACEHOLDER and text.strip().lower() in PLACEHOLDERS for text in texts]
    return np.array(found, dtype=bool)


def content_type(column: pd.Series) -> str:
    """Return the type of the values: number, duration, boolean, date, time, category, string or empty."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return {"b": "boolean", "M": "date", "m": "duration"}.get(dtype.kind, "number")
    if isinstance(dtype, pd.StringDtype):
        return "string"
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_numeric_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        return "date"
    if types.is_timedelta64_dtype(dtype):
        return "duration"
    held = types.infer_dtype(column, skipna=True)
    if held in NUMBERS:
        return "number"
    if held in DATES:
        return "date"
    if held in DURATIONS:
        return "duration"
    return held if held in ("boolean", "time", "empty") else "string"


def holds_numbers(dtype: str) -> bool:
    """Return whether a column holds numbers, by the name of its data type."""
    return dtype.lower().startswith(("int", "uint", "float", "double", "decimal"))


def holds_texts(dtype: str) -> bool:
    """Return whether a column may hold texts, by the name of its data type."""
    return dtype.startswith(("object", "str", "string", "category", "large_string"))


def check_readable(name: Hashable, kind: str, texts: Texts, read: NDArray[np.bool_]) -> None:
    """Raise a TableError if no cell can be read; single cells that cannot be read count as missing."""
    if read.any() or not len(texts):
        return
    bad = texts[~is_placeholder(texts)]
    if len(bad):
        raise TableError(f"column {name!r} held {kind} in fit but now holds {bad[0]!r}; pass {kind}, or empty cells")


@dataclass(frozen=True)
class UnreadCells:
    """The cells of a column that have content, but cannot be read, so that they count as missing.

    Attributes
    ----------
    column : hashable
        Name of the column.
    kind : str
        Kind of the column.
    n_cells, n_rows : int
        Number of such cells, and of rows.
    row : int
        Position of the first such cell.
    example : str
        Content of the first such cell.
    """

    column: Hashable
    kind: str
    n_cells: int
    n_rows: int
    row: int
    example: str


def find_unread(column: pd.Series, is_lost: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], str]:
    """Return which of the cells without a value have content, and the first such content.

    Texts that mean a missing value are no content.

    Parameters
    ----------
    is_lost : ndarray of bool of shape (n_rows,)
        The cells from which a reader has got no value.
    """
    unread = is_lost & ~np.asarray(pd.isna(column), dtype=bool)
    if unread.any():
        codes, texts = factorize(column)
        unread &= np.append(~is_placeholder(texts), False)[codes]
        if unread.any():
            return unread, str(texts[codes[int(np.argmax(unread))]])
    return unread, ""


def evenly_spaced(texts: Texts, size: int) -> Texts:
    """Return at most `size` texts, evenly spaced."""
    return texts[np.unique(np.linspace(0, len(texts) - 1, size).astype(int))] if len(texts) > size else texts
