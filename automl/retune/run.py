"""Retune a fitted estimator: a short search on old and new rows, which starts with the configurations of the model."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from automl.arguments import check_arguments, check_budget
from automl.drift.methods import DriftCheck
from automl.ensemble.slimming import reading_milliseconds
from automl.ensemble.threshold import apply_decision
from automl.errors import InvalidInputError, NothingFittedError
from automl.execute.processes import warm_up
from automl.fitting import SearchedModel, search_and_keep
from automl.interruption import unless_interrupted
from automl.refit.kept_rows import train_on_kept_rows
from automl.refit.model import ModelWithRows
from automl.refit.new_rows import keep_reasons, seen_rows
from automl.refit.preparation import prepare_new_rows, seed_of
from automl.refit.report import NOT_COMPARED
from automl.retune.comparison import PairedScores, compare_predictions
from automl.retune.old_rows import do_old_rows_help
from automl.retune.report import RetuneReport
from automl.retune.rows import GivenRows, JoinedRows, join_rows
from automl.search.budget import Budget, SecondsArgument
from automl.task.holdout import why_not_scored
from automl.task.prepare import PreparedTask
from automl.task.scored_target import ScoredTarget
from automl.task.scorers import take_rows
from automl.task.validation import python_number
from automl.trials.candidates import rank
from pipelines.configuration import Configuration

logger = logging.getLogger(__name__)

Array = NDArray[Any]

_OLD_ROWS_SHARE = 0.1  # of the seconds, to find out whether the old rows help
_LAST_SHARE = 0.15  # of the seconds, for the comparison and the training on all rows
_COMPARISON_SECONDS = 3.0  # the most that the comparison may take
_MOST_EARLIER = 12  # configurations of the old model that the search tries first
_UNSEEN = "the models of the folds predict, which have not seen the newest rows"
# Parameters that have other values during the search: its budget is that of the call, and the score alone decides.
_DURING_SEARCH = {"max_processor_seconds": None, "store": None, "guard": None, "objectives": ("score",)}


class RetunedModel(SearchedModel, DriftCheck):
    """A fitted estimator with the check of drift, whose settings `retune` keeps, and the report of `retune`."""

    retune_report_: RetuneReport


RetuneModel = TypeVar("RetuneModel", bound=RetunedModel)


def retune(estimator: RetuneModel, given: GivenRows, seconds: float | None, max_trials: int | None) -> RetuneModel:
    """Return a fitted copy of an estimator after a short search on old and new rows; see `Retuning.retune`.

    Raises
    ------
    InvalidInputError
        If an argument cannot be used. The error is raised before the search starts.
    NothingFittedError
        If no trial finished.
    """
    started, notes = time.monotonic(), list[str]()
    check_budget("retune", {"seconds": seconds, "max_trials": max_trials}, one_only=False)
    seconds, max_trials = python_number(seconds), python_number(max_trials)
    if estimator.executor == "local":
        warm_up()
    joined, prepared, X = _prepare(estimator, given, notes)
    if joined.n_old:
        longest = float("inf") if seconds is None else _OLD_ROWS_SHARE * seconds
        is_new = np.asarray(prepared.positions) >= joined.n_old
        left_out: list[str] = []
        if not do_old_rows_help(estimator, prepared.task, is_new, longest, left_out):
            notes = left_out
            joined, prepared, X = _prepare(estimator, GivenRows(given.new, None), notes)
    keep_reasons(prepared.reader, estimator._reader)
    share = 1 - _LAST_SHARE
    of_search = None if seconds is None else share * seconds
    budget = Budget(of_search, max_trials, started, argument=SecondsArgument("seconds", share))
    own = {"time_budget": budget.seconds, "max_trials": max_trials} | _DURING_SEARCH
    searched: RetuneModel = clone(estimator).set_params(**own)
    check_arguments(searched.get_params(deep=False), searched._is_classifier)
    reading = partial(reading_milliseconds, X, prepared.reader)
    search_and_keep(searched, prepared, budget, seed_of(estimator), reading, earlier=_earlier(estimator))
    searched._target_name = estimator._target_name
    comparing = partial(_compare, estimator, searched, X, prepared, joined, _COMPARISON_SECONDS, notes)
    compared = unless_interrupted(comparing, NOT_COMPARED)
    if compared is None:
        notes.append("the user has interrupted the comparison")
    scores, n_compared = compared or (PairedScores(np.nan, np.nan), 0)
    deadline = float("inf") if seconds is None else started + seconds
    new, n_models = _train_on_all_rows(searched, deadline, notes)
    new.set_params(**{name: getattr(estimator, name) for name in own})
    new.warn_of_drift, new._is_retuned = estimator.warn_of_drift, True
    new.retune_report_ = RetuneReport(
        prepared.task.metric.name,
        scores.old,
        scores.new,
        scores.low,
        scores.high,
        scores.p,
        n_compared,
        n_rows=len(joined.holdout),
        n_old_rows=joined.n_old,
        n_models=n_models,
        n_configurations=new.history_.n_run,
        seconds=time.monotonic() - started,
        notes=tuple(notes),
    )
    logger.info("retune: %s", str(new.retune_report_).replace("\n", "; "))
    return new


def _prepare(estimator: RetunedModel, given: GivenRows, notes: list[str]) -> tuple[JoinedRows, PreparedTask, Any]:
    """Check the rows; return them, their task without the newest rows, and their table with the model's columns."""
    joined = join_rows(estimator, given, notes)
    prepared, X = prepare_new_rows(estimator, joined.data, notes, joined.folds, joined.holdout)
    if reason := why_not_scored(prepared.task):
        raise InvalidInputError(f"the newest new rows cannot be scored: {reason}; pass more new rows, or use refit")
    return joined, prepared, X


def _earlier(estimator: RetunedModel) -> list[Configuration]:
    """Return the configurations of the old model: the members of its ensemble, then the next best of its search."""
    members = sorted(estimator._ensemble.bags, key=lambda bag: -bag.weight)
    history = vars(estimator).get("history_")
    ranked = [] if history is None else [evaluation.configuration for evaluation in rank(history)]
    return list(dict.fromkeys([*(bag.configuration for bag in members), *ranked]))[:_MOST_EARLIER]


def _compare(
    old: ModelWithRows,
    new: ModelWithRows,
    X: Any,
    prepared: PreparedTask,
    joined: JoinedRows,
    seconds: float,
    notes: list[str],
) -> tuple[PairedScores, int]:
    """Return the scores of both models on the newest rows that the old model was not trained on, and their number."""
    holdout = prepared.task.holdout
    assert holdout is not None
    assert holdout.metric is not None
    places, table = joined.compared_places, take_rows(X, joined.compared)
    fresh = ~seen_rows(getattr(old, "_rows", None), old._reader, table, holdout.y[places], notes)
    if not fresh.any():
        return PairedScores(np.nan, np.nan), 0
    places, table = places[fresh], take_rows(table, np.flatnonzero(fresh))
    target = ScoredTarget(holdout.y, holdout.metric, holdout.sample_weight).take(places)
    before, after = (
        apply_decision(predicted, model._ensemble.decision_weights, target)
        for model, predicted in ((old, old._predict(table)), (new, new._ensemble.predict(holdout.X[places])))
    )
    units = np.unique(joined.units[fresh], return_inverse=True)[1]
    return compare_predictions(target, before, after, units, seed_of(old), seconds), len(places)


def _train_on_all_rows(searched: RetuneModel, deadline: float, notes: list[str]) -> tuple[RetuneModel, int]:
    """Return the model of the search after its members were trained on all rows, and the number of such models."""
    try:
        new = unless_interrupted(partial(train_on_kept_rows, searched, deadline), _UNSEEN)
    except NothingFittedError as error:
        notes.append(f"{_UNSEEN}: {error}")
        return searched, 0
    if new is None:
        notes.append(f"{_UNSEEN}: the user has interrupted the training")
        return searched, 0
    report = vars(new).pop("refit_report_")
    if report.n_models < len(new._ensemble.bags):
        late = len(new._ensemble.bags) - report.n_models
        notes.append(f"{late} of {len(new._ensemble.bags)} members keep the models of their folds, for lack of time")
    return new, report.n_models
