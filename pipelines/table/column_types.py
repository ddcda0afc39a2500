"""Decision about the kind of a raw column, from the training rows alone and independent of their order."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.table.columns import (
    DATE_PARTS,
    BooleanReader,
    CategoryReader,
    Codes,
    Column,
    DateReader,
    Floats,
    NumericReader,
    TextReader,
    content_type,
    date_part,
    factorize,
    is_placeholder,
    level_text,
    parse_dates,
    parse_numbers,
    read_dates,
)

DATE_FORMATS = (
    "ISO8601",
    "%Y-%m",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%y",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%y",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d-%m-%Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
MAX_CODES = 20  # texts with at most this number of distinct whole numbers count as codes of categories
MIN_ROWS_FOR_IDENTIFIER = 20  # with fewer rows an identifier looks like a category
IDENTIFIER_SHARE = 0.95  # a column with at least this share of distinct values may be an identifier
IDENTIFIER_NAME = re.compile(r"(.*[_\W])?(id|ID|Id|index|Index|row|Row|row_?number)$|.*[a-z]I[dD]$|Unnamed: ?\d+$")
DIGEST = re.compile(r"[0-9a-fA-F-]{16,}$")
_SAMPLE_SIZE = 1000  # texts that decide between category, text and identifier


def infer_column(name: Hashable, column: pd.Series, max_categories: int, text_features: int, all_text: bool) -> Column:
    """Return the description of a column, with its kind and its fitted reader.

    Parameters
    ----------
    all_text : bool
        Whether the whole table consists of texts. Then whole numbers are numbers, even if there are few.
    """
    held = content_type(column)
    if held in ("number", "duration"):
        return numeric_columns([name], NumericReader().read(column))[0]
    if held == "boolean":
        values = BooleanReader().read(column)
        return _boolean_column(name, values)
    if held == "date":
        return _date_column(name, column, "ISO8601")
    codes, texts = factorize(column)
    if len(texts) == 0:
        return Column(name, "constant", reason="all cells are missing")
    missing = bool((codes < 0).any())
    if len(texts) == 1 and not missing:
        return Column(name, "constant", reason=f"all cells are {texts[0]!r}")
    if held == "string" and _are_numbers(texts, all_text):
        return numeric_columns([name], NumericReader().read(column))[0]
    format = _date_format(texts)
    if format:
        return _date_column(name, column, format)
    return _text_column(name, column, codes, texts, max_categories, text_features)


def numeric_columns(names: list[Hashable], values: Floats) -> list[Column]:
    """Return the descriptions of the columns of a float array of shape (n_rows, len(names))."""
    low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    missing: NDArray[np.bool_] = np.any(np.isnan(values), axis=0)
    columns = []
    for i, name in enumerate(names):
        if np.isnan(low[i]):
            column = Column(name, "constant", reason="all cells are missing")
        elif low[i] == high[i] and not missing[i]:
            column = Column(name, "constant", reason=f"all cells are {low[i]:g}")
        elif _numbers_rows(name, values[:, i], low[i], high[i]):
            column = Column(name, "identifier", reason="its name and its values look like row numbers")
        else:
            column = Column(name, "numeric", missing=bool(missing[i]), reader=NumericReader())
        columns.append(column)
    return columns


def _numbers_rows(name: Hashable, values: Floats, low: float, high: float) -> bool:
    """Return whether a column only numbers the rows, by its name and its values."""
    if not (isinstance(name, str) and len(values) >= MIN_ROWS_FOR_IDENTIFIER and high - low == len(values) - 1):
        return False
    return bool(IDENTIFIER_NAME.match(name)) and np.array_equal(np.sort(values), low + np.arange(len(values)))


def _boolean_column(name: Hashable, values: Floats) -> Column:
    column = numeric_columns([name], values)[0]
    return replace(column, kind="boolean", reader=BooleanReader()) if column.reader else column


def _are_numbers(texts: NDArray[np.object_], all_text: bool) -> bool:
    """Return whether texts are numbers; zip codes with leading zeros and few whole numbers are categories instead."""
    texts = texts[~is_placeholder(texts)]
    numbers = parse_numbers(texts)
    if len(texts) == 0 or not np.isfinite(numbers).all():
        return False
    if all_text:
        return True
    if any(len(text) > 1 and text[0] == "0" and text.isdigit() for text in texts):
        return False
    return len(texts) > MAX_CODES or bool((numbers != np.round(numbers)).any())


def _date_format(texts: NDArray[np.object_]) -> str | None:
    """Return the date format that all texts have, or None; all texts together decide whether the day comes first."""
    texts = texts[~is_placeholder(texts)]
    sample = _evenly_spaced(texts, 5)
    if not len(texts) or any(len(t) < 6 or len(t) > 40 or sum(c.isdigit() for c in t) < 3 for t in sample):
        return None
    for format in DATE_FORMATS:
        if all(_matches_format(text, format) for text in sample) and parse_dates(texts, format).notna().all():
            return format
    return None


def _matches_format(text: str, format: str) -> bool:
    try:
        if format == "ISO8601":
            # The hyphen distinguishes a date from a number of eight digits.
            datetime.fromisoformat(text)
            return text[4:5] == "-"
        datetime.strptime(text, format)
    except ValueError:
        return False
    return True


def _date_column(name: Hashable, column: pd.Series, format: str) -> Column:
    zone = str(column.dt.tz) if isinstance(column.dtype, pd.DatetimeTZDtype) else None
    dates = read_dates(column, format, zone)
    if dates.isna().all():
        return Column(name, "constant", reason="all cells are missing")
    first, missing = dates.min(), bool(dates.isna().any())
    if first == dates.max() and not missing:
        return Column(name, "constant", reason=f"all cells are {first}")
    values = {part: date_part(dates, part, first) for part in DATE_PARTS}
    varied = tuple(part for part, value in values.items() if np.fmin.reduce(value) < np.fmax.reduce(value))
    reader = DateReader(varied or ("_elapsed",), first, format, zone)
    return Column(name, "date", missing=missing, reader=reader)


def _text_column(
    name: Hashable, column: pd.Series, codes: Codes, texts: NDArray[np.object_], max_categories: int, text_features: int
) -> Column:
    """Return the description of a column of texts: text, identifier or category."""
    missing = bool((codes < 0).any())
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    distinct = len(texts) / counts.sum()
    if len(texts) >= MIN_ROWS_FOR_IDENTIFIER and distinct > 0.2:
        sample = _evenly_spaced(texts, _SAMPLE_SIZE)
        n_words = float(np.mean([len(text.split()) for text in sample]))
        n_characters = float(np.mean([len(text) for text in sample]))
        names_rows = distinct > IDENTIFIER_SHARE
        if n_words >= 3 or (names_rows and n_words >= 1.5):
            return Column(name, "text", missing=missing, reader=TextReader(text_features))
        if names_rows and (n_characters <= 40 or all(DIGEST.match(text) for text in sample)):
            reason = f"{len(texts)} different values in {counts.sum()} rows do not repeat in other rows"
            return Column(name, "identifier", reason=reason)
        if names_rows:
            return Column(name, "text", missing=missing, reader=TextReader(text_features, "char"))
    return Column(name, "category", missing=missing, reader=_category_reader(column, texts, counts, max_categories))


def _category_reader(
    column: pd.Series, texts: NDArray[np.object_], counts: NDArray[np.intp], max_categories: int
) -> CategoryReader:
    order = _level_order(column, texts)
    grouped = len(texts) > max_categories
    if grouped:
        frequent = np.lexsort((np.arange(len(texts)), -counts))[: max_categories - 1]
        order = order[np.isin(order, frequent)]
    return CategoryReader(tuple(str(text) for text in texts[order]), grouped)


def _level_order(column: pd.Series, texts: NDArray[np.object_]) -> NDArray[np.intp]:
    """Return the order of the levels: as declared for ordered categories, else by number if possible, else by text."""
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        _, declared = factorize(column)
        rank = pd.Series(np.arange(len(column.cat.categories)), index=_texts_of(column.cat.categories))
        return np.argsort(rank[~rank.index.duplicated()].reindex(declared).to_numpy(), kind="stable")
    numbers = parse_numbers(texts)
    return np.arange(len(texts)) if np.isnan(numbers).any() else np.argsort(numbers, kind="stable")


def _texts_of(levels: pd.Index) -> list[str]:
    return [level_text(level) for level in levels]


def _evenly_spaced(texts: NDArray[np.object_], size: int) -> NDArray[np.object_]:
    """Return at most `size` texts, evenly spaced."""
    return texts[np.unique(np.linspace(0, len(texts) - 1, size).astype(int))] if len(texts) > size else texts
