"""Why a search ended, in words for the user."""

from __future__ import annotations

from automl.plurals import plural
from automl.search.budget import Budget
from automl.trials.history import RunHistory


def budget_ending(wanted: Budget, budget: Budget, history: RunHistory) -> str:
    """Return why the search ended: by the budget that the user wanted, or by the one that allows for earlier sessions.

    The two also differ where the wanted seconds were too few for a single fit.
    """
    if wanted.max_trials is not None and len(history.started) >= wanted.max_trials:
        return "max_trials reached"
    # The last seconds are too few for another fit.
    spent = budget.fraction_used > 0.8 or budget.seconds != wanted.seconds
    return "time budget spent" if spent else "nothing left to try"


def why_nothing(history: RunHistory, budget: Budget) -> str:
    """Return why no trial has finished a fold: the most frequent reasons."""
    reasons: dict[str, int] = {}
    for result in history.results:
        if result.reason:
            reasons[f"{result.status}: {result.reason}"] = reasons.get(f"{result.status}: {result.reason}", 0) + 1
    if not reasons:
        return (
            f"no trial finished within time_budget={budget.seconds} s; use a larger budget "
            "(a few for small tables, a minute for 100,000 rows)"
        )
    worst = sorted(reasons.items(), key=lambda item: -item[1])[:3]
    listed = "; ".join(f"{n} x {reason}" for reason, n in worst)
    return f"none of {plural(len(history.results), 'trial')} finished: {listed}"
