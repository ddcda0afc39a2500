"""The times of the rows and the gap before scored rows, read from the arguments `time` and `gap` of `fit`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from scipy import sparse

from automl.errors import InvalidInputError
from automl.plurals import plural
from automl.task.table_validation import as_array
from automl.task.validation import is_number, is_whole_number
from pipelines.table.date_texts import find_date_format, is_ambiguous
from pipelines.table.frames import to_frame, to_series
from pipelines.table.similar_names import similar_names

Array = NDArray[Any]

_REMEDY = 'pass the name of a column of X, or an array such as X["date"]'


@dataclass(frozen=True)
class TimeOrder:
    """When each row was recorded.

    Attributes
    ----------
    times : ndarray of shape (n_samples,)
        Numbers, or dates as datetime64[us] in UTC.
    gap : int, float or timedelta64
        Training rows are older than the oldest scored row of their fold by more than this, in the unit of `times`.
    """

    times: Array
    gap: Any = 0


def read_time_order(time: Any, gap: Any, X: Any, n_samples: int) -> TimeOrder:
    """Return the times of the rows of a table, and the gap in their unit.

    Parameters
    ----------
    time : str, int or array-like of shape (n_samples,)
        Name of a column of a DataFrame, position of a column of another table, or the times.
    gap : number, str or timedelta
        A duration such as "7 days" where the times are dates.

    Raises
    ------
    InvalidInputError
        If there is no such column, if the values are neither numbers nor dates, if a value is missing, or if the gap
        does not suit the times.
    """
    values, name = _find(time, X)
    times = _read(values, name, n_samples)
    if (times == times[0]).all():
        raise InvalidInputError(f"{name} is the same in all rows; a split by time needs at least 2 different times")
    return TimeOrder(times, _read_gap(gap, times))


def read_times(time: Any, X: Any, n_samples: int) -> Array:
    """Return the times of the rows of a table as numbers, durations, or dates in UTC (datetime64[us]).

    The argument `time` is that of `read_time_order`.

    Raises
    ------
    InvalidInputError
        If there is no such column, if the values are neither numbers nor dates, or if a value is missing.
    """
    return _read(*_find(time, X), n_samples)


def _find(time: Any, X: Any) -> tuple[Any, str]:
    """Return the values of the argument `time`, and its name for messages."""
    if not isinstance(time, str) and not is_whole_number(time):
        return time, "time"
    if sparse.issparse(X):
        raise InvalidInputError(f"time={time!r}: X is sparse; pass an array with one time for each row")
    X = to_frame(X)
    if isinstance(X, pd.DataFrame):
        if time not in X.columns:
            shown = ", ".join(repr(name) for name in X.columns[:5]) + (", ..." if X.shape[1] > 5 else "")
            close = similar_names(time, X.columns)
            hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"its columns are {shown}"
            if time in X.index.names:
                remedy = "time=X.index" if X.index.nlevels == 1 else "X.reset_index()"
                hint = f"it is the name of the index; pass {remedy}"
            raise InvalidInputError(f"time={time!r}: X has no such column; {hint}")
        return X[time], f"time: column {time!r}"
    table = as_array(X)
    if isinstance(time, str) or not 0 <= time < table.shape[1]:
        raise InvalidInputError(
            f"time={time!r}: X has no names of columns; pass the position of a column (0 to {table.shape[1] - 1}), or "
            "an array with one time for each row"
        )
    return table[:, time], f"time: column {time}"


def _read(values: Any, name: str, n_samples: int) -> Array:
    """Return times as numbers or as datetime64[us]."""
    values = to_series(values)
    if isinstance(values, pd.DataFrame) and values.shape[1] == 1:
        values = values.iloc[:, 0]
    try:
        array = values if isinstance(values, pd.Series | pd.Index) else as_array(values)
    except InvalidInputError:
        raise InvalidInputError(f"time must hold one time for each row; {_REMEDY}") from None
    if array.ndim == 2 and array.shape[1] == 1:
        array = np.ravel(array)
    if array.ndim != 1:
        raise InvalidInputError(f"time must have one dimension, but it has the shape {tuple(array.shape)}; {_REMEDY}")
    if len(array) != n_samples:
        raise InvalidInputError(
            f"time has {plural(len(array), 'value')} but X has {plural(n_samples, 'row')}; pass one time for each row"
        )
    series = pd.Series(array).reset_index(drop=True)
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    if isinstance(series.dtype, pd.PeriodDtype):
        series = series.dt.to_timestamp()
    missing = series.isna()
    if missing.any():
        raise InvalidInputError(
            f"{name} is missing in {missing.sum()} of {plural(n_samples, 'row')}, first in row "
            f"{int(np.argmax(missing)) + 1}; drop these rows, or fill their times"
        )
    return _convert(series, name)


def _convert(series: pd.Series, name: str) -> Array:
    dtype = series.dtype
    if types.is_bool_dtype(dtype) or types.is_complex_dtype(dtype):
        raise InvalidInputError(f"{name} holds values of the type {dtype}, but times are numbers or dates")
    if types.is_numeric_dtype(dtype):
        return _finite(series.to_numpy(), name)
    if types.is_datetime64_any_dtype(dtype):
        return _without_zone(series)
    if types.is_timedelta64_dtype(dtype):
        return np.asarray(series.to_numpy(), dtype="m8[us]")
    held = types.infer_dtype(series, skipna=False)
    if held in ("datetime", "datetime64", "date"):
        return _without_zone(pd.to_datetime(series, utc=True))
    if held in ("integer", "floating", "mixed-integer-float", "decimal"):
        return _finite(series.to_numpy(dtype=np.float64), name)
    if held == "string":
        return _from_texts(series, name)
    raise InvalidInputError(f"{name} holds values of the type {held}, but times are numbers or dates")


def _finite(numbers: Array, name: str) -> Array:
    if not np.isfinite(np.asarray(numbers, dtype=np.float64)).all():
        raise InvalidInputError(f"{name} holds infinite values; replace them by finite numbers")
    return np.asarray(numbers, dtype=np.int64 if numbers.dtype.kind == "i" else np.float64)  # small types overflow


def _without_zone(dates: pd.Series) -> Array:
    if dates.dt.tz is not None:
        dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
    return np.asarray(dates.to_numpy(), dtype="M8[us]")


def _from_texts(series: pd.Series, name: str) -> Array:
    """Return the dates that texts hold, or the numbers, such as years."""
    texts, codes, counts = np.unique(
        np.asarray(series, dtype=object).astype(str), return_inverse=True, return_counts=True
    )
    texts = texts.astype(object)
    found = find_date_format(texts, counts, forced=True)
    if found is None:
        numbers = pd.to_numeric(pd.Series(texts), errors="coerce").to_numpy(dtype=np.float64)
        if np.isfinite(numbers).all():
            return np.asarray(numbers[codes])
        raise InvalidInputError(
            f"{name} holds texts that are no dates, for example {texts[int(np.argmin(np.isfinite(numbers)))]!r}; "
            "convert them with pandas.to_datetime"
        )
    dates = found.parse(texts)
    if np.isnat(dates).any():
        row = int(np.flatnonzero(np.isnat(dates)[codes])[0])
        raise InvalidInputError(
            f"{name} holds a text that is no date, {str(series[row])!r} in row {row + 1}; convert the column with "
            "pandas.to_datetime, and drop the rows without a date"
        )
    if is_ambiguous(texts, found):
        raise InvalidInputError(
            f"{name}: day and month could change places in all dates, for example in {str(texts[0])!r}; convert the "
            "column with pandas.to_datetime(..., dayfirst=True) or dayfirst=False"
        )
    return np.asarray(dates[codes])


def _read_gap(gap: Any, times: Array) -> Any:
    """Return the gap in the unit of the times."""
    dated = times.dtype.kind in "mM"
    if isinstance(gap, str) and _is_numeric(gap):
        gap = float(gap)
    if is_number(gap):
        if not 0 <= gap < math.inf:
            raise InvalidInputError(f"gap must be 0 or more; got {gap!r}")
        if dated and gap:
            raise InvalidInputError(f"gap={gap:g} has no unit, but time holds dates; write for example gap='7 days'")
        return np.timedelta64(0, "us") if dated else gap
    if not isinstance(gap, str | timedelta | np.timedelta64):
        raise InvalidInputError(f"gap must be a number, or a duration such as '7 days'; got {gap!r}")
    try:
        duration = pd.Timedelta(gap)
    except ValueError:
        raise InvalidInputError(
            f"gap must be a number, or a duration such as '7 days' or '12 hours'; got {gap!r}"
        ) from None
    if not duration >= pd.Timedelta(0):  # also for a missing one
        raise InvalidInputError(f"gap must be 0 or more; got {gap!r}")
    if not dated:
        raise InvalidInputError(f"gap={gap!r} is a duration, but time holds numbers; write a number in their unit")
    return duration.to_timedelta64().astype("m8[us]")


def _is_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
