"""The run history as a table that people read."""

from __future__ import annotations

import numpy as np
import pandas as pd

from automl.ensemble import Ensemble
from automl.history import RunHistory

COLUMNS = ["family", "score", "std", "folds", "seconds", "status", "weight", "id", "origin", "reason"]


def make_leaderboard(history: RunHistory, ensemble: Ensemble) -> pd.DataFrame:
    """One row a configuration, best first.

    Returns
    -------
    DataFrame
        ``score`` is the mean over the finished folds, greater is better; the order allows for folds that are missing,
        because some are harder than others. ``seconds`` is what all its trials took; ``weight`` its share of the
        ensemble; failed ones come last.
    """
    losses = {o.configuration: np.inf if o.loss is None else o.loss for o in history.observations()}
    weights = ensemble.weights
    rows = []
    for configuration, e in sorted(history.evaluations.items(), key=lambda item: losses[item[0]]):
        rows.append(
            {
                "family": configuration.family,
                "score": np.nan if e.mean_loss is None else -e.mean_loss,
                "std": float(np.std([r.loss for r in e.folds.values()])) if e.folds else np.nan,
                "folds": len(e.folds),
                "seconds": e.seconds,
                "status": e.status.value,
                "weight": weights.get(configuration, 0.0),
                "id": configuration.id,
                "origin": e.origin,
                "reason": e.reason,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)
