"""Write tables chunk by chunk: text files, files of JSON lines, Parquet files and Feather files."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import pandas as pd

from automl.errors import InvalidInputError
from automl.table_files.formats import ARROW, JSON_LINES, PARQUET, SEPARATORS, split_extension
from automl.table_files.text import open_to_write
from meta_db.files import replace_file

if TYPE_CHECKING:
    import pyarrow as pa

_NOT_HELD = (
    "name a file with --out, because the folder of temporary files (TMPDIR) cannot hold the predictions until all rows "
    "are predicted"
)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table without its index; the extension of the file gives the format, as in `read_table`.

    Raises
    ------
    InvalidInputError
        If the extension is unknown, or the file cannot be written.
    """
    with open_writer(path) as writer:
        writer.write(table)


@contextmanager
def open_writer(path: Path | None, source: Path | None = None) -> Iterator[TableWriter]:
    """Open a writer of a table in chunks; the file appears as a whole when the block ends, or not at all.

    Standard output gets the rows when the block ends, too: until then, a temporary file holds them.

    Parameters
    ----------
    path : Path or None
        A text file or a file of JSON lines, possibly compressed, or a Parquet or Feather file; None for standard
        output.
    source : Path, optional
        The file that was read. Standard output gets JSON lines if this file holds JSON lines, and CSV otherwise.

    Raises
    ------
    InvalidInputError
        If the extension is unknown, or the file cannot be written.
    """
    if path is None:
        kind = ".csv" if source is None else split_extension(source)[0]
        kind, problem = kind if kind in JSON_LINES else ".csv", _NOT_HELD
    else:
        kind, problem = _written_kind(path), f"'{path}' cannot be written"
    with ExitStack() as stack:
        with _clear_errors(problem):
            target = _open_target(path, kind, stack)
            writer = stack.enter_context(TableWriter(target, kind, problem))
        try:
            yield writer
            if path is None and not isinstance(target, Path):
                with _clear_errors(problem):
                    target.seek(0)
                shutil.copyfileobj(target, sys.stdout)
        except BaseException:
            with suppress(OSError):  # a full disk is one also when the file is closed, which must not hide the error
                stack.__exit__(*sys.exc_info())
            raise
        with _clear_errors(problem):
            stack.close()


def _open_target(path: Path | None, kind: str, stack: ExitStack) -> IO[str] | Path:
    """Return what a `TableWriter` writes to: a temporary file if `path` is None."""
    if path is None:
        return stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8", newline=""))
    partial = stack.enter_context(replace_file(path))
    return partial if kind in (*PARQUET, *ARROW) else stack.enter_context(open_to_write(partial, path.suffix))


@contextmanager
def _clear_errors(problem: str) -> Iterator[None]:
    """Turn an error of the system into one that says what cannot be done."""
    try:
        yield
    except OSError as error:
        raise InvalidInputError(f"{problem}: {error.strerror or error}") from error


def check_output(path: Path) -> None:
    """Raise an error for a file whose extension names no format, before any work is done."""
    _written_kind(path)


class TableWriter(AbstractContextManager["TableWriter"]):
    """Writes chunks of a table to a text stream, or to a Parquet or Feather file whose path is given.

    Parameters
    ----------
    target : text stream or Path
    kind : str
        The extension of the format.
    problem : str
        What an error of the system in writing means, for its message.
    """

    def __init__(self, target: IO[str] | Path, kind: str, problem: str):
        self._target, self._kind, self._problem = target, kind, problem
        self._arrow_writer: Any = None
        self._schema: Any = None
        self._is_first = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._arrow_writer is not None:
            self._arrow_writer.close()

    def write(self, *parts: pd.DataFrame | pa.Table) -> None:
        """Write the next rows; the columns of all parts stand beside each other."""
        with _clear_errors(self._problem):
            self._write(parts)

    def _write(self, parts: Sequence[pd.DataFrame | pa.Table]) -> None:
        if isinstance(self._target, Path):
            self._write_arrow(self._target, parts)
            return
        frames = [_to_frame(part).reset_index(drop=True) for part in parts]
        whole = pd.concat(frames, axis=1) if len(frames) > 1 else frames[0]
        if self._kind in JSON_LINES:
            self._target.writelines(_json_lines(whole))
        else:
            whole.to_csv(self._target, index=False, sep=SEPARATORS[self._kind], header=self._is_first)
        self._is_first = False

    def _write_arrow(self, path: Path, parts: Sequence[pd.DataFrame | pa.Table]) -> None:
        import pyarrow as pa

        named = [column for part in parts for column in _columns(part)]
        types = [None] * len(named) if self._schema is None else self._schema.types
        columns = [self._to_arrow(name, cells, kind) for (name, cells), kind in zip(named, types, strict=True)]
        table = pa.table(columns, names=[name for name, _ in named])
        if self._schema is None:
            self._schema = table.schema
            self._arrow_writer = _open_arrow(path, self._kind, table.schema)
        self._arrow_writer.write_table(table)

    def _to_arrow(self, name: str, cells: Any, kind: Any) -> Any:
        """Return a column in the type of its first rows, if there are any."""
        import pyarrow as pa

        try:
            column = pa.array(cells, from_pandas=True) if isinstance(cells, pd.Series) else cells
            return column if kind is None else column.cast(kind)
        except (pa.ArrowException, OverflowError) as error:
            raise InvalidInputError(
                f"column '{name}' cannot be written to a {self._kind} file, whose columns have one type each: {error}; "
                "write a .csv or .jsonl file, or leave out the column"
            ) from error


def _open_arrow(path: Path, kind: str, schema: pa.Schema) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if kind in PARQUET:
        return pq.ParquetWriter(path, schema)
    options = pa.ipc.IpcWriteOptions(compression="lz4")  # as the Feather files of pyarrow and pandas have it
    return pa.ipc.new_file(str(path), schema, options=options)


def _json_lines(frame: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of a file of JSON lines; numbers keep all their digits, and missing cells are null."""
    names = [str(name) for name in frame.columns]
    columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
    cells = [column.astype(object).where(column.notna(), None).tolist() for column in columns]
    for row in zip(*cells, strict=True):
        yield json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=str) + "\n"


def _to_frame(part: pd.DataFrame | pa.Table) -> pd.DataFrame:
    if isinstance(part, pd.DataFrame):
        return part
    import pyarrow.types as types

    # pandas' own type of whole numbers has no missing cell: they would become decimal numbers.
    def nullable(kind: pa.DataType) -> Any:
        if types.is_integer(kind):
            return pd.Int64Dtype() if types.is_signed_integer(kind) else pd.UInt64Dtype()
        return None

    frame: pd.DataFrame = part.to_pandas(ignore_metadata=True, types_mapper=nullable)
    return frame


def _columns(part: pd.DataFrame | pa.Table) -> list[tuple[str, Any]]:
    """Return the names of the columns with their cells."""
    if isinstance(part, pd.DataFrame):
        return [(str(name), cells) for name, cells in part.items()]
    return list(zip(part.column_names, part.columns, strict=True))


def _written_kind(path: Path) -> str:
    kind, is_compressed = split_extension(path)
    if kind in (*SEPARATORS, *JSON_LINES) or (kind in (*PARQUET, *ARROW) and not is_compressed):
        return kind
    raise InvalidInputError(
        f"'{path}' does not say its format; use the extension .csv, .tsv, .csv.gz, .jsonl, .parquet or .feather"
    )
