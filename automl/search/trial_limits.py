"""The limits of a trial: the seconds and the memory that it may take, and whether it would most likely exceed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automl.search.budget import Budget
from automl.search.forecast import MemoryModel, RuntimeModel
from automl.trials.history import RunHistory
from automl.trials.trial import Status, Trial, TrialResult
from pipelines.catalog import get_component

_MAX_SHARE_OF_FACTOR = 0.05  # of the workers' time: to this share, a model's own factor may change the limit of a fit
_MAX_FLEET_FACTOR = 4  # a fleet may take this many times the seconds of one trial; a slow device is cut short


def fold_seconds(seconds: float, n_workers: int, n_folds: int, n_rows: int, factor: float = 1.0) -> float:
    """Return the seconds of a budget that one fit may take.

    Where rows are few, bags of several families win, so a whole bag gets an eighth of the workers' time. The more rows
    a table has, the more one long fit is worth, up to a third of the budget.

    Parameters
    ----------
    factor : float
        `Component.limit_factor` of the model. Above 1, it extends the limit at most to a twentieth of the time of all
        workers. Below 1, it shortens the limit at most to the same share.
    """
    bag = seconds * n_workers / 8
    longer = max(1.0, n_rows / 1_500) ** 0.65
    usual = min(bag / n_folds * longer, max(1.0, seconds / 3))
    share = _MAX_SHARE_OF_FACTOR * seconds * n_workers
    changed = max(usual, min(factor * usual, share)) if factor > 1 else min(usual, max(factor * usual, share))
    return float(np.clip(changed, 1.0, max(1.0, seconds / 3)))


@dataclass(frozen=True)
class Limits:
    """The limits of one trial.

    Attributes
    ----------
    seconds : float or None
        The limit that the user gave.
    memory : float or None
        MiB that a trial may add to a worker.
    memory_model : MemoryModel or None
        Predicts the MiB that a trial will add; None where memory is no reason to leave a trial out.
    """

    seconds: float | None = None
    memory: float | None = None
    memory_model: MemoryModel | None = None


class TrialLimits:
    """The limits of the trials of one search.

    Parameters
    ----------
    limits : Limits
        The limits of the user and of the machine.
    budget : Budget
    runtime : RuntimeModel
    n_workers, n_folds, n_rows : int
    """

    def __init__(
        self, limits: Limits, budget: Budget, runtime: RuntimeModel, n_workers: int, n_folds: int, n_rows: int
    ):
        self._limits, self._budget, self._runtime = limits, budget, runtime
        self._n_workers, self._n_folds, self._n_rows = n_workers, n_folds, n_rows

    def seconds_left(self, trials: Sequence[Trial]) -> float | None:
        """Return the seconds for a trial or a fleet: the user's limit or a share of the budget, or all that is left."""
        limit = min(self._budget.search_left, self.seconds(trials))
        return None if limit == float("inf") else max(0.1, limit)

    def seconds(self, trials: Sequence[Trial]) -> float:
        """Return the seconds for a trial or a fleet, without regard to how much is left of the budget."""
        longest = float("inf") if self._limits.seconds is None else self._limits.seconds
        if self._budget.planned_seconds is not None:
            factor = get_component("model", trials[0].configuration.family).limit_factor
            each = fold_seconds(self._budget.planned_seconds, self._n_workers, self._n_folds, self._n_rows, factor)
            each = max(1.0, trials[0].fidelity * each)
            longest = min(longest, each * len(trials[0].folds) * min(len(trials), _MAX_FLEET_FACTOR))
        return longest

    def predicted_violation(self, trial: Trial, history: RunHistory) -> TrialResult | None:
        """Return a result for a trial that most likely exceeds a limit, so that it is not started; None for others."""
        c, limit = trial.configuration, self.seconds([trial])
        seconds = self._runtime.predict_least(c, history) * len(trial.folds) * trial.fidelity
        interruptible = get_component("model", c.family).interruptible
        if not interruptible and seconds > limit:
            reason = f"it would take about {seconds:.1f} s, the limit is {limit:.1f} s"
            return not_started(trial, Status.TIMEOUT, reason)
        if self._limits.memory is None or self._limits.memory_model is None:
            return None
        memory = self._limits.memory_model.predict(c, history)
        if interruptible:  # a forest that stops early holds only a part of its trees
            memory *= min(1.0, limit / seconds)
        if memory <= self._limits.memory:
            return None
        reason = f"it would take about {memory:.0f} MiB, the limit is {self._limits.memory:.0f} MiB"
        return not_started(trial, Status.MEMORY, reason)


def not_started(trial: Trial, status: Status, reason: str) -> TrialResult:
    """Return the result of a trial that is not started."""
    return TrialResult(trial, status, {}, 0.0, reason=f"not started: {reason}", started=False)
