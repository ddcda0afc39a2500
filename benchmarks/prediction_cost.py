"""Compare ensembles of stored runs that were chosen with and without the rule for the time of predictions.

For each table the run directory ``RUNS/NAME`` is used, as ``fit(store=...)`` has left it; a table without one is
fitted first. Nothing is fitted again for the comparison: both ensembles are chosen from the same stored predictions,
and predict the same test rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from automl.ensemble.cost import typical_cost
from automl.ensemble.loading import ModelLoader
from automl.ensemble.selection import Ensemble, select_members
from automl.search.budget import Budget
from automl.task.prepare import TrainingData, prepare
from automl.trials.artifacts import Artifacts
from automl.trials.finished import FinishedTrials
from automl.trials.history import RunHistory
from automl.trials.run_directory import RunDirectory
from benchmarks.result_file import append_row
from benchmarks.splits import split
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks
from benchmarks.worker import ignore_own_meta_database

COLUMNS = ["dataset", "metric", "loss_without", "loss_with", "change", "cost_without", "cost_with", "members"]


def compare(name: str, task_name: str, table: pd.DataFrame, run: Path, budget: float, cores: int) -> dict[str, Any]:
    """Return the row of one table: test losses (for scores from 0 to 1 the distance from 1) and milliseconds."""
    from automl import AutoMLClassifier, AutoMLRegressor

    train, test = split(table, task_name, 0)
    X, y = train.drop(columns="target"), train["target"]
    if not (run / "run.json").exists():
        kind = AutoMLRegressor if task_name == "regression" else AutoMLClassifier
        kind(time_budget=budget, n_jobs=cores, without=[name], random_state=0, verbose=0, store=run).fit(X, y)
    prepared = prepare(TrainingData(X, y, None, None), classification=task_name != "regression", random_state=0)
    task, artifacts, history = prepared.task, Artifacts(run), RunHistory(RunDirectory(run).read())
    trials, milliseconds = FinishedTrials(history, artifacts, task, 0), typical_cost(task, measured=True)
    Z, target = prepared.reader.transform(test.drop(columns="target")), test["target"]
    codes = target.to_numpy(float) if prepared.classes is None else np.searchsorted(prepared.classes, target)
    losses, costs, members = [], [], []
    for rule in (None, milliseconds):
        chosen = select_members(trials, 25, 60.0, rule)
        loader = ModelLoader(artifacts, task, Budget(None, 1), 25, 0)
        predictions = Ensemble(loader.load(chosen), task.traits.n_classes).predict(Z)
        loss = task.metric.loss(codes, predictions, None)
        losses.append(1 + loss if -1 <= loss < 0 else loss)
        costs.append(sum(milliseconds(member.evaluation) for member in chosen))
        members.append(len(chosen))
    return {
        "dataset": name,
        "metric": task.metric.name,
        "loss_without": losses[0],
        "loss_with": losses[1],
        "change": losses[1] / losses[0] - 1,
        "cost_without": costs[0],
        "cost_with": costs[1],
        "members": f"{members[0]} -> {members[1]}",
    }


def main(
    data: DataFolder,
    runs: Annotated[Path, typer.Option(help="Folder of the run directories, which are made where they are missing.")],
    tables: Annotated[str, typer.Option(help="Names of tables with commas.")],
    budget: Annotated[float, typer.Option(help="Seconds of one fit.")] = 30.0,
    cores: Annotated[int, typer.Option(help="Processor cores of one fit.")] = 2,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = Path("benchmarks/results/prediction_cost.csv"),
) -> None:
    """Compare the two choices on tables, and print the median change of the loss."""
    ignore_own_meta_database()
    tasks, rows = read_tasks(data), []
    for name in choose_tables(data, tables):
        rows.append(compare(name, tasks[name], read_table(data, name), runs / name, budget, cores))
        append_row(out, rows[-1], COLUMNS)
        print(" ".join(f"{key}={value}" for key, value in rows[-1].items()), flush=True)
    frame = pd.DataFrame(rows)
    ratio = float(np.exp(np.log(frame["cost_with"] / frame["cost_without"]).mean()))
    print(f"median change of the test loss {frame['change'].median():+.2%}; cost {ratio:.2f} times")


if __name__ == "__main__":
    typer.run(main)
