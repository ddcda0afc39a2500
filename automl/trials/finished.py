"""The finished trials of a run, with everything that an ensemble is made from."""

from __future__ import annotations

from dataclasses import dataclass

from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.history import RunHistory


@dataclass(frozen=True)
class FinishedTrials:
    """What an ensemble, its scores and its estimate are computed from.

    Attributes
    ----------
    history : RunHistory
        The results; it grows while the search goes on.
    artifacts : Artifacts
        The fold models and the out-of-fold predictions.
    task : Task
        The task of all trials.
    random_state : int
        Seed of the run.
    """

    history: RunHistory
    artifacts: Artifacts
    task: Task
    random_state: int
