"""The method `more` of a fitted estimator, which continues the search in its run directory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from automl.arguments import check_arguments, check_budget
from automl.ensemble.fitted_model import FittedModel
from automl.errors import InvalidInputError
from automl.execute.processes import warm_up
from automl.fitting import SearchedModel, search_and_keep
from automl.search.budget import Budget, SecondsArgument, Used
from automl.search.processors import ProcessorBudget
from automl.task.metrics import Metric, make_metric
from automl.task.own_objects import NotLoaded
from automl.task.prepare import PreparedTask
from automl.task.several_metrics import named_scorers
from automl.task.task import Task
from automl.task.validation import python_number
from automl.trials.history import RunHistory
from automl.trials.stored_run import StoredRun


class Continuation(SearchedModel):
    """The continuation of a search that has ended."""

    def more(
        self,
        seconds: float | None = None,
        max_trials: int | None = None,
        max_processor_seconds: float | None = None,
    ) -> Self:
        """
        Continue the search of this estimator in its run directory, without the table.

        The estimator needs the parameter `store`, which keeps the task and all trials. The result is that of `fit` with
        the same table, the same `store` and a larger budget: the attributes are replaced, and the parameters stay as
        they are. Callbacks of `set_callbacks` are not called.

        Parameters
        ----------
        seconds : float, optional
            Seconds that this call may take.
        max_trials : int, optional
            Number of further configurations.
        max_processor_seconds : float, optional
            Further processor seconds of all trials. Exactly one of the three must be given.

        Returns
        -------
        Self
            This estimator.

        Raises
        ------
        InvalidInputError
            If the estimator has no run directory, if another process uses it, or if it does not hold the run of this
            estimator, for example after `refit` or `slim`. The error is raised before the search starts.

        Examples
        --------
        >>> import tempfile
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> settings = {"time_budget": None, "max_trials": 1, "include": ["ridge"], "n_jobs": 1, "verbose": 0}
        >>> reg = AutoMLRegressor(**settings, store=tempfile.mkdtemp()).fit(X, y)
        >>> len(reg.more(max_trials=2).leaderboard_)
        3
        """
        check_is_fitted(self, "_ensemble")
        _continue(self, seconds, max_trials, max_processor_seconds)
        return self


def _continue(
    estimator: SearchedModel, seconds: float | None, max_trials: int | None, max_processor_seconds: float | None
) -> None:
    """Continue the search of an estimator."""
    started = monotonic()
    limits = {"seconds": seconds, "max_trials": max_trials, "max_processor_seconds": max_processor_seconds}
    check_budget("more", limits, one_only=True)
    run = _stored_run(estimator)
    check_arguments(estimator.get_params(deep=False), estimator._is_classifier)
    directory = run.open(estimator)
    timed = directory.read_times()
    results = [result for result, _ in timed]
    counted = ProcessorBudget(math.inf)
    counted.end(results)
    used = Used(timed[-1][1] if timed else 0.0, RunHistory(results).n_run, counted.spent)
    prepared, most = read_task(estimator, run.positions, directory.folder), python_number(max_processor_seconds)
    budget = Budget(
        None if seconds is None else used.seconds + python_number(seconds),
        None if max_trials is None else used.trials + python_number(max_trials),
        started,
        None if most is None else ProcessorBudget(used.processor_seconds + most),
        argument=SecondsArgument("seconds", used=used.seconds),
    )
    if estimator.executor == "local":
        warm_up()
    search_and_keep(estimator, prepared, budget, estimator._seed(), lambda: run.reading, used=used)


def _stored_run(estimator: SearchedModel) -> StoredRun:
    """Return the run of an estimator.

    Raises
    ------
    InvalidInputError
        If it has no run directory, or if its models are not those of the run.
    """
    if estimator.store is None:
        raise InvalidInputError(
            "more continues a search from its run directory, but store is None; fit with a folder as store, for "
            'example store="runs/a", or call fit(X, y) with a larger budget'
        )
    run: StoredRun | None = vars(estimator).get("_stored_run")
    if run is None:
        raise InvalidInputError(
            "more needs an estimator as fit(X, y) with store has returned it: not one that slim, choose, refit or "
            "retune has returned, and not a model that was loaded with for_prediction=True; call more on that "
            "estimator, or call fit(X, y) with the same store and a larger budget"
        )
    return run


def read_task(estimator: FittedModel, positions: NDArray[np.intp] | None, folder: Path) -> PreparedTask:
    """Return the task of a run with the scorers of the estimator.

    Parameters
    ----------
    positions : ndarray of int or None
        Positions of the rows of the task in the table of the user.

    Raises
    ------
    InvalidInputError
        If a file of the task is missing or damaged.
    """
    try:
        task = Task.open(folder, checked=True)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"the task in the run directory '{folder}' cannot be read ({error}); call fit(X, y) with the same store"
        ) from error
    classes = getattr(estimator, "classes_", None)
    scorers = list(named_scorers(estimator.scoring).values())
    first, *others = (
        _with_scorer(metric, scorer, task, classes, estimator.positive_label)
        for metric, scorer in zip((task.metric, *task.recorded_metrics), scorers, strict=True)
    )
    holdout = task.holdout
    if holdout is not None and holdout.metric is not None:
        holdout = replace(holdout, metric=replace(holdout.metric, scorer=first.scorer))
    task = replace(task, metric=first, recorded_metrics=tuple(others), holdout=holdout)
    arguments: Mapping[str, Any] = estimator._split_arguments
    return PreparedTask(task, estimator._reader, classes, estimator._target_name, positions, arguments)


def _with_scorer(metric: Metric, scorer: Any, task: Task, classes: Any, positive_label: Any) -> Metric:
    """Return a metric with the user's own scorer, which no run directory holds."""
    if not isinstance(metric.scorer, NotLoaded):
        return metric
    labels = None if isinstance(classes, list) else classes  # a scorer gets all targets at once
    return replace(metric, scorer=make_metric(scorer, task.traits.task, labels, positive_label).scorer)
