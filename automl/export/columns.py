"""Code that reads the columns of a table as the table reader of the model does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from automl.export import parts
from automl.export.code import Script, call_code, list_code, quote
from pipelines.table.cells import holds_numbers, holds_texts, level_text
from pipelines.table.columns import CategoryReader, _level_numbers
from pipelines.table.number_texts import NumberFormat, parse_numbers
from pipelines.table.reader import TableReader


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


def read_code(reader: TableReader, script: Script) -> Columns:
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


def raw_names(reader: TableReader) -> list[str]:
    """Return the names of the columns of the table, as the script uses them."""
    return [str(column.name) if reader.named_ else f"x{column.name}" for column in reader.columns_]


def text_names(reader: TableReader) -> list[str]:
    """Return the names of the columns that the script reads as texts, also from a file in which all are numbers."""
    if not reader.named_:  # the names in a file are others
        return []
    columns = zip(reader.columns_, reader.dtypes_, strict=True)
    return [str(column.name) for column, dtype in columns if holds_texts(dtype) and not _are_numbers(column.reader)]


def _are_numbers(reader: TableReader) -> bool:
    """Return whether a column is not used, or has categories such as 1 and 2, which another file may write as 1.0."""
    if type(reader) is not CategoryReader:
        return reader is None
    levels = np.array(reader.levels, dtype=object)
    return [level_text(number) for number in parse_numbers(levels)] == list(levels)


def _number(name: str, reader: TableReader, script: Script, found: Columns) -> list[str]:
    if getattr(reader, "seconds", False):
        call = f"{script.copy(parts.to_seconds)}(table[name])"
    elif name not in found.texts:
        call = f"{script.copy(parts.to_numbers)}(table[name])"
    else:
        notation = getattr(reader, "format", NumberFormat())
        units = ", ".join(f"{quote(unit)}: {factor!r}" for unit, factor in getattr(notation, "units", ()))
        call = f"{script.copy(parts.texts_to_numbers)}(table[name], {quote(notation.decimal)}, {{{units}}})"
    found.groups.setdefault(call, []).append(name)
    return []


def _boolean(name: str, reader: TableReader, script: Script, found: Columns) -> list[str]:
    found.groups.setdefault(f"{script.copy(parts.to_booleans)}(table[name])", []).append(name)
    return []


def _category(name: str, reader: TableReader, script: Script, found: Columns) -> list[str]:
    # Plain numbers need no list of the levels, which may be long.
    if _are_numbers(reader):
        found.groups.setdefault(f"{script.copy(parts.to_levels)}(table[name])", []).append(name)
        return []
    levels = [quote(reader.levels[int(code)]) for code in _level_numbers(reader.levels).values()]
    if not levels:
        found.groups.setdefault(f"{script.copy(parts.to_texts)}(table[name])", []).append(name)
        return []
    call = call_code(script.copy(parts.to_known_levels), [f"table[{quote(name)}]", list_code(levels)])
    return f"features[{quote(name)}] = {call}".split("\n")


def _date(name: str, reader: TableReader, script: Script, found: Columns) -> list[str]:
    first = pd.Timestamp(reader.first, unit="us") if isinstance(reader.first, int | np.integer) else reader.first
    format, order = getattr(reader.format, "fast", reader.format), getattr(reader.format, "order", "mdy")
    options = {"format": format, "order": order} | ({"zone": reader.zone} if reader.zone else {})
    arguments = [f"table[{quote(name)}]", script.value(list(reader.suffixes)), quote(str(first))]
    arguments += [f"{key}={script.value(value)}" for key, value in options.items()]
    return call_code("features.update", [call_code(script.copy(parts.to_date_parts), arguments)]).split("\n")


def _time(name: str, reader: TableReader, script: Script, found: Columns) -> list[str]:
    options = {"zone": reader.zone} if reader.zone else {}
    if reader.format is not None:
        options |= {"format": reader.format.fast, "order": reader.format.order}
    listed = "".join(f", {key}={script.value(value)}" for key, value in options.items())
    return [f"features.update({script.copy(parts.to_times)}(table[{quote(name)}]{listed}))"]


def _text(name: str, reader: TableReader, script: Script, found: Columns) -> list[str]:
    by_character = getattr(reader, "analyzer", "word") == "char"
    argument = ', analyzer="char", ngram_range=(2, 4)' if by_character else ""
    call = f"{script.copy(parts.to_hashes)}(table[{quote(name)}], {reader.n_features}{argument})"
    return [f"features.update({call})", *_components(name, reader.characters, script, found)]


def _characters(name: str, reader: TableReader, script: Script, found: Columns) -> list[str]:
    return [_length(name, script), *_components(name, reader, script, found)]


def _text_category(name: str, reader: TableReader, script: Script, found: Columns) -> list[str]:
    return [
        *_category(name, reader, script, found),
        _length(name, script),
        *_components(name, reader.characters, script, found),
    ]


def _length(name: str, script: Script) -> str:
    return f"features[{quote(name + '_length')}] = {script.copy(parts.to_lengths)}(table[{quote(name)}])"


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
