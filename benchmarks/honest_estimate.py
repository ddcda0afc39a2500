"""Measure whether `estimate_` is honest: short searches on a small part of a table, judged on the large rest of it.

Each run appends a row to a CSV file; runs in the file are skipped. The score on the rest stands for the score on new
data. The score of the best row of the leaderboard is the naive estimate. Errors are 1 - AUC, log loss or root mean
squared error. The bias of an error is in percent of the error on the rest, and negative where the estimated error is
too small. Near a perfect score this percentage is large for a tiny difference; therefore the bias of the score is given
in half-widths of the interval, too, and is positive where the estimated score is too good.

Example: python -m benchmarks.honest_estimate --data DATA --seconds 20 --out estimate.csv
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from scipy.stats import binomtest
from sklearn.model_selection import train_test_split

from automl import AutoMLClassifier, AutoMLRegressor
from benchmarks.result_file import append_row, missing_cells
from benchmarks.run import METRICS, score
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks

HERE = Path(__file__).parent
COLUMNS = [
    "dataset", "task", "seed", "seconds", "trials", "n_train", "n_test", "metric", "tried",
    "test", "score", "low", "high", "naive", "fit_s", "estimate_s",
]  # fmt: skip
KEY = ["dataset", "seed", "seconds", "trials", "n_train"]
SCORING = {"auc": "roc_auc", "logloss": "neg_log_loss", "rmse": "neg_root_mean_squared_error"}
_PER_CLASS = 3  # mean number of training rows of a class; rarer classes are left out


@dataclass(frozen=True)
class MeasurementProtocol:
    """Limits of one search (seconds or trials), number of rows of the two parts, names of components (or none)."""

    seconds: float | None
    trials: int | None
    n_train: int
    n_test: int
    n_jobs: int
    include: tuple[str, ...]


def split_small(
    table: pd.DataFrame, task: str, protocol: MeasurementProtocol, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a small training part and a large test part, with the same share of each class."""
    strata = None
    if task != "regression":
        rows = table["target"].astype(str).map(table["target"].astype(str).value_counts())
        table = table[rows * protocol.n_train >= _PER_CLASS * len(table)]
        strata = table["target"].astype(str)
    train, test = train_test_split(table, train_size=protocol.n_train, random_state=seed, stratify=strata)
    return train, test.iloc[: protocol.n_test]


def score_on(model: Any, test: pd.DataFrame, task: str) -> float:
    """Return the benchmark's metric of a fitted model on a table."""
    X = test.drop(columns="target")
    if task == "regression":
        return score(test["target"], model.predict(X), np.array([]), METRICS[task])
    return score(test["target"], model.predict_proba(X), model.classes_, METRICS[task])


def measure(table: pd.DataFrame, task: str, protocol: MeasurementProtocol, seed: int) -> dict[str, Any]:
    """Search once; return the estimated score and the score on the rest of the table, with scikit-learn's sign."""
    train, test = split_small(table, task, protocol, seed)
    X, y = train.drop(columns="target"), train["target"]
    kind = AutoMLRegressor if task == "regression" else AutoMLClassifier
    model = kind(
        time_budget=protocol.seconds, max_trials=protocol.trials, n_jobs=protocol.n_jobs, random_state=seed,
        include=protocol.include, scoring=SCORING[METRICS[task]], verbose=0,
    )  # fmt: skip
    start = time.perf_counter()
    model.fit(X, y.astype(float) if task == "regression" else y.astype(str))
    fitted = time.perf_counter()
    estimate = model.estimate_
    done = time.perf_counter()
    reached = score_on(model, test, task)
    board = model.leaderboard_
    return {
        "n_train": len(train), "n_test": len(test), "metric": METRICS[task], "tried": len(board),
        "test": reached if METRICS[task] == "auc" else -reached,
        "score": estimate.score, "low": estimate.low, "high": estimate.high, "naive": board["score"].iloc[0],
        "fit_s": fitted - start, "estimate_s": done - fitted,
    }  # fmt: skip


def summary(results: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each metric and one row for all; half-widths are in percent of the error, too."""
    top = (results["metric"] == "auc").astype(float)  # the perfect score, from which the error is counted
    error = (top - results["test"]).clip(lower=1e-9)
    scaled = pd.DataFrame(
        {
            "metric": results["metric"],
            "dataset": results["dataset"],
            "covered": results["test"].between(results["low"], results["high"]),
            "bias": 100 * (results["test"] - results["score"]) / error,
            "naive bias": 100 * (results["test"] - results["naive"]) / error,
            "half-width": 50 * (results["high"] - results["low"]) / error,
            "in half-widths": (results["score"] - results["test"]) / (0.5 * (results["high"] - results["low"])),
            "naive in half-widths": (results["naive"] - results["test"]) / (0.5 * (results["high"] - results["low"])),
        }
    )
    rows = {}
    for name, own in [*scaled.groupby("metric"), ("all", scaled)]:
        covered = binomtest(int(own["covered"].sum()), len(own)).proportion_ci(method="wilson")
        rows[name] = {
            "tables": own["dataset"].nunique(),
            "runs": len(own),
            "bias % (mean)": own["bias"].mean(),
            "(median)": own["bias"].median(),
            "naive bias % (mean)": own["naive bias"].mean(),
            "naive (median)": own["naive bias"].median(),
            "in half-widths (mean)": own["in half-widths"].mean(),
            "naive in half-widths (mean)": own["naive in half-widths"].mean(),
            "half-width % (median)": own["half-width"].median(),
            "coverage %": 100 * own["covered"].mean(),
            "from": 100 * covered.low,
            "to": 100 * covered.high,
        }
    return pd.DataFrame(rows).T


def main(
    data: DataFolder,
    tables: Annotated[str, typer.Option(help="Names with commas; empty for all tables with enough rows.")] = "",
    seconds: Annotated[float, typer.Option(help="Seconds of one search; 0 for no limit.")] = 20.0,
    trials: Annotated[int, typer.Option(help="Configurations of one search; 0 for no limit.")] = 0,
    n_train: Annotated[int, typer.Option(help="Rows to search on.")] = 500,
    n_test: Annotated[int, typer.Option(help="Rows to judge on, at most.")] = 20_000,
    seeds: Annotated[int, typer.Option(help="Number of seeds for each table.")] = 3,
    n_jobs: Annotated[int, typer.Option(help="Worker processes of one search.")] = 2,
    include: Annotated[str, typer.Option(help="Names of components with commas; empty for all.")] = "",
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "estimate.csv",
) -> None:
    """Measure the tables, then print bias and coverage."""
    tasks = read_tasks(data)
    protocol = MeasurementProtocol(
        seconds or None, trials or None, n_train, n_test, n_jobs, tuple(filter(None, include.split(",")))
    )
    names = choose_tables(data, tables, 4 * n_train)
    for cell in missing_cells(out, KEY, [(n, seed, seconds, trials, n_train) for n in names for seed in range(seeds)]):
        name, seed, *_ = cell
        task = tasks[name]
        row = {
            "task": task,
            **measure(read_table(data, name), task, protocol, seed),
            **dict(zip(KEY, cell, strict=True)),
        }
        append_row(out, row, COLUMNS)
        estimate = f"{row['score']:.4g} ({row['low']:.4g} to {row['high']:.4g}), naive {row['naive']:.4g}"
        print(f"{name} seed {seed}: {row['metric']} {row['test']:.4g}; estimate {estimate}", flush=True)
    if out.exists():
        print(summary(pd.read_csv(out)).round(1).to_markdown())


if __name__ == "__main__":
    typer.run(main)
