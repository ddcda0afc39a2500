"""What is the ensemble's calibration worth? One search, its probabilities scored with and without.

Each run appends a row to a CSV file; runs that are there are skipped.

Example: python -m benchmarks.calibration_effect --data DATA --seconds 60 --tables vowel,splice
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from sklearn.metrics import log_loss

from automl import AutoMLClassifier
from benchmarks.honest_estimate import SCORING, MeasurementProtocol, parts
from benchmarks.run import METRICS
from benchmarks.splits import split
from benchmarks.worker import forget
from meta_db import store

HERE = Path(__file__).parent
MEMORY = store.SHIPPED
console = Console()


def measure(name: str, table: pd.DataFrame, task: str, fold: int, seconds: float, rows: int) -> dict[str, float]:
    """Log loss on the test rows of one search's ensemble: as it answers, and without its calibration."""
    few = MeasurementProtocol(seconds, None, rows, n_test=20_000, n_jobs=-1, include=())
    train, test = parts(table, task, few, seed=fold) if rows else split(table, task, fold)
    store.SHIPPED = MEMORY
    forget(name)
    model = AutoMLClassifier(time_budget=seconds, scoring=SCORING[METRICS[task]], random_state=0, verbose=0)
    model.fit(train.drop(columns="target"), train["target"].astype(str).to_numpy())
    X, y = test.drop(columns="target"), test["target"].astype(str).to_numpy()
    calibrated = log_loss(y, model.predict_proba(X), labels=model.classes_)
    model._ensemble.calibration = None
    return {"calibrated": calibrated, "plain": log_loss(y, model.predict_proba(X), labels=model.classes_)}


def summary(results: pd.DataFrame) -> str:
    """How often and by how much the calibration helps."""
    lines = []
    for (task, rows), own in results.groupby(["task", "rows"]):
        change = 100 * (own["calibrated"] / own["plain"] - 1)
        lines.append(
            f"{task}, {rows or 'all'} rows: log loss lower with it on {(change < 0).sum()} of {len(own)}, "
            f"median {np.median(change):+.1f} %, from {change.min():+.1f} to {change.max():+.1f} %"
        )
    return "\n".join(lines)


def main(
    data: Annotated[Path, typer.Option(help="Folder of NAME.parquet tables with a column 'target', and index.csv.")],
    tables: Annotated[str, typer.Option(help="Names of tables for classification, with commas.")],
    seconds: Annotated[float, typer.Option(help="Of one search.")] = 60.0,
    folds: Annotated[str, typer.Option(help="Fold numbers with commas, from 0 to 4.")] = "0",
    n_rows: Annotated[int, typer.Option("--rows", help="To search on, the rest to test on; 0 for four in five.")] = 0,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "calibration.csv",
) -> None:
    """Measure, then print what it is worth."""
    tasks = pd.read_csv(data / "index.csv").set_index("name")["task"]
    rows = pd.read_csv(out).to_dict("records") if out.exists() else []
    done = {(row["dataset"], row["fold"], row["seconds"], row["rows"]) for row in rows}
    for fold in map(int, folds.split(",")):
        for name in tables.split(","):
            if (name, fold, seconds, n_rows) in done:
                continue
            task = str(tasks[name])
            row = {"dataset": name, "task": task, "fold": fold, "seconds": seconds, "rows": n_rows}
            row |= measure(name, pd.read_parquet(data / f"{name}.parquet"), task, fold, seconds, n_rows)
            rows.append(row)
            pd.DataFrame(rows).to_csv(out, index=False)
            console.print(f"{name} fold {fold}: log loss {row['plain']:.4g} -> {row['calibrated']:.4g}")
    console.print(summary(pd.DataFrame(rows)), highlight=False)


if __name__ == "__main__":
    typer.run(main)
