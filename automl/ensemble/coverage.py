"""The coverage and the size of intervals and sets on out-of-fold rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.ensemble.conformal import Scores, mass_before, target_share, weighted_quantile
from automl.ensemble.out_of_fold_scores import ConformalRecord, Records
from automl.ensemble.residual_scale import parts_of
from automl.ensemble.selection import Ensemble

Array = NDArray[Any]

_LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)


def scored_coverage(
    records: Records, ensemble: Ensemble, probabilities: Array | None = None, weight: Array | None = None
) -> pd.DataFrame:
    """Return one row for each level, or for each of several targets and each level; see `Coverage.coverage_`.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_columns), optional
        The out-of-fold probabilities of the ensemble; without them, the sizes of sets are not known.
    weight : ndarray of shape (n_samples,), optional
        Weights of the rows of the probabilities.
    """
    layout = ensemble.targets
    blocks: list[Any] = [None] * len(records)
    if probabilities is not None:
        blocks = [probabilities] if layout is None else layout.blocks(probabilities)
    each = [_levels(record, bool(ensemble.n_classes), p, weight) for record, p in zip(records, blocks, strict=True)]
    if layout is None:
        return each[0]
    for name, table in zip(layout.names, each, strict=True):
        table.insert(0, "target", name)
    return pd.concat(each, ignore_index=True)


def _levels(record: ConformalRecord, is_classification: bool, probabilities: Any, weight: Any) -> pd.DataFrame:
    """Return one row for each level for one target; `weight` is None or that of each row of the probabilities."""
    size = "size" if is_classification else "width"
    masses = None if probabilities is None else mass_before(probabilities)
    rows = []
    for level in _LEVELS:
        found = _crossed(record.scores, level, record.random_state)
        if found is None:
            continue
        coverage, limit = found
        if not is_classification:
            value = 2 * limit * (1.0 if record.scale is None else record.scale.mean)
        else:
            value = np.nan if masses is None else _mean((masses <= limit).sum(axis=1), weight)
        rows.append({"level": level, "coverage": coverage, size: value, "approximate": bool(record.note)})
    return pd.DataFrame(rows, columns=["level", "coverage", size, "approximate"])


def _mean(values: Any, weight: Any) -> float:
    """Return the weighted mean; NaN if all weights are 0."""
    if weight is not None and not weight.any():
        return float("nan")
    return float(np.average(values, weights=weight))


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
