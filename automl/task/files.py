"""Read and write tables as CSV and Parquet files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from automl.errors import InvalidInputError

_COMPRESSED = (".gz", ".bz2", ".xz", ".zip", ".zst")
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_PARQUET = (".parquet", ".pq")


def read_table(path: Path) -> pd.DataFrame:
    """Read the table in a file; the extension of the file gives the format.

    Parameters
    ----------
    path : Path
        A ``.csv`` file (also with semicolons), a ``.tsv`` file, possibly compressed as in ``.csv.gz``, or a
        ``.parquet`` file.

    Raises
    ------
    InvalidInputError
        If the file is missing, has another extension, or cannot be read in the format of its extension.
    """
    kind = _kind(path)
    try:
        if kind in _PARQUET:
            return pd.read_parquet(path)
        return _read_text(path, _SEPARATORS[kind])
    except FileNotFoundError:
        raise InvalidInputError(f"there is no file '{path}'; check the path") from None
    except (OSError, ValueError) as error:  # pandas' and pyarrow's parser errors are ValueErrors
        raise InvalidInputError(f"'{path}' cannot be read as {kind[1:]}: {error}") from error


def _read_text(path: Path, separator: str) -> pd.DataFrame:
    heading = list(pd.read_csv(path, sep=separator, nrows=0).columns)
    if len(heading) > 1 or ";" not in heading[0]:
        return pd.read_csv(path, sep=separator, low_memory=False)
    # Spreadsheets write semicolons in countries where the comma is the decimal sign; numbers may still have a point.
    readings = [pd.read_csv(path, sep=";", decimal=sign, low_memory=False) for sign in ".,"]
    return max(readings, key=lambda reading: reading.select_dtypes("number").shape[1])


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table without its index; the extension of the file gives the format, as in `read_table`.

    Raises
    ------
    InvalidInputError
        If the extension is unknown, or the file cannot be written.
    """
    kind = _kind(path)
    try:
        if kind in _PARQUET:
            table.to_parquet(path, index=False)
        else:
            table.to_csv(path, index=False, sep=_SEPARATORS[kind])
    except OSError as error:
        raise InvalidInputError(f"'{path}' cannot be written: {error}") from error


def check_ending(path: Path) -> None:
    """Raise an error for a file whose extension names no format, before any work is done for this file."""
    _kind(path)


def _kind(path: Path) -> str:
    """Return the extension that gives the format, in lower case and without the extension of a compression."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    kind = suffixes[-1] if suffixes else ""
    if kind not in (*_SEPARATORS, *_PARQUET):
        raise InvalidInputError(f"'{path}' does not say its format; use the extension .csv, .tsv, .csv.gz or .parquet")
    return kind
