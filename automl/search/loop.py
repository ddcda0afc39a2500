"""The search loop: ask, run, note, until the budget is spent."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import chain

from automl.execute.base import Executor
from automl.search.budget import Budget
from automl.search.racing import Racing
from automl.trials.history import RunHistory
from automl.trials.trial import TrialResult


def search(
    racing: Racing,
    executor: Executor,
    history: RunHistory,
    budget: Budget,
    on_result: Callable[[TrialResult], None],
) -> bool:
    """Run trials until nothing is left to do or the seconds for trials are over.

    Parameters
    ----------
    on_result : callable
        Called with each result after it entered the history; may raise `StopIteration` to end the search.

    Returns
    -------
    bool
        Whether `on_result` ended it.
    """
    # One trial waits in the queue so that no worker idles while the next is chosen; a repeatable run cannot afford
    # that, because what is known at the time of choosing would depend on the clock.
    ahead = 0 if budget.seconds is None else 1
    running: set[Future[list[TrialResult]]] = set()
    while budget.search_left > 0:
        for trials in racing.suggest(history, executor.n_workers + ahead - len(running), executor.fleet_size):
            running.add(executor.submit(trials, racing.time_limit(trials)))
        if not running:
            break
        left = budget.search_left
        done, _ = wait(running, timeout=None if left == float("inf") else max(0.0, left), return_when=FIRST_COMPLETED)
        running -= done
        stopped = False
        for result in chain.from_iterable(future.result() for future in done):
            history.append(result)
            try:
                on_result(result)
            except StopIteration:  # the others have ended as well, and are not thrown away
                stopped = True
        if stopped:
            return True
    return False
