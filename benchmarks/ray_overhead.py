"""Measure the overhead of a Ray cluster: the same trials on Ray and in worker processes, by turns on one machine.

Example: python -m benchmarks.ray_overhead --trials 40 --workers 2

The benchmark starts a Ray cluster of its own on this machine. Trials are small decision trees on a table of so many
rows, so that the executor takes nearly all the time. The clock starts after the first trials of every worker, because
these import the libraries.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from automl.execute.base import Executor
from automl.execute.local import LocalExecutor
from automl.execute.ray import RayExecutor
from automl.task.metrics import make_metric
from automl.task.splits import SplitRequest, make_folds
from automl.task.task import Task
from automl.trials.trial import Status, Trial
from benchmarks.requirements import require_package
from pipelines.component import TableTraits
from pipelines.configuration import Configuration


def make_task(n_rows: int) -> Task:
    """Return a task of two classes and 20 columns of noise."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n_rows)
    return Task(
        X=rng.normal(size=(n_rows, 20)),
        y=y,
        traits=TableTraits("binary", n_rows, 20, 2),
        metric=make_metric(None, "binary", np.array([0, 1])),
        folds=make_folds(SplitRequest(y, True, cv=4)),
    )


def measure(executor: Executor, n_trials: int) -> float:
    """Return the seconds from the start of the first trial to the end of the last trial."""

    def run(first: int, n: int) -> None:
        configurations = [
            Configuration({"model": "decision_tree", "model:decision_tree:max_depth": 2, "number": first + i})
            for i in range(n)
        ]
        futures = [executor.submit([Trial(c)], 60.0) for c in configurations]
        for result in (result for future in futures for result in future.result()):
            if result.status is not Status.OK:
                raise RuntimeError(f"a trial failed, so the figures would be wrong: {result.status}: {result.reason}")

    run(0, 2 * executor.n_workers)
    start = time.perf_counter()
    run(1_000, n_trials)
    return time.perf_counter() - start


def main(
    trials: Annotated[int, typer.Option(min=1, help="Trials of one run.")] = 100,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes, each with one processor core.")] = 2,
    rows: Annotated[
        list[int] | None, typer.Option(help="Rows of the table; may be given several times (default: 1000, 100000).")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs on Ray and in worker processes, by turns.")] = 3,
) -> None:
    """Print the milliseconds of a trial on both, and their ratio."""
    require_package("ray", "-e '.[ray]'")
    import ray

    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    for n_rows in rows or [1_000, 100_000]:
        task = make_task(n_rows)
        seconds: dict[str, list[float]] = {"local": [], "ray": []}
        for _ in range(repeats):
            for name, taken in seconds.items():
                with tempfile.TemporaryDirectory() as root:
                    task.save(Path(root))
                    executor: Executor
                    if name == "local":
                        executor = LocalExecutor(Path(root), workers)
                    else:
                        executor = RayExecutor(Path(root), task, workers)
                    try:
                        taken.append(measure(executor, trials))
                    finally:
                        executor.shutdown()
        local, on_ray = (1000 * float(np.median(taken)) / trials for taken in seconds.values())
        print(
            f"{n_rows} rows, {workers} workers, {trials} trials, median of {repeats}: local {local:.1f} ms a trial, "
            f"ray {on_ray:.1f} ms, ratio {on_ray / local:.2f}",
            flush=True,
        )
    ray.shutdown()


if __name__ == "__main__":
    typer.run(main)
