"""The values that the folds of a configuration have recorded beside the loss, and what they are over all its folds."""

from __future__ import annotations

import numpy as np

from automl.task.sensitive import DIFFERENCES, differences_of_counts, is_group_column
from automl.trials.history import Evaluation, RunHistory
from automl.trials.trial import FoldResult


def recorded_names(history: RunHistory) -> list[str]:
    """Return the names of the recorded values, those of the last session first."""
    results = [fold.info.get("scores", {}) for e in history.evaluations.values() for fold in e.folds.values()]
    return list(dict.fromkeys(name for scores in reversed(results) for name in scores))


def recorded_value(result: FoldResult, name: str) -> float:
    """Return the value of a fold; NaN where it has none."""
    return float(result.info.get("scores", {}).get(name, np.nan))


def recorded_over_folds(evaluation: Evaluation, name: str) -> float:
    """Return the value over the finished folds; NaN without any, or where a fold has no value.

    It is the mean of the folds, except for differences between groups: these come from the counts of all folds, because
    the mean of the largest differences of small folds is mostly chance. The score of a group is the mean over the folds
    that hold the group.
    """
    folds = list(evaluation.folds.values())
    if not folds:
        return float("nan")
    if name in DIFFERENCES and all("group_counts" in fold.info for fold in folds):
        counts = np.sum([fold.info["group_counts"] for fold in folds], axis=0)
        return differences_of_counts(counts)[name]
    values = np.array([recorded_value(fold, name) for fold in folds])
    if is_group_column(name):
        values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")
