"""Measure the overhead of jobs: seconds of a trivial job, the gain of a second worker, and a restart after a kill.

Examples:
python -m benchmarks.jobs_overhead trivial --n 1000
python -m benchmarks.jobs_overhead resume --n 10000

A trivial job makes a table of 20 rows, fits scikit-learn's DummyClassifier on 15 rows, scores it on the other rows and
writes its folder of results (model, log, result.json). A job of a real batch does the same, plus the search. The
process of a job is forked from a server that has imported the libraries; the time of such a process that does nothing
is measured, too. The libraries are imported once for each runner; the clock starts after a first job, so that this time
is left out.
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

from automl.search.budget import Budget
from automl.search.catalog import make_searcher
from automl.search.forecast import RuntimeModel
from automl.search.racing import Racing
from automl.task.metrics import make_metric
from automl.task.splits import SplitRequest, make_folds
from automl.task.task import Task
from automl.trials.history import RunHistory
from automl.trials.run_directory import RunDirectory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.component import TableTraits
from pipelines.space import build_space, to_configuration

app = typer.Typer(help=__doc__, add_completion=False)

_N_SUGGESTIONS = 5  # new configurations to wait for; some are random, and take no time
_N_EMPTY = 100  # processes that do nothing

Count = Annotated[int, typer.Option("--n", min=1)]


def tiny_table(seed: int, seconds: float = 0.0) -> pd.DataFrame:
    """Return twenty rows of two classes, after so many seconds of waiting."""
    time.sleep(seconds)
    return pd.DataFrame({"x": np.random.default_rng(seed).normal(size=20), "y": ["left", "right"] * 10})


def do_nothing() -> None:
    """Do nothing, in a process whose start is measured."""


def description(n: int, folder: Path, seconds: float, queue: str | None) -> dict[str, Any]:
    """Return the description of a batch of trivial jobs."""
    tables = [
        {"call": "benchmarks.jobs_overhead:tiny_table", "arguments": {"seed": i, "seconds": seconds}} for i in range(n)
    ]
    return {
        "name": folder.name,
        "results": str(folder),
        **({} if queue is None else {"store": queue}),
        "defaults": {"target": "y", "holdout": 0.25},
        "tables": tables,
        "settings": {"dummy": {"estimator": "sklearn.dummy:DummyClassifier"}},
    }


@app.command()
def trivial(
    n: Count = 1000,
    workers: Annotated[
        list[int] | None, typer.Option(help="Number of concurrent jobs; may be given several times (default: 1, 2).")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Seconds that each job waits, in place of work.")] = 0.0,
    queue: Annotated[str | None, typer.Option(help="URL of the queue's database; SQLite by default.")] = None,
) -> None:
    """Print the seconds of a trivial job, with one worker and with two."""
    from automl import run_jobs

    context = multiprocessing.get_context("forkserver")
    with tempfile.TemporaryDirectory() as root:
        run_jobs(description(1, Path(root) / "first", 0.0, queue), n_jobs=1)
        n_empty = min(n, _N_EMPTY)
        start = time.perf_counter()
        for _ in range(n_empty):
            process = context.Process(target=do_nothing)
            process.start()
            process.join()
        empty = (time.perf_counter() - start) / n_empty
        for n_workers in workers or [1, 2]:
            folder = Path(root) / f"{n_workers}"
            start = time.perf_counter()
            summary = run_jobs(description(n, folder, seconds, queue), n_jobs=n_workers)
            taken = time.perf_counter() - start
            if not (summary["state"] == "finished").all():
                raise RuntimeError(f"a job failed, so the figures would be wrong:\n{summary}")
            figures = {"workers": n_workers, "jobs": n, "seconds_per_job": taken / n, "empty_process_seconds": empty}
            print(json.dumps({name: round(value, 5) for name, value in figures.items()}), flush=True)


@app.command()
def resume(n: Count = 10_000) -> None:
    """Print the processor seconds to read a killed fit with so many trials again, and to suggest its next trials."""
    task = _make_task()
    space = build_space(task.traits, seed=0)
    with tempfile.TemporaryDirectory() as root:
        _write_run(Path(root), task, [to_configuration(c) for c in space.sample_configuration(n)])
        start = time.process_time()
        with RunDirectory(Path(root)).open(task, 0) as open_run:
            history = RunHistory(open_run.earlier)
            opened = time.process_time() - start
    if len(history.results) != n:
        raise RuntimeError(f"{len(history.results)} of {n} trials were read again")
    runtime = RuntimeModel(task.traits, 0.8)
    searcher = make_searcher("smac", space, 0, [])
    racing = Racing(searcher, len(task.folds), len(task.y), runtime, Budget(3600.0))
    new, further = suggestion_seconds(racing, history)
    figures = {
        "trials": n,
        "open_seconds": opened,
        f"slowest_of_{len(new)}_new_configurations_seconds": max(new),
        f"slowest_of_{len(further)}_further_folds_seconds": max(further, default=0.0),
    }
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


def suggestion_seconds(racing: Racing, history: RunHistory) -> tuple[list[float], list[float]]:
    """Ask until five new configurations came; return their processor seconds, and those of further folds.

    Only a new configuration comes from the searcher. Right after a restart the race first asks for further folds of the
    best known configurations, which costs the searcher nothing.
    """
    new: list[float] = []
    further: list[float] = []
    while len(new) < _N_SUGGESTIONS:
        start = time.process_time()
        fleets = racing.suggest(history, 1)
        taken = time.process_time() - start
        if not fleets:
            raise RuntimeError("nothing is left to suggest")
        is_known = fleets[0][0].configuration in history.evaluations
        (further if is_known else new).append(taken)
    return new, further


def _make_task() -> Task:
    """Return a task of two classes and 20 columns of noise, with five folds."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1000, 20)), rng.integers(0, 2, 1000)
    return Task(
        X=X,
        y=y,
        traits=TableTraits("binary", n_rows=1000, n_features=20, n_classes=2),
        metric=make_metric(None, "binary", np.unique(y)),
        folds=make_folds(SplitRequest(y, True, cv=5)),
    )


def _write_run(folder: Path, task: Task, configurations: list[Any]) -> None:
    """Write the run directory of a fit that was killed after one fold of each configuration."""
    rng = np.random.default_rng(0)
    with RunDirectory(folder).open(task, 0) as open_run:
        for i, configuration in enumerate(configurations):
            folds = {0: FoldResult(float(rng.random()), 0.1, 0.01)}
            open_run.append(TrialResult(Trial(configuration, (0,)), Status.OK, folds, 0.1), 0.1 * i)


if __name__ == "__main__":
    app()
