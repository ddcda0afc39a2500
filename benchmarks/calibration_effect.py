"""Measure the effect of the ensemble's calibration: one search, whose probabilities are scored with and without it.

A third score is that of the calibration of one fold model, which ignores that the mean of several fold models predicts.

Each run appends a row to a CSV file; runs in the file are skipped.

Example: python -m benchmarks.calibration_effect --data DATA --seconds 60 --tables vowel,splice --out calibration.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from sklearn.metrics import log_loss

from automl import AutoMLClassifier
from automl.ensemble.calibration import calibrate
from benchmarks.honest_estimate import SCORING, MeasurementProtocol, split_small
from benchmarks.result_file import append_row, missing_cells
from benchmarks.run import METRICS
from benchmarks.splits import split
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks
from benchmarks.worker import ignore_own_meta_database

HERE = Path(__file__).parent
COLUMNS = ["dataset", "task", "fold", "seconds", "rows", "calibrated", "plain", "one_model"]


def measure(name: str, table: pd.DataFrame, task: str, fold: int, seconds: float, rows: int) -> dict[str, float]:
    """Return the log losses of one search's ensemble on the test rows: calibrated, plain, calibrated for one model."""
    protocol = MeasurementProtocol(seconds, None, rows, n_test=20_000, n_jobs=-1, include=())
    train, test = split_small(table, task, protocol, seed=fold) if rows else split(table, task, fold)
    ignore_own_meta_database()
    settings: dict[str, Any] = {"scoring": SCORING[METRICS[task]], "without": [name], "random_state": 0, "verbose": 0}
    model = AutoMLClassifier(time_budget=seconds, **settings)
    model.fit(train.drop(columns="target"), train["target"].astype(str).to_numpy())
    X, y = test.drop(columns="target"), test["target"].astype(str).to_numpy()
    record, losses = model._frontier, {}
    assert record is not None, "each fit keeps the predictions of its ensemble"
    mean = np.tensordot(record.weights, record.predictions.astype(np.float64), 1)
    one_model = calibrate(record.target, mean, record.random_state)
    forms = {"calibrated": model._ensemble.calibration, "plain": None, "one_model": one_model}
    for name, model._ensemble.calibration in forms.items():
        losses[name] = log_loss(y, model.predict_proba(X), labels=model.classes_)
    return losses


def summary(results: pd.DataFrame) -> str:
    """Say how often and by how much the calibration lowers the log loss."""
    lines = []
    for task, rows in sorted(set(zip(results["task"], results["rows"], strict=True))):
        own = results[(results["task"] == task) & (results["rows"] == rows)]
        change = 100 * (own["calibrated"] / own["plain"] - 1)
        bags = 100 * np.log(own["calibrated"] / own["one_model"]).dropna()
        lines.append(
            f"{task}, {rows or 'all'} rows: calibration lowers the log loss on {(change < 0).sum()} of {len(own)}, "
            f"median {np.median(change):+.1f} %, from {change.min():+.1f} to {change.max():+.1f} %"
        )
        if len(bags) > 1:
            lines.append(
                f"  against the calibration of one model: lower on {(bags < 0).sum()} of {len(bags)}, "
                f"log ratio {bags.mean():+.1f} +- {bags.sem():.1f} %, median {bags.median():+.1f} %"
            )
    return "\n".join(lines)


def main(
    data: DataFolder,
    tables: Annotated[str, typer.Option(help="Names of tables for classification, with commas.")],
    seconds: Annotated[float, typer.Option(help="Seconds of one search.")] = 60.0,
    folds: Annotated[str, typer.Option(help="Fold numbers with commas, from 0 to 4.")] = "0",
    rows: Annotated[
        int, typer.Option(help="Rows to search on; the other rows are for the test. 0 for four fifths of all rows.")
    ] = 0,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "calibration.csv",
) -> None:
    """Measure the tables, then print the effect."""
    tasks = read_tasks(data)
    cells = [(n, fold, seconds, rows) for fold in map(int, folds.split(",")) for n in choose_tables(data, tables)]
    for name, fold, *_ in missing_cells(out, ["dataset", "fold", "seconds", "rows"], cells):
        losses = measure(name, read_table(data, name), tasks[name], fold, seconds, rows)
        row = {"dataset": name, "task": tasks[name], "fold": fold, "seconds": seconds, "rows": rows, **losses}
        append_row(out, row, COLUMNS)
        print(f"{name} fold {fold}: log loss {losses['plain']:.4g} -> {losses['calibrated']:.4g}", flush=True)
    print(summary(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
