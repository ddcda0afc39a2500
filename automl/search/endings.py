"""Why a search ended, and why it has no result, in words for the user."""

from __future__ import annotations

from automl.plurals import plural
from automl.search.budget import Budget
from automl.trials.endings import EXHAUSTED, MAX_TRIALS, PROCESSORS_SPENT, TIME_SPENT
from automl.trials.history import RunHistory
from automl.trials.trial import Status

_SPENT_SHARE = 0.8  # of the budget of a session, from which on the rest is too little for another fit


def budget_ending(wanted: Budget, budget: Budget, history: RunHistory) -> str:
    """Return why the search ended: by the budget that the user wanted, or by the one that allows for earlier sessions.

    The two also differ where the wanted seconds were too few for a single fit.
    """
    if wanted.max_trials is not None and len(history.started) >= wanted.max_trials:
        return MAX_TRIALS
    if budget.processors is not None and budget.clock_left > 0 and budget.processors.session_share > _SPENT_SHARE:
        return PROCESSORS_SPENT
    spent = budget.session_fraction_used > _SPENT_SHARE or budget.seconds != wanted.seconds
    return TIME_SPENT if spent else EXHAUSTED


def _limits(budget: Budget) -> str:
    parts = [] if budget.seconds is None else [f"{budget.argument.show(budget.seconds)} s"]
    parts += [] if budget.processors is None else [f"max_processor_seconds={budget.processors.seconds:g}"]
    return " and ".join(parts)


def why_nothing(history: RunHistory, budget: Budget) -> str:
    """Return why no trial has finished a fold: the most frequent reasons."""
    reasons: dict[str, int] = {}
    for result in history.results:
        if result.reason:
            reasons[f"{result.status}: {result.reason}"] = reasons.get(f"{result.status}: {result.reason}", 0) + 1
    if any(e.low_fidelity and e.usable for e in history.evaluations.values()):
        return (
            "the search ended before it has trained a configuration on all rows of a fold, because its searcher begins "
            'with a part of the rows or iterations; use a larger budget, or searcher="smac"'
        )
    if not reasons:
        return (
            f"no trial finished within {_limits(budget)}; use a larger budget "
            "(a few for small tables, a minute for 100,000 rows)"
        )
    worst = sorted(reasons.items(), key=lambda item: -item[1])[:3]
    listed = "; ".join(f"{n} x {reason}" for reason, n in worst)
    # The limits of single trials are smaller than the argument, which counts libraries and table of a worker, too.
    lacks_memory = all(result.status is Status.MEMORY for result in history.results)
    remedy = "; use a larger memory_limit (it also counts libraries and table), or fewer n_jobs" if lacks_memory else ""
    return f"none of {plural(len(history.results), 'trial')} finished: {listed}{remedy}"
