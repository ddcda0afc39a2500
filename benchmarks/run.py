"""Runs systems on tables, one at a time, and appends a row for each to a CSV file; cells that are there are skipped.

Example: python -m benchmarks.run --suite varied --systems automl,lightgbm,forest --data DATA --out results/60s.csv
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import tempfile
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error

from benchmarks.splits import split
from benchmarks.systems import SYSTEMS, System

HERE = Path(__file__).parent
METRICS = {"binary": "auc", "multiclass": "logloss", "regression": "rmse"}
COLUMNS = [
    "dataset", "task", "fold", "system", "version", "metric", "score",
    "fit_s", "predict_s", "peak_mib", "budget", "cores", "error", "date",
]  # fmt: skip
console = Console()


@dataclass(frozen=True)
class Cell:
    """One system on one fold of one table."""

    system: System
    dataset: str
    task: str
    fold: int
    budget: float
    cores: int


def run_cell(cell: Cell, table: pd.DataFrame) -> dict[str, Any]:
    """Fit and predict in a process of its own; a failure is a row, too."""
    metric = METRICS[cell.task]
    row = {
        "dataset": cell.dataset, "task": cell.task, "fold": cell.fold, "system": cell.system.name, "metric": metric,
        "budget": cell.budget, "cores": cell.cores, "date": datetime.now(UTC).strftime("%Y-%m-%d"), "error": "",
    }  # fmt: skip
    train, test = split(table, cell.task, cell.fold)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train.to_parquet(folder / "train.parquet")
        test.to_parquet(folder / "test.parquet")
        settings = {
            "dataset": cell.dataset, "system": cell.system.name, "package": cell.system.package, "task": cell.task,
            "metric": metric, "budget": cell.budget, "cores": cell.cores, "seed": 0,
        }  # fmt: skip
        (folder / "settings.json").write_text(json.dumps(settings))
        row["error"] = _run_process(cell, folder)
        if not row["error"]:
            row.update(json.loads((folder / "timings.json").read_text()))
            answer = np.load(folder / "predictions.npz")
            row["score"] = score(test["target"], answer["predictions"], answer["classes"], metric)
    return row


def _run_process(cell: Cell, folder: Path) -> str:
    """What went wrong, in one line; empty when nothing did."""
    command = [str(cell.system.python()), str(HERE / "worker.py"), cell.system.name, str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(cell.cores), "PYTHONPATH": str(HERE.parent)}
    if cell.system.requirements:
        environment.pop("PYTHONPATH")
    allowed = sorted(os.sched_getaffinity(0))[: cell.cores]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, start_new_session=True, cwd=folder,
            preexec_fn=lambda: os.sched_setaffinity(0, allowed),
        )  # fmt: skip
        try:
            code = process.wait(timeout=2 * cell.budget + 60)
        except subprocess.TimeoutExpired:
            return f"killed after {2 * cell.budget + 60:.0f} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if code == 0 and (folder / "timings.json").exists():
        return ""
    lines = [line for line in (folder / "log").read_text(errors="replace").splitlines() if line.strip()]
    # What a system says while it closes down comes after the error.
    said = [line for line in lines if "Error" in line] or lines or ["no output"]
    return f"exit code {code}: {said[-1].strip()[:200]}"


def score(target: pd.Series, predictions: np.ndarray, classes: np.ndarray, metric: str) -> float:
    """ROC AUC, log loss or root mean squared error of predictions whose columns are `classes`."""
    if metric == "rmse":
        return float(root_mean_squared_error(target.astype(float), predictions))
    labels = sorted(set(classes))
    p = predictions[:, [list(classes).index(label) for label in labels]]
    p = p / p.sum(axis=1, keepdims=True)
    y = target.astype(str).to_numpy()
    if metric == "auc":
        return float(roc_auc_score(y == labels[1], p[:, 1]))
    return float(log_loss(y, p, labels=labels))


def _append(path: Path, row: dict[str, Any]) -> None:
    new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow({name: row.get(name, "") for name in COLUMNS})


def main(
    data: Annotated[Path, typer.Option(help="Folder of NAME.parquet tables with a column 'target', and index.csv.")],
    suite: Annotated[str, typer.Option(help="A suite of suites.toml, or names of tables with commas.")] = "quick",
    systems: Annotated[str, typer.Option(help="Names with commas.")] = "automl,lightgbm,forest",
    budget: Annotated[float, typer.Option(help="Seconds.")] = 60.0,
    cores: Annotated[int, typer.Option()] = 2,
    folds: Annotated[str, typer.Option(help="Fold numbers with commas, from 0 to 4.")] = "0",
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "60s.csv",
) -> None:
    """Measure systems on tables."""
    suites = tomllib.loads((HERE / "suites.toml").read_text())
    names = suites.get(suite, suite.split(","))
    tasks = pd.read_csv(data / "index.csv").set_index("name")["task"]
    done = set()
    if out.exists():
        known = pd.read_csv(out)
        done = set(zip(known["dataset"], known["fold"], known["system"], known["budget"], strict=True))
    # Systems by turns: what else the machine does in some hours should meet all of them alike.
    for name, fold, system in product(names, map(int, folds.split(",")), systems.split(",")):
        if (name, fold, system, budget) in done:
            continue
        cell = Cell(SYSTEMS[system], name, str(tasks[name]), fold, budget, cores)
        row = run_cell(cell, pd.read_parquet(data / f"{name}.parquet"))
        _append(out, row)
        said = row["error"] or f"{row['metric']} {row['score']:.5f} in {row['fit_s']:.1f} s"
        console.print(f"{system} {name} fold {fold}: {said}", highlight=False)


if __name__ == "__main__":
    typer.run(main)
