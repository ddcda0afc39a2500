"""How many workers the search's own loop keeps busy: the real loop, with simulated workers and a simulated clock.

The loop, racing, searcher and history are the product's; what they need of the processor is measured and added to the
clock. A worker is an entry in a queue of events that comes back after the seconds that its trial lasts.

    python -m benchmarks.scaling --workers 1,10,100,1000 --seconds 1,10,60 --trials 4
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
    """An executor whose workers are events; its clock runs with the loop's processor time and jumps over waits."""

    def __init__(self, n_workers: int, seconds: float, seed: int):
        self.n_workers, self.fleet_size = n_workers, 1
        self.trials: list[tuple[float, float]] = []  # begin and end of each
        self._waited = 0.0
        self._seconds, self._rng = seconds, np.random.default_rng(seed)
        self._events: list[tuple[float, int, Future[list[TrialResult]], list[TrialResult]]] = []
        self._ids = itertools.count()
        self._began = time.process_time()

    @property
    def loop_seconds(self) -> float:
        """Processor seconds since the start."""
        return time.process_time() - self._began

    @property
    def clock(self) -> float:
        """Simulated seconds since the start."""
        return self.loop_seconds + self._waited

    def submit(self, trials: Sequence[Trial], time_limit: float | None = None) -> Future[list[TrialResult]]:
        """Begin a trial now."""
        (trial,) = trials
        lasts = self._seconds * float(self._rng.lognormal(-0.125, 0.5))  # of mean 1
        begin = self.clock
        self.trials.append((begin, begin + lasts))
        future: Future[list[TrialResult]] = Future()
        loss = float(self._rng.normal(0.2, 0.05))
        folds = {fold: FoldResult(loss, lasts / len(trial.folds), 0.0) for fold in trial.folds}
        heapq.heappush(
            self._events,
            (begin + lasts, next(self._ids), future, [TrialResult(trial, Status.OK, folds, lasts)]),
        )
        return future

    def wait(self, running: Iterable[Future[Any]], **_: Any) -> tuple[set[Future[Any]], None]:
        """What `concurrent.futures.wait` does: jump to the first trial that ends, and take all that ended meanwhile."""
        self._waited += max(0.0, self._events[0][0] - self.clock)
        done = set()
        while self._events and self._events[0][0] <= self.clock:
            _, _, future, results = heapq.heappop(self._events)
            future.set_result(results)
            done.add(future)
        return done, None

    def shutdown(self) -> None:
        """Nothing to end."""


def simulate(n_workers: int, seconds: float, n_trials: int, searcher: str, seed: int = 0) -> dict[str, float]:
    """One run of so many trials; the share of the time that workers were busy, and the loop's own seconds."""
    executor = SimulatedWorkers(n_workers, seconds, seed)
    space = build_space(TRAITS, seed=seed)
    budget = Budget(None, max_trials=n_trials)
    racing = Racing(
        make_searcher(searcher, space, seed), FOLDS, TRAITS.n_rows, RuntimeModel(TRAITS, 0.75), budget, n_workers
    )
    history = RunHistory()
    asking_until = 0.0

    def note(result: TrialResult) -> None:
        nonlocal asking_until
        if len(history.tried) < n_trials:  # later on workers fall idle because the run ends
            asking_until = executor.clock

    with mock.patch("automl.search.loop.wait", executor.wait):
        search(racing, executor, history, budget, note)
    begun = [trial for trial in executor.trials if trial[0] < asking_until]
    busy = sum(min(end, asking_until) - begin for begin, end in begun)
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
    trials: Annotated[int, typer.Option(help="Configurations a worker, at least 200 in all.")] = 4,
    searcher: Annotated[str, typer.Option(help="Search strategy.")] = "smac",
) -> None:
    """Print one line for each number of workers and length of trial."""
    rows = []
    for n in map(int, workers.split(",")):
        for s in map(float, seconds.split(",")):
            rows.append(simulate(n, s, max(200, trials * n), searcher))
            typer.echo(rows[-1])
    typer.echo(pd.DataFrame(rows).to_markdown(index=False, floatfmt=".3g"))


if __name__ == "__main__":
    typer.run(main)
