"""What a run is given: its settings, what it calls while it goes on, and what is known of earlier sessions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automl.guard import Guard
from automl.run.callbacks import CallbackTasks
from automl.search.budget import Budget, Used
from automl.trials.history import RunHistory
from automl.trials.trial import TrialResult
from pipelines.catalog import OwnComponents
from pipelines.configuration import Configuration
from pipelines.overrides import Overrides
from pipelines.space import NO_OWN


@dataclass(frozen=True)
class RunSettings:
    """The settings of one run: the budget, the seed, and the validated arguments of an estimator."""

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
    random_state: int = 0


@dataclass(frozen=True)
class RunHooks:
    """What a run calls while it goes on.

    Attributes
    ----------
    on_open : callable
        Called with the run directory, if there is one, before the search.
    show : callable or None
        Called after each trial, with its result, the history, and the seconds of all sessions.
    callback_tasks : CallbackTasks or None
        The tasks for the callbacks of scikit-learn.
    callbacks : sequence of callable
        The callbacks of the user, called after each trial with its result and the history.
    """

    on_open: Callable[[Path], None]
    show: Callable[[TrialResult, RunHistory, float], None] | None
    callback_tasks: CallbackTasks | None
    callbacks: Sequence[Callable[[TrialResult, RunHistory], None]]


@dataclass(frozen=True)
class SessionFacts:
    """What is known before a session of a run, beside its task and the arguments of the user.

    Attributes
    ----------
    used : Used
        What earlier sessions have used, where the budget of this one comes on top of it.
    earlier : sequence of Configuration
        Configurations of an earlier model, which the search tries first.
    reading : float
        Milliseconds in which one row of the table is read.
    """

    used: Used
    earlier: Sequence[Configuration]
    reading: float
