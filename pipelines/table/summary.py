"""Descriptions of the columns of a table, and messages about columns that are read in an unexpected way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from pipelines.table.columns import BooleanReader, CategoryReader, Column, DateReader, NumericReader, TimeReader
from pipelines.table.texts import CharacterReader, TextCategoryReader, TextReader

_NAMES_SHOWN = 5
_LINES_SHOWN = 20


def summarize(columns: Sequence[Column]) -> pd.DataFrame:
    """Return a table with one row for each column: name, kind, reason and treatment."""
    rows = [(column.name, column.kind, column.reason, _treatment(column.reader)) for column in columns]
    table = pd.DataFrame({"name": pd.Series([row[0] for row in rows], dtype=object)})
    for i, title in enumerate(("kind", "reason", "treatment"), start=1):
        table[title] = pd.Series([row[i] for row in rows], dtype=object)
    return table


def notices(columns: Sequence[Column]) -> list[str]:
    """Return messages about columns that are not used, or that are read against their look.

    Each message names the columns and, where there is one, the argument that changes the decision.
    """
    groups: dict[tuple[str, str], list[Any]] = {}
    for column in columns:
        if column.notice:
            groups.setdefault((column.notice, column.remedy), []).append(column.name)
    lines = [_line(names, notice, remedy) for (notice, remedy), names in groups.items()]
    if len(lines) > _LINES_SHOWN:
        more = len(lines) - _LINES_SHOWN
        return [*lines[:_LINES_SHOWN], f"{more} more such messages are left out; see the attribute columns_"]
    return lines


def _line(names: Sequence[Any], notice: str, remedy: str) -> str:
    if len(names) == 1:
        subject = f"column {names[0]!r}"
    else:
        others = len(names) - _NAMES_SHOWN
        shown = ", ".join(map(repr, names[:_NAMES_SHOWN]))
        subject = f"each of the columns {shown}{f' and {others} others' if others > 0 else ''}"
    change = f"; columns={{{names[0]!r}: {remedy!r}}} changes that" if remedy else ""
    return f"{subject} {notice}{change}"


def _treatment(reader: Any) -> str:
    """Return a description of the output of a reader."""
    if isinstance(reader, NumericReader):
        return "a number of seconds" if reader.seconds else "a number"
    if isinstance(reader, BooleanReader):
        return "1 for true and 0 for false"
    if isinstance(reader, CategoryReader):
        rest = ", the last one for rare and new levels" if reader.grouped else ""
        codes = f"{reader.cardinality} codes of categories{rest}"
        if isinstance(reader, TextCategoryReader):
            return f"{codes}; {_treatment(reader.characters)}"
        return codes
    if isinstance(reader, DateReader):
        parts = [suffix[1:] for suffix in reader.suffixes if suffix != "_elapsed"]
        first = str(pd.Timestamp(reader.first, unit="us")).removesuffix(" 00:00:00")
        return ", ".join([*parts, f"days since {first}"])
    if isinstance(reader, TimeReader):
        return "hour of the day, with its sine and cosine"
    if isinstance(reader, TextReader):
        hashed = f"{reader.n_features} hashed columns of words"
        if reader.characters is None:
            return f"length, number of words, and {hashed}"
        return f"length, number of words, {hashed}, and {reader.n_components} components of groups of characters"
    if isinstance(reader, CharacterReader):
        return f"length, and {reader.n_components} components of groups of characters"
    return "not used"
