"""The warning about cells of a table that cannot be read and count as missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automl.errors import UnreadCellsWarning, warn_user
from automl.plurals import plural
from automl.task.validation import table_errors
from pipelines.table.cells import UnreadCells
from pipelines.table.reader import TableReader

_SHOWN = 3  # columns in one message
_LONGEST = 50  # characters of an example
_PLURALS = {"number": "numbers", "boolean": "booleans", "date": "dates", "time": "times"}


def read_rows(reader: TableReader, X: Any) -> Any:
    """Return a checked table as a fitted reader reads it, and warn of its cells that cannot be read.

    Raises
    ------
    InvalidInputError
        If the table does not suit the reader.
    """
    table, unread = read_noting(reader, X)
    warn_of_unread(unread)
    return table


def read_noting(reader: TableReader, X: Any) -> tuple[Any, list[UnreadCells]]:
    """Return a checked table as a fitted reader reads it, and its cells that cannot be read, for a later warning.

    Raises
    ------
    InvalidInputError
        If the table does not suit the reader.
    """
    with table_errors():
        return reader.transform_noting(X)


def warn_of_unread(columns: Sequence[UnreadCells]) -> None:
    """Warn of cells that cannot be read, in one line for all columns; without such cells do nothing."""
    if columns:
        warn_user(UnreadCellsWarning(describe_unread(columns), columns))


def describe_unread(columns: Sequence[UnreadCells]) -> str:
    """Return a message about cells that cannot be read: their number, an example, its row and the column.

    >>> describe_unread([UnreadCells("age", "number", 9, 10, 1, "old")])
    "column 'age': 9 of 10 cells cannot be read as numbers, such as 'old' in row 2; they count as missing"
    """
    facts = [
        f"column {each.column!r}: {each.n_cells:,} of {plural(each.n_rows, 'cell')} cannot be read as "
        f"{_PLURALS[each.kind]}, such as {_shorten(each.example)!r} in row {each.row + 1:,}"
        for each in columns[:_SHOWN]
    ]
    more = [f"{plural(len(columns) - _SHOWN, 'more column')} with such cells"] if len(columns) > _SHOWN else []
    return "; ".join([*facts, *more, "they count as missing"])


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
