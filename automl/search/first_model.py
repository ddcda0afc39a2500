"""The first model of a search that the user has ended among its cheap trials, which leave none."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from automl.execute.base import Executor
from automl.search.budget import Budget
from automl.search.racing import Racing
from automl.trials.history import RunHistory
from automl.trials.trial import TrialResult

logger = logging.getLogger(__name__)


def train_first_model(
    racing: Racing,
    history: RunHistory,
    budget: Budget,
    start_executor: Callable[[], Executor],
    on_result: Callable[[TrialResult], None],
) -> None:
    """Train one of the best configurations of the cheap trials on all rows of a fold; do nothing without results.

    Parameters
    ----------
    start_executor : callable
        Returns new workers: those of the search are busy with trials that nobody waits for any more.
    on_result : callable
        Called with each result after it entered the history.
    """
    trial = racing.first_model(history)
    if trial is None:
        return
    logger.warning(
        "the search has ended before its first model: training %s on all rows of a fold", trial.configuration.family
    )
    executor = start_executor()
    try:
        while trial is not None:
            results = executor.submit([trial], racing.time_limit([trial])).result()
            budget.end(results)
            for result in results:
                history.append(result)
                with suppress(StopIteration):  # the search has ended already
                    on_result(result)
            trial = racing.first_model(history)
    finally:
        executor.shutdown()
