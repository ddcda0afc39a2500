"""The run history as a table that people read."""

from __future__ import annotations

import numpy as np
import pandas as pd

from automl.ensemble.selection import Ensemble
from automl.trials.history import RunHistory

COLUMNS = ["family", "score", "std", "folds", "seconds", "status", "weight", "id", "origin", "reason"]


def make_leaderboard(history: RunHistory, ensemble: Ensemble) -> pd.DataFrame:
    """One row a configuration, best first.

    Returns
    -------
    DataFrame
        ``score`` is the mean over the finished folds, greater is better. Configurations with the most folds come first;
        the order of the others allows for folds that are missing, because some are harder than others, and those
        without any come last. ``seconds`` is what all its trials took; ``weight`` its share of the ensemble.
    """
    weights = ensemble.weights
    rows = []
    for e in history.standings():
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
