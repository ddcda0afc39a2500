"""The formats of files with tables, by the extensions of the files."""

from __future__ import annotations

from pathlib import Path

from automl.table_files.text import COMPRESSED

SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet", ".pq")
ARROW = (".feather", ".arrow")
EXCEL = (".xlsx", ".xlsm")


def split_extension(path: Path) -> tuple[str, bool]:
    """Return the extension that gives the format, in lower case, and whether another one for a compression follows.

    >>> split_extension(Path("a/table.CSV.gz"))
    ('.csv', True)
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    is_compressed = bool(suffixes) and suffixes[-1] in COMPRESSED
    if is_compressed:
        suffixes.pop()
    return (suffixes[-1] if suffixes else ""), is_compressed
