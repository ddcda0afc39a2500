"""The run history as a table that people read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from automl.trials.candidates import rank
from automl.trials.history import RunHistory
from pipelines.configuration import Configuration

COLUMNS = ["family", "score", "std", "folds", "seconds", "status", "weight", "id", "origin", "reason"]


def make_leaderboard(history: RunHistory, weights: Mapping[Configuration, float]) -> pd.DataFrame:
    """One row a configuration, best first.

    Returns
    -------
    DataFrame
        ``score`` is the mean over the finished folds, greater is better. Configurations with the most folds come first;
        the order of the others allows for folds that are missing, because some are harder than others, and those
        without any come last. ``seconds`` is what all its trials took; ``weight`` its share of the ensemble.
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
