"""Measure robust losses against wrong numbers: targets of training rows are replaced by those of other rows.

For each table and share of wrong targets, single models are fitted with each loss, and whole searches with and without
``noisy_labels``. The errors are those on rows with right targets, in standard deviations of the target. Each fit
appends a row to a CSV file; what the file holds is left out, so that a run can be continued.

Example: python -m benchmarks.target_noise --data DATA --out target_noise.csv
Table of the results: python -m benchmarks.target_noise --data DATA --out target_noise.csv --only-report
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from automl import AutoMLRegressor
from benchmarks import noise
from benchmarks.loss_gain import fit
from benchmarks.tables import DataFolder, choose_tables, read_table
from pipelines.component import FitContext
from pipelines.losses import SQUARED_ERROR
from pipelines.models import MODELS
from pipelines.space import build_space
from pipelines.steps.target import LOSS_NAMES
from pipelines.table.reader import TableReader

TABLES = "abalone,cpu_act,housing,kin8nm,space_ga,stock,strike,wind"
LOSSES = (SQUARED_ERROR, "absolute_error", "huber")
BASELINES = (SQUARED_ERROR, noise.PLAIN)
COLUMNS = ["dataset", "share", "family", "loss", "n_train", "mae", "rmse", "seconds"]

Array = NDArray[Any]


def read(data: Path, name: str, n_rows: int) -> noise.Data:
    """Return `n_rows` training rows, at most two thirds of all, and test rows, whose targets have the deviation 1."""
    table = read_table(data, name).dropna(subset=["target"]).sample(frac=1, random_state=0, ignore_index=True)
    n_train = min(n_rows, 2 * len(table) // 3)
    X, y = table.drop(columns="target"), table["target"].to_numpy(dtype=float)
    test = slice(n_train, n_train + noise.MAX_TEST)
    y = y / y[test].std()
    return noise.Data(X[:n_train], y[:n_train], X[test], y[test])


def exchange(y: Array, share: float) -> Array:
    """Return targets of which this share comes from other rows, drawn at random."""
    rng, out = np.random.default_rng(0), y.copy()
    wrong = rng.choice(len(y), round(share * len(y)), replace=False)
    out[wrong] = y[(wrong + rng.integers(1, len(y), len(wrong))) % len(y)]
    return out


def fit_family(data: noise.Data, y: Array, family: str, loss: str) -> Array:
    """Fit the default configuration of a family with a loss, and predict the test rows."""
    reader = TableReader()
    X = reader.fit_transform(data.X)
    traits = reader.traits("regression", n_rows=len(y))
    space = build_space(replace(traits, losses=LOSS_NAMES))
    partial = {"model": family, "encoding": "native", "loss": loss, "target": "none"}
    return np.asarray(fit((X, y), space, partial, FitContext(traits, 0, 1))[0].predict(reader.transform(data.X_test)))


def measure(data: noise.Data, share: float, family: str, loss: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the errors of one contender on the test rows."""
    y, started = exchange(data.y, share), time.perf_counter()
    with warnings.catch_warnings(action="ignore"):
        if family == noise.SEARCH:
            model = AutoMLRegressor(**settings, noisy_labels=noise.SEARCHES[loss])
            predicted = model.fit(data.X, y).predict(data.X_test)
        else:
            predicted = fit_family(data, y, family, loss)
    error = predicted - data.y_test
    scores = {"mae": float(np.abs(error).mean()), "rmse": float(np.sqrt((error**2).mean()))}
    return {"n_train": len(y), **scores, "seconds": time.perf_counter() - started}


def report(results: pd.DataFrame) -> str:
    """Return the mean errors over the tables, and on how many tables a loss is better, as a Markdown table."""
    lines = [
        "| family, loss | wrong targets | tables | MAE | RMSE | better in MAE | better in RMSE |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    scores = ["mae", "rmse"]
    paired = noise.beside_plain(results, "loss", scores, BASELINES)
    for (family, share, loss), own in paired.groupby(["family", "share", "loss"], sort=False):
        wins = ["" if loss in BASELINES else noise.count_wins(own[f"{name}_plain"], own[name]) for name in scores]
        means = [f"{own[name].mean():.3f}" for name in scores]
        lines.append(f"| {' | '.join([f'{family}, {loss}', f'{share:.0%}', str(len(own)), *means, *wins])} |")
    return "\n".join(lines)


def main(
    data: DataFolder,
    out: noise.OutFile = Path("target_noise.csv"),
    tables: noise.Tables = TABLES,
    families: noise.Families = "lightgbm,xgboost",
    shares: noise.Shares = noise.SHARES,
    rows: noise.Rows = noise.ROWS,
    trials: noise.Trials = noise.TRIALS,
    include: noise.Include = "",
    only_report: noise.OnlyReport = False,
) -> None:
    """Measure the tables, and print the results."""
    settings = noise.search_settings(trials, include)
    names = [] if only_report else choose_tables(data, tables)
    losses = {model.name: [loss for loss in LOSSES if loss in (SQUARED_ERROR, *model.losses)] for model in MODELS}

    def measure_cell(name: str, share: float, family: str, loss: str) -> dict[str, Any]:
        return measure(read(data, name, rows), share, family, loss, {**settings, "without": [name]})

    noise.measure_cells(out, COLUMNS, (names, shares, noise.contenders(families, losses)), measure_cell, "mae")
    typer.echo(report(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
