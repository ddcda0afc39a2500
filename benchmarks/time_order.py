"""Measure what the argument `time` of `fit` changes on tables in the order of time: the expected score and the score.

Each cell (table, share of the oldest rows, folds) is one fit on the oldest rows of a table. The score on the next fifth
of the rows is compared with the expected score of the fit. Each cell appends a row to a CSV file; cells in the file are
skipped.

Example: python -m benchmarks.time_order --data DATA --times hotel_rate:arrival_date,wind:year+month+day --out out.csv
"""

from __future__ import annotations

import warnings
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from automl import AutoMLClassifier, AutoMLRegressor
from benchmarks.requirements import MissingRequirementError
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, check_names, read_table, read_tasks

COLUMNS = [
    "table", "share", "folds", "metric", "expected", "low", "high", "score", "n_train", "n_test", "trials", "seconds",
]  # fmt: skip
SHARES = (0.6, 0.8)  # of the oldest rows, on which a model is fitted
TEST_SHARE = 0.2
FOLDS = ("shuffled", "time")


def read_times(table: pd.DataFrame, names: str) -> pd.Series:
    """Return the time of each row: one column, or the number that year, month and day make."""
    parts = [table[name] for name in names.split("+")]
    if len(parts) == 1:
        return parts[0]
    return sum(part.astype(float) * 100.0**-place for place, part in enumerate(parts))  # type: ignore[return-value]


def cut(table: pd.DataFrame, times: pd.Series, share: float, rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training rows and the newer test rows, at most `rows` of each, in random order."""
    rank = times.rank(method="min", pct=True)  # rows of equal time have the same rank
    train = table[rank <= share]
    test = table[(rank > share) & (rank <= share + TEST_SHARE)]
    return tuple(part.sample(min(rows, len(part)), random_state=0) for part in (train, test))  # type: ignore[return-value]


def measure(table: str, data: Path, names: str, share: float, folds: str, options: dict[str, Any]) -> dict[str, Any]:
    """Fit one model, and return its expected score and its score on newer rows."""
    whole = read_table(data, table)
    times = read_times(whole, names)
    kept = times.notna() & whole["target"].notna()
    train, test = cut(whole[kept], times[kept], share, options["rows"])
    task = read_tasks(data)[table]
    make = AutoMLRegressor if task == "regression" else AutoMLClassifier
    estimator = make(
        time_budget=options["seconds"], n_jobs=options["n_jobs"], random_state=0, verbose=0, without=[table]
    )
    y, y_test = (part["target"] if task == "regression" else part["target"].astype(str) for part in (train, test))
    if task != "regression":  # a class that only newer rows have cannot be scored
        known = y_test.isin(y.unique())
        test, y_test = test[known], y_test[known]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(train.drop(columns="target"), y, time=times[train.index] if folds == "time" else None)
        score = float(estimator.scorer_(estimator, test.drop(columns="target"), y_test))
    expected = estimator.estimate_
    return {
        "table": table,
        "share": share,
        "folds": folds,
        "metric": estimator._metric.name,
        "expected": expected.score,
        "low": expected.low,
        "high": expected.high,
        "score": score,
        "n_train": len(train),
        "n_test": len(test),
        "trials": len(estimator.history_.results),
        "seconds": options["seconds"],
    }


def summary(results: pd.DataFrame) -> str:
    """Return the lines of the page: errors by table, and how far the expected error is from the error on newer rows."""
    lines = [
        "| table, share | folds | expected | on newer rows | difference | in the interval |",
        "|---|---|---:|---:|---:|---|",
    ]
    wide = []
    for (table, share), pair in results.groupby(["table", "share"], sort=False):
        for _, row in pair.iterrows():
            expected, error = (error_of(row["metric"], row[name]) for name in ("expected", "score"))
            off = 100 * (error / expected - 1)
            inside = "yes" if row["low"] <= row["score"] <= row["high"] else "no"
            lines.append(
                f"| {table}, {share:g} | {row['folds']} | {expected:.4g} | {error:.4g} | {off:+.0f} % | {inside} |"
            )
            wide.append({"cell": (table, share), "folds": row["folds"], "off": abs(off), "error": error, "in": inside})
    found = pd.DataFrame(wide)
    for folds, part in found.groupby("folds"):
        lines.append(
            f"\n{folds}: mean absolute difference {part['off'].mean():.1f} %, median {part['off'].median():.1f} %, "
            f"{(part['in'] == 'yes').sum()} of {len(part)} in the interval"
        )
    errors = found.pivot_table(index="cell", columns="folds", values="error").dropna()
    nearer = found.pivot_table(index="cell", columns="folds", values="off").dropna()
    if set(FOLDS) <= set(errors):
        ratio = 100 * (np.exp(np.log(errors["time"] / errors["shuffled"]).mean()) - 1)
        lines.append(
            f"\nexpected error nearer with time: {(nearer['time'] < nearer['shuffled']).sum()} of {len(nearer)}; error "
            f"on newer rows with time against shuffled: {ratio:+.1f} % (geometric mean)"
        )
    return "\n".join(lines)


def error_of(metric: str, score: float) -> float:
    """Return the error of a score: 1 - AUC, log loss or RMSE."""
    return 1 - score if metric == "roc_auc" else -score


def main(
    data: DataFolder,
    times: Annotated[str, typer.Option(help="TABLE:COLUMN pairs with commas; several columns are joined by +.")],
    out: Annotated[Path, typer.Option(help="CSV file of the results.")],
    seconds: Annotated[float, typer.Option(help="Time budget of each fit.")] = 15.0,
    rows: Annotated[int, typer.Option(help="Largest number of training rows, and of test rows.")] = 8_000,
    n_jobs: Annotated[int, typer.Option(help="Cores of each fit.")] = 1,
) -> None:
    """Measure the cells that the file of the results lacks, and print the summary."""
    pairs = dict(pair.split(":", 1) for pair in times.split(","))
    check_names(list(pairs), list(read_tasks(data)), f"in the index of '{data}'", "table")
    options = {"rows": rows, "seconds": seconds, "n_jobs": n_jobs}
    for table, share, folds in missing_cells(out, ["table", "share", "folds"], product(pairs, SHARES, FOLDS)):
        append_row(out, measure(table, data, pairs[table], share, folds, options), COLUMNS)
    typer.echo(summary(pd.read_csv(out)))


if __name__ == "__main__":
    try:
        typer.run(main)
    except MissingRequirementError as error:
        raise SystemExit(str(error)) from error
