"""Measure the seconds and megabytes of fitted models: predictions after the fit, saving, loading, a fresh process.

Each system is fitted once for each table, in a process of its own, and its saved model stays below ``--models``. With
another ``--out``, the command measures the models that are there again, without a new fit. The systems of one table are
measured one after the other.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from benchmarks.result_file import append_row
from benchmarks.run import METRICS
from benchmarks.splits import split
from benchmarks.systems import ENVIRONMENTS, SYSTEMS, System, prepare
from benchmarks.tables import DataFolder, check_names, choose_tables, read_table, read_tasks

HERE = Path(__file__).parent
TABLES = "eucalyptus,churn,vowel,kin8nm,credit_a,spambase,segment,space_ga,cmc,cpu_act"
MEASURED = [
    "fit_s", "first_500_s", "one_row_ms", "rows_10000_s", "saved_mb", "load_s", "load_first_s", "fresh_s",
    "fresh_import_s",
]  # fmt: skip
COLUMNS = ["dataset", "task", "system", "version", "budget", "cores", *MEASURED, "error"]


def run_step(system: System, environments: Path, folder: Path, step: str, cores: int, limit: float) -> str:
    """Run one step of `benchmarks.serving_worker` and return its error in one line, empty if it succeeded."""
    command = [str(system.python(environments)), str(HERE / "serving_worker.py"), str(folder), step]
    environment = {**os.environ, "OMP_NUM_THREADS": str(cores), "PYTHONPATH": str(HERE.parent)}
    if system.requirements:
        environment.pop("PYTHONPATH")
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    with (folder / f"{step}.log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, start_new_session=True, cwd=folder,
            preexec_fn=lambda: os.sched_setaffinity(0, allowed),
        )  # fmt: skip
        try:
            code = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            return f"{step}: killed after {limit:.0f} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if code == 0:
        return ""
    lines = [line for line in (folder / f"{step}.log").read_text(errors="replace").splitlines() if line.strip()]
    messages = [line for line in lines if "Error" in line] or lines or ["no output"]
    return f"{step}: exit code {code}: {messages[-1].strip()[:200]}"


def measure(
    system: System,
    name: str,
    task: str,
    table: pd.DataFrame,
    folder: Path,
    budget: float,
    cores: int,
    environments: Path,
) -> dict[str, Any]:
    """Return one row of the CSV file; the model is fitted only if `folder` does not hold it yet."""
    row: dict[str, Any] = {
        "dataset": name, "task": task, "system": system.name, "budget": budget, "cores": cores,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "fit.json").exists():
        train, test = split(table, task, 0)
        train.to_parquet(folder / "train.parquet")
        test.drop(columns="target").to_parquet(folder / "test.parquet")
        settings = {
            "dataset": name, "system": system.name, "package": system.package, "task": task,
            "metric": METRICS[task], "budget": budget, "cores": cores, "seed": 0, "scratch": str(folder / "scratch"),
        }  # fmt: skip
        (folder / "settings.json").write_text(json.dumps(settings))
        if error := run_step(system, environments, folder, "fit", cores, 2 * budget + 120):
            return {**row, "error": error}
    # A process each, so that every step begins cold; the first one only fills the disk cache of the system.
    for step in ("imports", "imports", "fresh", "loaded"):
        if error := run_step(system, environments, folder, step, cores, 300):
            return {**row, "error": error}
    for step in ("fit", "imports", "fresh", "loaded"):
        row.update(json.loads((folder / f"{step}.json").read_text()))
    return row


def main(
    data: DataFolder,
    models: Annotated[Path, typer.Option(help="Folder of the fitted models.")],
    tables: Annotated[str, typer.Option(help="Names of tables with commas.")] = TABLES,
    systems: Annotated[
        str, typer.Option(help="Names of systems with commas.")
    ] = "automl,autogluon_best,autogluon_medium,flaml",
    budget: Annotated[float, typer.Option(help="Seconds of one fit.")] = 60.0,
    cores: Annotated[int, typer.Option(help="Processor cores of one fit and of the predictions.")] = 2,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "serving.csv",
    environments: Annotated[Path, typer.Option(help="Folder of the peers' virtual environments.")] = ENVIRONMENTS,
) -> None:
    """Measure the predictions of systems on tables."""
    names = choose_tables(data, tables)
    check_names(systems.split(","), list(SYSTEMS), "in benchmarks/systems.py", "system")
    chosen = [SYSTEMS[name] for name in systems.split(",")]
    prepare(chosen, environments)
    tasks, known = read_tasks(data), set()
    if out.exists():
        rows = pd.read_csv(out)
        known = set(zip(rows["dataset"], rows["system"], rows["budget"], strict=True))
    # The systems take turns, so that other work on the machine disturbs all of them alike.
    for name, system in product(names, chosen):
        if (name, system.name, budget) in known:
            continue
        folder = (models / f"{budget:g}s" / name / system.name).absolute()
        row = measure(system, name, tasks[name], read_table(data, name), folder, budget, cores, environments)
        append_row(out, row, COLUMNS)
        print(" ".join(f"{key}={value}" for key, value in row.items()), flush=True)


if __name__ == "__main__":
    typer.run(main)
