"""Read tables in files: text files, files of JSON lines, Parquet, Feather and Excel files, folders of Parquet files.

All commands that read tables use this reader. A table that does not fit into memory is read in chunks; a file of JSON
lines or an Excel file is read as a whole.
"""

from __future__ import annotations

import io
import json
import lzma
import re
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from automl.errors import InvalidInputError
from automl.plurals import plural
from automl.table_files.formats import ARROW, EXCEL, JSON_LINES, PARQUET, SEPARATORS, split_extension
from automl.table_files.target import possible_names, similar_columns
from automl.table_files.text import (
    DEFAULT_OPTIONS,
    Dialect,
    FileOptions,
    find_dialect,
    has_other_sign,
    logger,
    open_bytes,
    with_point,
)
from pipelines.libraries import MissingLibraryError, import_library

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_OF_CODES = 10_000  # rows in which leading zeros are looked for
_FOLDER = "folder of Parquet files"
_ADVICE = "use the extension .csv, .tsv, .txt, .csv.gz, .jsonl, .parquet, .feather or .xlsx"
_DAMAGED = (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
_WRONG_WIDTH = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")


@dataclass(frozen=True)
class Chunk:
    """Some consecutive rows of a table.

    Attributes
    ----------
    first_row : int
        Number of the first row of data, from 1.
    table : DataFrame
        All columns, read as `read_table` reads them.
    kept : DataFrame or pyarrow.Table
        The columns to keep, as they are in the file: cells of text files are texts.
    """

    first_row: int
    table: pd.DataFrame
    kept: pd.DataFrame | pa.Table


def read_table(
    path: Path, options: FileOptions = DEFAULT_OPTIONS, *, target: str | Sequence[str] | None = None
) -> pd.DataFrame:
    """Read the table in a file; the extension of the file gives the format.

    Whole numbers with leading zeros, such as zip codes, are texts.

    Parameters
    ----------
    path : Path
        A text file (``.csv``, ``.tsv`` or ``.txt``) or a file of JSON lines (``.jsonl`` or ``.ndjson``), possibly
        compressed as in ``.csv.gz``; a ``.parquet`` or ``.feather`` file; a sheet of an ``.xlsx`` file; or a folder of
        Parquet files.
    options : FileOptions
        What the user says about the file.
    target : str or sequence of str, optional
        Column whose numbers stay numbers, also with leading zeros.

    Raises
    ------
    InvalidInputError
        If the file is missing, has another extension, or cannot be read in the format of its extension.
    """
    kind = _kind(path)
    options.check()
    with _clear_errors(path, kind, options):
        table = _read(path, kind, options, possible_names(target))
    return table


def read_chunks(
    path: Path,
    n_rows: int | None,
    options: FileOptions = DEFAULT_OPTIONS,
    *,
    texts: Collection[str] = (),
    numbers: Collection[str] = (),
    keep: Sequence[str] | None = (),
) -> Iterator[Chunk]:
    """Yield a table in chunks of rows, so that only one chunk is in memory.

    Parameters
    ----------
    path, options
        As in `read_table`.
    n_rows : int or None
        Rows of a chunk; None chooses fewer rows for wider tables.
    texts : collection of str
        Columns of a text file whose cells are texts. Otherwise a chunk of such a column that holds only numbers would
        be read as numbers.
    numbers : collection of str
        Columns of numbers. If a chunk of such a column also holds texts, its decimal commas become points, because the
        numbers of other chunks have lost theirs. In a file with decimal commas, a number such as 1.234 is an error.
    keep : sequence of str or None
        Columns for `Chunk.kept`; None for all.

    Raises
    ------
    InvalidInputError
        As in `read_table`, or if there is no such column to keep.
    """
    kind = _kind(path)
    options.check()
    with _clear_errors(path, kind, options), ExitStack() as stack:
        if kind in SEPARATORS:
            dialect = find_dialect(path, SEPARATORS[kind], options)
            yield from _text_chunks(path, n_rows, dialect, (texts, numbers), keep, stack)
        elif kind in JSON_LINES:
            rows = _read_json_lines(path)
            yield from _frame_chunks(pd.DataFrame(rows), partial(_json_cells, rows), n_rows, path, keep)
        elif kind in EXCEL:
            yield from _frame_chunks(_read_excel(path, options, texts), _excel_cells, n_rows, path, keep)
        else:
            yield from _arrow_chunks(path, kind, n_rows, keep)


def check_ending(path: Path) -> None:
    """Raise an error for a file to read whose extension names no format, before any work is done for this file."""
    _kind(path)


def check_formats(options: FileOptions, paths: Sequence[Path]) -> None:
    """Raise an error for an option that does nothing, because it is about a format that none of the files has."""
    kinds = {_kind(path) for path in paths}
    shown = f"'{paths[0]}' is none" if len(paths) == 1 else "none of the files is one"
    for name, value in vars(options).items():
        formats, what = (EXCEL, "Excel files") if name == "sheet" else (SEPARATORS, "text files such as CSV files")
        if value is not None and kinds.isdisjoint(formats):
            raise InvalidInputError(f"{options.shown(name)} is for {what}, but {shown}; leave it out")


def _read(path: Path, kind: str, options: FileOptions, targets: set[str]) -> pd.DataFrame:
    if kind in SEPARATORS:
        dialect = find_dialect(path, SEPARATORS[kind], options)
        texts = {name: str for name in _columns_of_codes(path, dialect) if str(name) not in targets}
        with open_bytes(path) as file:
            return pd.read_csv(file, low_memory=False, dtype=texts, **dialect.arguments())
    if kind in JSON_LINES:
        return pd.DataFrame(_read_json_lines(path))
    if kind in EXCEL:
        return _read_excel(path, options, but=targets)
    if kind in PARQUET:
        return pd.read_parquet(path)
    table: pd.DataFrame = _arrow_dataset(path, kind).to_table().to_pandas()
    return table


def _read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file with one JSON object in each line; the cells keep their types: a text is not read as a date."""
    with open_bytes(path) as file:
        return list(_json_objects(io.TextIOWrapper(file, "utf-8-sig")))


def _json_objects(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if line.isspace():
            continue
        try:
            content = json.loads(line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
        if not isinstance(content, dict):
            raise ValueError(f"line {number} holds no JSON object; write one object for each row")
        yield content


def _columns_of_codes(path: Path, dialect: Dialect) -> list[Any]:
    """Return the columns of whole numbers with leading zeros, such as zip codes; as numbers they would lose the zeros.

    The first rows decide, because a second pass over a large file would take long.
    """
    with open_bytes(path) as file:
        cells = pd.read_csv(file, nrows=_ROWS_OF_CODES, dtype=str, **dialect.arguments())
    return [name for name in cells.columns if _holds_codes(cells[name])]


def _holds_codes(cells: pd.Series[Any], is_text: bool = False) -> bool:
    """Return whether all texts are whole numbers, some with leading zeros unless the user's column is of text."""
    column = cells.dropna().str.strip()
    return bool((is_text or column.str.match(r"0\d").any()) and column.str.fullmatch(r"\d+").all())


def _text_chunks(
    path: Path,
    n_rows: int | None,
    dialect: Dialect,
    columns: tuple[Collection[str], Collection[str]],
    keep: Sequence[str] | None,
    stack: ExitStack,
) -> Iterator[Chunk]:
    def open_reader(**arguments: Any) -> Any:
        file = stack.enter_context(open_bytes(path))
        return stack.enter_context(pd.read_csv(file, iterator=True, **dialect.arguments(), **arguments))

    names = [str(name) for name in _header(path, dialect)]
    size = _chunk_rows(n_rows, len(names))
    known = set(names)
    texts, numbers = ([name for name in given if name in known] for given in columns)
    reader = open_reader(low_memory=False, dtype=dict.fromkeys(texts, str))
    kept_names = _kept(keep, names, path)
    keeper = open_reader(dtype=str, na_filter=False) if kept_names else None
    first = 1
    while True:
        try:
            table = reader.get_chunk(size)
        except StopIteration:
            return
        kept = pd.DataFrame(index=table.index) if keeper is None else keeper.get_chunk(size)[kept_names]
        if table.empty:
            return
        if dialect.decimal == ",":
            for name in numbers:
                if not pd.api.types.is_numeric_dtype(table[name]):
                    table[name] = _with_points(table[name], first, path)
        yield Chunk(first, table, kept)
        first += len(table)


def _with_points(column: pd.Series[Any], first_row: int, path: Path) -> pd.Series[Any]:
    """Return a column of a file with decimal commas as texts with decimal points."""
    for row, cell in enumerate(column, first_row):
        if has_other_sign(cell, ","):
            raise InvalidInputError(
                f"'{path}', row {row}: column '{column.name}' holds {cell!r} with a point, but the decimal sign of the "
                "file is a comma; use one sign in all numbers, or name it with --decimal"
            )
    return column.map(with_point, na_action="ignore")


def _header(path: Path, dialect: Dialect) -> list[Any]:
    with open_bytes(path) as file:
        return list(pd.read_csv(file, nrows=0, **dialect.arguments()).columns)


def _frame_chunks(
    table: pd.DataFrame,
    cells_of: Callable[[pd.Series[Any]], pd.Series[Any]],
    n_rows: int | None,
    path: Path,
    keep: Sequence[str] | None,
) -> Iterator[Chunk]:
    """Yield a table in chunks; a function returns the cells of a column as they are in the file."""
    names = _kept(keep, [str(name) for name in table.columns], path)
    kept = pd.DataFrame({name: cells_of(table[name]) for name in names}, index=table.index)
    size = _chunk_rows(n_rows, table.shape[1])
    for start in range(0, len(table), size):
        rows = slice(start, start + size)
        yield Chunk(start + 1, table.iloc[rows], kept.iloc[rows])


def _json_cells(rows: Sequence[Mapping[str, Any]], column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column with its whole numbers, which pandas turns into decimal numbers beside missing cells."""
    if column.dtype != float:
        return column
    cells = pd.Series([row.get(str(column.name)) for row in rows], index=column.index, dtype=object)
    known = cells.dropna()
    whole = [cell for cell in known if isinstance(cell, int)]
    if whole and len(whole) == len(known):
        return cells.astype("Int64") if max(map(abs, whole)) < 2**63 else cells
    return column if all(float(cell) == cell for cell in whole) else cells


def _excel_cells(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column with its whole numbers, which pandas turns into decimal numbers beside missing cells."""
    known = column.dropna()
    is_whole = column.dtype == float and 0 < len(known) < len(column)
    return column.astype("Int64") if is_whole and ((known % 1 == 0) & (known.abs() < 2**53)).all() else column


def _arrow_chunks(path: Path, kind: str, n_rows: int | None, keep: Sequence[str] | None) -> Iterator[Chunk]:
    import pyarrow as pa

    dataset = _arrow_dataset(path, kind)
    names = _kept(keep, list(dataset.schema.names), path)
    size = _chunk_rows(n_rows, len(dataset.schema.names))
    first = 1
    held: list[pa.Table] = []  # row groups may be smaller than a chunk
    for part in _parts(dataset):
        for batch in part.to_batches(schema=dataset.schema, batch_size=size, batch_readahead=1):
            held.append(pa.Table.from_batches([batch]))
            while sum(map(len, held)) >= size:
                rows = pa.concat_tables(held)
                held = [rows.slice(size)]
                yield Chunk(first, rows.slice(0, size).to_pandas(), rows.slice(0, size).select(names))
                first += size
    rows = pa.concat_tables(held) if held else None
    if rows is not None and len(rows):
        yield Chunk(first, rows.to_pandas(), rows.select(names))


def _parts(dataset: Any) -> Iterator[Any]:
    """Yield the row groups of Parquet files, and other files as a whole: a scan of all would read far ahead."""
    for fragment in dataset.get_fragments():
        if hasattr(fragment, "split_by_row_group"):
            yield from fragment.split_by_row_group()
        else:
            yield fragment


def _arrow_dataset(path: Path, kind: str) -> Any:
    """Return a Parquet or Feather file, or a folder of Parquet files, with a schema that suits all files."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    if kind != _FOLDER:
        return ds.dataset(path, format="feather" if kind in ARROW else "parquet")
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in PARQUET and file.name[0] not in "._")
    if not files:
        raise InvalidInputError(f"'{path}' is a folder without Parquet files; name a file, or a folder with some")
    how = {
        "format": "parquet",
        "partitioning": ds.partitioning(flavor="hive"),
        "partition_base_dir": str(path),
    }
    found = ds.dataset(files, **how)
    schemas = [fragment.physical_schema for fragment in found.get_fragments()]
    try:
        schema = pa.unify_schemas([*schemas, found.schema], promote_options="permissive")
    except pa.ArrowException as error:
        raise InvalidInputError(f"'{path}': its files do not have the same columns: {error}") from error
    return ds.dataset(files, schema=schema, **how)


def _read_excel(path: Path, options: FileOptions, texts: Collection[str] = (), but: Collection[str] = ()) -> Any:
    """Read a sheet.

    Parameters
    ----------
    texts : collection of str
        Columns of text, whose whole numbers stay texts even if none has leading zeros.
    but : collection of str
        Column whose numbers stay numbers.
    """
    try:
        import_library("openpyxl")
    except MissingLibraryError as error:
        raise InvalidInputError(f"'{path}' needs openpyxl: {error}; or: pip install 'cash-automl[files]'") from error
    with pd.ExcelFile(path, engine="openpyxl") as book:
        names = [str(name) for name in book.sheet_names]
        sheet, option = options.sheet, options.shown("sheet")
        if sheet is not None and sheet not in names and sheet.isdigit() and 1 <= int(sheet) <= len(names):
            sheet = names[int(sheet) - 1]
        if sheet is not None and sheet not in names:
            raise InvalidInputError(f"{option}: '{path}' has no sheet '{sheet}'; it has {', '.join(map(repr, names))}")
        if sheet is None and len(names) > 1:
            listed = ", ".join(names)
            logger.info("'%s' has the sheets %s; the first one is read; %s names another", path, listed, option)
        sheet = names[0] if sheet is None else sheet
        some = pd.read_excel(book, sheet_name=sheet, nrows=_ROWS_OF_CODES, dtype=str)
        codes = [n for n in some.columns if str(n) not in but and _holds_codes(some[n], is_text=str(n) in texts)]
        table = pd.read_excel(book, sheet_name=sheet, dtype=dict.fromkeys(codes, str))
    headers = [str(name) for name in table.columns]  # a name such as 2024 is a number in the file
    for header, n in Counter(headers).items():
        if n > 1:  # pandas gives equal headers different names, but 2024 as a number and as a text are not equal
            raise InvalidInputError(
                f"'{path}': sheet '{sheet}' has {n} columns named '{header}': the cells differ in their type, such as "
                "a number and a text; give the columns different names"
            )
    return table.set_axis(headers, axis=1)


@contextmanager
def _clear_errors(path: Path, kind: str, options: FileOptions) -> Iterator[None]:
    """Turn the errors of libraries into one that names the file, the row and the option that helps."""
    what = kind.removeprefix(".")
    try:
        yield
    except InvalidInputError:
        raise
    except FileNotFoundError:
        raise InvalidInputError(f"there is no file '{path}'; check the path") from None
    except UnicodeError as error:
        raise InvalidInputError(
            f"'{path}' has another encoding: {error}; name it with {options.shown('encoding')}"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise InvalidInputError(f"'{path}' cannot be read as {what}: it is empty") from error
    except pd.errors.ParserError as error:
        wrong = _WRONG_WIDTH.search(str(error))
        text = str(error)
        if wrong:
            expected, line, seen = wrong.groups()
            text = f"line {line} has {plural(int(seen), 'cell')} where {expected} were expected"
        raise InvalidInputError(
            f"'{path}' cannot be read as {what}: {text}; correct the file, or name the separator with "
            f"{options.shown('separator')}"
        ) from error
    except _damaged_errors() as error:
        raise InvalidInputError(f"'{path}' cannot be read as {what}: {error}") from error


def _damaged_errors() -> tuple[type[BaseException], ...]:
    zstandard = sys.modules.get("zstandard")
    return _DAMAGED if zstandard is None else (*_DAMAGED, zstandard.ZstdError)


def _chunk_rows(wanted: int | None, n_columns: int) -> int:
    return wanted or max(100, min(50_000, 5_000_000 // max(1, n_columns)))


def _kept(keep: Sequence[str] | None, names: Sequence[str], path: Path) -> list[str]:
    if keep is None:
        return list(names)
    for name in keep:
        if name not in names:
            raise InvalidInputError(f"--keep: '{path}' has no column '{name}'; it has {similar_columns(name, names)}")
    return list(keep)


def _kind(path: Path) -> str:
    """Return the extension that gives the format, in lower case and without the extension of a compression."""
    try:
        is_folder = path.is_dir()
    except OSError as error:  # for example a name that is too long
        raise InvalidInputError(f"'{path}' cannot be read: {error}") from error
    if is_folder:
        return _FOLDER
    kind, is_compressed = split_extension(path)
    if kind in (*SEPARATORS, *JSON_LINES) or (kind in (*PARQUET, *ARROW, *EXCEL) and not is_compressed):
        return kind
    raise InvalidInputError(f"'{path}' does not say its format; {_ADVICE}")
