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
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from automl import AutoMLRegressor
from benchmarks.loss_gain import fit
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, check_names, choose_tables, read_table
from pipelines.component import FitContext
from pipelines.losses import SQUARED_ERROR
from pipelines.models import MODELS
from pipelines.space import build_space
from pipelines.steps.target import LOSS_NAMES
from pipelines.table.reader import TableReader

TABLES = "abalone,cpu_act,housing,kin8nm,space_ga,stock,strike,wind"
MAX_TEST = 1_000  # rows
LOSSES = (SQUARED_ERROR, "absolute_error", "huber")
SEARCH = "automl"
SEARCHES: Mapping[str, bool] = {"plain": False, "noisy_labels": True}
COLUMNS = ["dataset", "share", "family", "loss", "n_train", "mae", "rmse", "seconds"]

Array = NDArray[Any]


class Data(NamedTuple):
    """Training rows with right targets, and test rows; the targets of the test rows have the standard deviation 1."""

    X: pd.DataFrame
    y: Array
    X_test: pd.DataFrame
    y_test: Array


def read(data: Path, name: str, n_rows: int) -> Data:
    """Return `n_rows` training rows, at most two thirds of all, and test rows."""
    table = read_table(data, name).dropna(subset=["target"]).sample(frac=1, random_state=0, ignore_index=True)
    n_train = min(n_rows, 2 * len(table) // 3)
    X, y = table.drop(columns="target"), table["target"].to_numpy(dtype=float)
    test = slice(n_train, n_train + MAX_TEST)
    y = y / y[test].std()
    return Data(X[:n_train], y[:n_train], X[test], y[test])


def exchange(y: Array, share: float) -> Array:
    """Return targets of which this share comes from other rows, drawn at random."""
    rng, out = np.random.default_rng(0), y.copy()
    wrong = rng.choice(len(y), round(share * len(y)), replace=False)
    out[wrong] = y[(wrong + rng.integers(1, len(y), len(wrong))) % len(y)]
    return out


def fit_family(data: Data, y: Array, family: str, loss: str) -> Array:
    """Fit the default configuration of a family with a loss, and predict the test rows."""
    reader = TableReader()
    X = reader.fit_transform(data.X)
    traits = reader.traits("regression", n_rows=len(y))
    space = build_space(replace(traits, losses=LOSS_NAMES))
    partial = {"model": family, "encoding": "native", "loss": loss, "target": "none"}
    return np.asarray(fit((X, y), space, partial, FitContext(traits, 0, 1))[0].predict(reader.transform(data.X_test)))


def measure(data: Data, share: float, family: str, loss: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the errors of one contender on the test rows."""
    y, started = exchange(data.y, share), time.perf_counter()
    with warnings.catch_warnings(action="ignore"):
        if family == SEARCH:
            model = AutoMLRegressor(**settings, noisy_labels=SEARCHES[loss], n_jobs=1, random_state=0, verbose=0)
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
    keys = ["family", "share", "dataset"]
    plain = results[results["loss"].isin([SQUARED_ERROR, "plain"])][[*keys, "mae", "rmse"]]
    paired = results.merge(plain, on=keys, suffixes=("", "_plain"))
    for (family, share, loss), own in paired.groupby(["family", "share", "loss"], sort=False):
        better = [(own[name] < own[f"{name}_plain"]).sum() for name in ("mae", "rmse")]
        wins = ["", ""] if loss in (SQUARED_ERROR, "plain") else [f"{n} of {len(own)}" for n in better]
        means = [f"{own[name].mean():.3f}" for name in ("mae", "rmse")]
        lines.append(f"| {' | '.join([f'{family}, {loss}', f'{share:.0%}', str(len(own)), *means, *wins])} |")
    return "\n".join(lines)


def contenders(families: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of family and loss; a family has the losses that its component knows."""
    known = {model.name: (SQUARED_ERROR, *model.losses) for model in MODELS}
    check_names(families, [*known, SEARCH], "in the catalog", "family")
    pairs = [(family, loss) for family in families if family != SEARCH for loss in LOSSES if loss in known[family]]
    return pairs + [(SEARCH, option) for option in SEARCHES if SEARCH in families]


def main(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="CSV file of the results.")] = Path("target_noise.csv"),
    tables: Annotated[str, typer.Option(help="Names of tables with commas.")] = TABLES,
    families: Annotated[str, typer.Option(help="Families with commas; 'automl' for searches.")] = "lightgbm,xgboost",
    shares: Annotated[str, typer.Option(help="Shares of wrong targets with commas.")] = "0,0.1,0.2,0.4",
    rows: Annotated[int, typer.Option(help="Training rows.")] = 500,
    trials: Annotated[int, typer.Option(help="Configurations of a search.")] = 10,
    include: Annotated[str, typer.Option(help="Model families of a search with commas; all without it.")] = "",
    only_report: Annotated[bool, typer.Option("--only-report", help="Print the table of the results.")] = False,
) -> None:
    """Measure the tables, and print the results."""
    settings = {"time_budget": None, "max_trials": trials, "include": include.split(",") if include else ()}
    names = [] if only_report else choose_tables(data, tables)
    pairs = contenders(families.split(","))
    cells = [(name, share, *pair) for name, share, pair in product(names, map(float, shares.split(",")), pairs)]
    for name, share, family, loss in missing_cells(out, COLUMNS[:4], cells):
        row = measure(read(data, name, rows), share, family, loss, {**settings, "without": [name]})
        append_row(out, {"dataset": name, "share": share, "family": family, "loss": loss, **row}, COLUMNS)
        typer.echo(f"{name} {share} {family} {loss}: MAE {row['mae']:.3f}", err=True)
    typer.echo(report(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
