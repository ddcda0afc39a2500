"""Code that reads the columns of a table as the table reader of the model does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from automl.export.code import Script, call_code, list_code, quote
from automl.export.tables import CHECK_DECIMAL
from pipelines.table import columns as column_readers
from pipelines.table import date_texts, number_texts
from pipelines.table.cells import holds_numbers, holds_texts, level_text
from pipelines.table.columns import TRUTH, CategoryReader, _level_numbers
from pipelines.table.number_texts import NumberFormat, parse_numbers

_DURATIONS = '''def durations_to_seconds(column):
    """Return a column in which durations are numbers of seconds."""
    if pd.api.types.is_timedelta64_dtype(column):
        return column.dt.total_seconds()
    if pd.api.types.is_numeric_dtype(column):
        return column

    def seconds(cell):
        is_duration = isinstance(cell, (timedelta, np.timedelta64))
        return pd.to_timedelta(cell, errors="coerce").total_seconds() if is_duration else cell

    return column.astype(object).map(seconds, na_action="ignore")
'''
_NUMBERS_IN_TEXTS = '''def texts_to_numbers(column, decimal, units):
    """Return a column as numbers; texts are read with this decimal mark and these units, other texts become missing."""
    column = durations_to_seconds(column)
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.astype(float)
        if np.isinf(numbers).any():
            advice = "replace them by empty cells or finite numbers"
            raise SystemExit(f"column '{column.name}' holds infinite values, which the model refuses; {advice}")
        return numbers
    read = cache(lambda text: read_number(text, decimal, units))
    numbers = column.map(lambda cell: read(cell) if isinstance(cell, str) else cell)
    numbers = pd.to_numeric(numbers, errors="coerce").astype(float)
    return numbers.where(np.isfinite(numbers))
'''
_NUMBERS = '''def to_numbers(column):
    """Return a column as numbers; durations are seconds, and cells that hold no number become missing."""
    check_decimal(column)
    numbers = pd.to_numeric(durations_to_seconds(column), errors="coerce").astype(float)
    return numbers.where(np.isfinite(numbers), texts_to_numbers(column, ".", {}))
'''
_BOOLEANS = '''def to_booleans(column):
    """Return 1 for true and 0 for false; other texts become missing."""
    texts = column.astype("string").str.strip().str.lower()
    known = {**dict.fromkeys(TRUE, 1.0), **dict.fromkeys(FALSE, 0.0)}
    return texts.map(known).astype(float).fillna(pd.to_numeric(column, errors="coerce").astype(float))
'''
_CELL_TEXTS = '''def to_texts(column):
    """Return the texts of cells, in which 1 and 1.0 are the same; cells that hold only blanks are missing."""

    def text(cell):
        if isinstance(cell, (float, np.floating)) and cell.is_integer():
            return str(int(cell))
        return str(cell) if str(cell).strip() else np.nan

    texts = column.astype(object).map(text, na_action="ignore").astype(object)
    return texts.where(column.notna(), np.nan)
'''
_LEVELS = '''def to_levels(column):
    """Return the texts of cells, in which numbers such as 1, 1.0 and the text 01 are the same."""
    texts = to_texts(column)
    numbers = pd.to_numeric(texts, errors="coerce").astype(float)
    return to_texts(numbers).where(numbers.notna(), texts)
'''
_KNOWN_LEVELS = '''def to_known_levels(column, levels):
    """Return the texts of cells, in which a number such as 1.0 or 01 is the level that is the same number."""
    texts = to_texts(column)
    numbers = pd.to_numeric(texts, errors="coerce").astype(float)
    found = numbers.map(dict(zip(pd.to_numeric(levels).astype(float), levels)))
    large = np.flatnonzero(found.notna() & (numbers.abs() >= 2**53))  # floats do not hold all larger whole numbers
    found.iloc[[i for i in large if _differ(texts.iloc[i], found.iloc[i])]] = np.nan
    return found.where(found.notna(), texts)
'''
_LENGTHS = '''def to_lengths(column):
    """Return the numbers of characters of texts."""
    return to_texts(column).map(len, na_action="ignore").astype(float)
'''
_DATES = '''def to_dates(column, zone=None, format="ISO8601", order="mdy"):
    """Return dates as wall-clock times of `zone`, in which dates without zone already are."""
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pd.Series(wall_clock(pd.DatetimeIndex(column), zone), index=column.index)
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.dt.as_unit("us")
    codes, texts = pd.factorize(to_texts(column))
    texts = np.asarray(texts, dtype=object)
    dates = _shown_as_written(parse_dates(texts, format, order), texts, zone)
    return pd.Series(text_dates(dates, codes), index=column.index)
'''
_DATE_PARTS = '''def to_date_parts(column, parts, first, zone=None, **options):
    """Return the parts of dates as numbers, and the days since the first date; dates without zone are in `zone`."""
    dates = to_dates(column, zone, **options)
    values = {
        "_year": dates.dt.year,
        "_month": dates.dt.month,
        "_day": dates.dt.day,
        "_weekday": dates.dt.day_of_week,
        "_hour": dates.dt.hour + dates.dt.minute / 60,
        "_elapsed": (dates - pd.Timestamp(first)) / pd.Timedelta(days=1),
    }
    return {f"{column.name}{part}": values[part].astype(float) for part in parts}
'''
_TIMES = '''def to_times(column, zone=None, **options):
    """Return times of day as hours, and as sine and cosine; dates show their time of day in `zone`."""
    if zone is None and isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_localize(None)
    texts = to_texts(column).astype("string")
    written = texts if options else texts.where(texts.str.match(r"\\s*\\d{4}-\\d\\d-\\d\\d(?!\\d)"))
    dates = to_dates(written, zone, **options)
    seconds = (dates - dates.dt.normalize()).dt.total_seconds().fillna(texts.fillna("").map(cache(_time)).astype(float))
    hours = seconds / 3600 % 24
    angles = hours / 24 * 2 * np.pi
    return {
        f"{column.name}_hour": hours,
        f"{column.name}_sin": np.sin(angles),
        f"{column.name}_cos": np.cos(angles),
    }
'''
_SECONDS = '''def to_seconds(column):
    """Return durations in seconds; numbers are seconds, and cells that hold neither become missing."""

    @cache
    def read(text):
        found = _time(text)
        return _duration(text) if np.isnan(found) else found

    def seconds(cell):
        found = read(str(cell))
        return cell if np.isnan(found) else found

    return pd.to_numeric(durations_to_seconds(column).map(seconds), errors="coerce").astype(float)
'''
_HASHES = '''def to_hashes(column, n_features, analyzer="word", ngram_range=(1, 2)):
    """Return the lengths of texts, and hashed counts of their n-grams."""
    texts = to_texts(column)
    hasher = HashingVectorizer(n_features=n_features, analyzer=analyzer, ngram_range=ngram_range)
    hashes = hasher.transform(texts.fillna("")).toarray()
    return {
        f"{column.name}_length": to_lengths(column),
        f"{column.name}_words": texts.map(lambda text: len(text.split()), na_action="ignore").astype(float),
        **{f"{column.name}_hash{i}": values for i, values in enumerate(hashes.T)},
    }
'''
_CLOCK = ("_time", "_TIME", "_DAY")  # what reads times of day, in the module of the reader
_DATE = (  # what reads dates in texts, in the module of the reader
    "_MONTHS",
    "_MONTH",
    "_CENTURY",
    "_ZONES",
    "_CLOCK",
    "_ZONE",
    "_CITY",
    "_NAME",
    "_TAIL",
    "_WEEKDAY",
    "_PATTERNS",
    "_AROUND",
    "_DAY",
    "parse_dates",
    "_split",
    "_assemble",
    "_parts",
    "_seconds",
    "_offset",
    "name_zones",
    "find_cities",
    "_city",
    "_has_zone",
)
_WALL_CLOCK = (  # what shows dates in a zone, in the module of the readers
    "_LAST",
    "_shown_as_written",
    "_zone_names",
    "text_dates",
    "_shown_in",
    "wall_clock",
    "in_zone",
    "_before_last",
    "_as_zone",
)
_NUMBER = (  # what reads numbers in texts, in the module of the reader
    "_MAX_LENGTH",
    "_SIMILAR",
    "_FRACTION",
    "_CURRENCIES",
    "_SYNONYMS",
    "_UNIT",
    "_NUMBER",
    "read_number",
    "_digits",
    "_grouped",
    "split_number",
    "_normalize",
    "_decimals",
    "_unit",
    "_word",
    "_is_currency",
    "_is_share",
)


@dataclass
class Columns:
    """What the script knows about the columns.

    Attributes
    ----------
    groups : dict of str to list of str
        Columns that one function reads, each into one column, by the code of this function.
    lines : list of str
        Lines of the function that reads the columns, for all other columns.
    names : list of str
        Names of the columns that the pipeline of the search gets, in their order, without learned features of texts.
    learned_texts : dict of str to int
        Text columns whose features are learned, with the number of features; their names in the script.
    texts : set of str
        Columns whose cells were no numbers in the training table, but for example texts.
    """

    groups: dict[str, list[str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    learned_texts: dict[str, int] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)


def read_code(reader: Any, script: Script) -> Columns:
    """Return the code that reads the columns of a table, for a fitted `TableReader`."""
    found = Columns(names=[str(name) for name in reader.get_feature_names_out()])
    script.imports.add("import pandas as pd")
    dropped = []
    for column, dtype in zip(reader.columns_, reader.dtypes_, strict=True):
        name = str(column.name) if reader.named_ else f"x{column.name}"
        if not (holds_numbers(dtype) or dtype.lower().startswith("bool")):
            found.texts.add(name)
        if column.reader is None:
            dropped.append(name)
            continue
        found.lines.extend(_WRITERS[type(column.reader).__name__](name, column.reader, script, found))
    if dropped:
        shown = ", ".join(dropped[:8]) + (", ..." if dropped[8:] else "")
        script.remark(f"columns that the model does not use: {shown}")
    return found


def raw_names(reader: Any) -> list[str]:
    """Return the names of the columns of the table, as the script uses them."""
    return [str(column.name) if reader.named_ else f"x{column.name}" for column in reader.columns_]


def text_names(reader: Any) -> list[str]:
    """Return the names of the columns that the script reads as texts, also from a file in which all are numbers."""
    if not reader.named_:  # the names in a file are others
        return []
    columns = zip(reader.columns_, reader.dtypes_, strict=True)
    return [str(column.name) for column, dtype in columns if holds_texts(dtype) and not _are_numbers(column.reader)]


def _are_numbers(reader: Any) -> bool:
    """Return whether a column is not used, or has categories such as 1 and 2, which another file may write as 1.0."""
    if type(reader) is not CategoryReader:
        return reader is None
    levels = np.array(reader.levels, dtype=object)
    return [level_text(number) for number in parse_numbers(levels)] == list(levels)


def _number(name: str, reader: Any, script: Script, found: Columns) -> list[str]:
    script.imports |= {"from datetime import timedelta", "import numpy as np"}
    script.define("durations_to_seconds", _DURATIONS)
    if getattr(reader, "seconds", False):
        script.imports |= {"import re", "from functools import cache"}
        script.copy_module(date_texts, *_CLOCK, "_duration", "_UNIT_SECONDS", "_PART", "_PARTS", "_DURATION")
        script.define("to_seconds", _SECONDS)
        found.groups.setdefault("to_seconds(table[name])", []).append(name)
        return []
    script.imports |= {"import re", "import sys", "import unicodedata", "from functools import cache, lru_cache"}
    script.copy_module(number_texts, *_NUMBER)
    script.define("texts_to_numbers", _NUMBERS_IN_TEXTS)
    if name not in found.texts:
        script.define("check_decimal", CHECK_DECIMAL)
        script.define("to_numbers", _NUMBERS)
        found.groups.setdefault("to_numbers(table[name])", []).append(name)
        return []
    notation = getattr(reader, "format", NumberFormat())
    units = ", ".join(f"{quote(unit)}: {factor!r}" for unit, factor in getattr(notation, "units", ()))
    found.groups.setdefault(f"texts_to_numbers(table[name], {quote(notation.decimal)}, {{{units}}})", []).append(name)
    return []


def _boolean(name: str, reader: Any, script: Script, found: Columns) -> list[str]:
    script.define("TRUE", constant("TRUE", [text for text, value in TRUTH.items() if value]))
    script.define("FALSE", constant("FALSE", [text for text, value in TRUTH.items() if not value]))
    script.define("to_booleans", _BOOLEANS)
    found.groups.setdefault("to_booleans(table[name])", []).append(name)
    return []


def _category(name: str, reader: Any, script: Script, found: Columns) -> list[str]:
    _define_texts(script)
    # Plain numbers need no list of the levels, which may be long.
    levels = (
        [] if _are_numbers(reader) else [reader.levels[int(code)] for code in _level_numbers(reader.levels).values()]
    )
    if levels:
        script.imports.add("from decimal import Decimal")
        script.copy_module(column_readers, "_differ")
        script.define("to_known_levels", _KNOWN_LEVELS)
        call = call_code("to_known_levels", [f"table[{quote(name)}]", list_code([quote(level) for level in levels])])
        return f"features[{quote(name)}] = {call}".split("\n")
    if _are_numbers(reader):
        script.define("to_levels", _LEVELS)
    function = "to_levels" if _are_numbers(reader) else "to_texts"
    found.groups.setdefault(f"{function}(table[name])", []).append(name)
    return []


def _date(name: str, reader: Any, script: Script, found: Columns) -> list[str]:
    _define_dates(script)
    script.define("to_date_parts", _DATE_PARTS)
    first = pd.Timestamp(reader.first, unit="us") if isinstance(reader.first, int | np.integer) else reader.first
    format, order = getattr(reader.format, "fast", reader.format), getattr(reader.format, "order", "mdy")
    options = {"format": format, "order": order} | ({"zone": reader.zone} if reader.zone else {})
    listed = "".join(f", {key}={script.value(value)}" for key, value in options.items())
    arguments = f"table[{quote(name)}], {script.value(list(reader.suffixes))}, {quote(str(first))}{listed}"
    return [f"features.update(to_date_parts({arguments}))"]


def _time(name: str, reader: Any, script: Script, found: Columns) -> list[str]:
    script.imports.add("from functools import cache")
    script.copy_module(date_texts, *_CLOCK)
    _define_dates(script)
    script.define("to_times", _TIMES)
    options = {"zone": reader.zone} if reader.zone else {}
    if reader.format is not None:
        options |= {"format": reader.format.fast, "order": reader.format.order}
    listed = "".join(f", {key}={script.value(value)}" for key, value in options.items())
    return [f"features.update(to_times(table[{quote(name)}]{listed}))"]


def _text(name: str, reader: Any, script: Script, found: Columns) -> list[str]:
    _define_lengths(script)
    script.define("to_hashes", _HASHES)
    script.use("sklearn.feature_extraction.text", "HashingVectorizer")
    by_character = getattr(reader, "analyzer", "word") == "char"
    argument = ', analyzer="char", ngram_range=(2, 4)' if by_character else ""
    hashes = f"features.update(to_hashes(table[{quote(name)}], {reader.n_features}{argument}))"
    return [hashes, *_components(name, reader.characters, script, found)]


def _characters(name: str, reader: Any, script: Script, found: Columns) -> list[str]:
    return [_length(name, script), *_components(name, reader, script, found)]


def _text_category(name: str, reader: Any, script: Script, found: Columns) -> list[str]:
    return [
        *_category(name, reader, script, found),
        _length(name, script),
        *_components(name, reader.characters, script, found),
    ]


def _define_dates(script: Script) -> None:
    _define_texts(script)
    script.imports |= {
        "import re",
        "from datetime import UTC, datetime, timedelta, timezone",
        "from functools import lru_cache",
        "from zoneinfo import ZoneInfo, available_timezones",
    }
    script.copy_module(date_texts, *_DATE)
    script.copy_module(column_readers, *_WALL_CLOCK)
    script.define("to_dates", _DATES)


def _define_texts(script: Script) -> None:
    script.imports.add("import numpy as np")
    script.define("to_texts", _CELL_TEXTS)


def _define_lengths(script: Script) -> None:
    _define_texts(script)
    script.define("to_lengths", _LENGTHS)


def _length(name: str, script: Script) -> str:
    _define_lengths(script)
    return f"features[{quote(name + '_length')}] = to_lengths(table[{quote(name)}])"


def _components(name: str, characters: Any, script: Script, found: Columns) -> list[str]:
    """Return the line that keeps a text for the step of the pipeline that learns its components."""
    if characters is None or not characters.n_components:
        return []
    own = {f"{name}_component{i}" for i in range(characters.n_components)}
    found.names = [column for column in found.names if column not in own]
    found.learned_texts[f"{name}_text"] = characters.n_components
    script.remark("texts become components of their character n-grams, as TruncatedSVD finds them")
    return [f'features[{quote(name + "_text")}] = to_texts(table[{quote(name)}]).fillna("")']


_WRITERS = {
    "NumericReader": _number,
    "BooleanReader": _boolean,
    "CategoryReader": _category,
    "DateReader": _date,
    "TimeReader": _time,
    "TextReader": _text,
    "CharacterReader": _characters,
    "TextCategoryReader": _text_category,
}


def constant(name: str, values: list[str]) -> str:
    """Return the code of a constant that lists names."""
    return f"{name} = {list_code([quote(value) for value in values])}\n"
