"""Run systems on tables, one at a time, and append a row for each to a CSV file; cells in the file are skipped.

Example: python -m benchmarks.run --suite varied --systems automl,lightgbm,forest --data DATA --out results.csv
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error

from benchmarks.result_file import append_row, missing_cells
from benchmarks.splits import split
from benchmarks.systems import ENVIRONMENTS, SYSTEMS, System, prepare
from benchmarks.tables import DataFolder, check_names, choose_tables, read_table, read_tasks

HERE = Path(__file__).parent
METRICS = {"binary": "auc", "multiclass": "logloss", "regression": "rmse"}
COLUMNS = [
    "dataset", "task", "fold", "system", "version", "metric", "score",
    "fit_s", "predict_s", "peak_mib", "budget", "cores", "error", "date", "n_train",
]  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One system on one fold of one table."""

    system: System
    dataset: str
    task: str
    fold: int
    budget: float
    cores: int
    environments: Path = ENVIRONMENTS


def run_cell(cell: Cell, table: pd.DataFrame) -> dict[str, Any]:
    """Fit and predict in a process of its own, and return the row; a failure is a row, too."""
    metric = METRICS[cell.task]
    row: dict[str, Any] = {
        "dataset": cell.dataset, "task": cell.task, "fold": cell.fold, "system": cell.system.name, "metric": metric,
        "budget": cell.budget, "cores": cell.cores, "date": datetime.now(UTC).strftime("%Y-%m-%d"), "error": "",
    }  # fmt: skip
    train, test = split(table, cell.task, cell.fold)
    row["n_train"] = len(train)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train.to_parquet(folder / "train.parquet")
        test.to_parquet(folder / "test.parquet")
        settings = {
            "dataset": cell.dataset, "system": cell.system.name, "package": cell.system.package, "task": cell.task,
            "metric": metric, "budget": cell.budget, "cores": cell.cores, "seed": 0,
            "scratch": str(folder / "scratch"),
        }  # fmt: skip
        (folder / "settings.json").write_text(json.dumps(settings))
        row["error"] = _run_process(cell, folder)
        if not row["error"]:
            row.update(json.loads((folder / "timings.json").read_text()))
            answer = np.load(folder / "predictions.npz")
            row["score"] = score(test["target"], answer["predictions"], answer["classes"], metric)
    return row


def _run_process(cell: Cell, folder: Path) -> str:
    """Run the worker and return its error in one line; the line is empty when it succeeded."""
    command = [str(cell.system.python(cell.environments)), str(HERE / "worker.py"), str(folder)]
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
    # A system that shuts down may print other lines after the error.
    messages = [line for line in lines if "Error" in line] or lines or ["no output"]
    return f"exit code {code}: {messages[-1].strip()[:200]}"


def score(target: pd.Series, predictions: NDArray[Any], classes: NDArray[Any], metric: str) -> float:
    """Return ROC AUC, log loss or root mean squared error of predictions whose columns are `classes`."""
    if metric == "rmse":
        return float(root_mean_squared_error(target.astype(float), predictions))
    labels = sorted(set(classes))
    p = predictions[:, [list(classes).index(label) for label in labels]]
    p = p / p.sum(axis=1, keepdims=True)
    y = target.astype(str).to_numpy()
    if metric == "auc":
        return float(roc_auc_score(y == labels[1], p[:, 1]))
    return float(log_loss(y, p, labels=labels))


def main(
    data: DataFolder,
    suite: Annotated[str, typer.Option(help="Suites of suites.toml or tables, with commas.")] = "quick",
    systems: Annotated[str, typer.Option(help="Names of systems with commas.")] = "automl,lightgbm,forest",
    budget: Annotated[float, typer.Option(help="Seconds of one fit.")] = 60.0,
    cores: Annotated[int, typer.Option(help="Processor cores of one fit.")] = 2,
    folds: Annotated[str, typer.Option(help="Fold numbers with commas, from 0 to 4.")] = "0",
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "60s.csv",
    environments: Annotated[Path, typer.Option(help="Folder of the peers' virtual environments.")] = ENVIRONMENTS,
) -> None:
    """Measure systems on tables."""
    suites = tomllib.loads((HERE / "suites.toml").read_text())
    wanted = [name for part in suite.split(",") for name in suites.get(part, [part])]
    names = choose_tables(data, ",".join(wanted))
    check_names(systems.split(","), list(SYSTEMS), "in benchmarks/systems.py", "system")
    chosen = [SYSTEMS[name] for name in systems.split(",")]
    prepare(chosen, environments)
    tasks = read_tasks(data)
    # The systems take turns, so that other work on the machine disturbs all of them alike. A fold is measured on all
    # tables before the next one, so that a stopped measurement is about all tables.
    cells = [(n, fold, s, budget) for fold in map(int, folds.split(",")) for n in names for s in systems.split(",")]
    for name, fold, system_name, _ in missing_cells(out, ["dataset", "fold", "system", "budget"], cells):
        system = SYSTEMS[system_name]
        row = run_cell(Cell(system, name, tasks[name], fold, budget, cores, environments), read_table(data, name))
        append_row(out, row, COLUMNS)
        message = row["error"] or f"{row['metric']} {row['score']:.5f} in {row['fit_s']:.1f} s"
        print(f"{system.name} {name} fold {fold}: {message}", flush=True)


if __name__ == "__main__":
    typer.run(main)
