"""What racing does with the proposals of a searcher: one policy races by folds, the other one by rungs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from automl.search.base import Searcher
from automl.search.budget import Budget
from automl.search.forecast import RuntimeModel
from automl.search.rungs import n_first_folds
from automl.trials.candidates import adjusted_losses, rank, rank_of_low_fidelity
from automl.trials.history import Evaluation, RunHistory
from automl.trials.trial import Trial

LEAST_COMPARED = 3  # configurations with a result, before one of them gets further folds
# Share of the worker seconds that goes into the first folds of challengers, by the share of the budget that is used.
_EXPLORE_AT = (0.0, 0.35, 0.5, 0.85, 0.95)
_EXPLORE_SHARE = (0.9, 0.9, 0.4, 0.2, 0.0)
_FIRST_FOLDS_SHARE = 0.02  # of the budget: the most that the first folds of a challenger may take
_LEAST_FOLDS = 3  # of the incumbent, before the spread of its folds drops others
# Shares of the budget, if a searcher chooses the fidelities: after the first one, the best configurations get all rows
# if none has them yet, so that there is a model; after the second one, racing completes the folds of the best.
_FIRST_MODEL, _RUNGS_END = 0.4, 0.75


def explored_share(used: float) -> float:
    """Return how much of its work on first folds a search has done when it has used a share of its budget.

    >>> explored_share(1.0), round(explored_share(0.35), 2)
    (1.0, 0.6)
    """
    at = np.linspace(0.0, 1.0, 1_001)
    work = np.interp(at, _EXPLORE_AT, _EXPLORE_SHARE)
    return float(work[at <= used].sum() / work.sum())


def is_too_late_for_challengers(budget: Budget, history: RunHistory) -> bool:
    """Return whether a challenger would not get all folds in the time that is left."""
    ends = _explore_share(budget, history) <= 0 and budget.session_fraction_used >= _EXPLORE_AT[-1]
    return budget.planned_seconds is not None and ends and bool(history.evaluations)


@dataclass
class Work:
    """Worker seconds that went into first folds of challengers and into intensification."""

    first_folds: float = 1e-9
    intensification: float = 1e-9

    def add(self, intensifies: bool, seconds: float) -> None:
        if intensifies:
            self.intensification += seconds
        else:
            self.first_folds += seconds

    def explore_share(self, seconds: float) -> float:
        """Return the share of the first folds after an intensification that takes `seconds`."""
        return self.first_folds / (self.first_folds + self.intensification + seconds)


@dataclass(frozen=True)
class FirstFolds:
    """The folds that a challenger begins with.

    They are more than one where a single fold scores too few rows to compare configurations.
    """

    n_folds: int
    n_rows: int
    budget: Budget

    def count(self, seconds: float) -> int:
        """Return the number of folds for a configuration whose fit on one fold takes `seconds`."""
        wanted = n_first_folds(self.n_folds, self.n_rows)
        if self.budget.planned_seconds is not None:
            wanted = min(wanted, int(_FIRST_FOLDS_SHARE * self.budget.planned_seconds / seconds))
        return int(np.clip(wanted, 1, self.n_folds))


class RacingPolicy(Protocol):
    """The decisions of racing that depend on who chooses the folds and the fidelity of a challenger."""

    @property
    def fills_fleets(self) -> bool:
        """Whether a challenger may be fitted together with configurations that the searcher has not proposed."""

    def propose(self, history: RunHistory, n: int) -> list[Trial]:
        """Return up to `n` proposals of the searcher, without configurations beyond `max_trials`."""

    def begin(self, proposal: Trial, history: RunHistory) -> Trial:
        """Return the first trial of a proposal: on the folds that the challenger begins with."""

    def explores(self, work: Work, seconds: float, history: RunHistory) -> bool:
        """Return whether a challenger comes before a trial that intensifies and takes `seconds`."""

    def contenders(self, history: RunHistory) -> list[Evaluation]:
        """Return the configurations that may still win, the best ones first."""

    def lacks_model(self, history: RunHistory) -> bool:
        """Return whether there is no model yet, and the usual trials may not bring one."""


@dataclass(frozen=True)
class FoldPolicy:
    """Racing chooses the folds of a challenger, and divides the worker seconds between new and known configurations."""

    searcher: Searcher
    budget: Budget
    runtime: RuntimeModel
    first_folds: FirstFolds

    @property
    def fills_fleets(self) -> bool:
        return True

    def propose(self, history: RunHistory, n: int) -> list[Trial]:
        if self.budget.max_trials is not None:
            n = min(n, self.budget.max_trials - len(history.started))
        return list(self.searcher.suggest(history, n)[:n]) if n > 0 else []

    def begin(self, proposal: Trial, history: RunHistory) -> Trial:
        n_folds = self.first_folds.count(self.runtime.predict(proposal.configuration, history))
        return replace(proposal, folds=tuple(range(n_folds)))

    def explores(self, work: Work, seconds: float, history: RunHistory) -> bool:
        return work.explore_share(seconds) < _explore_share(self.budget, history)

    def contenders(self, history: RunHistory) -> list[Evaluation]:
        return _without_dropped(rank(history), history)

    def lacks_model(self, history: RunHistory) -> bool:
        return False  # each trial is on all rows of a fold, and brings a model


@dataclass(frozen=True)
class RungPolicy:
    """The searcher chooses folds and fidelity; known configurations are intensified at the end of the budget."""

    searcher: Searcher
    budget: Budget

    @property
    def fills_fleets(self) -> bool:
        return False

    def propose(self, history: RunHistory, n: int) -> list[Trial]:
        proposed = list(self.searcher.suggest(history, n)[:n])
        if self.budget.max_trials is None:
            return proposed
        return _with_few_new(proposed, history, self.budget.max_trials - len(history.started))

    def begin(self, proposal: Trial, history: RunHistory) -> Trial:
        return proposal

    def explores(self, work: Work, seconds: float, history: RunHistory) -> bool:
        return self.budget.fraction_used < (_FIRST_MODEL if self.lacks_model(history) else _RUNGS_END)

    def contenders(self, history: RunHistory) -> list[Evaluation]:
        ranked = rank(history)
        if len(ranked) < LEAST_COMPARED:  # the budget is too small for the last rungs
            return [*ranked, *rank_of_low_fidelity(history)]
        return _without_dropped(ranked, history)

    def lacks_model(self, history: RunHistory) -> bool:
        return not any(e.folds for e in history.evaluations.values())


def _explore_share(budget: Budget, history: RunHistory) -> float:
    """Return the share of the worker seconds that first folds of challengers should have now."""
    used = budget.fraction_used
    if budget.planned_seconds is None and budget.max_trials:
        used = len(history.started) / budget.max_trials
    return float(np.interp(used, _EXPLORE_AT, _EXPLORE_SHARE))


def _without_dropped(ranked: list[Evaluation], history: RunHistory) -> list[Evaluation]:
    """Return the ranked configurations whose mean loss is no worse than the worst fold of the incumbent."""
    if not ranked:
        return []
    incumbent = max(ranked[:5], key=lambda e: len(e.folds))
    if len(incumbent.folds) < _LEAST_FOLDS:
        return ranked
    losses, own = adjusted_losses(history), [r.loss for r in incumbent.folds.values()]
    highest = losses[incumbent.configuration] + max(0.0, max(own) - float(np.mean(own)))
    return [e for e in ranked if losses[e.configuration] <= highest]


def _with_few_new(trials: Sequence[Trial], history: RunHistory, most: int) -> list[Trial]:
    """Return the trials without new configurations beyond the first `most` of them: others may be promotions."""
    started = history.started
    new = [trial for trial in trials if trial.configuration not in started]
    return [trial for trial in trials if trial.configuration in started or trial in new[: max(0, most)]]
