"""Rungs: the fidelities at which searchers such as Hyperband compare configurations, the cheapest first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automl.search.budget import Budget
from automl.task.task import Task

ETA = 3  # a rung costs this many times the one before it, and gets this part of its configurations
_LEAST_ROWS = 500  # training rows of the cheapest rung; the losses of fewer rows say little about all rows
_LEAST_SECONDS = 0.3  # of a trial, together with the choice of its configuration
_BRACKET_SHARE = 1 / 3  # of the seconds of a search, for a bracket
_FIRST_FOLDS_ROWS = 400  # scored rows that the first folds of a configuration should have


@dataclass(frozen=True)
class Rung:
    """A part of a complete evaluation.

    Attributes
    ----------
    n_folds : int
        A configuration has to finish this number of first folds.
    share : float
        Share of the iterations of a model that continues, else of the training rows of each fold; above 0 and at
        most 1.
    """

    n_folds: int = 1
    share: float = 1.0

    @property
    def folds(self) -> tuple[int, ...]:
        """The numbers of the folds."""
        return tuple(range(self.n_folds))


def n_first_folds(n_folds: int, n_rows: int) -> int:
    """Return how many folds a configuration begins with, so that they score enough rows to compare configurations."""
    return min(n_folds, math.ceil(_FIRST_FOLDS_ROWS * n_folds / n_rows))


def make_rungs(n_folds: int, n_rows: int, n_training_rows: int) -> tuple[Rung, ...]:
    """Return the rungs of a table; each has about a third of the work of the next one.

    The last rung is the complete cross-validation. Before it come rungs of fewer folds, in which the models of earlier
    rungs are kept. Before those come rungs of the first folds with parts of the iterations, or on parts of their
    training rows.

    Parameters
    ----------
    n_folds : int
        Number of all folds.
    n_rows : int
        Number of rows of the table.
    n_training_rows : int
        Number of training rows of the smallest fold.

    Examples
    --------
    >>> [(rung.n_folds, round(rung.share, 2)) for rung in make_rungs(8, 10_000, 8_750)]
    [(1, 0.11), (1, 0.33), (1, 1.0), (3, 1.0), (8, 1.0)]
    """
    first = n_first_folds(n_folds, n_rows)
    rungs = [Rung(n_folds)]
    while 2 * (fewer := max(first, round(rungs[0].n_folds / ETA))) <= rungs[0].n_folds:
        rungs.insert(0, Rung(fewer))
    share = 1 / ETA
    while share * n_training_rows >= _LEAST_ROWS:
        rungs.insert(0, Rung(first, share))
        share /= ETA
    return tuple(rungs)


@dataclass(frozen=True)
class BracketPlan:
    """The rungs of a search and the limits of its brackets.

    Attributes
    ----------
    rungs : tuple of Rung
        The cheapest first; each takes about three times the seconds of the one before it.
    max_trials : int or None
        Number of configurations that may run, so that the last bracket is not larger than that.
    worker_seconds : float or None
        The seconds of the search times its workers; a bracket is made smaller if it would most likely take more than a
        third of them.
    fold_seconds : float
        Guessed seconds of a typical configuration on all training rows of a fold.
    """

    rungs: tuple[Rung, ...]
    max_trials: int | None = None
    worker_seconds: float | None = None
    fold_seconds: float = 0.0

    def size(self, first: int) -> int:
        """Return the number of configurations of a bracket that begins at a rung with this number."""
        size = bracket_size(len(self.rungs), first)
        if self.worker_seconds is None:
            return size
        rung = self.rungs[first]
        each = max(_LEAST_SECONDS, rung.n_folds * rung.share * self.fold_seconds)
        affordable = _BRACKET_SHARE * self.worker_seconds / (each * (len(self.rungs) - first))
        return max(min(ETA, size), min(size, int(affordable)))


def plan_brackets(task: Task, budget: Budget, fold_seconds: Sequence[float], n_workers: int) -> BracketPlan:
    """Return the plan of the brackets on a table.

    Parameters
    ----------
    fold_seconds : sequence of float
        Guessed seconds of the initial configurations on all training rows of a fold.
    """
    rungs = make_rungs(len(task.folds), task.traits.n_rows, min(len(train) for train, _ in task.folds))
    seconds = None if budget.planned_seconds is None else budget.planned_seconds * n_workers
    return BracketPlan(rungs, budget.max_trials, seconds, float(np.median(fold_seconds or [0.0])))


# Where nothing is known of a table: one fold, on parts of its rows.
ANY_TABLE = BracketPlan((Rung(1, 1 / 9), Rung(1, 1 / 3), Rung(1, 1.0)))


def bracket_size(n_rungs: int, n_left_out: int) -> int:
    """Return the number of configurations of a bracket of Hyperband, so that all brackets take about the same work.

    Algorithm 1 of Li et al., 2018, "Hyperband: a novel bandit-based approach to hyperparameter optimization".

    Parameters
    ----------
    n_rungs : int
        Number of all rungs.
    n_left_out : int
        Number of cheap rungs that the bracket leaves out; its configurations begin at the next one.
    """
    s = n_rungs - 1 - n_left_out
    return -(-n_rungs * ETA**s // (s + 1))
