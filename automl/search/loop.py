"""The search loop: it asks for trials, runs them and records their results, until the budget is spent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import chain

from automl.execute.base import Executor
from automl.search.budget import Budget
from automl.search.racing import Racing, nothing_left
from automl.trials.history import RunHistory
from automl.trials.trial import Trial, TrialResult

_BY_CALLBACK = "a callback stopped it"
_POLL = 0.5  # seconds between two questions whether the search is stopped
_AHEAD = 1.0  # seconds before the expected end of a trial, when the next trial is submitted


def search(
    racing: Racing,
    executor: Executor,
    history: RunHistory,
    budget: Budget,
    on_result: Callable[[TrialResult], None],
    on_start: Callable[[Trial], None] = lambda trial: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> str:
    """Run trials until nothing is left to try, the budget is spent, or the user ends the search.

    Parameters
    ----------
    on_result : callable
        Called with each result after it entered the history, also with the results of trials that are not started; may
        raise `StopIteration` to end the search.
    on_start : callable, optional
        Called with each trial when it was given to a worker.
    is_stopped : callable, optional
        Asked every half second; the search ends when it returns True.

    Returns
    -------
    str
        How the user has ended the search; empty if the user has not.
    """
    running: dict[Future[list[TrialResult]], float] = {}  # with its expected end, in seconds of the budget
    while budget.clock_left > 0 and not is_stopped():
        n_known = len(history.results)
        # Shortly before a worker is free, a trial is submitted ahead, so that no worker idles while the next trial is
        # chosen. A repeatable run cannot do that: the results that are known then would depend on the clock.
        soon = budget.seconds is not None and min(running.values(), default=math.inf) - budget.elapsed <= _AHEAD
        n_wanted = executor.n_workers + soon - len(running) if budget.search_left > 0 else 0
        fleets = racing.suggest(history, n_wanted, executor.fleet_size)
        if _ends_search(on_result, history.results[n_known:]):  # of trials that are not started
            return _BY_CALLBACK
        for trials in fleets:
            begins = budget.elapsed
            if len(running) >= executor.n_workers:
                begins = max(begins, min(running.values()))
            ends = begins + racing.expected_seconds(trials, history)
            running[executor.submit(trials, racing.time_limit(trials))] = ends
            budget.begin(trials)
            for trial in trials:
                on_start(trial)
        if not running:
            if nothing_left(history, n_known):
                break
            continue
        left = budget.clock_left  # when the processor seconds are over, trials end at limits of their own
        if budget.seconds is not None and not soon:
            left = min(left, min(running.values()) - budget.elapsed - _AHEAD)
        done = _first_done(running, left, budget, is_stopped)
        for future in done:
            del running[future]
        stopped = False
        for result in chain.from_iterable(future.result() for future in done):
            budget.end([result])
            history.append(result)
            stopped |= _ends_search(on_result, [result])  # the others have ended as well, and are not thrown away
        if stopped:
            return _BY_CALLBACK
    return "stopped by automl stop" if is_stopped() else ""


def _first_done(
    running: Iterable[Future[list[TrialResult]]], seconds: float, budget: Budget, is_stopped: Callable[[], bool]
) -> set[Future[list[TrialResult]]]:
    """Wait until a trial has ended, the seconds are over, or the search is stopped; return the ended ones."""
    ends = budget.elapsed + seconds
    while True:
        left = max(0.0, ends - budget.elapsed)
        pause = min(left, _POLL)
        done, _ = wait(running, timeout=pause, return_when=FIRST_COMPLETED)
        if done or pause == left or is_stopped():
            return done


def _ends_search(on_result: Callable[[TrialResult], None], results: Iterable[TrialResult]) -> bool:
    """Call `on_result` with each result, and return whether one of the calls ends the search."""
    stopped = False
    for result in results:
        try:
            on_result(result)
        except StopIteration:
            stopped = True
    return stopped
