"""Classes and functions that scripts hold copies of: readers of columns, and steps without a plain counterpart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.feature_extraction.text import HashingVectorizer

from pipelines.table.cells import level_text
from pipelines.table.columns import (
    _ISO_DATE,
    TRUTH,
    _differ,
    _seconds_of_day,
    _shown_as_written,
    date_part,
    text_dates,
    wall_clock,
)
from pipelines.table.date_texts import _duration, _time, parse_dates
from pipelines.table.number_texts import read_number, read_plain_number


class CategoryCodes(TransformerMixin, BaseEstimator):
    """Replaces the texts of categories by codes 0, 1, ...; a category that training lacks is a missing cell.

    The codes have the order of the numbers, if all categories of a column are numbers, else that of the texts; `orders`
    holds other orders of columns. Of more than `max_categories`, the rarest share the last code, and so do categories
    that training lacks.
    """

    def __init__(
        self, columns: Sequence[str], orders: Mapping[str, Sequence[str]] | None = None, max_categories: int = 1000
    ):
        self.columns = columns
        self.orders = orders
        self.max_categories = max_categories

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Number the categories of each column."""
        self.n_features_in_, self.levels_, self.others_ = X.shape[1], {}, {}
        for name in self.columns:
            counts = X[name].value_counts().sort_index().sort_values(ascending=False, kind="stable")
            is_long = len(counts) > self.max_categories
            kept = sorted(counts.index[: self.max_categories - 1] if is_long else counts.index)
            levels = pd.Index(kept, dtype=object)
            ranks = pd.to_numeric(levels, errors="coerce")
            if self.orders and name in self.orders:
                ranks = pd.Index(self.orders[name]).get_indexer(levels)
            self.levels_[name] = levels if np.isnan(ranks).any() else levels[np.argsort(ranks, kind="stable")]
            self.others_[name] = len(levels) if is_long else np.nan
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return a table with codes, which are missing where a cell is."""
        X = X.copy()
        for name, levels in self.levels_.items():
            codes = levels.get_indexer(X[name])
            others = np.where(X[name].isna(), np.nan, self.others_[name])
            X[name] = np.where(codes < 0, others, codes)
        return X


class ConstantKeeper(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Leaves columns as they are, but a column that is constant in training becomes 0."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the constant columns."""
        self.factor_ = 1.0 * (np.fmin.reduce(np.asarray(X), axis=0) < np.fmax.reduce(np.asarray(X), axis=0))
        return self

    def transform(self, X: Any) -> Any:
        """Return columns of which the constant ones are 0."""
        return np.asarray(X) * self.factor_


class RobustClipScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Centers on the median, scales by the interquartile range, and compresses outliers smoothly into (-3, 3)."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the median and the range of each column."""
        X = np.where(np.isnan(X).all(axis=0), 0.0, X)
        low, self.center_, high = np.nanquantile(X, (0.25, 0.5, 0.75), axis=0)
        spread = np.where(high > low, high - low, 0.5 * (np.nanmax(X, axis=0) - np.nanmin(X, axis=0)))
        self.factor_ = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
        return self

    def transform(self, X: Any) -> Any:
        """Return numbers between -3 and 3."""
        scaled = (np.asarray(X) - self.center_) * self.factor_
        return scaled / np.sqrt(1.0 + (scaled / 3.0) ** 2)


def variation(X: Any, y: Any) -> Any:
    """Score columns by their standard deviation, as a share of their largest value."""
    return X.std(axis=0) / np.maximum(np.abs(X).max(axis=0), 1e-30)


def check_decimal(column: pd.Series) -> None:
    """End the script if commas in a column of numbers may be decimal marks, which were not read as such."""
    if pd.api.types.is_numeric_dtype(column):
        return
    if column.astype("string").str.contains(r"^\s*[-+]?\d*,\d+(?:[eE][-+]?\d+)?\s*$").any():
        advice = "use --decimal , if it is a decimal mark; delete it if it separates thousands"
        raise SystemExit(f"column '{column.name}' has numbers with a comma: {advice}")


def durations_to_seconds(column: pd.Series) -> pd.Series:
    """Return a column in which durations are numbers of seconds."""
    if pd.api.types.is_timedelta64_dtype(column):
        return column.dt.total_seconds()
    if pd.api.types.is_numeric_dtype(column):
        return column

    def seconds(cell: Any) -> Any:
        is_duration = isinstance(cell, timedelta | np.timedelta64)
        return pd.to_timedelta(cell, errors="coerce").total_seconds() if is_duration else cell

    return column.astype(object).map(seconds, na_action="ignore")


def read_numbers(column: pd.Series, read: Callable[[str], float]) -> pd.Series:
    """Return a column as numbers; `read` returns the number of a text, or NaN for a text that becomes missing."""
    column = durations_to_seconds(column)
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.astype(float)
        if np.isinf(numbers).any():
            advice = "replace them by empty cells or finite numbers"
            raise SystemExit(f"column '{column.name}' holds infinite values, which the model refuses; {advice}")
        return numbers
    read = cache(read)
    numbers = column.map(lambda cell: read(cell) if isinstance(cell, str) else cell)
    numbers = pd.to_numeric(numbers, errors="coerce").astype(float)
    return numbers.where(np.isfinite(numbers))


def texts_to_numbers(column: pd.Series, decimal: str, units: dict[str, float]) -> pd.Series:
    """Return a column as numbers; texts are read with this decimal mark and these units, other texts become missing."""
    return read_numbers(column, lambda text: read_number(text, decimal, units))


def to_numbers(column: pd.Series) -> pd.Series:
    """Return a column as numbers; durations are seconds, and cells that hold no number become missing."""
    check_decimal(column)
    numbers = pd.to_numeric(durations_to_seconds(column), errors="coerce").astype(float)
    return numbers.where(np.isfinite(numbers), read_numbers(column, read_plain_number))


def to_seconds(column: pd.Series) -> pd.Series:
    """Return durations in seconds; numbers are seconds, and cells that hold neither become missing."""

    @cache
    def read(text: str) -> float:
        found = _time(text)
        return _duration(text) if np.isnan(found) else found

    def seconds(cell: Any) -> Any:
        found = read(str(cell))
        return cell if np.isnan(found) else found

    return pd.to_numeric(durations_to_seconds(column).map(seconds), errors="coerce").astype(float)


def to_booleans(column: pd.Series) -> pd.Series:
    """Return 1 for true and 0 for false; other texts become missing."""
    texts = column.astype("string").str.strip().str.lower()
    return texts.map(TRUTH).astype(float).fillna(pd.to_numeric(column, errors="coerce").astype(float))


def to_texts(column: pd.Series) -> pd.Series:
    """Return the texts of cells; cells that hold only blanks are missing."""

    def text(cell: Any) -> Any:
        found = level_text(cell)
        return found if found.strip() else np.nan

    texts = column.astype(object).map(text, na_action="ignore").astype(object)
    return texts.where(column.notna(), np.nan)


def to_levels(column: pd.Series) -> pd.Series:
    """Return the texts of cells, in which numbers such as 1, 1.0 and the text 01 are the same."""
    texts = to_texts(column)
    numbers = pd.to_numeric(texts, errors="coerce").astype(float)
    return to_texts(numbers).where(numbers.notna(), texts)


def to_known_levels(column: pd.Series, levels: list[str]) -> pd.Series:
    """Return the texts of cells, in which a number such as 1.0 or 01 is the level that is the same number."""
    texts = to_texts(column)
    numbers = pd.to_numeric(texts, errors="coerce").astype(float)
    found = numbers.map(dict(zip(pd.to_numeric(levels).astype(float), levels, strict=True)))
    large = np.flatnonzero(found.notna() & (numbers.abs() >= 2**53))  # floats do not hold all larger whole numbers
    found.iloc[[i for i in large.tolist() if _differ(texts.iloc[i], found.iloc[i])]] = np.nan
    return found.where(found.notna(), texts)


def to_lengths(column: pd.Series) -> pd.Series:
    """Return the numbers of characters of texts."""
    return to_texts(column).map(len, na_action="ignore").astype(float)


def to_hashes(
    column: pd.Series, n_features: int, analyzer: str = "word", ngram_range: tuple[int, int] = (1, 2)
) -> dict[str, Any]:
    """Return the lengths of texts, and hashed counts of their n-grams."""
    texts = to_texts(column)
    hasher = HashingVectorizer(n_features=n_features, analyzer=analyzer, ngram_range=ngram_range)
    hashes = hasher.transform(texts.fillna("")).toarray()
    return {
        f"{column.name}_length": to_lengths(column),
        f"{column.name}_words": texts.map(lambda text: len(text.split()), na_action="ignore").astype(float),
        **{f"{column.name}_hash{i}": values for i, values in enumerate(hashes.T)},
    }


def to_dates(column: pd.Series, zone: str | None = None, format: str = "ISO8601", order: str = "mdy") -> Any:
    """Return dates as wall-clock times of `zone`, in which dates without zone already are."""
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return wall_clock(pd.DatetimeIndex(column), zone)
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.to_numpy().astype("M8[us]")
    codes, uniques = pd.factorize(to_texts(column))
    texts = np.asarray(uniques, dtype=object)
    return text_dates(_shown_as_written(parse_dates(texts, format, order), texts, zone), codes)


def to_date_parts(
    column: pd.Series,
    parts: list[str],
    first: str,
    zone: str | None = None,
    format: str = "ISO8601",
    order: str = "mdy",
) -> dict[str, Any]:
    """Return the parts of dates as numbers, and the days since the first date; dates without zone are in `zone`."""
    dates = to_dates(column, zone, format, order)
    start = int(np.datetime64(first, "us").astype(int))
    return {f"{column.name}{part}": date_part(dates, part, start) for part in parts}


def to_times(
    column: pd.Series, zone: str | None = None, format: str | None = None, order: str = "mdy"
) -> dict[str, Any]:
    """Return times of day as hours, and as sine and cosine; dates show their time of day in `zone`."""
    if zone is None and isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_localize(None)
    texts = to_texts(column)
    written = texts if format else texts.where(texts.astype("string").str.match(_ISO_DATE.pattern))
    seconds = pd.Series(_seconds_of_day(to_dates(written, zone, format or "ISO8601", order)), index=column.index)
    hours = seconds.fillna(texts.fillna("").map(cache(_time)).astype(float)) / 3600 % 24
    angles = hours / 24 * 2 * np.pi
    return {
        f"{column.name}_hour": hours,
        f"{column.name}_sin": np.sin(angles),
        f"{column.name}_cos": np.cos(angles),
    }
