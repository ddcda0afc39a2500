"""The simulation of a search before it runs: how many configurations, trials and fits a budget allows.

Racing and its rules are those of a fit. Workers and clock are simulated: a fit takes the seconds that are forecast for
it, and its loss is random, because only the seconds are of interest.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from ConfigSpace import ConfigurationSpace

from automl.search.budget import Budget
from automl.search.forecast import RuntimeModel
from automl.search.racing import Racing, nothing_left
from automl.search.racing_policies import explored_share
from automl.search.trial_limits import Limits
from automl.task.task import Task
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.catalog import get_component
from pipelines.configuration import Configuration
from pipelines.space import to_configuration

_SECONDS_BETWEEN = 0.05  # of a worker between two trials, see the benchmark of busy workers
_FIT_SHARE = 0.85  # of its limit, after which a model that can stop early has stopped
_MOST_TRIALS = 250  # that are simulated
_DRAWN_AT_ONCE = 64  # random configurations; one costs twenty times as much if it is drawn alone
_LOSS_OF_FAMILY, _LOSS_OF_CONFIGURATION, _LOSS_OF_FOLD = 0.05, 0.03, 0.02  # standard deviations


@dataclass
class Clock:
    """The simulated seconds since the start of a run."""

    now: float = 0.0


@dataclass(frozen=True)
class SimulatedBudget(Budget):
    """A budget of simulated seconds."""

    clock: Clock = field(default_factory=Clock)

    @property
    def elapsed(self) -> float:
        """The simulated seconds since the start."""
        return self.clock.now


@dataclass(frozen=True)
class SimulatedSearch:
    """The result of a simulation.

    Attributes
    ----------
    n_configurations, n_trials, n_fits : int
        Configurations that ran, trials that ended, and finished folds, within the budget.
    tried : tuple of Configuration
        The configurations in the order in which their first trials ended; fewer than `n_configurations` where the
        simulation has not followed all trials.
    """

    n_configurations: int
    n_trials: int
    n_fits: int
    tried: tuple[Configuration, ...]


class _ListThenRandom:
    """Proposes the configurations of a list, then random ones."""

    def __init__(self, listed: Sequence[Configuration], space: ConfigurationSpace, seed: int):
        self._listed, self._space = list(listed), space
        self._drawn: list[Configuration] = []
        space.seed(seed)

    def suggest(self, history: RunHistory, n: int) -> list[Trial]:
        tried = history.tried
        listed = [c for c in self._listed if c not in tried][:n]
        return [Trial(c) for c in [*listed, *self._draw(n - len(listed), tried.union(listed))]]

    def _draw(self, n: int, tried: Container[Configuration]) -> list[Configuration]:
        """Return up to `n` random configurations that were not tried; a small space may have fewer."""
        found: dict[Configuration, None] = {}
        for _ in range(2 * n):
            if len(found) == n:
                break
            if not self._drawn:
                self._drawn = [to_configuration(c) for c in self._space.sample_configuration(_DRAWN_AT_ONCE)]
            configuration = self._drawn.pop()
            if configuration not in tried:
                found[configuration] = None
        return list(found)


@dataclass(frozen=True)
class SearchPlan:
    """A search that has not begun.

    Attributes
    ----------
    task : Task
    space : ConfigurationSpace
    initial : sequence of Configuration
        The initial design; random configurations of the space follow.
    runtime : RuntimeModel
    limits : Limits
    n_workers : int
    """

    task: Task
    space: ConfigurationSpace
    initial: Sequence[Configuration]
    runtime: RuntimeModel
    limits: Limits
    n_workers: int

    def simulate(
        self, seconds: float, begins: float = 0.0, between: float = _SECONDS_BETWEEN, seed: int = 0
    ) -> SimulatedSearch:
        """Return what the search would do within a time budget.

        Parameters
        ----------
        seconds : float
            The time budget.
        begins : float
            Seconds of the budget at which the first trial starts.
        between : float
            Seconds in which a worker waits between two trials.
        """
        budget = SimulatedBudget(seconds, clock=Clock(begins))
        searcher = _ListThenRandom(self.initial, self.space, seed)
        n_folds, n_rows = len(self.task.folds), self.task.traits.n_rows
        racing = Racing(searcher, n_folds, n_rows, self.runtime, budget, self.n_workers, self.limits)
        history, numbers = RunHistory(), count()
        events: list[tuple[float, int, TrialResult]] = []
        loss_of = _random_losses(seed)
        while budget.search_left > 0 and len(history.results) < _MOST_TRIALS:
            n_known = len(history.results)
            for trials in racing.suggest(history, self.n_workers - len(events)):
                for trial in trials:
                    result = _ended(trial, self.runtime, racing.time_limit(trials), loss_of)
                    heapq.heappush(events, (budget.elapsed + result.seconds + between, next(numbers), result))
            if not events:
                if nothing_left(history, n_known):
                    break
                continue
            budget.clock.now, _, result = heapq.heappop(events)
            if budget.search_left > 0:
                history.append(result)
        ran = [result for result in history.results if result.started]
        n_first, n_further = history.n_run, len(ran) - history.n_run
        n_fits = sum(len(result.folds) for result in ran)
        if len(history.results) >= _MOST_TRIALS and budget.search_left > 0:
            # The simulation has not followed all trials. Most configurations begin early, and further folds come late,
            # unless all folds are first folds.
            used = max(budget.fraction_used, 1e-3)
            n_first = round(n_first / (explored_share(used) if n_further else used))
            n_further, n_fits = round(n_further / used), round(n_fits / used)
        return SimulatedSearch(n_first, n_first + n_further, max(n_fits, n_first), tuple(history.evaluations))


def _ended(
    trial: Trial, runtime: RuntimeModel, limit: float | None, loss_of: Callable[[Configuration, int], float]
) -> TrialResult:
    """Return the result of a trial whose fits take the forecast seconds."""
    each, longest = runtime.guess(trial.configuration), float("inf") if limit is None else limit
    if get_component("model", trial.configuration.family).interruptible:
        each = min(each, _FIT_SHARE * longest / len(trial.folds))
    n_done = min(len(trial.folds), int(longest / each))
    folds = {fold: FoldResult(loss_of(trial.configuration, fold), each, 0.0) for fold in trial.folds[:n_done]}
    seconds = min(longest, each * len(trial.folds))
    if n_done < len(trial.folds):
        return TrialResult(trial, Status.TIMEOUT, folds, seconds, reason="its limit")
    return TrialResult(trial, Status.OK, folds, seconds)


def _random_losses(seed: int) -> Callable[[Configuration, int], float]:
    """Return a function that gives each configuration and fold a random loss."""
    rng = np.random.default_rng(seed)
    of_family: dict[str, float] = {}
    of_configuration: dict[Configuration, float] = {}

    def loss(configuration: Configuration, fold: int) -> float:
        if configuration.family not in of_family:
            of_family[configuration.family] = _LOSS_OF_FAMILY * rng.normal()
        if configuration not in of_configuration:
            own = _LOSS_OF_CONFIGURATION * abs(rng.normal())
            of_configuration[configuration] = 0.5 + of_family[configuration.family] + own
        return float(of_configuration[configuration] + _LOSS_OF_FOLD * rng.normal())

    return loss
