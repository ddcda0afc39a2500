"""The conclusion of a search: the ensemble of its results, and what its scores and attributes are computed from."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from automl.checks.predictions import RowPredictions, collect_predictions
from automl.ensemble.cost import typical_cost
from automl.ensemble.estimate import OutOfFoldRecord, collect
from automl.ensemble.finishing import finish_ensemble
from automl.ensemble.frontier import FrontierRecord, collect_frontier
from automl.ensemble.loading import ModelLoader
from automl.ensemble.out_of_fold_scores import Records, scores_of_run
from automl.ensemble.score_curve import CurveRecord, collect_curve
from automl.ensemble.selection import Ensemble, select_members
from automl.ensemble.size import members_within_size
from automl.execute.machine import available_cpus
from automl.search.budget import Budget
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.history import RunHistory

# Shares of the seconds that are left after the search, at which the parts of the conclusion end at the latest.
_CHOICE_ENDS, _LOADING_ENDS, _DECISION_ENDS, _COLLECTION_ENDS = 0.4, 0.65, 0.75, 0.85


@dataclass(frozen=True)
class SearchOutcome:
    """What a search leaves behind, and the settings of its conclusion.

    Attributes
    ----------
    loader : ModelLoader
        It may have read some of the models already.
    budget : Budget
        Its seconds limit the parts of the conclusion.
    size : int
        Rounds of greedy selection; 1 picks the single best configuration.
    """

    history: RunHistory
    artifacts: Artifacts
    loader: ModelLoader
    task: Task
    budget: Budget
    random_state: int
    size: int


def build_ensemble(outcome: SearchOutcome, n_workers: int) -> tuple[Ensemble, float]:
    """Build the ensemble, and read its models.

    Parameters
    ----------
    n_workers : int
        Number of processors that predictions may use.

    Returns
    -------
    ensemble : Ensemble
    deadline : float
        Time of `time.monotonic`, in seconds, at which the reading of `record_of` must end.

    Raises
    ------
    NothingFittedError
        If no configuration has finished a fold.
    """
    history, artifacts, task, budget = outcome.history, outcome.artifacts, outcome.task, outcome.budget
    seed, size = outcome.random_state, outcome.size
    left = (
        float("inf") if budget.seconds is None else max(0.1, budget.seconds - budget.closing_seconds - budget.elapsed)
    )
    started = time.monotonic()
    cost = typical_cost(task, measured=not history.repeats)
    members = select_members(history, artifacts, task, size, _CHOICE_ENDS * left, seed, cost)
    members = members_within_size(members, artifacts, task)
    bags = outcome.loader.load(members, started + _LOADING_ENDS * left)
    n_threads = n_workers if n_workers < available_cpus() else None
    ensemble = Ensemble.of_task(bags, task, n_threads)
    finish_ensemble(ensemble, history, artifacts, task, seed, started + _DECISION_ENDS * left, 0.05 * left)
    return ensemble, started + _COLLECTION_ENDS * left


def record_of(outcome: SearchOutcome, ensemble: Ensemble, deadline: float) -> OutOfFoldRecord | None:
    """Return the predictions from which the score of the ensemble can be estimated later; None if `cv` orders the rows.

    The folder with the predictions is removed after the run; to resample them now would cost seconds of the search.
    """
    if not outcome.task.has_estimate:
        return None
    parts = outcome.history, outcome.artifacts, outcome.task, ensemble, outcome.size, outcome.random_state
    return collect(*parts, deadline)


def frontier_of(outcome: SearchOutcome, ensemble: Ensemble, deadline: float, reading: float) -> FrontierRecord | None:
    """Return what smaller ensembles are made of; None if models of all rows predict at last, which have no fold.

    Parameters
    ----------
    deadline : float
        Time of `time.monotonic`, in seconds, after which no further candidate is read or measured.
    reading : float
        Milliseconds in which one row of the table is read. A run that repeats leaves them out: nothing in it may depend
        on the clock.
    """
    if outcome.task.trains_at_last:
        return None
    parts = outcome.history, outcome.artifacts, outcome.task, ensemble, outcome.loader
    record = collect_frontier(*parts, outcome.random_state, deadline)
    return record if record is None or outcome.history.repeats else replace(record, overhead=reading)


def curve_of(outcome: SearchOutcome) -> CurveRecord | None:
    """Return what the scores along the search are computed from; None if `cv` orders the rows by time."""
    if outcome.task.in_time_order:
        return None
    parts = outcome.history, outcome.artifacts, outcome.task, outcome.size, outcome.random_state
    return collect_curve(*parts, outcome.budget)


def predictions_of(outcome: SearchOutcome, ensemble: Ensemble) -> RowPredictions | None:
    """Return the out-of-fold predictions of the ensemble with their rows; see `collect_predictions`."""
    parts = ensemble, outcome.history, outcome.artifacts, outcome.task, outcome.random_state
    return collect_predictions(*parts, outcome.budget)


def conformal_of(outcome: SearchOutcome, ensemble: Ensemble, deadline: float = float("inf")) -> Records | None:
    """Return the scores from which intervals and sets are made; see `scores_of_run`."""
    parts = ensemble, outcome.history, outcome.artifacts, outcome.task, outcome.random_state
    return scores_of_run(*parts, deadline)
