"""The scale of the intervals of a fitted estimator, which is learned from the training rows that it has kept."""

from __future__ import annotations

from typing import Any

from automl.ensemble.out_of_fold_scores import ConformalRecord
from automl.errors import InvalidInputError
from automl.refit.rows import get_rows


def record_with_scale(estimator: Any) -> ConformalRecord | None:
    """Return what intervals and sets are computed from; the first call for a regressor learns the scale and keeps it.

    Without the training rows, the scale is learned from the predictions alone.

    Returns
    -------
    ConformalRecord or None
        None if the estimator has none.
    """
    record: ConformalRecord | None = vars(estimator).get("_conformal")
    if record is None or record.has_scale or record.predictions is None:
        return record
    try:
        X = get_rows(vars(estimator).get("_rows")).X
    except InvalidInputError:
        X = None
    estimator._conformal = scaled = record.with_scale(X)
    return scaled
