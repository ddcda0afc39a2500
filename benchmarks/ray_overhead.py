"""What a Ray cluster costs beside worker processes: the same trials on both, on one machine, one after the other.

Example: python -m benchmarks.ray_overhead --trials 40 --workers 2

Starts a Ray cluster of its own on this machine. Trials are small decision trees on a table of so many rows, so that
nearly all the time is the executor's. The clock starts after a first trial on every worker, which imports libraries.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import ray
import typer

from automl.execute.base import Executor
from automl.execute.local import LocalExecutor
from automl.execute.ray import RayExecutor
from automl.task.metrics import make_metric
from automl.task.splits import make_folds
from automl.task.task import Task
from automl.trials.trial import Status, Trial
from pipelines.component import TableTraits
from pipelines.configuration import Configuration


def make_task(n_rows: int) -> Task:
    """Two classes and 20 columns of noise."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n_rows)
    return Task(
        X=rng.normal(size=(n_rows, 20)),
        y=y,
        traits=TableTraits("binary", n_rows, 20, 2),
        metric=make_metric(None, "binary", np.array([0, 1])),
        folds=make_folds(y, True, cv=4),
    )


def measure(executor: Executor, n_trials: int) -> float:
    """Seconds from the first of so many trials to the end of the last."""

    def run(first: int, n: int) -> None:
        configurations = [
            Configuration({"model": "decision_tree", "model:decision_tree:max_depth": 2, "number": first + i})
            for i in range(n)
        ]
        futures = [executor.submit([Trial(c)], 60.0) for c in configurations]
        if any(future.result().status is not Status.OK for future in futures):
            raise RuntimeError("a trial failed; the figures would mean nothing")

    run(0, 2 * executor.n_workers)
    start = time.perf_counter()
    run(1_000, n_trials)
    return time.perf_counter() - start


def main(
    trials: Annotated[int, typer.Option(min=1)] = 100,
    workers: Annotated[int, typer.Option(min=1)] = 2,
    rows: Annotated[list[int] | None, typer.Option(help="Of the table; may be given several times.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Of both, by turns.")] = 3,
) -> None:
    """Print milliseconds a trial of both, and their ratio."""
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    for n_rows in rows or [1_000, 100_000]:
        task = make_task(n_rows)
        seconds: dict[str, list[float]] = {"local": [], "ray": []}
        for _ in range(repeats):
            for name, taken in seconds.items():
                with tempfile.TemporaryDirectory() as root:
                    task.save(Path(root))
                    if name == "local":
                        executor: Executor = LocalExecutor(Path(root), workers)
                    else:
                        executor = RayExecutor(Path(root), task, workers)
                    taken.append(measure(executor, trials))
                    executor.shutdown()
        local, distant = (1000 * float(np.median(taken)) / trials for taken in seconds.values())
        typer.echo(
            f"{n_rows} rows, {workers} workers, {trials} trials, median of {repeats}: local {local:.1f} ms a trial, "
            f"ray {distant:.1f} ms, ratio {distant / local:.2f}"
        )
    ray.shutdown()


if __name__ == "__main__":
    typer.run(main)
