"""The search of a fit on a prepared task, and the attributes that the estimator gets from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic, process_time
from typing import Any

from automl.checks.data_checks import DataChecks
from automl.checks.predictions import RowPredictions
from automl.checks.warning import DataWarning, log_lines
from automl.energy import Energy, EnergyMeter
from automl.ensemble.attribute_rules import ATTRIBUTES, Saved, Subject
from automl.ensemble.copies import forget_earlier_fit
from automl.ensemble.estimate import UNKNOWN, Estimate
from automl.ensemble.missing import LIMIT
from automl.ensemble.selection import Ensemble
from automl.expected_score import estimate_in_budget, expected_score_line
from automl.fitted.data_warnings import constant_warnings, keep_constant
from automl.fitted.metric_scores import score_metrics
from automl.fitted.quantiles import score_quantiles
from automl.fitted.several_targets import score_targets
from automl.guard import Guard, make_guard
from automl.interruption import unless_interrupted
from automl.persistence.unfinished import write_unfinished
from automl.plurals import plural
from automl.progress.display import Progress
from automl.progress.leader import Leader
from automl.refit.model import ModelWithRows
from automl.refit.rows import StoredRows, TrainingRows
from automl.run.callbacks import CallbackTasks
from automl.run.conclusion import RunResult
from automl.run.run import run
from automl.run.settings import RunHooks, RunSettings, SessionFacts
from automl.search.budget import Budget, Used
from automl.search.own_components import own_components
from automl.search.user_space import user_space
from automl.task.dummy import NOT_COMPARED, constant_of_model
from automl.task.prepare import PreparedTask, sensitive_in_table
from automl.task.task import Task
from automl.task.validation import python_number
from automl.trials.endings import GOES_ON
from automl.trials.history import RunHistory
from automl.trials.session import record_expected
from automl.trials.stored_run import StoredRun
from automl.trials.trial import TrialResult
from pipelines.catalog import component_names
from pipelines.configuration import Configuration
from pipelines.table.summary import notices


class SearchedModel(ModelWithRows):
    """What the search of a fit uses of the estimator, and what it sets; it declares types only, as `FittedModel` does.

    The parameters are those that `FittedModel` does not declare.
    """

    objectives: Sequence[str]
    trial_time_limit: float | None
    space: Mapping[str, Any] | None
    components: Sequence[Any] | Mapping[str, Sequence[Any]]
    initial_configurations: str | Sequence[Mapping[str, Any]]
    without: Sequence[str]
    searcher: Any
    ensemble_size: int
    max_predict_milliseconds: float | None
    max_model_megabytes: float | None
    guard: float | Guard | None
    columns: Mapping[Any, str] | None
    monotonic: Mapping[Any, int] | None
    energy: str | None
    noisy_labels: bool
    callbacks: Sequence[Callable[[TrialResult, RunHistory], None]]
    _stored_run: StoredRun | None
    _fit_seconds: float
    _own_processor_seconds: float
    _has_earlier_sessions: bool
    _energy: Energy | None
    _seed: Callable[[], int]


def search_and_keep(
    estimator: SearchedModel,
    prepared: PreparedTask,
    budget: Budget,
    seed: int,
    measure_reading: Callable[[], float],
    callback_tasks: CallbackTasks | None = None,
    used: Used = Used(),  # noqa: B008  it is immutable
    earlier: Sequence[Configuration] = (),
) -> None:
    """Search within a budget, and set the attributes of the estimator.

    Parameters
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
    prepared : PreparedTask
    budget : Budget
        The budget of all sessions of the run.
    seed : int
        Seed of the run.
    measure_reading : callable
        Returns the milliseconds in which the table reader reads a single row; it is called before the search, so that
        the run directory of a search that goes on holds them, too.
    callback_tasks : CallbackTasks, optional
        The tasks for the callbacks of scikit-learn.
    used : Used
        The parts of the budget that earlier sessions have used, if the budget of this session comes on top of them.
    earlier : sequence of Configuration
        Configurations of an earlier model, which the search tries first.
    """
    task, started, busy_before = prepared.task, budget.started, process_time()
    limits = budget.seconds, budget.max_trials
    with (
        EnergyMeter(estimator.energy) as meter,
        Progress(int(estimator.verbose), *limits, task.metric.words, used, budget.processors) as progress,
    ):
        for notice in notices(prepared.reader.columns_):
            progress.message(notice)
        checks = DataChecks(prepared, progress.message)
        checks.before_search()
        settings = _settings(estimator, budget, seed)
        repeats = budget.planned_seconds is None
        reading = 0.0 if repeats and estimator.store is None else measure_reading()
        keep = partial(
            write_unfinished,
            estimator=estimator,
            attributes=_known_attributes(prepared) | _settings_beside_parameters(estimator),
            positions=prepared.positions,
            reading=reading,
            repeats=repeats,
        )
        show = _show_in(progress, len(task.folds)) if estimator.verbose > 0 else None
        hooks = RunHooks(keep, show, callback_tasks, _as_tuple(estimator.callbacks))
        result = run(task, settings, hooks, SessionFacts(used, earlier, reading))
        budget = replace(budget, started=started - result.earlier_seconds, earlier=result.earlier_seconds)
        checking = partial(checks.after_search, result.row_predictions, budget)
        unless_interrupted(checking, "no column was compared with the ensemble")
        forget_earlier_fit(estimator)
        attributes = fitted_attributes(prepared, result, checks.warnings)
        scoring = partial(score_attributes, task, result.ensemble, result.row_predictions)
        lost = "the model has no metric_scores_, and no scores by target or quantile"
        attributes |= unless_interrupted(scoring, lost) or score_attributes(task, result.ensemble, None)
        for name, value in attributes.items():
            setattr(estimator, name, value)
        keep_constant(estimator, task, constant_of_model)
        if estimator.store is None:
            estimator._rows, estimator._stored_run = TrainingRows.from_task(task), None
        else:
            estimator._rows = StoredRows.of(Path(estimator.store))
            estimator._stored_run = StoredRun.of(estimator, prepared.positions, reading)
        estimate_in_budget(estimator, budget)
        estimator._fit_seconds = monotonic() - budget.started  # of all sessions
        estimator._has_earlier_sessions = result.earlier_seconds > 0
        measuring = partial(meter.finish, monotonic() - started)
        estimator._energy = unless_interrupted(measuring, "the energy of costs_ is estimated")
        estimator._own_processor_seconds = process_time() - busy_before
        known = estimator._estimate if isinstance(estimator._estimate, Estimate) else None
        comparing = partial(constant_warnings, estimator, known)
        for line in log_lines(unless_interrupted(comparing, NOT_COMPARED) or []):
            progress.message(line)
        line = expected_score_line(estimator)
        progress.close(f"{result.stop_reason}; {plural(result.history.n_run, 'configuration')}", line)
        record_expected(estimator.store, line)


def _show_in(progress: Progress, n_folds: int) -> Callable[[TrialResult, RunHistory, float], None]:
    """Return a function that shows each result of a run in its display."""
    leader = Leader(n_folds)

    def show(result: TrialResult, history: RunHistory, elapsed: float) -> None:
        best = leader.update(result, history)
        progress.update(history.n_run, best, result.trial.configuration.family, elapsed)

    return show


def _settings(estimator: SearchedModel, budget: Budget, seed: int) -> RunSettings:
    """Return the settings of a run: the parameters of an estimator."""
    return RunSettings(
        budget=budget,
        n_jobs=python_number(estimator.n_jobs),
        memory_limit=python_number(estimator.memory_limit),
        trial_time_limit=python_number(estimator.trial_time_limit),
        device=estimator.device,
        executor=estimator.executor,
        include=component_names(estimator.include),
        exclude=component_names(estimator.exclude),
        overrides=user_space(estimator),
        own=own_components(estimator.components, estimator._is_classifier),
        initial_configurations=estimator.initial_configurations,
        without=_as_tuple(estimator.without),
        searcher=estimator.searcher,
        ensemble_size=int(estimator.ensemble_size),
        max_predict_milliseconds=python_number(estimator.max_predict_milliseconds),
        max_model_megabytes=python_number(estimator.max_model_megabytes),
        store=estimator.store,
        guard=make_guard(estimator.guard),
        random_state=seed,
    )


def fitted_attributes(prepared: PreparedTask, result: RunResult, found: Sequence[DataWarning] = ()) -> dict[str, Any]:
    """Return the attributes of a fitted estimator by name, without those of `score_attributes`."""
    task, each = prepared.task, result.row_predictions
    return {
        **_known_attributes(prepared),
        "_metric": task.metric.without_table(),
        "_ensemble": result.ensemble,
        "_estimate": result.out_of_fold,
        "_guard_curve": result.guard_curve,
        "_frontier": result.frontier,
        "_row_predictions": each if each is None else each.in_table(prepared.positions, prepared.table_rows),
        "_warnings": list(found),
        "_fold_bags": result.fold_bags,
        "_initial_design": result.initial_design,
        "_score_curve": result.score_curve,
        "_changed_by": LIMIT if result.is_smaller else "",
        "_conformal": result.conformal,
        "_single_scores": result.single_scores,
        "_sensitive": sensitive_in_table(prepared),
        "history_": result.history,
        "stop_reason_": result.stop_reason,
        "scorer_": task.metric.scorer,
        "n_splits_": len(task.folds),
        "_fold_rows": tuple(len(test) for _, test in task.folds),
    }


def score_attributes(task: Task, ensemble: Ensemble, record: RowPredictions | None) -> dict[str, Any]:
    """Return the attributes with scores of the ensemble, by name; all are None without predictions for rows."""
    return {
        "_metric_scores": score_metrics(task, ensemble, record),
        "_target_scores": score_targets(task, ensemble, record),
        "_quantile_scores": score_quantiles(task, ensemble, record),
    }


def _known_attributes(prepared: PreparedTask) -> dict[str, Any]:
    """Return the attributes of an estimator that are known before the search, by name."""
    reader = prepared.reader
    attributes: dict[str, Any] = {
        "_reader": reader,
        "_target_name": prepared.target_name,
        "_split_arguments": dict(prepared.split_arguments),
        "_row_order": prepared.task.row_order,
        "n_features_in_": reader.n_features_in_,
    }
    if hasattr(reader, "feature_names_in_"):
        attributes["feature_names_in_"] = reader.feature_names_in_
    if prepared.classes is not None:
        attributes["classes_"] = prepared.classes
    return attributes


def _settings_beside_parameters(estimator: SearchedModel) -> dict[str, Any]:
    """Return the settings beside the parameters that a saved model has, by name of the attribute."""
    kept = (n for n, rule in ATTRIBUTES.items() if rule.subject is Subject.SETTING and rule.saved is not Saved.APART)
    return {name: vars(estimator)[name] for name in kept if name in vars(estimator)}


def unfinished_attributes(prepared: PreparedTask, ensemble: Ensemble, history: RunHistory) -> dict[str, Any]:
    """Return the attributes of an estimator whose search goes on, for an ensemble without any records."""
    attributes = fitted_attributes(prepared, RunResult(history, ensemble, UNKNOWN, GOES_ON))
    return attributes | score_attributes(prepared.task, ensemble, None)


def _as_tuple(given: Iterable[Any] | None) -> tuple[Any, ...]:
    return () if given is None else tuple(given)
