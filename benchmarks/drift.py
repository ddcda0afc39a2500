"""Measure `check_drift`: false alarms on tables that are split at random, and power where something has changed.

Examples:
python -m benchmarks.drift measure --data DATA --no-adversarial --out benchmarks/results/drift_columns.csv
python -m benchmarks.drift measure --data DATA --rows 600 --out benchmarks/results/drift.csv
python -m benchmarks.drift show --out benchmarks/results/drift.csv

Of each table, some rows are drawn; two thirds are the training rows, one third are the new rows. The changes are:

none         the rows are split at random
shift        one random number of the new rows is shifted by half a standard deviation
missing      a fifth of the cells of one random column is missing in the new rows
level        in one random category, half of the rows of the most frequent level get the second most frequent level
order        the training rows are the first rows of the file, the new rows are the last ones

No model is fitted, because `check_drift` needs none. Each run appends a row to a CSV file, and skips the runs in it.
"""

from __future__ import annotations

import time
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any
from zlib import crc32

import numpy as np
import pandas as pd
import typer

from automl.drift.check import check_drift
from automl.errors import InvalidInputError
from automl.refit.rows import TrainingRows
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, choose_tables, read_table
from pipelines.table.cells import TableError
from pipelines.table.reader import TableReader

app = typer.Typer(help=__doc__, add_completion=False)

CHANGES = ("none", "shift", "missing", "level", "order")
COLUMNS = [
    "table",
    "change",
    "split",
    "column",
    "n_old",
    "n_new",
    "n_columns",
    "drifted",
    "columns_drifted",
    "right_column",
    "n_wrong_columns",
    "distinguishes",
    "auc",
    "auc_p",
    "cpu_seconds",
    "cpu_seconds_columns",
]
_LEAST_ROWS = 150


@app.command()
def measure(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="CSV file of the results.")],
    tables: Annotated[str, typer.Option(help="Names of tables, separated by commas; all if none is named.")] = "",
    changes: Annotated[str, typer.Option(help="Names of changes, separated by commas.")] = ",".join(CHANGES),
    splits: Annotated[int, typer.Option(help="Random splits of each table.")] = 1,
    first_split: Annotated[int, typer.Option(help="Number of the first split; each number is a seed.")] = 0,
    rows: Annotated[int, typer.Option(help="Most rows of a table.")] = 1_500,
    adversarial: Annotated[bool, typer.Option(help="Whether to train an adversarial model, too.")] = True,
    seconds: Annotated[float, typer.Option(help="Wall-clock seconds after which no further run starts.")] = 1e9,
) -> None:
    """Compare new rows with training rows of each table, with each change."""
    started = time.monotonic()
    names, numbers = choose_tables(data, tables, _LEAST_ROWS), range(first_split, first_split + splits)
    for split, name, change in missing_cells(
        out, ["split", "table", "change"], product(numbers, names, changes.split(","))
    ):
        if time.monotonic() - started > seconds:
            break
        table = read_table(data, name).drop(columns="target")
        found = _measure(table, change, crc32(f"{name} {split}".encode()), rows, adversarial)
        if found is not None:
            append_row(out, {"table": name, "change": change, "split": split, **found}, COLUMNS)


def _measure(table: pd.DataFrame, change: str, seed: int, n_rows: int, adversarial: bool) -> dict[str, Any] | None:
    """Return the result of one comparison; None if the change cannot be made in this table."""
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(table), min(n_rows, len(table)), replace=False))
    if change != "order":
        chosen = rng.permutation(chosen)
    cut = 2 * len(chosen) // 3
    old, new = table.iloc[chosen[:cut]], table.iloc[chosen[cut:]]
    try:
        reader = TableReader().fit(old)
    except TableError:
        return None
    changed = _change(old, new.copy(), change, {c.name: c.kind for c in reader.columns_}, rng)
    if changed is None:
        return None
    new, name = changed
    model: Any = SimpleNamespace(
        _reader=reader, _rows=TrainingRows(reader.transform(old), np.empty(0)), _target_name="target"
    )
    started = time.process_time()
    try:
        columns = check_drift(model, new, None, 0.05, False, 0)
        taken = time.process_time() - started
        report = check_drift(model, new, None, 0.05, True, 0) if adversarial else columns
    except InvalidInputError:
        return None
    return {
        "column": name,
        "n_old": len(old),
        "n_new": len(new),
        "n_columns": len(report.columns),
        "drifted": report.drifted,
        "columns_drifted": bool(columns.drifted_columns),
        "right_column": name in columns.drifted_columns,
        "n_wrong_columns": len([each for each in columns.drifted_columns if each != name]),
        "distinguishes": report.is_distinguishable,
        "auc": report.auc,
        "auc_p": report.auc_p,
        "cpu_seconds": time.process_time() - started - taken if adversarial else np.nan,
        "cpu_seconds_columns": taken,
    }


def _change(
    old: pd.DataFrame, new: pd.DataFrame, change: str, kinds: dict[Any, str], rng: np.random.Generator
) -> tuple[pd.DataFrame, Any] | None:
    """Return the changed new rows and the name of the changed column; None if no column suits the change."""
    if change in ("none", "order"):
        return new, ""
    numbers = [c for c in new.columns if kinds[c] == "number" and pd.api.types.is_numeric_dtype(new[c])]
    categories = [c for c in new.columns if kinds[c] == "category" and old[c].nunique() >= 2]
    used = [c for c in new.columns if kinds[c] in ("number", "category", "boolean")]
    suited = {"shift": numbers, "missing": used, "level": categories}[change]
    if not suited:
        return None
    name = suited[rng.integers(len(suited))]
    column = new[name]
    if change == "shift":
        new[name] = column.astype(float) + 0.5 * float(old[name].astype(float).std())
    elif change == "missing":
        new[name] = column.astype(object).mask(rng.random(len(new)) < 0.2)
    else:
        first, second = old[name].value_counts().index[:2]
        chosen = (column == first).to_numpy(dtype=bool, na_value=False) & (rng.random(len(new)) < 0.5)
        new[name] = column.mask(chosen, second)
    return new, name


@app.command()
def show(out: Annotated[Path, typer.Option(help="CSV file of the results.")]) -> None:
    """Print the share of the comparisons with drift, by the change."""
    table = pd.read_csv(out)
    groups = table.groupby("change", sort=False)
    shares = groups[["drifted", "columns_drifted", "right_column", "distinguishes"]].mean()
    counts = groups.agg(
        comparisons=("table", "size"),
        tables=("table", "nunique"),
        wrong_columns=("n_wrong_columns", "mean"),
        auc=("auc", "median"),
        cpu_seconds=("cpu_seconds", "median"),
        cpu_seconds_columns=("cpu_seconds_columns", "median"),
    )
    typer.echo(pd.concat([counts, shares], axis=1).round(3).to_string())


if __name__ == "__main__":
    app()
