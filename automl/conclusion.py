"""The conclusion of a search: the ensemble of its results, and the predictions from which its score is estimated."""

from __future__ import annotations

import time

from automl.ensemble.cost import typical_cost
from automl.ensemble.estimate import OutOfFoldRecord, collect
from automl.ensemble.finishing import finish_ensemble
from automl.ensemble.loading import ModelLoader
from automl.ensemble.selection import Ensemble, select_members
from automl.ensemble.size import members_within_size
from automl.execute.machine import available_cpus
from automl.search.budget import Budget
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.history import RunHistory

# Shares of the seconds that are left after the search, at which the parts of the conclusion end at the latest.
_CHOICE_ENDS, _LOADING_ENDS, _DECISION_ENDS, _COLLECTION_ENDS = 0.4, 0.65, 0.75, 0.85


def build_ensemble(
    history: RunHistory,
    artifacts: Artifacts,
    loader: ModelLoader,
    task: Task,
    budget: Budget,
    n_workers: int,
    random_state: int,
    size: int,
) -> tuple[Ensemble, OutOfFoldRecord | None]:
    """Build the ensemble, read its models, and keep the predictions from which its score can be estimated later.

    Parameters
    ----------
    size : int
        Rounds of greedy selection; 1 picks the single best configuration.

    Raises
    ------
    NothingFittedError
        If no configuration has finished a fold.
    """
    left = (
        float("inf") if budget.seconds is None else max(0.1, budget.seconds - budget.closing_seconds - budget.elapsed)
    )
    started = time.monotonic()
    cost = typical_cost(task, measured=not history.repeats)
    members = select_members(history, artifacts, task, size, _CHOICE_ENDS * left, random_state, cost)
    members = members_within_size(members, artifacts, task)
    bags = loader.load(members, started + _LOADING_ENDS * left)
    n_threads = n_workers if n_workers < available_cpus() else None
    ensemble = Ensemble.of_task(bags, task, n_threads)
    finish_ensemble(ensemble, history, artifacts, task, random_state, started + _DECISION_ENDS * left, 0.05 * left)
    if not task.has_estimate:
        return ensemble, None
    # The folder with the predictions is removed after the run; to resample them now would cost seconds of the search.
    latest = started + _COLLECTION_ENDS * left
    return ensemble, collect(history, artifacts, task, ensemble, size, random_state, latest)
