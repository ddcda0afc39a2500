"""Tables in files: CSV and Parquet, in and out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from automl.errors import InvalidInputError

_PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_PARQUET = (".parquet", ".pq")


def read_table(path: Path) -> pd.DataFrame:
    """The table in a file, its format told by the ending.

    Parameters
    ----------
    path : Path
        ``.csv`` (also with semicolons) or ``.tsv``, possibly packed as in ``.csv.gz``; or ``.parquet``.

    Raises
    ------
    InvalidInputError
        If the file is missing, has another ending or cannot be read as what its ending says.
    """
    kind = _kind(path)
    if not path.exists():
        raise InvalidInputError(f"no file '{path}'; check the path")
    try:
        if kind in _PARQUET:
            return pd.read_parquet(path)
        return _read_text(path, _SEPARATORS[kind])
    except (OSError, ValueError) as error:  # pandas' and pyarrow's parser errors are ValueErrors
        raise InvalidInputError(f"'{path}' cannot be read as {kind[1:]}: {error}") from error


def _read_text(path: Path, separator: str) -> pd.DataFrame:
    heading = list(pd.read_csv(path, sep=separator, nrows=0).columns)
    if len(heading) > 1 or ";" not in heading[0]:
        return pd.read_csv(path, sep=separator, low_memory=False)
    # As spreadsheets write it where the comma is the decimal sign; which it need not be.
    readings = [pd.read_csv(path, sep=";", decimal=sign, low_memory=False) for sign in ".,"]
    return max(readings, key=lambda reading: reading.select_dtypes("number").shape[1])


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table without its index, the format told by the ending as in `read_table`.

    Raises
    ------
    InvalidInputError
        If the ending is another, or the file cannot be written.
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
    """Refuse a file whose ending names no format, before any work is done for it."""
    _kind(path)


def _kind(path: Path) -> str:
    """The ending that tells the format, in small letters and without that of a packer."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in _PACKED:
        endings.pop()
    kind = endings[-1] if endings else ""
    if kind not in (*_SEPARATORS, *_PARQUET):
        raise InvalidInputError(f"'{path}' does not say its format; name it .csv, .tsv, .csv.gz or .parquet")
    return kind
