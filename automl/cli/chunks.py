"""Predict a table in a file chunk by chunk, so that the predictions do not depend on where a chunk begins."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from automl.cli.support import write_message, write_note
from automl.errors import InvalidInputError, UnreadCellsWarning
from automl.plurals import plural
from automl.table_files.reading import Chunk, read_chunks
from automl.task.unread_cells import describe_unread
from pipelines.table.cells import TableError, UnreadCells, find_unread, holds_numbers, is_placeholder
from pipelines.table.raw import column_series
from pipelines.table.similar_names import may_be_renamed

if TYPE_CHECKING:
    from automl.base import BaseAutoML
    from automl.table_files.text import FileOptions
    from pipelines.table.columns import Column

_LINE_EVERY = 10.0  # seconds between the lines of the progress where standard error is no terminal
_REDRAW_EVERY = 0.2  # seconds between the updates of the line on a terminal


class ChunkedTable:
    """A table in a file, for a fitted estimator.

    Parameters
    ----------
    path : Path
        File, or folder of Parquet files.
    estimator : AutoMLClassifier or AutoMLRegressor
        The fitted estimator; the data types of its training table say how the cells are read.
    n_rows : int or None
        Rows of a chunk; None chooses by the number of columns.
    options : FileOptions
    """

    def __init__(self, path: Path, estimator: BaseAutoML, n_rows: int | None, options: FileOptions):
        self._path, self._estimator, self._n_rows, self._options = path, estimator, n_rows, options
        reader = estimator._reader
        self._columns = [column for column in reader.columns_ if column.reader is not None]
        self._is_named = hasattr(estimator, "feature_names_in_")
        kinds = zip((column.name for column in reader.columns_), map(holds_numbers, reader.dtypes_), strict=True)
        self._holds_numbers = {str(name): is_number for name, is_number in kinds} if self._is_named else {}
        self._unreadable: dict[str, InvalidInputError] = {}  # by column: the error of its first chunk of odd cells
        self._with_values: set[str] = set()  # columns with a chunk that holds values which can be read
        # The cells that cannot be read, by column and by the first row of the chunk, which several methods may predict.
        self._unread: dict[Hashable, dict[int, UnreadCells]] = {}
        self._n_rows_read = 0

    def chunks(
        self, keep: Sequence[str] | None = (), texts: Sequence[str] = (), numbers: Sequence[str] = ()
    ) -> Iterator[Chunk]:
        """Yield the chunks of the file.

        Parameters
        ----------
        keep : sequence of str or None
            Columns to keep; None for all.
        texts, numbers : sequence of str
            Further columns whose cells are texts, or numbers.

        Raises
        ------
        InvalidInputError
            If the file cannot be read, or lacks columns of the training table.
        """
        used = [str(column.name) for column in self._columns]
        yield from read_chunks(
            self._path,
            self._n_rows,
            self._options,
            texts=[*texts, *(name for name, is_number in self._holds_numbers.items() if not is_number)],
            numbers=[*numbers, *(name for name in used if self._holds_numbers.get(name))],
            keep=keep,
        )

    def predict(self, chunk: Chunk, method: Callable[[Any], Any]) -> Any:
        """Return what a method of the estimator returns for a chunk.

        Raises
        ------
        InvalidInputError
            If the chunk cannot be predicted; the message names the file, the row and the column.
        """
        table = self._complete(chunk.table)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", UnreadCellsWarning)
                answer = self._predict(table, method)
        except InvalidInputError as error:
            row = self._find_row(table, method)
            where = f"rows {chunk.first_row} to {chunk.first_row + len(table) - 1}"
            if row is not None:
                where = f"row {chunk.first_row + row}"
            raise InvalidInputError(f"'{self._path}', {where}: {error}") from error
        self._n_rows_read = chunk.first_row + len(table) - 1
        for warning in caught:
            if isinstance(warning.message, UnreadCellsWarning):
                for cells in warning.message.columns:
                    here = replace(cells, row=chunk.first_row - 1 + cells.row)
                    self._unread.setdefault(cells.column, {})[chunk.first_row] = here
            else:
                warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)
        return answer

    def finish(self) -> None:
        """Check the columns in which the cells of some chunk could not be read, and warn of such cells.

        Raises
        ------
        InvalidInputError
            If no cell of such a column can be read in the whole file.
        """
        for name, error in self._unreadable.items():
            if name not in self._with_values:
                raise error
        merged = []
        for chunks in (self._unread[column.name] for column in self._columns if column.name in self._unread):
            n_cells = sum(cells.n_cells for cells in chunks.values())
            merged.append(replace(chunks[min(chunks)], n_cells=n_cells, n_rows=self._n_rows_read))
        if merged:
            write_note(f"'{self._path}': {describe_unread(merged)}")

    def _complete(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the table with empty columns in place of missing ones that the model does not use."""
        n_columns = self._estimator._reader.n_features_in_
        if not self._is_named and table.shape[1] != n_columns:
            raise InvalidInputError(
                f"'{self._path}' has {plural(table.shape[1], 'column')}, but the training table had {n_columns}, "
                "without names; the file must hold these columns only, in the same order"
            )
        used = {str(column.name) for column in self._columns}
        missing = [name for name in self._holds_numbers if name not in table.columns]
        needed = [name for name in missing if name in used]
        if needed:
            shown = ", ".join(map(repr, needed[:3])) + (", ..." if needed[3:] else "")
            renamed = may_be_renamed(needed, [name for name in table.columns if name not in used])
            hint = f", or rename columns: {renamed}" if renamed else ""
            raise InvalidInputError(f"'{self._path}' lacks columns of the training table: {shown}; add them{hint}")
        return table.assign(**dict.fromkeys(missing, float("nan"))) if missing else table

    def _predict(self, table: pd.DataFrame, method: Callable[[Any], Any]) -> Any:
        """Predict a chunk. Columns without any cell that can be read are an error only if this holds for all chunks."""
        try:
            answer = method(table)
        except InvalidInputError:
            odd = self._odd_columns(table)
            if not odd:
                raise
            for column, reason in odd:
                self._unreadable.setdefault(str(column.name), InvalidInputError(f"'{self._path}': {reason}"))
            unread = [_all_unread(column, table) for column, _ in odd]
            warnings.warn(UnreadCellsWarning(describe_unread(unread), unread), stacklevel=2)
            table = table.assign(**{str(column.name): float("nan") for column, _ in odd})
            answer = method(table)
        if self._is_named:
            left = [str(c.name) for c in self._columns if c.name not in self._with_values]
            self._with_values.update(name for name in left if _has_values(table[name]))
        return answer

    def _odd_columns(self, table: pd.DataFrame) -> list[tuple[Column, str]]:
        """Return the columns of which no cell can be read, with the reasons."""
        places: dict[Hashable, int] = {name: i for i, name in enumerate(table.columns)}
        odd = []
        for column in self._columns if self._is_named else ():
            try:
                assert column.reader is not None
                column.reader.read(column_series(table, places[column.name]))
            except TableError as error:
                odd.append((column, str(error)))
        return odd

    def _find_row(self, table: pd.DataFrame, method: Callable[[Any], Any]) -> int | None:
        """Return the position of the first row that cannot be predicted; None if each row alone can."""
        start, end = 0, len(table)
        while end - start > 1:
            middle = (start + end) // 2
            if self._fails(table.iloc[start:middle], method):
                end = middle
            else:
                start = middle
        return start if self._fails(table.iloc[start:end], method) else None

    def _fails(self, table: pd.DataFrame, method: Callable[[Any], Any]) -> bool:
        try:
            self._predict(table, method)
        except InvalidInputError:
            return True
        return False


@contextmanager
def show_rows(verbose: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that counts rows and shows their number on standard error: one line that is kept up to date.

    Where standard error is no terminal, a line is written every ten seconds.
    """
    start, shown, total = time.monotonic(), time.monotonic(), 0
    is_terminal = sys.stderr.isatty()

    def add(n_rows: int) -> None:
        nonlocal shown, total
        total += n_rows
        now = time.monotonic()
        if not verbose or now - shown < (_REDRAW_EVERY if is_terminal else _LINE_EVERY):
            return
        shown = now
        text = f"{plural(total, 'row')} in {now - start:.0f} s"
        if is_terminal:
            sys.stderr.write(f"\r\x1b[Kautoml: {text}")
            sys.stderr.flush()
        else:
            write_message(verbose, text)

    try:
        yield add
    finally:
        if verbose and is_terminal and shown > start:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _all_unread(column: Column, table: pd.DataFrame) -> UnreadCells:
    """Return the cells of a column of which none can be read."""
    unread, example = find_unread(table[column.name], np.ones(len(table), dtype=bool))
    return UnreadCells(column.name, column.kind, int(unread.sum()), len(table), int(np.argmax(unread)), example)


def _has_values(column: pd.Series) -> bool:
    """Return whether a column has a cell that is neither missing nor a text for a missing value."""
    known = column.dropna()
    if known.empty or pd.api.types.is_numeric_dtype(known):
        return not known.empty
    return not is_placeholder(known.astype(str).to_numpy(dtype=object)).all()
