"""The leaderboard: the history of a run as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from automl.trials.candidates import rank
from automl.trials.history import RunHistory
from pipelines.configuration import Configuration

COLUMNS = ["family", "score", "std", "folds", "seconds", "status", "weight", "id", "origin", "reason"]


def make_leaderboard(history: RunHistory, weights: Mapping[Configuration, float]) -> pd.DataFrame:
    """Return a table with one row for each configuration, best first.

    Parameters
    ----------
    weights : mapping of Configuration to float
        The weight of each configuration in the ensemble; 0 for configurations that are missing here.

    Returns
    -------
    DataFrame
        ``score`` is the mean over the finished folds; greater is better. Configurations with the most folds come first.
        Scores of the others are adjusted for their missing folds before they are sorted, because some folds are harder
        than others. Configurations without a finished fold come last. ``seconds`` is the sum over all trials.
    """
    rows = []
    for e in rank(history, usable_only=False, most_folds_first=True):
        rows.append(
            {
                "family": e.configuration.family,
                "score": -e.mean_loss,
                "std": float(np.std([r.loss for r in e.folds.values()])) if e.folds else np.nan,
                "folds": len(e.folds),
                "seconds": e.seconds,
                "status": e.status.value,
                "weight": weights.get(e.configuration, 0.0),
                "id": e.configuration.id,
                "origin": e.origin,
                "reason": e.reason,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def make_cv_results(history: RunHistory, n_splits: int) -> dict[str, Any]:
    """Return the scores of all configurations as ``cv_results_`` of scikit-learn's searches holds them.

    Parameters
    ----------
    n_splits : int
        Number of folds.

    Returns
    -------
    dict
        Lists and arrays in the order in which the first trial of each configuration ended.
    """
    evaluations = list(history.evaluations.values())
    scores = np.full((n_splits, len(evaluations)), np.nan)
    for i, e in enumerate(evaluations):
        for fold, result in e.folds.items():
            scores[fold, i] = -result.loss
    ranked = rank(history, usable_only=False, most_folds_first=True)
    places = {e.configuration: place for place, e in enumerate(ranked, 1)}
    losses = [[r.loss for r in e.folds.values()] for e in evaluations]
    fit_times = [[r.fit_seconds for r in e.folds.values()] for e in evaluations]
    return {
        "params": [dict(e.configuration) for e in evaluations],
        **{f"split{fold}_test_score": scores[fold] for fold in range(n_splits)},
        "mean_test_score": np.array([-e.mean_loss for e in evaluations]),
        "std_test_score": np.array([np.std(own) if own else np.nan for own in losses]),
        "rank_test_score": np.array([places[e.configuration] for e in evaluations], dtype=np.int32),
        "mean_fit_time": np.array([np.mean(seconds) if seconds else np.nan for seconds in fit_times]),
    }
