"""Readers that convert one column of a raw table to numbers, one class for each kind of column."""

from __future__ import annotations

import re
import sys
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from numbers import Real
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from pipelines.table.cells import Floats, Texts, check_readable, content_type, factorize, read_duration, take_rows
from pipelines.table.date_texts import DateFormat, find_cities, name_zones, parse_durations, parse_times
from pipelines.table.number_texts import NumberFormat, parse_numbers

Dates = NDArray[np.datetime64]

# Pairs of texts for true and false; a column whose texts are one of the pairs holds booleans.
BOOLEANS = (
    ("true", "false"),
    ("yes", "no"),
    ("y", "n"),
    ("t", "f"),
    ("on", "off"),
    ("ja", "nein"),
    ("j", "n"),
    ("wahr", "falsch"),
    ("oui", "non"),
    ("o", "n"),
    ("vrai", "faux"),
    ("si", "no"),
    ("sí", "no"),
    ("sì", "no"),
    ("s", "n"),
    ("sim", "não"),
    ("tak", "nie"),
    ("да", "нет"),
    ("是", "否"),
    ("はい", "いいえ"),
)
_NUMBERS = (Real, Decimal, np.bool_)
_DURATIONS = (timedelta, np.timedelta64)
_LEAST_ROUNDED = 2**53  # floats do not hold all larger whole numbers
_ISO_DATE = re.compile(r"\s*\d{4}-\d\d-\d\d(?!\d)")
_LAST = np.datetime64("9999-12-31", "us")  # libraries of time zones know no offset of much later dates
_PLAIN_NUMBERS, _ISO_DATES = NumberFormat(), DateFormat()
TRUTH = {text: value for pair in BOOLEANS for text, value in zip(pair, (1.0, 0.0), strict=True)}


class Reader(Protocol):
    """Converts a column of any suitable dtype to float columns; holds what it has learned, but no rows."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of the names of the output columns; an empty string for a column that keeps its name."""
        ...

    def read(self, column: pd.Series) -> Floats:
        """Return a float array of shape (n_rows, len(suffixes)); missing cells are NaN."""
        ...


def _floats(column: pd.Series) -> Floats:
    """Return numbers of any type as floats; integers beyond the range of floats become infinite."""
    try:
        return np.asarray(column, dtype=np.float64)
    except OverflowError:
        within = column.between(-sys.float_info.max, sys.float_info.max) | column.isna()
        return np.asarray(column.where(within, np.inf), dtype=np.float64)


def put_numbers(column: pd.Series, values: Floats) -> None:
    """Write the numbers, booleans and durations among the cells into `values`, in place of those of their texts.

    Such a cell has no notation, and its value must not depend on the cells beside it.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = pd.Series(column.cat.categories.astype(object))
        own = np.full(len(levels), np.nan)
        put_numbers(levels, own)
        own = take_rows(own, np.asarray(column.cat.codes, dtype=np.intp))
        np.copyto(values, own, where=~np.isnan(own))
    elif column.dtype == object and types.infer_dtype(column, skipna=True) != "string":
        cells = column.tolist()
        is_duration = np.array([isinstance(cell, _DURATIONS) for cell in cells], dtype=bool)
        is_number = np.array([isinstance(cell, _NUMBERS) for cell in cells], dtype=bool) & ~is_duration
        values[is_number] = _floats(column[is_number])
        values[is_duration] = [read_duration(cell).total_seconds() for cell in column[is_duration]]


@dataclass(frozen=True)
class NumericReader:
    """Reads numbers, durations (in seconds), and texts that hold numbers; any other text is a missing value.

    Attributes
    ----------
    format : NumberFormat
        Notation of numbers that are texts.
    seconds : bool
        Whether the texts are durations, such as "1 days 02:03:04".
    has_odd_cells : bool
        Whether training had cells that hold no number; then a table of such cells alone is no error.
    """

    format: NumberFormat = _PLAIN_NUMBERS
    seconds: bool = False
    has_odd_cells: bool = False
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
            return np.asarray(pd.to_timedelta(column, errors="coerce").dt.total_seconds(), dtype=np.float64)
        codes, texts = factorize(column)
        values = take_rows(self.parse(texts), codes)
        put_numbers(column, values)
        if not self.has_odd_cells:
            check_readable(column.name, "numbers", texts, ~np.isnan(values))
        return values

    def parse(self, texts: Texts) -> Floats:
        """Return the numbers that the texts hold; NaN for other texts."""
        if not self.seconds:
            return self.format.parse(texts)
        durations = parse_durations(texts)
        return np.where(np.isnan(durations), parse_numbers(texts), durations)


@dataclass(frozen=True)
class BooleanReader:
    """Reads true as 1 and false as 0, from booleans, numbers or texts such as "yes" and "no"."""

    suffixes: tuple[str, ...] = ("",)

    def read(self, column: pd.Series) -> Floats:
        """Return a float array of shape (n_rows, 1)."""
        if content_type(column) in ("boolean", "number", "empty"):
            return NumericReader().read(column)
        codes, texts = factorize(column)
        values = np.array([TRUTH.get(text.strip().lower(), np.nan) for text in texts], dtype=np.float64)
        values = np.where(np.isnan(values), parse_numbers(texts), values)
        check_readable(column.name, "booleans", texts, ~np.isnan(values))
        return take_rows(values, codes)[:, None]


@dataclass(frozen=True)
class CategoryReader:
    """Reads categories as codes 0, 1, ... in the order of `levels`; missing cells and unknown levels are NaN.

    Levels are compared as texts (see `level_text`). A text that is not a level is compared as a number, if exactly one
    level is this number: "1.0" in training is then the same level as 1 in prediction. Whole numbers that are equal only
    as floats are different. If `grouped` is True, all levels that are not listed, such as rare levels of training and
    unknown levels, share the last code.
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
        known = _level_codes(self.levels)
        found = np.array([known.get(text, -1) for text in texts], dtype=np.float64)
        unknown = np.flatnonzero(found < 0)
        if len(unknown):
            rest = float(len(self.levels)) if self.grouped else np.nan
            numbers = _level_numbers(self.levels)
            values = parse_numbers(texts[unknown])
            found[unknown] = [numbers.get(number, rest) for number in values.tolist()]
            for i in unknown[np.abs(values) >= _LEAST_ROUNDED]:
                if found[i] < len(self.levels) and _differ(texts[i], self.levels[int(found[i])]):
                    found[i] = rest
        return take_rows(found, codes)[:, None]


def _differ(text: str, level: str) -> bool:
    """Return whether two texts are different whole numbers, though they may be equal as floats."""
    both = [each.strip() for each in (text, level)]
    return all(each.lstrip("+-").isdecimal() for each in both) and Decimal(both[0]) != Decimal(both[1])


@lru_cache(maxsize=512)
def _level_codes(levels: tuple[str, ...]) -> dict[str, int]:
    return {level: i for i, level in enumerate(levels)}


@lru_cache(maxsize=512)
def _level_numbers(levels: tuple[str, ...]) -> dict[float, float]:
    """Return the codes of the numbers that exactly one level holds."""
    numbers = pd.Series(parse_numbers(np.array(levels, dtype=object)))
    unique = numbers[numbers.notna() & ~numbers.duplicated(keep=False)]
    return {float(number): float(code) for code, number in unique.items()}  # type: ignore[arg-type]


@dataclass(frozen=True)
class DateReader:
    """Reads dates as numbers: parts of the date, and the days since the first date of training.

    Attributes
    ----------
    first : int
        First date of training, as wall-clock time without zone, in microseconds since 1970.
    format : DateFormat
        Notation of dates that are texts.
    zone : str or None
        Dates with a time zone are converted to this zone (UTC if None), then read as wall-clock time. Dates without
        zone are wall-clock times of this zone. The name of a zone, or an offset such as "+01:00".
    has_odd_cells : bool
        Whether training had cells that hold no date; then a table of such cells alone is no error.
    """

    suffixes: tuple[str, ...]
    first: int
    format: DateFormat = _ISO_DATES
    zone: str | None = None
    has_odd_cells: bool = False

    def read(self, column: pd.Series) -> Floats:
        """Return a float array of shape (n_rows, len(suffixes))."""
        dates = read_dates(column, self.format, self.zone, self.has_odd_cells)
        return np.column_stack([date_part(dates, part, self.first) for part in self.suffixes])


DATE_PARTS = ("_year", "_month", "_day", "_weekday", "_hour", "_elapsed")


def date_part(dates: Dates, part: str, first: int) -> Floats:
    """Return one part of each date: "_hour" includes the minutes as a fraction, "_elapsed" is in days."""
    days = dates.astype("M8[D]")
    values: NDArray[Any]
    if part == "_elapsed":
        values = (dates.view(np.int64) - first) / 86_400e6
    elif part == "_hour":
        minutes = (dates - days).view(np.int64) // 60_000_000
        values = minutes // 60 + minutes % 60 / 60
    elif part == "_weekday":
        values = (days.view(np.int64) + 3) % 7  # the first day of 1970 was a Thursday
    elif part == "_year":
        values = days.astype("M8[Y]").view(np.int64) + 1970
    elif part == "_month":
        values = days.astype("M8[M]").view(np.int64) % 12 + 1
    else:
        values = (days - days.astype("M8[M]").astype("M8[D]")).view(np.int64) + 1
    return np.where(np.isnat(dates), np.nan, values.astype(np.float64))


def read_dates(column: pd.Series, format: DateFormat, zone: str | None, has_odd_cells: bool = False) -> Dates:
    """Return wall-clock times without zone as datetime64[us]; NaT where a cell is missing or holds no date."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind == "M":
        return column.to_numpy().astype("M8[us]")
    if isinstance(dtype, pd.PeriodDtype):
        return column.dt.to_timestamp().to_numpy().astype("M8[us]")
    if isinstance(dtype, pd.DatetimeTZDtype):
        return wall_clock(pd.DatetimeIndex(column), zone)
    if content_type(column) == "date":
        has_zone = np.array([getattr(cell, "tzinfo", None) is not None for cell in column], dtype=bool)
        return _shown_in(_object_dates(column.astype(object)), has_zone, zone)
    # Numbers are not dates, but for those such as 20240131: as texts they do not have a date format.
    codes, texts = factorize(column)
    parsed = _parse_dates(texts, format, zone)
    if not has_odd_cells:
        check_readable(column.name, "dates", texts, ~np.isnat(parsed))
    return text_dates(parsed, codes)


def _parse_dates(texts: Texts, format: DateFormat, zone: str | None) -> Dates:
    """Return the dates of texts as wall-clock times in a zone; NaT where a text holds no date."""
    return _shown_as_written(format.parse(texts), texts, zone)


def _shown_as_written(parsed: Dates, texts: Texts, zone: str | None) -> Dates:
    """Return the dates of texts, which were parsed in UTC, as wall-clock times in a zone."""
    if zone is None:
        return parsed
    shown = _shown_in(pd.DatetimeIndex(parsed, tz="UTC"), name_zones(texts), zone)
    for city, places in find_cities(texts).items():
        other = _zone_names().get(city, zone)
        if other != zone:
            shown[places] = wall_clock(in_zone(shown[places], other), zone)
    return shown


@lru_cache(maxsize=1)
def _zone_names() -> dict[str, str]:
    """Return the names of the zones of all cities, by these names in lower case."""
    return {name.lower(): name for name in available_timezones()}


def text_dates(parsed: Dates, codes: NDArray[np.intp]) -> Dates:
    """Return the dates of the rows from the dates of the distinct texts."""
    return np.append(parsed, np.datetime64("NaT", "us"))[codes]


def _object_dates(column: pd.Series) -> pd.DatetimeIndex:
    """Return the dates of a column of objects in UTC.

    Microseconds cover all dates of calendars and placeholders such as 9999-12-31. Nanoseconds end in 2262, but pandas
    takes them for all cells if one cell has them, so that the cells behind the end are read by themselves.
    """
    dates = pd.DatetimeIndex(pd.to_datetime(column, errors="coerce", utc=True)).as_unit("us")
    lost = np.flatnonzero(dates.isna() & column.notna().to_numpy())
    if not 0 < len(lost) < len(column):
        return dates
    moments = dates.tz_localize(None).to_numpy().copy()
    moments[lost] = _object_dates(column.iloc[lost]).tz_localize(None).to_numpy()
    return pd.DatetimeIndex(moments, tz="UTC")


def _shown_in(dates: pd.DatetimeIndex, has_zone: NDArray[np.bool_], zone: str | None) -> Dates:
    """Return dates, in UTC, as wall-clock times in a zone; a date that came without zone already is one."""
    shown = wall_clock(dates, None).copy()
    shown[has_zone] = wall_clock(dates[has_zone], zone)
    return shown


def wall_clock(dates: pd.DatetimeIndex, zone: str | None) -> Dates:
    """Return dates with any zone as wall-clock times in another zone (UTC if None)."""
    known, later = _before_last(dates)
    return known.tz_convert(_as_zone(zone)).tz_localize(None).to_numpy() + later


def in_zone(dates: Dates, zone: str | None) -> pd.DatetimeIndex:
    """Return wall-clock times of a zone (UTC if None) as dates with this zone.

    An hour that exists twice is the first one, and a time that a zone skips is the next one that exists.
    """
    known = np.minimum(dates, _LAST)
    first = np.ones(len(known), dtype=bool)
    index = pd.DatetimeIndex(known).tz_localize(_as_zone(zone), ambiguous=first, nonexistent="shift_forward")
    return index + pd.TimedeltaIndex(dates - known)


def _before_last(dates: pd.DatetimeIndex) -> tuple[pd.DatetimeIndex, NDArray[np.timedelta64] | np.timedelta64]:
    """Return dates of which none is after `_LAST`, and the time from each of them to the date that was given.

    So placeholders such as 9999-12-31 23:59:59 have the offset of the last date whose offset is known. Both are in
    microseconds, because nanoseconds do not reach `_LAST`.
    """
    dates = dates.as_unit("us")
    moments = dates.tz_convert("UTC").tz_localize(None).to_numpy()
    if not (moments > _LAST).any():
        return dates, np.timedelta64(0, "us")
    known = np.minimum(moments, _LAST)
    later: NDArray[np.timedelta64] = np.subtract(moments, known)
    return pd.DatetimeIndex(known, tz="UTC").tz_convert(dates.tz), later


def _as_zone(zone: str | None) -> tzinfo:
    if zone is None:
        return UTC
    if zone[0] not in "+-":
        return ZoneInfo(zone)
    hours, minutes, *seconds = (int(part) for part in zone[1:].split(":"))
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)
    return timezone(-offset if zone[0] == "-" else offset)


def zone_text(column: pd.Series) -> str | None:
    """Return the zone of a column of dates as a text that `DateReader` keeps; None means UTC.

    Zones of any library work: the text is the name of a zone of the zone database or an offset, whichever gives the
    wall-clock times that the column shows; if none does, the dates are read in UTC.
    """
    dates, _ = _before_last(pd.DatetimeIndex(column.dropna()))
    if not len(dates):
        return None
    shown = dates.tz_localize(None)
    offsets = (shown - dates.tz_convert("UTC").tz_localize(None)).unique()
    names = [str(getattr(dates.tz, name, "") or "") for name in ("key", "zone", "_filename")] + [str(dates.tz)]
    for name in names:
        parts = name.strip("'\")").split("/")
        for start in range(max(0, len(parts) - 3), len(parts)):
            key = "/".join(parts[start:])
            try:
                if key and (dates.tz_convert(ZoneInfo(key)).tz_localize(None) == shown).all():
                    return key
            except (ZoneInfoNotFoundError, ValueError, OSError):
                continue
    if len(offsets) > 1:
        return None
    seconds = round(offsets[0].total_seconds())
    hours, rest = divmod(abs(seconds), 3600)
    return f"{'-' if seconds < 0 else '+'}{hours:02}:{rest // 60:02}:{rest % 60:02}"


@dataclass(frozen=True)
class TimeReader:
    """Reads times of day as hours, and as sine and cosine, in which the end of the day is near its beginning.

    Attributes
    ----------
    has_odd_cells : bool
        Whether training had cells that hold no time; then a table of such cells alone is no error.
    zone : str or None
        Zone in which dates show their time of day, as in `DateReader`. If None, a column whose dtype has a zone shows
        the time of its own zone.
    format : DateFormat or None
        Notation of dates that are texts, if training held such dates. Otherwise, only dates as `str` writes them count.
    """

    has_odd_cells: bool = False
    suffixes: tuple[str, ...] = ("_hour", "_sin", "_cos")
    zone: str | None = None
    format: DateFormat | None = None

    def read(self, column: pd.Series) -> Floats:
        """Return a float array of shape (n_rows, 3)."""
        held = content_type(column)
        if held == "date":
            own = zone_text(column) if self.zone is None and isinstance(column.dtype, pd.DatetimeTZDtype) else None
            seconds = _seconds_of_day(read_dates(column, _ISO_DATES, self.zone or own))
        elif held == "duration":
            seconds = NumericReader().read(column)[:, 0]
        else:
            codes, texts = factorize(column)
            read = self.parse(texts)
            if not self.has_odd_cells:
                check_readable(column.name, "times", texts, ~np.isnan(read))
            seconds = take_rows(read, codes)
        hours = seconds / 3600 % 24
        angle = hours / 24 * 2 * np.pi
        return np.column_stack([hours, np.sin(angle), np.cos(angle)])

    def parse(self, texts: Texts) -> Floats:
        """Return the seconds of times of day, and of the times of dates; NaN for other texts."""
        seconds = parse_times(texts)
        if self.format is None:
            dates = np.array([_ISO_DATE.match(text) is not None for text in texts], dtype=bool)
        else:
            dates = np.isnan(seconds)
        seconds[dates] = _seconds_of_day(_parse_dates(texts[dates], self.format or _ISO_DATES, self.zone))
        return seconds


def _seconds_of_day(dates: Dates) -> Floats:
    return np.where(np.isnat(dates), np.nan, (dates - dates.astype("M8[D]")).view(np.int64) / 1e6)


@dataclass(frozen=True)
class Column:
    """Description of one column of the table: its kind, and its columns in the output.

    Attributes
    ----------
    name : hashable
        Label of the column in a frame, or position in an array.
    kind : {"number", "boolean", "category", "date", "time", "text", "constant", "identifier", "drop"}
    positions : tuple of int
        Positions of its columns in the output of `TableReader`; empty for a dropped column.
    reason : str
        Why the column has this kind.
    missing : bool
        Whether its output columns had NaN in training.
    reader : Reader or None
        None for a dropped column.
    notice : str
        Message for users that the column is not used, or is read against its look; empty if there is none.
    remedy : str
        The kind for the argument `columns` that changes this decision; empty if no kind does.
    """

    name: Hashable
    kind: str
    positions: tuple[int, ...] = ()
    reason: str = ""
    missing: bool = False
    reader: Any = None
    notice: str = ""
    remedy: str = ""
