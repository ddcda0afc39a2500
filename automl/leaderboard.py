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
        ``score`` is the mean over the finished folds, greater is better, corrected for the folds that are missing;
        ``seconds`` is what all its trials took; ``weight`` its share of the ensemble; failed ones come last.
    """
    losses = {o.configuration: o.loss for o in history.observations()}
    weights = ensemble.weights
    rows = []
    for configuration, e in history.evaluations.items():
        loss = losses[configuration]
        rows.append(
            {
                "family": configuration.family,
                "score": np.nan if loss is None else -loss,
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
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values("score", ascending=False, na_position="last", kind="stable").reset_index(drop=True)
