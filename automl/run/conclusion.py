"""The conclusion of a search: the ensemble of its results, and what its scores and attributes are computed from.

It is the same at the end of `fit` and for `automl.load` of a run directory.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from automl.checks.predictions import RowPredictions, collect_predictions, seconds_end
from automl.ensemble.cost import typical_cost
from automl.ensemble.estimate import UNKNOWN, OutOfFoldRecord, collect
from automl.ensemble.finishing import finish_ensemble
from automl.ensemble.frontier import FrontierRecord, collect_frontier, kept_fold_bags
from automl.ensemble.loading import ModelLoader
from automl.ensemble.out_of_fold_scores import Records, scores_of_frontier, scores_of_run
from automl.ensemble.score_curve import CurveRecord, collect_curve
from automl.ensemble.selection import Ensemble, FoldBag, select_members
from automl.ensemble.single_scores import SingleScores, score_singles, singles_of_frontier
from automl.ensemble.size import members_within_size
from automl.ensemble.slimming import AnyEstimate, meet_limit
from automl.execute.machine import available_cpus
from automl.interruption import StepRunner
from automl.search.budget import Budget
from automl.trials.finished import FinishedTrials
from automl.trials.history import RunHistory
from automl.trials.initial_design import InitialDesign

# Shares of the seconds that are left after the search, at which the parts of the conclusion end at the latest.
_CHOICE_ENDS, _LOADING_ENDS, _DECISION_ENDS, _COLLECTION_ENDS = 0.4, 0.65, 0.75, 0.85
_FRONTIER_SHARE = 0.02  # of the budget, which the measuring of smaller ensembles may take


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
    run_step : StepRunner
        Runs each step after the ensemble exists. An interrupt ends the current step of a `fit`, but all of a `load`.
    """

    trials: FinishedTrials
    loader: ModelLoader
    budget: Budget
    size: int
    run_step: StepRunner


@dataclass(frozen=True)
class RunResult:
    """The result of a run."""

    history: RunHistory
    ensemble: Ensemble
    out_of_fold: AnyEstimate  # None if `cv` orders the rows by time
    stop_reason: str
    guard_curve: pd.DataFrame | None = None
    frontier: FrontierRecord | None = None
    row_predictions: RowPredictions | None = None  # None after an interrupt
    fold_bags: list[FoldBag] | None = None  # the fold models, where the ensemble holds models of all rows
    initial_design: InitialDesign | None = None  # None while the search goes on
    score_curve: CurveRecord | None = None  # None also where no two times can be compared, and for a smaller ensemble
    conformal: Records | None = None  # None after an interrupt
    single_scores: SingleScores | None = None  # None after an interrupt, and without an estimate
    earlier_seconds: float = 0.0  # of the budget, which earlier sessions of the run have used
    is_smaller: bool = False  # whether `max_predict_milliseconds` has made the ensemble smaller


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
    trials, budget = outcome.trials, outcome.budget
    task = trials.task
    left = (
        float("inf") if budget.seconds is None else max(0.1, budget.seconds - budget.closing_seconds - budget.elapsed)
    )
    started = time.monotonic()
    cost = typical_cost(task, measured=not trials.history.repeats)
    members = select_members(trials, outcome.size, _CHOICE_ENDS * left, cost)
    members = members_within_size(members, trials.artifacts, task)
    bags = outcome.loader.load(members, started + _LOADING_ENDS * left)
    n_threads = n_workers if n_workers < available_cpus() else None
    ensemble = Ensemble.of_task(bags, task, n_threads)
    ensemble = finish_ensemble(trials, ensemble, started + _DECISION_ENDS * left, least_seconds=0.05 * left)
    return ensemble, started + _COLLECTION_ENDS * left


def estimate_of(outcome: SearchOutcome, ensemble: Ensemble, deadline: float) -> AnyEstimate:
    """Return what the score of the ensemble can be estimated from, or why there is nothing; see `record_of`."""
    record = outcome.run_step(partial(record_of, outcome, ensemble, deadline), "the model has no estimate_")
    return UNKNOWN if record is None and outcome.trials.task.has_estimate else record


def conclude(
    outcome: SearchOutcome, result: RunResult, limit: float | None, reading: float, for_prediction: bool = False
) -> RunResult:
    """Return the result of a run with what the attributes of its estimator are computed from.

    An interrupt ends what `run_step` of the outcome says.

    Parameters
    ----------
    result : RunResult
        It holds the ensemble with all its models, and the estimate.
    limit : float or None
        Milliseconds in which the user wants a single row to be predicted.
    reading : float
        Milliseconds in which one row of the table is read.
    for_prediction : bool
        Whether to leave out what predictions do not need.
    """
    trials, budget, complete, record = outcome.trials, outcome.budget, result.ensemble, None
    if limit is not None or not for_prediction:
        result, record = _within_limit(outcome, result, limit, reading)
    rows = curve = singles = None
    if not for_prediction:
        singles = _singles_of(outcome, result, complete, record)
        predicting = partial(collect_predictions, trials, result.ensemble, seconds_end(budget))
        rows = outcome.run_step(predicting, "the model has no out_of_fold_predictions_")
        if not result.is_smaller and not trials.task.in_time_order:
            drawing = partial(collect_curve, trials, outcome.size, budget)
            curve = outcome.run_step(drawing, "the model has no score_over_time_")
    if result.is_smaller and result.frontier is not None:
        scoring = partial(scores_of_frontier, result.frontier, result.ensemble)
    else:
        scoring = partial(scores_of_run, trials, result.ensemble, seconds_end(budget))
    conformal = outcome.run_step(scoring, "the model predicts no intervals and no sets")
    return replace(result, row_predictions=rows, score_curve=curve, conformal=conformal, single_scores=singles)


def _within_limit(
    outcome: SearchOutcome, result: RunResult, limit: float | None, reading: float
) -> tuple[RunResult, FrontierRecord | None]:
    """Return the result with what smaller ensembles are made of; its own ensemble is one of them if it needs to be.

    The record of the complete ensemble is returned, too.
    """
    complete, estimate, budget = result.ensemble, result.out_of_fold, outcome.budget
    end = float("inf")
    if budget.seconds is not None:
        left = budget.seconds - budget.estimate_seconds - budget.elapsed
        end = time.monotonic() + min(budget.part(_FRONTIER_SHARE), 0.8 * left)
    collecting = partial(_frontier_of, outcome, complete, end, reading)
    frontier = outcome.run_step(collecting, "the model has no frontier_")
    if frontier is None:
        return result, None
    larger, known = [*complete.bags, *frontier.bags], (complete, frontier, estimate)
    row, measured = outcome.trials.task.X[:1], not outcome.trials.history.repeats
    limiting = partial(meet_limit, *known, limit, row, measured, budget.deadline)
    lost = "the ensemble was not made smaller for max_predict_milliseconds"
    ensemble, own, estimate = outcome.run_step(limiting, lost) or known
    result = replace(
        result, ensemble=ensemble, frontier=own, out_of_fold=estimate,
        fold_bags=result.fold_bags or kept_fold_bags(larger, ensemble), is_smaller=ensemble is not complete,
    )  # fmt: skip
    return result, frontier


def _singles_of(
    outcome: SearchOutcome, result: RunResult, complete: Ensemble, record: FrontierRecord | None
) -> SingleScores | None:
    """Return the scores of single configurations on the rows that the estimate of a result scores.

    Parameters
    ----------
    complete : Ensemble
        The ensemble with all its models, of which that of the result may be a part.
    record : FrontierRecord or None
        That of the complete ensemble.
    """
    lost, known = "the expected score is not compared with those of single configurations", result.out_of_fold
    if isinstance(known, OutOfFoldRecord):
        return outcome.run_step(partial(score_singles, known), lost)
    if record is None or known is None or not math.isfinite(known.score):
        return None
    return outcome.run_step(partial(singles_of_frontier, record, complete.bags, outcome.trials.history), lost)


def record_of(outcome: SearchOutcome, ensemble: Ensemble, deadline: float) -> OutOfFoldRecord | None:
    """Return the predictions from which the score of the ensemble can be estimated later; None if `cv` orders the rows.

    The folder with the predictions is removed after the run; to resample them now would cost seconds of the search.
    """
    if not outcome.trials.task.has_estimate:
        return None
    return collect(outcome.trials, ensemble, outcome.size, deadline)


def _frontier_of(outcome: SearchOutcome, ensemble: Ensemble, deadline: float, reading: float) -> FrontierRecord | None:
    """Return what smaller ensembles are made of; None if models of all rows predict at last, which have no fold.

    Parameters
    ----------
    deadline : float
        Time of `time.monotonic`, in seconds, after which no further candidate is read or measured.
    reading : float
        Milliseconds in which one row of the table is read. A run that repeats leaves them out: nothing in it may depend
        on the clock.
    """
    if outcome.trials.task.trains_at_last:
        return None
    record = collect_frontier(outcome.trials, ensemble, outcome.loader, deadline)
    return record if record is None or outcome.trials.history.repeats else replace(record, overhead=reading)
