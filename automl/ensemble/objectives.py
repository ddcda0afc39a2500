"""The values of the objectives beside the score, as the search minimizes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.cost import prediction_cost
from automl.ensemble.selection import Ensemble
from automl.search.scalarization import FurtherObjectives, pareto_front, spread
from automl.task.objectives import MEGABYTES, MILLISECONDS
from automl.task.task import Task
from automl.trials.history import Evaluation, RunHistory
from automl.trials.recorded import recorded_over_folds

Array = NDArray[np.float64]

MAX_CANDIDATES = 10  # that are not in the ensemble, for its frontier
_LEAST = 1e-6  # milliseconds or megabytes, whose logarithm is taken


def further_values(task: Task) -> FurtherObjectives | None:
    """Return the function that gives the values of the objectives beside the score; None where there are none.

    It returns an array of shape (n_evaluations, n_further) for a history: less is better, and NaN is unknown.
    Milliseconds and megabytes are on a logarithmic scale, because people compare them by their ratio.
    """
    if not task.objectives:
        return None

    def values(history: RunHistory) -> Array:
        rows = [
            [_value(name, e, task, not history.repeats) for name in task.objectives]
            for e in history.evaluations.values()
        ]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(task.objectives))

    return values


def _value(name: str, evaluation: Evaluation, task: Task, measured: bool) -> float:
    """Return the value of an objective over the finished folds; NaN without any.

    Parameters
    ----------
    measured : bool
        Whether measured milliseconds count; else those of the family do, so that runs repeat bit for bit.
    """
    if not evaluation.folds:
        return float("nan")
    if name == MILLISECONDS and not measured:
        return float(np.log(max(_LEAST, prediction_cost(evaluation, 1, task, False).one_row)))
    value = recorded_over_folds(evaluation, name)
    return float(np.log(max(_LEAST, value))) if name in (MILLISECONDS, MEGABYTES) else value


def pareto_candidates(history: RunHistory, task: Task, ensemble: Ensemble, folds: Sequence[int]) -> list[Evaluation]:
    """Return configurations on the Pareto front of the objectives that are not in the ensemble, best loss first.

    Parameters
    ----------
    folds : sequence of int
        The folds that a configuration must have finished.
    """
    further = further_values(task)
    if further is None:
        return []
    front, costs = pareto_front(history, further, folds)
    outside = [i for i, e in enumerate(front) if e.configuration not in ensemble.weights]
    return spread([front[i] for i in outside], costs[outside], MAX_CANDIDATES)
