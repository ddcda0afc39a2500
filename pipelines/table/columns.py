"""Readers that convert one column of a raw table to numbers, one class for each kind of column."""

from __future__ import annotations

import sys
from collections.abc import Hashable
from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from sklearn.feature_extraction.text import HashingVectorizer

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

# Texts that mean a missing value in columns of numbers and dates; in category columns they are ordinary levels.
PLACEHOLDERS = frozenset({"?", "-", ".", "na", "n/a", "#n/a", "nan", "nat", "<na>", "null", "none", "unknown"})
DATES = ("datetime", "datetime64", "date")
NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")
DURATIONS = ("timedelta", "timedelta64")


class TableError(ValueError):
    """A table cannot be read; the message names the column and how to fix it."""


class Reader(Protocol):
    """Converts a column of any suitable dtype to float columns; holds what it has learned, but no rows."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of the names of the output columns; an empty string for a column that keeps its name."""
        ...

    def read(self, column: pd.Series) -> Floats:
        """Return a float array of shape (n_rows, len(parts)); missing cells are NaN."""
        ...


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
        return str(int(value))
    if isinstance(value, Real | Decimal):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < 2**53 else str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def factorize(column: pd.Series) -> tuple[Codes, NDArray[np.object_]]:
    """Return codes (-1 where missing) and the sorted texts of the distinct values; blank strings are missing values."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, values = np.asarray(column.cat.codes, dtype=np.intp), column.cat.categories.to_numpy(dtype=object)
    else:
        if column.dtype == object and types.infer_dtype(column, skipna=True) != "string":
            # In a hash table True equals 1, so mixed cells become texts first.
            column = column.map(level_text, na_action="ignore")
        codes, uniques = pd.factorize(column)
        values = np.asarray(uniques, dtype=object)
    if len(values) == 0:
        return codes, values
    used = np.bincount(codes[codes >= 0], minlength=len(values)) > 0
    texts = pd.Series([level_text(value) for value in values], dtype=object)
    known = used & (texts.str.strip() != "").to_numpy(dtype=bool)
    # Different values may have the same text (categories 1 and "1"), so the texts get new codes.
    renumbered = np.full(len(values), -1, dtype=np.intp)
    levels, renumbered[known] = np.unique(texts.to_numpy()[known], return_inverse=True)
    return np.where(codes < 0, -1, renumbered[codes]), levels


def take_rows(values: Floats, codes: Codes) -> Floats:
    """Return ``values[codes]``, with NaN rows where the code is -1."""
    padded = np.concatenate([values, np.full((1, *values.shape[1:]), np.nan)])
    return padded[codes]


def parse_numbers(texts: NDArray[np.object_]) -> Floats:
    """Return the numbers that the texts hold; NaN where a text holds no number."""
    return np.asarray(pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce"), dtype=np.float64)


def _floats(column: pd.Series) -> Floats:
    """Return numbers of any type as floats; integers beyond the range of floats become infinite."""
    try:
        return np.asarray(column, dtype=np.float64)
    except OverflowError:
        within = column.between(-sys.float_info.max, sys.float_info.max) | column.isna()
        return np.asarray(column.where(within, np.inf), dtype=np.float64)


def parse_dates(texts: NDArray[np.object_], format: str) -> pd.DatetimeIndex:
    """Return the dates that the texts hold, in UTC; NaT where a text does not have the format."""
    return pd.DatetimeIndex(pd.to_datetime(pd.Series(texts, dtype=object), format=format, errors="coerce", utc=True))


def is_placeholder(texts: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return which texts mean a missing value."""
    return np.array([text.strip().lower() in PLACEHOLDERS for text in texts], dtype=bool)


def content_type(column: pd.Series) -> str:
    """Return the type of the values: number, duration, boolean, date, category, string or empty."""
    dtype = column.dtype
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
    return {"boolean": "boolean", "empty": "empty"}.get(held, "string")


def _check_readable(column: pd.Series, kind: str, texts: NDArray[np.object_], read: NDArray[np.bool_]) -> None:
    """Raise a TableError if no cell can be read; single cells that cannot be read count as missing."""
    bad = ~read & ~is_placeholder(texts)
    if bad.any() and not read.any():
        raise TableError(
            f"column {column.name!r} held {kind} in fit but now holds {texts[bad][0]!r}; pass {kind}, or empty cells"
        )


@dataclass(frozen=True)
class NumericReader:
    """Reads numbers, durations (in seconds), and texts that hold numbers; any other text is a missing value."""

    suffixes: tuple[str, ...] = ("",)

    def read(self, column: pd.Series) -> Floats:
        """Return a float array of shape (n_rows, 1)."""
        return self._values(column)[:, None]

    def _values(self, column: pd.Series) -> Floats:
        held = content_type(column)
        if held in ("number", "boolean"):
            if column.dtype == object:
                return _floats(column.where(column.notna(), np.nan))
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        if held == "duration":
            return np.asarray(pd.to_timedelta(column).dt.total_seconds(), dtype=np.float64)
        codes, texts = factorize(column)
        numbers = parse_numbers(texts)
        _check_readable(column, "numbers", texts, ~np.isnan(numbers))
        return take_rows(numbers, codes)


@dataclass(frozen=True)
class BooleanReader:
    """Reads true as 1 and false as 0, from booleans, numbers or texts."""

    suffixes: tuple[str, ...] = ("",)

    def read(self, column: pd.Series) -> Floats:
        """Return a float array of shape (n_rows, 1)."""
        if content_type(column) in ("boolean", "number", "empty"):
            return NumericReader().read(column)
        codes, texts = factorize(column)
        truth = {"true": 1.0, "false": 0.0}
        values = np.array([truth.get(text.strip().lower(), np.nan) for text in texts], dtype=np.float64)
        values = np.where(np.isnan(values), parse_numbers(texts), values)
        _check_readable(column, "booleans", texts, ~np.isnan(values))
        return take_rows(values, codes)[:, None]


@dataclass(frozen=True)
class CategoryReader:
    """Reads categories as codes 0, 1, ... in the order of `levels`; missing cells and unknown levels are NaN.

    Levels are compared as texts (see `level_text`). A text that is not a level is compared as a number, if exactly one
    level is this number: "1.0" in training is then the same level as 1 in prediction. If `grouped` is True, all levels
    that are not listed, such as rare levels of training and unknown levels, share the last code.
    """

    levels: tuple[str, ...]
    grouped: bool = False
    suffixes: tuple[str, ...] = ("",)

    @property
    def cardinality(self) -> int:
        """Number of codes."""
        return len(self.levels) + self.grouped

    def read(self, column: pd.Series) -> Floats:
        """Return a float array of shape (n_rows, 1)."""
        codes, texts = factorize(column)
        known = pd.Index(self.levels, dtype=object)
        found = known.get_indexer(pd.Index(texts, dtype=object)).astype(np.float64)
        unknown = found < 0
        if unknown.any():
            numbers = pd.Series(parse_numbers(known.to_numpy()))
            unique = numbers[numbers.notna() & ~numbers.duplicated(keep=False)]
            position = pd.Index(unique).get_indexer(pd.Index(parse_numbers(texts[unknown])))
            rest = float(len(self.levels)) if self.grouped else np.nan
            matched = np.append(unique.index.to_numpy(dtype=np.float64), rest)
            found[unknown] = matched[position]
        return take_rows(found, codes)[:, None]


@dataclass(frozen=True)
class DateReader:
    """Reads dates as numbers: parts of the date, and the days since the first date of training.

    Attributes
    ----------
    first : Timestamp
        First date of training, as wall-clock time without zone.
    format : str
        Format of dates that are texts.
    zone : str or None
        Dates with a time zone are converted to this zone (UTC if None), then read as wall-clock time.
    """

    suffixes: tuple[str, ...]
    first: pd.Timestamp
    format: str = "ISO8601"
    zone: str | None = None

    def read(self, column: pd.Series) -> Floats:
        """Return a float array of shape (n_rows, len(suffixes))."""
        dates = read_dates(column, self.format, self.zone)
        return np.column_stack([date_part(dates, part, self.first) for part in self.suffixes])


DATE_PARTS = ("_year", "_month", "_day", "_weekday", "_hour", "_elapsed")


def date_part(dates: pd.DatetimeIndex, part: str, first: pd.Timestamp) -> Floats:
    """Return one part of each date: "_hour" includes the minutes as a fraction, "_elapsed" is in days."""
    if part == "_elapsed":
        return np.asarray((dates - first) / pd.Timedelta(days=1), dtype=np.float64)
    if part == "_hour":
        return np.asarray(dates.hour + dates.minute / 60, dtype=np.float64)
    if part == "_weekday":
        return np.asarray(dates.day_of_week, dtype=np.float64)
    return np.asarray(getattr(dates, part[1:]), dtype=np.float64)


def read_dates(column: pd.Series, format: str, zone: str | None) -> pd.DatetimeIndex:
    """Return wall-clock times without zone; NaT where a cell is missing or holds no date."""
    dtype = column.dtype
    if isinstance(dtype, pd.PeriodDtype):
        dates = pd.DatetimeIndex(column.dt.to_timestamp())
    elif isinstance(dtype, pd.DatetimeTZDtype) or (isinstance(dtype, np.dtype) and dtype.kind == "M"):
        dates = pd.DatetimeIndex(column)
    elif content_type(column) == "date":
        dates = pd.DatetimeIndex(pd.to_datetime(column.astype(object), errors="coerce", utc=True))
    else:
        # Numbers are not dates: as texts they do not have a date format.
        codes, texts = factorize(column)
        parsed = parse_dates(texts, format)
        _check_readable(column, "dates", texts, np.asarray(parsed.notna()))
        dates = pd.DatetimeIndex(parsed.append(pd.DatetimeIndex([pd.NaT], tz="UTC"))[codes])
    # Microseconds cover all dates of calendars and placeholders such as 9999-12-31; nanoseconds end in the year 2262.
    dates = dates.as_unit("us")
    return dates if dates.tz is None else dates.tz_convert(zone or "UTC").tz_localize(None)


@dataclass(frozen=True)
class TextReader:
    """Reads texts as hashed n-grams and lengths in characters and in words; it learns nothing from the rows.

    The hashed columns are the l2-normalized counts of word n-grams (of character n-grams for texts without spaces) in
    each of `n_features` cells, by scikit-learn's `HashingVectorizer`. They are zero where a cell is missing.
    """

    n_features: int
    analyzer: str = "word"

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of the names of the output columns: ``_length``, ``_words``, ``_hash0``, ..."""
        return ("_length", "_words", *(f"_hash{i}" for i in range(self.n_features)))

    def read(self, column: pd.Series) -> Floats:
        """Return a float array of shape (n_rows, n_features + 2)."""
        codes, texts = factorize(column)
        ngrams = (1, 2) if self.analyzer == "word" else (2, 4)
        hasher = HashingVectorizer(n_features=self.n_features, analyzer=self.analyzer, ngram_range=ngrams)
        values = np.zeros((len(texts), self.n_features + 2))
        if len(texts):
            values[:, 0] = [len(text) for text in texts]
            values[:, 1] = [len(text.split()) for text in texts]
            values[:, 2:] = hasher.transform(texts).toarray()
        out = take_rows(values, codes)
        out[codes < 0, 2:] = 0.0
        return out


@dataclass(frozen=True)
class Column:
    """Description of one column of the table: its kind, and its columns in the output.

    Attributes
    ----------
    name : hashable
        Label of the column in a frame, or position in an array.
    kind : {"numeric", "boolean", "category", "date", "text", "constant", "identifier"}
    positions : tuple of int
        Positions of its columns in the output of `TableReader`; empty for a dropped column.
    reason : str
        Why the column was dropped; empty for a column in use.
    missing : bool
        Whether its output columns had NaN in training.
    reader : Reader or None
        None for a dropped column.
    """

    name: Hashable
    kind: str
    positions: tuple[int, ...] = ()
    reason: str = ""
    missing: bool = False
    reader: Reader | None = None
