"""Measure how far the numbers of configurations and fits that `automl.advise` forecasts are from those of a search.

A search runs with one worker until its trials have used the seconds, by processor seconds (the default, so that other
programs on the machine change little) or by the clock. The rows of the meta-database that a table shares with known
data sets are left out, as in every search. Each search appends a row to a CSV file; tables in the file are skipped.

Example: python -m benchmarks.advice_error --data DATA --tables wine,churn --seconds 20 --out advice.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from automl import AutoMLClassifier, AutoMLRegressor, advise
from automl.advice import plan_search
from automl.task.prepare import TrainingData, prepare
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks

HERE = Path(__file__).parent
TABLES = "wine,glass,heart_statlog,sonar,diabetes,vowel,car,bodyfat,segment,abalone,churn,cmc"
COUNTS = ["configurations", "trials", "fits"]
COLUMNS = [
    "dataset",
    "n_rows",
    "n_columns",
    "seconds",
    "clock",
    "used",
    *(f"{p}{c}" for p in ("forecast_", "") for c in COUNTS),
]
_RESERVE_SECONDS, _RESERVE_SHARE = 0.6, 0.025  # of a time budget, which are not for trials


def forecast(X: pd.DataFrame, y: pd.Series, is_regression: bool, seconds: float, clock: bool) -> list[int]:
    """Return the forecast numbers of configurations, trials and fits."""
    if clock:
        found: Any = advise(
            X, y, task="regression" if is_regression else "classification", time_budget=seconds, n_jobs=1
        )
        found = found.budgets[0]
    else:
        task = prepare(TrainingData(X, y), classification=not is_regression, random_state=0).task
        plan, _ = plan_search(task, seconds, 1)
        # The seconds between trials are not those of processors.
        found = plan.simulate((seconds + _RESERVE_SECONDS) / (1 - _RESERVE_SHARE), between=0.0)
    return [found.n_configurations, found.n_trials, found.n_fits]


def search(X: pd.DataFrame, y: pd.Series, is_regression: bool, seconds: float, clock: bool) -> tuple[list[int], float]:
    """Return the numbers of configurations, trials and fits of a search, and the processor seconds of its trials."""
    budget = {"time_budget": seconds} if clock else {"time_budget": None, "max_processor_seconds": seconds}
    kind = AutoMLRegressor if is_regression else AutoMLClassifier
    history = kind(**budget, n_jobs=1, random_state=0, verbose=0).fit(X, y).history_
    ran = [result for result in history if result.started]
    used = sum(result.processor_seconds or 0.0 for result in ran)
    return [history.n_run, len(ran), sum(len(result.folds) for result in ran)], used


def summary(rows: pd.DataFrame) -> str:
    """Say how far the forecasts are from the searches."""
    lines = []
    for name in COUNTS:
        ratio = rows[f"forecast_{name}"] / rows[name].clip(lower=1)
        within = float(((ratio <= 2) & (ratio >= 0.5)).mean())
        factor = float(np.exp(np.median(np.abs(np.log(ratio.clip(lower=0.01))))))
        lines.append(
            f"{name}: forecast / search has the median {ratio.median():.2f} (from {ratio.min():.2f} to "
            f"{ratio.max():.2f}); the median error is a factor of {factor:.2f}; {within:.0%} of {len(rows)} tables are "
            "within a factor of 2"
        )
    if not rows["clock"].any():
        used = rows["used"] / rows["seconds"]
        lines.append(
            f"trials used {used.min():.0%} to {used.max():.0%} of max_processor_seconds, median {used.median():.0%}"
        )
    return "\n".join(lines)


def main(
    data: DataFolder,
    tables: Annotated[str, typer.Option(help="Names with commas; empty for all tables.")] = TABLES,
    seconds: Annotated[float, typer.Option(help="Seconds of one search.")] = 20.0,
    clock: Annotated[bool, typer.Option("--clock", help="Seconds of the clock, not of processors.")] = False,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "advice.csv",
) -> None:
    """Forecast and search on the tables, then print the errors of the forecasts."""
    tasks = read_tasks(data)
    cells = [(name, seconds, clock) for name in choose_tables(data, tables)]
    for name, *_ in missing_cells(out, ["dataset", "seconds", "clock"], cells):
        table, is_regression = read_table(data, name), tasks[name] == "regression"
        X, y = table.drop(columns="target"), table["target"]
        y = y.astype(float) if is_regression else y.astype(str)
        expected = forecast(X, y, is_regression, seconds, clock)
        found, used = search(X, y, is_regression, seconds, clock)
        row = {"dataset": name, "n_rows": len(X), "n_columns": X.shape[1], "seconds": seconds, "clock": clock}
        row |= {"used": round(used, 3)} | {f"forecast_{c}": n for c, n in zip(COUNTS, expected, strict=True)}
        append_row(out, row | dict(zip(COUNTS, found, strict=True)), COLUMNS)
        typer.echo(f"{name}: forecast {expected}, search {found}")
    rows = pd.read_csv(out)
    typer.echo(summary(rows[(rows["seconds"] == seconds) & (rows["clock"] == clock)]))


if __name__ == "__main__":
    typer.run(main)
