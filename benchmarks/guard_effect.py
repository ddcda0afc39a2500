"""Measure the cost and the alarms of `guard`: searches with and without it, on true and on shuffled labels.

The same small part of a table is searched three times: without a guard, with a guard, and with a guard after the labels
were shuffled, so that a search can only find noise. The guard sets some rows aside; its cost is the score that the
search loses by this on the large rest of the table. An alarm on true labels is a false alarm; no alarm on shuffled
labels is a miss. Each run appends a row to a CSV file; runs in the file are skipped.

Example: python -m benchmarks.guard_effect --data DATA --seconds 20 --out guard.csv
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from automl import AutoMLClassifier, AutoMLRegressor
from benchmarks.honest_estimate import SCORING, MeasurementProtocol, score_on, split_small
from benchmarks.result_file import append_row, missing_cells
from benchmarks.run import METRICS
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks

HERE = Path(__file__).parent
# Share of the rows for the guard, and whether the labels are shuffled.
RUNS: dict[str, tuple[float | None, bool]] = {
    "without": (None, False),
    "guarded": (0.1, False),
    "shuffled": (0.1, True),
}
COLUMNS = ["dataset", "seed", "run", "metric", "seconds", "score", "looks", "parted"]


def measure(table: pd.DataFrame, task: str, run: str, seconds: float, n_train: int, seed: int) -> dict[str, object]:
    """Search once; return the score on the rest of the table and whether the guard raised an alarm."""
    guard, is_shuffled = RUNS[run]
    train, test = split_small(table, task, MeasurementProtocol(seconds, None, n_train, 20_000, -1, ()), seed)
    X, y = train.drop(columns="target"), train["target"]
    if is_shuffled:
        y = y.sample(frac=1, random_state=seed)
    kind = AutoMLRegressor if task == "regression" else AutoMLClassifier
    model = kind(time_budget=seconds, scoring=SCORING[METRICS[task]], guard=guard, random_state=seed, verbose=0)
    model.fit(X, y.astype(float) if task == "regression" else y.astype(str).to_numpy())
    curve = pd.DataFrame({"parted": []}) if guard is None else model.guard_curve_
    return {"score": score_on(model, test, task), "looks": len(curve), "parted": bool(curve["parted"].any())}


def summary(results: pd.DataFrame) -> str:
    """Say how much the guard costs and how often it raised an alarm."""
    wide = results.pivot_table(index=["dataset", "seed"], columns="run", values="score")
    metric = results.groupby(["dataset", "seed"])["metric"].first()
    error = wide.where(metric != "auc", 1 - wide)
    worse = 100 * (error["guarded"] / error["without"] - 1)
    alarms = results[results["run"] != "without"].astype({"parted": int}).groupby("run")["parted"].agg(["sum", "count"])
    counts = ", ".join(f"{run} labels {row['sum']} of {row['count']}" for run, row in alarms.iterrows())
    return f"error with a guard: median {worse.median():+.1f} %, mean {worse.mean():+.1f} %; alarms on {counts}"


def main(
    data: DataFolder,
    tables: Annotated[str, typer.Option(help="Names with commas; empty for all tables with enough rows.")] = "",
    seconds: Annotated[float, typer.Option(help="Seconds of one search.")] = 20.0,
    n_train: Annotated[int, typer.Option(help="Rows to search on.")] = 300,
    seeds: Annotated[int, typer.Option(help="Number of seeds for each table.")] = 1,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "guard.csv",
) -> None:
    """Measure the tables, then print cost and alarms."""
    tasks = read_tasks(data)
    cells = product(choose_tables(data, tables, 4 * n_train), range(seeds), RUNS, [seconds])
    for name, seed, run, _ in missing_cells(out, ["dataset", "seed", "run", "seconds"], cells):
        task = tasks[name]
        row = {"dataset": name, "seed": seed, "run": run, "metric": METRICS[task], "seconds": seconds}
        row |= measure(read_table(data, name), task, run, seconds, n_train, seed)
        append_row(out, row, COLUMNS)
        alarm = "alarm" if row["parted"] else "no alarm"
        print(f"{name} seed {seed} {run}: {row['metric']} {row['score']:.4g}, {alarm}", flush=True)
    print(summary(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
