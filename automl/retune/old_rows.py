"""The decision whether old rows help to predict new rows: the main configuration of a model is trained both ways."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.fitted_model import FittedModel
from automl.errors import InvalidInputError
from automl.plurals import short_number
from automl.refit.members import run_trials
from automl.refit.new_rows_training import find_members
from automl.refit.preparation import seed_of
from automl.refit.workers import open_workers
from automl.task.splits import Fold
from automl.task.task import Task
from automl.trials.trial import Trial

_FEWEST_TRAINED = 10  # new rows that a model is trained on


def do_old_rows_help(
    estimator: FittedModel, task: Task, is_new: NDArray[np.bool_], seconds: float, notes: list[str]
) -> bool:
    """Return whether a model of old and new rows predicts new rows better than a model of new rows alone.

    Where the target depends on the columns in another way than before, old rows do harm. Both models have the
    configuration with the largest weight in the old ensemble, and predict the same new rows of each fold. More rows are
    given up only for a gain of more than one standard error over the folds (the rule of Breiman, Friedman, Olshen and
    Stone, "Classification and regression trees", 1984, section 3.4.3).

    Parameters
    ----------
    task : Task
        The task of the search, whose training rows are old and new ones.
    is_new : ndarray of bool of shape (n_samples,)
        Mask of the new rows.
    seconds : float
        Time that all trainings may take. If it is too short, the old rows are taken to help.
    notes : list of str
        Gets the scores, if the old rows do not help.
    """
    pairs = _pairs(task, is_new)
    try:
        member = find_members(estimator, task, [])[0]
    except InvalidInputError:  # no member suits the new table
        return True
    if not pairs:
        return True
    task = replace(task, folds=tuple(fold for pair in pairs for fold in pair), holdout=None)
    deadline = time.monotonic() + seconds
    configuration, seed = member.configuration, seed_of(estimator)
    trials = [(Trial(configuration, (fold,), seed, "retune"), seconds) for fold in range(len(task.folds))]
    with open_workers(estimator, task) as (executor, _):
        results = run_trials(trials, executor, deadline)
    losses = np.array([result.folds[i].loss if i in result.folds else np.nan for i, result in enumerate(results)])
    both, alone = losses[::2], losses[1::2]
    known = np.isfinite(both) & np.isfinite(alone)
    harm = (both - alone)[known]
    if len(harm) < 2 or harm.mean() <= harm.std(ddof=1) / np.sqrt(len(harm)):
        return True
    words = task.metric.words
    shown = [short_number(words.shown(-float(losses[known].mean())), 3) for losses in (alone, both)]
    notes.append(
        f"the old rows are left out: on new rows, {configuration.family} has {words.name} {shown[0]} without them and "
        f"{shown[1]} with them ({words.direction})"
    )
    return False


def _pairs(task: Task, is_new: NDArray[np.bool_]) -> list[tuple[Fold, Fold]]:
    """Return pairs of folds that score the same new rows: one trains on all rows, the other one on new rows alone."""
    pairs = []
    for train, test in task.folds:
        scored, alone = test[is_new[test]], train[is_new[train]]
        if len(scored) and len(alone) >= _FEWEST_TRAINED and len(alone) < len(train):
            pairs.append(((train, scored), (alone, scored)))
    return pairs
