"""Measure how many workers the search loop keeps busy: the real loop, with simulated workers and a simulated clock.

Loop, racing, searcher and history are those of a fit; their processor time is measured and added to the clock. A worker
is an entry in a queue of events; the entry ends after the seconds of its trial.

Example: python -m benchmarks.scaling --workers 1,10,100,1000 --seconds 1,10,60 --trials 4
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Annotated, Any
from unittest import mock

import numpy as np
import pandas as pd
import typer

from automl.search.budget import Budget
from automl.search.catalog import make_searcher
from automl.search.forecast import RuntimeModel
from automl.search.loop import search
from automl.search.racing import Racing
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.component import TableTraits
from pipelines.space import build_space

TRAITS = TableTraits("binary", n_rows=2_000, n_features=20, n_classes=2)
FOLDS = 4


class SimulatedWorkers:
    """An executor whose workers are events; its clock adds the loop's processor time and the simulated waits."""

    def __init__(self, n_workers: int, seconds: float, seed: int):
        self.n_workers, self.fleet_size = n_workers, 1
        self.memory_limit: float | None = None
        self.trials: list[tuple[float, float]] = []  # begin and end of each trial
        self._waited = 0.0
        self._seconds, self._rng = seconds, np.random.default_rng(seed)
        self._events: list[tuple[float, int, Future[list[TrialResult]], list[TrialResult]]] = []
        self._ids = itertools.count()
        self._began = time.process_time()

    @property
    def loop_seconds(self) -> float:
        """Return the processor seconds since the start."""
        return time.process_time() - self._began

    @property
    def clock(self) -> float:
        """Return the simulated seconds since the start."""
        return self.loop_seconds + self._waited

    def submit(self, trials: Sequence[Trial], time_limit: float | None = None) -> Future[list[TrialResult]]:
        """Start a trial at the present simulated time."""
        (trial,) = trials
        lasts = self._seconds * float(self._rng.lognormal(-0.125, 0.5))  # the mean is 1
        begin = self.clock
        self.trials.append((begin, begin + lasts))
        future: Future[list[TrialResult]] = Future()
        loss = float(self._rng.normal(0.2, 0.05))
        results = {fold: FoldResult(loss, lasts / len(trial.folds), 0.0) for fold in trial.folds}
        heapq.heappush(
            self._events,
            (begin + lasts, next(self._ids), future, [TrialResult(trial, Status.OK, results, lasts)]),
        )
        return future

    def wait(self, running: Iterable[Future[Any]], **options: Any) -> tuple[set[Future[Any]], None]:
        """Wait like `concurrent.futures.wait`: jump to the end of the first trial, and return all ended trials."""
        self._waited += max(0.0, self._events[0][0] - self.clock)
        done = set()
        while self._events and self._events[0][0] <= self.clock:
            _, _, future, results = heapq.heappop(self._events)
            future.set_result(results)
            done.add(future)
        return done, None

    def shutdown(self) -> None:
        """Do nothing, because there are no processes."""


def simulate(n_workers: int, seconds: float, n_trials: int, searcher: str, seed: int = 0) -> dict[str, float]:
    """Run so many trials; return the share of the time in which workers were busy, and the milliseconds of the loop."""
    executor = SimulatedWorkers(n_workers, seconds, seed)
    space = build_space(TRAITS, seed=seed)
    budget = Budget(None, max_trials=n_trials)
    racing = Racing(
        make_searcher(searcher, space, seed), FOLDS, TRAITS.n_rows, RuntimeModel(TRAITS, 0.75), budget, n_workers
    )
    history = RunHistory()
    asking_until = 0.0

    def record_time(result: TrialResult) -> None:
        nonlocal asking_until
        if len(history.started) < n_trials:  # later on, workers are idle because the run ends
            asking_until = executor.clock

    with mock.patch("automl.search.loop.wait", executor.wait):
        search(racing, executor, history, budget, record_time)
    started = [trial for trial in executor.trials if trial[0] < asking_until]
    busy = sum(min(end, asking_until) - begin for begin, end in started)
    return {
        "workers": n_workers,
        "trial_seconds": seconds,
        "trials": len(executor.trials),
        "busy": busy / (asking_until * n_workers),
        "loop_ms_per_trial": 1000 * executor.loop_seconds / len(executor.trials),
    }


def main(
    workers: Annotated[str, typer.Option(help="Numbers of workers, separated by commas.")] = "1,10,100,1000",
    seconds: Annotated[str, typer.Option(help="Mean seconds of a trial, separated by commas.")] = "1,10,60",
    trials: Annotated[int, typer.Option(help="Configurations for each worker.")] = 4,
    least: Annotated[int, typer.Option(help="Configurations of one run, at least.")] = 200,
    searcher: Annotated[str, typer.Option(help="Search strategy.")] = "smac",
) -> None:
    """Print one line for each number of workers and each duration of a trial."""
    rows = []
    for n in map(int, workers.split(",")):
        for s in map(float, seconds.split(",")):
            rows.append(simulate(n, s, max(least, trials * n), searcher))
            print(rows[-1], flush=True)
    print(pd.DataFrame(rows).to_markdown(index=False, floatfmt=".3g"))


if __name__ == "__main__":
    typer.run(main)
