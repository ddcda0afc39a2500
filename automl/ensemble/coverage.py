"""The coverage and the size of intervals and sets on out-of-fold rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from automl.ensemble.conformal import Scores, mass_before, target_share, weighted_quantile
from automl.ensemble.frontier import FrontierRecord
from automl.ensemble.out_of_fold_scores import ConformalRecord
from automl.ensemble.residual_scale import parts_of
from automl.ensemble.selection import Ensemble

_LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)


def scored_coverage(record: ConformalRecord, ensemble: Ensemble, frontier: FrontierRecord | None) -> pd.DataFrame:
    """Return one row for each level; see `Coverage.coverage_`.

    Parameters
    ----------
    frontier : FrontierRecord or None
        It holds the out-of-fold probabilities; without it, the sizes of sets are not known.
    """
    size = "size" if ensemble.n_classes else "width"
    masses = None
    if ensemble.n_classes and frontier is not None:
        masses = mass_before(ensemble.finish(np.tensordot(frontier.weights, frontier.predictions, 1)))
    rows = []
    for level in _LEVELS:
        found = _crossed(record.scores, level, record.random_state)
        if found is None:
            continue
        coverage, limit = found
        if not ensemble.n_classes:
            value = 2 * limit * (1.0 if record.scale is None else record.scale.mean)
        else:
            value = np.nan if masses is None else float((masses <= limit).sum(axis=1).mean())
        rows.append({"level": level, "coverage": coverage, size: value, "approximate": bool(record.note)})
    return pd.DataFrame(rows, columns=["level", "coverage", size, "approximate"])


def _crossed(scores: Scores, level: float, random_state: int) -> tuple[float, Any] | None:
    """Return the coverage of each part of the rows by the limits of the other parts, and the mean limit.

    Returns
    -------
    tuple of float or None
        None if the other parts have too few units for the level.
    """
    parts, weights = parts_of(scores, random_state), scores.relative()
    inside, limits = np.zeros(len(parts), dtype=bool), np.zeros(len(parts))
    for part in np.unique(parts):
        others, own = parts != part, parts == part
        known = scores.take(others)
        share = target_share(known, level)
        if share > 1:
            return None
        limits[own] = weighted_quantile(known.values, weights[others], share)
        inside[own] = scores.values[own] <= limits[own]
    return float(weights @ inside), float(weights @ limits)
