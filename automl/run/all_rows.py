"""The training of ensemble members on all rows after a search: in place of their fold models, or beside them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from sklearn.pipeline import Pipeline

from automl.ensemble.selection import Ensemble, FoldBag, Member
from automl.execute.catalog import make_executor
from automl.refit.members import (
    FitFacts,
    add_models,
    facts_of,
    in_time,
    replace_models,
    stored_models,
    train_at_last,
    train_in_time,
)
from automl.run.conclusion import SearchOutcome
from automl.run.settings import RunSettings
from automl.search.budget import Budget
from automl.task.task import ALL_ROWS, Task
from automl.trials.finished import FinishedTrials
from automl.trials.history import RunHistory
from pipelines.configuration import Configuration

logger = logging.getLogger(__name__)

# Shares of the budget: the most that is reserved for models that predict alone, and for those beside fold models.
_SHARE, _SHARE_BESIDE = 0.15, 0.1
_LEAST_SECONDS = 120.0  # of a budget; a shorter one is too short for models beside those of the folds
_END = 0.9  # share of the seconds that are left, at which it ends
_START_SECONDS = 1.5  # of the workers, with the imports of their libraries


def reserved_share(task: Task, budget: Budget) -> float:
    """Return the largest share of a session's seconds that is reserved for a training on all rows.

    Models beside those of the folds are not trained in short budgets, nor where the processor seconds are limited,
    because the trials of the search use them up.
    """
    if task.trains_at_last:
        return _SHARE
    has_time = budget.processors is None and (budget.seconds is None or budget.seconds >= _LEAST_SECONDS)
    return _SHARE_BESIDE if has_time and task.adds_models_of_all_rows else 0.0


def reserve_seconds(trials: FinishedTrials, budget: Budget, n_workers: int, members: Sequence[Member]) -> None:
    """Reserve the seconds in which members can be trained on all rows beside their folds; the search has the others.

    It does nothing where no such models are trained, or where those of all rows predict alone. Members whose model an
    earlier session of the run has left need no seconds.
    """
    task, artifacts = trials.task, trials.artifacts
    if not budget.refit_share or task.trains_at_last:
        return
    missing = [member for member in members if not artifacts.has_fold(member.configuration, ALL_ROWS)]
    chosen, seconds = members_in_time(missing, task, trials.history, budget.part(budget.refit_share), n_workers)
    budget.reserves.refit = (seconds + _START_SECONDS) / _END if chosen else 0.0


def members_in_time(
    members: Sequence[FoldBag | Member], task: Task, history: RunHistory, seconds: float, n_workers: int
) -> tuple[dict[Configuration, FitFacts], float]:
    """Return the members that can be trained on all rows in some wall-clock seconds, and the seconds of the workers.

    The start of the workers and a margin for the end are part of `seconds`, and not of the seconds of the workers.
    """
    return in_time(facts_of(members, history, task), _END * seconds - _START_SECONDS, n_workers)


def train_members(outcome: SearchOutcome, ensemble: Ensemble, settings: RunSettings, n_workers: int) -> Ensemble:
    """Return the ensemble with models of all rows, the newest rows or the validation rows of the user included.

    Where the fold models have seen all rows together, the models of all rows predict with them, and only members that
    can be trained in the reserved share of the seconds get one. A member keeps the one that an earlier session of the
    run has left.
    """
    trials, budget = outcome.trials, outcome.budget
    artifacts, task = trials.artifacts, trials.task
    beside = not task.trains_at_last
    left = float("inf") if budget.seconds is None else budget.seconds - budget.elapsed
    if beside and budget.seconds is not None:  # a search that ends early leaves more than its reserve
        left = min(left, budget.part(budget.refit_share))
    deadline = time.monotonic() + _END * left
    whole = stored_models(trials, _without_model_of_all_rows(ensemble))
    ensemble = _with_models(ensemble, whole, task)
    missing = _without_model_of_all_rows(ensemble)
    planned, _ = members_in_time(missing, task, trials.history, left, n_workers)
    if beside and not planned:
        if missing:
            logger.info("no time to train a member on all rows")
        return ensemble
    with ExitStack() as stack:
        executor = make_executor(
            settings.executor, artifacts.folder, task, settings.n_jobs, settings.memory_limit, settings.device
        )
        stack.callback(executor.shutdown)
        if beside:
            models = train_in_time(planned, executor, artifacts, trials.random_state, deadline)
            bags = add_models(ensemble.bags, models)
        else:
            models, failed = train_at_last(trials, missing, executor, deadline)
            bags = replace_models(ensemble.bags, models, failed)
    n_bytes = sum(artifacts.model_bytes(bag.configuration, ALL_ROWS) for bag in bags if not bag.folds)
    if n_bytes > task.max_model_bytes:
        logger.warning(
            "the models of all rows take %.3g MB, more than max_model_megabytes=%g, because those of the folds are "
            "smaller; use a smaller max_model_megabytes", n_bytes / 2**20, settings.max_model_megabytes,
        )  # fmt: skip
    return replace(ensemble, bags=bags)


def with_stored_models(trials: FinishedTrials, ensemble: Ensemble) -> Ensemble:
    """Return the ensemble with the models of all rows that a run has left: beside those of the folds, or alone.

    Where they predict alone, one whose training a time limit has cut predicts, too, as at the end of `fit`.
    """
    task = trials.task
    if not task.adds_models_of_all_rows and not task.trains_at_last:
        return ensemble
    bags = _without_model_of_all_rows(ensemble)
    return _with_models(ensemble, stored_models(trials, bags, keep_cut=task.trains_at_last), task)


def _with_models(ensemble: Ensemble, models: Mapping[Configuration, Pipeline], task: Task) -> Ensemble:
    """Return the ensemble with models of all rows: beside those of the folds, or alone."""
    bags = replace_models(ensemble.bags, models, {}) if task.trains_at_last else add_models(ensemble.bags, models)
    return replace(ensemble, bags=bags)


def _without_model_of_all_rows(ensemble: Ensemble) -> list[FoldBag]:
    """Return the members that have models of folds alone; a member without folds has a model of all rows alone."""
    return [bag for bag in ensemble.bags if bag.folds and ALL_ROWS not in bag.folds]
