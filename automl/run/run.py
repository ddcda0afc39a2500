"""One run from task to ensemble, which connects the searcher, the race, the workers and the run directory."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd
from ConfigSpace import ConfigurationSpace

from automl.ensemble.loading import ModelLoader
from automl.ensemble.objectives import further_values
from automl.ensemble.selection import Ensemble
from automl.ensemble.slimming import AnyEstimate
from automl.errors import NothingFittedError, NoWorkersError
from automl.execute.base import Executor
from automl.execute.catalog import make_executor
from automl.execute.threads import single_threaded
from automl.guard import GuardMonitor
from automl.interruption import unless_interrupted
from automl.plurals import plural
from automl.run.all_rows import reserve_seconds, reserved_share, train_members, with_stored_models
from automl.run.callbacks import CallbackTasks, leading_ensemble
from automl.run.conclusion import RunResult, SearchOutcome, build_ensemble, conclude, estimate_of
from automl.run.search_setup import SearchSetup, make_limits, make_space, make_start, prepare_searcher, searcher_without
from automl.run.settings import RunHooks, RunSettings, SessionFacts
from automl.search.budget import Budget, Used
from automl.search.endings import budget_ending, why_nothing
from automl.search.first_model import train_first_model
from automl.search.fleets import FleetBuilder
from automl.search.initial import enough_for_one
from automl.search.libraries import NarrowedSearcher, log_missing
from automl.search.loop import search
from automl.search.own_components import with_own_models
from automl.search.racing import Racing
from automl.search.user_space import is_permitted, warn_of_own_components_without_order, warn_of_unused_names
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.disk_space import ResultRecorder, disk_errors
from automl.trials.endings import GUARD_DIVERGED, INTERRUPTED, ended_early, was_interrupted
from automl.trials.eviction import ModelEviction, find_evicted, has_files, mark_evicted
from automl.trials.finished import FinishedTrials
from automl.trials.history import RunHistory
from automl.trials.initial_design import InitialDesign
from automl.trials.run_directory import OpenRun, RunDirectory
from automl.trials.session import Phase, SessionRecorder, record_session
from automl.trials.temporary_folder import temporary_folder
from automl.trials.training_states import TrainingStates
from automl.trials.trial import TrialResult
from pipelines.space import choices, unavailable_components

logger = logging.getLogger(__name__)

_ESTIMATE_SHARE = 0.01  # of the budget, for the estimate at least; the choice of the ensemble mostly leaves it more


@dataclass(frozen=True)
class _Place:
    """Where a run keeps its files, what earlier sessions have left there, and the budget that allows for them.

    Attributes
    ----------
    open_run : OpenRun or None
        The run directory; None if the user named none, so that the folder is removed after the run.
    known : list of TrialResult
        Results of earlier sessions that the search can use.
    wanted : Budget
        The budget that the user wanted, in which configurations that cannot be used do not count.
    """

    folder: Path
    open_run: OpenRun | None
    known: list[TrialResult]
    wanted: Budget
    budget: Budget
    session: SessionRecorder

    @property
    def directory(self) -> RunDirectory | None:
        return None if self.open_run is None else self.open_run.directory

    @property
    def artifacts(self) -> Artifacts:
        return Artifacts(self.folder)


@dataclass(frozen=True)
class _Prepared:
    """A search that can begin.

    Attributes
    ----------
    start_executor : callable
        Returns new workers, for a model that is trained after the search.
    budget : Budget
        That of the place, or more seconds where those would not suffice for a single fit.
    """

    racing: Racing
    history: RunHistory
    budget: Budget
    design: InitialDesign
    executor: Executor
    start_executor: Callable[[], Executor]


@dataclass(frozen=True)
class _Found:
    """What a search has found, and why it ended."""

    outcome: SearchOutcome
    stop_reason: str
    monitor: GuardMonitor | None


def run(task: Task, settings: RunSettings, hooks: RunHooks, facts: SessionFacts) -> RunResult:
    """Search, build the ensemble, and return within the budget.

    After the ensemble is built, an interrupt ends the current step only.

    Raises
    ------
    InvalidInputError
        If the search space is empty, or if the budget is far too small for a single fit.
    NothingFittedError
        If no trial finished a fold.
    """
    task = replace(task, max_model_bytes=2**20 * (settings.max_model_megabytes or math.inf), own=settings.own)
    space = make_space(task, settings)
    for argument, names in (("include", settings.include), ("exclude", settings.exclude)):
        warn_of_unused_names(argument, names, task, settings.own)
    warn_of_own_components_without_order(settings.exclude, task, settings.own)
    log_missing(unavailable_components(task.traits, settings.include, settings.exclude))
    # One stack for all steps: it ends the reading of models, then the workers, and only then removes their folder.
    result: RunResult | None = None
    try:
        with ExitStack() as stack:
            place = _open_place(task, settings, hooks, facts, space, stack)
            prepared = _prepare_search(task, settings, facts, space, place, stack)
            found = _run_search(task, settings, hooks, place, prepared, stack)
            place.session.enter(Phase.ENSEMBLE, found.stop_reason)
            stack.enter_context(single_threaded())
            result = _finish(settings, facts, place, prepared, found)
    except KeyboardInterrupt:
        if result is None:
            raise
        logger.warning("interrupted: temporary files of the run may be left")
    assert result is not None
    return result


def _open_place(
    task: Task, settings: RunSettings, hooks: RunHooks, facts: SessionFacts, space: ConfigurationSpace, stack: ExitStack
) -> _Place:
    """Open the folder of the run, read what earlier sessions have left there, and save the task for the workers."""
    directory, folder = _open_folder(settings, task.table_bytes, stack)
    open_run: OpenRun | None = None
    known: list[TrialResult] = []
    wanted = settings.budget
    elapsed = 0.0
    if directory is not None:
        with disk_errors(folder, is_temporary=False):
            open_run = stack.enter_context(directory.open(task, settings.random_state))
        known, elapsed = list(open_run.earlier), open_run.earlier_seconds
        wanted.resume(known)
        with disk_errors(folder, is_temporary=False):
            hooks.on_open(folder)
        artifacts = Artifacts(folder)
        known = [r for r in known if is_permitted(r, task, space, settings.overrides, artifacts)]
        evicted = find_evicted(known, artifacts)
        known = [r for r in known if has_files(r, artifacts, evicted)]
        wanted = _without_unusable(wanted, facts.used, known)
    budget = replace(
        wanted,
        started=wanted.started - elapsed,  # one clock for all sessions
        refit_share=reserved_share(task, wanted),
        estimate_share=_ESTIMATE_SHARE * (task.metric.fast is not None and task.has_estimate),
        earlier=elapsed,
    )
    kept = None if directory is None else folder
    recording = record_session(
        kept,
        task,
        started=budget.started,
        seconds=settings.budget.seconds,
        max_trials=settings.budget.max_trials,
        families=choices(space, "model"),
        earlier_seconds=elapsed,
    )
    session = stack.enter_context(recording)
    with disk_errors(folder, is_temporary=kept is None):
        task.save(folder, checked=kept is not None)
    return _Place(folder, open_run, known, wanted, budget, session)


def _prepare_search(
    task: Task, settings: RunSettings, facts: SessionFacts, space: ConfigurationSpace, place: _Place, stack: ExitStack
) -> _Prepared:
    """Start the workers, and prepare the searcher and the race."""
    budget = place.budget
    # The workers start before the forecasts that `enough_for_one` needs, which may bind `budget` to more seconds below.
    # Therefore they get a function that reads the variable late, and not a method of the budget of this moment.
    start_executor = partial(
        make_executor, settings.executor, place.folder, task, settings.n_jobs, settings.memory_limit, settings.device,
        lambda: budget.search_left,
    )  # fmt: skip
    place.artifacts.remove_working_folder()  # of a session that was killed
    stack.callback(place.artifacts.remove_working_folder)  # after the executor has ended its workers
    before = time.monotonic()
    executor = start_executor()
    starting = time.monotonic() - before
    stack.callback(executor.shutdown)
    runtime, limits = make_limits(task, settings, executor.memory_limit)
    budget.plan_for(executor.n_workers)
    history = RunHistory(cost_of=runtime.guess if budget.planned_seconds is None else None)
    setup = SearchSetup(task, settings, budget, runtime, executor.n_workers, facts.earlier)
    start = make_start(setup, space)
    initial = with_own_models(start.configurations, settings.own, space)
    if not any(result.started for result in place.known):  # else the results may suffice for an ensemble
        initial, budget = enough_for_one(initial, budget, runtime, starting)
    setup = replace(setup, budget=budget)
    searcher = prepare_searcher(setup, space, initial, start)
    dropped = partial(_dropped_families, place.directory, history)
    if searcher is not settings.searcher:  # an object of the user gets the whole history
        searcher = NarrowedSearcher(searcher, partial(searcher_without, setup), dropped)
    racing = Racing(
        searcher,
        n_folds=len(task.folds),
        n_rows=task.traits.n_rows,
        runtime=runtime,
        budget=budget,
        n_workers=executor.n_workers,
        limits=limits,
        fleet_builder=FleetBuilder(space, settings.random_state) if executor.fleet_size > 1 else None,
        seed=settings.random_state,
        further=further_values(task),
        dropped=dropped,
    )
    racing.resume(history, place.known)
    mark_evicted(history, find_evicted(place.known, place.artifacts))
    if history.results:
        logger.info("resumed with %s", plural(len(history.results), "trial"))
    return _Prepared(racing, history, budget, start.design, executor, start_executor)


def _run_search(
    task: Task, settings: RunSettings, hooks: RunHooks, place: _Place, prepared: _Prepared, stack: ExitStack
) -> _Found:
    """Search until the budget, the user or the guard ends it."""
    directory, artifacts, seed = place.directory, place.artifacts, settings.random_state
    history, budget = prepared.history, prepared.budget
    eviction, states = ModelEviction(artifacts, task), TrainingStates(artifacts)
    trials = FinishedTrials(history, artifacts, task, seed)
    reserve = partial(reserve_seconds, trials, budget, prepared.executor.n_workers)
    loader = ModelLoader(artifacts, task, budget, settings.ensemble_size, seed, reserve)
    stack.callback(loader.finish)
    monitor = None if settings.guard is None else GuardMonitor(settings.guard, task, artifacts, seed)
    recorder = ResultRecorder(place.folder, place.open_run)

    def on_result(result: TrialResult) -> None:
        recorder.add(result, budget.elapsed)
        eviction.add(result, history)
        states.add(result, history)
        loader.add(history)
        _notify(hooks, result, history, budget, partial(leading_ensemble, trials))
        if monitor is not None:
            monitor.update(history, budget.elapsed)
            if monitor.stops:
                raise StopIteration
        if recorder.ending:
            raise StopIteration

    ending = _search(prepared, on_result, hooks.callback_tasks, partial(_is_stopped, directory, history))
    states.end(is_stopped=bool(ending))
    ending = ending or budget_ending(place.wanted, budget, history)
    if monitor is not None and monitor.stops:
        ending = GUARD_DIVERGED
    ending = recorder.ending or ending
    outcome = SearchOutcome(trials, loader, budget, settings.ensemble_size, unless_interrupted)
    return _Found(outcome, ending, monitor)


def _finish(settings: RunSettings, facts: SessionFacts, place: _Place, prepared: _Prepared, found: _Found) -> RunResult:
    """Build the ensemble, and collect what the attributes of the estimator are computed from."""
    outcome, stop_reason = found.outcome, found.stop_reason
    trials = outcome.trials
    ensemble, estimate, interrupted = _conclude_even_if_interrupted(outcome, prepared.executor)
    stop_reason = INTERRUPTED if interrupted else stop_reason
    trains_at_last = trials.task.trains_at_last
    fold_bags = ensemble.bags if trains_at_last else None
    # Models beside those of the folds are not worth the time of a user who has ended the search.
    if outcome.budget.refit_share and not interrupted and (trains_at_last or not was_interrupted(stop_reason)):
        training = partial(train_members, outcome, ensemble, settings, prepared.executor.n_workers)
        lost = "members without a model of all rows predict with the models of their folds"
        ensemble = unless_interrupted(training, lost) or ensemble
    adding = partial(with_stored_models, trials, ensemble)
    ensemble = unless_interrupted(adding, "stored models of all rows do not predict") or ensemble
    result = RunResult(trials.history, ensemble, estimate, stop_reason, fold_bags=fold_bags)
    if not interrupted:
        result = conclude(outcome, result, settings.max_predict_milliseconds, facts.reading)
    curve = None if found.monitor is None else _guard_curve(found.monitor, outcome, result.ensemble, place.open_run)
    place.session.enter(Phase.ENDED, stop_reason)
    earlier = 0.0 if place.open_run is None else place.open_run.earlier_seconds
    return replace(result, guard_curve=curve, initial_design=prepared.design, earlier_seconds=earlier)


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
    hooks: RunHooks,
    result: TrialResult,
    history: RunHistory,
    budget: Budget,
    lead: Callable[[], Ensemble | None],
) -> None:
    """Show the progress and call the callbacks; `lead` returns the ensemble that would predict if the search ended."""
    if hooks.show is not None:
        hooks.show(result, history, budget.elapsed)
    stop = hooks.callback_tasks is not None and hooks.callback_tasks.end_trial(result.trial, history, lead)
    for callback in hooks.callbacks:
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
    prepared: _Prepared,
    on_result: Callable[[TrialResult], None],
    callback_tasks: CallbackTasks | None,
    is_stopped: Callable[[], bool],
) -> str:
    """Search and return what ended the search, or an empty text if the budget did.

    If the user or the loss of all workers ends it, an error is raised only if no model exists. Otherwise the run goes
    on to the ensemble. Where the user has ended a search that has only results of lower fidelities, one model is
    trained.
    """
    racing, executor, history, budget = prepared.racing, prepared.executor, prepared.history, prepared.budget
    failure: BaseException | None = None
    try:
        on_start = (lambda trial: None) if callback_tasks is None else callback_tasks.begin_trial
        ending = search(racing, executor, history, budget, on_result, on_start, is_stopped)
    except (KeyboardInterrupt, NoWorkersError) as error:
        failure = error
        ending = INTERRUPTED if isinstance(error, KeyboardInterrupt) else ended_early(error)
    if ending and not _has_model(history) and not isinstance(failure, NoWorkersError):
        executor.shutdown()
        train_first_model(racing, history, budget, prepared.start_executor, on_result)
    if not _has_model(history):
        raise failure or NothingFittedError(why_nothing(history, budget))
    return ending


def _conclude_even_if_interrupted(outcome: SearchOutcome, executor: Executor) -> tuple[Ensemble, AnyEstimate, bool]:
    """Return the ensemble, the record for its estimate, and whether the user interrupted the work on the ensemble."""
    n_workers, interrupted = executor.n_workers, False
    try:
        executor.shutdown()  # its trials are lost anyway, and the ensemble needs the processors
        outcome.loader.finish()
        ensemble, deadline = build_ensemble(outcome, n_workers)
    except KeyboardInterrupt:  # the best configuration alone takes almost no time
        outcome.loader.finish()
        outcome, interrupted = replace(outcome, size=1), True
        ensemble, deadline = build_ensemble(outcome, n_workers)
    return ensemble, estimate_of(outcome, ensemble, deadline), interrupted


def _guard_curve(
    monitor: GuardMonitor, outcome: SearchOutcome, ensemble: Ensemble, open_run: OpenRun | None
) -> pd.DataFrame:
    """Return the curve of the guard, which ends with the ensemble unless the user interrupts its scoring."""
    finishing = partial(monitor.finish, outcome.trials, ensemble, outcome.budget.elapsed)
    unless_interrupted(finishing, "guard_curve_ lacks the row of the ensemble")
    if open_run is not None:
        try:
            open_run.keep_guard_curve(monitor.curve)
        except (OSError, KeyboardInterrupt) as error:  # the model is complete
            logger.warning("the curve of the guard is not in the run directory, where load looks for it: %r", error)
    return monitor.curve


def _has_model(history: RunHistory) -> bool:
    return any(e.folds for e in history.evaluations.values())
