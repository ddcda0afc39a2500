"""One run from task to ensemble, which connects the searcher, the race, the workers and the run directory."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from ConfigSpace import ConfigurationSpace

from automl.callbacks import FitTasks, leading_ensemble
from automl.checks.predictions import RowPredictions, seconds_end
from automl.conclusion import SearchOutcome, build_ensemble, conformal_of, curve_of, frontier_of, predictions_of
from automl.endings import budget_ending, why_nothing
from automl.ensemble.estimate import Estimate, OutOfFoldRecord
from automl.ensemble.frontier import FrontierRecord
from automl.ensemble.loading import ModelLoader
from automl.ensemble.objectives import further_values
from automl.ensemble.out_of_fold_scores import Records
from automl.ensemble.score_curve import CurveRecord
from automl.ensemble.selection import Ensemble, FoldBag
from automl.ensemble.slimming import slow_families
from automl.errors import InvalidInputError, NothingFittedError, NoWorkersError
from automl.execute.base import Executor
from automl.execute.catalog import make_executor
from automl.execute.machine import memory_for_fit
from automl.execute.threads import single_threaded
from automl.guard import Guard, GuardMonitor
from automl.plurals import plural
from automl.refit.members import train_at_last
from automl.refit.rows import TrainingRows
from automl.search.base import Searcher
from automl.search.budget import Budget, Used
from automl.search.catalog import make_searcher
from automl.search.first_model import train_first_model
from automl.search.fleets import FleetBuilder
from automl.search.forecast import RuntimeModel, make_forecasts
from automl.search.initial import (
    Start,
    enough_for_one,
    from_user,
    start_with_meta_database,
    start_with_portfolio,
    with_ordered_twins,
    with_robust_twins,
)
from automl.search.libraries import NarrowedSearcher, log_missing
from automl.search.loop import search
from automl.search.own_components import with_own_models
from automl.search.racing import Limits, Racing, fold_seconds
from automl.search.rungs import make_plan
from automl.search.user_space import is_usable
from automl.task.task import ALL_ROWS, Task
from automl.trials.artifacts import Artifacts
from automl.trials.eviction import ModelEviction
from automl.trials.history import RunHistory
from automl.trials.initial_design import USER, InitialDesign
from automl.trials.run_directory import RunDirectory
from automl.trials.session import Phase, record_session
from automl.trials.temporary_folder import disk_errors, temporary_folder
from automl.trials.training_states import TrainingStates
from automl.trials.trial import TrialResult
from pipelines.catalog import OwnComponents
from pipelines.configuration import Configuration
from pipelines.overrides import Overrides, SpaceError, unused
from pipelines.space import NO_OWN, build_space, choices, complete, unavailable_components

logger = logging.getLogger(__name__)

_ALL_ROWS_SHARE = 0.15  # of the budget, to train on all rows at last, where no fold models predict
_ALL_ROWS_END = 0.9  # share of the seconds that are left, at which this training ends
_FRONTIER_SHARE = 0.02  # of the budget, which the measuring of smaller ensembles may take
_ESTIMATE_SHARE = 0.01  # of the budget, for the estimate at least; the choice of the ensemble mostly leaves it more


@dataclass(frozen=True)
class RunSettings:
    """The settings of one run: the validated arguments of an estimator."""

    budget: Budget
    n_jobs: int | None
    memory_limit: float | None = None  # MiB for one trial; an even share of the free memory when None
    trial_time_limit: float | None = None  # seconds
    device: str = "auto"
    executor: str = "local"
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    overrides: Overrides = field(default_factory=dict)  # the user's changes of hyperparameters
    own: OwnComponents = NO_OWN
    initial_configurations: str | Sequence[Mapping[str, Any]] = "meta"
    without: Sequence[str] = ()  # data sets of the meta-database
    searcher: Any = "smac"
    ensemble_size: int = 25
    max_predict_milliseconds: float | None = None  # for a single row
    max_model_megabytes: float | None = None
    store: str | os.PathLike[str] | None = None
    guard: Guard | None = None  # only for a task with holdout rows
    callbacks: Sequence[Callable[[TrialResult, RunHistory], None]] = ()
    tasks: FitTasks | None = None  # for the callbacks of scikit-learn
    show: Callable[[TrialResult, RunHistory, float], None] | None = None  # also receives the seconds of all sessions
    random_state: int = 0
    earlier: Sequence[Configuration] = ()  # of an earlier model, which the search tries first
    on_open: Callable[[Path], None] = lambda folder: None  # called with the run directory, if there is one
    used: Used = field(default_factory=Used)  # what earlier sessions have used, where the budget comes on top of it


@dataclass(frozen=True)
class RunResult:
    """The result of a run."""

    history: RunHistory
    ensemble: Ensemble
    out_of_fold: OutOfFoldRecord | Estimate | None  # None if `cv` orders the rows by time
    stop_reason: str
    guard_curve: pd.DataFrame | None = None
    frontier: FrontierRecord | None = None
    row_predictions: RowPredictions | None = None  # None after an interrupt
    fold_bags: list[FoldBag] | None = None  # the fold models, where the ensemble holds models of all rows
    initial_design: InitialDesign | None = None  # None while the search goes on
    score_curve: CurveRecord | None = None  # None also where no two times of the search can be compared
    conformal: Records | None = None  # None after an interrupt
    earlier_seconds: float = 0.0  # of the budget, which earlier sessions of the run have used


def run(task: Task, settings: RunSettings) -> RunResult:
    """Search, build the ensemble, and return within the budget.

    Raises
    ------
    InvalidInputError
        If the search space is empty, or if the budget is far too small for a single fit.
    NothingFittedError
        If no trial finished a fold.
    """
    task = replace(task, max_model_bytes=2**20 * (settings.max_model_megabytes or math.inf), own=settings.own)
    space = _space(task, settings)
    log_missing(unavailable_components(task.traits, settings.include, settings.exclude))
    with ExitStack() as stack:
        directory, folder = _open_folder(settings, task.table_bytes, stack)
        known: list[TrialResult] = []
        wanted = settings.budget
        budget = replace(
            wanted,
            refit_share=_ALL_ROWS_SHARE * task.trains_at_last,
            estimate_share=_ESTIMATE_SHARE * (task.metric.fast is not None and task.has_estimate),
        )
        if directory is not None:
            known = directory.open(task, settings.random_state)
            budget.end(known)
            stack.callback(directory.close)
            with disk_errors(folder):
                settings.on_open(folder)
            known = [r for r in known if is_usable(r, task, space, settings.overrides, Artifacts(folder))]
            budget = replace(budget, started=budget.started - directory.elapsed)  # one clock for all sessions
            wanted = _without_unusable(wanted, settings.used, known)
            budget = replace(budget, max_trials=wanted.max_trials)
        kept = None if directory is None else folder
        limits_of_run = settings.budget.seconds, settings.budget.max_trials
        session = stack.enter_context(
            record_session(kept, task, budget.started, *limits_of_run, choices(space, "model"))
        )
        with disk_errors(folder):
            task.save(folder, checked=kept is not None)
        start_executor = partial(
            make_executor, settings.executor, folder, task, settings.n_jobs, settings.memory_limit, settings.device,
            lambda: budget.search_left,
        )  # fmt: skip
        artifacts = Artifacts(folder)
        artifacts.remove_working_folder()  # of a session that was killed
        stack.callback(artifacts.remove_working_folder)  # after the executor has ended its workers
        executor = start_executor()
        stack.callback(executor.shutdown)
        runtime, limits = _forecasts(task, settings, executor)
        budget.plan_for(executor.n_workers)
        history = RunHistory(cost_of=runtime.guess if budget.planned_seconds is None else None)
        start = _start(space, task, settings, budget, runtime, executor.n_workers)
        initial = with_own_models(start.configurations, settings.own, space)
        if not any(result.started for result in known):  # else the results may suffice for an ensemble
            initial, budget = enough_for_one(initial, budget, runtime)
        searcher = _make_searcher(space, task, settings, initial, start, runtime, executor.n_workers)
        dropped = partial(_dropped_families, directory, history)
        if searcher is not settings.searcher:  # an object of the user gets the whole history
            without = partial(_searcher_without, task, settings, budget, runtime, executor.n_workers)
            searcher = NarrowedSearcher(searcher, without, dropped)
        racing = Racing(
            searcher, len(task.folds), task.traits.n_rows, runtime, budget, executor.n_workers, limits,
            FleetBuilder(space, settings.random_state) if executor.fleet_size > 1 else None, settings.random_state,
            further_values(task), dropped,
        )  # fmt: skip
        racing.resume(history, known)
        if history.results:
            logger.info("resumed with %s", plural(len(history.results), "trial"))

        eviction, states = ModelEviction(artifacts, task), TrainingStates(artifacts)
        loader = ModelLoader(artifacts, task, budget, settings.ensemble_size, settings.random_state)
        stack.callback(loader.finish)
        monitor = (
            None if settings.guard is None else GuardMonitor(settings.guard, task, artifacts, settings.random_state)
        )

        def on_result(result: TrialResult) -> None:
            if directory is not None:
                directory.append(result, budget.elapsed)
            eviction.add(result, history)
            states.add(result, history)
            loader.add(history)
            _notify(settings, result, history, budget, lambda: leading_ensemble(history, artifacts, task))
            if monitor is not None:
                monitor.update(history, budget.elapsed)
                if monitor.stops:
                    raise StopIteration

        is_stopped = partial(_is_stopped, directory, history)
        stop_reason = _search(racing, executor, history, budget, on_result, settings.tasks, is_stopped, start_executor)
        states.end(is_stopped=bool(stop_reason))
        stop_reason = stop_reason or budget_ending(wanted, budget, history)
        if monitor is not None and monitor.stops:
            stop_reason = "work score and free score diverge"
        session.enter(Phase.ENSEMBLE, stop_reason)
        stack.enter_context(single_threaded())
        size = settings.ensemble_size
        outcome = SearchOutcome(history, artifacts, loader, task, budget, settings.random_state, size)
        ensemble, record, interrupted = _conclude_even_if_interrupted(outcome, executor)
        stop_reason = "interrupted" if interrupted else stop_reason
        fold_bags = None
        if task.trains_at_last and not interrupted:
            fold_bags = ensemble.bags
            ensemble = _with_all_rows(outcome, ensemble, settings)
        frontier = None if interrupted else _frontier(outcome, ensemble)
        curve = None if monitor is None else _guard_curve(monitor, outcome, ensemble)
        each = None if interrupted else predictions_of(outcome, ensemble)
        session.enter(Phase.ENDED, stop_reason)
        scores = None if interrupted else curve_of(outcome)
        conformal = None if interrupted else conformal_of(outcome, ensemble, seconds_end(budget))
        return RunResult(
            history, ensemble, record, stop_reason, curve, frontier, each, fold_bags, start.design, scores, conformal,
            0.0 if directory is None else directory.elapsed,
        )  # fmt: skip


def _forecasts(task: Task, settings: RunSettings, executor: Executor) -> tuple[RuntimeModel, Limits]:
    """Return the forecast of seconds, and the limits of a trial with the forecast of its memory."""
    runtime, memory_model = make_forecasts(task)
    memory = memory_for_fit(executor.memory_limit, task.table_bytes / 2**20)
    return runtime, Limits(settings.trial_time_limit, memory, memory_model)


def _without_unusable(budget: Budget, used: Used, known: Sequence[TrialResult]) -> Budget:
    """Return a budget of trials on top of the known ones that does not count configurations which cannot be used.

    The user may have made the space smaller since the last session, so that the history begins with fewer results.
    """
    if budget.max_trials is None or not used.trials:
        return budget
    return replace(budget, max_trials=budget.max_trials - used.trials + RunHistory(known).n_run)


def _open_folder(settings: RunSettings, n_bytes: int, stack: ExitStack) -> tuple[RunDirectory | None, Path]:
    """Return the run directory, if the user named one, and the folder in which the run writes its files.

    Parameters
    ----------
    n_bytes : int
        Size of the table, which the run writes into the folder.
    """
    if settings.store is not None:
        return RunDirectory(Path(settings.store)), Path(settings.store)
    return None, stack.enter_context(temporary_folder(n_bytes))


def _notify(
    settings: RunSettings,
    result: TrialResult,
    history: RunHistory,
    budget: Budget,
    lead: Callable[[], Ensemble | None],
) -> None:
    """Show the progress and call the callbacks; `lead` returns the ensemble that would predict if the search ended."""
    if settings.show is not None:
        settings.show(result, history, budget.elapsed)
    stop = settings.tasks is not None and settings.tasks.end_trial(result.trial, history, lead)
    for callback in settings.callbacks:
        callback(result, history)
    if stop:
        raise StopIteration


def _is_stopped(directory: RunDirectory | None, history: RunHistory) -> bool:
    """Return whether a program has asked the search to end, and a model exists or can be trained after it."""
    if directory is None or not directory.is_stop_requested:
        return False
    return any(not math.isnan(e.fidelity) for e in history.evaluations.values())


def _dropped_families(directory: RunDirectory | None, history: RunHistory) -> tuple[str, ...]:
    """Return the model families that the user has dropped, as soon as a model exists."""
    return directory.dropped_families() if directory is not None and _has_model(history) else ()


def _search(
    racing: Racing,
    executor: Executor,
    history: RunHistory,
    budget: Budget,
    on_result: Callable[[TrialResult], None],
    tasks: FitTasks | None,
    is_stopped: Callable[[], bool],
    start_executor: Callable[[], Executor],
) -> str:
    """Search and return what ended the search, or an empty text if the budget did.

    An error is raised only if no model exists. Otherwise the run goes on to the ensemble. Where the user has ended a
    search that has only results of lower fidelities, one model is trained.
    """
    failure: BaseException | None = None
    try:
        on_start = (lambda trial: None) if tasks is None else tasks.begin_trial
        ending = search(racing, executor, history, budget, on_result, on_start, is_stopped)
    except (KeyboardInterrupt, NoWorkersError) as error:
        failure = error
        ending = "interrupted" if isinstance(error, KeyboardInterrupt) else f"ended early: {error}"
    if ending and not _has_model(history) and not isinstance(failure, NoWorkersError):
        executor.shutdown()
        train_first_model(racing, history, budget, start_executor, on_result)
    if not _has_model(history):
        raise failure or NothingFittedError(why_nothing(history, budget))
    return ending


def _conclude_even_if_interrupted(
    outcome: SearchOutcome, executor: Executor
) -> tuple[Ensemble, OutOfFoldRecord | None, bool]:
    """Return the ensemble, the record for its estimate, and whether the user interrupted the work on it."""
    n_workers = executor.n_workers
    try:
        executor.shutdown()  # its trials are lost anyway, and the ensemble needs the processors
        outcome.loader.finish()
        ensemble, record = build_ensemble(outcome, n_workers)
    except KeyboardInterrupt:  # the best configuration alone takes almost no time
        outcome.loader.finish()
        return *build_ensemble(replace(outcome, size=1), n_workers), True
    return ensemble, record, False


def _frontier(outcome: SearchOutcome, ensemble: Ensemble) -> FrontierRecord | None:
    """Return what smaller ensembles are made of; None after an interrupt, or if no fold models predict."""
    budget, left = outcome.budget, float("inf")
    if budget.seconds is not None:
        left = min(_FRONTIER_SHARE * budget.seconds, 0.8 * (budget.seconds - budget.estimate_seconds - budget.elapsed))
    try:
        return frontier_of(outcome, ensemble, time.monotonic() + left)
    except KeyboardInterrupt:  # the ensemble is complete
        logger.warning("interrupted: the model has no frontier_")
        return None


def _guard_curve(monitor: GuardMonitor, outcome: SearchOutcome, ensemble: Ensemble) -> pd.DataFrame:
    """Return the curve of the guard, which ends with the ensemble unless the user interrupts its scoring."""
    try:
        monitor.finish(ensemble, outcome.history, outcome.budget.elapsed)
    except KeyboardInterrupt:
        logger.warning("interrupted: guard_curve_ lacks the row of the ensemble")
    return monitor.curve


def _with_all_rows(outcome: SearchOutcome, ensemble: Ensemble, settings: RunSettings) -> Ensemble:
    """Return the ensemble with models of all rows, the newest rows or the validation rows of the user included."""
    history, artifacts, task, budget = outcome.history, outcome.artifacts, outcome.task, outcome.budget
    left = float("inf") if budget.seconds is None else budget.seconds - budget.elapsed
    deadline = time.monotonic() + _ALL_ROWS_END * left
    shares, seed = TrainingRows.from_task(task).train_shares, settings.random_state
    with ExitStack() as stack:
        try:
            executor = make_executor(
                settings.executor, artifacts.folder, task, settings.n_jobs, settings.memory_limit, settings.device
            )
            stack.callback(executor.shutdown)
            bags = train_at_last(ensemble.bags, history, shares, executor, artifacts, seed, deadline)
        except KeyboardInterrupt:
            logger.warning("interrupted: the models of the search predict, which have not seen the rows scored there")
            return ensemble
    n_bytes = sum(artifacts.model_bytes(bag.configuration, ALL_ROWS) for bag in bags if not bag.folds)
    if n_bytes > task.max_model_bytes:
        logger.warning(
            "the models of all rows take %.3g MB, more than max_model_megabytes=%g, because those of the folds are "
            "smaller; use a smaller max_model_megabytes", n_bytes / 2**20, settings.max_model_megabytes,
        )  # fmt: skip
    return replace(ensemble, bags=bags)


def _space(task: Task, settings: RunSettings, left_out: Sequence[str] = ()) -> ConfigurationSpace:
    slow = slow_families(settings.max_predict_milliseconds, settings.include)
    without = [f"model:{name}" for name in (*left_out, *slow)]
    include = [name for name in settings.include if f"model:{name.removeprefix('model:')}" not in without]
    exclude = [*settings.exclude, *without]
    if settings.include and not include:
        raise InvalidInputError("include leaves no component")
    try:
        space = build_space(task.traits, include, exclude, settings.random_state, settings.overrides, settings.own)
    except SpaceError as error:
        raise InvalidInputError(str(error)) from error
    for name in unused(space, settings.overrides):
        logger.info("space: '%s' has no effect, because this search does not have it", name)
    return space


def _has_model(history: RunHistory) -> bool:
    return any(e.folds for e in history.evaluations.values())


def _start(
    space: ConfigurationSpace, task: Task, settings: RunSettings, budget: Budget, runtime: RuntimeModel, n_workers: int
) -> Start:
    """Return the configurations that the search tries first; those of an earlier model come before all others."""
    start = _usual_start(space, task, settings, budget, runtime, n_workers)
    completed = (complete(space, configuration) for configuration in settings.earlier)
    first = list(dict.fromkeys(configuration for configuration in completed if configuration is not None))
    if not first:
        return start
    rest = [configuration for configuration in start.configurations if configuration not in first]
    design = replace(start.design, from_model=tuple(configuration.id for configuration in first))
    return replace(start, configurations=[*first, *rest], design=design)


def _usual_start(
    space: ConfigurationSpace, task: Task, settings: RunSettings, budget: Budget, runtime: RuntimeModel, n_workers: int
) -> Start:
    wanted = settings.initial_configurations
    if not isinstance(wanted, str):
        return Start(from_user(space, wanted), InitialDesign(USER))
    if wanted == "meta" and task.traits.targets is None:  # the meta-database knows tables with one target
        longest = fold_seconds(budget.planned_seconds or float("inf"), n_workers, len(task.folds), task.traits.n_rows)
        start = start_with_meta_database(space, runtime, budget, task, longest, settings.without)
    else:
        start = start_with_portfolio(space, runtime, budget)
    start = with_ordered_twins(start, space) if task.traits.ranks else start
    return with_robust_twins(start, space) if task.traits.noisy_labels else start


def _searcher_without(
    task: Task, settings: RunSettings, budget: Budget, runtime: RuntimeModel, n_workers: int, families: Sequence[str]
) -> Searcher:
    """Return a searcher over the space without some model families.

    Raises
    ------
    InvalidInputError
        If the space is then empty.
    """
    if not isinstance(settings.initial_configurations, str):
        left = [entry for entry in settings.initial_configurations if entry.get("model") not in families]
        settings = replace(settings, initial_configurations=left)
    space = _space(task, settings, families)
    start = _start(space, task, settings, budget, runtime, n_workers)
    return _make_searcher(space, task, settings, start.configurations, start, runtime, n_workers)


def _make_searcher(
    space: ConfigurationSpace, task: Task, settings: RunSettings, initial: Sequence[Configuration], start: Start,
    runtime: RuntimeModel, n_workers: int,
) -> Searcher:  # fmt: skip
    plan = make_plan(task, settings.budget, [runtime.guess(c) for c in initial], n_workers)
    chosen = settings.searcher, space, settings.random_state, initial, start.posterior, settings.overrides
    return make_searcher(*chosen, plan, further_values(task))
