"""Read the folder of tables that the benchmarks measure on.

The folder holds one file ``NAME.parquet`` for each table, with the label in the column ``target``, and ``index.csv``
with the columns ``name`` and ``task`` (binary, multiclass or regression).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
import pyarrow.parquet
import typer

from benchmarks.requirements import MissingRequirementError, require_file

DataFolder = Annotated[
    Path, typer.Option(help="Folder of the tables: NAME.parquet with the column 'target', and index.csv.")
]


def read_tasks(data: Path) -> dict[str, str]:
    """Return the task of each table in the index."""
    path = data / "index.csv"
    require_file(path, "name a folder of tables with --data (benchmarks/README.md describes it)")
    index = pd.read_csv(path)
    return dict(zip(index["name"].astype(str), index["task"].astype(str), strict=True))


def choose_tables(data: Path, names: str, least_rows: int = 0) -> list[str]:
    """Return the named tables (names with commas), or all tables that have at least so many rows when none is named.

    Raises
    ------
    MissingRequirementError
        If a named table is not in the index.
    """
    tasks = read_tasks(data)
    chosen = [name for name in names.split(",") if name]
    check_names(chosen, list(tasks), f"in the index of '{data}'", "table")
    return chosen or [name for name in tasks if n_rows(data, name) >= least_rows]


def check_names(names: Sequence[str], known: Sequence[str], place: str, kind: str) -> None:
    """Check that each name is known; `place` and `kind` complete the message."""
    for name in names:
        if name not in known:
            raise MissingRequirementError(f"there is no {kind} {name!r} {place}")


def read_table(data: Path, name: str) -> pd.DataFrame:
    """Return a table with its column ``target``."""
    return pd.read_parquet(data / f"{name}.parquet")


def n_rows(data: Path, name: str) -> int:
    """Return the number of rows of a table without reading the table."""
    return int(pyarrow.parquet.read_metadata(data / f"{name}.parquet").num_rows)
