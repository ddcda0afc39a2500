"""What the layer of jobs costs: seconds per trivial job, the gain of a second worker, and the way back after a kill.

Example: python -m benchmarks.jobs_overhead trivial --n 1000

A trivial job makes a table of 20 rows in memory, fits scikit-learn's DummyClassifier on 15 of them, scores it on the
others and leaves its folder of results (model, log, result.json): all that the layer does, and no search. Its process
is forked from a server that has the libraries in memory; what such a process costs that does nothing is measured
beside it. Importing the libraries, once for each runner, is left out: the clock starts after a first job.
"""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from pipelines.component import TableTraits

app = typer.Typer(help=__doc__, add_completion=False)

Count = Annotated[int, typer.Option("--n", min=1)]


def tiny_table(seed: int, seconds: float = 0.0) -> pd.DataFrame:
    """Twenty rows and two classes, after so many seconds of waiting."""
    time.sleep(seconds)
    return pd.DataFrame({"x": np.random.default_rng(seed).normal(size=20), "y": ["left", "right"] * 10})


def do_nothing() -> None:
    """The job of a process whose start is measured."""


def description(n: int, folder: Path, seconds: float, store: str | None) -> dict[str, Any]:
    """A batch of trivial jobs."""
    tables = [
        {"call": "benchmarks.jobs_overhead:tiny_table", "arguments": {"seed": i, "seconds": seconds}} for i in range(n)
    ]
    return {
        "name": folder.name,
        "results": str(folder),
        **({} if store is None else {"store": store}),
        "defaults": {"target": "y", "holdout": 0.25},
        "tables": tables,
        "settings": {"dummy": {"estimator": "sklearn.dummy:DummyClassifier"}},
    }


@app.command()
def trivial(
    n: Count = 1000,
    workers: Annotated[
        list[int] | None, typer.Option(help="Jobs at the same time; may be given several times.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="That each job waits, to look like work.")] = 0.0,
    store: Annotated[str | None, typer.Option(help="URL of another store than SQLite.")] = None,
) -> None:
    """Seconds per trivial job, with one worker and with two."""
    from automl import run_jobs

    context = multiprocessing.get_context("forkserver")
    with tempfile.TemporaryDirectory() as root:
        run_jobs(description(1, Path(root) / "first", 0.0, store), n_jobs=1)
        start = time.perf_counter()
        for _ in range(100):
            process = context.Process(target=do_nothing)
            process.start()
            process.join()
        empty = (time.perf_counter() - start) / 100
        for n_workers in workers or [1, 2]:
            folder = Path(root) / f"{n_workers}"
            start = time.perf_counter()
            summary = run_jobs(description(n, folder, seconds, store), n_jobs=n_workers)
            taken = time.perf_counter() - start
            assert (summary["state"] == "finished").all()
            said = {"workers": n_workers, "jobs": n, "seconds_per_job": taken / n, "empty_process_seconds": empty}
            print(json.dumps({name: round(value, 5) for name, value in said.items()}), flush=True)


@app.command()
def resume(n: Count = 10_000) -> None:
    """Seconds from opening a killed fit's folder with so many trials to its next suggestions."""
    from automl.search.budget import Budget
    from automl.search.catalog import make_searcher
    from automl.search.forecast import RuntimeModel
    from automl.search.racing import Racing
    from automl.task.metrics import make_metric
    from automl.task.task import Task
    from automl.trials.history import RunHistory
    from automl.trials.run_directory import RunDirectory
    from automl.trials.trial import FoldResult, Status, Trial, TrialResult
    from pipelines.space import build_space, to_configuration

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1000, 20)), rng.integers(0, 2, 1000)
    rows = np.arange(1000)
    folds = [(rows[rows % 5 != fold], rows[rows % 5 == fold]) for fold in range(5)]
    traits = TableTraits("binary", *X.shape, 2)
    task = Task(X=X, y=y, traits=traits, metric=make_metric(None, "binary", np.unique(y)), folds=folds)
    space = build_space(traits, seed=0)
    with tempfile.TemporaryDirectory() as root:
        directory = RunDirectory(Path(root))
        directory.open(task, 0)
        for i, configuration in enumerate(space.sample_configuration(n)):
            results = {0: FoldResult(float(rng.random()), 0.1, 0.01)}
            trial = Trial(to_configuration(configuration), (0,))
            directory.append(TrialResult(trial, Status.OK, results, 0.1), 0.1 * i)
        start = time.perf_counter()
        history = RunHistory(RunDirectory(Path(root)).open(task, 0))
        opened = time.perf_counter() - start
        budget = Budget(3600.0)
        runtime = RuntimeModel(traits, 0.8)
        racing = Racing(make_searcher("smac", space, 0, []), 5, len(y), runtime, budget, 1, None)
        assert len(history.results) == n
        suggested = []
        for _ in range(5):  # some are random or go on with what is known, and cost nothing
            start = time.perf_counter()
            racing.suggest(history, 1)
            suggested.append(time.perf_counter() - start)
    said = {"trials": n, "open_seconds": opened, "slowest_of_5_suggestions_seconds": max(suggested)}
    print(json.dumps({name: round(value, 3) for name, value in said.items()}))


if __name__ == "__main__":
    app()
