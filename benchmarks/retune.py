"""Measure what `retune` is worth: errors on the newest rows of the old model, of refits, of a retune and of a new fit.

The rows of a table are cut by time: a model is fitted on the oldest half, the next quarter are the new rows, and the
newest quarter is the test. All searches of a table have the same budget. Each table appends a row to a CSV file, and
tables in the file are skipped. With --change, the target of the new rows and of the test depends on the columns in
another way: numbers are mirrored at their mean, and the labels of two classes are exchanged.

Example: python -m benchmarks.retune --data DATA --times hotel_rate:arrival_date,wind:year+month+day --out out.csv
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from automl import AutoMLClassifier, AutoMLRegressor
from benchmarks.requirements import MissingRequirementError
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, check_names, read_table, read_tasks
from benchmarks.time_order import error_of, read_times

COLUMNS = [
    "table", "change", "metric", "n_old", "n_new", "n_test", "old", "refit_new", "refit_both", "retune", "fit_both",
    "refit_new_seconds", "refit_both_seconds", "retune_seconds", "fit_both_seconds", "old_rows_used", "verdict",
]  # fmt: skip
WAYS = ("refit_new", "refit_both", "retune", "fit_both")


def cut(table: pd.DataFrame, times: pd.Series, rows: int) -> list[pd.DataFrame]:
    """Return old rows, new rows and test rows, each a random part in the order of time: at most `rows` old rows."""
    rank = times.rank(method="first", pct=True)
    parts = [table[(rank > low) & (rank <= high)] for low, high in ((0, 0.5), (0.5, 0.75), (0.75, 1))]
    limits = zip(parts, (rows, rows // 2, rows // 2), strict=True)
    drawn = [part.sample(min(most, len(part)), random_state=0) for part, most in limits]
    return [part.loc[times[part.index].sort_values(kind="stable").index] for part in drawn]


def changed(y: pd.Series) -> pd.Series:
    """Return a target that depends on the columns in the opposite way."""
    if pd.api.types.is_float_dtype(y):
        return 2 * y.mean() - y
    labels = sorted(y.unique())
    return y.map(dict(zip(labels, labels[::-1], strict=True)))


def measure(name: str, data: Path, names: str, change: bool, options: dict[str, Any]) -> dict[str, Any]:
    """Fit the old model of one table, make the newer ones, and return their errors on the newest rows."""
    table, task = read_table(data, name), read_tasks(data)[name]
    times = read_times(table, names)
    kept = times.notna() & table["target"].notna()
    parts = cut(table[kept], times[kept], options["rows"])
    tables = [part.drop(columns="target") for part in parts]
    is_regression = task == "regression"
    targets = [part["target"].astype(float) if is_regression else part["target"].astype(str) for part in parts]
    if change:
        targets = [targets[0], *map(changed, targets[1:])]
    (X_old, X_new, X_test), (y_old, y_new, y_test) = tables, targets
    budget = {"time_budget": options["seconds"], "max_trials": options["max_trials"], "n_jobs": options["n_jobs"]}
    more = {"include": options["include"], "cv": options["cv"], "random_state": 0, "verbose": 0, "without": [name]}
    old = (AutoMLRegressor if is_regression else AutoMLClassifier)(**budget, **more).fit(X_old, y_old)
    both = pd.concat([X_old, X_new], ignore_index=True), pd.concat([y_old, y_new], ignore_index=True)
    limits = {"seconds": options["seconds"], "max_trials": options["max_trials"]}
    ways: dict[str, Callable[[], Any]] = {
        "refit_new": lambda: old.refit(X_new, y_new),
        "refit_both": lambda: old.refit(*both),
        "retune": lambda: old.retune(X_new, y_new, X_old, y_old, **limits),
        "fit_both": lambda: type(old)(**budget, **more).fit(*both),
    }
    row: dict[str, Any] = {"table": name, "change": change, "metric": old._metric.name}
    row |= dict(zip(("n_old", "n_new", "n_test"), map(len, parts), strict=True))
    row["old"] = error_of(row["metric"], float(old.scorer_(old, X_test, y_test)))
    for way, make in ways.items():
        started = time.perf_counter()
        model = make()
        row[f"{way}_seconds"] = time.perf_counter() - started
        row[way] = error_of(row["metric"], float(old.scorer_(model, X_test, y_test)))
        if way == "retune":
            row["verdict"] = model.retune_report_.verdict.partition(":")[0]
            row["old_rows_used"] = model.retune_report_.n_old_rows > 0
    return row


def summary(results: pd.DataFrame) -> str:
    """Return the lines of the page: one row for each table, and the geometric mean of the ratios to the old model."""
    lines = ["| table | old | refit, new rows | refit, both | retune | fit, both | retune says |",
             "|---|---:|---:|---:|---:|---:|---|"]  # fmt: skip
    for _, row in results.iterrows():
        errors = " | ".join(f"{row[way]:.4g}" for way in ("old", *WAYS))
        name = f"{row['table']}{', changed' if row['change'] else ''}"
        lines.append(f"| {name} | {errors} | {row['verdict'].split(' on the')[0]} |")
    ratios = {way: float(np.exp(np.log(results[way] / results["old"]).mean())) for way in WAYS}
    lines.append("\nerror against the old model: " + ", ".join(f"{way} {ratio:.3f}" for way, ratio in ratios.items()))
    return "\n".join(lines)


def main(
    data: DataFolder,
    times: Annotated[str, typer.Option(help="TABLE:COLUMN pairs with commas; several columns are joined by +.")],
    out: Annotated[Path, typer.Option(help="CSV file of the results.")],
    change: Annotated[bool, typer.Option(help="Whether the target changes between old and new rows.")] = False,
    seconds: Annotated[float | None, typer.Option(help="Time budget of each search.")] = None,
    max_trials: Annotated[int | None, typer.Option(help="Largest number of configurations of each search.")] = None,
    include: Annotated[str, typer.Option(help="Names of model families with commas; all if none is named.")] = "",
    rows: Annotated[int, typer.Option(help="Largest number of old rows; half as many of the others.")] = 4_000,
    cv: Annotated[int | None, typer.Option(help="Number of folds.")] = None,
    n_jobs: Annotated[int, typer.Option(help="Cores of each search.")] = 1,
) -> None:
    """Measure the tables that the file of the results lacks, and print the summary."""
    pairs = dict(pair.split(":", 1) for pair in times.split(","))
    check_names(list(pairs), list(read_tasks(data)), f"in the index of '{data}'", "table")
    options = {
        "rows": rows, "seconds": seconds, "max_trials": max_trials, "n_jobs": n_jobs, "cv": cv,
        "include": [name for name in include.split(",") if name],
    }  # fmt: skip
    for name, _ in missing_cells(out, ["table", "change"], [(name, change) for name in pairs]):
        with warnings.catch_warnings(action="ignore"):
            append_row(out, measure(name, data, pairs[name], change, options), COLUMNS)
    typer.echo(summary(pd.read_csv(out)))


if __name__ == "__main__":
    try:
        typer.run(main)
    except MissingRequirementError as error:
        raise SystemExit(str(error)) from error
