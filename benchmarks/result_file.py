"""The CSV file of a benchmark: one row for each measured cell, so that a stopped measurement can be continued.

A cell is what is measured at once, for example one contender on one split of one table. Some columns of the file, the
keys, say which cell a row is about.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

Cell = TypeVar("Cell", bound=tuple[Any, ...])


def append_row(path: Path, row: Mapping[str, Any], columns: Sequence[str]) -> None:
    """Append a row to a CSV file.

    The header is written first where there is no file yet. An older file keeps its columns, so that they stay aligned.
    """
    is_new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not is_new:
        with path.open(newline="") as file:
            columns = next(csv.reader(file), columns)
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns)
        if is_new:
            writer.writeheader()
        writer.writerow({name: row.get(name, "") for name in columns})


def missing_cells(path: Path, keys: Sequence[str], cells: Iterable[Cell]) -> Iterator[Cell]:
    """Yield the cells that a CSV file does not hold; all of them if there is no file.

    The file is read when the first cell is asked for. Rows that are appended later do not matter.

    Parameters
    ----------
    keys : sequence of str
        Columns of the file, one for each value of a cell.
    cells : iterable of tuple
        The values are texts, numbers and truth values.
    """
    known: set[tuple[str | float, ...]] = set()
    if path.exists():
        with path.open(newline="") as file:
            known = {tuple(_value(row[key]) for key in keys) for row in csv.DictReader(file)}
    yield from (cell for cell in cells if tuple(map(_value, cell)) not in known)


def _value(value: Any) -> str | float:
    """Return a number as a float, and anything else as a text, so that 60 in a file is 60.0 in a cell."""
    text = str(value)
    try:
        return float(text)
    except ValueError:
        return text
