"""Decision about the kind of a raw column, from the training rows alone and independent of their order."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.table.cells import (
    Codes,
    Floats,
    TableError,
    Texts,
    content_type,
    evenly_spaced,
    factorize,
    find_unread,
    is_placeholder,
    level_text,
    take_rows,
)
from pipelines.table.columns import (
    BOOLEANS,
    DATE_PARTS,
    BooleanReader,
    CategoryReader,
    Column,
    DateReader,
    Dates,
    NumericReader,
    TimeReader,
    date_part,
    put_numbers,
    read_dates,
    text_dates,
    zone_text,
)
from pipelines.table.date_texts import (
    DateFormat,
    find_date_format,
    find_time_kind,
    is_ambiguous,
    parse_durations,
    parse_times,
)
from pipelines.table.number_texts import NumberFormat, find_format, has_leading_zeros, looks_like_numbers, parse_numbers
from pipelines.table.texts import (
    CharacterReader,
    TextCategoryReader,
    TextReader,
    holds_similar_texts,
    mean_words,
    names_rows,
)

KINDS = ("number", "category", "text", "date", "time", "drop")  # kinds that users may ask for
MIN_ROWS_FOR_IDENTIFIER = 20  # with fewer rows an identifier looks like a category
IDENTIFIER_SHARE = 0.95  # a column with at least this share of distinct values may be an identifier
IDENTIFIER_NAME = re.compile(r"(.*[_\W])?(id|ID|Id|index|Index|row|Row|row_?number)$|.*[a-z]I[dD]$|Unnamed: ?\d+$")
CONSTANT = "holds a single value and is not used"
EMPTY = "has no content and is not used"
_IDENTIFIERS = "digests, running numbers or random tokens"
_SAMPLE_FOR_DATES = 100
_SAMPLE_SIZE = 1000  # texts that decide between category, text and identifier
_MIN_WORDS = 3.0  # texts with this mean number of words are free texts
_SHORT_TEXT = 100  # characters; the words of longer texts say what their characters say
_SECONDS = NumericReader(seconds=True)
_WANTED = "set by the argument columns"
_EXAMPLES = {"number": "numbers such as 1.5", "date": "dates such as 2024-01-31", "time": "times such as 08:15"}


@dataclass(frozen=True)
class Rules:
    """The settings of the reader that decide how a column is read.

    Attributes
    ----------
    max_categories : int
        Largest number of codes of a category column.
    text_features : int
        Largest number of hashed columns or components of a text column.
    all_text : bool
        Whether the whole table consists of texts. Then whole numbers are numbers, even if there are few.
    """

    max_categories: int
    text_features: int
    all_text: bool = False


@dataclass(frozen=True)
class _Content:
    """The distinct texts of a column, with the code of each row (-1 where missing) and the number of their rows."""

    column: pd.Series
    codes: Codes
    texts: Texts
    counts: NDArray[np.intp]

    @property
    def missing(self) -> bool:
        return bool((self.codes < 0).any())


def infer_column(name: Hashable, column: pd.Series, rules: Rules, wanted: str | None = None) -> Column:
    """Return the description of a column, with its kind and its fitted reader.

    Parameters
    ----------
    wanted : str, optional
        Kind that the user asks for, one of `KINDS`.

    Raises
    ------
    TableError
        If the column cannot be read as the wanted kind.
    """
    if wanted == "drop":
        return Column(name, "drop", reason=_WANTED)
    held = content_type(column)
    if wanted is not None:
        return _wanted_column(name, column, held, rules, wanted)
    if held in ("number", "duration"):
        found = numeric_columns([name], NumericReader().read(column), _of_dtype(column))[0]
        # Later tables may hold the durations as texts.
        return replace(found, reader=_SECONDS) if held == "duration" and found.reader else found
    if held == "boolean":
        return _boolean_column(name, BooleanReader().read(column), _of_dtype(column))
    if held == "date":
        return _dates_of_dtype(name, column, _of_dtype(column))
    content = _content(column)
    if len(content.texts) == 0 or (len(content.texts) == 1 and not content.missing):
        return _constant_text(name, content)
    if held == "category":
        return _declared_dates(name, content) or _text_column(name, content, rules, declared=True)
    return (
        _text_booleans(name, content)
        or _text_dates(name, content)
        or _text_numbers(name, content, rules.all_text)
        or _text_times(name, content)
        or _text_column(name, content, rules)
    )


def numeric_columns(names: list[Hashable], values: Floats, reason: str = "numbers") -> list[Column]:
    """Return the descriptions of the columns of a float array of shape (n_rows, len(names))."""
    low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    missing: NDArray[np.bool_] = np.any(np.isnan(values), axis=0)
    reader = NumericReader()
    constant = (low == high) & ~missing
    with np.errstate(over="ignore"):  # the difference of two floats may be infinite
        span = high - low == len(values) - 1
    columns = []
    for i, name in enumerate(names):
        if np.isnan(low[i]):
            column = Column(name, "constant", reason="all cells are missing", notice=EMPTY)
        elif constant[i]:
            column = Column(name, "constant", reason=f"all cells are {low[i]:g}", notice=CONSTANT)
        elif span[i] and _numbers_rows(name, values[:, i], low[i]):
            column = Column(
                name,
                "identifier",
                reason="its name and its values look like row numbers",
                notice="numbers the rows, by its name and its values, and is not used",
                remedy="number",
            )
        else:
            column = Column(name, "number", reason=reason, missing=bool(missing[i]), reader=reader)
        columns.append(column)
    return columns


def _numbers_rows(name: Hashable, values: Floats, low: float) -> bool:
    """Return whether a column only numbers the rows, by its name and its values."""
    if not isinstance(name, str) or len(values) < MIN_ROWS_FOR_IDENTIFIER:
        return False
    return bool(IDENTIFIER_NAME.match(name)) and np.array_equal(np.sort(values), low + np.arange(len(values)))


def _of_dtype(column: pd.Series) -> str:
    return "the type of its cells" if column.dtype == object else f"its dtype {column.dtype}"


def _content(column: pd.Series) -> _Content:
    codes, texts = factorize(column)
    return _Content(column, codes, texts, np.bincount(codes[codes >= 0], minlength=len(texts)))


def _constant_text(name: Hashable, content: _Content) -> Column:
    if len(content.texts) == 0:
        return Column(name, "constant", reason="all cells are missing", notice=EMPTY)
    return Column(name, "constant", reason=f"all cells are {content.texts[0]!r}", notice=CONSTANT)


def _boolean_column(name: Hashable, values: Floats, reason: str) -> Column:
    column = numeric_columns([name], values, reason)[0]
    return replace(column, kind="boolean", reader=BooleanReader()) if column.reader else column


def _with_notice(column: Column, content: _Content, read: NDArray[np.bool_], what: str) -> Column:
    """Return a column that says which texts are read as missing cells."""
    n = int(content.counts[~read].sum())
    if n == 0 or column.reader is None:
        return column
    example = content.texts[~read][content.counts[~read].argmax()]
    cells = "one cell that holds" if n == 1 else f"{n} cells that hold"
    notice = f"has {cells} no {what}, for example {example!r}; such cells count as missing"
    reader = column.reader
    if not isinstance(reader, BooleanReader):
        reader = replace(reader, has_odd_cells=True)
    return replace(column, reader=reader, notice=notice, remedy="category")


def _text_booleans(name: Hashable, content: _Content) -> Column | None:
    if len(content.texts) > 2 * len(BOOLEANS):
        return None
    known = content.texts[~is_placeholder(content.texts)]
    found = {text.strip().lower() for text in known}
    if not any(found == set(pair) for pair in BOOLEANS):
        return None
    column = _boolean_column(name, BooleanReader().read(content.column), "texts for true and false")
    return _with_notice(column, content, ~is_placeholder(content.texts), "boolean")


def _text_numbers(name: Hashable, content: _Content, all_text: bool) -> Column | None:
    format = find_format(content.texts, content.counts, all_text=all_text)
    return None if format is None else _number_column(name, content, NumericReader(format))


def _number_column(name: Hashable, content: _Content, reader: NumericReader) -> Column:
    """Return the description of a column of texts that hold numbers or durations."""
    numbers = reader.parse(content.texts)
    reason = "texts that are durations" if reader.seconds else f"texts that are numbers{_notation(reader.format)}"
    values = take_rows(numbers, content.codes)
    put_numbers(content.column, values)
    column = numeric_columns([name], values[:, None], reason)[0]
    if column.reader is None:
        return column
    read = np.isfinite(numbers)
    read[content.codes[np.isfinite(values)]] = True
    if reader.format.has_several_units:
        notice = "holds different units, which are ignored"
        column = replace(column, notice=notice, remedy="text")
    return _with_notice(replace(column, reader=reader), content, read, "number")


def _notation(format: NumberFormat) -> str:
    """Return the decimal comma and the units of a notation, for people."""
    units = [" ".join(part for part in unit.split("|") if part) for unit, _ in format.units if unit][:3]
    parts = (["decimal comma"] if format.decimal == "," else []) + [f"unit {unit}" for unit in units]
    return f" ({', '.join(parts)})" if parts else ""


def _declared_dates(name: Hashable, content: _Content) -> Column | None:
    """Return the description of a column with the dtype category whose levels are dates, or None.

    An order of the levels that somebody has declared may be another one than that of the dates.
    """
    if content.column.cat.ordered or all(text.strip().isdigit() for text in content.texts[:20]):
        return None  # texts of digits, such as "20240131", are codes
    found = _text_dates(name, content)
    if found is None or found.reader is None:
        return found
    notice = "has the dtype category but holds dates, and is read as dates"
    if found.notice:
        notice = f"{notice}; it {found.notice}"
    return replace(found, notice=notice, remedy="category")


def _text_dates(name: Hashable, content: _Content) -> Column | None:
    format = find_date_format(content.texts, content.counts)
    return None if format is None else _dates_of_texts(name, content, format, "texts that are dates")


def _dates_of_texts(name: Hashable, content: _Content, format: DateFormat, reason: str) -> Column:
    parsed = format.parse(content.texts)
    column = _date_column(name, text_dates(parsed, content.codes), format, None, reason)
    if column.reader and is_ambiguous(content.texts, format):
        first, other = ("month", True) if format.order == "mdy" else ("day", False)
        notice = (
            "has dates in which nothing decides whether day or month comes first; "
            f"the {first} is taken as the first; pandas.to_datetime with dayfirst={other} reads the other order"
        )
        column = replace(column, notice=notice)
    return _with_notice(column, content, ~np.isnat(parsed), "date")


def _dates_of_dtype(name: Hashable, column: pd.Series, reason: str) -> Column:
    zone = _zone(column)
    return _date_column(name, read_dates(column, DateFormat(), zone), DateFormat(), zone, reason)


def _zone(column: pd.Series) -> str | None:
    return zone_text(column) if isinstance(column.dtype, pd.DatetimeTZDtype) else None


def _date_column(name: Hashable, dates: Dates, format: DateFormat, zone: str | None, reason: str) -> Column:
    missing = np.isnat(dates)
    if missing.all():
        return Column(name, "constant", reason="all cells are missing", notice=EMPTY)
    first, last = dates[~missing].min(), dates[~missing].max()
    if first == last and not missing.any():
        return Column(name, "constant", reason=f"all cells are {pd.Timestamp(first)}", notice=CONSTANT)
    origin = int(first.astype(np.int64))
    values = {part: date_part(dates[~missing], part, origin) for part in DATE_PARTS}
    varied = tuple(part for part, value in values.items() if value.min() < value.max())
    reader = DateReader(varied or ("_elapsed",), origin, format, zone)
    return Column(name, "date", missing=bool(missing.any()), reason=reason, reader=reader)


def _text_times(name: Hashable, content: _Content) -> Column | None:
    kind = find_time_kind(content.texts, content.counts)
    if kind == "duration":
        return _number_column(name, content, _SECONDS)
    return _time_column(name, content, "times of day", TimeReader()) if kind == "time" else None


def _time_column(name: Hashable, content: _Content, reason: str, reader: TimeReader) -> Column:
    read = np.isfinite(reader.parse(content.texts))
    missing = content.missing or not read.all()
    column = Column(name, "time", missing=missing, reason=reason, reader=reader)
    return _with_notice(column, content, read, "time of day")


def _text_column(name: Hashable, content: _Content, rules: Rules, declared: bool = False) -> Column:
    """Return the description of a column of texts: text, identifier or category.

    Parameters
    ----------
    declared : bool
        Whether the dtype of the column is category. Then different texts without words are not read by characters.
    """
    n_texts, n_cells = len(content.texts), int(content.counts.sum())
    distinct = n_texts / n_cells
    if n_texts >= MIN_ROWS_FOR_IDENTIFIER and distinct > 0.2:
        sample = evenly_spaced(content.texts, _SAMPLE_SIZE)
        by_blanks, words = mean_words(sample)
        different = distinct > IDENTIFIER_SHARE
        if by_blanks >= _MIN_WORDS or (different and by_blanks >= 1.5):
            return _free_text(name, content, rules, f"texts of {by_blanks:.1f} words on average")
        if words >= _MIN_WORDS:
            return _free_text(name, content, rules, "texts in a script without blanks")
        if different:
            why = names_rows(sample, n_texts) or ("categories" if declared else "")
            reason = f"{n_texts} different values in {n_cells} rows"
            if not why:
                return _free_text(name, content, rules, f"{reason}, which are no {_IDENTIFIERS}")
            return Column(
                name,
                "identifier",
                reason=f"{reason} do not repeat in other rows: {why}",
                notice=f"holds {why} that differ in nearly every row and is not used",
                remedy="text",
            )
    reason = _of_dtype(content.column) if declared else f"texts with {n_texts} different values"
    return _category_column(name, content, rules, reason)


def _free_text(name: Hashable, content: _Content, rules: Rules, reason: str) -> Column:
    by_blanks, _ = mean_words(evenly_spaced(content.texts, _SAMPLE_SIZE))
    without_blanks = by_blanks < 1.5 or "without blanks" in reason
    characters = None
    if without_blanks or np.mean([len(text) for text in content.texts]) <= _SHORT_TEXT:
        characters = CharacterReader.learn(content.texts, rules.text_features)
    reader = characters if without_blanks else TextReader(rules.text_features, characters)
    column = Column(name, "text", missing=content.missing, reason=reason, reader=reader)
    return _with_look(column, content, "texts")


def _category_column(name: Hashable, content: _Content, rules: Rules, reason: str) -> Column:
    reader = _category_reader(content, rules.max_categories)
    if holds_similar_texts(evenly_spaced(content.texts, _SAMPLE_SIZE), content.counts):
        characters = CharacterReader.learn(content.texts, rules.text_features)
        reader = TextCategoryReader.join(reader, characters)
    column = Column(name, "category", missing=content.missing, reason=reason, reader=reader)
    if isinstance(content.column.dtype, pd.CategoricalDtype):
        return column
    return _with_look(column, content, "categories")


def _with_look(column: Column, content: _Content, read_as: str) -> Column:
    """Return a column that says that its texts look like numbers or dates, if most of them do."""
    sample = evenly_spaced(content.texts, _SAMPLE_SIZE)
    sample = sample[~is_placeholder(sample)]
    numbers = looks_like_numbers(sample)
    dates = ~np.isnat(DateFormat("").parse(sample[:_SAMPLE_FOR_DATES]))
    if len(sample) and numbers.mean() >= 0.5:
        remedy = "number"
        if has_leading_zeros(sample):
            why = "numbers with leading zeros"
        elif numbers.all():
            why = "few different whole numbers as texts"
        else:
            why = f"numbers and too many other texts, for example {sample[~numbers][0]!r}"
    elif len(sample) and dates.mean() >= 0.5:
        remedy = "date"
        others = sample[:_SAMPLE_FOR_DATES][~dates]
        why = f"dates and too many other texts, for example {others[0]!r}" if len(others) else "few dates"
    else:
        return column
    notice = f"holds {why}, and is read as {read_as}"
    return replace(column, reason=f"{column.reason}; {why}", notice=notice, remedy=remedy)


def _category_reader(content: _Content, max_categories: int) -> CategoryReader:
    order = _level_order(content.column, content.texts)
    grouped = len(content.texts) > max_categories
    if grouped:
        counts = content.counts
        frequent = np.lexsort((np.arange(len(counts)), -counts))[: max_categories - 1]
        order = order[np.isin(order, frequent)]
    return CategoryReader(tuple(str(text) for text in content.texts[order]), grouped)


def _level_order(column: pd.Series, texts: Texts) -> NDArray[np.intp]:
    """Return the order of the levels: as declared for ordered categories, else by number if possible, else by text."""
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        rank: dict[str, int] = {}
        for level in column.cat.categories:
            rank.setdefault(level_text(level), len(rank))
        return np.argsort([rank[text] for text in texts], kind="stable")
    numbers = parse_numbers(texts)
    return np.arange(len(texts)) if np.isnan(numbers).any() else np.argsort(numbers, kind="stable")


def _wanted_column(name: Hashable, column: pd.Series, held: str, rules: Rules, wanted: str) -> Column:
    """Return the description of a column as the user wants it."""
    content = _content(column)
    if len(content.texts) == 0 or (len(content.texts) == 1 and not content.missing):
        return _constant_text(name, content)
    if wanted == "category":
        reader = _category_reader(content, rules.max_categories)
        found: Column | None = Column(name, "category", missing=content.missing, reader=reader)
    elif wanted == "text":
        found = replace(_free_text(name, content, rules, ""), notice="", remedy="")  # the user knows how they look
    elif wanted == "number":
        found = _wanted_number(name, content, held)
    else:
        found = _wanted_date(name, content, held) if wanted == "date" else _wanted_time(name, content, held)
    if found is None:
        own = infer_column(name, column, rules).kind
        raise TableError(
            f"columns: column {name!r} cannot be read as {wanted!r}; {_unsuited(content, wanted)}; name the kind "
            f"{own if own in KINDS else 'category'!r}, or write {_EXAMPLES[wanted]} in it"
        )
    return replace(found, reason=_WANTED) if found.reader else found


def _unsuited(content: _Content, wanted: str) -> str:
    """Return which cells do not suit the wanted kind; where some cells hold dates, those that hold none."""
    no_date = np.isnat(text_dates(DateFormat().parse(content.texts), content.codes))
    if wanted != "date" or no_date.all():
        return f"its first value is {content.texts[0]!r}"
    unread, example = find_unread(content.column, no_date)
    return f"{unread.sum()} of {len(unread)} cells hold no date, first {example!r} in row {unread.argmax() + 1}"


def _wanted_number(name: Hashable, content: _Content, held: str) -> Column | None:
    if held in ("number", "duration", "boolean"):
        return _from_reader(name, "number", content, _SECONDS if held == "duration" else NumericReader())
    if held == "date":
        return None
    format = find_format(content.texts, content.counts, forced=True)
    if format is not None:
        return _number_column(name, content, NumericReader(format))
    return _number_column(name, content, _SECONDS) if np.isfinite(parse_durations(content.texts)).any() else None


def _wanted_date(name: Hashable, content: _Content, held: str) -> Column | None:
    if held == "date":
        return _dates_of_dtype(name, content.column, "")
    format = find_date_format(content.texts, content.counts, forced=True)
    if format is None or (held == "number" and not format.fits(content.texts, content.counts)):
        return None  # of numbers, nearly all must be dates such as 20240131
    return _dates_of_texts(name, content, format, "")


def _wanted_time(name: Hashable, content: _Content, held: str) -> Column | None:
    """Return the description of a column of times of day, of durations, or of dates of which some have a time."""
    if held == "duration":
        return _from_reader(name, "time", content, TimeReader())
    if held == "date":
        reader = TimeReader(zone=_zone(content.column))
        hours = reader.read(content.column)[:, 0]
        return _from_reader(name, "time", content, reader) if np.nan_to_num(hours).any() else None
    if held == "number":
        return None
    clock = np.isfinite(parse_times(content.texts))
    reader = TimeReader(format=find_date_format(content.texts[~clock], content.counts[~clock], forced=True))
    has_times = clock.any() or np.nan_to_num(reader.parse(content.texts)).any()
    return _time_column(name, content, "", reader) if has_times else None


def _from_reader(name: Hashable, kind: str, content: _Content, reader: NumericReader | TimeReader) -> Column:
    missing = bool(np.isnan(reader.read(content.column)).any())
    return Column(name, kind, missing=missing, reader=reader)
